"""What is owed for what was lost on the road: neither its goods nor their delivery, to the paisa, in whatever order it is lost."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import orders
from haat.domain.orders import events, settling
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
