"""How facts move parcels and units: one small function per fact. Pure; what does not fit the state changes nothing."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from haat.domain.orders.events import (
    OrderBackorderArrived,
    OrderCashTaken,
    OrderDelivered,
    OrderDeliveryFailed,
    OrderFulfillmentStarted,
    OrderInterceptAsked,
    OrderInventoryAllocated,
    OrderOutForDelivery,
    OrderParcelLost,
    OrderParcelPacked,
    OrderReturnReceived,
    OrderReturnStarted,
    OrderShipmentBooked,
    OrderShipmentDoubted,
    OrderShipmentFailed,
    OrderShipmentRecalled,
    OrderShipmentStrayed,
    OrderShipmentUncertain,
    OrderShipped,
    ParcelLine,
    VendorOrderAccepted,
    VendorOrderOffered,
    VendorOrderRejected,
)
from haat.domain.orders.goods import AT_HOME, UNDER_WAY, Goods, Parcel, Refusal, VendorOrder, less, shares, units


def goods(before: Goods, fact: object, at: datetime) -> Goods:
    """The goods after one fact. What speaks of a parcel that is not there changes nothing."""
    after = Goods(before.lines, before.vendor_orders, before.parcels)
    apply = _PARCEL.get(type(fact))
    if apply is not None:
        parcel = next((p for p in after.parcels if p.id == fact.parcel), None)  # type: ignore[attr-defined]
        if parcel is None:
            return after
        apply(after, parcel, fact, at)
    else:
        _OTHER[type(fact)](after, fact, at)
    if after.lines is not before.lines or after.vendor_orders is not before.vendor_orders:
        after.vendor_orders = shares(after.vendor_orders, after.lines)
    return after


def _allocated(g: Goods, f: OrderInventoryAllocated, at: datetime) -> None:
    vendor_of = {v.id: v.vendor for v in g.vendor_orders}
    known = {p.id for p in g.parcels}
    for planned in f.parcels:
        if planned.parcel in known:
            continue
        for source in ("reserved", "open"):
            has = {line.line_no: line.buckets.get(source, 0) for line in g.lines}
            g.move([ParcelLine(x.line_no, min(x.quantity, has.get(x.line_no, 0))) for x in planned.lines], source, "allocated")
            if source == "reserved" and all(has.get(x.line_no, 0) >= x.quantity for x in planned.lines):
                break
        g.parcels = (
            *g.parcels,
            Parcel(
                planned.parcel,
                planned.vendor_order,
                vendor_of.get(planned.vendor_order, ""),
                planned.location,
                "planned",
                planned.lines,
                at=at,
            ),
        )


def _backorder_arrived(g: Goods, f: OrderBackorderArrived, at: datetime) -> None:
    g.move(f.lines, "backordered", "reserved")
    if any(v.refusals for v in g.vendor_orders):  # there are other goods of it now: whoever had none is worth asking
        came = {line.line_no for line in f.lines}
        g.vendor_orders = tuple(
            [
                msgspec.structs.replace(v, refusals=tuple([r for r in v.refusals if r.line_no not in came])) if v.refusals else v
                for v in g.vendor_orders
            ]
        )


def _answered(answer: str) -> Callable[..., None]:
    def apply(g: Goods, f: VendorOrderOffered | VendorOrderAccepted, at: datetime) -> None:
        until = f.until if isinstance(f, VendorOrderOffered) else None
        g.vendor_orders = tuple(
            [msgspec.structs.replace(v, answer=answer, offered_until=until) if v.id == f.vendor_order else v for v in g.vendor_orders]
        )

    return apply


def _rejected(g: Goods, f: VendorOrderRejected, at: datetime) -> None:
    wanted = {line.line_no: line.quantity for line in f.lines}
    meant = [p for p in g.parcels if p.vendor_order == f.vendor_order and p.status in AT_HOME and f.location in ("", p.location)]
    undone = [p for p in meant if p.id in f.parcels] if f.parcels else meant
    for parcel in undone:
        _undo(g, parcel, f.reason, wanted if f.lines else None)
    g.vendor_orders = tuple([_with_refusals(v, f, undone) if v.id == f.vendor_order else v for v in g.vendor_orders])


def _with_refusals(v: VendorOrder, f: VendorOrderRejected, undone: Iterable[Parcel]) -> VendorOrder:
    attempt = max(f.attempt, v.rejections + 1)
    answer = {} if f.lines else {"answer": "rejected", "offered_until": None}
    return msgspec.structs.replace(v, rejections=attempt, refusals=(*v.refusals, *_refusals(f, undone, attempt)), **answer)


def _refusals(f: VendorOrderRejected, undone: Iterable[Parcel], attempt: int) -> tuple[Refusal, ...]:
    """Who was asked in vain: for the units that are named whoever was to send some, for everything each of them."""
    named = {line.line_no for line in f.lines}
    asked = {(p.location, line.line_no) for p in undone for line in p.lines if not named or line.line_no in named}
    if not named:
        asked = {(place, line_no) for place, _ in asked for _, line_no in asked}
    return tuple([Refusal(place, line_no, attempt) for place, line_no in sorted(asked)])


def _undo(g: Goods, parcel: Parcel, reason: str, wanted: dict[int, int] | None) -> None:
    """Take a parcel apart: all of it, or of what is still `wanted` as much as it holds. The units are reserved as before."""
    taken = parcel.lines
    if wanted is not None:
        taken = tuple([ParcelLine(x.line_no, min(x.quantity, wanted.get(x.line_no, 0))) for x in parcel.lines if wanted.get(x.line_no)])
        for line in taken:
            wanted[line.line_no] -= line.quantity
    g.move(taken, AT_HOME[parcel.status], "reserved")
    rest = less(parcel.lines, taken)
    if rest and wanted is not None:
        g.put(msgspec.structs.replace(parcel, lines=rest))
    else:
        g.put(msgspec.structs.replace(parcel, status="cancelled", reason=reason))


def _started(g: Goods, p: Parcel, f: OrderFulfillmentStarted, at: datetime) -> None:
    if p.status == "planned":
        g.move(p.lines, "allocated", "picked")
        g.put(msgspec.structs.replace(p, status="picking"))


def _packed(g: Goods, p: Parcel, f: OrderParcelPacked, at: datetime) -> None:
    if p.status not in ("planned", "picking"):
        return
    held = f.lines or p.lines
    rest = less(p.lines, held)
    g.move(held, AT_HOME[p.status], "packed")
    g.move(rest, AT_HOME[p.status], "allocated")
    g.put(msgspec.structs.replace(p, status="packed", lines=held, weight_g=f.weight_g))
    if rest:
        left = Parcel(f.rest, p.vendor_order, p.vendor, p.location, "planned", rest, at=at, promised_at=p.promised_at, agreed=p.agreed)
        g.parcels = (*g.parcels, left)


def _shipment_uncertain(g: Goods, p: Parcel, f: OrderShipmentUncertain, at: datetime) -> None:
    if p.status == "packed":
        g.put(msgspec.structs.replace(p, status="uncertain", courier=f.courier))
    elif p.status == "cancelled":  # while it was asked: who may have it is known all the same
        g.put(msgspec.structs.replace(p, courier=f.courier))


def _booked(g: Goods, p: Parcel, f: OrderShipmentBooked, at: datetime) -> None:
    status = "booked" if p.status in ("packed", "uncertain") else p.status
    g.put(
        msgspec.structs.replace(
            p,
            status=status,
            courier=f.courier,
            consignment=f.consignment,
            tracking_url=f.tracking_url,
            cash=f.cash,
            fee=f.fee,
            reason="",
            declines=0,
        )
    )


def _shipment_failed(g: Goods, p: Parcel, f: OrderShipmentFailed, at: datetime) -> None:
    if p.status not in ("packed", "uncertain"):
        return
    refused = (*p.refused_by, f.courier) if f.final and f.courier not in p.refused_by else p.refused_by
    declines = 0 if f.final else p.declines + 1
    g.put(
        msgspec.structs.replace(
            p, status="packed", courier="", reason=f.reason, refused_by=refused, declines=declines, intercept="", asked=()
        )
    )


def _recalled(g: Goods, p: Parcel, f: OrderShipmentRecalled, at: datetime) -> None:
    free = {
        "courier": "", "consignment": "", "tracking_url": "", "cash": 0, "fee": 0, "reason": f.reason, "intercept": "", "asked": (),
        "doubts": (),  # they were about the booking that is no more
        "given_back": (*p.given_back, p.consignment) if p.consignment else p.given_back,
    }  # fmt: skip
    if p.status in ("booked", "uncertain"):
        g.put(msgspec.structs.replace(p, status="packed", **free))
    elif p.status == "cancelled":
        g.put(msgspec.structs.replace(p, **free))


def _shipped(g: Goods, p: Parcel, f: OrderShipped, at: datetime) -> None:
    if p.status in AT_HOME:
        g.move(p.lines, AT_HOME[p.status], "shipped")
        moot = {"intercept": "", "asked": ()} if p.asked and less(p.lines, p.asked) else {}  # nobody opens a parcel on the road
        g.put(msgspec.structs.replace(p, status="shipped", **moot))


def _strayed(g: Goods, p: Parcel, f: OrderShipmentStrayed, at: datetime) -> None:
    if p.status == "cancelled":
        g.put(msgspec.structs.replace(p, status="shipped", stray=True, intercept=p.intercept or "cancelled"))


def _out(g: Goods, p: Parcel, f: OrderOutForDelivery, at: datetime) -> None:
    if p.status in UNDER_WAY:
        g.put(msgspec.structs.replace(p, status="out_for_delivery"))


def _attempt_failed(g: Goods, p: Parcel, f: OrderDeliveryFailed, at: datetime) -> None:
    if p.status in UNDER_WAY:
        g.put(msgspec.structs.replace(p, status="attempt_failed", tries=p.tries + 1, reason=f.reason))


def _delivered(g: Goods, p: Parcel, f: OrderDelivered, at: datetime) -> None:
    kept = f.lines or less(less(p.lines, p.delivered), p.returned)
    g.carry(p, kept, "shipped", "delivered")
    held = _sum(p.delivered, kept)
    whole = units(held) >= units(p.lines)
    collected = p.collected if f.collected is None else (p.collected or 0) + f.collected
    g.put(msgspec.structs.replace(p, status="delivered" if whole else "partially_delivered", delivered=held, collected=collected))


def _return_started(g: Goods, p: Parcel, f: OrderReturnStarted, at: datetime) -> None:
    if p.status in UNDER_WAY:
        g.put(msgspec.structs.replace(p, status="returning", reason=f.reason))


def _return_received(g: Goods, p: Parcel, f: OrderReturnReceived, at: datetime) -> None:
    back = _sum(f.sound, f.damaged)
    g.carry(p, back, "shipped", "returned")
    returned = _sum(p.returned, back)
    status = p.status
    if status in UNDER_WAY and units(returned) + units(p.delivered) >= units(p.lines):
        status = "partially_delivered" if p.delivered else "returned"
    g.put(msgspec.structs.replace(p, status=status, returned=returned))


def _lost(g: Goods, p: Parcel, f: OrderParcelLost, at: datetime) -> None:
    out = less(less(p.lines, p.delivered), p.returned)
    g.carry(p, out, AT_HOME.get(p.status, "shipped"), "lost")
    g.put(msgspec.structs.replace(p, status="lost", reason=f.reason))


def _cash_taken(g: Goods, p: Parcel, f: OrderCashTaken, at: datetime) -> None:
    g.put(msgspec.structs.replace(p, collected=(p.collected or 0) + f.amount))


def _intercepted(g: Goods, p: Parcel, f: OrderInterceptAsked, at: datetime) -> None:
    g.put(msgspec.structs.replace(p, intercept=f.reason, asked=f.lines))


def _doubted(g: Goods, p: Parcel, f: OrderShipmentDoubted, at: datetime) -> None:
    if f.cause not in p.doubts:
        g.put(msgspec.structs.replace(p, doubts=(*p.doubts, f.cause)))


def _sum(one: Iterable[ParcelLine], other: Iterable[ParcelLine]) -> tuple[ParcelLine, ...]:
    found: dict[int, int] = {}
    for line in (*one, *other):
        found[line.line_no] = found.get(line.line_no, 0) + line.quantity
    return tuple([ParcelLine(n, quantity) for n, quantity in sorted(found.items())])


_PARCEL: dict[type, Callable[..., None]] = {
    OrderFulfillmentStarted: _started,
    OrderParcelPacked: _packed,
    OrderShipmentUncertain: _shipment_uncertain,
    OrderShipmentBooked: _booked,
    OrderShipmentFailed: _shipment_failed,
    OrderShipmentRecalled: _recalled,
    OrderShipmentStrayed: _strayed,
    OrderShipped: _shipped,
    OrderOutForDelivery: _out,
    OrderDeliveryFailed: _attempt_failed,
    OrderDelivered: _delivered,
    OrderReturnStarted: _return_started,
    OrderReturnReceived: _return_received,
    OrderParcelLost: _lost,
    OrderCashTaken: _cash_taken,
    OrderInterceptAsked: _intercepted,
    OrderShipmentDoubted: _doubted,
}
_OTHER: dict[type, Callable[..., None]] = {
    OrderInventoryAllocated: _allocated,
    OrderBackorderArrived: _backorder_arrived,
    VendorOrderOffered: _answered("offered"),
    VendorOrderAccepted: _answered("accepted"),
    VendorOrderRejected: _rejected,
}
#: Facts that move goods or what is known of them.
GOODS = (*_PARCEL, *_OTHER)
