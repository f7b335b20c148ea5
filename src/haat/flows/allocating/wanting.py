"""From orders to demands, from plans to moves of reservations and parcels. Pure.

A demand is what of a vendor order is reserved and in no parcel yet: all of it at first, later what was refused or came late.
"""

from collections.abc import Mapping, Sequence

import msgspec

from haat.domain import fulfilment, inventory, orders
from haat.kernel import geography

sourcing = fulfilment.sourcing

#: (line number, SKU, location) -> units set aside there that no parcel has
Holds = Mapping[tuple[int, str, str], int]


class Wanted(msgspec.Struct, frozen=True):
    """A demand, and the reservations behind it. `behind`: fewer are set aside than the order says (its change is not written yet).

    `given_up`: its units were refused so often that nobody is asked any more.
    """

    demand: sourcing.Demand
    holds: Holds
    behind: bool = False
    given_up: bool = False


def wanted(order: orders.Order, kept: Sequence[inventory.Reservation], *, only: str = "", refusals_max: int) -> list[Wanted]:
    """What of the order (or of the vendor order `only`) is to be sourced. `kept`: every reservation of the order.

    Lines of a part that were refused by others, or so often (`refusals_max`) as others were not, are demands of their own.
    """
    rows: dict[int, list[inventory.Reservation]] = {}
    for r in kept:
        rows.setdefault(r.line_no, []).append(r)
    packed = _in_parcels(order)
    each: Mapping[tuple[str, int, str], int] | None = None
    found: list[Wanted] = []
    for share in order.vendor_orders:
        if only and share.id != only:
            continue
        lines: list[sourcing.DemandLine] = []
        holds: dict[tuple[int, str, str], int] = {}
        for line in order.lines:
            units = line.buckets.get("reserved", 0) if line.vendor == share.vendor else 0
            if not units:
                continue
            mine = rows.get(line.line_no, ())
            if any(r.sku != line.sku for r in mine):
                each = each or inventory.components(kept, _live(order))
            parts: dict[str, int] = {}
            for r in mine:
                per = 1 if each is None or r.sku == line.sku else each.get((r.owner, r.line_no, r.sku), 0)
                if per:
                    parts[r.sku] = per
                left = r.held - r.backordered - per * packed.get((line.line_no, r.location), 0)
                if left > 0:
                    holds[line.line_no, r.sku, r.location] = left
            lines.append(sourcing.DemandLine(line.line_no, units, tuple(parts.items()), line.weight_g))
        if lines and not share.refusals:
            found.append(_wanted(order, share, lines, holds))
        elif lines:
            found.extend(_apart(order, share, lines, holds, refusals_max))
    return found


def _apart(
    order: orders.Order, share: orders.VendorOrder, lines: Sequence[sourcing.DemandLine], holds: Holds, refusals_max: int
) -> list[Wanted]:
    """The lines of a part by who has refused them, and whether too often."""
    alike: dict[tuple[frozenset[str], bool], list[sourcing.DemandLine]] = {}
    for line in lines:
        of_line = [r for r in share.refusals if r.line_no == line.line_no]
        key = frozenset([r.location for r in of_line]), len({r.attempt for r in of_line}) >= refusals_max
        alike.setdefault(key, []).append(line)
    found = []
    for (refused, given_up), some in alike.items():
        numbers = {line.line_no for line in some}
        held = {hold: units for hold, units in holds.items() if hold[0] in numbers}
        found.append(_wanted(order, share, some, held, refused, given_up))
    return found


def _wanted(
    order: orders.Order,
    share: orders.VendorOrder,
    lines: Sequence[sourcing.DemandLine],
    holds: Holds,
    refused: frozenset[str] = frozenset(),
    given_up: bool = False,
) -> Wanted:
    own: dict[tuple[str, str], int] = {}
    for (_, sku, place), units in holds.items():
        own[sku, place] = own.get((sku, place), 0) + units
    needs: dict[str, int] = {}
    for line in lines:
        for sku, each in line.parts:
            needs[sku] = needs.get(sku, 0) + each * line.quantity
    has: dict[str, int] = {}
    for (sku, _), units in own.items():
        has[sku] = has.get(sku, 0) + units
    behind = any(not line.parts for line in lines) or any(has.get(sku, 0) < units for sku, units in needs.items())
    places = {place for _, place in own}
    demand = sourcing.Demand(
        key=share.id,
        order_id=order.id,
        vendor=share.vendor,
        lines=tuple(lines),
        destination=destination(order),
        channel=order.channel,
        payment_method=order.payment_method,
        value=share.total,
        own=own,
        standing=places.pop() if len(places) == 1 else "",
        excluded=refused,
    )
    return Wanted(demand, holds, behind, given_up)


def destination(order: orders.Order) -> sourcing.Destination:
    """Where the order goes, as sourcing wants to know it."""
    place, to = order.place, order.ship_to
    if place is None:
        resolved = geography.resolve(to)
        place = resolved if isinstance(resolved, orders.Place) else orders.Place(to.country, "")
    return sourcing.Destination(place.district, place.division, place.zone, to.lat, to.lng)


def moves(want: Wanted, plan: sourcing.Plan) -> list[inventory.reassigning.Move]:
    """The reservations that have to change their place for the plan, and no others. The plan's units are the order's own in sum."""
    parts = {line.line_no: line.parts for line in want.demand.lines}
    missing: dict[tuple[int, str], list[tuple[str, int]]] = {}
    spare = dict(want.holds)
    for parcel in plan.parcels:
        for line_no, quantity in parcel.lines:
            for sku, each in parts[line_no]:
                units = each * quantity
                here = min(spare.get((line_no, sku, parcel.node), 0), units)
                if here:
                    spare[line_no, sku, parcel.node] -= here
                if here < units:
                    missing.setdefault((line_no, sku), []).append((parcel.node, units - here))
    found: list[inventory.reassigning.Move] = []
    for (line_no, sku, source), free in spare.items():
        left = free
        wants = missing.get((line_no, sku))
        while left and wants:
            target, units = wants[-1]
            taken = min(left, units)
            found.append(inventory.reassigning.Move(want.demand.order_id, line_no, sku, source, target, taken))
            left -= taken
            if taken == units:
                wants.pop()
            else:
                wants[-1] = (target, units - taken)
    return found


def lines_of(want: Wanted) -> tuple[orders.events.ParcelLine, ...]:
    """The units of a demand as facts name them."""
    return tuple([orders.events.ParcelLine(line.line_no, line.quantity) for line in want.demand.lines])


def _in_parcels(order: orders.Order) -> dict[tuple[int, str], int]:
    """Units by line and location that are reserved for a parcel which has not left."""
    found: dict[tuple[int, str], int] = {}
    for parcel in order.shipments:
        if parcel.status in orders.AT_HOME:
            for line in parcel.lines:
                key = (line.line_no, parcel.location)
                found[key] = found.get(key, 0) + line.quantity
    return found


def _live(order: orders.Order) -> dict[tuple[str, int], int]:
    return {(order.id, line.line_no): line.quantity - line.buckets.get("cancelled", 0) for line in order.lines}
