"""The lives of past orders: legal by the verbs of orders, whole to the last taka and unit, and the same every time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from haat.domain import inventory, orders
from haat.domain.orders import events
from haat.faces.cli.demo import lives
from tests.domain.orders.histories import ORDER, a_line, assert_sums_hold, created

PLACED = datetime(2026, 11, 1, 4, tzinfo=UTC)
LONG_AFTER = PLACED + timedelta(days=60)
OUTCOMES = ("delivered", "refused", "returned", "lost", "cancelled")


def placed(method: str = "cod") -> tuple[orders.Order, list[inventory.Reservation]]:
    """An order of two vendors, one line of which is a kit of two components."""
    first = created(a_line(1, 3, 61_250), a_line(2, 1, 10_000, vendor="shop-b"), a_line(3, 2, 500))
    first = events.OrderCreated(**{name: getattr(first, name) for name in first.__struct_fields__} | {"payment_method": method})
    held = [(1, "SKU-1", "dhaka", 2), (1, "SKU-1", "sylhet", 1), (2, "SKU-2", "dhaka", 1), (3, "A", "dhaka", 4), (3, "B", "dhaka", 2)]
    reserved = events.OrderStockReserved(tuple(events.Reservation(n, sku, place, units) for n, sku, place, units in held))
    facts = (first, events.OrderValidated({}), reserved)
    order = orders.begin(orders.NewOrder(ORDER, 1, facts, PLACED, lives.Step(PLACED, "guest", lambda o: ()).change(ORDER).origin))
    return order, [inventory.Reservation(ORDER, n, sku, place, units, 0, 0, "COMMITTED") for n, sku, place, units in held]


def lived(key: str, outcome: str, method: str = "cod", until: datetime = LONG_AFTER) -> tuple[orders.Order, list[orders.Changed]]:
    """The order at the end of its life, and what every step changed. Nothing is refused on the way."""
    order, kept = placed(method)
    found = []
    for step in lives.life(key, outcome, order, kept, None, until):
        changed = orders.ask(order, step.change(order.id))
        assert isinstance(changed, orders.Changed), (step, changed)
        order = changed.after
        assert_units_hold(order)
        found.append(changed)
    return order, found


def assert_units_hold(order: orders.Order) -> None:
    for line in order.lines:
        assert sum(line.buckets.values()) == line.quantity


def paid_keys(outcome: str) -> Iterator[tuple[str, orders.Order]]:
    """Lives of prepaid orders that were paid."""
    for n in range(12):
        order, _ = lived(f"k{n}", outcome, "bkash")
        if order.status != "expired":
            yield f"k{n}", order


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("method", ["cod", "bkash", "card"])
def test_every_life_comes_to_its_end_with_nothing_owed(outcome: str, method: str) -> None:
    for n in range(6):
        order, _ = lived(f"key-{n}", outcome, method)
        assert order.status in ({"cancelled", "expired"} if outcome == "cancelled" else {"completed", "expired"})
        assert orders.settling.settled(order) and not orders.paying.uncovered(order)
        assert all(parcel.settled or parcel.status == "cancelled" for parcel in order.shipments)


def test_what_was_delivered_was_paid_to_the_last_taka() -> None:
    order, _ = lived("a", "delivered")
    assert order.payment_status == "paid" and sum(p.collected or 0 for p in order.shipments) == order.totals.grand // 100 * 100
    assert_sums_hold(order)


@pytest.mark.parametrize("outcome", ["cancelled", "refused", "lost"])
def test_what_did_not_come_is_given_back(outcome: str) -> None:
    for key, order in paid_keys(outcome):
        assert order.refunds and all(refund.status == "succeeded" for refund in order.refunds), key


def test_a_parcel_goes_from_where_its_goods_lie_and_a_kit_goes_whole() -> None:
    order, kept = placed()
    parcels = lives.plan(order, kept, Random("x")).parcels
    found = sorted((p.location, [(x.line_no, x.quantity) for x in p.lines]) for p in parcels)
    assert found == [("dhaka", [(1, 2), (3, 2)]), ("dhaka", [(2, 1)]), ("sylhet", [(1, 1)])]


def test_a_life_told_again_changes_nothing_and_has_the_same_ids() -> None:
    order, changes = lived("a", "refused", "bkash")
    first, kept = placed("bkash")
    again = [step.change(order.id) for step in lives.life("a", "refused", first, kept, None, LONG_AFTER)]
    assert [change.at for change in again] == [changed.after.updated_at for changed in changes if changed.facts] or len(again) >= len(
        changes
    )
    for change in again:
        told = orders.ask(order, change)
        assert isinstance(told, orders.Changed) and told.facts == ()


def test_what_is_yet_to_come_has_not_happened() -> None:
    whole = lived("a", "delivered")[1]
    for days in (0.1, 0.5, 1, 1.5, 2, 3):
        until = PLACED + timedelta(days=days)
        order, part = lived("a", "delivered", until=until)
        assert order.updated_at < until
        assert [c.facts for c in part] == [c.facts for c in whole][: len(part)]


def test_shops_work_by_day_and_no_two_steps_happen_at_one_instant() -> None:
    for outcome in OUTCOMES:
        order, kept = placed()
        steps = lives.life("a", outcome, order, kept, None, LONG_AFTER)
        assert all(one.at < other.at for one, other in pairwise(steps))
        packed = [c.after.updated_at for c in lived("a", outcome)[1] if any(isinstance(f, events.OrderFulfillmentStarted) for f in c.facts)]
        assert all(9 <= (at + timedelta(hours=6)).hour < 21 for at in packed)
