"""Cancelling at any moment: every state of a parcel has its answer, and the money adds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.orders import collecting, events, fulfilling, stopping
from haat.kernel.errors import Refused
from tests.domain.orders.goods_cases import FIRST, accepted, at, placed, planned, told
from tests.domain.orders.test_fulfilling import STATUSES

WHAT = {
    "planned": {"cancelled"}, "picking": {"cancelled"}, "packed": {"cancelled"}, "cancelled": {"cancelled"},
    "uncertain": {"recalling", "cancelled"}, "booked": {"recalling", "cancelled"},
    "shipped": {"intercepting", "cancelled"}, "out_for_delivery": {"intercepting", "cancelled"},
    "attempt_failed": {"intercepting", "cancelled"}, "returning": {"returning", "cancelled"},
    "delivered": {"return", "cancelled"}, "partially_delivered": {"return", "cancelled"},
    "returned": {"cancelled"}, "lost": {"cancelled"},
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_a_whole_cancellation_has_an_answer_in_every_state(status: str) -> None:
    order = at(accepted(), status)  # the other vendor's parcel is planned, and so is cut
    stop = stopping.stop(order, None, reason="changed_mind")
    assert {f.what for f in stop.fates} <= WHAT[status] | {"return"}
    assert {f.what for f in stop.fates} >= WHAT[status] - {"return"}
    after = told(order, stop.facts)
    assert stop.released == order.totals.grand - after.totals.grand
    for line in after.lines:
        assert sum(line.buckets.values()) == line.quantity
    moved = [p for p in after.shipments if p.id == FIRST and p.status == "cancelled" and status in ("shipped", "booked", "uncertain")]
    assert not moved  # nothing is called cancelled that a courier may have


def test_before_a_courier_is_booked_all_of_it_ends_at_once() -> None:
    for order in (placed(), planned(), accepted(), at(accepted(), "packed")):
        stop = stopping.stop(order, None, reason="changed_mind")
        assert told(order, stop.facts).status == "cancelled"
        assert (stop.released, stop.later) == (order.totals.grand, 0)


def test_a_booked_parcel_is_asked_back_and_cut_when_the_courier_says_yes() -> None:
    order = at(accepted(), "booked")
    stop = stopping.stop(order, None, reason="changed_mind")
    asked = told(order, stop.facts)
    assert asked.shipments[0].intercept == "changed_mind"
    assert asked.shipments[0].status == "booked"
    assert stop.later == 80_000
    recalled = told(asked, fulfilling.recall(asked, FIRST, reason="changed_mind"))
    ended = told(recalled, stopping.recalled(recalled, asked.shipments[0], reason="changed_mind"))
    assert ended.status == "cancelled"
    assert ended.totals.grand == 0


def test_a_part_of_a_booked_parcel_is_cut_after_the_recall_and_the_rest_is_booked_again() -> None:
    order = at(accepted(), "booked")
    asked = told(order, stopping.stop(order, {1: 1}, reason="too_many").facts)
    recalled = told(asked, fulfilling.recall(asked, FIRST, reason="too_many"))
    after = told(recalled, stopping.recalled(recalled, asked.shipments[0], reason="too_many"))
    assert after.lines[0].buckets == {"packed": 2, "cancelled": 1}
    assert (after.shipments[0].status, after.shipments[0].intercept) == ("packed", "")
    assert after.shipments[0].lines == (events.ParcelLine(1, 2), events.ParcelLine(2, 2))


def test_a_booked_parcel_that_was_asked_back_in_part_is_asked_back_for_all_that_is_cancelled_later() -> None:
    order = at(accepted(), "booked")
    part = told(order, stopping.stop(order, {1: 1}, reason="too_many").facts)
    more = stopping.stop(part, {1: 2, 2: 1}, reason="too_many")
    assert more.facts == (events.OrderInterceptAsked(FIRST, "too_many", (events.ParcelLine(1, 2), events.ParcelLine(2, 1))),)
    assert stopping.stop(told(part, more.facts), {1: 1, 2: 1}, reason="too_many").facts == (), "that was asked already"
    whole = stopping.stop(part, {1: 3, 2: 2}, reason="changed_mind")
    assert {(f.line_no, f.quantity, f.what) for f in whole.fates} == {(1, 3, "recalling"), (2, 2, "recalling")}
    assert whole.facts == (events.OrderInterceptAsked(FIRST, "changed_mind"),)
    asked = told(part, whole.facts)
    recalled = told(asked, fulfilling.recall(asked, FIRST, reason="changed_mind"))
    after = told(recalled, stopping.recalled(recalled, asked.shipments[0], reason="changed_mind"))
    assert [line.buckets for line in after.lines[:2]] == [{"cancelled": 3}, {"cancelled": 2}]
    assert after.shipments[0].status == "cancelled", "nothing of it is booked again"


def test_what_was_asked_of_a_booking_in_part_is_asked_no_more_once_it_left() -> None:
    order = at(accepted(), "booked")
    part = told(order, [events.OrderInterceptAsked(FIRST, "too_many", (events.ParcelLine(1, 1),)), events.OrderShipped(FIRST)])
    assert (part.shipments[0].intercept, part.shipments[0].asked) == ("", ())
    whole = told(order, [events.OrderInterceptAsked(FIRST, "changed_mind"), events.OrderShipped(FIRST)])
    assert whole.shipments[0].intercept == "changed_mind"
    assert stopping.stop(part, {1: 3, 2: 2}, reason="changed_mind").facts == (events.OrderInterceptAsked(FIRST, "changed_mind"),)


def test_what_was_cut_is_not_collected_even_before_it_is_waived() -> None:
    both = at(accepted(), "packed")
    alone = told(both, stopping.stop(both, {3: 1}, reason="too_many").facts)
    cut = told(alone, stopping.stop(alone, {1: 2}, reason="too_many").facts)
    parcel = cut.shipments[0]
    assert collecting.cash(cut, parcel) == 97_000, "nothing is waived yet"
    assert stopping.cash(alone, parcel) == 86_000
    assert stopping.cash(cut, parcel) == 66_000
    assert [stopping.overcharge(cut, parcel, told=told_) for told_ in (86_000, 66_000, 66_099, 66_100, 0)] == [20_000, 0, 0, 100, 0]


def test_nobody_opens_a_parcel_on_the_road() -> None:
    stop = stopping.stop(at(accepted(), "shipped"), {1: 1}, reason="too_many")
    assert [f.what for f in stop.fates] == ["return_after_delivery"]
    assert stop.facts == ()


def test_asking_twice_for_the_same_parcel_asks_the_courier_once() -> None:
    order = at(accepted(), "shipped")
    first = told(order, stopping.stop(order, {1: 3, 2: 2}, reason="changed_mind").facts)
    again = stopping.stop(first, {1: 3, 2: 2}, reason="changed_mind")
    assert again.facts == ()
    assert {f.what for f in again.fates} == {"intercepting"}


def test_what_was_delivered_is_a_return() -> None:
    with pytest.raises(Refused, match="delivered_already"):
        stopping.stop(at(accepted(), "delivered"), {1: 1}, reason="changed_mind")


@given(st.sampled_from(STATUSES), st.integers(0, 3), st.integers(0, 2), st.integers(0, 1))
def test_every_unit_asked_for_has_one_fate(status: str, one: int, two: int, three: int) -> None:
    order = at(accepted(), status)
    wanted = {1: one, 2: two, 3: three}
    try:
        stop = stopping.stop(order, wanted, reason="changed_mind")
    except Refused as refusal:
        assert refusal.code in ("nothing_to_cancel", "not_cancellable", "delivered_already")
        return
    for line_no, quantity in wanted.items():
        assert sum(f.quantity for f in stop.fates if f.line_no == line_no) == quantity
