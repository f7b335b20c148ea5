"""The story of an order: one sentence per fact, in both languages, and only what the reader may know."""

import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.kernel.facts import Fact, Recorded
from tests.domain.orders.histories import NOW, ORDER, a_line, created, reserved

FIRST = created(a_line(1, 2, 61_250), a_line(2, 1, 100, vendor="shop-b"))
STORY: list[tuple[Fact, str, str]] = [
    (FIRST, "customer", "3 items from 2 vendors, 1346.00 BDT"),
    (events.OrderValidated({"phone": 1}, (events.Remark("phone", 1, "odd", "Odd."),)), "staff", "to look at: phone v1 (odd)"),
    (events.OrderValidated({"phone": 1}), "staff", "All 1 checks passed"),
    (reserved(FIRST), "customer", "3 unit(s) set aside at DHK"),
    (reserved(FIRST, late=1), "customer", "2 will follow"),
    (events.OrderHeld("h", "MANUAL", "look", "Call the buyer."), "staff", "On hold for review (MANUAL): Call the buyer."),
    (events.OrderReleased("h", "MANUAL", "seen"), "staff", "released: seen"),
    (events.OrderLinesCancelled((events.Cut(1, 1, 61_250, 0, 0, 61_250),), "broken", 61_250), "customer", "612.50 BDT less to pay"),
    (events.OrderCancelled((), "changed_mind", 61_250), "customer", "612.50 BDT is no longer owed"),
    (events.OrderNoted("ring twice", "vendor"), "vendor", "Note: ring twice"),
]


@pytest.mark.parametrize(("fact", "audience", "words"), STORY)
def test_every_fact_has_its_sentence_in_two_languages(fact: Fact, audience: str, words: str) -> None:
    stream = [Recorded(1, ORDER, 1, NOW, "guest", "api", "", FIRST), Recorded(2, ORDER, 2, NOW, "guest", "api", "", fact)]
    entry = orders.timeline(stream)[-1]
    assert words in entry.text
    assert entry.audience == audience
    assert any("\u0980" <= letter <= "\u09ff" for letter in entry.text_bn)


def test_no_fact_is_without_a_sentence() -> None:
    assert {type(fact) for fact, _, _ in STORY} == set(events.OrderFact.__args__)
