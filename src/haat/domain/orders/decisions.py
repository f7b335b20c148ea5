"""What may be asked of an order: each decision reads its arguments only and answers with facts, or refuses. Pure.

Units are cancelled from the end of a line, and each takes with it the discount and tax that were frozen to it at the sale;
so any sequence of partial cancellations gives up exactly what one cancellation of the whole would.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from haat.domain.orders.events import Cut, OrderCancelled, OrderHeld, OrderLinesCancelled, OrderNoted, OrderReleased, ShippingCut
from haat.domain.orders.goods import STOPPABLE, OrderLine, VendorOrder
from haat.domain.orders.order import TRANSITIONS, Order
from haat.kernel.errors import Refused
from haat.kernel.facts import Asked, Fact
from haat.kernel.money import half_up

HOLDS_MAX = 20
NOTES_MAX = 500


def cancel(order: Order, quantities: Mapping[int, int] | None, *, reason: str, detail: str = "") -> tuple[Fact, ...]:
    """Stop the whole order (None) or these quantities by line number. Refused where units are beyond stopping.

    What has left the house cannot be cancelled; it can come back as a return.
    """
    _legal(order, OrderCancelled)
    wanted = {line.line_no: _left(line) for line in order.lines} if quantities is None else dict(quantities)
    by_no = {line.line_no: line for line in order.lines}
    cuts = []
    for line_no, quantity in sorted(wanted.items()):
        line = by_no.get(line_no)
        if line is None:
            raise Refused("unknown_line", f"The order has no line {line_no}.", line_no=line_no)
        stoppable = _stoppable(line)
        if quantity > stoppable or quantity < 0:
            raise Refused(
                "not_cancellable",
                f"Of line {line_no}, {stoppable} can still be cancelled.",
                kind="conflict",
                line_no=line_no,
                asked=quantity,
                cancellable=stoppable,
            )
        if quantity:
            cuts.append(cut_of(line, quantity))
    if not cuts:
        raise Refused("nothing_to_cancel", "Nothing of the order would be cancelled.")
    return _cancellation(order, tuple(cuts), reason, detail)


def _cancellation(order: Order, cuts: tuple[Cut, ...], reason: str, detail: str) -> tuple[Fact, ...]:
    cut = {c.line_no: c.quantity for c in cuts}
    vendors_left = {line.vendor for line in order.lines if _left(line) > cut.get(line.line_no, 0)}
    if not vendors_left:
        return (OrderCancelled(cuts, reason, order.totals.grand, detail),)
    shipping = tuple(_shipping_cut(order, v) for v in order.vendor_orders if v.vendor not in vendors_left and v.shipping)
    amount = sum(c.total for c in cuts) + sum(s.total for s in shipping)
    return (OrderLinesCancelled(cuts, reason, amount, detail, shipping),)


def _shipping_cut(order: Order, share: VendorOrder) -> ShippingCut:
    """What a vendor's share holds beyond its lines: the shipping charge and its tax."""
    lines = [line for line in order.lines if line.vendor == share.vendor]
    return ShippingCut(share.vendor, share.shipping, share.tax - sum(x.tax for x in lines), share.total - sum(x.total for x in lines))


def cut_of(line: OrderLine, quantity: int) -> Cut:
    """The last `quantity` of the units that are left of a line, with their own frozen discount and tax."""
    left = _left(line)
    discount = _running(line.unit_discounts, left) - _running(line.unit_discounts, left - quantity)
    tax = _running_tax(line, left) - _running_tax(line, left - quantity)
    items = line.unit_price * quantity
    return Cut(line.line_no, quantity, items, discount, tax, items - discount + (tax if line.tax_added else 0))


def hold(order: Order, *, hold_id: str, kind: str, reason: str, detail: str = "", until: datetime | None = None) -> tuple[Fact, ...]:
    """Stop the order from going on until the hold is released. The same hold id twice changes nothing."""
    _legal(order, OrderHeld)
    if any(h.id == hold_id for h in order.holds):
        return ()
    if len(order.holds) >= HOLDS_MAX:
        raise Refused("too_many_holds", f"An order carries {HOLDS_MAX} holds at the most.", kind="conflict")
    return (OrderHeld(hold_id, kind, reason, detail, until=until),)


def release(order: Order, *, hold_id: str, reason: str) -> tuple[Fact, ...]:
    """End one hold. A hold that is not there is refused as missing."""
    _legal(order, OrderReleased)
    for h in order.holds:
        if h.id == hold_id:
            return (OrderReleased(hold_id, h.kind, reason),)
    raise Refused("unknown_hold", "The order has no such hold.", kind="missing")


def note(order: Order, *, text: str, audience: str) -> tuple[Fact, ...]:
    """Write something down about the order, in any status."""
    if len(order.notes) >= NOTES_MAX:
        raise Refused("too_many_notes", f"An order carries {NOTES_MAX} notes at the most.", kind="conflict")
    return (OrderNoted(text, audience),)


def wished(facts: tuple[Fact, ...], wish: str) -> tuple[Fact, ...]:
    """These facts under the name of the request that asked for them: the first that can bear it does, and the order then knows it."""
    for n, fact in enumerate(facts):
        if isinstance(fact, Asked):
            return (*facts[:n], msgspec.structs.replace(fact, wish=wish), *facts[n + 1 :])
    return facts


def _legal(order: Order, fact: type[Fact]) -> None:
    sources, _ = TRANSITIONS[fact]
    if order.status not in sources:
        raise Refused(
            "not_in_this_status",
            f"This cannot be done to an order that is {order.status}.",
            kind="conflict",
            status=order.status,
        )


def _left(line: OrderLine) -> int:
    return line.quantity - line.buckets.get("cancelled", 0)


def _stoppable(line: OrderLine) -> int:
    return sum(line.buckets.get(bucket, 0) for bucket in STOPPABLE)


def _running_tax(line: OrderLine, units: int) -> int:
    """The tax of the first `units` units: in proportion to what was paid for them, so that a free unit carries none."""
    paid = line.quantity * line.unit_price - _running(line.unit_discounts, line.quantity)
    if paid <= 0:
        return line.tax_sold if units else 0
    return half_up(line.tax_sold * (units * line.unit_price - _running(line.unit_discounts, units)), paid)


def _running(runs: tuple[tuple[int, int], ...], units: int) -> int:
    """The discount of the first `units` units."""
    discount = 0
    for count, each in runs:
        taken = min(count, units)
        discount += taken * each
        units -= taken
    return discount
