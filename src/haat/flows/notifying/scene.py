"""One fact with the order around it, and what a message about it says. Pure.

The order is taken as it was right after the fact, so that a message tells what was true then; what came later in the stream only
decides whether there is anything left to tell (a payment that failed while the next one succeeded).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from haat.domain import notifications, orders, payments, people
from haat.kernel.facts import Fact, Recorded

events = orders.events
LINK_DAYS = 30
Lines: TypeAlias = Sequence[orders.OrderLine]
PAY_LINK_HOURS = 24  # where the time to pay has no end of its own


class Links(Struct, frozen=True):
    """Where people are led, and the secrets that sign what they are led by."""

    public_url: str
    order_secret: bytes
    pay_secret: bytes

    def order(self, pattern: str, order: orders.Order, now: datetime) -> str:
        """A guest's view of the order."""
        token = ""
        if "{token}" in pattern:
            token = people.guest.order_token(order.id, expires_at=now + timedelta(days=LINK_DAYS), secret=self.order_secret)
        return self._filled(pattern, order, token)

    def pay(self, pattern: str, order: orders.Order, until: datetime) -> str:
        """The right to pay the order."""
        token = payments.pay_token(order.id, expires_at=until, secret=self.pay_secret) if "{token}" in pattern else ""
        return self._filled(pattern, order, token)

    def desk(self, order: orders.Order) -> str:
        """The order in the API, for those who have a key of their own."""
        return f"{self.public_url.rstrip('/')}/v1/orders/{order.id}"

    def _filled(self, pattern: str, order: orders.Order, token: str) -> str:
        filled = {"{public}": self.public_url.rstrip("/"), "{order}": order.id, "{number}": order.number, "{token}": token}
        for name, value in filled.items():
            pattern = pattern.replace(name, value)
        return pattern


class Scene(Struct, frozen=True):
    """A fact, the order before and after it, and what has happened since."""

    recorded: Recorded
    before: orders.Order | None
    order: orders.Order
    since: tuple[Fact, ...]

    @property
    def fact(self) -> Fact:
        return self.recorded.fact


def scenes(order: orders.Order | None, stream: Sequence[Recorded], versions: Iterable[int]) -> list[Scene]:
    """The facts of these versions in their scenes, in one walk over the stream, which begins right behind `order`."""
    wanted = set(versions)
    found: list[Scene] = []
    for place, each in enumerate(stream):
        before = order
        order = orders.evolve(order, each.fact, order_id=each.order_id, version=each.version, at=each.at, by=each.actor)
        if each.version in wanted:
            found.append(Scene(each, before, order, tuple(later.fact for later in stream[place + 1 :])))
    return found


def vendors_told(scene: Scene) -> tuple[str, ...]:
    """The vendors whom a fact concerns: of the vendor order, of the parcel, or all who were asked and lose something."""
    fact, order = scene.fact, scene.order
    match fact:
        case events.VendorOrderOffered() | events.VendorOrderReminded() | events.VendorOrderAccepted():
            return tuple(v.vendor for v in order.vendor_orders if v.id == fact.vendor_order)
        case events.OrderDelivered() | events.OrderReturnReceived():
            return tuple(p.vendor for p in order.shipments if p.id == fact.parcel)
        case events.OrderLinesCancelled() | events.OrderCancelled() | events.OrderRejected():
            asked = {v.vendor for v in (scene.before or order).vendor_orders if v.answer in ("offered", "accepted")}
            cut = {cut.line_no for cut in fact.cuts}
            return tuple(sorted({line.vendor for line in order.lines if line.line_no in cut} & asked))
        case _:
            return ()


def applies(scene: Scene) -> bool:
    """Whether there is something to tell: the table knows types of facts only, and a later fact may have overtaken this one."""
    fact = scene.fact
    match fact:
        case events.OrderPaymentRequested():
            return fact.method != "cod" and fact.amount > 0 and not _overtaken(scene, fact.payment, attempts=False)
        case events.OrderPaymentProcessed():
            return "cod" not in (fact.gateway, fact.method)
        case events.OrderPaymentFailed():
            return not scene.order.ended and not _overtaken(scene, fact.payment, attempts=True)
        case events.OrderStockReserved():
            return any(each.backordered for each in fact.reservations)
        case events.OrderPromised():
            return scene.before is None or scene.before.promised_at != fact.promised_at
        case events.OrderHeld():
            return fact.kind != "MANUAL"  # whoever set it knows
        case events.VendorOrderReminded() | events.OrderExceptionEscalated():
            return not any(_answers(later, fact) for later in scene.since)
        case _:
            return True


def values_of(
    scene: Scene, manners: notifications.Manners, links: Links, *, role: str, vendor: str, zone: str, now: datetime
) -> notifications.Values:
    """What a message may speak of. A vendor is told of its own goods and amounts only."""
    order, fact = scene.order, scene.fact
    lines = [line for line in order.lines if not vendor or line.vendor == vendor]
    concerned = vendors_told(scene)
    told = notifications.Values(
        number=order.number,
        currency=order.currency,
        shop=manners.name,
        zone=zone,
        vendor=vendor or (concerned[0] if len(concerned) == 1 else ""),
        total=sum(v.total for v in order.vendor_orders if v.vendor == vendor) if vendor else order.totals.grand,
        method="several" if order.tenders else order.payment_method,
        placed_at=order.placed_at,
        promised_at=order.promised_at,
        items=tuple(_item(line, line.quantity) for line in lines),
        district=notifications.name(order.ship_to.district),
        paid=0 if vendor else sum(a.kept for t in order.payments for a in t.attempts),
        held=0 if vendor else sum(a.set_aside for t in order.payments for a in t.attempts),
    )
    changes = _changes(scene, lines)
    if role == "customer":
        link = links.order(manners.order_link, order, now)
        changes = {"name": notifications.name(order.customer.name or order.ship_to.recipient), "link": link, "track_link": link, **changes}
        if isinstance(fact, events.OrderPaymentRequested | events.OrderPaymentFailed):
            until = changes.get("due_at") or now + timedelta(hours=PAY_LINK_HOURS)
            changes["pay_link"] = links.pay(manners.pay_link, order, until)
    elif role == "vendor":
        changes.pop("amount", None)  # of the whole order
    elif role == "admin":
        changes["link"] = links.desk(order)
    return msgspec.structs.replace(told, **changes)


def _changes(scene: Scene, lines: Lines) -> dict[str, Any]:
    """What the fact itself says."""
    says = _SAYS.get(type(scene.fact))
    return _of_parcel(scene, lines) if says is None else says(scene.fact, scene.order, lines)


def _payment_failed(f: events.OrderPaymentFailed, order: orders.Order, lines: Lines) -> dict[str, Any]:
    tender = next((t for t in order.payments if t.id == f.payment), None)
    due = {} if tender is None else {"amount": tender.owed - tender.captured, "due_at": tender.due_at}
    return {"reason": f.reason, **due}


def _backordered(f: events.OrderStockReserved, order: orders.Order, lines: Lines) -> dict[str, Any]:
    late = {r.line_no: r.backordered for r in f.reservations if r.backordered}
    return {"items": _items(lines, late), "expected_at": f.expected_at}


def _exception(f: events.OrderExceptionRaised, order: orders.Order, lines: Lines) -> dict[str, Any]:
    return {"kind": f.flow, "step": f.step, "cause": f.cause, "detail": f.detail, "owner": f.owner, "repairs": f.repairs}


def _escalated(f: events.OrderExceptionEscalated, order: orders.Order, lines: Lines) -> dict[str, Any]:
    return {"kind": f.flow, "step": f.step, "cause": f.cause, "owner": f.owner, "since": f.since, "repairs": f.repairs}


def _reminded(f: events.VendorOrderReminded, order: orders.Order, lines: Lines) -> dict[str, Any]:
    """What is left of the part that was offered."""
    return {"until": f.until, "items": _items(lines, {x.line_no: x.quantity - x.buckets.get("cancelled", 0) for x in lines})}


_SAYS: Mapping[type, Callable[[Any, orders.Order, Lines], dict[str, Any]]] = {
    events.OrderPaymentRequested: lambda f, order, lines: {"amount": f.amount, "due_at": f.due_at},
    events.OrderPaymentProcessed: lambda f, order, lines: {"amount": f.amount, "method": f.gateway or f.method or order.payment_method},
    events.OrderPaymentFailed: _payment_failed,
    events.OrderRefunded: lambda f, order, lines: {"amount": f.amount},
    events.VendorOrderOffered: lambda f, order, lines: {"until": f.until},
    events.VendorOrderReminded: _reminded,
    events.OrderStockReserved: _backordered,
    events.OrderAllocationFailed: lambda f, order, lines: {
        "items": _items(lines, {each.line_no: each.quantity for each in f.lines}),
        "reason": f.reason,
    },
    events.OrderPromised: lambda f, order, lines: {"promised_at": f.promised_at, "reason": f.reason},
    events.OrderLinesCancelled: lambda f, order, lines: {
        "items": _items(lines, {cut.line_no: cut.quantity for cut in f.cuts}),
        "reason": f.reason,
        "amount": f.amount,
    },
    events.OrderCancelled: lambda f, order, lines: {"reason": f.reason, "amount": f.amount},
    events.OrderRejected: lambda f, order, lines: {"reason": "other", "amount": f.amount},  # what we suspect is not told
    events.OrderExpired: lambda f, order, lines: {"reason": "expired", "amount": f.amount},
    events.OrderHeld: lambda f, order, lines: {"kind": f.kind, "reason": f.reason, "detail": f.detail, "until": f.until},
    events.OrderExceptionRaised: _exception,
    events.OrderExceptionEscalated: _escalated,
}


def _of_parcel(scene: Scene, lines: Lines) -> dict[str, Any]:
    """Facts of parcels carry its id only; the rest stands in the order."""
    fact = scene.fact
    parcel = next((p for p in scene.order.shipments if p.id == getattr(fact, "parcel", None)), None)
    if parcel is None:
        return {}
    within: dict[str, Any] = {
        "items": _items(lines, {each.line_no: each.quantity for each in parcel.lines}),
        "courier": notifications.name(parcel.courier.replace("_", " ").title()),
        "consignment": parcel.consignment,
        "cash": parcel.cash,
    }
    if parcel.tracking_url and not isinstance(fact, events.OrderDelivered):
        within["track_link"] = parcel.tracking_url
    match fact:
        case events.OrderDelivered():
            within["cash"] = fact.collected or 0
            if fact.lines:
                within["items"] = _items(lines, {each.line_no: each.quantity for each in fact.lines})
        case events.OrderDeliveryFailed():
            within |= {"reason": fact.reason, "detail": fact.detail}
        case _:
            pass
    return within


def _answers(later: Fact, reminder: Fact) -> bool:
    """Whether nothing is left to be reminded of."""
    if isinstance(reminder, events.OrderExceptionEscalated):
        return isinstance(later, events.OrderExceptionResolved) and later.exception == reminder.exception
    match later:
        case events.OrderCancelled() | events.OrderRejected() | events.OrderExpired():
            return True
        case events.VendorOrderAccepted() | events.VendorOrderRejected(lines=()):
            return later.vendor_order == getattr(reminder, "vendor_order", "")
        case _:
            return False


def _overtaken(scene: Scene, payment: str, *, attempts: bool) -> bool:
    """Whether the obligation has been met since, or (`attempts`) another try at it has begun."""
    kinds: tuple[type, ...] = (events.OrderPaymentProcessed, events.OrderPaymentAuthorized, events.OrderPaymentWaived)
    if attempts:
        kinds = (*kinds, events.OrderPaymentAttempted)
    return any(isinstance(later, kinds) and getattr(later, "payment", "") == payment for later in scene.since)


def _items(lines: Iterable[orders.OrderLine], units: dict[int, int]) -> tuple[notifications.Item, ...]:
    return tuple(_item(line, units[line.line_no]) for line in lines if units.get(line.line_no))


def _item(line: orders.OrderLine, quantity: int) -> notifications.Item:
    return notifications.Item(
        notifications.name(line.name), quantity, line.total if quantity == line.quantity else 0, notifications.name(line.name_bn)
    )
