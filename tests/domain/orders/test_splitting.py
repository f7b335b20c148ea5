"""A total that comes in several ways: how it is split, what is asked for of it, what stands in the way of the order meanwhile."""

from datetime import timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import orders
from haat.domain.orders import checking, collecting, events, splitting
from haat.domain.orders.events import Portion
from haat.domain.orders.splitting import Asked
from haat.kernel.errors import Refused
from haat.kernel.facts import Recorded
from tests.domain.orders.histories import NOW, ORDER, a_line, after, created, placed

GRAND = 26_000
PARTS = (Portion("bkash", 10_000), Portion("nagad", 5_000), Portion("cod", 11_000))


def in_parts(*parts: Portion) -> orders.Order:
    """Two teas of 100 taka and their delivery, 260 taka in all, to be paid in these parts."""
    return placed(a_line(1, 2, 10_000), tenders=parts or PARTS)


def asked_for(order: orders.Order) -> orders.Order:
    """The order with an obligation for each part, named like its method."""
    until = NOW + timedelta(minutes=30)
    return after(
        order,
        *[events.OrderPaymentRequested(p.method, p.method, p.amount, None if p.method == "cod" else until) for p in splitting.due(order)],
    )


def paid(order: orders.Order, method: str, amount: int) -> orders.Order:
    """The order after all of one part came through a gateway."""
    attempt = events.OrderPaymentAttempted(method, f"a-{method}", method, amount)
    return after(order, attempt, events.OrderPaymentProcessed(method, f"a-{method}", amount, method, method, "trx"))


def cut(order: orders.Order, quantity: int) -> orders.Order:
    return after(order, *orders.cancel(order, {1: quantity}, reason="changed_mind"))


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ([("bkash", 10_000), ("cod", None)], [("bkash", 10_000), ("cod", 16_000)]),
        ([("cod", None), ("bkash", 10_000)], [("cod", 16_000), ("bkash", 10_000)]),
        ([("bkash", 10_000), ("nagad", 16_000)], [("bkash", 10_000), ("nagad", 16_000)]),
        ([("bkash", 25_999), ("nagad", None)], [("bkash", 25_999), ("nagad", 1)]),
        ([("bkash", GRAND)], []),
        ([("bkash", None)], []),
    ],
)
def test_the_parts_are_the_total_and_the_open_one_takes_the_rest(asked: list[Asked], parts: list[tuple[str, int]]) -> None:
    assert [(p.method, p.amount) for p in splitting.split(asked, GRAND)] == parts


@pytest.mark.parametrize(
    ("asked", "code", "pointer"),
    [
        ([("bkash", 10_000), ("cod", 15_999)], "tenders_do_not_sum", "/tenders"),
        ([("bkash", 10_000), ("cod", 16_001)], "tenders_do_not_sum", "/tenders"),
        ([("bkash", 25_999)], "tenders_do_not_sum", "/tenders"),
        ([("cod", None), ("bkash", GRAND)], "tenders_do_not_sum", "/tenders/0"),
        ([("bkash", GRAND + 1), ("cod", None)], "tenders_do_not_sum", "/tenders/1"),
        ([("bkash", None), ("cod", None)], "tenders_leave_it_open", "/tenders/1/amount"),
        ([("bkash", 1), ("cod", 1), ("bkash", None)], "tenders_repeat_a_method", "/tenders/2/method"),
    ],
)
def test_what_is_no_split_of_the_total_is_refused_where_it_is_wrong(asked: list[Asked], code: str, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        splitting.leading(asked)
        splitting.split(asked, GRAND)
    assert (refused.value.code, [e["pointer"] for e in refused.value.data["errors"]]) == (code, [pointer])


def test_cash_at_the_door_leads_and_otherwise_what_was_named_first() -> None:
    assert splitting.leading([("bkash", 1), ("cod", None)]) == "cod"
    assert splitting.leading([("nagad", 1), ("bkash", None)]) == "nagad"


def test_a_fact_from_before_there_were_parts_still_folds_and_shows_none() -> None:
    old = msgspec.json.encode(created(a_line(1, 2, 10_000)))
    assert b"tenders" not in old
    fact = msgspec.json.decode(old, type=events.OrderCreated)
    order = orders.fold([Recorded(1, ORDER, 1, NOW, "guest", "api", "", fact)])
    assert order is not None and not order.tenders and b"tenders" not in msgspec.json.encode(order)
    assert splitting.due(order) == (Portion("cod", GRAND),)


def test_the_parts_are_kept_in_the_fact_and_shown_by_the_order() -> None:
    fact = msgspec.json.decode(msgspec.json.encode(created(a_line(1, 2, 10_000), tenders=PARTS)), type=events.OrderCreated)
    assert fact.tenders == PARTS
    shown = msgspec.json.decode(msgspec.json.encode(in_parts()))["tenders"]
    assert shown == [{"method": "bkash", "amount": 10_000}, {"method": "nagad", "amount": 5_000}, {"method": "cod", "amount": 11_000}]


def test_each_part_is_asked_for_once() -> None:
    order = in_parts()
    assert splitting.due(order) == PARTS
    assert splitting.due(asked_for(order)) == ()
    assert splitting.due(after(order, *orders.cancel(order, None, reason="changed_mind"))) == ()


def test_what_was_cancelled_before_anything_was_asked_for_comes_off_the_cash_first() -> None:
    assert splitting.due(cut(in_parts(), 1)) == (*PARTS[:2], Portion("cod", 1_000))
    parts = (Portion("cod", 4_000), Portion("bkash", 20_000), Portion("nagad", 2_000))
    assert splitting.due(cut(in_parts(*parts), 1)) == (Portion("bkash", 16_000),), "then off the newest, nagad, then bKash"


@given(st.integers(0, 2), st.lists(st.integers(1, 6_000), min_size=1, max_size=4))
def test_what_is_asked_for_is_what_is_owed_however_it_was_split(cancelled: int, amounts: list[int]) -> None:
    asked: list[Asked] = [(f"m{n}", amount) for n, amount in enumerate(amounts)]
    parts = splitting.split([*asked, ("cod", None)], GRAND)
    order = placed(a_line(1, 2, 10_000), tenders=parts)
    order = cut(order, cancelled) if cancelled else order
    assert sum(p.amount for p in splitting.due(order)) == order.totals.grand
    assert asked_for(order).payment_status == ("awaiting" if order.totals.grand else "not_required")


def test_the_order_waits_for_every_part_that_is_paid_ahead_and_not_for_the_cash() -> None:
    order = asked_for(in_parts())
    assert "payment" in checking.missing(order)
    order = paid(order, "bkash", 10_000)
    assert "payment" in checking.missing(order) and order.payment_status == "partially_paid"
    order = paid(order, "nagad", 5_000)
    assert "payment" not in checking.missing(order) and collecting.owed_at_the_door(order) == 11_000


def test_an_order_expires_for_the_part_that_nobody_paid_and_gives_the_other_back() -> None:
    order = paid(asked_for(in_parts()), "bkash", 10_000)
    expired = after(order, *orders.settling.expire(order))
    ids = count()
    settled = orders.settling.settle(expired, lambda: f"r-{next(ids)}")
    assert [(f.attempt, f.amount) for f in settled if isinstance(f, events.OrderRefundRequested)] == [("a-bkash", 10_000)]
    assert {f.payment for f in settled if isinstance(f, events.OrderPaymentWaived)} == {"bkash", "nagad", "cod"}


def test_the_story_names_the_parts() -> None:
    fact = created(a_line(1, 2, 10_000), tenders=PARTS)
    (told,) = orders.timeline([Recorded(1, ORDER, 1, NOW, "guest", "api", "", fact)])
    assert "260.00 BDT, to be paid by bKash (100.00 BDT), Nagad (50.00 BDT) and cash on delivery (110.00 BDT)." in told.text
