"""What each gateway says on its own wire of a payment, so that the connectors themselves read it. One truth, four dialects.

`Wire` answers a connector's requests for one attempt and makes the hook and the redirect that its gateway would send.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from haat.domain import payments
from haat.domain.payments import gateways
from haat.engine import plugins
from haat.kernel.outside import Connection, Conversation, Hook, Reply, Request, Token

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ATTEMPT = "01a20000-0000-7000-8000-0000000000a1"
FOUND = plugins.load(gateways, "GATEWAY", payments.Gateway)


class Truth(msgspec.Struct, frozen=True):
    """How the payment stands at the gateway: `pending`, `paid`, `declined`, `voided`; in minor units what is there."""

    status: str
    amount: int


class Wire(msgspec.Struct):
    """One gateway for one attempt. `says`: (request, truth) → reply; `hook` and `redirect` as the gateway sends them (None: sends none)."""

    code: str
    connection: Connection
    reference: str
    says: Callable[[Request, Truth], Mapping[str, Any]]
    redirect: Callable[[Truth], Mapping[str, str]]
    hook: Callable[[Truth], Hook] | None = None
    authorises: bool = False

    @property
    def gateway(self) -> payments.Gateway:
        return FOUND[self.connection.plugin]

    def known(self, amount: int) -> payments.Known:
        return payments.Known(
            attempt=ATTEMPT, amount=amount, currency="BDT", reference=self.reference, authorise=self.authorises, began=NOW
        )

    def look(self, truth: Truth, amount: int, *, confirm: bool = False) -> payments.Observation:
        """What the connector makes of the gateway's answer."""
        operation = self.gateway.confirm if confirm else self.gateway.query
        return self._driven(operation(self.connection, self.known(amount), NOW), truth)

    def hooked(self, truth: Truth) -> payments.Signal | None:
        """The gateway's own notification, verified and read by the connector; None where it sends none."""
        if self.hook is None:
            return None
        sent = self.hook(truth)
        assert self.gateway.verify(self.connection, sent, NOW).key
        (signal,) = self._driven(self.gateway.heard(self.connection, sent, NOW), truth)
        return signal

    def returned(self, truth: Truth) -> payments.Signal:
        """What the buyer's browser brings back, read by the connector."""
        return self.gateway.callback(self.connection, self.redirect(truth))

    def _driven(self, conversation: Conversation[Any], truth: Truth) -> Any:
        sent: Reply | str | None = None
        while True:
            try:
                asked = conversation.send(sent)
            except StopIteration as end:
                return end.value
            sent = "token" if isinstance(asked, Token) else Reply(200, body=json.dumps(self.says(asked, truth)).encode())


def bkash() -> Wire:
    words = {"pending": "Initiated", "paid": "Completed", "declined": "Failed", "voided": "Voided"}

    def says(request: Request, truth: Truth) -> Mapping[str, Any]:
        if request.url.endswith("/execute") and truth.status != "paid":
            return {"statusCode": "2056", "statusMessage": "Invalid Payment State"}
        said = {
            "statusCode": "0000",
            "paymentID": "PAY1",
            "transactionStatus": words[truth.status],
            "merchantInvoiceNumber": payments.ours(ATTEMPT),
        }
        return said | ({"trxID": "TRX1", "amount": _taka(truth.amount), "currency": "BDT"} if truth.status == "paid" else {})

    return Wire("bkash", _connection("bkash", {}, {k: k for k in ("app_key", "app_secret", "username", "password")}), "PAY1", says,
                lambda t: {"paymentID": "PAY1", "status": {"paid": "success", "declined": "failure"}.get(t.status, "cancel"), "attempt": ATTEMPT})  # fmt: skip


def bkash_aside() -> Wire:
    """bKash where the operator has the money set aside."""
    plain = bkash()

    def says(request: Request, truth: Truth) -> Mapping[str, Any]:
        said = plain.says(request, truth)
        return said | {"transactionStatus": "Authorized"} if said.get("transactionStatus") == "Completed" else said

    connection = msgspec.structs.replace(plain.connection, config=msgspec.structs.replace(plain.connection.config, authorise=True))
    return msgspec.structs.replace(plain, code="bkash-aside", connection=connection, says=says, authorises=True)


def nagad() -> Wire:
    words = {"pending": "Initiated", "paid": "Success", "declined": "Failed", "voided": "Cancelled"}
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def says(request: Request, truth: Truth) -> Mapping[str, Any]:
        del request
        return {"merchantId": "M1", "orderId": payments.ours(ATTEMPT), "paymentRefId": "REF1", "amount": _taka(truth.amount),
                "issuerPaymentRefNo": "ISS1", "status": words[truth.status], "statusCode": "000"}  # fmt: skip

    secrets = {"merchant_private_key": private, "nagad_public_key": public}
    return Wire("nagad", _connection("nagad", {"merchant_id": "M1"}, secrets), "REF1", says,
                lambda t: {"payment_ref_id": "REF1", "status": words[t.status], "order_id": payments.ours(ATTEMPT)})  # fmt: skip


def sslcommerz() -> Wire:
    words = {"pending": "PENDING", "paid": "VALID", "declined": "FAILED", "voided": "CANCELLED"}

    def form(truth: Truth) -> dict[str, str]:
        return {"tran_id": payments.ours(ATTEMPT), "status": words[truth.status], "val_id": "VAL1", "bank_tran_id": "BANK1",
                "amount": _taka(truth.amount), "currency": "BDT", "store_id": "S1"}  # fmt: skip

    def says(request: Request, truth: Truth) -> Mapping[str, Any]:
        asked = dict(parse_qsl(urlsplit(request.url).query))
        said = form(truth) | {"currency_type": "BDT", "currency_amount": _taka(truth.amount), "risk_level": "0"}
        return said if "val_id" in asked else {"APIConnect": "DONE", "no_of_trans_found": 1, "element": [said]}

    def hook(truth: Truth) -> Hook:
        fields = form(truth)
        signed = fields | {"store_passwd": hashlib.md5(b"secret").hexdigest()}  # noqa: S324 their own scheme
        text = "&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode()
        sent = fields | {"verify_key": ",".join(fields), "verify_sign": hashlib.md5(text).hexdigest()}  # noqa: S324
        sent["verify_sign_sha2"] = hashlib.sha256(text).hexdigest()
        return Hook("POST", {"content-type": "application/x-www-form-urlencoded"}, {}, urlencode(sent).encode())

    return Wire("sslcommerz", _connection("sslcommerz", {"store_id": "S1"}, {"store_passwd": "secret"}), "SESSION1", says, form, hook)


def stripe() -> Wire:
    def intent(truth: Truth) -> dict[str, Any]:
        word = {"pending": "requires_payment_method", "paid": "requires_capture", "declined": "canceled", "voided": "canceled"}[
            truth.status
        ]
        return {"object": "payment_intent", "id": "pi_1", "status": word, "amount": truth.amount, "currency": "bdt", "created": int(NOW.timestamp()),
                "metadata": {"attempt": ATTEMPT}, "cancellation_reason": "automatic" if truth.status == "declined" else None}  # fmt: skip

    def hook(truth: Truth) -> Hook:
        word = {"paid": "payment_intent.amount_capturable_updated"}.get(truth.status, "payment_intent.canceled")
        body = json.dumps({"id": f"evt_{truth.status}", "type": word, "data": {"object": intent(truth)}}).encode()
        stamp = str(int(NOW.timestamp()))
        signed = hmac.new(b"whsec", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return Hook("POST", {"stripe-signature": f"t={stamp},v1={signed}"}, {}, body)

    return Wire("stripe", _connection("stripe", {}, {"secret_key": "sk", "webhook_secret": "whsec"}), "pi_1", lambda request, truth: intent(truth),
                lambda t: {"payment_intent": "pi_1", "redirect_status": "succeeded" if t.status == "paid" else "failed", "attempt": ATTEMPT},
                hook, authorises=True)  # fmt: skip


def _connection(code: str, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Connection:
    gateway = FOUND[code]
    return Connection(
        kind="gateway",
        code=code,
        plugin=code,
        config=msgspec.convert(config, gateway.config),
        secrets=msgspec.convert(secrets, gateway.secrets),
    )


def _taka(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


WIRES = {wire.code: wire for wire in (bkash(), bkash_aside(), nagad(), sslcommerz(), stripe())}
