"""bKash, tokenized checkout in URL mode (v1.2.0-beta; refunds v2), and its IPN over Amazon SNS.

    grant ─► create ─► the buyer pays on bKash's page ─► callback ─► execute ─► (capture | void) ─► refund

HTTP says 200 nearly always; the truth is `statusCode` with `transactionStatus`. The callback proves nothing: execute does. A payment
executes once and lives for a day. More than two token grants an hour block us for an hour, so tokens are shared and refreshed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from msgspec import Struct, structs

from haat.domain.payments import gateway
from haat.domain.payments.gateway import (
    Abilities,
    Capture,
    Charge,
    Fee,
    Gateway,
    Known,
    Observation,
    Payback,
    Reason,
    RefundObservation,
    RefundStatus,
    Signal,
    Started,
    Status,
    Url,
    Word,
)
from haat.domain.payments.gateways import _sns
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.money import decimal_text
from haat.kernel.outside import (
    Connection,
    Conversation,
    Granted,
    Heard,
    Hook,
    Token,
    Unknown,
    answered,
    ask,
    post_json,
    token_of,
)

LIVES, AUTHORISED_FOR = timedelta(hours=24), timedelta(days=7)
DONE, USED, NO_REFUND = "0000", "2029", "2033"
STATUS: Mapping[str, Status] = {
    "Initiated": "pending",
    "Pending": "pending",
    "Authorized": "authorized",
    "Completed": "charged",
    "Voided": "voided",
    "Cancelled": "cancelled",
    "Failed": "failed",
    "Declined": "failed",
    "Expired": "expired",
}
CALLBACK: Mapping[str, Status] = {"success": "charged", "failure": "failed", "cancel": "cancelled"}
REFUND: Mapping[str, RefundStatus] = {
    "Completed": "succeeded",
    "Success": "succeeded",
    "Pending": "pending",
    "Initiated": "pending",
    "Failed": "failed",
}
#: statusCode → why. After those of `ASK` it may have been executed (before): it is asked what became of it.
REASONS: Mapping[str, Reason] = {
    "2001": "misconfigured",
    "2002": "not_found",
    "2003": "gateway_error",
    "2006": "invalid_request",
    "2023": "insufficient_funds",
    "2026": "invalid_request",
    "2029": "duplicate",
    "2033": "not_found",
    "2034": "already_done",
    "503": "maintenance",
}
REFUND_CODES = frozenset({str(code) for code in range(2071, 2083)})  # why a refund of the second version was refused
ASK = frozenset({"2003", "2029", "2056", "2062", "2117"})


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`authorise`: money is set aside and taken when parcels leave. `void_path`: sources disagree between «confirm/void» and
    «confirm/capture/void»; your contract's papers say.

    `ipn_topic`: the SNS topic of your instant notifications, without which none are accepted. `ipn_certificate` (PEM) pins the
    signer; without it the certificate is fetched from Amazon.
    """

    base_url: Url = "https://tokenized.pay.bka.sh/v1.2.0-beta"
    refunds: Literal["v1", "v2"] = "v2"
    void_path: Literal["confirm/void", "confirm/capture/void"] = "confirm/void"
    bearer: bool = False
    authorise: bool = False
    ipn_topic: str = ""
    ipn_certificate: str = ""
    fee: Fee | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """What bKash hands to a merchant."""

    app_key: Word
    app_secret: Word
    username: Word
    password: Word


def create(connection: Connection, charge: Charge, now: datetime) -> Conversation[Started | Observation]:
    """A payment whose address nobody got cannot be paid, so a lost answer means that nothing happened.

    Where our number is taken, such an answer was lost together with who heard it: soft, as another attempt has another number.
    """
    body = {
        "mode": "0011",
        "payerReference": charge.buyer.phone.removeprefix("+88") or charge.number,
        "callbackURL": charge.return_url,
        "amount": decimal_text(charge.amount, "BDT"),
        "currency": charge.currency,
        "intent": "authorization" if charge.authorise else "sale",
        "merchantInvoiceNumber": gateway.ours(charge.attempt),
    }
    said = yield from _call(connection, "tokenized/checkout/create", body, question=True)
    if said.get("statusCode") != DONE:
        code = _code(said)
        return gateway.failed("gateway_error" if code == USED else REASONS.get(code, "gateway_error"), code)
    reference, url = str(said.get("paymentID", "")), str(said.get("bkashURL", ""))
    if not reference or not url or gateway.minor(said.get("amount", body["amount"])) != charge.amount:
        return gateway.unknown(str(said.get("transactionStatus", "")), reference=reference, reason="mismatch")
    return Started(reference, url, now + LIVES)


def confirm(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """Executes what the buyer has agreed to; executed before, it is asked what became of it."""
    said = yield from _call(connection, "tokenized/checkout/execute", {"paymentID": known.reference})
    if str(said.get("statusCode")) in ASK:
        return (yield from query(connection, known, now))
    if said.get("statusCode") not in (None, DONE):
        return _refusal(said, reference=known.reference)
    return _seen(said, known, now)


def query(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    said = yield from _call(connection, "tokenized/checkout/payment/status", {"paymentID": known.reference}, question=True)
    if said.get("transactionStatus") == "Completed" and "amount" not in said and said.get("trxID"):
        more = yield from _call(connection, "tokenized/checkout/general/searchTransaction", {"trxID": said["trxID"]}, question=True)
        said = said | {"amount": more.get("saleAmount", more.get("amount"))}
    return _seen(said, known, now)


def capture(connection: Connection, take: Capture, now: datetime) -> Conversation[Observation]:
    """All of it: bKash knows no part."""
    if take.amount != take.known.amount:
        raise Refused("capture_in_full", "bKash captures an authorisation in full.")
    said = yield from _call(connection, "tokenized/checkout/payment/confirm/capture", {"paymentID": take.known.reference})
    if said.get("statusCode") != DONE:
        return _because(said, (yield from query(connection, take.known, now)))
    return _seen({"amount": decimal_text(take.amount, "BDT")} | said, take.known, now)


def void(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    said = yield from _call(connection, f"tokenized/checkout/payment/{connection.config.void_path}", {"paymentID": known.reference})
    if said.get("statusCode") != DONE:
        return _because(said, (yield from query(connection, known, now)))
    return Observation(
        status="voided", amount=known.amount, currency="BDT", reference=known.reference, raw_code=str(said.get("transactionStatus", ""))
    )


def refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """There is no idempotency key over there: sent once, and asked about where no answer came."""
    transaction = yield from _transaction(connection, payback.known, now)
    if not transaction:
        return RefundObservation(status="failed", reason="not_found")
    amount, sku, reason = decimal_text(payback.amount, "BDT"), gateway.ours(payback.refund), (payback.reason or "refund")[:255]
    if connection.config.refunds == "v1":
        body = {"paymentID": payback.known.reference, "trxID": transaction, "amount": amount, "sku": sku, "reason": reason}
        said = yield from _call(connection, "tokenized/checkout/payment/refund", body)
    else:
        body = {"paymentId": payback.known.reference, "trxId": transaction, "refundAmount": amount, "sku": sku, "reason": reason}
        said = yield from _call(connection, "v2/tokenized-checkout/refund/payment/transaction", body)
    return _paid_back(said)


def query_refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """By its name; where no answer ever named it, the one of this amount that is no other refund of ours.

    `not_found` only where bKash told what went back and this, never named, is not there. Raises Unknown «no_lookup» where it tells
    of another refund only (first version).
    """
    transaction = yield from _transaction(connection, payback.known, now)
    told = (yield from _went_back(connection, payback, transaction)) if transaction else None
    for each in told or ():
        name, amount = _refund_name(each), gateway.minor(each.get("refundAmount", each.get("amount")))
        if name == payback.reference or (not payback.reference and amount == payback.amount and name not in payback.others):
            return _paid_back(each)
    if told and connection.config.refunds == "v1":
        raise Unknown("no_lookup", "bKash tells of the last refund of a payment only")
    lacking = told is not None and not payback.reference
    return RefundObservation(status="unknown", reason="not_found" if lacking else "", reference=payback.reference)


def _went_back(connection: Connection, payback: Payback, transaction: str) -> Conversation[list[dict[str, Any]] | None]:
    """The refunds of a payment, of which the first version tells one; None where the answer does not say."""
    if connection.config.refunds == "v1":
        body = {"paymentID": payback.known.reference, "trxID": transaction}
        said = yield from _call(connection, "tokenized/checkout/payment/refund", body, question=True)
        return [said] if _refund_name(said) else [] if _code(said) == NO_REFUND else None
    body = {"paymentId": payback.known.reference, "trxId": transaction}
    said = yield from _call(connection, "v2/tokenized-checkout/refund/payment/status", body, question=True)
    listed = said.get("refundTransactions")
    readable = isinstance(listed, list) and all(isinstance(each, dict) and _refund_name(each) for each in listed)
    return listed if readable else None


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """An SNS message of our topic, by a signer at Amazon's. With a pinned certificate its signature is checked here, else in `heard`."""
    del now
    said = hook.fields()
    _sns.check_envelope(said, connection.config.ipn_topic)
    if connection.config.ipn_certificate:
        _sns.check_signature(said, connection.config.ipn_certificate)
    return Heard(str(said["MessageId"]))


def heard(connection: Connection, hook: Hook, now: datetime) -> Conversation[tuple[Signal, ...]]:
    del now
    said = hook.fields()
    _sns.check_signature(said, connection.config.ipn_certificate or (yield from _sns.certificate(said)))
    if said["Type"] == "SubscriptionConfirmation":
        yield from _sns.subscribe(said)
        return ()
    told = Hook(body=str(said.get("Message", "")).encode()).fields()
    return (
        Signal(
            attempt=gateway.attempt_of(str(told.get("merchantInvoiceNumber", ""))),
            transaction=str(told.get("trxID", ""))[:200],
            said=STATUS.get(str(told.get("transactionStatus", "")), "unknown"),
            raw_code=str(told.get("transactionStatus", ""))[:100],
        ),
    )


def callback(connection: Connection, query: Mapping[str, str]) -> Signal:
    del connection
    reference, word = query.get("paymentID", "")[:200], query.get("status", "")
    return Signal(attempt=gateway.attempt_in(query), reference=reference, said=CALLBACK.get(word, "unknown"), raw_code=word[:100])


def check(connection: Connection, now: datetime) -> Conversation[str]:
    del now
    yield from _token(connection, "")
    return "bKash took our credentials."


def _call(connection: Connection, path: str, body: Mapping[str, str], *, question: bool = False) -> Conversation[dict[str, Any]]:
    """The answer's fields. A token that is not taken any more is replaced once: what was refused has not been done."""
    base = connection.config.base_url.rstrip("/")
    url = f"{base.rsplit('/v1', 1)[0]}/{path}" if path.startswith("v2/") else f"{base}/{path}"
    refused = ""
    while True:
        token = yield from _token(connection, refused)
        said = f"Bearer {token}" if connection.config.bearer else token
        headers = {"authorization": said, "x-app-key": connection.secrets.app_key}
        reply = answered((yield from ask(post_json(url, body, headers, question=question))), question=question)
        if reply.status not in (401, 403) or refused:
            break
        refused = token
    fields = reply.fields()
    if str(fields.get("statusCode")) == "503":
        raise Unavailable("gateway_maintenance", "bKash is under maintenance.", retry_after_s=60)
    if reply.status in (401, 403):
        raise Unavailable("credentials_refused", "bKash does not take our credentials.", permanent=True)
    if not fields:
        unreadable = Unavailable if question else Unknown
        raise unreadable("gateway_unreadable", f"bKash answered {reply.status} with nothing to read.")
    return fields


def _token(connection: Connection, refused: str) -> Conversation[str]:
    return (yield from token_of(Token("access", partial(_grant, connection), refused, grants_per_hour=2)))


def _grant(connection: Connection, refresh: str) -> Conversation[Granted]:
    """A token by refresh token where there is one, else (or when that one is dead) by password."""
    secrets: Secrets = connection.secrets
    keys = {"app_key": secrets.app_key, "app_secret": secrets.app_secret}
    headers = {"username": secrets.username, "password": secrets.password}
    ways = [("refresh", keys | {"refresh_token": refresh})] if refresh else []
    said: dict[str, Any] = {}
    for way, body in [*ways, ("grant", keys)]:
        url = f"{connection.config.base_url.rstrip('/')}/tokenized/checkout/token/{way}"
        said = answered((yield from ask(post_json(url, body, headers, question=True))), question=True).fields()
        if said.get("id_token"):
            lasts = str(said.get("expires_in", "3600"))
            return Granted(str(said["id_token"]), int(lasts) if lasts.isdecimal() else 3600, str(said.get("refresh_token", "")))
    why = f"bKash gave no token ({str(said.get('statusCode', ''))[:20]})."
    raise Unavailable("credentials_refused", why, permanent=True, retry_after_s=3600)


def _seen(said: Mapping[str, Any], known: Known, now: datetime) -> Observation:
    """What an answer says of a payment, checked against what we asked for."""
    word = str(said.get("transactionStatus", ""))
    if said.get("statusCode", DONE) != DONE and word not in STATUS:
        code = str(said.get("statusCode"))
        return gateway.unknown(code, reference=known.reference, reason=REASONS.get(code, "other"))
    status = STATUS.get(word, "unknown")
    if status == "pending" and known.began is not None and now >= known.began + LIVES:
        status = "expired"
    reason: Reason = {"failed": "declined", "cancelled": "cancelled_by_buyer", "expired": "expired"}.get(status, "")  # type: ignore[assignment]
    return gateway.checked(
        Observation(
            status=status,
            amount=max(gateway.minor(said.get("amount")), 0),
            currency=str(said.get("currency") or "BDT"),
            reference=str(said.get("paymentID") or known.reference),
            transaction=str(said.get("trxID", "")),
            our_reference=str(said.get("merchantInvoiceNumber") or said.get("merchantInvoice") or ""),
            soft=reason in gateway.SOFT,
            reason=reason,
            lapses_at=(known.began or now) + AUTHORISED_FOR if status == "authorized" else None,
            raw_code=word[:100],
        ),
        known,
    )


def _refusal(said: Mapping[str, Any], *, reference: str = "") -> Observation:
    """An answer with another code than 0000. What we cannot place is not taken for a «no»."""
    code = _code(said)
    return gateway.failed(REASONS[code], code, reference=reference) if code in REASONS else gateway.unknown(code, reference=reference)


def _because(said: Mapping[str, Any], seen: Observation) -> Observation:
    """How the payment stands after a refusal, with the refusal's reason."""
    code = str(said.get("statusCode", ""))[:100]
    return seen if seen.status in ("charged", "voided") else structs.replace(seen, reason=REASONS.get(code, "other"), raw_code=code)


def _paid_back(said: Mapping[str, Any]) -> RefundObservation:
    reference = _refund_name(said)
    word = str(said.get("refundTransactionStatus") or said.get("transactionStatus") or "")
    if not reference and (code := _code(said)) not in ("", DONE):
        if code == "2034":
            return RefundObservation(status="unknown", reason="already_done", raw_code=code)
        known = code in REASONS or code in REFUND_CODES
        return RefundObservation(status="failed" if known else "unknown", reason=REASONS.get(code, "other"), raw_code=code)
    amount = max(gateway.minor(said.get("refundAmount", said.get("amount"))), 0)
    return RefundObservation(status=REFUND.get(word, "unknown"), amount=amount, reference=reference, raw_code=word[:100])


def _refund_name(said: Mapping[str, Any]) -> str:
    """What bKash calls a refund; «» where it is none."""
    return str(said.get("refundTrxId") or said.get("refundTrxID") or "")


def _code(said: Mapping[str, Any]) -> str:
    """Why not: of the names that an answer has for it one that we know, else the first; «0000» or «» where all is well."""
    codes = [str(said[name])[:100] for name in ("internalCode", "externalCode", "errorCode", "statusCode") if said.get(name)]
    return next((code for code in codes if code in REASONS or code in REFUND_CODES), codes[0] if codes else "")


def _transaction(connection: Connection, known: Known, now: datetime) -> Conversation[str]:
    """bKash's second name of a payment, asked for where we do not know it."""
    if known.transaction:
        return known.transaction
    return (yield from query(connection, known, now)).transaction


GATEWAY = Gateway(
    code="bkash",
    title="bKash",
    title_bn="বিকাশ",
    methods=("online",),
    config=Config,
    secrets=Secrets,
    abilities=Abilities(
        limits={"BDT": (100, 50_000_00)}, authorise=True, capture="full", refund="multiple", session=LIVES, authorisation=AUTHORISED_FOR
    ),
    fee=Fee(permyriad=150),
    create=create,
    confirm=confirm,
    query=query,
    capture=capture,
    void=void,
    refund=refund,
    query_refund=query_refund,
    verify=verify,
    heard=heard,
    callback=callback,
    check=check,
)
