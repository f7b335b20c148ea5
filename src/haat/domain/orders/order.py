"""An order: its state, how facts move it, and what may be asked of it. Pure.

    evolve(order, fact) -> order          cannot fail, decides nothing
    cancel(order, …)    -> facts | Refused, and so for every verb

The state is what the API shows: `Order` is encoded as it stands. Quantities live in buckets that always sum to what was
ordered; the order's own status is derived, never written.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from haat.domain.orders.address import Address
from haat.domain.orders.events import (
    Adjustment,
    Claim,
    Customer,
    Cut,
    OrderCancelled,
    OrderCreated,
    OrderHeld,
    OrderLinesCancelled,
    OrderNoted,
    OrderReleased,
    OrderStockReserved,
    OrderValidated,
    Payment,
    ShippingCut,
    Totals,
)
from haat.kernel.facts import Fact, Recorded

#: Where the units of a line can be. They always sum to the quantity ordered.
BUCKETS = (
    "open", "reserved", "backordered", "allocated", "picked", "packed", "shipped", "delivered",
    "cancelled", "return_requested", "returned", "lost", "refunded_without_return",
)  # fmt: skip
#: Units that can still be stopped without a parcel being turned round, in the order in which they are given up.
STOPPABLE = ("open", "backordered", "reserved", "allocated", "picked", "packed")

#: fact -> (statuses it may come from, status it leads to; None leaves the status as it is)
TRANSITIONS: Mapping[type[Fact], tuple[frozenset[str], str | None]] = {
    OrderCreated:        (frozenset({""}),                                         "placed"),
    OrderValidated:      (frozenset({"placed"}),                                   None),
    OrderStockReserved:  (frozenset({"placed"}),                                   None),
    OrderHeld:           (frozenset({"placed", "confirmed", "processing"}),        None),
    OrderReleased:       (frozenset({"placed", "confirmed", "processing"}),        None),
    OrderLinesCancelled: (frozenset({"placed", "confirmed", "processing"}),        None),
    OrderCancelled:      (frozenset({"placed", "confirmed", "processing"}),        "cancelled"),
    OrderNoted:          (frozenset({"placed", "confirmed", "processing", "completed", "cancelled", "expired", "rejected"}), None),
}  # fmt: skip


class Hold(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A reason why the order does not go on, as the API shows it."""

    id: str
    kind: str
    reason: str
    detail: str = ""
    since: datetime | None = None
    until: datetime | None = None


class OrderLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line now. Amounts are of what is left of it; `quantity`, `tax_sold` and `vendor_funded` stay what they were at the sale."""

    line_no: int
    sku: str
    vendor: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    tax: int
    total: int
    buckets: dict[str, int]
    name_bn: str = ""
    tax_rate: int = 0
    tax_class: str = ""
    tax_added: bool = False
    list_price: int = 0
    unit_discounts: tuple[tuple[int, int], ...] = ()
    vendor_funded: int = 0
    weight_g: int = 0
    tax_sold: int = 0


class VendorOrder(msgspec.Struct, frozen=True, gc=False):
    """One vendor's part, with a fulfilment life of its own."""

    id: str
    vendor: str
    status: str
    items: int
    discount: int
    shipping: int
    tax: int
    total: int


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
    payments: tuple[Payment, ...]
    shipments: tuple[str, ...]
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


def fold(stream: Iterable[Recorded]) -> Order | None:
    """The order that these facts, in version order, make; None where there are none."""
    order: Order | None = None
    for recorded in stream:
        order = evolve(order, recorded.fact, order_id=recorded.order_id, version=recorded.version, at=recorded.at, by=recorded.actor)
    return order


def evolve(order: Order | None, fact: Fact, *, order_id: str, version: int, at: datetime, by: str) -> Order:
    """The order after one more fact."""
    if isinstance(fact, OrderCreated):
        return _created(fact, order_id, version, at)
    assert order is not None, "a stream begins with OrderCreated"
    replace = msgspec.structs.replace
    match fact:
        case OrderStockReserved():
            return replace(
                order, lines=_reserved(order, fact), promised_at=fact.expected_at or order.promised_at, version=version, updated_at=at
            )
        case OrderHeld():
            hold = Hold(fact.hold, fact.kind, fact.reason, fact.detail, at, fact.until)
            return replace(order, holds=(*order.holds, hold), version=version, updated_at=at)
        case OrderReleased():
            return replace(order, holds=tuple(h for h in order.holds if h.id != fact.hold), version=version, updated_at=at)
        case OrderLinesCancelled():
            return _cut(order, fact, version, at)
        case OrderCancelled():
            return _cancelled(order, fact, version, at)
        case OrderNoted():
            return replace(order, notes=(*order.notes, Note(fact.text, fact.audience, at, by)), version=version, updated_at=at)
        case _:
            return replace(order, version=version, updated_at=at)


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
    return Order(
        id=order_id, number=fact.number, status="placed", payment_status=_payment_status(fact.totals.grand, fact.payments),
        fulfilment_status="unfulfilled", holds=(), channel=fact.channel, currency=fact.currency, customer=fact.customer,
        ship_to=fact.ship_to, lines=lines, vendor_orders=shares, adjustments=fact.adjustments, totals=fact.totals,
        payments=fact.payments, shipments=(), payment_method=fact.payment_method, shipping_method=fact.shipping_method,
        coupons=fact.coupons, services=fact.services, external_id=fact.external_id, note=fact.note, notes=(), version=version,
        placed_at=fact.placed_at or at, updated_at=at, promised_at=fact.promised_at, basket=fact.basket,
        claims=fact.claims,
    )  # fmt: skip


def _payment_status(grand: int, payments: tuple[Payment, ...]) -> str:
    paid = sum([p.amount for p in payments]) if payments else 0
    if paid == 0:
        return "not_required" if grand == 0 else "awaiting"
    if paid < grand:
        return "partially_paid"
    return "paid" if paid == grand else "overpaid"


def _reserved(order: Order, fact: OrderStockReserved) -> tuple[OrderLine, ...]:
    late: dict[int, int] = {}
    for r in fact.reservations:
        if r.backordered:
            late[r.line_no] = max(late.get(r.line_no, 0), r.backordered)
    return tuple([_with_buckets(line, _reserved_buckets(line.quantity, late.get(line.line_no, 0))) for line in order.lines])


def _reserved_buckets(quantity: int, late: int) -> dict[str, int]:
    """A kit's components can be late in other numbers than the kit; a line is late by whole units of its own, at most all."""
    if not late:
        return {"reserved": quantity}
    late = min(late, quantity)
    return {"backordered": late} if late == quantity else {"reserved": quantity - late, "backordered": late}


def _with_buckets(line: OrderLine, buckets: dict[str, int]) -> OrderLine:
    return OrderLine(
        line.line_no, line.sku, line.vendor, line.name, line.quantity, line.unit_price, line.discount, line.tax, line.total,
        buckets, line.name_bn, line.tax_rate, line.tax_class, line.tax_added, line.list_price, line.unit_discounts,
        line.vendor_funded, line.weight_g, line.tax_sold,
    )  # fmt: skip


def _cut(order: Order, fact: OrderLinesCancelled, version: int, at: datetime) -> Order:
    cuts = {cut.line_no: cut for cut in fact.cuts}
    sums = {v.vendor: [0, 0, 0, 0] for v in order.vendor_orders}
    for line in order.lines:
        if cut := cuts.get(line.line_no):
            for i, amount in enumerate((cut.items, cut.discount, cut.tax, cut.total)):
                sums[line.vendor][i] += amount
    lines = tuple(_line_after(line, cuts[line.line_no]) if line.line_no in cuts else line for line in order.lines)
    shipping = {cut.vendor: cut for cut in fact.shipping}
    shares = tuple(_share_after(v, sums[v.vendor], shipping.get(v.vendor), lines) for v in order.vendor_orders)
    items, discount, tax = (sum(s[i] for s in sums.values()) for i in range(3))
    t = order.totals
    totals = Totals(
        t.items - items,
        t.discount - discount,
        t.shipping - sum(cut.shipping for cut in fact.shipping),
        t.tax - tax - sum(cut.tax for cut in fact.shipping),
        t.fees,
        t.grand - fact.amount,
    )
    return msgspec.structs.replace(
        order,
        lines=lines,
        vendor_orders=shares,
        totals=totals,
        payment_status=_payment_status(totals.grand, order.payments),
        version=version,
        updated_at=at,
    )


def _line_after(line: OrderLine, cut: Cut) -> OrderLine:
    return msgspec.structs.replace(
        line,
        discount=line.discount - cut.discount,
        tax=line.tax - cut.tax,
        total=line.total - cut.total,
        buckets=_moved(line.buckets, cut.quantity, "cancelled"),
    )


def _share_after(share: VendorOrder, sums: list[int], shipping: ShippingCut | None, lines: tuple[OrderLine, ...]) -> VendorOrder:
    nothing_left = all(line.buckets.get("cancelled", 0) == line.quantity for line in lines if line.vendor == share.vendor)
    items, discount, tax, total = sums
    charge, charge_tax, charge_total = (shipping.shipping, shipping.tax, shipping.total) if shipping else (0, 0, 0)
    return VendorOrder(
        share.id,
        share.vendor,
        "cancelled" if nothing_left else share.status,
        share.items - items,
        share.discount - discount,
        share.shipping - charge,
        share.tax - tax - charge_tax,
        share.total - total - charge_total,
    )


def _cancelled(order: Order, fact: OrderCancelled, version: int, at: datetime) -> Order:
    """Nothing is owed any more, so every amount is zero; no sum can be left over."""
    cuts = {cut.line_no: cut.quantity for cut in fact.cuts}
    lines = tuple(
        msgspec.structs.replace(line, discount=0, tax=0, total=0, buckets=_moved(line.buckets, cuts.get(line.line_no, 0), "cancelled"))
        for line in order.lines
    )
    return msgspec.structs.replace(
        order,
        lines=lines,
        vendor_orders=tuple(VendorOrder(v.id, v.vendor, "cancelled", 0, 0, 0, 0, 0) for v in order.vendor_orders),
        totals=Totals(0, 0, 0, 0, 0, 0),
        status="cancelled",
        payment_status=_payment_status(0, order.payments),
        fulfilment_status="cancelled",
        holds=(),
        version=version,
        updated_at=at,
    )


def _moved(buckets: Mapping[str, int], quantity: int, target: str) -> dict[str, int]:
    after = dict(buckets)
    left = quantity
    for name in STOPPABLE:
        taken = min(after.get(name, 0), left)
        if taken:
            after[name] -= taken
            left -= taken
            if not after[name]:
                del after[name]
    after[target] = after.get(target, 0) + quantity - left
    return after
