"""Stripe: cards and wallets for the world, by PaymentIntents over plain HTTP (API version 2026-10-28).

    create ─► the shop's page confirms with `handle` (client secret), or we do with a payment method ─► (3-D Secure) ─► capture ─► refund

Every call that changes something carries an Idempotency-Key made from our ids, so it may be sent again. Webhooks are signed (HMAC-SHA256
over time and raw body, 300 s tolerance) and still only a hint: the intent is read again before anybody believes it. A declined card
ends no intent that its buyer holds the handle of: the same form takes the next card, so it is pending until it is cancelled.

With `multicapture` (Stripe allows it by contract, for online cards) parcels are captured one by one: an intent that still waits for
more counts as charged with what was received. A card that gives once only gives all of it with the first parcel.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct, structs

from haat.domain.payments import gateway
from haat.domain.payments.gateway import (
    Abilities,
    Capture,
    Charge,
    DisputeObservation,
    Fee,
    Gateway,
    Known,
    Observation,
    Payback,
    RefundObservation,
    Signal,
    Started,
    Url,
    Word,
)
from haat.domain.payments.gateways._stripe_words import CALLBACK, DISPUTE, EVENTS, LEAST, REASONS, REFUND, STATUS
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown, answered, ask

AUTHORISED_FOR = timedelta(days=7)  # a card's usual; `capture_before` says better where it is there
TOLERANCE_S = 300


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`optional`: parameters that simulated servers refuse are sent (descriptions, automatic payment methods, reasons).

    `authorise`: money is set aside and taken when parcels leave, else taken at once. `multicapture`: parcel by parcel, else all that
    is needed with the first.
    """

    base_url: Url = "https://api.stripe.com"
    publishable_key: str = ""
    api_version: str = ""
    optional: bool = True
    authorise: bool = True
    multicapture: bool = False
    fee: Fee | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """`webhook_secret`: of the endpoint that reports to us; without it no webhook is taken."""

    secret_key: Word
    webhook_secret: str = ""


def create(connection: Connection, charge: Charge, now: datetime) -> Conversation[Started | Observation]:
    """With a payment method it is confirmed at once; without one no money can move before the buyer's page confirms."""
    del now
    pairs = {
        "amount": str(charge.amount),
        "currency": charge.currency.lower(),
        "capture_method": "manual" if charge.authorise else "automatic",
        "metadata[attempt]": charge.attempt,
        "metadata[order]": charge.number,
    }
    if charge.authorise and connection.config.multicapture:
        pairs["payment_method_options[card][request_multicapture]"] = "if_available"
    if connection.config.optional:
        pairs["description"] = charge.description or charge.number
    if charge.method:
        pairs |= {"payment_method": charge.method, "confirm": "true"}
        if connection.config.optional:
            pairs["return_url"] = charge.return_url
    elif connection.config.optional:
        pairs["automatic_payment_methods[enabled]"] = "true"
    reply = yield from _post(connection, "payment_intents", pairs, f"{charge.attempt}:create", question=not charge.method)
    known = Known(attempt=charge.attempt, amount=charge.amount, currency=charge.currency, authorise=charge.authorise)
    seen, intent = _seen(reply, known), _intent(reply)
    if _declined(reply) or (reply.status == 400 and not intent):  # nobody was given a handle to pay it by
        return gateway.failed(seen.reason, seen.raw_code, reference=seen.reference)
    if seen.status != "pending" or not intent.get("id"):
        return seen
    return Started(str(intent["id"]), seen.redirect_url, handle=str(intent.get("client_secret") or ""))


def confirm(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """Confirms what only waits for that, each card once; else says how it stands."""
    del now
    reply = yield from _get(connection, f"payment_intents/{quote(known.reference, safe='')}")
    if reply.fields().get("status") == "requires_confirmation":
        place = f"payment_intents/{quote(known.reference, safe='')}/confirm"
        card = str(reply.fields().get("payment_method") or "")[:100]
        reply = yield from _post(connection, place, {}, f"{known.attempt}:confirm:{card}")
    return _seen(reply, known)


def query(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    del now
    return _seen((yield from _get(connection, f"payment_intents/{quote(known.reference, safe='')}")), known)


def capture(connection: Connection, take: Capture, now: datetime) -> Conversation[Observation]:
    """A part lets go of the rest, unless more parts are to come and the card allows them; all is taken of one that does not."""
    del now
    place = f"payment_intents/{quote(take.known.reference, safe='')}"
    pairs, key = {"amount_to_capture": str(take.amount)}, f"{take.known.attempt}:capture:{take.key}"
    if connection.config.multicapture and not take.final:
        asked = yield from _get(connection, f"{place}?{urlencode({'expand[]': 'latest_charge'})}")
        card = _part(_part(_part(_intent(asked), "latest_charge"), "payment_method_details"), "card")
        if _part(card, "multicapture").get("status") == "available":
            pairs["final_capture"] = "false"
        else:
            pairs, key = {"amount_to_capture": str(take.known.amount)}, f"{take.known.attempt}:capture:all"
    reply = yield from _post(connection, f"{place}/capture", pairs, key)
    seen = _seen(reply, take.known)
    if seen.status == "charged" and "amount_received" not in _intent(reply):
        return structs.replace(seen, amount=take.amount)  # an older server that does not say: it took what we named
    return seen


def void(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    del now
    place = f"payment_intents/{quote(known.reference, safe='')}/cancel"
    pairs = {"cancellation_reason": "abandoned"} if connection.config.optional else {}
    return _seen((yield from _post(connection, place, pairs, f"{known.attempt}:void")), known)


def refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """Sent again with the same id it is the same refund."""
    del now
    pairs = {"payment_intent": payback.known.reference, "amount": str(payback.amount), "metadata[refund]": payback.refund}
    return _paid_back((yield from _post(connection, "refunds", pairs, f"{payback.refund}:refund")))


def query_refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """By its name, else the one that carries our id."""
    del now
    if payback.reference:
        return _paid_back((yield from _get(connection, f"refunds/{quote(payback.reference, safe='')}")))
    asked = urlencode({"payment_intent": payback.known.reference, "limit": "100"})
    listed = (yield from _get(connection, f"refunds?{asked}")).fields().get("data")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and _part(each, "metadata").get("refund") == payback.refund:
            return _refund_of(each)
    return RefundObservation(status="unknown", reason="not_found")


def query_dispute(connection: Connection, known: Known, dispute: str, now: datetime) -> Conversation[DisputeObservation]:
    del now
    said = (yield from _get(connection, f"disputes/{quote(dispute, safe='')}")).fields()
    word = str(said.get("status", ""))
    if said.get("object") != "dispute" or said.get("payment_intent") != known.reference:
        return DisputeObservation(status="unknown", raw_code=word[:100])
    due, listed = _whole(_part(said, "evidence_details").get("due_by")), said.get("balance_transactions")
    moved = [each.get("amount") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    gone = sum([amount for amount in moved if isinstance(amount, int)]) < 0
    return DisputeObservation(
        status="lost" if word == "prevented" and gone else DISPUTE.get(word, "unknown"),
        amount=_whole(said.get("amount")),
        currency=str(said.get("currency", "")).upper(),
        reason=str(said.get("reason") or "")[:100],
        respond_by=datetime.fromtimestamp(due, UTC) if 0 < due < 1 << 37 else None,
        raw_code=word[:100],
    )


def able(connection: Connection) -> Abilities:
    return structs.replace(ABILITIES, capture="multiple") if connection.config.multicapture else ABILITIES


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`Stripe-Signature: t=…,v1=…`: one of the v1 has to fit (two while a secret is being changed), and `t` to be recent."""
    secret = connection.secrets.webhook_secret
    parts = [part.strip().partition("=") for part in hook.header("stripe-signature").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if not secret or len(times) != 1 or not times[0].isdecimal() or len(times[0]) > 12:
        raise Refused("bad_signature", "This is not signed.", kind="forbidden")
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + hook.body, hashlib.sha256).hexdigest().encode()
    fits = [hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1"]
    if not any(fits) or abs(now.timestamp() - int(times[0])) > TOLERANCE_S:
        raise Refused("bad_signature", "The signature does not fit.", kind="forbidden")
    said = hook.fields()
    if not said.get("id") or not said.get("type"):
        raise Refused("foreign_hook", "This is no event.", kind="malformed")
    return Heard(str(said["id"]))


def heard(connection: Connection, hook: Hook, now: datetime) -> Conversation[tuple[Signal, ...]]:
    """Events of payments, charges, refunds and disputes; the rest tells us nothing."""
    del connection, now
    said = hook.fields()
    word = str(said.get("type", ""))
    subject = _part(_part(said, "data"), "object")
    kind = word.split(".", maxsplit=1)[0]
    if not subject or kind not in ("payment_intent", "charge", "refund"):
        return ()
    metadata = _part(subject, "metadata")
    disputed = word.startswith("charge.dispute.")
    return (
        Signal(
            attempt=gateway.attempt_in({"attempt": str(metadata.get("attempt", ""))}),
            reference=str(subject.get("id") if kind == "payment_intent" else subject.get("payment_intent") or "")[:200],
            said=EVENTS.get(word, "unknown"),
            refund=str(metadata.get("refund") or subject.get("id") or "")[:200] if kind == "refund" else "",
            dispute=str(subject.get("id") or "")[:200] if disputed else "",
            raw_code=word[:100],
        ),
    )
    yield


def callback(connection: Connection, query: Mapping[str, str]) -> Signal:
    del connection
    word = query.get("redirect_status", "")
    reference = query.get("payment_intent", "")[:200]
    return Signal(attempt=gateway.attempt_in(query), reference=reference, said=CALLBACK.get(word, "unknown"), raw_code=word[:100])


def check(connection: Connection, now: datetime) -> Conversation[str]:
    del now
    yield from _get(connection, "balance")
    return "Stripe took our credentials."


def _get(connection: Connection, place: str) -> Conversation[Reply]:
    url = f"{connection.config.base_url.rstrip('/')}/v1/{place}"
    return _allowed(answered((yield from ask(Request("GET", url, _headers(connection), question=True))), question=True))


def _post(connection: Connection, place: str, pairs: Mapping[str, str], key: str, *, question: bool = False) -> Conversation[Reply]:
    """Answers of the idempotency layer itself (409: the first is still at work) are no answers about the payment."""
    url = f"{connection.config.base_url.rstrip('/')}/v1/{place}"
    headers = _headers(connection) | {"content-type": "application/x-www-form-urlencoded", "idempotency-key": key}
    request = Request("POST", url, headers, urlencode(pairs).encode(), question=question, repeatable=True)
    reply = _allowed(answered((yield from ask(request)), question=question))
    if reply.status == 409 or _error(reply).get("type") == "idempotency_error":
        raise Unknown("outside_busy", "Stripe still works at the same request.")
    return reply


def _allowed(reply: Reply) -> Reply:
    if reply.status in (401, 403):
        raise Unavailable("credentials_refused", f"Stripe answered {reply.status}.", permanent=True, retry_after_s=600)
    return reply


def _headers(connection: Connection) -> dict[str, str]:
    version = {"stripe-version": connection.config.api_version} if connection.config.api_version else {}
    return {"authorization": f"Bearer {connection.secrets.secret_key}", "accept": "application/json", **version}


def _error(reply: Reply) -> dict[str, Any]:
    return _part(reply.fields(), "error")


def _intent(reply: Reply) -> dict[str, Any]:
    """The intent in an answer, which errors carry as well."""
    fields = reply.fields()
    inner = _part(_error(reply), "payment_intent") if "error" in fields else fields
    return inner if inner.get("object", "payment_intent") == "payment_intent" else {}


def _part(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside another; empty where it is none."""
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _seen(reply: Reply, known: Known) -> Observation:
    """How an intent stands, checked against what we asked for. An error that tells nothing about it is unknown."""
    error, intent, declined = _error(reply), _intent(reply), _declined(reply)
    reference = str(intent.get("id") or known.reference)
    word = str(intent.get("status", ""))
    if declined:
        code = str(declined.get("decline_code") or declined.get("code") or "")[:100]
        reason = REASONS.get(code) or REASONS.get(str(declined.get("code")), "declined")
        return Observation(status="pending", reference=reference, reason=reason, raw_code=code)
    code = str(error.get("code") or error.get("type") or "")[:100]
    if error and not word:
        return gateway.unknown(code, reference=reference, reason=REASONS.get(code, "invalid_request"))
    status = STATUS.get(word, "unknown")
    if word in ("requires_capture", "canceled") and 0 < _whole(intent.get("amount_received")) < _whole(intent.get("amount")):
        status = "charged"  # in parts
    charge = _part(intent, "latest_charge")
    if status == "cancelled" and known.authorise and intent.get("cancellation_reason") != "automatic":
        status = "voided"
    taken = intent.get("amount_received", intent.get("amount")) if status == "charged" else intent.get("amount")
    return gateway.checked(
        Observation(
            status=status,
            amount=taken if isinstance(taken, int) else 0,
            currency=str(intent.get("currency", "")).upper(),
            reference=reference,
            transaction=str(charge.get("id") or intent.get("latest_charge") or "") if status in ("charged", "authorized") else "",
            our_reference=str(_part(intent, "metadata").get("attempt", "")) or "-",
            refunded=_whole(charge.get("amount_refunded")),
            reason="cancelled_by_buyer" if status == "cancelled" else REASONS.get(code, "other") if error else "",
            review=_part(charge, "outcome").get("type") == "manual_review",
            lapses_at=_lapses_at(intent, charge) if status == "authorized" else None,
            redirect_url=_redirect(intent) if word == "requires_action" else "",
            raw_code=code or word[:100],
        ),
        known,
    )


def _declined(reply: Reply) -> dict[str, Any]:
    """The no to the last card, where the intent takes another one; empty where there is none."""
    error, intent = _error(reply), _intent(reply)
    last = error if error.get("type") == "card_error" or reply.status == 402 else _part(intent, "last_payment_error")
    return last if intent.get("status", "") in ("", "requires_payment_method") else {}


def _redirect(intent: Mapping[str, Any]) -> str:
    return str(_part(_part(intent, "next_action"), "redirect_to_url").get("url") or "")


def _lapses_at(intent: Mapping[str, Any], charge: Mapping[str, Any]) -> datetime | None:
    before = _whole(_part(_part(charge, "payment_method_details"), "card").get("capture_before"))
    if before:
        return datetime.fromtimestamp(before, UTC)
    made = _whole(intent.get("created"))
    return datetime.fromtimestamp(made, UTC) + AUTHORISED_FOR if made else None


def _paid_back(reply: Reply) -> RefundObservation:
    error = _error(reply)
    if not error:
        return _refund_of(reply.fields())
    code = str(error.get("code") or error.get("type") or "")
    return RefundObservation(status="failed", reason=REASONS.get(code, "invalid_request"), raw_code=code[:100])


def _refund_of(said: Mapping[str, Any]) -> RefundObservation:
    word = str(said.get("status", ""))
    return RefundObservation(
        status=REFUND.get(word, "unknown"), amount=_whole(said.get("amount")), reference=str(said.get("id") or ""), raw_code=word[:100]
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 50 else 0


ABILITIES = Abilities(
    limits={currency: (least, 99_999_999) for currency, least in LEAST.items()},
    authorise=True,
    capture="partial",
    refund="multiple",
    redirects=False,
    authorisation=AUTHORISED_FOR,
)
GATEWAY = Gateway(
    code="stripe",
    title="Stripe",
    title_bn="স্ট্রাইপ",
    methods=("card", "online"),
    config=Config,
    secrets=Secrets,
    abilities=ABILITIES,
    able=able,
    fee=Fee(permyriad=290, fixed=30),
    create=create,
    confirm=confirm,
    query=query,
    capture=capture,
    void=void,
    refund=refund,
    query_refund=query_refund,
    query_dispute=query_dispute,
    verify=verify,
    heard=heard,
    callback=callback,
    check=check,
)
