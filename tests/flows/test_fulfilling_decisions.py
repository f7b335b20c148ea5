"""Facts in, steps out, without a database: nothing waits without somebody who will come back to it, and scans read as one story."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import fulfilment, orders
from haat.engine.flowing import Compensate, Step, Stop
from haat.flows import fulfilling
from haat.flows.fulfilling import hearing
from haat.flows.fulfilling.deciding import LISTENS, decider
from haat.kernel.facts import Fact
from tests.domain.orders.goods_cases import AT, FIRST, POT, REST, SECOND, TEA, accepted, at, planned, told

events = orders.events
Scan = fulfilment.courier.Scan
decide = decider(fulfilling.Policy)
READING = hearing.Reading(now=AT, trusts=lambda vendor: False)


def asked(order: orders.Order, fact: Fact) -> tuple[orders.Order, set[tuple[str, str]]]:
    """The order after the fact, and the steps (name, subject) that it asks for."""
    after = told(order, [fact])
    return after, {(d.name, d.subject) for d in decide(after, fact) if isinstance(d, Step)}


def test_a_confirmed_order_is_offered_to_every_vendor_with_goods_to_send() -> None:
    order = planned()
    assert {(d.name, d.subject) for d in decide(order, events.OrderConfirmed()) if isinstance(d, Step)} == {("offer", TEA), ("offer", POT)}


def test_a_plan_made_anew_is_offered_anew_and_an_accepted_vendor_goes_on() -> None:
    order = told(accepted(), [events.VendorOrderRejected(TEA, "closed")])
    again = events.PlannedParcel(REST, TEA, "CTG", (events.ParcelLine(1, 3),))
    late = events.PlannedParcel("0198a000-0000-7000-8000-00000000000b", POT, "CTG", (events.ParcelLine(3, 1),))
    after, steps = asked(order, events.OrderInventoryAllocated("plan-2", (again, late)))
    assert steps == {("offer", TEA), ("prepare", POT)}
    assert after.lines[0].buckets == {"allocated": 3}


def test_an_offer_has_two_timers_and_an_answer_takes_them_back() -> None:
    order = planned()
    _, steps = asked(order, events.VendorOrderOffered(TEA, AT + timedelta(hours=4)))
    assert steps == {("remind", TEA), ("lapse", TEA)}
    after = told(order, [events.VendorOrderOffered(TEA, AT), events.VendorOrderAccepted(TEA)])
    decided = decide(after, events.VendorOrderAccepted(TEA))
    assert Stop("lapse", TEA) in decided
    assert Step("prepare", TEA) in decided
    assert decide(after, events.VendorOrderOffered(TEA, AT)) == []


#: fact -> (status of the parcel before it, steps that it asks for)
WAITS: list[tuple[Fact, str, set[tuple[str, str]]]] = [
    (events.OrderParcelPacked(FIRST), "picking", {("choose", FIRST)}),
    (events.OrderParcelPacked(FIRST, 0, (events.ParcelLine(1, 1),), REST), "picking", {("choose", FIRST), ("prepare", TEA)}),
    (events.OrderShipmentFailed(FIRST, "pathao", "area_not_served", final=True), "packed", {("choose", FIRST)}),
    (events.OrderShipmentFailed(FIRST, "pathao", "not_booked"), "uncertain", {("choose", FIRST)}),
    (events.OrderShipmentBooked(FIRST, "pathao", "C-1"), "packed", {("track", FIRST)}),
    (events.OrderShipmentBooked(FIRST, "self", "C-1"), "packed", {("track", FIRST)}),
    (events.OrderShipmentRecalled(FIRST), "booked", {("choose", FIRST)}),
    (events.OrderInterceptAsked(FIRST, "changed_mind"), "booked", {("recall", FIRST)}),
    (events.OrderInterceptAsked(FIRST, "changed_mind"), "shipped", {("recall", FIRST)}),
    (events.OrderReturnStarted(FIRST, "customer_refused"), "shipped", {("return_overdue", FIRST)}),
    (events.OrderDelivered(FIRST, (events.ParcelLine(1, 1),)), "out_for_delivery", {("return_overdue", FIRST)}),
    (events.OrderShipmentDoubted(FIRST, "courier_contradicts"), "shipped", {("look_at", FIRST)}),
]


@pytest.mark.parametrize(("fact", "status", "steps"), WAITS, ids=lambda v: type(v).__name__ if isinstance(v, Fact) else str(v)[:20])
def test_nothing_waits_without_somebody_who_comes_back_to_it(fact: Fact, status: str, steps: set[tuple[str, str]]) -> None:
    assert asked(at(accepted(), status), fact)[1] == steps


def test_what_was_cancelled_while_a_courier_was_asked_is_recalled() -> None:
    order = told(at(accepted(), "packed"), [events.VendorOrderRejected(TEA, "closed")])
    assert asked(order, events.OrderShipmentBooked(FIRST, "pathao", "C-1"))[1] == {("recall", FIRST), ("track", FIRST)}


def test_an_uncertain_booking_that_was_asked_back_is_recalled_as_soon_as_it_is_known() -> None:
    order = told(at(accepted(), "uncertain"), [events.OrderInterceptAsked(FIRST, "changed_mind")])
    assert asked(order, events.OrderShipmentBooked(FIRST, "pathao", "C-1"))[1] == {("recall", FIRST), ("track", FIRST)}


def test_an_uncertain_booking_that_was_asked_back_is_recalled_though_its_first_word_is_that_it_left() -> None:
    order = told(at(accepted(), "uncertain"), orders.stopping.stop(at(accepted(), "uncertain"), None, reason="changed_mind").facts)
    booked = events.OrderShipmentBooked(FIRST, "pathao", "C-1")
    moved = hearing.moved(told(order, [booked]), FIRST, [Scan(AT, "C-1", "", "picked_up")], READING)
    assert moved == (events.OrderShipped(FIRST),)
    after = told(order, [booked, *moved])
    assert {(d.name, d.subject) for f in (booked, *moved) for d in decide(after, f) if isinstance(d, Step)} == {
        ("recall", FIRST),
        ("track", FIRST),
    }


def test_what_was_asked_back_in_part_and_left_may_be_given_up_at_the_door_like_any_other() -> None:
    order = told(at(accepted(), "booked"), orders.stopping.stop(at(accepted(), "booked"), {1: 1}, reason="too_many").facts)
    out = told(order, [events.OrderShipped(FIRST), *(events.OrderDeliveryFailed(FIRST, "not_at_home") for _ in range(2))])
    assert asked(out, events.OrderDeliveryFailed(FIRST, "not_at_home"))[1] == {("give_up", FIRST)}


@pytest.mark.parametrize(("cash", "steps"), [(86_000, {("recall", FIRST), ("track", FIRST)}), (66_000, {("track", FIRST)})])
def test_a_courier_that_was_told_to_collect_what_was_cut_meanwhile_is_asked_to_give_it_back(cash: int, steps: set[tuple[str, str]]) -> None:
    packed = at(accepted(), "packed")
    order = told(packed, orders.stopping.stop(packed, {1: 2}, reason="too_many").facts)
    assert asked(order, events.OrderShipmentBooked(FIRST, "pathao", "C-1", cash=cash))[1] == steps


def test_an_order_that_ends_takes_its_bookings_back_and_its_timers_too() -> None:
    order = at(accepted(), "booked")
    cancelled = told(order, orders.cancel(order, None, reason="exception"))
    fact = events.OrderCancelled((), "exception", 0)
    decided = decide(cancelled, fact)
    assert Compensate("exception") in decided
    assert {"lapse", "remind", "ship_by", "choose"} <= {d.name for d in decided if isinstance(d, Stop)}


def test_a_courier_that_could_not_take_it_is_asked_again_within_the_hour_whatever_the_policy() -> None:
    slow = decider(lambda: fulfilling.Policy(retry_after=timedelta(minutes=10)))
    order, failed = at(accepted(), "packed"), events.OrderShipmentFailed(FIRST, "pathao", "busy")
    pauses = []
    for _ in range(8):
        order = told(order, [failed])
        pauses += [d.after for d in slow(order, failed) if isinstance(d, Step) and d.name == "choose"]
    assert pauses == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40), *[timedelta(hours=1)] * 5]


def test_the_last_taka_completes_the_order_at_once() -> None:
    order = at(at(accepted(), "delivered"), "delivered", SECOND)
    paid = events.OrderPaymentProcessed("t1", "a", order.totals.grand, "cod", "cod")
    done = [d for d in decide(told(order, [paid]), paid) if isinstance(d, Step)]
    assert done == [Step("complete")]


def test_the_flow_listens_to_every_fact_that_it_decides_on_and_runs_every_step_that_it_asks_for() -> None:
    class Nobody:
        policy = fulfilling.Policy

    flow = fulfilling.flow(Nobody())  # type: ignore[arg-type]
    assert flow.facts == LISTENS
    for fact, status, _ in WAITS:
        assert type(fact) in LISTENS
        after = told(at(accepted(), status), [fact])
        assert {d.name for d in decide(after, fact) if isinstance(d, Step | Stop)} <= set(flow.run)


STORIES: dict[str, tuple[str, ...]] = {
    "delivered": ("picked_up", "in_transit", "out_for_delivery", "delivery_failed", "out_for_delivery", "delivered"),
    "returning": ("picked_up", "out_for_delivery", "delivery_failed", "on_hold", "returning"),
    "lost": ("picked_up", "in_transit", "lost"),
    "attempt_failed": ("picked_up", "out_for_delivery", "delivery_failed"),
}


@given(st.sampled_from(sorted(STORIES)), st.randoms(use_true_random=False), st.integers(0, 3))
def test_a_story_told_in_any_order_and_twice_ends_the_same(end: str, chance: object, doubled: int) -> None:
    scans = [
        Scan(AT + timedelta(hours=n), "C-1", "", status, collected=86_000 if status == "delivered" else None)  # type: ignore[arg-type]
        for n, status in enumerate(STORIES[end])
    ]
    told_ = scans + scans[:doubled]
    chance.shuffle(told_)  # type: ignore[attr-defined]
    order, heard = at(accepted(), "booked"), []
    for scan in told_:
        heard.append(scan)
        facts = hearing.moved(order, FIRST, heard, READING)
        assert not any(isinstance(f, events.OrderShipmentDoubted) for f in facts)
        order = told(order, facts)
        assert hearing.moved(order, FIRST, heard, READING) == ()
    assert order.shipments[0].status == end
    for line in order.lines:
        assert sum(line.buckets.values()) == line.quantity


def test_what_was_cancelled_and_yet_set_out_is_followed_and_asked_back() -> None:
    booked = told(at(accepted(), "packed"), [events.VendorOrderRejected(TEA, "closed"), events.OrderShipmentBooked(FIRST, "pathao", "C-1")])
    facts = hearing.moved(booked, FIRST, [Scan(AT, "C-1", "", "picked_up")], READING)
    assert facts == (events.OrderShipmentStrayed(FIRST),)
    buckets = [line.buckets for line in booked.lines]
    strayed = told(booked, facts)
    assert asked(strayed, facts[0])[1] == {("take_out", FIRST), ("recall", FIRST), ("track", FIRST)}
    back = told(strayed, hearing.moved(strayed, FIRST, [Scan(AT, "C-1", "", "picked_up"), Scan(AT, "C-1", "", "delivered")], READING))
    assert (back.shipments[0].status, [line.buckets for line in back.lines]) == ("delivered", buckets), "it moves no units of the lines"
    assert asked(back, events.OrderDelivered(FIRST))[1] == {("strayed", FIRST)}


def doubts(order: orders.Order, *scans: fulfilment.courier.Scan) -> dict[str, str]:
    """What a story leaves for somebody to look at, by cause. It moves nothing, and is asked for once."""
    facts = hearing.moved(order, FIRST, scans, READING)
    assert all(isinstance(f, events.OrderShipmentDoubted) for f in facts)
    assert hearing.moved(told(order, facts), FIRST, scans, READING) == ()
    return {f.cause: f.detail for f in facts if isinstance(f, events.OrderShipmentDoubted)}


PICKED_UP = Scan(AT, "C-1", "", "picked_up")


@pytest.mark.parametrize("ours", ["returned", "lost"])
def test_a_delivery_of_what_is_back_or_lost_here_is_shown_with_its_cash(ours: str) -> None:
    found = doubts(at(accepted(), ours), PICKED_UP, Scan(AT + timedelta(hours=1), "C-1", "", "delivered", collected=86_000))
    assert found == {
        "ended_otherwise": f"Here it is {ours}; pathao says delivered, and collected 86000.",
        "cash_unbooked": f"pathao collected 86000 for a parcel that is {ours}.",
    }


def test_a_courier_that_contradicts_itself_loses_no_cash() -> None:
    order = told(at(accepted(), "returned"), [events.OrderShipmentDoubted(FIRST, "ended_otherwise")])
    said = [Scan(AT + timedelta(hours=n), "C-1", "", status) for n, status in enumerate(("returned", "lost"))]  # type: ignore[arg-type]
    assert doubts(order, *said) == {}
    paid = Scan(AT + timedelta(hours=3), "C-1", "", "delivered", collected=86_000)
    assert list(doubts(order, *said, paid)) == ["cash_unbooked"]


def test_a_fee_for_the_way_back_is_shown_until_it_is_booked() -> None:
    fee = Scan(AT + timedelta(hours=1), "C-1", "", "returning", collected=6_000, hint=True)
    order = at(accepted(), "returning")
    assert doubts(order, PICKED_UP, fee) == {"cash_unbooked": "pathao collected 6000 for a parcel that is returning."}
    booked = told(order, orders.paying.taken_beside(order, FIRST, 6_000, attempt_id="a1"))
    assert doubts(booked, PICKED_UP, fee) == {}


def test_goods_that_a_courier_took_along_are_shown() -> None:
    order = at(accepted(), "delivered")
    assert list(doubts(order, PICKED_UP, Scan(AT + timedelta(hours=1), "C-1", "", "exchanged", collected=86_000))) == ["goods_taken_along"]


def test_a_vendor_on_the_road_with_its_own_parcel_is_told_to_turn_round_by_somebody() -> None:
    order = at(accepted(), "packed")
    handed = orders.fulfilling.hand_over(order, FIRST, reference=FIRST, cash=0)
    gone = told(order, handed)
    assert {(d.name, d.subject) for f in handed for d in decide(gone, f) if isinstance(d, Step)} == {("track", FIRST)}
    assert asked(gone, events.OrderInterceptAsked(FIRST, "changed_mind"))[1] == {("tell", FIRST)}


def test_nobody_waits_for_the_way_back_of_what_is_received_in_the_same_breath() -> None:
    order = at(accepted(), "shipped")
    facts = orders.fulfilling.receive(order, FIRST)
    back = told(order, facts)
    assert "return_overdue" not in {d.name for f in facts for d in decide(back, f) if isinstance(d, Step)}
