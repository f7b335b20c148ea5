"""Nagad checkout: initialize, complete, the payer's page, verify, refund, with real RSA both ways.

`sensitiveData` is encrypted to whom it is for (PKCS#1 v1.5) and `signature` signs its plain JSON (SHA-256). Money moves when the
payer says yes on the page; there are no hooks, so who loses the browser on its way back has to ask `verify`.
"""

import base64
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from haat_world import faults, pages, payers
from haat_world.amounts import paisa, taka
from haat_world.clock import dhaka
from haat_world.connections import Connection
from haat_world.truth import Payment
from haat_world.wire import Answer, Call, Malformed, Operation
from haat_world.world import World

PARTY, TITLE = "nagad", "Nagad"
MERCHANT = "683002007104225"
API = "/api/dfs"
BLOCK = 256  # bytes of one encrypted block: the keys have 2048 bits
STATUS = {"Success": "000", "Aborted": "001", "Cancelled": "002", "Failed": "003", "Initiated": "010"}


class Keys(msgspec.Struct, frozen=True):
    """The two pairs of one world."""

    ours: rsa.RSAPrivateKey
    merchants: rsa.RSAPrivateKey


@cache
def keys() -> Keys:
    """Made once in a process: a pair costs a tenth of a second."""
    return Keys(*(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)))


def connection(url: str) -> Connection:
    """Keys as PEM: Nagad's public one, and the merchant's own private one."""
    public = keys().ours.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = keys().merchants.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    config = {"base_url": f"{url}/{PARTY}{API}", "merchant_id": MERCHANT}
    return Connection(PARTY, "gateway", PARTY, config, {"merchant_private_key": private.decode(), "nagad_public_key": public.decode()})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", f"{API}/check-out/initialize/{{merchant}}/{{order}}", "initialize", desk.initialize, lambda c: c.path["order"]),
        Operation("POST", f"{API}/check-out/complete/{{id}}", "complete", desk.complete, desk.order),
        Operation("GET", f"{API}/verify/payment/{{id}}", "verify", desk.verify, desk.order),
        Operation("POST", f"{API}/purchase/cancel", "refund", desk.refund, lambda call: call.query.get("orderId", "")),
        Operation("GET", "/pay/{id}", "page", desk.page, faulty=False),
        Operation("POST", "/pay/{id}", "decision", desk.decide, faulty=False),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world

    def order(self, call: Call) -> str:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return "" if payment is None else payment.reference

    def initialize(self, call: Call) -> Answer:
        """The first handshake: who asks proves to be the merchant, and both prove to have the keys."""
        world, order = self._world, call.path["order"]
        asked = _opened(call, call.json(), "sensitiveData")
        if call.path["merchant"] != MERCHANT or asked.get("merchantId") != MERCHANT or asked.get("orderId") != order:
            return _failed(call, "INVALID_REQUEST", "Merchant or order do not agree")
        if not asked.get("challenge"):
            return _failed(call, "INVALID_REQUEST", "A challenge is missing")
        if any(payment.captured for payment in world.truth.paid_for(PARTY, order)):
            return _failed(call, "ORDER_ALREADY_EXISTS", "The order was paid before", 409)
        number = world.count(PARTY, "id", order)
        key = f"{dhaka(world.now(), '%m%d%H%M%S')}{world.digits(10, PARTY, order, number)}"
        challenge = world.word(40, PARTY, "challenge", order, number)
        world.truth.pay(
            Payment(
                party=PARTY,
                id=key,
                reference=order,
                amount=0,
                currency="BDT",
                status="Initiated",
                created_at=world.now(),
                more={"challenge": challenge},
            )
        )
        return _sealed({"paymentReferenceId": key, "challenge": challenge, "acceptDateTime": dhaka(world.now(), "%Y%m%d%H%M%S")})

    def complete(self, call: Call) -> Answer:
        world, body = self._world, call.json()
        payment = world.truth.payments.get((PARTY, call.path["id"]))
        if payment is None:
            return _failed(call, "PAYMENT_NOT_FOUND", "No such payment", 404)
        asked = _opened(call, body, "sensitiveData")
        if asked.get("challenge") != payment.more["challenge"] or asked.get("orderId") != payment.reference:
            return _failed(call, "CHALLENGE_MISMATCH", "The challenge is not the one that was given")
        try:
            amount = paisa(asked.get("amount"))
        except ValueError:
            amount = 0
        if amount <= 0 or str(asked.get("currencyCode")) != "050":
            return _failed(call, "INVALID_AMOUNT", "Amount or currency cannot be read")
        payment.amount = payment.amount or amount
        payment.more |= {"callback": str(body.get("merchantCallbackURL", "")), "info": body.get("additionalMerchantInfo") or {}}
        page = f"{world.url}/{PARTY}/pay/{payment.id}"
        payers.wait_for(world, PARTY, payment.reference, page, lambda: payment.status == "Initiated")
        return Answer({"callBackUrl": page, "status": "Success"})

    def page(self, call: Call) -> Answer:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return pages.page(TITLE, "<p>No such payment.</p>", 404) if payment is None else pages.asked(TITLE, payment)

    def decide(self, call: Call) -> Answer:
        world, decision = self._world, call.form().get("decision", "")
        payment = world.truth.payments.get((PARTY, call.path["id"]))
        if payment is None or not payment.amount:
            return pages.page(TITLE, "<p>No such payment.</p>", 404)
        if payment.status == "Initiated":
            refused = faults.decline(world.faults, world.dice, PARTY, world.named(PARTY, payment.reference))
            if decision == "pay" and not refused and not any(each.captured for each in world.truth.paid_for(PARTY, payment.reference)):
                payment.charge(world.now())
                payment.status, payment.trx = "Success", world.word(8, PARTY, "trx", payment.reference, payment.id)
                payment.more["paid_at"] = world.now()
            else:
                payment.status = "Aborted" if decision == "cancel" else "Failed"
        back = payment.more["callback"]
        query = urlencode(
            {
                "merchant": MERCHANT,
                "order_id": payment.reference,
                "payment_ref_id": payment.id,
                "status": payment.status,
                "status_code": STATUS[payment.status],
            }
        )
        return pages.back(f"{back}{'&' if '?' in back else '?'}{query}")

    def verify(self, call: Call) -> Answer:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        if payment is None:
            return _failed(call, "PAYMENT_NOT_FOUND", "No such payment", 404)
        told: dict[str, Any] = {
            "merchantId": MERCHANT,
            "orderId": payment.reference,
            "paymentRefId": payment.id,
            "amount": taka(payment.amount),
            "clientMobileNo": "01711****77",
            "merchantMobileNo": "01800000000",
            "orderDateTime": _time(payment.created_at),
            "issuerPaymentDateTime": None,
            "issuerPaymentRefNo": None,
            "additionalMerchantInfo": payment.more.get("info"),
            "status": payment.status,
            "statusCode": STATUS[payment.status],
            "cancelIssuerDateTime": None,
            "cancelIssuerRefNo": None,
        }
        if payment.trx:
            told |= {"issuerPaymentDateTime": _time(payment.more["paid_at"]), "issuerPaymentRefNo": payment.trx}
        if payment.refunded:
            last = self._world.word(8, PARTY, "refund", list(payment.refunds)[-1])
            told |= {"cancelIssuerDateTime": _time(self._world.now()), "cancelIssuerRefNo": last}
        return Answer(told)

    def refund(self, call: Call) -> Answer:
        """By the merchant's `referenceNo`: the same one again is the same refund."""
        payment = self._world.truth.payments.get((PARTY, call.query.get("paymentRefId", "")))
        if payment is None or payment.reference != call.query.get("orderId"):
            return _failed(call, "PAYMENT_NOT_FOUND", "No such payment", 404)
        asked = _opened(call, call.json(), "sensitiveDataCancelRequest")
        try:
            amount, original = paisa(asked.get("cancelAmount")), paisa(asked.get("originalAmount"))
        except ValueError:
            return _failed(call, "INVALID_AMOUNT", "The amount cannot be read")
        reference = str(asked.get("referenceNo", ""))
        known = payment.refunds.get(reference)
        if original != payment.amount or not reference or (known is not None and known != amount):
            return _failed(call, "INVALID_REQUEST", "The request does not agree with the payment")
        if known is None:
            if not 0 < amount <= payment.captured - payment.refunded:
                return _failed(call, "AMOUNT_EXCEEDED", "More than what is left of the payment")
            payment.refund(reference, amount, self._world.now())
            payment.status = "Cancelled" if payment.refunded == payment.captured else payment.status
        told = {
            "merchantId": MERCHANT,
            "orderId": payment.reference,
            "paymentRefId": payment.id,
            "cancelAmount": taka(amount),
            "originalAmount": taka(payment.amount),
            "referenceNo": reference,
            "status": "Success",
            "statusCode": "000",
            "cancelIssuerRefNo": self._world.word(8, PARTY, "refund", reference),
        }
        return Answer(told)


def _opened(call: Call, body: dict[str, Any], field: str) -> dict[str, Any]:
    """What is inside the sealed field; raises Malformed where key or signature do not fit, or a header is missing."""
    if call.headers.get("x-km-api-version") != "v-0.2.0" or not call.headers.get("x-km-client-type"):
        raise Malformed("the X-KM headers are missing")
    try:
        sealed, signature = base64.b64decode(body[field], validate=True), base64.b64decode(body["signature"], validate=True)
        blocks = [sealed[place : place + BLOCK] for place in range(0, len(sealed), BLOCK)]
        plain = b"".join(keys().ours.decrypt(block, padding.PKCS1v15()) for block in blocks)
        keys().merchants.public_key().verify(signature, plain, padding.PKCS1v15(), hashes.SHA256())
        found = msgspec.json.decode(plain)
    except (KeyError, TypeError, ValueError, InvalidSignature) as error:
        raise Malformed(f"{field} or its signature cannot be read") from error
    if not isinstance(found, dict):
        raise Malformed(f"{field} is no object")
    return found


def _sealed(value: dict[str, str]) -> Answer:
    """Encrypted to the merchant, signed by us."""
    plain = msgspec.json.encode(value)
    sealed = keys().merchants.public_key().encrypt(plain, padding.PKCS1v15())
    signature = keys().ours.sign(plain, padding.PKCS1v15(), hashes.SHA256())
    return Answer({"sensitiveData": base64.b64encode(sealed).decode(), "signature": base64.b64encode(signature).decode()})


def _failed(call: Call, reason: str, message: str, status: int = 400) -> Answer:
    return Answer({"reason": reason, "message": message, "devMessage": f"{call.method}: {message}"}, status)


def _time(instant: datetime) -> str:
    return dhaka(instant, "%Y-%m-%d %H:%M:%S.0")
