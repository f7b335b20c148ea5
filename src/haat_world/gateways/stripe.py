"""Stripe as far as a shop without subscriptions uses it: PaymentIntents, refunds, Idempotency-Key, events with signatures.

Amounts are minor units. A key once used answers the same again, errors too; with other parameters it is an error. Without a
payment method the payer confirms on this world's page (`/stripe/pay/{id}`), as a shop's own page with Stripe's script would. The
payer's bank contests and decides at `/stripe/pay/{id}/disputes` (`status` in Stripe's words).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from haat_world import faults, hooks, pages, payers
from haat_world.connections import Connection
from haat_world.truth import Payment
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

PARTY, TITLE = "stripe", "Stripe"
KEY, PUBLIC, WEBHOOK = "sk_test_world", "pk_test_world", "whsec_world"
VERSION = "2026-10-28"
DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", ""),
}
ASKS_PAYER = frozenset({"pm_card_authenticationRequired", "pm_card_threeDSecure2Required", "pm_card_threeDSecureRequired"})
MOODS = {"soft": ("card_declined", "insufficient_funds"), "hard": ("card_declined", "stolen_card")}
REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer", "abandoned"})
PART = re.compile(r"\[([^\]]*)\]")
OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing"})


def connection(url: str) -> Connection:
    config = {"base_url": f"{url}/{PARTY}", "publishable_key": PUBLIC}
    return Connection(PARTY, "gateway", PARTY, config, {"secret_key": KEY, "webhook_secret": WEBHOOK})


def operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    one = "/v1/payment_intents/{id}"
    once, reference = desk.once, desk.reference
    return [
        Operation("POST", "/v1/payment_intents", "create", once(desk.create), lambda call: _reference(nested(call.body), call)),
        Operation("GET", "/v1/payment_intents", "list", desk.many),
        Operation("GET", "/v1/payment_intents/search", "search", desk.many, lambda call: call.query.get("query", "")),
        Operation("GET", one, "retrieve", desk.one, reference),
        Operation("POST", f"{one}/confirm", "confirm", once(desk.confirm), reference),
        Operation("POST", f"{one}/capture", "capture", once(desk.capture), reference),
        Operation("POST", f"{one}/cancel", "cancel", once(desk.cancel), reference),
        Operation("POST", "/v1/refunds", "refund", once(desk.refund), lambda call: str(nested(call.body).get("payment_intent", ""))),
        Operation("GET", "/v1/refunds", "refunds", desk.refunds, lambda call: call.query.get("payment_intent", "")),
        Operation("GET", "/v1/refunds/{id}", "refund status", desk.refund_state, lambda call: call.path["id"]),
        Operation("GET", "/v1/disputes/{id}", "dispute", desk.dispute, lambda call: call.path["id"]),
        Operation("POST", "/pay/{id}/disputes", "contest", desk.contest, faulty=False),
        Operation("GET", "/v1/balance", "balance", desk.balance),
        Operation("GET", "/v1/account", "account", desk.balance),
        Operation("GET", "/pay/{id}", "page", desk.page, faulty=False),
        Operation("POST", "/pay/{id}", "decision", desk.decide, faulty=False),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world
        self._answered: dict[str, tuple[str, Answer]] = {}

    def reference(self, call: Call) -> str:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return "" if payment is None else payment.reference

    def once(self, do: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        """The same key gives the same answer, errors too; the same key for something else is refused."""

        def kept(call: Call) -> Answer:
            key = call.headers.get("idempotency-key")
            if not _known(call) or not key:
                return do(call)
            print_ = hashlib.sha256(f"{call.path}{call.body!r}".encode()).hexdigest()
            if key not in self._answered:
                self._answered[key] = (print_, do(call))
            elif self._answered[key][0] != print_:
                return _error(400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters.")
            else:
                return msgspec.structs.replace(self._answered[key][1], headers={"idempotent-replayed": "true"})
            return self._answered[key][1]

        return kept

    # Intents

    def create(self, call: Call) -> Answer:
        world, asked = self._world, nested(call.body)
        if not _known(call):
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        amount, currency = str(asked.get("amount", "")), str(asked.get("currency", "")).upper()
        if not amount.isdigit() or not 0 < int(amount) <= 99_999_999_99 or len(currency) != 3:
            return _error(400, "invalid_request_error", "Invalid amount or currency", code="parameter_invalid_integer", param="amount")
        reference, multi = _reference(asked, call), "request_multicapture" in str(asked.get("payment_method_options"))
        key = f"pi_{world.word(24, PARTY, reference, world.count(PARTY, 'id', reference))}"
        payment = world.truth.pay(
            Payment(
                party=PARTY, id=key, reference=reference, amount=int(amount), currency=currency, status="requires_payment_method",
                created_at=world.now(), manual=asked.get("capture_method") == "manual",
                more={"metadata": _mapping(asked.get("metadata")), "return_url": str(asked.get("return_url", "")), "tries": 0,
                      "method": str(asked.get("payment_method", "")), "description": asked.get("description"), "multi": multi},
            )
        )  # fmt: skip
        if asked.get("confirm") == "true":
            return self._confirm(payment, payment.more["method"])
        if payment.more["method"]:
            payment.status = "requires_confirmation"
        payers.wait_for(world, PARTY, reference, self._page(payment), lambda: payment.status in OPEN and not payment.authorized)
        return Answer(self._told(payment))

    def one(self, call: Call) -> Answer:
        payment = self._asked(call)
        if isinstance(payment, Answer):
            return payment
        card = {"multicapture": {"status": "available" if payment.more.get("multi") else "unavailable"}}
        charge = {"id": payment.trx, "object": "charge", "payment_method_details": {"card": card}}
        expanded = {"latest_charge": charge} if payment.trx and call.query.get("expand[]") == "latest_charge" else {}
        return Answer(self._told(payment) | expanded)

    def many(self, call: Call) -> Answer:
        """A list, or a search of which only `metadata['name']:'value'` is understood."""
        if not _known(call):
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        wanted = re.findall(r"metadata\[['\"](\w+)['\"]\]:['\"]([^'\"]*)['\"]", call.query.get("query", ""))
        found = [p for p in self._ours() if all(p.more["metadata"].get(name) == value for name, value in wanted)]
        kind = "search_result" if wanted else "list"
        return Answer(
            {"object": kind, "data": [self._told(p) for p in reversed(found)][:10], "has_more": False, "url": "/v1/payment_intents"}
        )

    def confirm(self, call: Call) -> Answer:
        payment, asked = self._asked(call), nested(call.body)
        if isinstance(payment, Answer):
            return payment
        if payment.status not in ("requires_payment_method", "requires_confirmation"):
            return self._unexpected(payment, "confirm")
        payment.more["return_url"] = str(asked.get("return_url", "") or payment.more["return_url"])
        return self._confirm(payment, str(asked.get("payment_method", "") or payment.more["method"]))

    def _confirm(self, payment: Payment, method: str) -> Answer:
        if not method:
            return _error(400, "invalid_request_error", "A payment method is missing", code="payment_intent_unexpected_state")
        if method in ASKS_PAYER:
            payment.status = "requires_action"
            self._tell("payment_intent.requires_action", payment)
            payers.wait_for(self._world, PARTY, payment.reference, self._page(payment), lambda: payment.status == "requires_action")
            return Answer(self._told(payment))
        refused = DECLINES.get(method) or MOODS.get(self._mood(payment))
        return self._declined(payment, *refused) if refused else self._paid(payment)

    def _mood(self, payment: Payment) -> str:
        payment.more["tries"] += 1
        name = self._world.named(PARTY, payment.reference)
        return faults.decline(self._world.faults, self._world.dice, PARTY, name, payment.more["tries"])

    def _paid(self, payment: Payment) -> Answer:
        payment.trx = f"ch_{self._world.word(24, PARTY, 'charge', payment.id)}"
        payment.more.pop("error", None)
        if payment.manual:
            payment.authorize(payment.amount, self._world.now())
            payment.status = "requires_capture"
            self._tell("payment_intent.amount_capturable_updated", payment)
        else:
            payment.charge(self._world.now())
            payment.status = "succeeded"
            self._tell("payment_intent.succeeded", payment, contrary="payment_intent.payment_failed")
        return Answer(self._told(payment))

    def _declined(self, payment: Payment, code: str, decline: str) -> Answer:
        payment.status = "requires_payment_method"
        payment.more["error"] = {"type": "card_error", "code": code, "message": "Your card was declined."}
        payment.more["error"] |= {"decline_code": decline} if decline else {}
        self._tell("payment_intent.payment_failed", payment)
        return Answer({"error": payment.more["error"] | {"payment_intent": self._told(payment)}}, 402)

    def capture(self, call: Call) -> Answer:
        payment, asked = self._asked(call), nested(call.body)
        if isinstance(payment, Answer):
            return payment
        if payment.status != "requires_capture":
            return self._unexpected(payment, "capture")
        amount = int(str(asked.get("amount_to_capture") or payment.held))
        if not 0 < amount <= payment.held:
            return _error(400, "invalid_request_error", "The capture is larger than the authorisation", code="amount_too_large")
        if (more := asked.get("final_capture") == "false") and not payment.more.get("multi"):
            return _error(400, "invalid_request_error", "Multicapture is not available.", param="final_capture")
        payment.capture(amount, self._world.now())
        if more and payment.held:
            self._tell("payment_intent.amount_capturable_updated", payment)
            return Answer(self._told(payment))
        payment.void(self._world.now())
        payment.status = "succeeded"
        self._tell("payment_intent.succeeded", payment)
        return Answer(self._told(payment))

    def cancel(self, call: Call) -> Answer:
        payment, asked = self._asked(call), nested(call.body)
        if isinstance(payment, Answer):
            return payment
        if payment.status not in OPEN:
            return self._unexpected(payment, "cancel")
        if asked.get("cancellation_reason", "abandoned") not in REASONS:
            return _error(400, "invalid_request_error", "Invalid cancellation_reason", param="cancellation_reason")
        payment.void(self._world.now())
        payment.status = "canceled"
        payment.more["reason"] = asked.get("cancellation_reason")
        self._tell("payment_intent.canceled", payment)
        return Answer(self._told(payment))

    # Refunds

    def refund(self, call: Call) -> Answer:
        world, asked = self._world, nested(call.body)
        if not _known(call):
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        named = str(asked.get("payment_intent") or asked.get("charge") or "")
        payment = next((p for p in self._ours() if named and named in (p.id, p.trx)), None)
        if payment is None or not payment.captured:
            return _error(404 if payment is None else 400, "invalid_request_error", "No such charge", code="resource_missing")
        left = payment.captured - payment.refunded
        amount = int(str(asked.get("amount") or left))
        if left == 0:
            return _error(400, "invalid_request_error", "The charge has already been refunded.", code="charge_already_refunded")
        if not 0 < amount <= left:
            return _error(400, "invalid_request_error", "Refund amount is greater than unrefunded amount", param="amount")
        metadata = _mapping(asked.get("metadata"))
        reference = next(iter(metadata.values()), "") or call.headers.get("idempotency-key") or "refund"
        number = sum(known.split("#")[0] == reference for known in payment.refunds)
        reference += f"#{number + 1}" if number else ""
        payment.refund(reference, amount, world.now())
        made = {
            "id": f"re_{world.word(24, PARTY, 'refund', payment.id, reference)}",
            "object": "refund",
            "amount": amount,
            "currency": payment.currency.lower(),
            "payment_intent": payment.id,
            "charge": payment.trx,
            "status": "succeeded",
            "created": int(world.now().timestamp()),
            "metadata": metadata,
            "reason": asked.get("reason"),
            "failure_reason": None,
        }
        payment.more.setdefault("refunds", []).append(made)
        self._tell("refund.created", payment, made)
        return Answer(made)

    def refunds(self, call: Call) -> Answer:
        named = call.query.get("payment_intent", "")
        data = [made for p in self._ours() if not named or p.id == named for made in reversed(p.more.get("refunds", []))]
        return Answer({"object": "list", "data": data, "has_more": False, "url": "/v1/refunds"})

    def refund_state(self, call: Call) -> Answer:
        for payment in self._ours():
            for made in payment.more.get("refunds", []):
                if made["id"] == call.path["id"]:
                    return Answer(made)
        return _error(404, "invalid_request_error", "No such refund", code="resource_missing")

    def dispute(self, call: Call) -> Answer:
        found = [p.more["dispute"] for p in self._ours() if _known(call) and p.more.get("dispute", {}).get("id") == call.path["id"]]
        return Answer(found[0]) if found else _error(404, "invalid_request_error", "No such dispute", code="resource_missing")

    def contest(self, call: Call) -> Answer:
        payment, status, now = self._world.truth.payments[PARTY, call.path["id"]], call.form()["status"], self._world.now()
        made = payment.more.setdefault("dispute", {
            "id": f"du_{self._world.word(24, PARTY, 'dispute', payment.id)}", "object": "dispute", "amount": payment.captured,
            "currency": payment.currency.lower(), "payment_intent": payment.id, "charge": payment.trx, "reason": "fraudulent",
            "metadata": {}, "evidence_details": {"due_by": int((now + timedelta(days=7)).timestamp())},
        })  # fmt: skip
        event = "closed" if status in ("won", "lost", "warning_closed") else "updated" if "status" in made else "created"
        made["status"] = status
        self._tell(f"charge.dispute.{event}", payment, made)
        return Answer(made)

    def balance(self, call: Call) -> Answer:
        if not _known(call):
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        return Answer({"object": "balance", "id": "acct_world", "available": [], "pending": [], "livemode": False})

    # The payer

    def page(self, call: Call) -> Answer:
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return pages.page(TITLE, "<p>No such payment.</p>", 404) if payment is None else pages.asked(TITLE, payment)

    def decide(self, call: Call) -> Answer:
        payment, decision = self._world.truth.payments.get((PARTY, call.path["id"])), call.form().get("decision", "")
        if payment is None:
            return pages.page(TITLE, "<p>No such payment.</p>", 404)
        if payment.status in OPEN and not payment.authorized:
            refused = MOODS.get(self._mood(payment)) if decision == "pay" else ("payment_intent_authentication_failure", "")
            if refused:
                self._declined(payment, *refused)
            else:
                self._paid(payment)
        back = payment.more["return_url"]
        if not back:
            return pages.page(TITLE, f"<p>{payment.status}</p>")
        outcome = "succeeded" if payment.status in ("succeeded", "requires_capture") else "failed"
        query = urlencode({"payment_intent": payment.id, "payment_intent_client_secret": _secret(payment), "redirect_status": outcome})
        return pages.back(f"{back}{'&' if '?' in back else '?'}{query}")

    def _tell(self, event: str, payment: Payment, about: Mapping[str, Any] | None = None, contrary: str = "") -> None:
        """An event about the intent as it stands now (or `about` something else), signed at the instant of sending."""
        world, body = self._world, dict(about or self._told(payment))
        number = world.count("stripe event", payment.id)

        def write(kind: str, about: Mapping[str, Any]) -> Callable[[datetime], hooks.Written]:
            told = {"id": f"evt_{world.word(24, payment.id, kind, number)}", "object": "event", "api_version": VERSION, "type": kind,
                    "created": int(world.now().timestamp()), "livemode": False, "data": {"object": about}}  # fmt: skip
            return lambda now: _signed(msgspec.json.encode(told), now)

        against = write(contrary, body | {"status": "requires_payment_method"}) if contrary else None
        hook = hooks.Hook(party=PARTY, event=event, reference=payment.reference, write=write(event, body), against=against)
        hooks.send(world, hook, after=timedelta(seconds=1))

    def _told(self, payment: Payment) -> dict[str, Any]:
        waiting = payment.status == "requires_action"
        action = {"type": "redirect_to_url", "redirect_to_url": {"url": self._page(payment), "return_url": payment.more["return_url"]}}
        return {
            "id": payment.id, "object": "payment_intent", "amount": payment.amount, "currency": payment.currency.lower(),
            "amount_capturable": payment.held, "amount_received": payment.captured, "status": payment.status,
            "capture_method": "manual" if payment.manual else "automatic", "client_secret": _secret(payment),
            "created": int(payment.created_at.timestamp()), "metadata": payment.more["metadata"], "latest_charge": payment.trx or None,
            "last_payment_error": payment.more.get("error"), "cancellation_reason": payment.more.get("reason"), "livemode": False,
            "next_action": action if waiting else None, "payment_method": payment.more["method"] or None,
            "description": payment.more["description"],
        }  # fmt: skip

    def _page(self, payment: Payment) -> str:
        return f"{self._world.url}/{PARTY}/pay/{payment.id}"

    def _asked(self, call: Call) -> Payment | Answer:
        if not _known(call):
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        payment = self._world.truth.payments.get((PARTY, call.path["id"]))
        return payment or _error(404, "invalid_request_error", "No such payment_intent", code="resource_missing", param="intent")

    def _unexpected(self, payment: Payment, verb: str) -> Answer:
        text = f"You cannot {verb} this PaymentIntent because it has a status of {payment.status}."
        found = _error(400, "invalid_request_error", text, code="payment_intent_unexpected_state")
        return Answer({"error": found.body["error"] | {"payment_intent": self._told(payment)}}, 400)

    def _ours(self) -> list[Payment]:
        return [payment for payment in self._world.truth.payments.values() if payment.party == PARTY]


def nested(body: bytes) -> dict[str, Any]:
    """Form fields with names like `metadata[order]` or `expand[]` as a tree of objects; lists are objects by position."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        first, parts = name.split("[")[0], PART.findall(name)
        place, last = tree, first
        for part in parts:
            place = place.setdefault(last, {})
            last = part or str(len(place))
        place[last] = value
    return tree


def _reference(asked: Mapping[str, Any], call: Call) -> str:
    """Ours is the first of the metadata, or the key of the request."""
    return str(next(iter(_mapping(asked.get("metadata")).values()), "") or call.headers.get("idempotency-key", ""))


def _mapping(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _known(call: Call) -> bool:
    given = call.headers.get("authorization", "")
    return given == f"Bearer {KEY}" or given.startswith("Basic c2tfdGVzdF93b3JsZD")  # the same key as a user name


def _secret(payment: Payment) -> str:
    return f"{payment.id}_secret_{payment.id[-8:]}"


def _signed(body: bytes, now: datetime) -> hooks.Written:
    at = int(now.timestamp())
    signature = hmac.new(WEBHOOK.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json; charset=utf-8", "stripe-signature": f"t={at},v1={signature}"}, body


def _error(status: int, kind: str, message: str, **more: str) -> Answer:
    return Answer({"error": {"type": kind, "message": message, **more}}, status)
