"""bKash tokenized checkout, URL mode: grant, create, the payer's page, execute (once), query, capture, void, refund v1 and v2, IPN.

Money moves at `execute` only: a payer who said yes and a shop that never executed is no payment. More than two grants within an
hour block the account for an hour. HTTP is 200 nearly always; `statusCode` says what happened.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from haat_world import faults, pages, payers, sns
from haat_world.amounts import paisa, taka
from haat_world.clock import dhaka
from haat_world.connections import Connection
from haat_world.truth import Payment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY, TITLE = "bkash", "bKash"
ACCOUNT = {"app_key": "bkash-app-key", "app_secret": "bkash-app-secret", "username": "bkash-user", "password": "bkash-password"}
VERSION = "/v1.2.0-beta"
GRANTS_MAX, BLOCKED = 2, timedelta(hours=1)
LIVES = timedelta(hours=24)
TOKEN_S = 3600
REFUNDS_MAX = 10
SAID = {
    "2001": "Invalid App Key",
    "2002": "Invalid Payment ID",
    "2003": "Process failed",
    "2006": "Invalid Amount",
    "2023": "Insufficient Balance",
    "2026": "Transaction Reversal Amount Cannot Be Greater Than Original Amount",
    "2029": "Duplicate For All Transactions",
    "2033": "Transaction Not Found",
    "2034": "Transaction Has Already Been Reversed",
    "2056": "Invalid Payment State",
    "2062": "The payment has already been completed",
    "2117": "Payment execution already been called before",
    "503": "System is undergoing maintenance",
}


def connection(url: str) -> Connection:
    config = {"base_url": f"{url}/{PARTY}{VERSION}", "ipn_topic": sns.TOPIC, "ipn_certificate": sns.certificate()}
    return Connection(PARTY, "gateway", PARTY, config, ACCOUNT)


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    v1, checkout = VERSION, f"{VERSION}/tokenized/checkout"
    post = [
        (f"{checkout}/token/grant", "grant", desk.grant, lambda call: ""),
        (f"{checkout}/token/refresh", "refresh", desk.refresh, lambda call: ""),
        (f"{checkout}/create", "create", desk.create, lambda call: str(call.json()["merchantInvoiceNumber"])),
        (f"{checkout}/execute", "execute", desk.execute, desk.invoice),
        (f"{checkout}/payment/status", "status", desk.status, desk.invoice),
        (f"{checkout}/general/searchTransaction", "search", desk.search, lambda call: str(call.json()["trxID"])),
        (f"{checkout}/payment/refund", "refund", desk.refund_v1, desk.invoice),
        (f"{checkout}/payment/confirm/capture", "capture", desk.capture, desk.invoice),
        (f"{checkout}/payment/confirm/void", "void", desk.void, desk.invoice),
        (f"{checkout}/payment/confirm/capture/void", "void", desk.void, desk.invoice),
        ("/v2/tokenized-checkout/refund/payment/transaction", "refund", desk.refund, desk.invoice),
        ("/v2/tokenized-checkout/refund/payment/status", "refund status", desk.refunds, desk.invoice),
    ]
    said = [Operation("POST", path, name, do, key) for path, name, do, key in post]
    said += [Operation("POST", path.removeprefix(v1), name, do, key) for path, name, do, key in post if path.startswith(v1)]
    return [
        *said,
        Operation("GET", "/pay/{id}", "page", desk.page, faulty=False),
        Operation("POST", "/pay/{id}", "decision", desk.decide, faulty=False),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        self._grants: list[datetime] = []
        self._blocked_until: datetime | None = None
        self._topic = sns.Topic(world, PARTY)

    def invoice(self, call: Call) -> str:
        """Our own reference of the payment that the call names by bKash's id."""
        asked = call.json()
        payment = self._world.truth.payments.get((PARTY, str(asked.get("paymentID") or asked.get("paymentId"))))
        return "" if payment is None else payment.reference

    # Tokens

    def grant(self, call: Call) -> Answer:
        now, asked = self._world.now(), call.json()
        if self._blocked_until is not None and now < self._blocked_until:
            return Answer({"message": "Too many requests: the account is blocked for an hour"}, 429)
        self._grants = [*(at for at in self._grants if now - at < BLOCKED), now]
        if len(self._grants) > GRANTS_MAX:
            self._blocked_until = now + BLOCKED
            return Answer({"message": "Too many requests: the account is blocked for an hour"}, 429)
        return self._token(asked, call.headers)

    def refresh(self, call: Call) -> Answer:
        asked = call.json()
        if not str(asked.get("refresh_token", "")).startswith("refresh-"):
            return Answer(_failed("2003"))
        return self._token(asked, call.headers)

    def _token(self, asked: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        given = {"app_key": asked.get("app_key"), "app_secret": asked.get("app_secret")} | {
            k: headers.get(k) for k in ("username", "password")
        }
        if given != ACCOUNT:
            return Answer(_failed("2001"))
        token = self._world.token(PARTY, timedelta(seconds=TOKEN_S))
        return Answer(
            {
                "statusCode": "0000",
                "statusMessage": "Successful",
                "id_token": token,
                "token_type": "Bearer",
                "expires_in": TOKEN_S,
                "refresh_token": f"refresh-{token}",
            }
        )

    def _known(self, call: Call) -> bool:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        return self._world.knows(PARTY, token) and call.headers.get("x-app-key") == ACCOUNT["app_key"]

    # A payment

    def create(self, call: Call) -> Answer:
        world, asked = self._world, call.json()
        if not self._known(call):
            return Answer({"message": "Unauthorized"}, 401)
        invoice, back = str(asked.get("merchantInvoiceNumber", "")), str(asked.get("callbackURL", ""))
        try:
            amount = paisa(asked.get("amount"))
        except ValueError:
            amount = 0
        if amount <= 0 or asked.get("currency") != "BDT":
            return Answer(_failed("2006"))
        if not invoice or not back or asked.get("mode") not in ("0011", "0001") or asked.get("intent") not in ("sale", "authorization"):
            return Answer(_failed("2003"))
        if any(payment.status != "Failed" for payment in world.truth.paid_for(PARTY, invoice)):
            return Answer(_failed("2029"))
        key = f"TR0011{world.word(16, PARTY, invoice, world.count(PARTY, 'id', invoice))}"
        payment = world.truth.pay(
            Payment(
                party=PARTY,
                id=key,
                reference=invoice,
                amount=amount,
                currency="BDT",
                status="Initiated",
                created_at=world.now(),
                manual=asked["intent"] == "authorization",
                payer=str(asked.get("payerReference", "")),
                more={"callback": back},
            )
        )
        page = f"{world.url}/{PARTY}/pay/{key}"
        payers.wait_for(world, PARTY, invoice, page, lambda: payment.status == "Initiated" and not payment.approved)
        told = {
            f"{name}CallbackURL": _callback(payment, status)
            for name, status in (("success", "success"), ("failure", "failure"), ("cancelled", "cancel"))
        }
        return Answer(self._told(payment) | told | {"bkashURL": page, "callbackURL": back, "paymentCreateTime": _time(payment.created_at)})

    def page(self, call: Call) -> Answer:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return pages.page(TITLE, "<p>No such payment.</p>", 404) if payment is None else pages.asked(TITLE, payment)

    def decide(self, call: Call) -> Answer:
        """What the payer pressed. A bank's hard no is told here; a soft one (too little money) comes with execute."""
        world, decision = self._world, call.form().get("decision", "")
        payment = world.truth.payments.get((PARTY, call.path["id"]))
        if payment is None:
            return pages.page(TITLE, "<p>No such payment.</p>", 404)
        if payment.status == "Initiated" and self._alive(payment):
            refused = faults.decline(world.faults, world.dice, PARTY, world.named(PARTY, payment.reference))
            if decision == "pay" and refused != "hard":
                payment.approved = True
            elif not payment.approved:
                payment.status = "Cancelled" if decision == "cancel" else "Failed"
        status = "success" if payment.approved else "cancel" if payment.status == "Cancelled" else "failure"
        return pages.back(_callback(payment, status))

    def execute(self, call: Call) -> Answer:
        world, payment = self._world, self._asked(call)
        if isinstance(payment, Answer):
            return payment
        if payment.captured or payment.authorized:
            return Answer(_failed("2062"))
        if payment.more.get("executed"):
            return Answer(_failed("2117"))
        if not payment.approved or not self._alive(payment):
            return Answer(_failed("2056"))
        payment.more["executed"] = True
        if faults.decline(world.faults, world.dice, PARTY, world.named(PARTY, payment.reference)) == "soft":
            payment.status = "Failed"
            return Answer(_failed("2023"))
        payment.trx = world.word(10, PARTY, "trx", payment.reference, payment.id)
        world.truth.name(payment)
        payment.more["executed_at"] = world.now()
        if payment.manual:
            payment.authorize(payment.amount, world.now())
            payment.status = "Authorized"
        else:
            payment.charge(world.now())
            payment.status = "Completed"
            self._topic.tell(payment)
        return Answer(self._told(payment))

    def status(self, call: Call) -> Answer:
        payment = self._asked(call)
        if isinstance(payment, Answer):
            return payment
        verified = "Complete" if payment.approved else "Incomplete"
        return Answer(
            self._told(payment)
            | {"verificationStatus": verified, "userVerificationStatus": verified, "paymentCreateTime": _time(payment.created_at)}
        )

    def search(self, call: Call) -> Answer:
        if not self._known(call):
            return Answer({"message": "Unauthorized"}, 401)
        trx = str(call.json().get("trxID", ""))
        payment = self._world.truth.paid_as.get((PARTY, trx))
        if payment is None:
            return Answer(_failed("2033"))
        return Answer(
            self._told(payment)
            | {
                "completedTime": _time(payment.more["executed_at"]),
                "initiationTime": _time(payment.created_at),
                "transactionType": "bKash Tokenized Checkout via API",
                "maxRefundableAmount": taka(payment.captured - payment.refunded),
                "saleAmount": taka(payment.captured),
                "serviceFee": "0.00",
                "organizationShortCode": "50022",
            }
        )

    def capture(self, call: Call) -> Answer:
        payment = self._asked(call)
        if isinstance(payment, Answer):
            return payment
        if payment.status != "Authorized":
            return Answer(_failed("2062" if payment.captured else "2056"))
        payment.capture(payment.held, self._world.now())
        payment.status = "Completed"
        self._topic.tell(payment)
        return Answer(self._told(payment))

    def void(self, call: Call) -> Answer:
        payment = self._asked(call)
        if isinstance(payment, Answer):
            return payment
        if payment.status != "Authorized":
            return Answer(_failed("2034" if payment.voided else "2056"))
        payment.void(self._world.now())
        payment.status = "Voided"
        return Answer(self._told(payment))

    # Refunds

    def refund_v1(self, call: Call) -> Answer:
        """With an amount a refund, without one its state."""
        payment, asked = self._asked(call), call.json()
        if isinstance(payment, Answer):
            return payment
        made: list[dict[str, Any]] = payment.more.get("refunds", [])
        if asked.get("amount"):
            wrong = self._give_back(payment, asked, "trxID", "amount")
            if wrong:
                return Answer(_failed(wrong))
            made = payment.more["refunds"]
        if not made:
            return Answer(_failed("2033"))
        last = made[-1]
        return Answer(
            {
                "statusCode": "0000",
                "statusMessage": "Successful",
                "originalTrxID": payment.trx,
                "refundTrxID": last["refundTrxId"],
                "transactionStatus": "Completed",
                "amount": last["refundAmount"],
                "currency": "BDT",
                "charge": "0.00",
                "completedTime": last["completedTime"],
            }
        )

    def refund(self, call: Call) -> Answer:
        payment, asked = self._asked(call, "paymentId"), call.json()
        if isinstance(payment, Answer):
            return payment if payment.status != 200 else Answer(_refused("2071", "Payment not found"))
        wrong = self._give_back(payment, asked, "trxId", "refundAmount")
        if wrong:
            return Answer(_refused({"2033": "2072", "2006": "2073", "2026": "2074", "2034": "2076"}[wrong], SAID[wrong]))
        return Answer(
            {
                "originalTrxId": payment.trx,
                "originalTrxAmount": taka(payment.captured),
                "refundTransactionStatus": "Completed",
                "originalTrxCompletedTime": _time(payment.more["executed_at"]),
                **payment.more["refunds"][-1],
                "currency": "BDT",
            }
        )

    def refunds(self, call: Call) -> Answer:
        payment = self._asked(call, "paymentId")
        if isinstance(payment, Answer):
            return payment if payment.status != 200 else Answer(_refused("2071", "Payment not found"))
        done = [{**made, "refundTransactionStatus": "Completed"} for made in payment.more.get("refunds", [])]
        return Answer({"originalTrxId": payment.trx, "originalTrxAmount": taka(payment.captured), "refundTransactions": done})

    def _give_back(self, payment: Payment, asked: Mapping[str, Any], trx: str, field: str) -> str:
        """Refund, or the code that says why not. bKash knows no idempotency here: asked twice, it pays back twice."""
        try:
            amount = paisa(asked.get(field))
        except ValueError:
            return "2006"
        if not payment.trx or asked.get(trx) != payment.trx:
            return "2033"
        if amount <= 0:
            return "2006"
        made = payment.more.setdefault("refunds", [])
        if payment.refunded == payment.captured:
            return "2034"
        if amount > payment.captured - payment.refunded or len(made) >= REFUNDS_MAX:
            return "2026"
        reference = str(asked.get("sku") or "refund")
        number = sum(known.split("#")[0] == reference for known in payment.refunds)
        payment.refund(reference if not number else f"{reference}#{number + 1}", amount, self._world.now())
        made.append(
            {
                "refundTrxId": self._world.word(10, PARTY, "refund", payment.reference, payment.id, len(made)),
                "refundAmount": taka(amount),
                "sku": reference,
                "reason": asked.get("reason", ""),
                "completedTime": _time(self._world.now()),
            }
        )
        return ""

    def _asked(self, call: Call, field: str = "paymentID") -> Payment | Answer:
        if not self._known(call):
            return Answer({"message": "Unauthorized"}, 401)
        payment = self._world.truth.payments.get((PARTY, str(call.json().get(field, ""))))
        return Answer(_failed("2002")) if payment is None else payment

    def _alive(self, payment: Payment) -> bool:
        return self._world.now() - payment.created_at < LIVES

    def _told(self, payment: Payment) -> dict[str, Any]:
        told = {
            "statusCode": "0000",
            "statusMessage": "Successful",
            "paymentID": payment.id,
            "amount": taka(payment.amount),
            "currency": "BDT",
            "intent": "authorization" if payment.manual else "sale",
            "merchantInvoiceNumber": payment.reference,
            "payerReference": payment.payer,
            "transactionStatus": payment.status,
        }
        if payment.trx:
            told |= {"trxID": payment.trx, "customerMsisdn": "01770618575", "paymentExecuteTime": _time(payment.more["executed_at"])}
        return told


def _failed(code: str) -> dict[str, str]:
    return {"statusCode": code, "statusMessage": SAID[code]}


def _refused(code: str, why: str) -> dict[str, str]:
    """The error of version 2."""
    return {"internalCode": f"refund_{code}", "externalCode": code, "errorMessageEn": why, "errorMessageBn": why}


def _callback(payment: Payment, status: str) -> str:
    back = payment.more["callback"]
    query = urlencode({"paymentID": payment.id, "status": status, "signature": payment.id[-8:], "apiVersion": "1.2.0-beta"})
    return f"{back}{'&' if '?' in back else '?'}{query}"


def _time(instant: datetime) -> str:
    return dhaka(instant, "%Y-%m-%dT%H:%M:%S:000 GMT+0600")


__all__ = ["ACCOUNT", "PARTY", "connection", "operations"]
