"""Payments: how an order is paid now, asking a gateway, and paying again: the same way, another way, or in several parts.

Whatever is asked for here becomes a fact of the order; the gateway is spoken to by the flow of payments. The answer waits a moment
for the address at which the buyer goes on, and says how the order stands where there is none yet.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders, payments
from haat.engine import idempotency
from haat.engine.database import Collided
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.orders import order_id_in
from haat.faces.api.placing import key_in
from haat.faces.api.shop import Shop
from haat.flows.paying import Counter
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

WAIT_S = 8.0  # longer than any gateway that works takes, shorter than a shopper's patience
LINK_FOR = timedelta(days=2)
Method = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9._-]+$")]
PAY_AGAIN = {"tenders": [{"method": "bkash", "amount": 20_000}, {"method": "cod", "amount": 106_000}]}


class TenderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    method: Method
    amount: Annotated[int, Meta(ge=1, le=10**12)]


class PaymentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `tenders`: what is due, the same way again. With them: these parts instead, which sum to what is due."""

    tenders: Annotated[list[TenderRequest], Meta(max_length=5)] = []


class SignalView(msgspec.Struct, frozen=True):
    """What somebody said of a payment, and whether it changed anything."""

    source: str
    status: str
    amount: int
    reason: str
    raw_code: str
    counted: bool
    at: datetime


class PaymentView(msgspec.Struct, frozen=True):
    """A try to pay. `redirect_url`: where the buyer goes on. `receipt` (why this gateway) and `signals` are for staff."""

    id: str
    order_id: str
    payment: str
    method: str
    gateway: str
    status: str
    amount: int
    currency: str
    authorized: int
    captured: int
    refunded: int
    orphaned: int
    reason: str
    redirect_url: str
    reference: str
    started_at: datetime
    expires_at: datetime | None = None
    receipt: payments.Receipt | None = None
    signals: list[SignalView] = []


class OrderPayments(msgspec.Struct, frozen=True):
    """How an order is paid: what is due now (beside what is paid at the door), the obligations, and where the buyer goes on."""

    order_id: str
    number: str
    order_status: str
    payment_status: str
    currency: str
    due: int
    redirect_url: str
    payments: tuple[orders.Tender, ...]
    refunds: tuple[orders.Refund, ...]
    version: int


class PayLink(msgspec.Struct, frozen=True):
    """Whoever holds it may pay for this one order until it expires."""

    url: str
    expires_at: datetime


def endpoints(shop: Shop, counter: Counter) -> list[Endpoint]:
    desk = PayDesk(shop, counter)
    one = "/v1/orders/{id}/payments"
    changed = (404, 409, 412, 413, 415, 422, 503)
    return [
        Endpoint("GET", "/v1/payments/{id}", "getPayment", "A try to pay, and what was heard of it", desk.one, "Payments", access.ALL,
                 answers={200: PaymentView}, problems=(404,)),
        Endpoint("GET", one, "listPayments", "How an order is paid", desk.all, "Payments", access.ALL, answers={200: OrderPayments},
                 problems=(404,)),
        Endpoint("POST", one, "payOrder", "Pay what is due: again, another way, or in parts", desk.pay, "Payments", access.ALL,
                 PaymentRequest, answers={200: OrderPayments, 201: OrderPayments}, problems=changed, idempotent=True, example=PAY_AGAIN,
                 description="The stock stays held meanwhile. 200: this was asked for already; how it stands now."),
        Endpoint("POST", one + "/{payment}/checks", "checkPayment", "Ask the gateway now", desk.check, "Payments", access.ALL,
                 answers={200: OrderPayments}, problems=(404, 409, 503)),
        Endpoint("POST", "/v1/orders/{id}/pay-links", "makePayLink", "A link by which anybody may pay for the order", desk.link, "Payments",
                 frozenset({"admin", "channel"}), answers={201: PayLink}, problems=(404, 409)),
    ]  # fmt: skip


class PayDesk:
    """What the API and the page behind a pay link have in common."""

    def __init__(self, shop: Shop, counter: Counter) -> None:
        self._shop = shop
        self._counter = counter

    async def one(self, call: Call) -> Answer:
        attempt_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            row = (await payments.attempts(tx, [attempt_id])).get(attempt_id)
            heard = await payments.signals_of(tx, attempt_id) if row is not None else []
        if row is None:
            raise Refused("unknown_payment", "There is no such payment.", kind="missing")
        order = await self.order(row.order_id)
        if not access.may_see(call.principal, order):
            raise Refused("unknown_payment", "There is no such payment.", kind="missing")
        order = access.shown_to(call.principal.role, order)
        tender, attempt = orders.paying.attempt_in(order, attempt_id)
        staff = call.principal.role == "admin"
        return Answer(200, _view(order, tender, attempt, row, heard if staff else [], staff=staff))

    async def all(self, call: Call) -> Answer:
        return self._answer(200, access.seen_by(call.principal, await self.order(order_id_in(call))))

    async def pay(self, call: Call) -> Answer:
        order = access.seen_by(call.principal, await self.order(order_id_in(call)))
        asked: PaymentRequest = call.data
        key = key_in(call)
        key = None if key is None else idempotency.Key(f"pay:{order.id}:{call.principal.actor}", key.key, key.fingerprint)
        if key is not None and await self._asked_before(key):
            return self._answer(200, order)
        wanted = [(t.method, t.amount) for t in asked.tenders]
        origin = Origin(call.principal.actor, "api", call.trace)
        began, after = await self.begin(order, wanted, origin, conditions.expected(call))
        if key is not None:
            with suppress(*Collided):  # told twice at once: the order's lock saw to it that one of them did it
                async with self._shop.database.transaction() as tx:
                    await idempotency.settle(tx, [key], [order.id], self._shop.clock.now())
        return self._answer(201 if began else 200, access.seen_by(call.principal, after))

    async def check(self, call: Call) -> Answer:
        order = access.seen_by(call.principal, await self.order(order_id_in(call)))
        orders.paying.attempt_in(order, call.path["payment"])
        after = await self._counter.look_now(call.path["payment"], source="poll", actor=call.principal.actor)
        return self._answer(200, access.seen_by(call.principal, after or order))

    async def link(self, call: Call) -> Answer:
        order = access.seen_by(call.principal, await self.order(order_id_in(call)))
        if order.status in orders.paying.ENDED:
            raise Refused("order_ended", f"An order that is {order.status} cannot be paid.", kind="conflict")
        until = self._shop.clock.now() + LINK_FOR
        return Answer(201, PayLink(self.link_of(order.id, until), until))

    def link_of(self, order_id: str, until: datetime) -> str:
        """The address of the page on which anybody may pay for an order."""
        token = payments.pay_token(order_id, expires_at=until, secret=self._shop.guest_secret)
        return f"{self._shop.settings.public_url.rstrip('/')}/pay/{token}"

    async def begin(
        self, order: orders.Order, wanted: list[tuple[str, int]], origin: Origin, version: int | None = None
    ) -> tuple[bool, orders.Order]:
        """(whether something new began, the order with the page to go on to, where there is one in time)."""
        if (not wanted or _standing(order, wanted)) and redirect_of(order, self._shop.clock.now()):
            return False, order
        now = self._shop.clock.now()
        parts = [orders.paying.Wanted(self._shop.draw.uuid(), method, amount) for method, amount in wanted]
        due_at = now + self._counter.desk.policy().pay_within
        limits = self._shop.market.policy().limits(order.channel, order.currency)
        cash_max = None if limits is None else limits.cod_max
        change = orders.Change(order.id, _asking(parts, due_at, self._counter.desk.methods(), cash_max), now, origin, version)
        changed = await self._shop.changing.submit(change)
        return True, await self._awaited(changed.after)

    async def _asked_before(self, key: idempotency.Key) -> bool:
        async with self._shop.database.reading() as tx:
            before = list((await idempotency.find(tx, [key])).values())
        if before and before[0].fingerprint != key.fingerprint:
            raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
        return bool(before)

    async def order(self, order_id: str) -> orders.Order:
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [order_id])
        if order_id not in found:
            raise access.unknown()
        return found[order_id]

    async def _awaited(self, order: orders.Order) -> orders.Order:
        """The order once the buyer can go on, or nobody waits for anything any more, or it took too long."""
        left = WAIT_S
        while left > 0 and _undecided(order) and not redirect_of(order, self._shop.clock.now()):
            await self._shop.live.news(0.5)
            left -= 0.5
            order = await self.order(order.id)
        return order

    def _answer(self, status: int, order: orders.Order) -> Answer:
        due = orders.paying.uncovered(order) if order.status not in orders.paying.ENDED else 0
        view = OrderPayments(
            order.id, order.number, order.status, order.payment_status, order.currency, due,
            redirect_of(order, self._shop.clock.now()), order.payments, order.refunds, order.version,
        )  # fmt: skip
        return Answer(status, view, [conditions.etag(order.version)])


def redirect_of(order: orders.Order, now: datetime) -> str:
    """Where the buyer of an order goes on: the newest open page for what is due; "" where there is none."""
    if order.status in orders.paying.ENDED:
        return ""
    pages = [
        a.redirect_url
        for t in order.payments
        if t.owed > t.secured
        for a in t.attempts
        if a.status == "pending" and a.redirect_url and (a.expires_at is None or a.expires_at > now)
    ]
    return pages[-1] if pages else ""


def _undecided(order: orders.Order) -> bool:
    """Whether a gateway is still being chosen or told for something that is due."""
    due = [t for t in order.payments if t.method != orders.paying.CASH and t.owed > t.secured]
    return any(not t.attempts or t.attempts[-1].status in ("attempted", "failed") for t in due) and order.status in orders.OPEN


def _standing(order: orders.Order, wanted: list[tuple[str, int]]) -> bool:
    """Whether just this is what is due, by these methods."""
    return bool(wanted) and sorted(wanted) == sorted((t.method, t.owed - t.secured) for t in order.payments if t.owed > t.secured)


def _in_hand(order: orders.Order) -> bool:
    """Whether somebody works on all of it: a gateway is being chosen or was told."""
    due = [t for t in order.payments if t.method != orders.paying.CASH and t.owed > t.secured]
    return all(not t.attempts or t.attempts[-1].status == "attempted" for t in due)


def _asking(
    wanted: list[orders.paying.Wanted], due_at: datetime, methods: frozenset[str], cash_max: int | None
) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        if _standing(order, [(w.method, w.amount) for w in wanted]) and _in_hand(order):
            return ()
        return orders.paying.ask_to_pay(
            order, wanted, due_at=due_at, methods=methods, cash_may_change=order.status == "placed", cash_max=cash_max
        )

    return decide


def _view(
    order: orders.Order,
    tender: orders.Tender,
    attempt: orders.Attempt,
    row: payments.AttemptRow,
    heard: list[payments.SignalRow],
    *,
    staff: bool,
) -> PaymentView:
    return PaymentView(
        id=attempt.id,
        order_id=order.id,
        payment=tender.id,
        method=tender.method,
        gateway=attempt.gateway,
        status=attempt.status,
        amount=attempt.amount,
        currency=order.currency,
        authorized=attempt.authorized,
        captured=attempt.captured,
        refunded=attempt.refunded,
        orphaned=attempt.orphaned,
        reason=attempt.reason,
        redirect_url=attempt.redirect_url,
        reference=attempt.reference,
        started_at=row.started_at,
        expires_at=attempt.expires_at,
        receipt=row.receipt if staff else None,
        signals=[
            SignalView(s.source, s.observation.status, s.observation.amount, s.observation.reason, s.observation.raw_code, s.counted, s.at)
            for s in heard
        ],
    )
