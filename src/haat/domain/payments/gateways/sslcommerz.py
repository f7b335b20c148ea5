"""SSLCOMMERZ v4: cards, banks and wallets behind one page.

    session ─► the buyer pays on their page ─► form to our success address, IPN to our hook ─► transaction query ─► validate ─► refund

Neither form nor IPN proves a payment: only `validate` does, with our transaction id, amount and currency. A transaction that it calls
risky (risk_level 1) is money, but for review. Their refund is a GET that changes things; it is never sent twice by itself.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from msgspec import Struct

from haat.domain.payments import gateway
from haat.domain.payments.gateway import (
    Abilities,
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
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.money import decimal_text
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown, answered, ask, post_form

VALID = ("VALID", "VALIDATED")
STATUS: Mapping[str, Status] = {
    "VALID": "charged",
    "VALIDATED": "charged",
    "PENDING": "pending",
    "PROCESSING": "pending",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "UNATTEMPTED": "expired",
    "EXPIRED": "expired",
}
#: Where several tries of one session are listed, the first of these that occurs is what became of it.
WEIGHT = ("VALID", "VALIDATED", "PENDING", "PROCESSING", "FAILED", "CANCELLED", "EXPIRED", "UNATTEMPTED")
REASONS: Mapping[Status, Reason] = {"failed": "declined", "cancelled": "cancelled_by_buyer", "expired": "expired"}
#: «success» says that the refund has begun.
REFUND: Mapping[str, RefundStatus] = {"success": "pending", "processing": "pending", "refunded": "succeeded", "cancelled": "failed"}
SESSION = "/gwprocess/v4/api.php"
VALIDATE = "/validator/api/validationserverAPI.php"
TRANSACTIONS = "/validator/api/merchantTransIDvalidationAPI.php"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`methods` restricts what their page offers (`mobilebank,visacard`, `upay` …); empty is everything.

    `md5_only`: take notifications that are signed with MD5 alone, as old stores send them.
    """

    store_id: Word
    base_url: Url = "https://securepay.sslcommerz.com"
    methods: str = ""
    category: str = "general"
    profile: Literal["general", "physical-goods", "non-physical-goods", "airline-tickets", "travel-vertical", "telecom-vertical"] = (
        "physical-goods"
    )
    md5_only: bool = False
    fee: Fee | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """The store's password at the API, which also signs its notifications."""

    store_passwd: Word


def create(connection: Connection, charge: Charge, now: datetime) -> Conversation[Started | Observation]:
    """A session whose address nobody got cannot be paid, so a lost answer means that nothing happened."""
    del now
    url = connection.config.base_url.rstrip("/") + SESSION
    reply = answered((yield from ask(post_form(url, _session(connection, charge), question=True))), question=True)
    said = _fields(reply, question=True)
    if said.get("status") != "SUCCESS":
        why = str(said.get("failedreason") or said.get("status") or "")
        return gateway.failed("misconfigured" if "redential" in why or "nactive" in why else "gateway_error", why[:100])
    reference, page = str(said.get("sessionkey", "")), str(said.get("GatewayPageURL", ""))
    if not reference or not page:
        return gateway.failed("gateway_error", "no page", reference=reference)
    return Started(reference, page)


def query(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """All tries under our id; one that claims to be valid is validated. Two that are valid are more money than we asked for."""
    del now
    said = yield from _ask(connection, TRANSACTIONS, {"tran_id": gateway.ours(known.attempt)})
    if said.get("APIConnect") != "DONE":
        raise Unavailable("credentials_refused", f"SSLCOMMERZ says {str(said.get('APIConnect'))[:40]}.", permanent=True, retry_after_s=600)
    listed = said.get("element")
    tries = [each for each in (listed if isinstance(listed, list) else [said]) if isinstance(each, dict) and each.get("status")]
    if not tries:
        return Observation(status="pending", amount=known.amount, currency=known.currency, reference=known.reference)
    word = next((each for each in WEIGHT if any(one["status"] == each for one in tries)), str(tries[0]["status"]))
    valid = [each for each in tries if each["status"] in VALID]
    if not valid:
        status = STATUS.get(word, "unknown")
        reason = REASONS.get(status, "")
        return Observation(
            status=status, reference=known.reference, reason=reason, soft=reason in gateway.SOFT, raw_code=word[:100],
            amount=known.amount if status == "pending" else 0, currency=known.currency,
        )  # fmt: skip
    proofs = []
    for each in valid[:2]:
        proofs.append((yield from _ask(connection, VALIDATE, {"val_id": str(each.get("val_id", "")), "v": "1", "format": "json"})))
    return _proven(connection, proofs, known)


def refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """Begins it. `refe_id` is our id; whether it keeps a second one away over there is not known, so it is sent once."""
    transaction = payback.known.transaction or (yield from query(connection, payback.known, now)).transaction
    if not transaction:
        return RefundObservation(status="failed", reason="not_found")
    asked = {
        "bank_tran_id": transaction,
        "refund_amount": decimal_text(payback.amount, "BDT"),
        "refund_remarks": (payback.reason or "refund")[:255],
        "refe_id": gateway.ours(payback.refund),
        "refund_trans_id": gateway.ours(payback.refund),
    }
    said = yield from _ask(connection, TRANSACTIONS, asked, question=False)
    if said.get("APIConnect") != "DONE":
        return RefundObservation(status="failed", reason="misconfigured", raw_code=str(said.get("APIConnect"))[:100])
    word = str(said.get("status", ""))
    status = "failed" if word == "failed" else REFUND.get(word, "unknown")
    return RefundObservation(
        status=status,
        amount=payback.amount if status in ("pending", "succeeded") else 0,
        reference=str(said.get("refund_ref_id") or ""),
        reason="other" if status == "failed" else "",
        raw_code=str(said.get("errorReason") or word)[:100],
    )


def query_refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """By their name for it. There is no question by ours: a refund whose first answer got lost is for somebody to look at.

    (Their list of transactions says nothing of what went back.)
    """
    del now
    if not payback.reference:
        raise Unknown("no_lookup", "SSLCOMMERZ cannot be asked about a refund that it has not named")
    said = yield from _ask(connection, TRANSACTIONS, {"refund_ref_id": payback.reference})
    word = str(said.get("status", ""))
    status = REFUND.get(word, "unknown")
    amount = payback.amount if status in ("pending", "succeeded") else 0
    return RefundObservation(status=status, amount=amount, reference=payback.reference, raw_code=word[:100])


def verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """The fields that `verify_key` names and the password's MD5, sorted and hashed: MD5, and SHA-256."""
    del now
    said = hook.form()
    names = [name for name in said.get("verify_key", "").split(",") if name]
    if not names or not {"tran_id", "status"} <= set(names) or any(name not in said for name in names):
        raise Refused("bad_signature", "This notification is not signed.", kind="forbidden")
    password = hashlib.md5(connection.secrets.store_passwd.encode(), usedforsecurity=False).hexdigest()
    signed = {name: said[name] for name in names} | {"store_passwd": password}
    text = "&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode()
    md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()  # their own scheme
    fits = hmac.compare_digest(md5.encode(), said.get("verify_sign", "").encode())
    if not connection.config.md5_only or "verify_sign_sha2" in said:
        fits &= hmac.compare_digest(hashlib.sha256(text).hexdigest().encode(), said.get("verify_sign_sha2", "").encode())
    if not fits or said.get("store_id", connection.config.store_id) != connection.config.store_id:
        raise Refused("bad_signature", "The signature does not fit.", kind="forbidden")
    return Heard(f"{said['tran_id']} {said.get('val_id', '')} {said['status']}")


def heard(connection: Connection, hook: Hook, now: datetime) -> Conversation[tuple[Signal, ...]]:
    """Only what is signed is read."""
    del now
    said = hook.form()
    return (callback(connection, {name: said.get(name, "") for name in said.get("verify_key", "").split(",")}),)
    yield


def callback(connection: Connection, query: Mapping[str, str]) -> Signal:
    """The form that the buyer's browser brings to our success, fail or cancel address."""
    del connection
    word = query.get("status", "")
    return Signal(
        attempt=gateway.attempt_of(query.get("tran_id", "")) or gateway.attempt_in(query),
        transaction=query.get("bank_tran_id", "")[:200],
        said=STATUS.get(word, "unknown"),
        raw_code=word[:100],
    )


def check(connection: Connection, now: datetime) -> Conversation[str]:
    del now
    said = yield from _ask(connection, TRANSACTIONS, {"tran_id": "haat-check"})
    if said.get("APIConnect") != "DONE":
        raise Unavailable("credentials_refused", f"SSLCOMMERZ says {str(said.get('APIConnect'))[:40]}.", permanent=True)
    return "SSLCOMMERZ took our credentials."


def _session(connection: Connection, charge: Charge) -> dict[str, str]:
    config: Config = connection.config
    buyer = charge.buyer
    home = {"name": buyer.name or "-", "add1": buyer.line or "-", "city": buyer.city or "-", "postcode": buyer.postcode or "1000"}
    said = {
        "store_id": config.store_id,
        "store_passwd": connection.secrets.store_passwd,
        "total_amount": decimal_text(charge.amount, charge.currency),
        "currency": charge.currency,
        "tran_id": gateway.ours(charge.attempt),
        "success_url": charge.return_url,
        "fail_url": charge.return_url,
        "cancel_url": charge.return_url,
        "ipn_url": charge.hook_url,
        **{f"cus_{name}": value for name, value in home.items()},
        "cus_email": buyer.email or "no-reply@example.com",  # they refuse an empty one
        "cus_phone": buyer.phone or "-",
        "cus_country": buyer.country,
        "shipping_method": "YES",
        "num_of_item": str(charge.items),
        **{f"ship_{name}": value for name, value in home.items()},
        "ship_country": buyer.country,
        "product_name": charge.description or charge.number,
        "product_category": config.category,
        "product_profile": config.profile,
        "emi_option": "0",
        "value_a": charge.number,
    }
    return said | ({"multi_card_name": config.methods} if config.methods else {})


def _ask(connection: Connection, path: str, asked: Mapping[str, str], *, question: bool = True) -> Conversation[dict[str, Any]]:
    credentials = {"store_id": connection.config.store_id, "store_passwd": connection.secrets.store_passwd, "v": "1", "format": "json"}
    url = f"{connection.config.base_url.rstrip('/')}{path}?{urlencode({**asked, **credentials})}"
    reply = answered((yield from ask(Request("GET", url, {"accept": "application/json"}, question=question))), question=question)
    return _fields(reply, question=question)


def _fields(reply: Reply, *, question: bool) -> dict[str, Any]:
    fields = reply.fields()
    if fields:
        return fields
    if question:
        raise Unavailable("gateway_unreadable", f"SSLCOMMERZ answered {reply.status} with nothing to read.", retry_after_s=5)
    raise Unknown("gateway_unreadable", f"SSLCOMMERZ answered {reply.status} with nothing to read.")


def _proven(connection: Connection, proofs: list[dict[str, Any]], known: Known) -> Observation:
    """What validation says, all that is valid added up."""
    valid = [each for each in proofs if each.get("status") in VALID]
    if not valid:
        return gateway.unknown(str(proofs[0].get("status", "")), reference=known.reference)
    first = valid[0]
    foreign = str(first.get("currency_type") or "BDT") != "BDT"
    amounts = [gateway.minor(each.get("currency_amount" if foreign else "amount")) for each in valid]
    if min(amounts) < 0 or first.get("store_id", connection.config.store_id) != connection.config.store_id:
        return gateway.unknown(str(first.get("status", "")), reference=known.reference, reason="mismatch")
    return gateway.checked(
        Observation(
            status="charged",
            amount=sum(amounts),
            currency=str(first.get("currency_type") or first.get("currency") or ""),
            reference=known.reference,
            transaction=str(first.get("bank_tran_id") or ""),
            our_reference=str(first.get("tran_id") or "-"),
            review=any(str(each.get("risk_level", "0")) == "1" for each in valid),
            raw_code=str(first["status"]),
        ),
        known,
    )


GATEWAY = Gateway(
    code="sslcommerz",
    title="SSLCOMMERZ",
    title_bn="এসএসএল কমার্জ",
    methods=("card", "online", "bank", "rocket", "upay", "bkash", "nagad"),
    config=Config,
    secrets=Secrets,
    abilities=Abilities(limits={"BDT": (1_000, 500_000_00)}, refund="multiple"),
    fee=Fee(permyriad=250),
    create=create,
    confirm=query,
    query=query,
    refund=refund,
    query_refund=query_refund,
    verify=verify,
    heard=heard,
    callback=callback,
    check=check,
)
