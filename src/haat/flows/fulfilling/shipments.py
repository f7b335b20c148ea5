"""Rows of shipments follow the facts: after every change of orders, in its transaction, whoever caused it.

    (before, after, facts) ─► parcels that changed ─► shipments        vendors' answers, packing, hand-over ─► node_events

`follow` is idempotent by state for the rows; the events of nodes are appended once, as each fact is followed once.
"""

from collections.abc import Sequence
from datetime import datetime

from haat.domain import fulfilment, orders
from haat.engine.database import Tx
from haat.kernel.facts import Fact

events = orders.events

Followed = tuple[orders.Order, orders.Order, Sequence[Fact]]


async def follow(tx: Tx, changed: Sequence[Followed], now: datetime) -> None:
    """Write what changed of parcels. Orders without parcels cost nothing."""
    moving = [(before, after, facts) for before, after, facts in changed if after.shipments]
    if not moving:
        return
    new: list[fulfilment.Row] = []
    old: list[fulfilment.Row] = []
    for before, after, _ in moving:
        known = {p.id for p in before.shipments}
        for parcel in _changed(before, after):
            (old if parcel.id in known else new).append(row_of(after, parcel))
    await fulfilment.project(tx, new, now=now)
    await fulfilment.move_on(tx, old, now=now)
    await fulfilment.note(tx, [event for _, after, facts in moving for event in node_events(after, facts)], now=now)


def row_of(order: orders.Order, parcel: orders.Parcel) -> fulfilment.Row:
    """What the order's facts say of one parcel."""
    place = order.place
    return fulfilment.Row(
        parcel=parcel.id,
        order_id=order.id,
        number=order.number,
        vendor_order=parcel.vendor_order,
        vendor=parcel.vendor,
        location=parcel.location,
        district=place.district if place is not None else "",
        upazila=place.upazila if place is not None else "",
        status=parcel.status,
        courier=parcel.courier,
        consignment=parcel.consignment,
        tracking_url=parcel.tracking_url,
        cash=parcel.cash,
        fee=parcel.fee,
        weight_g=parcel.weight_g,
        tries=parcel.tries,
        reason=parcel.reason,
        promised_at=parcel.promised_at or order.promised_at,
    )


def node_events(order: orders.Order, facts: Sequence[Fact]) -> list[fulfilment.NodeEvent]:
    """What nodes did, as these facts tell it."""
    parcels = {p.id: p for p in order.shipments}
    found: list[fulfilment.NodeEvent] = []
    for fact in facts:
        match fact:
            case events.VendorOrderRejected(vendor_order=part, reason=reason, location=location, lines=lines):
                where = {
                    p.location
                    for p in order.shipments
                    if p.vendor_order == part and location in ("", p.location) and (lines or p.reason == reason)
                }
                vendor = next((v.vendor for v in order.vendor_orders if v.id == part), "")
                units = orders.units(lines)
                found += [fulfilment.NodeEvent(at, vendor, order.id, "rejected", "", reason, units) for at in sorted(where)]
            case events.OrderParcelPacked(rest=rest) if rest in parcels:
                found.append(_event(order, parcels[rest], "short"))
            case events.OrderShipped(parcel=parcel) if parcel in parcels:
                found.append(_event(order, parcels[parcel], "handed_over"))
            case events.OrderExceptionRaised(step="ship_by", subject=parcel) if parcel in parcels:
                found.append(_event(order, parcels[parcel], "late"))
    return found


def _event(order: orders.Order, parcel: orders.Parcel, kind: str) -> fulfilment.NodeEvent:
    return fulfilment.NodeEvent(parcel.location, parcel.vendor, order.id, kind, parcel.id, "", orders.units(parcel.lines))


def _changed(before: orders.Order, after: orders.Order) -> list[orders.Parcel]:
    if before.promised_at != after.promised_at:
        return list(after.shipments)
    was = {p.id: p for p in before.shipments}
    return [p for p in after.shipments if was.get(p.id) is not p]
