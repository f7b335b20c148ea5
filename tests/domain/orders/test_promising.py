"""The days that are promised: the order's is the latest of what is still to come, and a parcel may have one of its own."""

from datetime import datetime, timedelta

import pytest

from haat.domain import orders
from haat.domain.orders import events, fulfilling, promising
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.goods_cases import AT, FIRST, SECOND, accepted, at, told

DAY, LATER, LATEST = (AT + timedelta(days=n) for n in (2, 4, 6))


def promised(day: datetime = DAY) -> orders.Order:
    return told(accepted(), [events.OrderPromised(day, "quoted")])


def days(order: orders.Order) -> list[datetime | None]:
    """Of each parcel, and of the order."""
    return [*(p.promised_at for p in order.shipments), order.promised_at]


def another_day(order: orders.Order, parcel: str, to: datetime) -> orders.Order:
    return told(order, fulfilling.reschedule(order, parcel, to=to, now=AT, reason="reschedule_asked"))


def test_two_parcels_have_a_day_each_and_the_order_has_the_later_one() -> None:
    order = another_day(promised(), FIRST, LATEST)
    assert days(order) == [LATEST, DAY, LATEST]
    order = another_day(order, SECOND, LATER)
    assert days(order) == [LATEST, LATER, LATEST]
    order = another_day(order, FIRST, DAY)
    assert days(order) == [DAY, LATER, LATER]
    assert fulfilling.reschedule(order, FIRST, to=DAY, now=AT, reason="reschedule_asked") == ()


def test_a_parcel_that_is_there_or_cancelled_is_not_waited_for() -> None:
    order = another_day(promised(), FIRST, LATEST)
    assert at(order, "delivered").promised_at == DAY
    whole = {line.line_no: line.quantity for line in order.lines if line.vendor == "shop-a"}
    assert told(order, orders.cancel(order, whole, reason="changed_mind")).promised_at == DAY
    assert at(at(order, "delivered"), "delivered", SECOND).promised_at == DAY, "the last word stays"


def test_goods_in_no_parcel_keep_the_day_of_the_order() -> None:
    order = told(promised(LATER), [events.VendorOrderRejected(accepted().vendor_orders[1].id, "closed")])
    order = another_day(order, FIRST, DAY)
    assert (order.shipments[0].promised_at, order.promised_at) == (DAY, LATER)


def test_a_day_for_all_leaves_alone_what_was_agreed_on_and_is_to_come() -> None:
    order = another_day(promised(), FIRST, LATEST)
    order = told(order, [events.OrderPromised(LATER, "late")])
    assert (order.shipments[0].promised_at, order.promised_at) == (LATEST, LATEST)
    over = told(order, [events.OrderPromised(AT, "late", FIRST), events.OrderPromised(LATER, "late")])
    assert (over.shipments[0].promised_at, over.shipments[0].agreed) == (None, False)


def test_the_first_day_is_waited_for_first() -> None:
    order = another_day(promised(), FIRST, LATEST)
    assert promising.next_day(order.promised_at, order.shipments) == DAY
    assert promising.next_day(LATER, accepted().shipments) == LATER


def test_the_rest_of_a_parcel_keeps_its_day() -> None:
    order = another_day(at(promised(), "picking"), FIRST, LATER)
    order = told(order, fulfilling.pack(order, FIRST, rest_id="0198a000-0000-7000-8000-000000000009", lines={1: 1}))
    assert [p.promised_at for p in order.shipments] == [LATER, DAY, LATER]


def test_a_buyer_asks_for_a_day_within_bounds() -> None:
    within = timedelta(days=30)
    for to, code in ((AT, "in_the_past"), (AT + within + timedelta(seconds=1), "too_far")):
        with pytest.raises(Refused, match=code):
            fulfilling.reschedule(promised(), FIRST, to=to, now=AT, reason="reschedule_asked", within=within)
    assert fulfilling.reschedule(promised(), FIRST, to=AT + within, now=AT, reason="reschedule_asked", within=within)


def test_a_buyer_asks_for_a_later_day_a_few_times_and_for_moments_never() -> None:
    order, within, to = promised(), timedelta(days=30), DAY

    def asked(to: datetime) -> tuple[Fact, ...]:
        return fulfilling.reschedule(order, FIRST, to=to, now=AT, reason="reschedule_asked", within=within)

    assert asked(DAY + timedelta(hours=5)) == asked(DAY - timedelta(hours=5)) == ()
    with pytest.raises(Refused, match="too_early"):
        asked(DAY - timedelta(days=1, seconds=1))
    for _ in range(fulfilling.WISHES_MAX):
        to += timedelta(days=1)
        order = told(order, asked(to))
        assert order.shipments[0].promised_at == to
    with pytest.raises(Refused, match="too_often"):
        asked(to + timedelta(days=1))
    assert fulfilling.reschedule(order, FIRST, to=to + timedelta(days=1), now=AT, reason="agreed"), "the shop may all the same"
