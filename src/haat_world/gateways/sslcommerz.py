"""SSLCOMMERZ v4: session, the payer's page, IPN with its hash, validation, refund, query. Form-encoded in, JSON out.

Money moves on the page. The browser posts the outcome to the shop, the IPN says the same a moment later, and neither proves
anything: the validation does (VALID once, VALIDATED from then on).
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from haat_world import faults, hooks, pages, payers
from haat_world.amounts import paisa, taka
from haat_world.clock import dhaka
from haat_world.connections import Connection
from haat_world.truth import Payment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY, TITLE = "sslcommerz", "SSLCOMMERZ"
STORE, PASSWORD = "haatworld01", "haatworld01@ssl"
NEEDED = (
    "total_amount",
    "currency",
    "tran_id",
    "success_url",
    "fail_url",
    "cancel_url",
    "cus_name",
    "cus_email",
    "cus_add1",
    "cus_city",
    "cus_country",
    "cus_phone",
    "shipping_method",
    "num_of_item",
    "product_name",
    "product_category",
    "product_profile",
)
LIMITS = (10_00, 500_000_00)
FORM = {"content-type": "application/x-www-form-urlencoded"}
SIGNED = (
    "amount",
    "bank_tran_id",
    "base_fair",
    "card_brand",
    "card_issuer",
    "card_no",
    "card_type",
    "currency",
    "currency_amount",
    "currency_rate",
    "currency_type",
    "error",
    "risk_level",
    "risk_title",
    "status",
    "store_amount",
    "store_id",
    "tran_date",
    "tran_id",
    "val_id",
    "value_a",
    "value_b",
    "value_c",
    "value_d",
)


def connection(url: str) -> Connection:
    return Connection(PARTY, "gateway", PARTY, {"base_url": f"{url}/{PARTY}", "store_id": STORE}, {"store_passwd": PASSWORD})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", "/gwprocess/v4/api.php", "session", desk.session, lambda call: call.form()["tran_id"]),
        Operation("GET", "/validator/api/validationserverAPI.php", "validate", desk.validate, desk.reference_of_val),
        Operation("GET", "/validator/api/merchantTransIDvalidationAPI.php", "query", desk.query, desk.reference),
        Operation("GET", "/pay/{id}", "page", desk.page, faulty=False),
        Operation("POST", "/pay/{id}", "decision", desk.decide, faulty=False),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world

    def reference_of_val(self, call: Call) -> str:
        payment = self._named(call.query.get("val_id", ""))
        return "" if payment is None else payment.reference

    def reference(self, call: Call) -> str:
        asked = call.query
        payment = self._world.truth.payments.get((PARTY, asked.get("sessionkey", ""))) or self._named(asked.get("bank_tran_id", ""))
        return payment.reference if payment is not None else asked.get("tran_id") or asked.get("refund_ref_id", "")

    def session(self, call: Call) -> Answer:
        world, asked = self._world, call.form()
        if (asked.get("store_id"), asked.get("store_passwd")) != (STORE, PASSWORD):
            return _no_session("Store Credential Error Or Store is De-active")
        missing = [name for name in NEEDED if not asked.get(name)]
        if missing or len(asked["tran_id"]) > 30:
            return _no_session(f"Invalid Information '{missing[0] if missing else 'tran_id'}'")
        try:
            amount = paisa(asked["total_amount"])
        except ValueError:
            amount = 0
        if not LIMITS[0] <= amount <= LIMITS[1]:
            return _no_session("Invalid Information 'total_amount'")
        if any(payment.captured for payment in world.truth.paid_for(PARTY, asked["tran_id"])):
            return _no_session("Transaction ID is duplicate")
        number = world.count(PARTY, "id", asked["tran_id"])
        key = world.word(32, PARTY, asked["tran_id"], number)
        payment = world.truth.pay(
            Payment(
                party=PARTY,
                id=key,
                reference=asked["tran_id"],
                amount=amount,
                currency=asked["currency"],
                status="PENDING",
                created_at=world.now(),
                payer=asked["cus_phone"],
                more={"asked": asked},
            )
        )
        page = f"{world.url}/{PARTY}/pay/{key}"
        payers.wait_for(world, PARTY, payment.reference, page, lambda: payment.status == "PENDING")
        return Answer(
            {
                "status": "SUCCESS",
                "failedreason": "",
                "sessionkey": key,
                "gw": {},
                "redirectGatewayURL": page,
                "GatewayPageURL": page,
                "storeBanner": "",
                "storeLogo": "",
                "desc": [],
            }
        )

    def page(self, call: Call) -> Answer:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return pages.page(TITLE, "<p>No such payment.</p>", 404) if payment is None else pages.asked(TITLE, payment)

    def decide(self, call: Call) -> Answer:
        world, decision = self._world, call.form().get("decision", "")
        payment = world.truth.payments.get((PARTY, call.path["id"]))
        if payment is None:
            return pages.page(TITLE, "<p>No such payment.</p>", 404)
        if payment.status == "PENDING":
            self._decided(payment, decision)
        url = {"CANCELLED": "cancel_url", "FAILED": "fail_url"}.get(payment.status, "success_url")
        return pages.back_by_post(TITLE, payment.more["asked"][url], self._outcome(payment, payment.status))

    def _decided(self, payment: Payment, decision: str) -> None:
        """The money has moved, or not; the IPN is on its way."""
        world = self._world
        refused = faults.decline(world.faults, world.dice, PARTY, world.named(PARTY, payment.reference))
        payment.trx = world.word(16, PARTY, "bank", payment.reference, payment.id)
        payment.more |= {"at": world.now(), "error": "", "val_id": ""}
        paid_before = any(each.captured for each in world.truth.paid_for(PARTY, payment.reference))
        if decision == "pay" and not refused and not paid_before:
            payment.charge(world.now())
            payment.status = "VALID"
            payment.more["val_id"] = f"{dhaka(world.now(), '%y%m%d%H%M%S')}{world.word(14, PARTY, 'val', payment.id)}"
            payment.more["risky"] = world.dice.chance(world.habits.risky, "risk", PARTY, world.named(PARTY, payment.reference))
            world.truth.name(payment)
        else:
            payment.status = "CANCELLED" if decision == "cancel" else "FAILED"
            payment.more["error"] = "Insufficient funds" if refused == "soft" else "Do not honour" if refused else "Declined by the payer"
        contrary = "FAILED" if payment.status == "VALID" else payment.status
        hooks.send(
            world,
            hooks.Hook(
                party=PARTY,
                event="ipn",
                reference=payment.reference,
                url=payment.more["asked"].get("ipn_url", ""),
                write=lambda _: (FORM, _encoded(self._outcome(payment, payment.status))),
                against=lambda _: (FORM, _encoded(self._outcome(payment, contrary))),
            ),
            after=timedelta(seconds=2),
        )

    def validate(self, call: Call) -> Answer:
        if not _known(call):
            return Answer({"APIConnect": "FAILED"})
        payment = self._named(call.query.get("val_id", ""))
        if payment is None:
            return Answer({"APIConnect": "DONE", "status": "INVALID_TRANSACTION"})
        status, payment.more["validated"] = ("VALIDATED" if payment.more.get("validated") else "VALID"), True
        return Answer(self._outcome(payment, status) | {"APIConnect": "DONE", "validated_on": self._time(), "gw_version": ""})

    def query(self, call: Call) -> Answer:
        """One address for three questions: a transaction, a refund to be made, the state of a refund."""
        if not _known(call):
            return Answer({"APIConnect": "FAILED"})
        asked = call.query
        if "refund_ref_id" in asked:
            return self._refund_state(asked["refund_ref_id"])
        if "refund_amount" in asked:
            return self._refund(asked)
        found = self._world.truth.paid_for(PARTY, asked.get("tran_id", ""))
        found += [p for p in [self._world.truth.payments.get((PARTY, asked.get("sessionkey", "")))] if p is not None and p not in found]
        told = [self._outcome(p, "VALIDATED" if p.more.get("validated") else p.status) for p in found]
        if "sessionkey" in asked:
            return Answer({"APIConnect": "DONE"} | (told[0] if told else {"status": "INVALID_TRANSACTION"}))
        return Answer({"APIConnect": "DONE", "no_of_trans_found": len(told), "element": told})

    def _refund(self, asked: Mapping[str, str]) -> Answer:
        payment = self._named(asked.get("bank_tran_id", ""))
        if payment is None or not payment.captured:
            return _no_refund("Invalid bank_tran_id")
        try:
            amount = paisa(asked["refund_amount"])
        except ValueError:
            return _no_refund("Invalid refund_amount")
        reference = asked.get("refund_trans_id") or asked.get("refe_id") or "refund"
        status = "processing"  # this refund was asked for before
        if reference not in payment.refunds:
            if not 0 < amount <= payment.captured - payment.refunded:
                return _no_refund("Refund amount is greater than what is left")
            payment.refund(reference, amount, self._world.now())
            status = "success"
        return Answer(
            {
                "APIConnect": "DONE",
                "bank_tran_id": payment.trx,
                "trans_id": payment.reference,
                "refund_ref_id": self._refund_id(payment, reference),
                "status": status,
                "errorReason": "",
            }
        )

    def _refund_state(self, key: str) -> Answer:
        for payment in self._ours():
            for reference in payment.refunds:
                if self._refund_id(payment, reference) == key:
                    return Answer(
                        {
                            "APIConnect": "DONE",
                            "bank_tran_id": payment.trx,
                            "tran_id": payment.reference,
                            "refund_ref_id": key,
                            "initiated_on": self._time(),
                            "refunded_on": self._time(),
                            "status": "refunded",
                            "errorReason": "",
                        }
                    )
        return _no_refund("Invalid refund_ref_id")

    def _refund_id(self, payment: Payment, reference: str) -> str:
        return self._world.word(13, PARTY, "refund", payment.id, reference)

    def _outcome(self, payment: Payment, status: str) -> dict[str, str]:
        """The fields of IPN, browser and validation, with both hashes over them."""
        asked: Mapping[str, str] = payment.more["asked"]
        amount, risky = taka(payment.amount), payment.more.get("risky", False)
        told = {
            "amount": amount,
            "bank_tran_id": payment.trx,
            "base_fair": "0.00",
            "card_brand": "MOBILEBANKING",
            "card_issuer": "BRAC BANK, LTD.",
            "card_no": "",
            "card_type": "BKASH-BKash",
            "currency": payment.currency,
            "currency_amount": amount,
            "currency_rate": "1.0000",
            "currency_type": payment.currency,
            "error": payment.more.get("error", ""),
            "risk_level": "1" if risky else "0",
            "risk_title": "Risky" if risky else "Safe",
            "status": status,
            "store_amount": taka(payment.amount * 975 // 1000),
            "store_id": STORE,
            "tran_date": self._time(payment),
            "tran_id": payment.reference,
            "val_id": payment.more.get("val_id", ""),
            **{name: asked.get(name, "") for name in ("value_a", "value_b", "value_c", "value_d")},
        }
        return told | signatures(told)

    def _named(self, name: str) -> Payment | None:
        """A payment that was made, by what the bank or its validation calls it."""
        return self._world.truth.paid_as.get((PARTY, name))

    def _ours(self) -> list[Payment]:
        return [payment for payment in self._world.truth.payments.values() if payment.party == PARTY]

    def _time(self, payment: Payment | None = None) -> str:
        return dhaka(self._world.now() if payment is None else payment.more.get("at", payment.created_at), "%Y-%m-%d %H:%M:%S")


def signatures(told: Mapping[str, str]) -> dict[str, str]:
    """`verify_sign` and `verify_sign_sha2` over the fields that `verify_key` names, the hashed password among them, sorted."""
    fields = {name: told[name] for name in SIGNED}
    plain = fields | {"store_passwd": hashlib.md5(PASSWORD.encode()).hexdigest()}  # noqa: S324 the protocol's own
    text = "&".join(f"{name}={plain[name]}" for name in sorted(plain)).encode()
    sign = hashlib.md5(text).hexdigest()  # noqa: S324
    return {"verify_key": ",".join(SIGNED), "verify_sign": sign, "verify_sign_sha2": hashlib.sha256(text).hexdigest()}


def _encoded(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def _known(call: Call) -> bool:
    return (call.query.get("store_id"), call.query.get("store_passwd")) == (STORE, PASSWORD)


def _no_session(reason: str) -> Answer:
    return Answer({"status": "FAILED", "failedreason": reason, "sessionkey": "", "gw": {}, "GatewayPageURL": "", "desc": []})


def _no_refund(reason: str) -> Answer:
    told: dict[str, Any] = {"APIConnect": "DONE", "status": "failed", "errorReason": reason}
    return Answer(told)
