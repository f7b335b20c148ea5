"""What a vendor refuses, and where: one place's no leaves the others alone, silence takes back only what nobody has begun."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from haat.domain import orders
from haat.domain.orders import events, fulfilling
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.goods_cases import AT, POT, TEA, placed, told

LA, LB, LC = (f"0198a000-0000-7000-8000-0000000000{n}" for n in ("a9", "b9", "c9"))
LATER = AT + timedelta(hours=25)


def line(line_no: int, quantity: int) -> events.ParcelLine:
    return events.ParcelLine(line_no, quantity)


def parcel(parcel_id: str, *lines: events.ParcelLine) -> events.PlannedParcel:
    """A parcel of shop-a's from the place of that name."""
    return events.PlannedParcel(parcel_id, TEA, {LA: "LA", LB: "LB", LC: "LC"}[parcel_id], lines)


def in_two_places(*more: Fact, second: Iterable[events.ParcelLine] = (events.ParcelLine(2, 2),)) -> orders.Order:
    """Shop-a sends 3 of line 1 from LA and 2 of line 2 from LB."""
    parcels = (parcel(LA, line(1, 3)), parcel(LB, *second))
    return told(placed(), [events.OrderInventoryAllocated("plan", parcels), events.OrderConfirmed(), *more])


def picking(**said: Iterable[events.ParcelLine]) -> orders.Order:
    begun = [events.OrderFulfillmentStarted(p) for p in (LA, LB)]
    return in_two_places(events.VendorOrderOffered(TEA, AT), events.VendorOrderAccepted(TEA), *begun, **said)


def standing(order: orders.Order) -> dict[str, str]:
    return {p.location: p.status for p in order.shipments}


def part(order: orders.Order) -> orders.VendorOrder:
    return fulfilling.part_of(order, TEA)


def test_a_place_that_refuses_leaves_the_answer_for_the_other_places() -> None:
    order = picking()
    after = told(order, fulfilling.reject(order, TEA, reason="closed", location="LA"))
    assert (part(after).answer, standing(after)) == ("accepted", {"LA": "cancelled", "LB": "picking"})
    assert after.lines[0].buckets == {"reserved": 3}
    assert after.lines[1].buckets == {"picked": 2}
    again = told(after, [events.OrderInventoryAllocated("plan-2", (parcel(LC, line(1, 3)),))])
    assert fulfilling.offer(again, TEA, until=LATER, now=AT) == (), "it took its part"
    assert fulfilling.start(again, LC) == (events.OrderFulfillmentStarted(LC),)


def test_a_place_that_refuses_while_the_vendor_is_asked_leaves_the_question_open() -> None:
    order = in_two_places(events.VendorOrderOffered(TEA, LATER))
    after = told(order, fulfilling.reject(order, TEA, reason="closed", location="LA"))
    assert (part(after).answer, part(after).offered_until) == ("offered", LATER)


@pytest.mark.parametrize("lines", [None, {2: 2}])
def test_the_last_place_that_refuses_refuses_the_part(lines: dict[int, int] | None) -> None:
    order = picking()
    order = told(order, fulfilling.reject(order, TEA, reason="closed", location="LA"))
    order = told(order, fulfilling.reject(order, TEA, reason="closed", location="LB", lines=lines))
    assert (part(order).answer, standing(order)) == ("rejected", {"LA": "cancelled", "LB": "cancelled"})
    with pytest.raises(Refused, match="not_offered"):
        fulfilling.reject(order, TEA, reason="closed")


def test_a_refusal_that_was_told_for_a_place_without_its_units_is_read_as_it_was() -> None:
    after = told(picking(), [events.VendorOrderRejected(TEA, "closed", location="LA")])
    assert (part(after).answer, standing(after)) == ("rejected", {"LA": "cancelled", "LB": "picking"})


@pytest.mark.parametrize("status", ["picking", "packed", "uncertain", "booked"])
def test_silence_about_a_new_place_leaves_what_another_place_has_begun(status: str) -> None:
    way: list[Fact] = [
        events.OrderParcelPacked(LB),
        events.OrderShipmentUncertain(LB, "redx") if status == "uncertain" else events.OrderShipmentBooked(LB, "redx", "C-1"),
    ]
    begun = way[: {"picking": 0, "packed": 1}.get(status, 2)]
    anew = (events.OrderInventoryAllocated("plan-2", (parcel(LC, line(1, 3)),)), events.VendorOrderOffered(TEA, AT))
    order = told(picking(), [events.VendorOrderRejected(TEA, "closed", location="LA"), *anew, *begun])
    facts = fulfilling.lapse(order, TEA, now=LATER)
    assert facts == (events.VendorOrderRejected(TEA, "no_answer", attempt=2, parcels=(LC,)),)
    after = told(order, facts)
    assert standing(after) == {"LA": "cancelled", "LB": status, "LC": "cancelled"}
    assert (part(after).answer, after.lines[0].buckets) == ("rejected", {"reserved": 3})
    assert fulfilling.lapse(after, TEA, now=LATER) == ()


def test_what_is_planned_after_the_vendors_time_was_over_is_offered_anew() -> None:
    order = told(
        in_two_places(events.VendorOrderOffered(TEA, AT)), [events.VendorOrderRejected(TEA, "other", lines=(line(1, 3), line(2, 2)))]
    )
    assert part(order).answer == "offered"
    assert fulfilling.lapse(order, TEA, now=LATER) == (), "nothing is left to be refused"
    again = told(order, [events.OrderInventoryAllocated("plan-2", (parcel(LC, line(1, 3)),))])
    until = LATER + timedelta(hours=1)
    assert fulfilling.offer(again, TEA, until=until, now=AT - timedelta(hours=1)) == (), "it is still asked"
    assert fulfilling.offer(again, TEA, until=until, now=LATER) == (events.VendorOrderOffered(TEA, until),)


def refused(order: orders.Order) -> list[tuple[str, int, int]]:
    return [(r.location, r.line_no, r.attempt) for r in part(order).refusals]


def test_a_vendor_that_refuses_everything_refuses_every_line_at_each_of_its_places() -> None:
    order = picking()
    after = told(order, fulfilling.reject(order, TEA, reason="closed"))
    assert refused(after) == [("LA", 1, 1), ("LA", 2, 1), ("LB", 1, 1), ("LB", 2, 1)]
    assert fulfilling.part_of(after, POT).refusals == ()


def test_units_are_refused_where_units_of_their_line_were_to_be_sent_from() -> None:
    order = picking(second=[line(1, 1), line(2, 2)])
    after = told(order, fulfilling.reject(order, TEA, reason="out_of_stock", lines={2: 1}))
    assert refused(after) == [("LB", 2, 1)]
    again = told(after, fulfilling.reject(after, TEA, reason="out_of_stock", location="LA"))
    assert refused(again) == [("LB", 2, 1), ("LA", 1, 2)]


def test_goods_that_arrive_end_the_refusals_of_their_line_and_no_others() -> None:
    order = picking()
    order = told(order, fulfilling.reject(order, TEA, reason="out_of_stock"))
    after = told(order, [events.OrderBackorderArrived((line(1, 1),), "LA")])
    assert refused(after) == [("LA", 2, 1), ("LB", 2, 1)]
