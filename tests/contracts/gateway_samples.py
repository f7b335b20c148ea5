"""One connection of each gateway, and what it would answer: the wire shapes that the contract's suite turns this way and that."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct

from haat.domain.payments import gateway
from haat.domain.payments.gateways import bkash, cod, nagad, sslcommerz, stripe
from haat.kernel.outside import Connection, Hook, Reply
from tests.conversations import said

NOW = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
ATTEMPT = "0195502c-7c58-7a3b-9f60-0d2f6a1b9c44"
REFUND = "0195502c-9999-7a3b-9f60-0d2f6a1b9c44"
OURS = gateway.ours(ATTEMPT)
AMOUNT = 152_050
KNOWN = gateway.Known(attempt=ATTEMPT, amount=AMOUNT, currency="BDT", reference="REF-1", began=NOW)
CHARGE = gateway.Charge(
    attempt=ATTEMPT,
    amount=AMOUNT,
    currency="BDT",
    number="7KQ2-M9XF-4",
    return_url="https://shop.example/back?attempt=" + ATTEMPT,
    hook_url="https://shop.example/hook",
    buyer=gateway.Buyer("Rahima Khatun", "+8801712345678", "rahima@example.com", "House 12", "Dhaka", "1216"),
)
PAYBACK = gateway.Payback(known=KNOWN, refund=REFUND, amount=50_000)
MERCHANT, NAGAD = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
PRIVATE_PEM = MERCHANT.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
#: Merchants are sent the bare base64 of it.
PUBLIC_BARE = base64.b64encode(
    NAGAD.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


class Sample(Struct):
    """`paid(amount, currency, ours, word)`: the answers to `confirm` that tell of a payment; `genuine`: hooks it has to accept."""

    connection: Connection
    paid: Callable[[int, str, str, str], list[Reply | str]] | None = None
    word: str = ""
    genuine: tuple[Hook, ...] = ()
    names_currency: bool = True


def taka(amount: int) -> str:
    return f"{amount / 100:.2f}"


def bkash_paid(amount: int, currency: str, ours: str, word: str) -> list[Reply | str]:
    told = {"statusCode": "0000", "paymentID": "REF-1", "trxID": "TRX9", "transactionStatus": word, "amount": taka(amount)}
    return ["token", said(told | {"currency": currency, "merchantInvoiceNumber": ours})]


def nagad_paid(amount: int, currency: str, ours: str, word: str) -> list[Reply | str]:
    del currency
    told = {"merchantId": "683002", "orderId": ours, "paymentRefId": "REF-1", "amount": taka(amount), "status": word}
    return [said(told | {"issuerPaymentRefNo": "NG7"})]


def ssl_paid(amount: int, currency: str, ours: str, word: str) -> list[Reply | str]:
    each = {"val_id": "V1", "status": word, "tran_id": ours, "amount": taka(amount), "bank_tran_id": "B1", "currency": currency}
    found: list[Reply | str] = [said({"APIConnect": "DONE", "no_of_trans_found": 1, "element": [each]})]
    if word in ("VALID", "VALIDATED"):
        found.append(said(each | {"APIConnect": "DONE", "currency_type": currency, "currency_amount": taka(amount), "risk_level": "0"}))
    return found


def stripe_paid(amount: int, currency: str, ours: str, word: str) -> list[Reply | str]:
    intent = {"id": "REF-1", "object": "payment_intent", "status": word, "amount": amount, "amount_received": amount}
    attempt = gateway.attempt_of(ours) or ours
    return [said(intent | {"currency": currency.lower(), "metadata": {"attempt": attempt}, "latest_charge": "ch_1"})]


def ssl_notification(**changes: str) -> Hook:
    fields = {
        "tran_id": OURS,
        "status": "VALID",
        "val_id": "V1",
        "amount": taka(AMOUNT),
        "bank_tran_id": "B1",
        "store_id": "haat",
    } | changes
    password = hashlib.md5(b"store-password", usedforsecurity=False).hexdigest()
    text = "&".join(f"{k}={v}" for k, v in sorted((fields | {"store_passwd": password}).items())).encode()
    signed = fields | {
        "verify_key": ",".join(sorted(fields)),
        "verify_sign": hashlib.md5(text, usedforsecurity=False).hexdigest(),
        "verify_sign_sha2": hashlib.sha256(text).hexdigest(),
    }
    return Hook("POST", {"content-type": "application/x-www-form-urlencoded"}, {}, urlencode(signed).encode())


def stripe_event(kind: str = "payment_intent.succeeded", **changes: object) -> Hook:
    subject = {"id": "REF-1", "object": "payment_intent", "metadata": {"attempt": ATTEMPT}} | changes
    body = json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": subject}}).encode()
    return signed_by_stripe(body)


def signed_by_stripe(body: bytes, at: datetime = NOW) -> Hook:
    stamp = str(int(at.timestamp()))
    signature = hmac_hex(b"whsec_test_secret", stamp.encode() + b"." + body)
    return Hook("POST", {"stripe-signature": f"t={stamp},v1={signature}"}, {}, body)


def hmac_hex(key: bytes, text: bytes) -> str:
    """HMAC by its definition (RFC 2104), so that the connectors are not checked against themselves."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).hexdigest()


def connected(plugin: str, config: Struct, secrets: Struct) -> Connection:
    return Connection(kind="gateway", code=f"{plugin}-main", plugin=plugin, config=config, secrets=secrets)


SAMPLES = {
    "bkash": Sample(
        connected(
            "bkash",
            bkash.Config(base_url="https://bkash.test/v1.2.0-beta"),
            bkash.Secrets("app-key", "app-secret", "user-name", "pass-word"),
        ),
        bkash_paid,
        "Completed",
    ),
    "cod": Sample(connected("cod", cod.Config(), cod.Secrets())),
    "nagad": Sample(
        connected("nagad", nagad.Config("683002", "https://nagad.test/api/dfs"), nagad.Secrets(PRIVATE_PEM, PUBLIC_BARE)),
        nagad_paid,
        "Success",
        names_currency=False,
    ),
    "sslcommerz": Sample(
        connected("sslcommerz", sslcommerz.Config("haat", "https://ssl.test"), sslcommerz.Secrets("store-password")),
        ssl_paid,
        "VALID",
        (ssl_notification(), ssl_notification(status="FAILED")),
    ),
    "stripe": Sample(
        connected("stripe", stripe.Config("https://stripe.test"), stripe.Secrets("sk_test_secret", "whsec_test_secret")),
        stripe_paid,
        "succeeded",
        (stripe_event(), stripe_event("charge.refunded")),
    ),
}
