"""An order: its state, how facts move it, and what may be asked of it. Pure.

    evolve(order, fact) -> order          cannot fail, decides nothing
    cancel(order, …)    -> facts | Refused, and so for every verb

The state is what the API shows: `Order` is encoded as it stands. Quantities live in buckets that always sum to what was
ordered, money in attempts; the statuses of payment and fulfilment are read off them, never written.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from haat.domain.orders.amounts import cancelled, cut, reinstated
from haat.domain.orders.events import (
    FACTS,
    Adjustment,
    Claim,
    Client,
    Customer,
    OrderCancelled,
    OrderCashTaken,
    OrderCompleted,
    OrderConfirmed,
    OrderCreated,
    OrderDelivered,
    OrderExceptionRaised,
    OrderExceptionResolved,
    OrderExpired,
    OrderFlowMigrated,
    OrderFulfillmentStarted,
    OrderHeld,
    OrderInventoryAllocated,
    OrderLinesCancelled,
    OrderNoted,
    OrderPaused,
    OrderPromised,
    OrderReinstated,
    OrderRejected,
    OrderReleased,
    OrderResumed,
    OrderScreened,
    OrderStockReserved,
    OrderValidated,
    Portion,
    Totals,
    VendorOrderAccepted,
    VendorOrderOffered,
    VendorOrderRejected,
    VendorOrderReminded,
)
from haat.domain.orders.goods import Goods, OrderLine, Parcel, VendorOrder, fulfilment_status, with_buckets
from haat.domain.orders.parcels import GOODS, goods
from haat.domain.orders.promising import latest, promised
from haat.domain.orders.tenders import MONEY, Refund, Tender, adopted, money, payment_status, vouched
from haat.kernel.facts import Asked, Fact, Recorded
from haat.kernel.geography.address import Address, Place

OPEN = frozenset({"placed", "confirmed", "processing"})
ANY = OPEN | {"completed", "cancelled", "expired", "rejected"}
_ACTIVE = frozenset({"confirmed", "processing"})

#: fact -> (statuses it may come from, status it leads to; None leaves the status as it is). What the world tells us (money,
#: parcels) may come in any status: it is true whether it suits or not.
TRANSITIONS: Mapping[type[Fact], tuple[frozenset[str], str | None]] = {
    **dict.fromkeys(FACTS.values(), (ANY, None)),
    OrderCreated:            (frozenset({""}),                         "placed"),
    OrderValidated:          (frozenset({"placed"}),                   None),
    OrderStockReserved:      (frozenset({"placed"}),                   None),
    OrderScreened:           (frozenset({"placed"}),                   None),
    OrderConfirmed:          (frozenset({"placed"}),                   "confirmed"),
    OrderInventoryAllocated: (OPEN,                                    None),
    VendorOrderOffered:      (_ACTIVE,                                 None),
    VendorOrderReminded:     (_ACTIVE,                                 None),
    VendorOrderAccepted:     (_ACTIVE,                                 None),
    VendorOrderRejected:     (_ACTIVE,                                 None),
    OrderFulfillmentStarted: (_ACTIVE,                                 "processing"),
    OrderCompleted:          (_ACTIVE,                                 "completed"),
    OrderHeld:               (OPEN,                                    None),
    OrderReleased:           (OPEN,                                    None),
    OrderLinesCancelled:     (OPEN,                                    None),
    OrderCancelled:          (OPEN,                                    "cancelled"),
    OrderRejected:           (OPEN,                                    "rejected"),
    OrderExpired:            (frozenset({"placed", "confirmed"}),      "expired"),
    OrderReinstated:         (frozenset({"cancelled", "expired"}),     "placed"),
}  # fmt: skip


class Hold(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A reason why the order does not go on, as the API shows it."""

    id: str
    kind: str
    reason: str
    detail: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A step that could not be done and waits for somebody; `repairs` are those that are safe."""

    id: str
    flow: str
    step: str
    cause: str
    owner: str
    repairs: tuple[str, ...] = ()
    since: datetime | None = None


class Note(msgspec.Struct, frozen=True):
    text: str
    audience: str
    at: datetime
    by: str


class Order(msgspec.Struct, frozen=True):
    """The order now, and what the API shows of it. `version` counts its facts; amounts are minor units of `currency`."""

    id: str
    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    holds: tuple[Hold, ...]
    channel: str
    currency: str
    customer: Customer
    ship_to: Address
    lines: tuple[OrderLine, ...]
    vendor_orders: tuple[VendorOrder, ...]
    adjustments: tuple[Adjustment, ...]
    totals: Totals
    payments: tuple[Tender, ...]
    shipments: tuple[Parcel, ...]
    payment_method: str
    shipping_method: str
    coupons: tuple[str, ...]
    services: tuple[str, ...]
    external_id: str
    note: str
    notes: tuple[Note, ...]
    version: int
    placed_at: datetime
    updated_at: datetime
    promised_at: datetime | None
    basket: int
    claims: tuple[Claim, ...] = ()
    place: Place | None = None
    refunds: tuple[Refund, ...] = ()
    screening: str = ""
    plan: str = ""
    paused: bool = False
    exceptions: tuple[Trouble, ...] = ()
    flows: Mapping[str, int] = {}
    client: Client | msgspec.UnsetType = msgspec.UNSET  # nothing of it in JSON where nobody told
    wishes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET  # names of requests that changed it, to know them again
    tenders: tuple[Portion, ...] | msgspec.UnsetType = msgspec.UNSET  # how the total was split when it was placed, where it was

    @property
    def ended(self) -> bool:
        """Nothing more is to be done for the buyer: cancelled, expired, rejected or completed."""
        return self.status not in OPEN


def fold(stream: Iterable[Recorded], order: Order | None = None) -> Order | None:
    """The order that these facts, in version order and right behind those it has, make; None where there are none."""
    for recorded in stream:
        order = evolve(order, recorded.fact, order_id=recorded.order_id, version=recorded.version, at=recorded.at, by=recorded.actor)
    return order


def evolve(order: Order | None, fact: Fact, *, order_id: str, version: int, at: datetime, by: str) -> Order:
    """The order after one more fact."""
    if isinstance(fact, OrderCreated):
        return _created(fact, order_id, version, at)
    assert order is not None, "a stream begins with OrderCreated"
    handler = _EVOLVE.get(type(fact))
    if handler is None:
        return msgspec.structs.replace(order, version=version, updated_at=at)
    changes = handler(order, fact, at, by)
    if isinstance(fact, Asked) and fact.wish:
        changes["wishes"] = (*(order.wishes or ()), fact.wish)
    return msgspec.structs.replace(order, version=version, updated_at=at, **changes)


def after(order: Order, facts: Iterable[Fact], *, at: datetime, by: str = "system") -> Order:
    """The order as these facts, right behind those it has, will leave it."""
    for fact in facts:
        order = evolve(order, fact, order_id=order.id, version=order.version + 1, at=at, by=by)
    return order


Changes = dict[str, Any]


def _stock_reserved(order: Order, f: OrderStockReserved, at: datetime, by: str) -> Changes:
    return {"lines": _reserved(order, f), "promised_at": f.expected_at or order.promised_at}


def _held(order: Order, f: OrderHeld, at: datetime, by: str) -> Changes:
    return {"holds": (*order.holds, Hold(f.hold, f.kind, f.reason, f.detail, at, f.until))}


def _released(order: Order, f: OrderReleased, at: datetime, by: str) -> Changes:
    return {"holds": tuple([h for h in order.holds if h.id != f.hold])}


def _lines_cancelled(order: Order, f: OrderLinesCancelled, at: datetime, by: str) -> Changes:
    lines, parcels, shares, totals = cut(order.lines, order.shipments, order.vendor_orders, order.totals, f)
    return {
        "lines": lines, "shipments": parcels, "vendor_orders": shares, "totals": totals,
        "payment_status": payment_status(totals.grand, order.payments), "fulfilment_status": fulfilment_status(lines),
        "promised_at": latest(order.promised_at, parcels, lines),
    }  # fmt: skip


def _ended(status: str) -> Callable[..., Changes]:
    def apply(order: Order, f: OrderCancelled, at: datetime, by: str) -> Changes:
        lines, parcels, shares, totals = cancelled(order.lines, order.shipments, order.vendor_orders, f.cuts)
        return {
            "lines": lines, "shipments": parcels, "vendor_orders": shares, "totals": totals, "status": status, "holds": (),
            "payment_status": payment_status(0, order.payments), "fulfilment_status": fulfilment_status(lines),
        }  # fmt: skip

    return apply


def _reinstated(order: Order, f: OrderReinstated, at: datetime, by: str) -> Changes:
    lines, shares = reinstated(order.lines, order.vendor_orders, f)
    tenders = adopted(order.payments)
    return {
        "lines": lines, "vendor_orders": shares, "totals": f.totals, "status": "placed", "payments": tenders,
        "payment_status": payment_status(f.totals.grand, tenders), "fulfilment_status": fulfilment_status(lines), "plan": "",
    }  # fmt: skip


def _money(order: Order, f: Fact, at: datetime, by: str) -> Changes:
    tenders, refunds = money(order.payments, order.refunds, f, at)
    return {"payments": tenders, "refunds": refunds, "payment_status": payment_status(order.totals.grand, tenders)}


def _goods(order: Order, f: Fact, at: datetime, by: str) -> Changes:
    after = goods(Goods(order.lines, order.vendor_orders, order.shipments), f, at)
    changes: Changes = {"lines": after.lines, "vendor_orders": after.vendor_orders, "shipments": after.parcels}
    if after.lines is not order.lines:
        changes["fulfilment_status"] = fulfilment_status(after.lines)
    if isinstance(f, OrderFulfillmentStarted) and order.status == "confirmed":
        changes["status"] = "processing"
    elif isinstance(f, OrderInventoryAllocated):
        changes["plan"] = f.plan
        changes["promised_at"] = f.promised_at or order.promised_at
        return changes
    elif isinstance(f, OrderDelivered) and f.collected and any(p.stray and p.id == f.parcel for p in after.parcels):
        changes |= _dearer(order, f.collected)
    elif isinstance(f, OrderCashTaken):
        changes |= _dearer(order, f.amount)
    if any(p.promised_at for p in after.parcels):
        changes["promised_at"] = latest(order.promised_at, after.parcels, after.lines)
    return changes


def _promised(order: Order, f: OrderPromised, at: datetime, by: str) -> Changes:
    day, parcels = promised(order.promised_at, order.shipments, order.lines, f, at)
    return {"promised_at": day, "shipments": parcels}


def _dearer(order: Order, paid: int) -> Changes:
    """What was paid at the door beside the price of the order's goods is what it costs."""
    totals = order.totals
    totals = msgspec.structs.replace(totals, fees=totals.fees + paid, grand=totals.grand + paid)
    return {"totals": totals, "payment_status": payment_status(totals.grand, order.payments)}


def _raised(order: Order, f: OrderExceptionRaised, at: datetime, by: str) -> Changes:
    if any(e.id == f.exception for e in order.exceptions):
        return {}
    return {"exceptions": (*order.exceptions, Trouble(f.exception, f.flow, f.step, f.cause, f.owner, f.repairs, at))}


def _noted(order: Order, f: OrderNoted, at: datetime, by: str) -> Changes:
    return {"notes": (*order.notes, Note(f.text, f.audience, at, by))}


_EVOLVE: Mapping[type, Callable[..., Changes]] = {
    **dict.fromkeys(MONEY, _money),
    **dict.fromkeys(GOODS, _goods),
    OrderStockReserved: _stock_reserved,
    OrderHeld: _held,
    OrderReleased: _released,
    OrderLinesCancelled: _lines_cancelled,
    OrderCancelled: _ended("cancelled"),
    OrderRejected: _ended("rejected"),
    OrderExpired: _ended("expired"),
    OrderReinstated: _reinstated,
    OrderNoted: _noted,
    OrderScreened: lambda order, f, at, by: {"screening": f.outcome},
    OrderConfirmed: lambda order, f, at, by: {"status": "confirmed"},
    OrderCompleted: lambda order, f, at, by: {"status": "completed"},
    OrderPromised: _promised,
    OrderPaused: lambda order, f, at, by: {"paused": True},
    OrderResumed: lambda order, f, at, by: {"paused": False},
    OrderExceptionRaised: _raised,
    OrderExceptionResolved: lambda order, f, at, by: {"exceptions": tuple([e for e in order.exceptions if e.id != f.exception])},
    OrderFlowMigrated: lambda order, f, at, by: {"flows": {**order.flows, f.flow: f.version}},
}


def _created(fact: OrderCreated, order_id: str, version: int, at: datetime) -> Order:
    lines = tuple(
        OrderLine(
            line.line_no,
            line.sku,
            line.vendor,
            line.name,
            line.quantity,
            line.unit_price,
            line.discount,
            line.tax,
            line.total,
            {"open": line.quantity},
            line.name_bn,
            line.tax_rate,
            line.tax_class,
            line.tax_added,
            line.list_price,
            line.unit_discounts,
            line.vendor_funded,
            line.weight_g,
            line.tax,
        )
        for line in fact.lines
    )
    shares = tuple(VendorOrder(s.id, s.vendor, "placed", s.items, s.discount, s.shipping, s.tax, s.total) for s in fact.vendor_orders)
    payments = vouched(fact.payments) if fact.payments else ()
    return Order(
        id=order_id, number=fact.number, status="placed", payment_status=payment_status(fact.totals.grand, payments),
        fulfilment_status="unfulfilled", holds=(), channel=fact.channel, currency=fact.currency, customer=fact.customer,
        ship_to=fact.ship_to, lines=lines, vendor_orders=shares, adjustments=fact.adjustments, totals=fact.totals,
        payments=payments, shipments=(), payment_method=fact.payment_method, shipping_method=fact.shipping_method,
        coupons=fact.coupons, services=fact.services, external_id=fact.external_id, note=fact.note, notes=(), version=version,
        placed_at=fact.placed_at or at, updated_at=at, promised_at=fact.promised_at, basket=fact.basket,
        claims=fact.claims, place=fact.place, flows=fact.flows, client=fact.client or msgspec.UNSET,
        tenders=fact.tenders or msgspec.UNSET,
    )  # fmt: skip


def _reserved(order: Order, fact: OrderStockReserved) -> tuple[OrderLine, ...]:
    late: dict[int, int] = {}
    for r in fact.reservations:
        if r.backordered:
            late[r.line_no] = max(late.get(r.line_no, 0), r.backordered)
    return tuple([with_buckets(line, _reserved_buckets(line.quantity, late.get(line.line_no, 0))) for line in order.lines])


def _reserved_buckets(quantity: int, late: int) -> dict[str, int]:
    """A kit's components can be late in other numbers than the kit; a line is late by whole units of its own, at most all."""
    if not late:
        return {"reserved": quantity}
    late = min(late, quantity)
    return {"backordered": late} if late == quantity else {"reserved": quantity - late, "backordered": late}
