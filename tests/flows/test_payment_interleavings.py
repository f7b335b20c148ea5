"""{redirect, hook, poll, cancel, expiry, refund} of one payment in every order, for each gateway: one outcome, legal, money conserved.

Every permutation of every set of these, the buyer deciding at every moment between them; then every signal told twice. What each
signal says is read by the gateway's own connector from its own wire (gateway_wires.py).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations

import pytest

from haat.domain import orders, payments
from tests.flows.gateway_wires import ATTEMPT, WIRES, Truth, Wire
from tests.flows.payment_stories import Story

SIGNALS = ("redirect", "hook", "poll")
EVENTS = (*SIGNALS, "cancel", "expiry", "refund")
REFUND = 5_000
Outcome = tuple[str, str, int, int]
#: What was declined is told alike, whether it was to be set aside or taken at once.
CASES = [(code, decision) for code in sorted(WIRES) for decision in ("paid", "declined") if (code, decision) != ("bkash-aside", "declined")]
every_case = pytest.mark.parametrize(("code", "decision"), CASES)


@cache
def observation(code: str, status: str, amount: int, confirm: bool) -> payments.Observation:
    return WIRES[code].look(Truth(status, amount), amount, confirm=confirm)


def tell(wire: Wire, moments: Sequence[str], decides_at: int, decision: str, *, stock: bool) -> Story:
    """The story in which the buyer decides before the event at `decides_at`; checked after every event."""
    story = Story(wire, lambda truth, confirm: observation(wire.code, truth.status, truth.amount, confirm), stock=stock)
    for n, event in enumerate(moments):
        if n == decides_at:
            story.pays(decision)
        happens(story, event)
        story.assert_conserved()
        story.assert_owned()
    if decides_at >= len(moments):
        story.pays(decision)
    story.drain()
    story.assert_conserved()
    story.assert_owned()
    return story


def happens(story: Story, event: str) -> None:
    match event:
        case "redirect":
            story.hear(confirm=True)
        case "hook" | "poll":
            story.hear()
        case "cancel":
            story.cancel()
        case "expiry":
            story.expire()
        case "refund":
            story.refund(REFUND)


def outcome(story: Story) -> Outcome:
    attempt = story.attempt
    return story.order.status, story.order.payment_status, orders.settling.kept(story.order, attempt), attempt.set_aside


def legal(story: Story, decision: str) -> None:
    """What may stand at the end of any of these stories."""
    status, attempt = story.order.status, story.attempt
    kept = orders.settling.kept(story.order, attempt)
    assert all(r.status == "succeeded" for r in story.order.refunds)
    if status in orders.paying.ENDED:
        assert kept == 0 and attempt.set_aside == 0, "an order that ended keeps no money"
    elif decision == "paid":
        given = sum(r.amount for r in story.order.refunds)
        assert status == "placed" and kept + attempt.set_aside + given == story.amount, "an order that goes on has its money"
        assert orders.paying.uncovered(story.order) == 0
    else:
        assert status == "placed" and kept == 0 and attempt.status == "failed", "what was declined stays to be paid another way"


def situations() -> Iterator[tuple[tuple[str, ...], int]]:
    """(events in order, the moment at which the buyer decides)."""
    for length in range(len(EVENTS) + 1):
        for moments in permutations(EVENTS, length):
            for decides_at in range(length + 1):
                yield moments, decides_at


def what_decides(moments: Sequence[str], decides_at: int) -> tuple[object, ...]:
    """All that the outcome may depend on: the order of what people and clocks do, and whether the money was there (and known)."""
    known = next((n for n, e in enumerate(moments) if n >= decides_at and e in (*SIGNALS, "expiry")), len(moments))
    return tuple(
        (e, n >= decides_at, n > known or (e == "expiry" and n >= decides_at)) if e != "cancel" else (e, n > known)
        for n, e in enumerate(moments) if e not in SIGNALS
    )  # fmt: skip


@every_case
def test_every_interleaving_ends_in_one_legal_outcome(code: str, decision: str) -> None:
    seen: dict[tuple[object, ...], Outcome] = {}
    for moments, decides_at in situations():
        story = tell(WIRES[code], moments, decides_at, decision, stock=True)
        legal(story, decision)
        once = outcome(story)
        assert seen.setdefault(what_decides(moments, decides_at), once) == once, (moments, decides_at)


@every_case
def test_a_signal_told_twice_changes_nothing(code: str, decision: str) -> None:
    """Each signal in turn doubled, in every order of all seven, the buyer having decided; and the doubled one right behind itself."""
    seen: dict[tuple[object, ...], Outcome] = {}
    for twice in SIGNALS:
        for moments in sorted(set(permutations((*EVENTS, twice)))):
            story = tell(WIRES[code], moments, 0, decision, stock=True)
            legal(story, decision)
            once = outcome(story)
            assert seen.setdefault(what_decides(moments, 0), once) == once, moments


@pytest.mark.parametrize("code", sorted(WIRES))
def test_money_that_comes_after_the_order_expired_goes_back_where_the_stock_is_gone(code: str) -> None:
    came_back = 0
    for moments in permutations(("expiry", *SIGNALS)):
        for decides_at in range(moments.index("expiry") + 1, len(moments) + 1):
            there = tell(WIRES[code], moments, decides_at, "paid", stock=True)
            gone = tell(WIRES[code], moments, decides_at, "paid", stock=False)
            assert (gone.order.status, orders.settling.kept(gone.order, gone.attempt), gone.attempt.set_aside) == ("expired", 0, 0)
            came_back += there.order.status == "placed"
    assert came_back or WIRES[code].authorises, "where the stock is there the order comes back"


@pytest.mark.parametrize("code", sorted(WIRES))
def test_every_signal_of_a_gateway_points_at_its_attempt_and_its_answer_is_what_is_true(code: str) -> None:
    wire = WIRES[code]
    for status, told in (("paid", "authorized" if wire.authorises else "charged"), ("pending", "pending")):
        truth = Truth(status, 26_000)
        signals = [s for s in (wire.returned(truth), wire.hooked(truth)) if s is not None]
        assert {s.attempt for s in signals} == {ATTEMPT}
        assert wire.look(truth, 26_000).status == told


@pytest.mark.parametrize("code", sorted(WIRES))
def test_an_amount_that_is_not_ours_is_never_taken_for_money(code: str) -> None:
    seen = WIRES[code].look(Truth("paid", 100), 26_000)
    assert (seen.status, seen.reason) == ("unknown", "mismatch")
