"""What may be asked in which status: every fact against every status, holds, notes."""

import msgspec
import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.histories import a_line, after, placed

STATUSES = ("placed", "confirmed", "processing", "completed", "cancelled", "expired", "rejected")
HELD = events.OrderHeld("h1", "MANUAL", "look")
ASKED = {
    events.OrderHeld: lambda order: orders.hold(order, hold_id="h2", kind="MANUAL", reason="look"),
    events.OrderReleased: lambda order: orders.release(order, hold_id="h1", reason="seen"),
    events.OrderLinesCancelled: lambda order: orders.cancel(order, {1: 1}, reason="changed_mind"),
    events.OrderCancelled: lambda order: orders.cancel(order, None, reason="changed_mind"),
    events.OrderNoted: lambda order: orders.note(order, text="call again", audience="staff"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fact", ASKED, ids=lambda fact: fact.__name__)
def test_a_fact_happens_in_the_statuses_of_its_table_and_in_no_other(fact: type[Fact], status: str) -> None:
    order = msgspec.structs.replace(after(placed(a_line(1, 2, 1000)), HELD), status=status)
    sources, target = orders.TRANSITIONS[fact]
    if status in sources:
        facts = ASKED[fact](order)
        assert [type(f) for f in facts] == [fact]
        assert after(order, *facts).status == (target or status)
    else:
        with pytest.raises(Refused) as refusal:
            ASKED[fact](order)
        assert refusal.value.data["status"] == status


def test_every_fact_of_an_order_stands_in_the_table() -> None:
    assert set(orders.TRANSITIONS) == set(events.OrderFact.__args__)
    assert {source for sources, _ in orders.TRANSITIONS.values() for source in sources} <= {"", *STATUSES}


def test_the_same_hold_twice_changes_nothing() -> None:
    order = after(placed(a_line(1, 1, 1000)), HELD)
    assert orders.hold(order, hold_id="h1", kind="MANUAL", reason="look") == ()
    assert after(order, *orders.release(order, hold_id="h1", reason="seen")).holds == ()


def test_a_hold_that_is_not_there_cannot_be_released() -> None:
    with pytest.raises(Refused) as refusal:
        orders.release(placed(a_line(1, 1, 1000)), hold_id="h9", reason="seen")
    assert refusal.value.kind == "missing"


def test_an_order_carries_so_many_holds_and_notes_and_no_more() -> None:
    order = placed(a_line(1, 1, 1000))
    for n in range(20):
        order = after(order, *orders.hold(order, hold_id=f"h{n}", kind="MANUAL", reason="look"))
    with pytest.raises(Refused, match="too_many_holds"):
        orders.hold(order, hold_id="one more", kind="MANUAL", reason="look")
    for n in range(500):
        order = after(order, *orders.note(order, text=str(n), audience="staff"))
    with pytest.raises(Refused, match="too_many_notes"):
        orders.note(order, text="one more", audience="staff")


def test_a_fact_of_a_later_version_of_haat_moves_the_version_and_nothing_else() -> None:
    class OrderSomethingNew(Fact, frozen=True):
        pass

    order = placed(a_line(1, 1, 1000))
    assert msgspec.structs.replace(after(order, OrderSomethingNew()), version=order.version, updated_at=order.updated_at) == order
