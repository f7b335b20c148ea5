"""Any courier that speaks JSON over HTTP, set up by the operator: what is asked, where the answers stand, what its words mean.

    {"base_url": "https://api.example.com", "headers": {"authorization": "Bearer {key}"},
     "book": {"path": "/parcels", "body": {"ref": "{reference}", "tel": "{phone}", "cod": "{cash}"}, "consignment": "data.id"},
     "track": {"path": "/parcels/{consignment}"}, "said": {"status": "data.status"}, "statuses": {"on the road": "in_transit"}}

A text that is one placeholder becomes the value itself (a number stays one). Words that the operator does not translate are those of
EasyPost, Shippo and AfterShip. Hooks are signed by HMAC-SHA256 over the raw body, with the time before it where there is one.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from haat.domain.fulfilment import courier, fitting, tracking
from haat.domain.fulfilment.courier import Booked, Capabilities, Consignment, Courier, Declined, Known, NotThere, Recalled, Scan, Status
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown, answered, ask

ADDRESS_MOST, NAME_MOST, TEXT_MOST = 250, 100, 250
_HOLE = re.compile(r"\{([a-z_]+)\}")
Text = Annotated[str, Meta(max_length=300)]
Path = Annotated[str, Meta(max_length=200)]


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """One request and where its answer stands. `consignment`, `tracking_url`, `fee`, `message` are paths in it (`data.0.id`).

    `absent`: HTTP statuses that say that there is none (of a look-up). `repeatable`: sent twice it has the effect of once.
    """

    path: Text
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: dict[str, Any] | None = None
    consignment: Path = ""
    tracking_url: Path = ""
    fee: Path = ""
    message: Path = "message"
    absent: tuple[int, ...] = (404,)
    repeatable: bool = False


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a saying about a parcel has its parts. `each`: the path of a list of sayings, empty where the whole is one."""

    status: Path = "status"
    consignment: Path = "consignment"
    reference: Path = "reference"
    at: Path = "at"
    message: Path = "message"
    collected: Path = "collected"
    reason: Path = "reason"
    each: Path = ""


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """How a hook proves itself. `time_header`: signed is then «time.body», and it may be `age_s` old at the most."""

    header: Annotated[str, Meta(min_length=1, max_length=100)] = "x-signature"
    prefix: Annotated[str, Meta(max_length=60)] = ""
    form: Literal["hex", "base64"] = "hex"
    time_header: Annotated[str, Meta(max_length=100)] = ""
    age_s: Annotated[int, Meta(ge=1, le=86_400)] = 300


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Placeholders in `headers` are names of secrets. `amounts`: whether it counts in minor units or in major ones."""

    base_url: Annotated[str, Meta(pattern=r"^https?://", max_length=200)]
    book: Call
    look_up: Call | None = None
    track: Call | None = None
    cancel: Call | None = None
    headers: dict[str, Annotated[str, Meta(max_length=1000)]] = {}
    said: Said = Said()
    hook: Said = Said()
    signature: Signature = Signature()
    statuses: dict[str, Status] = {}
    reasons: dict[str, courier.Reason] = {}
    amounts: Literal["minor", "major"] = "major"
    tracking_url: Text = ""


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """What the headers may name, and the key of its hooks' signatures."""

    key: Annotated[str, Meta(max_length=2000)] = ""
    second_key: Annotated[str, Meta(max_length=2000)] = ""
    webhook_secret: Annotated[str, Meta(max_length=500)] = ""


def book(connection: Connection, it: Consignment, now: datetime) -> Conversation[Booked | Declined]:
    """As the operator wrote it. 4xx: it will not take it; an answer without a consignment is unknown."""
    del now
    config: Config = connection.config
    reply = yield from _asked(connection, config.book, _values(config, it))
    said = reply.json()
    if answered(reply).status >= 400:
        final = reply.status not in (401, 403, 408, 409, 425)
        return Declined("refused", fitting.word(found(said, config.book.message)) or f"answered {reply.status}", final=final)
    made = _booked(config, config.book, said)
    if made is None:
        raise Unknown("no_consignment", f"answered {reply.status} without a consignment")
    return made


def look_up(connection: Connection, reference: str, now: datetime) -> Conversation[Booked | NotThere]:
    """By our reference, where the operator said how; else it is unknown until a hook names it."""
    call: Call | None = connection.config.look_up
    if call is None:
        return (yield from courier.cannot_look_up(connection, reference, now))
    reply = yield from _asked(connection, call, {"reference": reference}, question=True)
    if answered(reply, question=True).status in call.absent:
        return NotThere()
    made = _booked(connection.config, call, reply.json()) if reply.status < 400 else None
    if made is None:
        raise Unknown("unclear", f"answered {reply.status} to a look-up")
    return made


def _booked(config: Config, call: Call, said: Any) -> Booked | None:
    number = fitting.word(found(said, call.consignment or "consignment"), 100)
    if not number:
        return None
    url = fitting.word(found(said, call.tracking_url), 300) or config.tracking_url.replace("{consignment}", number)
    return Booked(number, url, _amount(config, found(said, call.fee)))


def track(connection: Connection, known: Known, now: datetime) -> Conversation[tuple[Scan, ...]]:
    """Every saying in the answer; none where it cannot be asked."""
    config: Config = connection.config
    if config.track is None:
        yield from courier.silent()
        return ()
    reply = yield from _asked(connection, config.track, {"consignment": known.consignment, "reference": known.reference}, question=True)
    said = answered(reply, question=True)
    return _scans(config, config.said, said.json(), known, now) if said.status < 400 else ()


def cancel(connection: Connection, known: Known, reason: str) -> Conversation[Recalled | Declined]:
    """As the operator wrote it."""
    call: Call | None = connection.config.cancel
    if call is None:
        yield from courier.silent()
        return Declined("cannot_cancel", "Nobody has said how this courier is told.")
    values = {"consignment": known.consignment, "reference": known.reference, "reason": fitting.cut(fitting.plain(reason), TEXT_MOST)}
    reply = yield from _asked(connection, call, values)
    if answered(reply).status < 400:
        return Recalled(asked=True)
    return Declined("refused", fitting.word(found(reply.json(), call.message)) or f"answered {reply.status}")


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """HMAC-SHA256 with the shared secret (in NFKD, as EasyPost wants it) over the raw body."""
    how: Signature = connection.config.signature
    secret = unicodedata.normalize("NFKD", connection.secrets.webhook_secret).encode()
    stamp = hook.header(how.time_header.lower()) if how.time_header else ""
    made = hmac.new(secret, (f"{stamp}.".encode() if how.time_header else b"") + hook.body, hashlib.sha256).digest()
    wanted = how.prefix + (made.hex() if how.form == "hex" else base64.b64encode(made).decode())
    fits = hmac.compare_digest(hook.header(how.header.lower()).encode(), wanted.encode())
    if not (fits and secret and (not how.time_header or _fresh(stamp, now, how.age_s))):
        raise courier.refused_hook()
    return Heard(hashlib.sha256(hook.body).hexdigest(), 200, b"{}", "application/json")


def _fresh(stamp: str, now: datetime, age_s: int) -> bool:
    if stamp.isdecimal() and len(stamp) <= 13:
        seconds = int(stamp) / (1000 if len(stamp) > 10 else 1)
        return abs(now.timestamp() - seconds) <= age_s
    at = fitting.said_at(stamp)
    return at is not None and abs((now - at).total_seconds()) <= age_s


def heard(connection: Connection, hook: Hook, now: datetime) -> tuple[Scan, ...]:
    """Every saying in the body."""
    return _scans(connection.config, connection.config.hook, Reply(200, body=hook.body).json(), Known("", ""), now)


def _scans(config: Config, where: Said, said: Any, known: Known, now: datetime) -> tuple[Scan, ...]:
    rows = found(said, where.each) if where.each else said
    words = tracking.INTERNATIONAL | {_plain(theirs): ours for theirs, ours in config.statuses.items()}
    scans = []
    for row in rows if isinstance(rows, list) else [rows]:
        consignment = fitting.word(found(row, where.consignment), 100) or known.consignment
        reference = fitting.word(found(row, where.reference), 100) or known.reference
        word = fitting.word(found(row, where.status), 60)
        if not word or not (consignment or reference):
            continue
        status, at, why = words.get(_plain(word)), _time(found(row, where.at)), fitting.word(found(row, where.reason), 60)
        paid = status in courier.PAID_AT_THE_DOOR
        scans.append(
            Scan(
                at=at or now, timed=at is not None, consignment=consignment, reference=reference, status=status or "", said=word,
                known=status is not None, message=fitting.word(found(row, where.message)),
                reason=config.reasons.get(why, "other") if why else "",
                collected=_amount(config, found(row, where.collected)) if paid else None,
            )
        )  # fmt: skip
    return tuple(scans)


def _values(config: Config, it: Consignment) -> dict[str, Any]:
    to = it.recipient
    cash, value = (it.cash, it.value) if config.amounts == "minor" else (fitting.taka(it.cash), fitting.taka(it.value))
    return {
        "reference": it.reference, "number": it.number, "name": fitting.name(to.name, least=1, most=NAME_MOST), "phone": to.phone,
        "phone_local": fitting.mobile(to.phone) or to.phone, "alt_phone": to.alt_phone, "address": fitting.address(to, most=ADDRESS_MOST),
        "line": fitting.plain(to.line), "landmark": fitting.plain(to.landmark), "area": fitting.plain(to.area), "upazila": to.upazila,
        "district": to.district, "postcode": to.postcode, "country": to.country, "cash": cash, "value": value, "currency": it.currency,
        "weight_g": it.weight_g, "weight_kg": it.weight_g / 1000, "pieces": it.pieces, "pickup": it.pickup,
        "description": fitting.cut(fitting.plain(it.description), TEXT_MOST),
        "instruction": fitting.cut(fitting.plain(it.instruction), TEXT_MOST),
        "city_id": it.area.city_id, "zone_id": it.area.zone_id, "area_id": it.area.area_id, "area_name": it.area.name,
    }  # fmt: skip


def _asked(connection: Connection, call: Call, values: Mapping[str, Any], *, question: bool = False) -> Conversation[Reply]:
    config: Config = connection.config
    secrets = msgspec.to_builtins(connection.secrets)
    headers = {name.lower(): filled(text, secrets) for name, text in config.headers.items()} | {"accept": "application/json"}
    path = _HOLE.sub(lambda hole: fitting.segment(str(values.get(hole[1], ""))), call.path)
    content = b"" if call.body is None else msgspec.json.encode(filled(call.body, values))
    asks = question or call.method == "GET"
    request = Request(
        call.method, config.base_url.rstrip("/") + path, headers | ({"content-type": "application/json"} if content else {}), content,
        question=asks, repeatable=asks or call.repeatable,
    )  # fmt: skip
    return (yield from ask(request))


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its holes filled. A text that is one hole becomes the value itself; a hole without a value is empty."""
    if isinstance(template, str):
        whole = _HOLE.fullmatch(template)
        if whole is not None:
            return values.get(whole[1], "")
        return _HOLE.sub(lambda hole: str(values.get(hole[1], "")), template)
    if isinstance(template, dict):
        return {name: filled(each, values) for name, each in template.items()}
    return [filled(each, values) for each in template] if isinstance(template, list) else template


def found(said: Any, path: str) -> Any:
    """What stands at `data.0.id` in an answer; None where nothing does."""
    if not path:
        return None
    for step in path.split("."):
        if isinstance(said, dict):
            said = said.get(step)
        elif isinstance(said, list) and step.isdecimal() and len(step) < 4 and int(step) < len(said):
            said = said[int(step)]
        else:
            return None
    return said


def _time(value: Any) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**13:
        return datetime.fromtimestamp(value / (1000 if value > 10**10 else 1), UTC)
    return fitting.said_at(value)


def _amount(config: Config, value: Any) -> int | None:
    amount = fitting.paisa(value)
    return amount if amount is None or config.amounts == "major" else amount // 100


def _plain(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


COURIER = Courier(
    code="generic", title="Any courier (JSON over HTTP)", title_bn="যেকোনো কুরিয়ার", config=Config, secrets=Secrets,
    capabilities=Capabilities(lookup="reference", needs_phone=False, currencies=frozenset(), countries=frozenset()),
    book=book, look_up=look_up, track=track, cancel=cancel, verify=verify, heard=heard,
)  # fmt: skip
