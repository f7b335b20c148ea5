"""Steadfast Courier, API v1 (public SDKs and integrations, 2024–26; a recorded trace of its hooks).

Two keys in headers. Our reference is the `invoice`, which is unique over there: it is looked up by it, and a second booking is refused.
Its statuses know no transit, its sentences do; `*_approval_pending` are claims of a rider, who then has it, and not final; times are
Dhaka's; words come in any case.
`cod_amount` stands beside every status and is money beside delivered and partial_delivered only.
"""

import hmac
import re
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from haat.domain.fulfilment import courier, fitting
from haat.domain.fulfilment.courier import (
    Booked,
    Capabilities,
    Consignment,
    Courier,
    Declined,
    Known,
    NotThere,
    Reach,
    Recalled,
    Scan,
    Status,
)
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown, answered, ask

NAME, ADDRESS_MOST, NOTE_MOST = (2, 100), 250, 400
INVOICE = re.compile(r"[A-Za-z0-9_-]{1,100}").fullmatch
PAGES_MAX = 50

STATUSES: dict[str, Status] = {
    "in_review": "booked",
    "pending": "in_transit",
    "hold": "on_hold",
    "delivered_approval_pending": "out_for_delivery",
    "partial_delivered_approval_pending": "out_for_delivery",
    "cancelled_approval_pending": "out_for_delivery",
    "unknown_approval_pending": "",
    "delivered": "delivered",
    "partial_delivered": "partially_delivered",
    "cancelled": "cancelled",  # the same word for what was never picked up and for what was refused at the door: VAGUE
}
#: What was picked up comes back then (tracking.py); of anything else only a person, or `cancel`, knows whether it is at home.
VAGUE = frozenset({"cancelled"})
#: Known to exist and to mean that even Steadfast does not know.
PUZZLES = frozenset({"unknown", "unknown_approval_pending"})
#: Sentences of `tracking_update` that say that it has the goods: without them a parcel would seem never to have been picked up.
UNDER_WAY = re.compile(r"received (at|in)|sent to|assigned to (a )?rider|has been picked|out for delivery", re.IGNORECASE)
PAID = frozenset({"delivered", "partial_delivered"})


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Where it is spoken with; the older host is https://portal.steadfast.com.bd/api/v1."""

    base_url: Annotated[str, Meta(pattern=r"^https?://", max_length=200)] = "https://portal.packzy.com/api/v1"
    tracking_url: Annotated[str, Meta(max_length=200)] = "https://steadfast.com.bd/t/{code}"


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """Its two keys, and the token that we gave it for its hooks."""

    api_key: Annotated[str, Meta(min_length=1, max_length=200)]
    secret_key: Annotated[str, Meta(min_length=1, max_length=200)]
    webhook_token: Annotated[str, Meta(min_length=8, max_length=500)] = ""


def book(connection: Connection, it: Consignment, now: datetime) -> Conversation[Booked | Declined]:
    """`POST /create_order`. An invoice that is taken is ours from before, so it is looked up and not declined."""
    phone = fitting.mobile(it.recipient.phone)
    where = fitting.address(it.recipient, most=ADDRESS_MOST)
    if phone is None or not where:
        return Declined("phone_invalid" if phone is None else "address_incomplete", "Steadfast wants a mobile of 11 digits and an address.")
    if not INVOICE(it.reference):
        return Declined("reference_invalid", "An invoice has letters, digits, - and _ only.")
    other = fitting.mobile(it.recipient.alt_phone) if it.recipient.alt_phone else None
    order: dict[str, Any] = {
        "invoice": it.reference,
        "recipient_name": fitting.name(it.recipient.name, least=NAME[0], most=NAME[1]),
        "recipient_phone": phone,
        "recipient_address": where,
        "cod_amount": fitting.taka(it.cash),
        "note": fitting.cut(fitting.plain(it.instruction), NOTE_MOST),
        "item_description": fitting.cut(fitting.plain(it.description), NOTE_MOST),
        "total_lot": max(it.pieces, 1),
        "delivery_type": 0,
    } | ({"alternative_phone": other} if other and other != phone else {})
    reply = yield from ask(_request(connection, "POST", "/create_order", order))
    said = reply.fields()
    made = said.get("consignment")
    if isinstance(made, dict) and made.get("consignment_id"):
        code = fitting.word(made.get("tracking_code"), 100)
        url = connection.config.tracking_url.replace("{code}", code) if code else ""
        return Booked(fitting.word(made["consignment_id"], 100), url, cash=order["cod_amount"] * 100)
    if _invoice_taken(said):
        found = yield from look_up(connection, it.reference, now)
        if isinstance(found, Booked):
            return found
        raise Unknown("contradiction", "Steadfast says that the invoice is taken and that there is none")
    if answered(reply).status < 400 and said.get("status") == 200:
        raise Unknown("no_consignment", "Steadfast answered without a consignment")
    return _declined(reply)


def _invoice_taken(said: dict[str, Any]) -> bool:
    errors = said.get("errors")
    text = str(errors.get("invoice", "") if isinstance(errors, dict) else said.get("message", "")).lower()
    return "taken" in text or ("invoice" in text and "exist" in text)


def _declined(reply: Reply) -> Declined:
    said = reply.fields()
    if reply.status in (401, 403):
        return Declined("credentials", fitting.word(said.get("message")), final=False)
    errors = said.get("errors")
    what = errors if isinstance(errors, dict) else {}
    detail = "; ".join(f"{field}: {fitting.word(e[0] if isinstance(e, list) and e else e)}" for field, e in what.items())
    return Declined("refused", detail[:500] or fitting.word(said.get("message")) or f"answered {reply.status}", final=bool(what))


def look_up(connection: Connection, reference: str, now: datetime) -> Conversation[Booked | NotThere]:
    """`GET /status_by_invoice/{invoice}`. Its own number is told by its hooks; until then it is asked by ours.

    A plain «not found» is the only answer that means that it is not there.
    """
    del now
    reply = yield from ask(_request(connection, "GET", f"/status_by_invoice/{fitting.segment(reference)}"))
    said = answered(reply, question=True).fields()
    if said.get("delivery_status"):
        code = fitting.word(said.get("tracking_code"), 100)
        url = connection.config.tracking_url.replace("{code}", code) if code else ""
        return Booked(fitting.word(said.get("consignment_id"), 100) or reference, url)
    if reply.status == 404 or said.get("status") in (404, "404"):
        return NotThere()
    raise Unknown("unclear", f"Steadfast answered {reply.status} to a look-up")


def track(connection: Connection, known: Known, now: datetime) -> Conversation[tuple[Scan, ...]]:
    """`GET /status_by_cid/{id}`, or by invoice where its number is not known yet. It names no time and no amount."""
    said = yield from _status(connection, known)
    if not said:
        return ()
    word = _plain(said)
    return (
        Scan(
            at=now, timed=False, consignment=known.consignment, reference=known.reference, status=STATUSES.get(word, ""), said=word,
            known=word in STATUSES and word not in PUZZLES, vague=word in VAGUE,
        ),
    )  # fmt: skip


def cancel(connection: Connection, known: Known, reason: str) -> Conversation[Recalled | Declined]:
    """`POST /create_return_request`: Steadfast is asked to bring it back, and scans tell whether it does.

    What was `in_review` before and is `cancelled` right behind it was never picked up: its own word alone does not say so.
    """
    before = _plain((yield from _status(connection, known)))
    own = {"consignment_id": int(known.consignment)} if known.consignment.isdecimal() else {"invoice": known.reference}
    reply = yield from ask(
        _request(connection, "POST", "/create_return_request", own | {"reason": fitting.cut(fitting.plain(reason), 200)})
    )
    if answered(reply).status >= 400:
        return _declined(reply)
    if STATUSES.get(before) != "booked":
        return Recalled(asked=True)
    after = _plain((yield from _status(connection, known)))
    return Recalled(asked=STATUSES.get(after) != "cancelled")


def _status(connection: Connection, known: Known) -> Conversation[str]:
    """Its word for where a parcel is, "" where it says none."""
    own = known.consignment if known.consignment.isdecimal() else ""
    path = f"/status_by_cid/{own}" if own else f"/status_by_invoice/{fitting.segment(known.reference or known.consignment)}"
    reply = yield from ask(_request(connection, "GET", path))
    return fitting.word(answered(reply, question=True).fields().get("delivery_status"), 60)


def areas(connection: Connection) -> Conversation[tuple[Reach, ...]]:
    """`GET /police_stations`: thanas by their names. It resolves addresses itself and takes no ids."""
    reply = yield from ask(_request(connection, "GET", "/police_stations"))
    said = answered(reply, question=True).json()
    rows = said.get("police_stations", said.get("data")) if isinstance(said, dict) else said
    return tuple([_reach(row) for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)])


def _reach(row: dict[str, Any]) -> Reach:
    district, name = row.get("district"), fitting.word(row.get("name"))
    named = district.get("name") if isinstance(district, dict) else district
    return Reach(courier.Area(area_id=fitting.word(row.get("id"), 30), name=name), district=fitting.word(named), place=name)


def remittances(connection: Connection, since: date) -> Conversation[tuple[courier.Remittance, ...]]:
    """`GET /payments`, then each with its consignments; the newest first, down to `since`."""
    reply = yield from ask(_request(connection, "GET", "/payments"))
    found = []
    for row in _rows(answered(reply, question=True), "payments")[:PAGES_MAX]:
        at = fitting.said_at(row.get("created_at") or row.get("date"))
        if at is not None and at.astimezone(fitting.DHAKA).date() < since:
            break
        id = fitting.word(row.get("id") or row.get("payment_id"), 100)
        detail = yield from ask(_request(connection, "GET", f"/payments/{fitting.segment(id)}"))
        parcels = tuple(
            courier.Remitted(
                fitting.word(each.get("consignment_id"), 100),
                fitting.paisa(each.get("cod_amount")) or 0,
                fitting.paisa(each.get("delivery_charge")) or 0,
                fitting.word(each.get("invoice"), 100),
            )
            for each in _rows(answered(detail, question=True), "consignments")
        )
        found.append(courier.Remittance(id, fitting.paisa(row.get("amount") or row.get("total")) or 0, at, parcels))
    return tuple(found)


def _rows(reply: Reply, name: str) -> list[dict[str, Any]]:
    """The list `name` of an answer, also where it is wrapped once in `data` or the answer itself is the list."""
    said = reply.json()
    for _ in range(2):
        if isinstance(said, dict):
            said = said.get(name, said.get("data", said.get("payment")))
    return [row for row in said if isinstance(row, dict)] if isinstance(said, list) else []


def check(connection: Connection, now: datetime) -> Conversation[str]:
    """`GET /get_balance`: whether the keys open the door."""
    del now
    said = courier.let_in(answered((yield from ask(_request(connection, "GET", "/get_balance"))), question=True)).fields()
    return f"balance {fitting.word(said.get('current_balance'), 30) or '?'}"


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`Authorization: Bearer <our token>`."""
    del now
    token = connection.secrets.webhook_token
    if not (hmac.compare_digest(hook.header("authorization").encode(), f"Bearer {token}".encode()) and token):
        raise courier.refused_hook()
    told = hook.fields()
    key = "|".join(
        str(told.get(name, "")) for name in ("notification_type", "consignment_id", "invoice", "status", "updated_at", "tracking_message")
    )
    return Heard(key, 200, b'{"status":"success","message":"Webhook received successfully."}', "application/json", keep=bool(told))


def heard(connection: Connection, hook: Hook, now: datetime) -> tuple[Scan, ...]:
    """`delivery_status` moves the parcel; `tracking_update` is a sentence, which may announce a partial delivery."""
    del connection
    told = hook.fields()
    consignment, reference = fitting.word(told.get("consignment_id"), 100), fitting.word(told.get("invoice"), 100)
    if not (consignment or reference):
        return ()
    at = fitting.said_at(told.get("updated_at"))
    word = _plain(fitting.word(told.get("status"), 60))
    sentence = fitting.word(told.get("tracking_message"))
    kind = fitting.word(told.get("notification_type"), 60).lower()
    if kind != "delivery_status" and not word:
        status: Status = "in_transit" if UNDER_WAY.search(sentence) else ""
        known = kind in ("tracking_update", "return_status")
        return (Scan(at or now, consignment, reference, status, said=kind, message=sentence, timed=at is not None, known=known),)
    return (
        Scan(
            at=at or now, timed=at is not None, consignment=consignment, reference=reference, status=STATUSES.get(word, ""), said=word,
            message=sentence, known=word in STATUSES and word not in PUZZLES, vague=word in VAGUE,
            collected=fitting.paisa(told.get("cod_amount")) if word in PAID else None, fee=fitting.paisa(told.get("delivery_charge")),
        ),
    )  # fmt: skip


def _plain(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def _request(connection: Connection, method: str, path: str, body: dict[str, Any] | None = None) -> Request:
    headers = {"api-key": connection.secrets.api_key, "secret-key": connection.secrets.secret_key, "accept": "application/json"}
    content = b"" if body is None else msgspec.json.encode(body)
    asks = method == "GET"
    return Request(
        method, connection.config.base_url.rstrip("/") + path, headers | ({"content-type": "application/json"} if content else {}),
        content, question=asks, repeatable=asks,
    )  # fmt: skip


COURIER = Courier(
    code="steadfast", title="Steadfast Courier", title_bn="স্টেডফাস্ট কুরিয়ার", config=Config, secrets=Secrets,
    capabilities=Capabilities(lookup="reference"), book=book, look_up=look_up, track=track, cancel=cancel, areas=areas,
    remittances=remittances, check=check, verify=verify, heard=heard,
)  # fmt: skip
