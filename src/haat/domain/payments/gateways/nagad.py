"""Nagad, remote payment gateway (API v-0.2.0): two calls to begin, one to know.

    initialize ─► complete ─► the buyer pays on Nagad's page ─► callback ─► verify ─► (cancel)

What is sensitive is encrypted for Nagad (RSA, PKCS#1 v1.5) and signed by us over the plain text; answers come encrypted for us and
signed by Nagad. There are no hooks of servers. The sources disagree on the digest of signatures: SHA-256 unless configured.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
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
    Signal,
    Started,
    Status,
    Url,
    Word,
)
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.money import decimal_text
from haat.kernel.outside import Connection, Conversation, Request, Unknown, answered, ask, post_json

KEYS_MAX = 64  # a merchant has two
DHAKA = timezone(timedelta(hours=6))  # without daylight saving since 2009
BDT = "050"  # ISO 4217 by number
STATUS: Mapping[str, Status] = {
    "Success": "charged",
    "Initiated": "pending",
    "Pending": "pending",
    "Ready": "pending",
    "Aborted": "cancelled",
    "Cancelled": "cancelled",
    "Failed": "failed",
    "Expired": "expired",
}
REASONS: Mapping[Status, Reason] = {"failed": "declined", "cancelled": "cancelled_by_buyer", "expired": "expired"}


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`server_ip` is the address that Nagad has white-listed."""

    merchant_id: Word
    base_url: Url = "https://api.mynagad.com/api/dfs"
    server_ip: str = "127.0.0.1"
    client_type: Literal["PC_WEB", "MOBILE_WEB", "MOBILE_APP", "WALLET_WEB_VIEW", "BILL_KEY"] = "PC_WEB"
    digest: Literal["SHA256", "SHA1"] = "SHA256"
    fee: Fee | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """Both keys in PEM or as the bare base64 of it: ours, and Nagad's public one."""

    merchant_private_key: Word
    nagad_public_key: Word


def create(connection: Connection, charge: Charge, now: datetime) -> Conversation[Started | Observation]:
    """Both calls only prepare: a payment whose address nobody got cannot be paid."""
    config: Config = connection.config
    order, stamp = gateway.ours(charge.attempt), now.astimezone(DHAKA).strftime("%Y%m%d%H%M%S")
    asked = {"merchantId": config.merchant_id, "datetime": stamp, "orderId": order, "challenge": _challenge(connection, charge.attempt)}
    said = yield from _post(
        connection, f"check-out/initialize/{config.merchant_id}/{order}", {"dateTime": stamp} | _sealed(connection, asked)
    )
    if "sensitiveData" not in said:
        return gateway.failed("gateway_error", str(said.get("reason", ""))[:100])
    opened = _opened(connection, said)
    reference = str(opened.get("paymentReferenceId", ""))
    asked = {
        "merchantId": config.merchant_id,
        "orderId": order,
        "currencyCode": BDT,
        "amount": decimal_text(charge.amount, "BDT"),
        "challenge": str(opened.get("challenge", "")),
    }
    body = _sealed(connection, asked) | {
        "merchantCallbackURL": charge.return_url,
        "additionalMerchantInfo": {"order": charge.number},
    }
    said = yield from _post(connection, f"check-out/complete/{quote(reference, safe='')}", body)
    url = str(said.get("callBackUrl", ""))
    if said.get("status") != "Success" or not url or not reference:
        return gateway.failed("gateway_error", str(said.get("reason") or said.get("status") or "")[:100], reference=reference)
    return Started(reference, url)


def query(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """Nagad's own word, asked from server to server; the same question confirms."""
    del now
    said = yield from _verified(connection, known)
    if not said.get("status"):
        return gateway.unknown(str(said.get("reason", "")), reference=known.reference)
    word = str(said["status"])
    status = STATUS.get(word, "unknown")
    reason = REASONS.get(status, "")
    if status == "charged" and said.get("merchantId") not in (None, connection.config.merchant_id):
        return gateway.unknown(word, reference=known.reference, reason="mismatch")
    return gateway.checked(
        Observation(
            status=status,
            amount=max(gateway.minor(said.get("amount")), 0),
            currency="BDT",
            reference=str(said.get("paymentRefId") or known.reference),
            transaction=str(said.get("issuerPaymentRefNo") or ""),
            our_reference=str(said.get("orderId") or ""),
            reason=reason,
            soft=reason in gateway.SOFT,
            raw_code=word[:100],
        ),
        known,
    )


def refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """«Cancel» in Nagad's words. One source knows it well; partial amounts are in its shape and unverified."""
    config: Config = connection.config
    known = payback.known
    asked = {
        "merchantId": config.merchant_id,
        "originalRequestDate": (known.began or now).astimezone(DHAKA).strftime("%Y%m%d"),
        "originalAmount": decimal_text(known.amount, "BDT"),
        "cancelAmount": decimal_text(payback.amount, "BDT"),
        "referenceNo": gateway.ours(payback.refund),
        "referenceMessage": "refund",
    }
    sealed = _sealed(connection, asked)
    body = {"sensitiveDataCancelRequest": sealed["sensitiveData"], "signature": sealed["signature"]}
    place = urlencode({"paymentRefId": known.reference, "orderId": gateway.ours(known.attempt)})
    said = yield from _post(connection, f"purchase/cancel?{place}", body, question=False)
    if "sensitiveData" in said:
        said = _opened(connection, said, question=False)
    return _paid_back(said, payback)


def query_refund(connection: Connection, payback: Payback, now: datetime) -> Conversation[RefundObservation]:
    """There is no question for it; a payment that was given back in full shows as cancelled, of a part nothing can be seen."""
    del now
    if payback.amount != payback.known.amount:
        raise Unknown("no_lookup", "Nagad cannot be asked about a refund of a part")
    said = yield from _verified(connection, payback.known)
    if said.get("status") in ("Cancelled", "Refunded"):
        return _paid_back(said, payback)
    reason: Reason = "not_found" if said.get("status") == "Success" else "other"
    return RefundObservation(status="unknown", reason=reason, reference=payback.reference, raw_code=str(said.get("status", ""))[:100])


def callback(connection: Connection, query: Mapping[str, str]) -> Signal:
    del connection
    word = query.get("status", "")
    return Signal(
        attempt=gateway.attempt_of(query.get("order_id", "")) or gateway.attempt_in(query),
        reference=query.get("payment_ref_id", "")[:200],
        said=STATUS.get(word, "unknown"),
        raw_code=word[:100],
    )


def check(connection: Connection, now: datetime) -> Conversation[str]:
    """Whether our own keys are keys; Nagad itself is first asked when somebody pays."""
    del now
    _private(connection)
    _public(connection)
    return "Both keys can be read."
    yield


def _post(connection: Connection, path: str, body: Mapping[str, Any], *, question: bool = True) -> Conversation[dict[str, Any]]:
    url = f"{connection.config.base_url.rstrip('/')}/{path}"
    reply = answered((yield from ask(post_json(url, body, _headers(connection), question=question))), question=question)
    return _fields(reply.fields(), question=question)


def _verified(connection: Connection, known: Known) -> Conversation[dict[str, Any]]:
    url = f"{connection.config.base_url.rstrip('/')}/verify/payment/{quote(known.reference, safe='')}"
    reply = answered((yield from ask(Request("GET", url, _headers(connection), question=True))), question=True)
    return _fields(reply.fields(), question=True)


def _fields(fields: dict[str, Any], *, question: bool) -> dict[str, Any]:
    if fields:
        return fields
    if question:
        raise Unavailable("gateway_unreadable", "Nagad answered with nothing to read.", retry_after_s=5)
    raise Unknown("gateway_unreadable", "Nagad answered with nothing to read.")


def _headers(connection: Connection) -> dict[str, str]:
    config: Config = connection.config
    return {
        "x-km-api-version": "v-0.2.0",
        "x-km-ip-v4": config.server_ip,
        "x-km-client-type": config.client_type,
        "x-km-mc-id": config.merchant_id,
        "accept": "application/json",
    }


def _paid_back(said: Mapping[str, Any], payback: Payback) -> RefundObservation:
    word = str(said.get("status", ""))
    if word in ("Success", "Cancelled", "Refunded"):
        amount = gateway.minor(said.get("cancelAmount", decimal_text(payback.amount, "BDT")))
        reference = str(said.get("cancelIssuerRefNo") or said.get("paymentRefId") or payback.known.reference)
        return RefundObservation(status="succeeded", amount=max(amount, 0), reference=reference, raw_code=word)
    if said.get("reason"):
        return RefundObservation(status="failed", reason="other", raw_code=str(said["reason"])[:100])
    return RefundObservation(status="unknown", raw_code=word[:100])


def _challenge(connection: Connection, attempt: str) -> str:
    """Forty unguessable hex digits, the same for the same attempt."""
    key = hashlib.blake2b(connection.secrets.merchant_private_key.encode()).digest()
    return hashlib.blake2b(attempt.encode(), key=key, digest_size=20).hexdigest()


def _sealed(connection: Connection, asked: Mapping[str, str]) -> dict[str, Any]:
    plain = msgspec.json.encode(asked)
    closed = _public(connection).encrypt(plain, padding.PKCS1v15())
    signature = _private(connection).sign(plain, padding.PKCS1v15(), _digest(connection))
    return {"sensitiveData": base64.b64encode(closed).decode(), "signature": base64.b64encode(signature).decode()}


def _opened(connection: Connection, said: Mapping[str, Any], *, question: bool = True) -> dict[str, Any]:
    """An answer's sensitive part: decrypted with our key, and signed by Nagad."""
    try:
        plain = _private(connection).decrypt(base64.b64decode(str(said["sensitiveData"])), padding.PKCS1v15())
        signature = base64.b64decode(str(said.get("signature", "")))
        _public(connection).verify(signature, plain, padding.PKCS1v15(), _digest(connection))
        found: dict[str, Any] = msgspec.json.decode(plain, type=dict[str, Any])
    except (ValueError, InvalidSignature, msgspec.DecodeError) as error:
        if question:
            raise Unavailable("gateway_unreadable", "Nagad's answer is not sealed for us, or not by Nagad.") from error
        raise Unknown("gateway_unreadable", "Nagad's answer is not sealed for us, or not by Nagad.") from error
    return found


def _digest(connection: Connection) -> hashes.HashAlgorithm:
    return hashes.SHA256() if connection.config.digest == "SHA256" else hashes.SHA1()  # noqa: S303 as one source has it


def _private(connection: Connection) -> rsa.RSAPrivateKey:
    try:
        return _private_key(connection.secrets.merchant_private_key)
    except (ValueError, TypeError) as error:
        raise Refused("bad_key", f"{connection.code}: merchant_private_key is no RSA key.") from error


def _public(connection: Connection) -> rsa.RSAPublicKey:
    try:
        return _public_key(connection.secrets.nagad_public_key)
    except (ValueError, TypeError) as error:
        raise Refused("bad_key", f"{connection.code}: nagad_public_key is no RSA key.") from error


@lru_cache(KEYS_MAX)
def _private_key(text: str) -> rsa.RSAPrivateKey:
    """A key that was read is kept: to read one means to check its primes, which takes a hundred times as long as to sign with it."""
    key = serialization.load_pem_private_key(_pem(text, "PRIVATE KEY"), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    return key


@lru_cache(KEYS_MAX)
def _public_key(text: str) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(_pem(text, "PUBLIC KEY"))
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("no RSA key")
    return key


def _pem(text: str, name: str) -> bytes:
    """A key as libraries want it; merchants are sent the bare base64."""
    bare = text.strip()
    if bare.startswith("-----"):
        return bare.encode()
    return f"-----BEGIN {name}-----\n{bare}\n-----END {name}-----\n".encode()


GATEWAY = Gateway(
    code="nagad",
    title="Nagad",
    title_bn="নগদ",
    methods=("online",),
    config=Config,
    secrets=Secrets,
    abilities=Abilities(limits={"BDT": (100, 50_000_00)}, refund="partial"),
    fee=Fee(permyriad=150),
    create=create,
    confirm=query,
    query=query,
    refund=refund,
    query_refund=query_refund,
    verify=gateway.no_hooks,
    heard=gateway.nothing_heard,
    callback=callback,
    check=check,
)
