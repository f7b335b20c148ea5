"""What is owed for what was lost on the road: neither its goods nor their delivery, to the paisa, in whatever order it is lost.

And what was paid at the door beside the price of the goods: it is owed, and it was paid.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import orders
from haat.domain.orders import events, paying, settling
from tests.domain.orders.goods_cases import FIRST, REST, SECOND, accepted, at, told


def lost_in_parts(shipping: int, teas: int, cups: int) -> list[orders.Order]:
    """The order as its goods are lost one after the other: the rest of what one vendor packed in two parcels, then both others."""
    order = told(accepted(method="bkash", shipping=shipping), [events.OrderFulfillmentStarted(FIRST)])
    held = tuple(events.ParcelLine(n, units) for n, units in ((1, teas), (2, cups)) if units)
    seen = [order := told(order, [events.OrderParcelPacked(FIRST, 900, held, REST)])]
    return seen + [order := told(order, [events.OrderParcelLost(parcel)]) for parcel in (REST, FIRST, SECOND)]


def test_a_lost_parcel_brings_back_its_goods_and_its_delivery() -> None:
    order = at(accepted(method="bkash"), "lost")
    assert settling.owing(order) == 5_000 + 6_000, "what the other vendor sends"
    assert settling.undelivered(order) == 6_000


def test_what_was_refused_at_the_door_was_brought_there() -> None:
    order = at(accepted(method="bkash"), "returned")
    assert (settling.owing(order), settling.undelivered(order)) == (5_000 + 2 * 6_000, 0)


def test_a_part_of_a_vendors_goods_is_a_part_of_its_delivery() -> None:
    _, rest, first, all_ = lost_in_parts(6_000, teas=3, cups=0)  # two cups of 25,000 are lost first, then three teas of 10,000
    assert [settling.undelivered(order) for order in (rest, first, all_)] == [6_000 * 5 // 8, 6_000, 12_000]


@given(st.integers(0, 9_999), st.integers(0, 3), st.integers(0, 2))
def test_the_more_is_lost_the_less_is_owed_and_of_all_nothing(shipping: int, teas: int, cups: int) -> None:
    if 0 < teas + cups < 5:
        owed = [settling.owing(order) for order in lost_in_parts(shipping, teas, cups)]
        assert owed == sorted(owed, reverse=True) and owed[-1] == 0
        assert owed[2] == 5_000 + shipping


def test_the_fees_of_an_order_go_back_with_the_last_of_its_goods() -> None:
    *_, first, all_ = lost_in_parts(6_000, 3, 0)
    with_fees = [
        msgspec.structs.replace(o, totals=msgspec.structs.replace(o.totals, fees=500, grand=o.totals.grand + 500)) for o in (first, all_)
    ]
    assert [settling.owing(order) for order in with_fees] == [5_000 + 6_000 + 500, 0]


def sums(order: orders.Order) -> int:
    t = order.totals
    return t.items - t.discount + t.shipping + t.fees


@pytest.mark.parametrize("method", ["cod", "bkash"])
@pytest.mark.parametrize("status", ["returning", "returned", "lost"])
def test_cash_beside_the_price_is_what_it_costs_and_stays_however_the_order_was_paid(method: str, status: str) -> None:
    order = at(accepted(method=method), status)
    facts = paying.taken_beside(order, FIRST, 6_000, attempt_id="a1")
    after = told(order, facts)
    assert settling.owing(after) - settling.owing(order) == 6_000
    assert after.totals.grand - order.totals.grand == 6_000 and sums(after) == after.totals.grand
    (tender,) = [t for t in after.payments if t.id == FIRST]
    assert (tender.status, tender.captured, after.shipments[0].collected) == ("paid", 6_000, 6_000)
    assert not [f for f in settling.settle(after, str) if isinstance(f, events.OrderRefundRequested)]
    assert paying.taken_beside(after, FIRST, 6_000, attempt_id="a2") == (), "once"
    assert paying.collect(after, attempt_id="a3", parcel=FIRST) == (), "and not counted again"


def test_cash_beside_the_price_stays_when_all_goods_are_lost() -> None:
    order = at(at(accepted(method="bkash"), "lost"), "lost", SECOND)
    assert settling.owing(told(order, paying.taken_beside(order, FIRST, 6_000, attempt_id="a1"))) == 6_000


def test_cash_that_another_parcel_collects_is_counted_beside_it() -> None:
    order = at(accepted(), "returning")
    order = told(order, paying.taken_beside(order, FIRST, 6_000, attempt_id="a1"))
    order = told(at(order, "out_for_delivery", SECOND), [events.OrderDelivered(SECOND, (), 11_000)])
    found = [f for f in paying.collect(order, attempt_id="a2", parcel=SECOND) if isinstance(f, events.OrderPaymentProcessed)]
    assert [(f.payment, f.amount) for f in found] == [("t1", 11_000)]
