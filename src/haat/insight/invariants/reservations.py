"""Open demand is reserved, and nothing else is: the units of a line that are still at home, times what one of it is made of."""

from collections.abc import Iterator, Sequence

from haat.domain import inventory, orders
from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Wrong

HOLDING = ("HELD", "COMMITTED", "PICKED")


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    return [wrong for order in page.orders for wrong in _of(order, page.reservations.get(order.id, ()))]


def _of(order: orders.Order, kept: Sequence[inventory.Reservation]) -> Iterator[Wrong]:
    live = {(order.id, line.line_no): line.quantity - line.buckets.get("cancelled", 0) for line in order.lines}
    each = inventory.components(kept, live)
    held: dict[int, dict[str, int]] = {}
    for r in kept:
        skus = held.setdefault(r.line_no, {})
        skus[r.sku] = skus.get(r.sku, 0) + (r.held if r.status in HOLDING else 0)
    for line in order.lines:
        home = sum([line.buckets.get(bucket, 0) for bucket in orders.STOPPABLE])
        skus = held.get(line.line_no, {})
        if home and not skus:
            yield Wrong(order.id, f"line {line.line_no}: {home} units are open and none is reserved")
        for sku, units in skus.items():
            wanted = home * each.get((order.id, line.line_no, sku), 0 if not home else 1)
            if units != wanted:
                yield Wrong(order.id, f"line {line.line_no}: {units} of {sku} are reserved, {wanted} are open")


INVARIANT = Invariant(
    code="reservations",
    title="Reservations are the open demand of orders, unit by unit",
    title_bn="সংরক্ষণ প্রতিটি অর্ডারের বাকি চাহিদার সমান",
    owner="operations",
    look=_look,
)
