"""Cancelling: by unit, by line, whole, in any order; what is given back is what was charged, to the poisha."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import orders
from haat.domain.orders import events
from haat.kernel.errors import Refused
from tests.domain.orders.histories import a_line, after, any_order, assert_sums_hold, placed, units_left


def cancelled(
    order: orders.Order, quantities: dict[int, int] | None
) -> tuple[orders.Order, events.OrderCancelled | events.OrderLinesCancelled]:
    (fact,) = orders.cancel(order, quantities, reason="changed_mind")
    assert isinstance(fact, events.OrderCancelled | events.OrderLinesCancelled)
    return after(order, fact), fact


def without_time(order: orders.Order) -> orders.Order:
    return msgspec.structs.replace(order, version=0, updated_at=order.placed_at)


@given(any_order())
def test_in_every_state_all_sums_hold(order: orders.Order) -> None:
    assert_sums_hold(order)


@given(any_order(), st.data())
def test_any_sequence_of_partial_cancellations_gives_back_what_one_of_the_whole_would(order: orders.Order, data: st.DataObject) -> None:
    whole = cancelled(order, None)[1].amount
    assert whole == order.totals.grand
    given_back = 0
    while order.status != "cancelled":
        left = {line.line_no: units_left(line) for line in order.lines if units_left(line)}
        line_no = data.draw(st.sampled_from(sorted(left)))
        before = order.totals.grand
        order, fact = cancelled(order, {line_no: data.draw(st.integers(1, left[line_no]))})
        given_back += fact.amount
        assert order.totals.grand == before - fact.amount
        assert fact.amount >= 0
        assert_sums_hold(order)
    assert given_back == whole


@given(any_order(), st.data())
def test_two_steps_leave_the_same_order_as_one(order: orders.Order, data: st.DataObject) -> None:
    first = {line.line_no: data.draw(st.integers(0, line.quantity)) for line in order.lines}
    second = {line.line_no: data.draw(st.integers(0, line.quantity - first[line.line_no])) for line in order.lines}
    both = {n: first[n] + second[n] for n in first}
    if not any(first.values()) or not any(second.values()) or all(both[x.line_no] == x.quantity for x in order.lines):
        return
    stepwise = cancelled(cancelled(order, first)[0], second)[0]
    assert without_time(stepwise) == without_time(cancelled(order, both)[0])


@given(any_order(), st.data())
def test_facts_survive_their_json_and_say_the_same(order: orders.Order, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(order.lines))
    after_it, fact = cancelled(order, {line.line_no: 1})
    assert events.decode(msgspec.json.encode(fact)) == fact
    assert after(order, events.decode(msgspec.json.encode(fact))) == after_it


def test_a_free_unit_gives_back_nothing() -> None:
    """Three for the price of two, tax beside the price: the buyer paid 200 and 30 of tax for the first two."""
    order = placed(a_line(1, 3, 100, unit_discounts=((2, 0), (1, 100)), tax=30, tax_added=True), shipping=0)
    order, fact = cancelled(order, {1: 1})
    assert fact.amount == 0
    assert order.totals.grand == 230


def test_a_vendor_with_nothing_left_ships_nothing_and_charges_no_shipping() -> None:
    order = placed(a_line(1, 1, 1000), a_line(2, 2, 500, vendor="shop-b"), shipping=6000, shipping_tax=900)
    order, fact = cancelled(order, {1: 1})
    assert isinstance(fact, events.OrderLinesCancelled)
    assert fact.amount == 1000 + 6000 + 900
    assert [share.status for share in order.vendor_orders] == ["cancelled", "placed"]
    assert order.totals.shipping == 6000
    assert order.status == "placed"


def test_the_last_unit_cancels_the_order_and_with_it_the_fees_and_the_holds() -> None:
    order = after(placed(a_line(1, 2, 1000), fees=1000), events.OrderHeld("h", "MANUAL", "look"))
    order, _ = cancelled(order, {1: 1})
    assert order.holds
    order, fact = cancelled(order, {1: 1})
    assert isinstance(fact, events.OrderCancelled)
    assert (order.status, order.totals.grand, order.holds, order.payment_status) == ("cancelled", 0, (), "not_required")


def test_money_that_was_paid_is_overpaid_after_a_cancellation() -> None:
    paid = (events.Payment("bkash", 8000, "TX1"),)
    order = placed(a_line(1, 2, 1000), payments=paid)
    assert order.payment_status == "paid"
    assert cancelled(order, {1: 1})[0].payment_status == "overpaid"
    assert cancelled(order, None)[0].payment_status == "overpaid"


def test_backordered_units_are_given_up_before_those_that_are_there() -> None:
    order = placed(a_line(1, 5, 1000), late=2)
    order, _ = cancelled(order, {1: 3})
    assert order.lines[0].buckets == {"reserved": 2, "cancelled": 3}


@pytest.mark.parametrize(
    ("quantities", "code"),
    [
        ({1: 4}, "not_cancellable"),
        ({9: 1}, "unknown_line"),
        ({1: 0}, "nothing_to_cancel"),
        ({1: -1}, "not_cancellable"),
        ({}, "nothing_to_cancel"),
    ],
)
def test_what_cannot_be_cancelled_is_refused(quantities: dict[int, int], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        orders.cancel(placed(a_line(1, 3, 1000)), quantities, reason="changed_mind")
    assert refusal.value.code == code


def test_a_cancelled_order_cannot_be_cancelled_again() -> None:
    order, _ = cancelled(placed(a_line(1, 1, 1000)), None)
    with pytest.raises(Refused) as refusal:
        orders.cancel(order, None, reason="changed_mind")
    assert (refusal.value.code, refusal.value.kind) == ("not_in_this_status", "conflict")
