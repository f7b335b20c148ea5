"""The cash of an order is split over its parcels without losing or inventing a paisa."""

from hypothesis import given
from hypothesis import strategies as st

from haat.domain.orders import collecting, events
from haat.kernel.facts import Fact
from tests.domain.orders.goods_cases import FIRST, SECOND, accepted, at, placed, told

WAYS = st.permutations([FIRST, SECOND])


@given(WAYS, st.integers(0, 9_999), st.integers(0, 97_000))
def test_the_sum_of_what_parcels_collect_is_what_is_owed(order_of: list[str], shipping: int, advance: int) -> None:
    order = at(at(accepted(shipping=shipping), "packed"), "packed", SECOND)
    due = order.totals.grand
    advance = min(advance, due)
    paid: list[Fact] = [events.OrderPaymentProcessed("t1", "a1", advance, "bkash", "bkash")] if advance else []
    order = told(order, paid)
    told_cash = []
    for parcel_id in order_of:
        parcel = next(p for p in order.shipments if p.id == parcel_id)
        cash = collecting.cash(order, parcel)
        told_cash.append(cash)
        order = told(order, [events.OrderShipmentBooked(parcel_id, "pathao", f"C-{parcel_id}", cash=cash)])
    assert sum(told_cash) == (due - advance) // collecting.TAKA * collecting.TAKA
    assert all(cash >= 0 for cash in told_cash)
    assert all(cash % collecting.TAKA == 0 for cash in told_cash)


def test_the_vendors_shipping_rides_with_its_own_parcel() -> None:
    order = at(at(accepted(), "packed"), "packed", SECOND)
    assert [collecting.cash(order, p) for p in order.shipments] == [86_000, 11_000]


def test_a_prepaid_order_collects_nothing() -> None:
    order = at(accepted(method="bkash"), "packed")
    assert collecting.cash(order, order.shipments[0]) == 0


def test_the_delivery_charge_of_what_was_refused_is_waived_and_a_courier_that_keeps_cash_is_not() -> None:
    order = at(at(accepted(), "returned"), "delivered", SECOND)
    order = told(order, [events.OrderPaymentProcessed("t1", "a1", 86_000, "cod", "cod")])
    waived = collecting.uncollectable(order)
    assert [w.amount for w in waived] == [11_000]
    short = at(accepted(), "delivered")
    short = told(short, [events.OrderShipmentBooked(SECOND, "redx", "R", cash=11_000)])
    assert collecting.shortfall(short) == 0
    assert collecting.uncollectable(placed()) == ()
