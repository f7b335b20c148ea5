"""Orders for tests: one made by hand, any that hypothesis thinks of, and the sums that must hold in every state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from haat.domain import orders
from haat.domain.orders import events
from haat.kernel.facts import Fact, Origin
from haat.kernel.money import half_up

ORDER = "01a20000-0000-7000-8000-000000000001"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SHOP = Origin("channel:web", "api")


def a_line(line_no: int, quantity: int, unit_price: int, **more: Any) -> events.Line:
    """A line whose total follows from its parts. `tax` is beside the price where `tax_added`."""
    runs = more.get("unit_discounts", ())
    discount = sum(count * each for count, each in runs)
    tax = more.get("tax", 0) if more.get("tax_added") else 0
    total = quantity * unit_price - discount + tax
    return events.Line(line_no, f"SKU-{line_no}", more.pop("vendor", "shop-a"), "Tea", quantity, unit_price, total, discount, **more)


def created(*lines: events.Line, shipping: int = 6000, shipping_tax: int = 0, fees: int = 0, **more: Any) -> events.OrderCreated:
    """An order of these lines; each vendor ships for `shipping` with `shipping_tax` beside it."""
    shares = []
    for n, vendor in enumerate(sorted({line.vendor for line in lines})):
        own = [line for line in lines if line.vendor == vendor]
        shares.append(
            events.Share(
                f"01a20000-0000-7000-8000-00000000010{n}", vendor, sum(x.quantity * x.unit_price for x in own), sum(x.discount for x in own),
                shipping, sum(x.tax for x in own) + shipping_tax, sum(x.total for x in own) + shipping + shipping_tax,
            )
        )  # fmt: skip
    totals = events.Totals(
        sum(s.items for s in shares), sum(s.discount for s in shares), sum(s.shipping for s in shares), sum(s.tax for s in shares), fees,
        sum(s.total for s in shares) + fees,
    )  # fmt: skip
    customer = events.Customer("Rahima", "+8801711223344")
    return events.OrderCreated(
        "7KQ2-M9XF-4", "web", "BDT", customer, orders.Address(), tuple(lines), tuple(shares), totals, "cod", 17, **more
    )


def reserved(order: events.OrderCreated, late: int = 0) -> events.OrderStockReserved:
    return events.OrderStockReserved(
        tuple(events.Reservation(x.line_no, x.sku, "DHK", x.quantity, min(late, x.quantity)) for x in order.lines), None
    )


def placed(*lines: events.Line, late: int = 0, **more: Any) -> orders.Order:
    """The order as the front desk leaves it."""
    first = created(*lines, **more)
    facts: tuple[Fact, ...] = (first, events.OrderValidated({"phone": 1}), reserved(first, late))
    return orders.begin(orders.NewOrder(ORDER, 1, facts, NOW, SHOP))


def after(order: orders.Order, *facts: Fact) -> orders.Order:
    """The order after these facts, an hour later."""
    for fact in facts:
        order = orders.evolve(order, fact, order_id=order.id, version=order.version + 1, at=NOW + timedelta(hours=1), by="admin:1")
    return order


@st.composite
def any_line(draw: st.DrawFn, line_no: int) -> events.Line:
    quantity, price = draw(st.integers(1, 7)), draw(st.sampled_from([0, 1, 99, 1000, 3333]))
    runs: list[tuple[int, int]] = []
    left = quantity
    while left and draw(st.booleans()):
        count = draw(st.integers(1, left))
        runs.append((count, draw(st.integers(0, price))))
        left -= count
    paid = quantity * price - sum(count * each for count, each in runs)
    return a_line(
        line_no, quantity, price, vendor=draw(st.sampled_from(["shop-a", "shop-b", "shop-c"])), unit_discounts=tuple(runs),
        tax=half_up(paid * draw(st.sampled_from([0, 500, 1500])), 10_000), tax_added=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def any_order(draw: st.DrawFn) -> orders.Order:
    lines = [draw(any_line(n)) for n in range(1, draw(st.integers(1, 4)) + 1)]
    return placed(
        *lines, shipping=draw(st.sampled_from([0, 6000])), shipping_tax=draw(st.sampled_from([0, 900])), fees=draw(st.sampled_from([0, 1000])),
        late=draw(st.integers(0, 7)),
    )  # fmt: skip


def units_left(line: orders.OrderLine) -> int:
    return line.quantity - line.buckets.get("cancelled", 0)


def assert_sums_hold(order: orders.Order) -> None:
    """Buckets sum to what was ordered, and every level's amounts are the sum of the level below."""
    for line in order.lines:
        assert sum(line.buckets.values()) == line.quantity
        assert all(units > 0 for units in line.buckets.values())
        expected = units_left(line) * line.unit_price - line.discount + (line.tax if line.tax_added else 0)
        assert line.total == expected, line
        assert line.discount >= 0 and line.tax >= 0 and line.total >= 0
        assert units_left(line) or line.total == line.tax == line.discount == 0
    for share in order.vendor_orders:
        own = [line for line in order.lines if line.vendor == share.vendor]
        if order.status == "cancelled":
            own = []
        assert share.items == sum(units_left(x) * x.unit_price for x in own)
        assert share.discount == sum(x.discount for x in own)
        assert share.total == sum(x.total for x in own) + share.shipping + (share.tax - sum(x.tax for x in own))
        assert (share.status == "cancelled") == all(units_left(x) == 0 for x in order.lines if x.vendor == share.vendor)
    totals, shares = order.totals, order.vendor_orders
    assert totals.items == sum(s.items for s in shares)
    assert totals.discount == sum(s.discount for s in shares)
    assert totals.shipping == sum(s.shipping for s in shares)
    assert totals.tax == sum(s.tax for s in shares)
    assert totals.grand == sum(s.total for s in shares) + totals.fees
