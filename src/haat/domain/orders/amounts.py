"""What cuts and reinstatements do to the amounts and units of an order. Pure.

Units take the discount and tax with them that were frozen to them at the sale, so partial cuts add up to the whole exactly.
"""

from collections.abc import Mapping

import msgspec

from haat.domain.orders.events import Cut, OrderLinesCancelled, OrderReinstated, ShippingCut, Totals
from haat.domain.orders.goods import STOPPABLE, OrderLine, Parcel, VendorOrder, share_status, shares, shrunk

Lines = tuple[OrderLine, ...]
Shares = tuple[VendorOrder, ...]
Parcels = tuple[Parcel, ...]


def cut(
    lines: Lines, parcels: Parcels, vendor_orders: Shares, totals: Totals, fact: OrderLinesCancelled
) -> tuple[Lines, Parcels, Shares, Totals]:
    """(lines, parcels, vendors' parts, totals) without the units of `fact.cuts`."""
    cuts = {c.line_no: c for c in fact.cuts}
    sums = {v.vendor: [0, 0, 0, 0] for v in vendor_orders}
    for line in lines:
        if c := cuts.get(line.line_no):
            for i, amount in enumerate((c.items, c.discount, c.tax, c.total)):
                sums[line.vendor][i] += amount
    after = tuple([_line_after(line, cuts[line.line_no]) if line.line_no in cuts else line for line in lines])
    shipping = {c.vendor: c for c in fact.shipping}
    shares_after = tuple([_share_after(v, sums[v.vendor], shipping.get(v.vendor), after) for v in vendor_orders])
    items, discount, tax = (sum(s[i] for s in sums.values()) for i in range(3))
    t = totals
    totals_after = Totals(
        t.items - items,
        t.discount - discount,
        t.shipping - sum(c.shipping for c in fact.shipping),
        t.tax - tax - sum(c.tax for c in fact.shipping),
        t.fees,
        t.grand - fact.amount,
    )
    return after, shrunk(parcels, after), shares_after, totals_after


def cancelled(lines: Lines, parcels: Parcels, vendor_orders: Shares, cuts: tuple[Cut, ...]) -> tuple[Lines, Parcels, Shares, Totals]:
    """Nothing is owed any more, so every amount is zero; no sum can be left over. What had left the house stays where it is."""
    quantities = {c.line_no: c.quantity for c in cuts}
    after = tuple(
        [
            msgspec.structs.replace(
                line, discount=0, tax=0, total=0, buckets=_moved(line.buckets, quantities.get(line.line_no, 0), "cancelled")
            )
            for line in lines
        ]
    )
    shares_after = tuple(
        [msgspec.structs.replace(v, items=0, discount=0, shipping=0, tax=0, total=0, offered_until=None) for v in vendor_orders]
    )
    return after, shrunk(parcels, after), shares(shares_after, after), Totals(0, 0, 0, 0, 0, 0)


def reinstated(lines: Lines, vendor_orders: Shares, fact: OrderReinstated) -> tuple[Lines, Shares]:
    """(lines, vendors' parts) with the units of `fact.cuts` reserved again, at the amounts they had."""
    cuts = {c.line_no: c for c in fact.cuts}
    late: dict[int, int] = {}
    for r in fact.reservations:
        if r.backordered:
            late[r.line_no] = max(late.get(r.line_no, 0), r.backordered)
    after = []
    for line in lines:
        if c := cuts.get(line.line_no):
            buckets = dict(line.buckets)
            left = buckets.pop("cancelled", 0) - c.quantity
            if left > 0:
                buckets["cancelled"] = left
            waits = min(late.get(line.line_no, 0), c.quantity)
            for bucket, quantity in (("reserved", c.quantity - waits), ("backordered", waits)):
                if quantity:
                    buckets[bucket] = buckets.get(bucket, 0) + quantity
            after.append(msgspec.structs.replace(line, discount=c.discount, tax=c.tax, total=c.total, buckets=buckets))
        else:
            after.append(line)
    amounts = {s.id: s for s in fact.vendor_orders}
    shares_after = []
    for v in vendor_orders:
        s = amounts.get(v.id)
        if s is None:
            shares_after.append(v)
            continue
        shares_after.append(
            msgspec.structs.replace(
                v, items=s.items, discount=s.discount, shipping=s.shipping, tax=s.tax, total=s.total, answer="", offered_until=None
            )
        )
    return tuple(after), shares(tuple(shares_after), tuple(after))


def _given_up(line: OrderLine, quantity: int) -> OrderLine:
    return msgspec.structs.replace(line, discount=0, tax=0, total=0, buckets=_moved(line.buckets, quantity, "cancelled"))


def _line_after(line: OrderLine, cut: Cut) -> OrderLine:
    return msgspec.structs.replace(
        line,
        discount=line.discount - cut.discount,
        tax=line.tax - cut.tax,
        total=line.total - cut.total,
        buckets=_moved(line.buckets, cut.quantity, "cancelled"),
    )


def _share_after(share: VendorOrder, sums: list[int], shipping: ShippingCut | None, lines: tuple[OrderLine, ...]) -> VendorOrder:
    items, discount, tax, total = sums
    charge, charge_tax, charge_total = (shipping.shipping, shipping.tax, shipping.total) if shipping else (0, 0, 0)
    return msgspec.structs.replace(
        share,
        status=share_status(share, lines),
        items=share.items - items,
        discount=share.discount - discount,
        shipping=share.shipping - charge,
        tax=share.tax - tax - charge_tax,
        total=share.total - total - charge_total,
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
