"""A parcel's story out of scans that come in any order and twice: one end, whatever the order, and every skipped step named."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from haat.domain.fulfilment import tracking
from haat.domain.fulfilment.courier import Reason, Scan, Status
from haat.domain.fulfilment.tracking import Move, Parcel

BEGIN = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

#: Where a legal story goes on from each status (reference/couriers.md, 1). An empty tuple ends it.
LEGAL: dict[Status, tuple[Status, ...]] = {
    "created":             ("booked",),
    "booked":              ("pickup_requested", "picked_up", "cancelled", "in_transit"),
    "pickup_requested":    ("picked_up", "pickup_failed", "cancelled"),
    "pickup_failed":       ("pickup_requested", "cancelled"),
    "picked_up":           ("in_transit", "lost"),
    "in_transit":          ("at_destination_hub", "on_hold", "damaged"),
    "on_hold":             ("at_destination_hub", "out_for_delivery"),
    "at_destination_hub":  ("out_for_delivery",),
    "out_for_delivery":    ("delivered", "partially_delivered", "delivery_failed", "lost"),
    "delivery_failed":     ("out_for_delivery", "returning"),
    "partially_delivered": ("", "returning"),
    "returning":           ("returned",),
    "delivered":           ("", "partially_delivered"),
    "returned": (), "cancelled": (), "lost": (), "damaged": (), "": (),
}  # fmt: skip


def scan(status: Status, minutes: float = 0, **more: Any) -> Scan:
    return Scan(at=BEGIN + timedelta(minutes=minutes), consignment="C1", status=status, said=status, **more)


def follow(parcel: Parcel, moves: Iterable[Move]) -> Parcel:
    """Our parcel after it did what was named, as the order's facts move it."""
    for move in moves:
        assert not move.correction or parcel.status in ("delivered", "cancelled", "returned")
        if move.rest:
            parcel = Parcel(parcel.status, parcel.tries, out=False)
        elif move.kind == "delivery_failed":
            parcel = Parcel("attempt_failed", parcel.tries + 1)
        else:
            out = parcel.out and move.kind != "returned"
            parcel = Parcel("packed" if move.kind == "cancelled" else move.kind, parcel.tries, out)
    return parcel


def heard(scans: Sequence[Scan]) -> tuple[Parcel, list[str]]:
    """Scans as they arrive, one at a time, each time with all that came before."""
    parcel, done = Parcel("booked"), list[str]()
    for n in (*range(len(scans)), len(scans) - 1):  # and once more: a correction is a person's, the rest goes on behind it
        found = tracking.advance(parcel, scans[: n + 1])
        parcel = follow(parcel, found.moves)
        done += [move.kind for move in found.moves]
    return parcel, done


@st.composite
def stories(draw: st.DrawFn) -> list[Scan]:
    """A legal history, by the courier's clock; several things may be said of one second."""
    status: Status = draw(st.sampled_from(("created", "booked")))
    told, minutes = [scan(status)], 0.0
    while LEGAL[status] and len(told) < 14:
        status = draw(st.sampled_from(LEGAL[status]))
        if not status:
            break
        minutes += draw(st.integers(1, 300))
        told.append(scan(status, minutes, reason=draw(st.sampled_from(("", "not_at_home"))) if status == "delivery_failed" else ""))
    return told


def test_a_part_that_was_kept_and_is_heard_of_behind_the_return_of_the_rest_is_a_correction() -> None:
    back, kept = scan("returned", 30), scan("partially_delivered", 20, collected=500)
    assert [move.kind for move in tracking.advance(Parcel("booked"), [back]).moves] == ["shipped", "returning", "returned"]
    (move,) = tracking.advance(Parcel("returned", out=False), [back, kept]).moves
    assert (move.kind, move.correction, move.collected) == ("partially_delivered", True, 500)


@given(data=st.data())
@settings(max_examples=150)
def test_scans_in_any_order_and_twice_end_in_the_same_place(data: st.DataObject) -> None:
    story = data.draw(stories())
    mixed = data.draw(st.permutations(story + data.draw(st.lists(st.sampled_from(story), max_size=6))))
    assert tracking.standing(mixed) == tracking.standing(story)
    in_order, _ = heard(story)
    as_it_came, _ = heard(mixed)
    assert (in_order.status, in_order.out) == (as_it_came.status, as_it_came.out)
    if tracking.STAGE.get(in_order.status, 0) <= tracking.DOOR:
        assert in_order.tries == as_it_came.tries


def test_a_part_that_was_kept_is_heard_of_after_all_of_it_was_booked_as_back() -> None:
    story = [scan(s, n) for n, s in enumerate(("picked_up", "delivered", "partially_delivered", "returned"))]
    found = tracking.advance(Parcel("returned", out=False), story)
    assert [(m.kind, m.correction) for m in found.moves] == [("partially_delivered", True)], "somebody looks; nothing is guessed"


@given(data=st.data())
@settings(max_examples=100)
def test_whatever_is_said_in_whatever_order_the_courier_has_one_story_and_a_word_twice_changes_nothing(data: st.DataObject) -> None:
    """Not only of legal histories: couriers contradict themselves, and even then the order of arrival does not matter."""
    anything = st.builds(
        scan, st.sampled_from(list(LEGAL)), st.integers(0, 8), collected=st.none() | st.integers(0, 500), hint=st.booleans()
    )
    said = data.draw(st.lists(anything, max_size=10))
    mixed = data.draw(st.permutations(said + said))
    assert tracking.standing(mixed) == tracking.standing(said)
    parcel, _ = heard(mixed)
    again = tracking.advance(parcel, said)
    assert all(move.correction for move in again.moves), "done, moves are not named again"


@given(story=stories())
def test_a_parcel_is_shipped_before_anything_else_and_once(story: list[Scan]) -> None:
    _, done = heard(list(reversed(story)))
    assert done.count("shipped") <= 1
    assert not set(done) - {"cancelled"} or done[0] == "shipped"


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("booked", []),
        ("pickup_failed", []),
        ("picked_up", ["shipped"]),
        ("at_destination_hub", ["shipped"]),
        ("on_hold", []),
        ("out_for_delivery", ["shipped", "out_for_delivery"]),
        ("delivery_failed", ["shipped", "delivery_failed"]),
        ("delivered", ["shipped", "delivered"]),
        ("exchanged", ["shipped", "delivered"]),
        ("partially_delivered", ["shipped", "partially_delivered"]),
        ("returning", ["shipped", "returning"]),
        ("returned", ["shipped", "returning", "returned"]),
        ("lost", ["shipped", "lost"]),
        ("damaged", ["shipped", "lost"]),
        ("cancelled", ["cancelled"]),
    ],
)
def test_what_a_courier_skipped_is_done_first(status: Status, kinds: list[str]) -> None:
    assert [move.kind for move in tracking.advance(Parcel("booked"), [scan(status)]).moves] == kinds


def test_an_old_scan_that_comes_late_moves_nothing() -> None:
    delivered = [scan("out_for_delivery", 10), scan("delivered", 20, collected=120_000)]
    parcel, _ = heard(delivered)
    assert not tracking.advance(parcel, [*delivered, scan("in_transit", 5), scan("delivery_failed", 12)]).moves


def test_a_try_that_becomes_known_late_is_still_counted_while_the_parcel_is_out() -> None:
    out = [scan("out_for_delivery", 10), scan("out_for_delivery", 30)]
    parcel, _ = heard(out)
    late = tracking.advance(parcel, [*out, scan("delivery_failed", 20, reason="not_at_home")])
    assert [(move.kind, move.reason) for move in late.moves] == [("delivery_failed", "not_at_home"), ("out_for_delivery", "")]


def test_two_tries_at_the_door_are_two_and_a_try_asked_for_three_times_is_one() -> None:
    twice = [scan("delivery_failed", 10), scan("out_for_delivery", 20), scan("delivery_failed", 30)]
    assert len(tracking.standing(twice).failures) == 2
    asked = [scan("delivery_failed", minutes, timed=False) for minutes in (10, 20, 30)]
    assert len(tracking.standing(asked).failures) == 1


def test_what_ended_moves_only_by_a_correction() -> None:
    whole = scan("delivered", 10, collected=150_000)
    assert not tracking.advance(Parcel("delivered"), [whole, scan("in_transit", 20)]).moves
    part = tracking.advance(Parcel("delivered"), [whole, scan("partially_delivered", 20, collected=90_000)])
    assert [(move.kind, move.correction, move.collected) for move in part.moves] == [("partially_delivered", True, 90_000)]
    back = tracking.advance(Parcel("delivered"), [whole, scan("returned", 20)])
    assert [(move.kind, move.correction) for move in back.moves] == [("returned", True)]


def test_two_endings_that_do_not_go_together_leave_the_first_and_show_the_second() -> None:
    now = tracking.standing([scan("delivered", 10), scan("lost", 20)])
    assert (now.place, now.contradicted) == ("delivered", ("lost",))


@pytest.mark.parametrize(
    ("ours", "theirs", "contradicted"),
    [
        ("returned", "delivered", ("delivered",)), ("returned", "lost", ("lost",)), ("lost", "delivered", ("delivered",)),
        ("lost", "returned", ("returned",)), ("delivered", "lost", ("lost",)), ("delivered", "cancelled", ("cancelled",)),
        ("partially_delivered", "returned", ("returned",)), ("partially_delivered", "delivered", ()),
        ("returned", "returned", ()), ("returned", "returning", ()), ("returned", "cancelled", ()), ("out_for_delivery", "delivered", ()),
        ("delivered", "returned", ()), ("delivered", "partially_delivered", ()), ("returned", "partially_delivered", ()),
        ("cancelled", "delivered", ()), ("packed", "delivered", ()),
    ],
)  # fmt: skip
def test_another_ending_than_ours_is_shown_unless_it_is_a_known_correction(
    ours: str, theirs: Status, contradicted: tuple[str, ...]
) -> None:
    found = tracking.advance(Parcel(ours, out=False), [scan(theirs, 10)])
    assert found.contradicted == contradicted
    assert not (contradicted and found.moves), "nothing is guessed"


def test_delivered_does_not_contradict_a_part_unless_it_tells_of_cash() -> None:
    part = scan("partially_delivered", 10, collected=36_000)
    ours = Parcel("partially_delivered")
    assert tracking.advance(ours, [part, scan("delivered", 20)]).contradicted == ()
    for story in ([part, scan("delivered", 20, collected=86_000)], [scan("delivered", 20, collected=86_000)]):
        assert tracking.advance(ours, story).contradicted == ("delivered",)


def test_what_an_ending_says_was_collected_is_known_whichever_of_them_stands() -> None:
    now = tracking.standing([scan("returned", 10), scan("delivered", 20, collected=86_000)])
    assert (now.place, now.collected, now.taken) == ("returned", None, 86_000)
    assert tracking.standing([scan("delivered", 10, collected=86_000, hint=True)]).taken is None, "nobody but a hint says so"


def test_the_rest_of_a_partial_delivery_comes_back_once() -> None:
    story = [scan("partially_delivered", 10, collected=50_000), scan("returning", 20), scan("returned", 30)]
    found = tracking.advance(Parcel("out_for_delivery"), story)
    assert [(move.kind, move.rest) for move in found.moves] == [("partially_delivered", False), ("returned", True)]
    assert found.standing.collected == 50_000
    assert not tracking.advance(Parcel("partially_delivered", out=False), story).moves


def test_what_a_courier_put_aside_it_has_so_a_cancellation_brings_it_back() -> None:
    found = tracking.advance(Parcel("booked"), [scan("on_hold", 10), scan("cancelled", 20)])
    assert found.moves[-1].kind == "returning"


def test_what_was_picked_up_cannot_be_cancelled_and_comes_back_instead() -> None:
    found = tracking.advance(Parcel("booked"), [scan("in_transit", 10), scan("cancelled", 20, reason="customer_refused")])
    assert [move.kind for move in found.moves] == ["shipped", "returning"]
    assert found.standing.reason == "customer_refused"


def test_money_counts_only_where_something_was_delivered() -> None:
    assert tracking.standing([scan("in_transit", 10, collected=99_000)]).collected is None
    assert tracking.standing([scan("in_transit", 10, collected=99_000), scan("delivered", 20, collected=98_000)]).collected == 98_000
    fee = tracking.standing([scan("delivery_failed", 10), scan("returning", 20, collected=6_000)])
    assert (fee.collected, fee.return_fee) == (None, 6_000)


def test_a_hint_of_a_delivery_waits_until_the_courier_says_it_when_asked() -> None:
    hint = scan("delivered", 10, collected=120_000, hint=True)
    before = tracking.advance(Parcel("out_for_delivery"), [hint])
    assert (before.moves, before.standing.to_confirm) == ((), True)
    after = tracking.advance(Parcel("out_for_delivery"), [hint, scan("delivered", 12)])
    assert [(move.kind, move.collected) for move in after.moves] == [("delivered", 120_000)]
    assert not after.standing.to_confirm


def test_a_word_that_nobody_knows_moves_nothing_and_is_shown() -> None:
    found = tracking.advance(Parcel("booked"), [Scan(at=BEGIN, said="teleported", known=False)])
    assert (found.moves, found.standing.unknown) == ((), ("teleported",))


def test_a_return_has_the_reason_of_the_last_failed_try() -> None:
    reason: Reason = "customer_refused"
    now = tracking.standing([scan("delivery_failed", 10, reason=reason), scan("returning", 20)])
    assert now.reason == reason


def test_the_words_of_other_countries_are_words_of_ours() -> None:
    assert {*tracking.INTERNATIONAL.values()} <= {*tracking.RANK}
    assert tracking.INTERNATIONAL["return_to_sender"] == "returning" and tracking.INTERNATIONAL["outfordelivery"] == "out_for_delivery"
