"""What is known of an order's money, and what has to move: by example, then by any story hypothesis can think of."""

from datetime import timedelta

import msgspec
import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.domain.orders.paying import Contested, Observed, Wanted
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.histories import NOW, a_line, after, placed

T1, A1, A2 = "t-1", "a-1", "a-2"
GRAND = 26_000
METHODS = frozenset({"bkash", "nagad", "cod"})


def due(*attempts: tuple[str, str], method: str = "bkash", amount: int = GRAND) -> orders.Order:
    """An order of 260 taka that is due by one method, with these attempts (id, gateway) begun."""
    facts: list[Fact] = [events.OrderPaymentRequested(T1, method, amount, NOW + timedelta(minutes=30))]
    for attempt, gateway in attempts:
        facts.append(events.OrderPaymentAttempted(T1, attempt, gateway, amount))
        facts.append(events.OrderPaymentStarted(T1, attempt, f"ref-{attempt}", "https://pay.example"))
    return after(placed(a_line(1, 2, 10_000)), *facts)


def charged(amount: int = GRAND, **more: object) -> Observed:
    return Observed(status="charged", amount=amount, currency="BDT", transaction="trx", **more)  # type: ignore[arg-type]


def learned(order: orders.Order, attempt: str, seen: Observed) -> orders.Order:
    return after(order, *orders.paying.learn(order, attempt, seen))


def back(order: orders.Order) -> list[tuple[str, int, str]]:
    return [
        (f.attempt, f.amount, f.reason) for f in orders.settling.settle(order, lambda: "r") if isinstance(f, events.OrderRefundRequested)
    ]


def delivered(order: orders.Order, collected: int) -> orders.Order:
    """Its only parcel at the buyer's, who paid so much for it at the door."""
    plan = events.PlannedParcel("p-1", order.vendor_orders[0].id, "DHK", (events.ParcelLine(1, 2),))
    return after(
        order, events.OrderInventoryAllocated("plan", (plan,)), events.OrderConfirmed(), events.OrderFulfillmentStarted("p-1"),
        events.OrderParcelPacked("p-1"), events.OrderShipmentBooked("p-1", "pathao", "C-1", cash=collected), events.OrderShipped("p-1"),
        events.OrderDelivered("p-1", collected=collected),
    )  # fmt: skip


def test_the_first_charge_pays_and_the_same_word_again_says_nothing() -> None:
    order = learned(due((A1, "bkash")), A1, charged())
    assert (order.payment_status, order.payments[0].attempts[0].transaction) == ("paid", "trx")
    assert orders.paying.learn(order, A1, charged()) == ()


def test_failed_after_charged_is_an_old_word_and_charged_after_failed_is_news() -> None:
    failed = Observed(status="failed", reason="declined", soft=True)
    paid = learned(due((A1, "bkash")), A1, charged())
    assert orders.paying.learn(paid, A1, failed) == ()
    lost = learned(due((A1, "bkash")), A1, failed)
    assert lost.payments[0].attempts[0].status == "failed"
    assert learned(lost, A1, charged()).payment_status == "paid"


def test_unknown_is_never_failed() -> None:
    order = learned(due((A1, "bkash")), A1, Observed(status="unknown"))
    assert order.payments[0].attempts[0].status == "uncertain"
    assert orders.paying.learn(order, A1, Observed(status="unknown")) == ()


def test_the_second_attempt_that_pays_is_orphaned_and_goes_back_whole() -> None:
    order = learned(learned(due((A1, "bkash"), (A2, "nagad")), A1, charged()), A2, charged())
    assert order.payments[0].captured == GRAND
    assert back(order) == [(A2, GRAND, "orphaned")]


def test_too_much_is_kept_to_what_is_owed_and_too_little_leaves_the_rest_due() -> None:
    order = learned(due((A1, "bkash")), A1, charged(GRAND + 700))
    assert (order.payments[0].status, back(order)) == ("paid", [(A1, 700, "orphaned")])
    order = learned(due((A1, "bkash")), A1, charged(GRAND - 700))
    assert (order.payments[0].status, orders.paying.uncovered(order), back(order)) == ("due", 700, [])


def test_another_currency_is_no_money_of_ours() -> None:
    seen = Observed(status="charged", amount=GRAND, currency="USD")
    assert orders.paying.learn(due((A1, "bkash")), A1, seen) == (events.OrderPaymentUncertain(T1, A1, "mismatch"),)


@pytest.mark.parametrize("first", [charged(), Observed(status="failed", reason="declined", soft=True)])
def test_money_that_was_not_asked_for_is_news_of_an_attempt_that_is_over_once_for_each_sum(first: Observed) -> None:
    order = learned(due((A1, "sslcommerz")), A1, first)
    twice = Observed(status="unknown", reason="mismatch", amount=2 * GRAND, currency="BDT", transaction="second")
    assert orders.paying.learn(order, A1, msgspec.structs.replace(twice, amount=0)) == (), "a word without a sum is about no money"
    facts = orders.paying.learn(order, A1, twice)
    assert facts == (events.OrderPaymentMismatched(T1, A1, 2 * GRAND, "BDT", "second"),)
    strange = after(order, *facts)
    assert (strange.payment_status, strange.payments[0].attempts[0].status) == (
        order.payment_status,
        order.payments[0].attempts[0].status,
    )
    less = msgspec.structs.replace(twice, amount=0)
    assert orders.paying.learn(strange, A1, twice) == orders.paying.learn(strange, A1, less) == ()
    assert orders.paying.learn(strange, A1, msgspec.structs.replace(twice, amount=3 * GRAND))
    assert orders.paying.learn(strange, A1, Observed(status="unknown")) == ()


def test_another_currency_on_an_attempt_that_is_over_is_shown_as_well() -> None:
    order = learned(due((A1, "bkash")), A1, charged())
    seen = Observed(status="charged", amount=GRAND, currency="USD")
    assert orders.paying.learn(order, A1, seen) == (events.OrderPaymentMismatched(T1, A1, GRAND, "USD"),)


def test_money_that_a_gateway_calls_risky_holds_the_order_once() -> None:
    order = learned(due((A1, "sslcommerz")), A1, charged(review=True))
    assert [h.kind for h in order.holds] == ["FRAUD_REVIEW"]
    assert orders.paying.learn(order, A1, charged(review=True)) == ()


def test_money_for_an_order_that_ended_is_orphaned_and_goes_back() -> None:
    order = due((A1, "bkash"))
    order = learned(after(order, *orders.cancel(order, None, reason="changed_mind")), A1, charged())
    assert (order.payments[0].attempts[0].status, back(order)) == ("orphaned", [(A1, GRAND, "orphaned")])


def test_an_authorisation_counts_once_is_taken_in_parts_and_its_rest_let_go() -> None:
    order = learned(due((A1, "stripe")), A1, Observed(status="authorized", amount=GRAND, currency="BDT"))
    assert order.payment_status == "authorized"
    assert orders.paying.learn(order, A1, Observed(status="authorized", amount=GRAND, currency="BDT")) == ()
    facts = orders.paying.learn(order, A1, charged(20_000))
    order = after(order, *orders.settling.taken(order, A1, facts, final=True))
    attempt = order.payments[0].attempts[0]
    assert (attempt.captured, attempt.voided, attempt.set_aside) == (20_000, 6_000, 0)
    assert orders.paying.learn(order, A1, Observed(status="authorized", amount=GRAND, currency="BDT")) == ()


def test_a_shrunk_order_waives_cash_first_and_gives_back_what_was_paid_too_much() -> None:
    order = placed(a_line(1, 3, 10_000))
    order = after(
        order,
        events.OrderPaymentRequested("t-a", "bkash", 6_000),
        events.OrderPaymentAttempted("t-a", A1, "bkash", 6_000),
        events.OrderPaymentProcessed("t-a", A1, 6_000, "bkash"),
        events.OrderPaymentRequested("t-b", "cod", 30_000),
    )
    order = after(order, *orders.cancel(order, {1: 2}, reason="x"))
    facts = orders.settling.settle(order, lambda: "r")
    assert facts == (events.OrderPaymentWaived("t-b", 20_000, "order_shrank"),)
    order = after(order, *facts)
    assert orders.settling.settled(order)
    order = after(order, *orders.cancel(order, None, reason="x"))
    waived = {f.payment: f.amount for f in orders.settling.settle(order, lambda: "r") if isinstance(f, events.OrderPaymentWaived)}
    assert (waived, back(order)) == ({"t-a": 6_000, "t-b": 10_000}, [(A1, 6_000, "cancelled")])


def test_what_another_marketplace_took_is_not_ours_to_give_back() -> None:
    order = placed(a_line(1, 1, 10_000), payments=(events.Payment("bazaar", 16_000, "B-1"),))
    assert order.payment_status == "paid"
    order = after(order, *orders.cancel(order, None, reason="x"))
    assert back(order) == []


def test_paying_another_way_waives_the_first_and_the_parts_must_sum() -> None:
    order = due((A1, "bkash"))
    until = NOW + timedelta(hours=1)
    facts = orders.paying.ask_to_pay(order, [Wanted("t-2", "nagad", 6_000), Wanted("t-3", "cod", 20_000)], due_at=until, methods=METHODS)
    order = after(order, *facts)
    assert [(t.method, t.owed) for t in order.payments if t.owed] == [("nagad", 6_000), ("cod", 20_000)]
    with pytest.raises(Refused, match="tenders_do_not_sum"):
        orders.paying.ask_to_pay(order, [Wanted("t-4", "nagad", 5_000)], due_at=until, methods=METHODS)
    with pytest.raises(Refused, match="unknown_method"):
        orders.paying.ask_to_pay(order, [Wanted("t-4", "gold", GRAND)], due_at=until, methods=METHODS)


def test_no_rider_carries_more_than_the_market_allows_whatever_way_was_chosen_first() -> None:
    order = due((A1, "bkash"))
    for cash, refused in ((20_000, False), (20_001, True), (GRAND, True)):
        wanted = [w for w in (Wanted("t-2", "cod", cash), Wanted("t-3", "nagad", GRAND - cash)) if w.amount]
        try:
            orders.paying.ask_to_pay(order, wanted, due_at=None, methods=METHODS, cash_max=20_000)
        except Refused as error:
            assert (error.code, refused) == ("cod_ceiling", True)
        else:
            assert not refused
    split = after(
        order, *orders.paying.ask_to_pay(order, [Wanted("t-2", "nagad", 6_000), Wanted("t-3", "cod", 20_000)], due_at=None, methods=METHODS)
    )
    with pytest.raises(Refused, match="cod_ceiling"):  # what stays due at the door counts, too
        orders.paying.ask_to_pay(split, [Wanted("t-4", "cod", 6_000)], due_at=None, methods=METHODS, cash_may_change=False, cash_max=20_000)
    assert orders.paying.ask_to_pay(
        split, [Wanted("t-4", "bkash", 6_000)], due_at=None, methods=METHODS, cash_may_change=False, cash_max=20_000
    )


def test_while_a_gateway_is_silent_nothing_else_is_begun() -> None:
    order = learned(due((A1, "bkash")), A1, Observed(status="unknown"))
    with pytest.raises(Refused, match="payment_uncertain"):
        orders.paying.ask_to_pay(order, [], due_at=None, methods=METHODS)


def test_an_order_that_expired_comes_back_as_it_was_sold() -> None:
    before = due((A1, "bkash"))
    (ended,) = orders.settling.expire(before)
    assert isinstance(ended, events.OrderExpired)
    gone = learned(after(before, ended, *orders.settling.settle(after(before, ended), lambda: "r")), A1, charged())
    assert orders.settling.payable_again(gone, before)
    again = after(gone, *orders.settling.reinstate(before, ended, [events.Reservation(1, "SKU-1", "DHK", 2)], reason="paid_late"))
    assert (again.status, again.totals, again.payment_status) == ("placed", before.totals, "paid")
    assert [(line.total, line.buckets) for line in again.lines] == [(20_000, {"reserved": 2})]
    assert orders.settling.settled(again)


def test_cash_is_counted_once_whatever_is_told_again() -> None:
    order = placed(a_line(1, 2, 10_000))
    order = delivered(after(order, events.OrderPaymentRequested(T1, "cod", GRAND)), GRAND)
    order = after(order, *orders.paying.collect(order, attempt_id=A1, parcel="p-1"))
    assert (order.payment_status, orders.paying.collect(order, attempt_id=A2)) == ("paid", ())
    assert order.payments[0].attempts[0].gateway == "cod"


def test_cash_for_the_way_back_is_booked_once_and_more_of_it_is_refused_not_lost() -> None:
    order = delivered(placed(a_line(1, 2, 10_000)), 0)
    order = after(order, *orders.paying.taken_beside(order, "p-1", 6_000, attempt_id=A1))
    assert order.payments[-1].captured == 6_000
    assert orders.paying.taken_beside(order, "p-1", 6_000, attempt_id=A2) == ()
    with pytest.raises(Refused, match="cash_booked"):
        orders.paying.taken_beside(order, "p-1", 7_000, attempt_id=A2)


def test_cash_pays_the_obligation_that_stands_and_not_the_one_that_was_waived() -> None:
    order = due(method="cod")
    wanted = [Wanted("t-2", "bkash", 6_000), Wanted("t-3", "cod", 20_000)]
    order = after(order, *orders.paying.ask_to_pay(order, wanted, due_at=None, methods=METHODS))
    facts = orders.paying.collect(delivered(order, 20_000), attempt_id="c")
    assert [(f.payment, f.amount) for f in facts if isinstance(f, events.OrderPaymentProcessed)] == [("t-3", 20_000)]
    assert not [f for f in facts if isinstance(f, events.OrderPaymentOrphaned)]


def test_cash_fills_one_obligation_after_the_other_and_only_what_is_beyond_them_all_is_nobodys() -> None:
    order = after(
        placed(a_line(1, 2, 10_000)), *[events.OrderPaymentRequested(t, "cod", amount) for t, amount in (("t-1", 6_000), ("t-2", 20_000))]
    )
    facts = orders.paying.collect(delivered(order, 26_500), attempt_id="c")
    assert [(f.payment, f.attempt, f.amount) for f in facts if isinstance(f, events.OrderPaymentProcessed)] == [
        ("t-1", "c", 6_000),
        ("t-2", "t-2", 20_000),
    ]
    assert [(f.payment, f.amount) for f in facts if isinstance(f, events.OrderPaymentOrphaned)] == [("t-2", 500)]
    paid = after(delivered(order, 26_500), *facts)
    assert orders.paying.collect(paid, attempt_id="d") == ()


def test_an_authorisation_is_earned_parcel_by_parcel_and_the_last_takes_the_rest() -> None:
    order = placed(a_line(1, 1, 10_000), a_line(2, 1, 5_000, vendor="shop-b"), fees=300)
    grand = order.totals.grand
    order = after(order, events.OrderPaymentRequested(T1, "card", grand), events.OrderPaymentAttempted(T1, A1, "cards", grand),
                  events.OrderPaymentAuthorized(T1, A1, grand), events.OrderConfirmed())  # fmt: skip
    parcels = [events.PlannedParcel(f"p-{n}", v.id, "DHK", (events.ParcelLine(n, 1),)) for n, v in enumerate(order.vendor_orders, 1)]
    order = after(order, events.OrderInventoryAllocated("plan", tuple(parcels)))
    assert orders.settling.takings(order, whole=lambda g: False) == ()
    taken = []
    for parcel in ("p-1", "p-2"):
        order = after(order, events.OrderFulfillmentStarted(parcel), events.OrderParcelPacked(parcel), events.OrderShipped(parcel))
        (taking,) = orders.settling.takings(order, whole=lambda g: False)
        order = after(order, events.OrderPaymentProcessed(T1, A1, taking.amount, "cards"))
        taken.append((taking.amount, taking.final))
    assert taken == [(16_300, False), (11_000, True)] and sum(a for a, _ in taken) == grand


def test_a_gateway_that_takes_once_takes_all_with_the_first_parcel() -> None:
    order = due((A1, "stripe"))
    order = after(order, events.OrderPaymentAuthorized(T1, A1, GRAND), events.OrderConfirmed())
    plan = events.PlannedParcel("p-1", order.vendor_orders[0].id, "DHK", (events.ParcelLine(1, 1),))
    order = after(order, events.OrderInventoryAllocated("plan", (plan,)), events.OrderFulfillmentStarted("p-1"),
                  events.OrderParcelPacked("p-1"), events.OrderShipped("p-1"))  # fmt: skip
    assert orders.settling.takings(order, whole=lambda g: True) == (orders.settling.Taking(A1, GRAND, True),)


def disputed(order: orders.Order, status: str, amount: int = GRAND, **more: object) -> tuple[Fact, ...]:
    seen = Contested(dispute="du_1", status=status, amount=amount, currency="BDT", **more)  # type: ignore[arg-type]
    return orders.paying.contest(order, A1, seen)


def test_each_state_of_a_dispute_is_news_once_and_an_older_one_is_passed_over() -> None:
    order = learned(due((A1, "stripe")), A1, charged())
    for status in ("inquiry", "needs_response", "under_review", "lost", "appealed", "won"):
        facts = disputed(order, status)
        assert facts == (events.OrderPaymentDisputed(T1, A1, "du_1", GRAND, status),)
        order = after(order, *facts)
        assert disputed(order, status) == ()
        (attempt,) = order.payments[0].attempts
        assert attempt.kept == (GRAND if status in ("inquiry", "won") else 0)
        assert (order.payment_status, attempt.captured) == ("paid", GRAND), "what was paid was paid"
    for old in ("inquiry", "needs_response", "under_review", "unknown"):
        assert disputed(order, old) == ()


def test_an_inquiry_that_was_withdrawn_may_come_again_as_a_chargeback() -> None:
    order = learned(due((A1, "stripe")), A1, charged())
    for status in ("inquiry", "withdrawn", "needs_response"):
        order = after(order, *disputed(order, status))
    assert [d.status for d in order.payments[0].attempts[0].disputes] == ["needs_response"]


def test_of_a_part_that_a_dispute_took_only_the_rest_can_go_back() -> None:
    order = learned(due((A1, "stripe")), A1, charged())
    order = after(order, *disputed(order, "lost", 6_000))
    with pytest.raises(Refused, match="more_than_kept"):
        orders.settling.ask_back(order, GRAND, reason="goodwill", new_id=lambda: "r")
    order = after(order, *orders.cancel(order, None, reason="changed_mind"))
    assert back(order) == [(A1, GRAND - 6_000, "cancelled")]


def test_money_that_went_back_and_was_disputed_besides_hides_no_other_surplus() -> None:
    order = learned(learned(due((A1, "stripe"), (A2, "bkash")), A1, charged()), A2, charged())
    order = after(order, events.OrderRefundRequested("r-1", T1, A1, GRAND, "goodwill", "stripe"))
    order = after(order, events.OrderRefunded("r-1", T1, A1, GRAND), *disputed(order, "lost"))
    assert orders.settling.kept(order, order.payments[0].attempts[0]) == 0
    order = after(order, *orders.cancel(order, None, reason="changed_mind"))
    assert back(order) == [(A2, GRAND, "orphaned")]


def test_other_money_than_the_orders_contests_all_of_it() -> None:
    order = learned(due((A1, "stripe")), A1, charged())
    (fact,) = orders.paying.contest(order, A1, Contested(dispute="du_1", status="lost", amount=217, currency="USD"))
    assert isinstance(fact, events.OrderPaymentDisputed) and fact.amount == GRAND
