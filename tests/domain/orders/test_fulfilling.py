"""Every decision about goods: from where it may come, what it says, what it refuses."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from haat.domain import orders
from haat.domain.orders import events, fulfilling
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.goods_cases import AT, FIRST, POT, REST, SECOND, TEA, accepted, at, planned, told

STATUSES = (
    "planned", "picking", "packed", "uncertain", "booked", "shipped", "out_for_delivery", "attempt_failed", "returning", "delivered",
    "partially_delivered", "returned", "lost", "cancelled",
)  # fmt: skip
BOOKED = events.OrderShipmentBooked(FIRST, "redx", "R-1", cash=1_000)
#: fact -> how it is asked for
ASKS: dict[type[Fact], Callable[[orders.Order], tuple[Fact, ...]]] = {
    events.OrderFulfillmentStarted: lambda o: fulfilling.start(o, FIRST),
    events.OrderParcelPacked: lambda o: fulfilling.pack(o, FIRST, rest_id=REST, weight_g=1),
    events.OrderShipmentBooked: lambda o: fulfilling.book(o, BOOKED),
    events.OrderShipmentFailed: lambda o: fulfilling.refuse_booking(o, FIRST, courier="pathao", reason="area_not_served", final=True),
    events.OrderShipmentRecalled: lambda o: fulfilling.recall(o, FIRST, reason="cancelled"),
    events.OrderShipped: lambda o: fulfilling.ship(o, FIRST),
    events.OrderOutForDelivery: lambda o: fulfilling.out(o, FIRST),
    events.OrderDeliveryFailed: lambda o: fulfilling.fail(o, FIRST, reason="not_at_home"),
    events.OrderDelivered: lambda o: fulfilling.deliver(o, FIRST),
    events.OrderReturnStarted: lambda o: fulfilling.turn_back(o, FIRST, reason="customer_refused"),
    events.OrderReturnReceived: lambda o: fulfilling.receive(o, FIRST),
    events.OrderParcelLost: lambda o: fulfilling.lose(o, FIRST),
    events.OrderInterceptAsked: lambda o: fulfilling.intercept(o, FIRST, reason="changed_mind"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fact", ASKS, ids=lambda f: f.__name__)
def test_a_parcel_moves_along_its_table_and_no_other_way(fact: type[Fact], status: str) -> None:
    order = at(accepted(), status)
    try:
        facts = ASKS[fact](order)
    except Refused as refusal:
        assert status not in fulfilling.FROM[fact]
        assert refusal.kind == "conflict"
        return
    if not facts:
        assert status not in fulfilling.FROM[fact] or fact is events.OrderShipmentRecalled
        return
    assert any(isinstance(f, fact) for f in facts)
    assert status in fulfilling.FROM[fact]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fact", ASKS, ids=lambda f: f.__name__)
def test_units_are_conserved_and_saying_it_twice_changes_nothing_more(fact: type[Fact], status: str) -> None:
    order = at(accepted(), status)
    try:
        after = told(order, ASKS[fact](order))
    except Refused:
        return
    for line in after.lines:
        assert sum(line.buckets.values()) == line.quantity
    if fact is events.OrderDeliveryFailed:
        return  # each call is a try of its own
    try:
        again = ASKS[fact](after)
    except Refused:
        return
    assert again == () or fact is events.OrderShipmentFailed


def test_a_courier_that_skips_words_is_told_in_full() -> None:
    facts = fulfilling.deliver(at(accepted(), "booked"), FIRST)
    assert facts == (events.OrderShipped(FIRST), events.OrderDelivered(FIRST, (), 86_000))


def test_a_vendor_takes_its_part_once() -> None:
    order = told(planned(), [events.VendorOrderOffered(TEA, AT)])
    assert fulfilling.accept(order, TEA) == (events.VendorOrderAccepted(TEA),)
    assert fulfilling.accept(accepted(), TEA) == ()
    with pytest.raises(Refused, match="not_offered"):
        fulfilling.accept(planned(), TEA)


def test_a_vendor_that_takes_everything_has_taken_it_when_asked() -> None:
    offered = fulfilling.offer(planned(), TEA, until=AT, accepts=True)
    assert offered == (events.VendorOrderOffered(TEA, AT), events.VendorOrderAccepted(TEA))
    assert fulfilling.offer(accepted(), TEA, until=AT) == ()


def test_a_rejected_part_is_sourced_again() -> None:
    order = accepted()
    after = told(order, fulfilling.reject(order, TEA, reason="out_of_stock"))
    assert after.vendor_orders[0].status == "rejected"
    assert after.lines[0].buckets == {"reserved": 3}
    assert after.shipments[0].status == "cancelled"
    with pytest.raises(Refused, match="not_offered"):
        fulfilling.reject(after, TEA, reason="closed")


def test_a_vendor_may_reject_single_units_and_keeps_the_rest() -> None:
    order = accepted()
    after = told(order, fulfilling.reject(order, TEA, reason="out_of_stock", lines={1: 2}))
    assert after.vendor_orders[0].answer == "accepted"
    assert after.vendor_orders[0].rejections == 1
    assert after.lines[0].buckets == {"allocated": 1, "reserved": 2}
    assert after.shipments[0].lines == (events.ParcelLine(1, 1), events.ParcelLine(2, 2))
    with pytest.raises(Refused, match="more_than_there_is"):
        fulfilling.reject(after, TEA, reason="out_of_stock", lines={1: 2})


def test_what_a_courier_has_on_its_books_is_not_rejected() -> None:
    with pytest.raises(Refused, match="booked_already"):
        fulfilling.reject(at(accepted(), "booked"), TEA, reason="closed")


def test_silence_is_a_rejection_when_the_time_is_over() -> None:
    order = told(planned(), [events.VendorOrderOffered(TEA, AT)])
    assert fulfilling.lapse(order, TEA, now=AT - timedelta(seconds=1)) == ()
    facts = fulfilling.lapse(order, TEA, now=AT)
    assert facts == (events.VendorOrderRejected(TEA, "no_answer"),)
    assert fulfilling.lapse(accepted(), TEA, now=AT) == ()


def test_fewer_units_in_the_box_make_a_second_parcel() -> None:
    order = at(accepted(), "picking")
    after = told(order, fulfilling.pack(order, FIRST, rest_id=REST, weight_g=500, lines={1: 2, 2: 2}))
    first, _, rest = after.shipments
    assert (first.status, first.lines) == ("packed", (events.ParcelLine(1, 2), events.ParcelLine(2, 2)))
    assert (rest.id, rest.status, rest.lines) == (REST, "planned", (events.ParcelLine(1, 1),))
    assert after.lines[0].buckets == {"packed": 2, "allocated": 1}


def test_a_held_order_is_not_packed() -> None:
    order = told(at(accepted(), "picking"), [events.OrderHeld("h", "MANUAL", "look")])
    with pytest.raises(Refused, match="on_hold"):
        fulfilling.pack(order, FIRST, rest_id=REST)


def test_a_part_may_stay_with_the_buyer_and_the_rest_comes_home() -> None:
    order = at(accepted(), "out_for_delivery")
    after = told(order, fulfilling.deliver(order, FIRST, lines={1: 3, 2: 1}, collected=61_000))
    assert after.shipments[0].status == "partially_delivered"
    assert fulfilling.outstanding(after.shipments[0]) == (events.ParcelLine(2, 1),)
    home = told(after, fulfilling.receive(after, FIRST, damaged={2: 1}))
    assert home.shipments[0].settled
    assert home.lines[1].buckets == {"delivered": 1, "returned": 1}
    with pytest.raises(Refused, match="more_than_there_is"):
        fulfilling.receive(after, FIRST, sound={2: 2})


def test_an_order_is_complete_when_every_unit_and_every_taka_has_arrived() -> None:
    order = at(at(accepted(), "delivered"), "delivered", SECOND)
    assert fulfilling.complete(order) == ()
    paid = told(order, [events.OrderPaymentProcessed("t1", "a1", order.totals.grand, "cod", "cod")])
    assert fulfilling.complete(paid) == (events.OrderCompleted(),)
    assert fulfilling.complete(told(paid, fulfilling.complete(paid))) == ()


def test_another_day_is_agreed_only_for_what_is_still_to_come() -> None:
    order = at(accepted(), "attempt_failed")
    day = AT + timedelta(days=1)
    assert fulfilling.reschedule(order, FIRST, to=day, now=AT, reason="asked") == (events.OrderPromised(day, "asked", FIRST, agreed=True),)
    with pytest.raises(Refused, match="in_the_past"):
        fulfilling.reschedule(order, FIRST, to=AT, now=AT, reason="asked")
    with pytest.raises(Refused, match="not_in_this_status"):
        fulfilling.reschedule(at(accepted(), "delivered"), FIRST, to=day, now=AT, reason="asked")


def test_parts_and_parcels_that_are_not_there_are_missing() -> None:
    with pytest.raises(Refused, match="unknown_vendor_order"):
        fulfilling.accept(accepted(), FIRST)
    with pytest.raises(Refused, match="unknown_shipment"):
        fulfilling.ship(accepted(), POT)


def test_the_first_fact_that_can_bears_the_name_of_who_asked_and_the_order_knows_it() -> None:
    order = told(planned(), [events.VendorOrderOffered(TEA, AT), events.VendorOrderAccepted(TEA)])
    started, packed = orders.wished(fulfilling.pack(order, FIRST, rest_id=REST), "wish-1")
    assert (started, packed) == (events.OrderFulfillmentStarted(FIRST), events.OrderParcelPacked(FIRST, wish="wish-1"))
    assert events.decode(msgspec.json.encode(packed)) == packed
    after = told(order, [started, packed])
    assert after.wishes == ("wish-1",)
    assert told(after, orders.wished(fulfilling.reject(after, TEA, reason="closed"), "wish-2")).wishes == ("wish-1", "wish-2")
    assert orders.wished((started,), "wish-3") == (started,)
