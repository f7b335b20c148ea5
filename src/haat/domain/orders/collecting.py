"""What each parcel collects at the door: the cash of an order, split over its parcels so that it adds up. Pure.

    a parcel's own share = its units, the vendor's shipping with the vendor's first parcel, the order's fees with the first of all

Whole taka, rounded down: nobody has paisa at a door, and no courier counts them. The last parcel that is left to be booked takes what
remains. So the sum of what couriers are told is what is owed but for less than a taka, which is waived when all is delivered.
"""

from haat.domain.orders.events import OrderPaymentWaived
from haat.domain.orders.goods import TO_BRING, OrderLine, Parcel, settled
from haat.domain.orders.order import Order

CASH = "cod"
TAKA = 100
_TO_COME = frozenset({"planned", "picking", "packed", "uncertain"})
_LOOSE = ("open", "backordered", "reserved")


def owed_at_the_door(order: Order) -> int:
    """What is to be collected in all and was not yet."""
    return sum(max(t.owed - t.captured, 0) for t in order.payments if t.method == CASH)


def cash(order: Order, parcel: Parcel) -> int:
    """What this parcel, not booked yet, collects. 0 for an order that is paid."""
    left = owed_at_the_door(order) - sum(p.cash for p in order.shipments if p.status in TO_BRING and p.id != parcel.id and not p.stray)
    if left <= 0:
        return 0
    others = any(p.id != parcel.id and p.status in _TO_COME for p in order.shipments)
    loose = any(line.buckets.get(bucket, 0) for line in order.lines for bucket in _LOOSE)
    if not others and not loose:
        return _in_coins(order, left)
    return _in_coins(order, min(left, share(order, parcel)))


def _in_coins(order: Order, amount: int) -> int:
    """What can be paid in cash of this currency, at most `amount`."""
    return amount // TAKA * TAKA if order.currency == "BDT" else amount


def shortfall(order: Order) -> int:
    """What couriers were told to collect for whole parcels that were delivered, and did not bring. Less than a taka is rounding."""
    short = [max(p.cash - (p.collected or 0), 0) for p in order.shipments if p.status == "delivered" and not p.stray]
    return sum(each for each in short if each >= TAKA)


def uncollectable(order: Order) -> tuple[OrderPaymentWaived, ...]:
    """Waivers of the cash that nobody will ever bring: nothing is on its way to a door any more, and what was collected was counted.

    That is the delivery charge of what was refused, and paisa. What a courier owes us stays due (`shortfall`).
    """
    collected = sum(p.collected or 0 for p in order.shipments)
    tenders = [t for t in order.payments if t.method == CASH]
    if not settled(order.lines) or sum(t.captured for t in tenders) < collected:
        return ()
    keep = shortfall(order)
    facts = []
    for tender in tenders:
        left = max(tender.owed - tender.captured, 0)
        kept = min(left, keep)
        keep -= kept
        if left > kept:
            facts.append(OrderPaymentWaived(tender.id, left - kept, "not_collected"))
    return tuple(facts)


def share(order: Order, parcel: Parcel) -> int:
    """The part of the order's total that this parcel carries."""
    lines = {line.line_no: line for line in order.lines}
    worth = sum(_worth(lines[held.line_no], held.quantity) for held in parcel.lines)
    part = next(v for v in order.vendor_orders if v.id == parcel.vendor_order)
    if _first(order, parcel, of_vendor=True):
        worth += part.total - sum(line.total for line in order.lines if line.vendor == part.vendor)
    if _first(order, parcel, of_vendor=False):
        worth += order.totals.grand - sum(v.total for v in order.vendor_orders)
    return max(worth, 0)


def _worth(line: OrderLine, quantity: int) -> int:
    left = line.quantity - line.buckets.get("cancelled", 0)
    return line.total * min(quantity, left) // left if left else 0


def _first(order: Order, parcel: Parcel, *, of_vendor: bool) -> bool:
    """Whether it is the first that lives, of its vendor's or of all."""
    sold = (p for p in order.shipments if p.status != "cancelled" and not p.stray)
    living = (p for p in sold if not of_vendor or p.vendor_order == parcel.vendor_order)
    first = next(living, None)
    return first is not None and first.id == parcel.id
