"""Every check of the judgement after a bad day finds what it is there for: books that agree are changed in one place, and it is seen.

Haat's own invariants are broken on purpose in tests/contracts/test_invariants.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bench import simulated, verdict
from haat.engine.database import Database
from haat_world import audit
from haat_world.faults import moody
from haat_world.truth import Consignment, Message, Payment, Truth

NOON = datetime(2026, 3, 2, 6, tzinfo=UTC)
Change = Callable[["Play"], object]


class Play(msgspec.Struct):
    """A world of one order that was paid by bKash, sent in one parcel, half given back, and told of; what Haat believes agrees."""

    truth: Truth
    order: dict[str, Any]
    payment: Payment
    parcel: Consignment
    open: list[dict[str, Any]]
    shipments: list[dict[str, Any]]

    @property
    def attempt(self) -> dict[str, Any]:
        found: dict[str, Any] = self.order["payments"][0]["attempts"][0]
        return found

    @property
    def shipment(self) -> dict[str, Any]:
        found: dict[str, Any] = self.order["shipments"][0]
        return found

    def books(self) -> audit.Books:
        return audit.compared(self.truth, audit.Belief([self.order], self.open, self.shipments, over=True))

    def book(self, **changed: Any) -> Consignment:
        """Another consignment beside the one that Haat knows."""
        return self.truth.book(msgspec.structs.replace(self.parcel, **({"id": "D2", "reference": "H-1-7-1-2"} | changed)))

    def case(self, flow: str, step: str, cause: str, subject: str) -> None:
        self.open.append({"flow": flow, "step": step, "cause": cause, "subject": subject})


@pytest.fixture
def play() -> Play:
    payment = Payment(
        party="bkash", id="TR1", reference="A1", amount=500, currency="BDT", status="Completed", created_at=NOON, authorized=500,
        captured=500, refunded=200, manual=True,
    )  # fmt: skip
    parcel = Consignment(
        party="pathao", id="D1", reference="H-1-7-1", cash=30_000, collected=30_000, status="delivered", created_at=NOON,
        history=[(NOON, "picked_up", 0)],
    )  # fmt: skip
    attempt = {"id": "a1", "gateway": "bkash", "reference": "TR1", "authorized": 500, "captured": 500, "refunded": 200}
    shipment = {"id": "p1", "courier": "pathao", "consignment": "D1", "status": "delivered", "cash": 30_000, "collected": 30_000}
    order = {
        "number": "H-1-7", "status": "completed", "payments": [{"method": "bkash", "attempts": [attempt]}], "shipments": [shipment],
        "refunds": [{"id": "r1", "attempt": "a1", "amount": 200, "status": "succeeded"}],
        "lines": [{"sku": "TEA", "quantity": 3, "buckets": {"delivered": 2, "returned": 1}}],
    }  # fmt: skip
    truth = Truth()
    truth.pay(payment)
    truth.book(parcel)
    truth.tell(Message(kind="sms", to="8801", id="m1", text="It is here.", at=NOON))
    return Play(truth, order, payment, parcel, [], [{"id": "p1", "courier": "pathao", "reference": "H-1-7-1"}])


def test_books_that_agree_have_no_finding_and_excuse_nothing(play: Play) -> None:
    assert (play.books().findings, play.books().excused) == ([], {})


def asked(**changed: Any) -> verdict.Asked:
    return verdict.Asked(**({"answered": 1, "faults": 0.2, "behind": 0, "rested": True} | changed))


CHANGES: dict[str, tuple[Change, str]] = {
    "a gateway took more": (lambda p: p.attempt.update(captured=400), "captured 500, Haat believes 400"),
    "a gateway gave less back": (lambda p: setattr(p.payment, "refunded", 100), "refunded 100, Haat believes 200"),
    "a gateway sets money aside": (lambda p: setattr(p.payment, "authorized", 700), "holds 200 aside, Haat believes 0"),
    "money that nobody knows": (lambda p: p.attempt.update(reference="TR9", captured=0), "of which no order knows"),
    "money that is nowhere": (lambda p: p.attempt.update(reference="TR9"), "which knows of none"),
    "an order that ended keeps money": (lambda p: p.order.update(status="cancelled"), "300 of its buyer's money is still kept"),
    "a parcel that nobody knows": (lambda p: p.book(reference="H-1-8-1"), "of which no order knows"),
    "a parcel that is nowhere": (lambda p: p.shipment.update(consignment="D9"), "pathao has no D9"),
    "a parcel booked twice under one name": (lambda p: p.truth.book(msgspec.structs.replace(p.parcel, id="D2")), "pathao has 2 consignments"),
    "a parcel with two couriers": (lambda p: p.book(party="redx"), "parcel H-1-7-1 is with pathao"),
    "a parcel that came back": (lambda p: setattr(p.parcel, "status", "returned"), "is returned, Haat believes delivered"),
    "a parcel that is lost": (lambda p: setattr(p.parcel, "status", "lost"), "is lost, Haat believes delivered"),
    "a return that nobody took in": (
        lambda p: (setattr(p.parcel, "status", "returned"), p.shipment.update(status="returning")), "is returned, Haat believes returning",
    ),
    "a parcel still on its way": (
        lambda p: (setattr(p.parcel, "status", "in_transit"), p.shipment.update(status="shipped")), "is in_transit, and the play is over",
    ),
    "a courier collected less": (lambda p: setattr(p.parcel, "collected", 20_000), "collected 20000, Haat believes 30000"),
    "a courier was told another sum": (lambda p: setattr(p.parcel, "cash", 20_000), "was to collect 20000, Haat believes 30000"),
    "a unit is gone": (lambda p: p.order["lines"][0].update(quantity=4), "4 of TEA were ordered, 3 lie somewhere"),
    "somebody was told twice": (lambda p: p.truth.tell(p.truth.messages[0]), "8801 was told m1 2 times"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_each_disagreement_is_seen(play: Play, what: str) -> None:
    change, words = CHANGES[what]
    change(play)
    assert any(words in finding for finding in play.books().findings), play.books().findings


EXCUSES: dict[str, tuple[Change, tuple[str, str, str, str]]] = {
    "where a parcel ended": (lambda p: setattr(p.parcel, "status", "lost"), ("fulfilment", "look_at", "courier_silent", "p1")),
    "what was collected": (lambda p: setattr(p.parcel, "collected", 1), ("fulfilment", "look_at", "courier_contradicts", "p1")),
    "whether it is booked": (lambda p: p.shipment.update(consignment=""), ("fulfilment", "look_up", "booking_unknown", "p1")),
    "what a gateway took": (lambda p: p.attempt.update(captured=400), ("payment", "ask", "too_old", "a1")),
    "whether a refund arrived": (
        lambda p: (p.attempt.update(refunded=0), p.order["refunds"][0].update(status="requested")),
        ("payment", "ask_refund", "too_old", "r1"),
    ),
    "what is set aside": (lambda p: setattr(p.payment, "authorized", 700), ("payment", "void", "tried_too_often", "a1")),
}  # fmt: skip


@pytest.mark.parametrize("what", EXCUSES)
def test_an_open_exception_excuses_what_it_does_not_know_of_its_own_subject_and_is_counted(play: Play, what: str) -> None:
    change, case = EXCUSES[what]
    change(play)
    play.case(*case[:3], "another")
    assert play.books().findings
    assert not play.books().excused
    play.case(*case)
    assert play.books().findings == []
    assert set(play.books().excused) == {f"{case[2]}: {audit.UNKNOWN.get(case[:3]) or audit.UNKNOWN[*case[:2], '']}"}


@pytest.mark.parametrize("cause", ["courier_silent", "booking_unknown", "recall_declined", "short_collection", "late_to_pack"])
def test_no_exception_of_a_parcel_excuses_money_a_second_booking_or_another_sum_at_the_door(play: Play, cause: str) -> None:
    play.attempt["captured"], play.parcel.cash = 400, 20_000
    play.book(party="redx")
    for step in ("look_at", "look_up", "recall", "collect", "ship_by"):
        play.case("fulfilment", step, cause, "p1")
    found = " ".join(play.books().findings)
    assert "captured 500" in found and "was to collect 20000" in found and "parcel H-1-7-1 is with" in found


def test_while_a_play_goes_on_what_is_on_its_way_is_no_disagreement(play: Play) -> None:
    play.parcel.status, play.parcel.collected = "in_transit", 0
    play.shipment.update(status="booked", collected=0)
    assert audit.findings(play.truth, [play.order]) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (asked(), []),
        (asked(answered=2), ["2 orders were answered, 1 are there"]),
        (asked(behind=3), ["3 things were overdue when Haat had had its time to catch up"]),
        (asked(rested=False), ["something was still under way at the end"]),
    ],
)
def test_orders_that_are_missing_and_a_day_without_an_end_are_seen(play: Play, asked: verdict.Asked, words: list[str]) -> None:
    assert verdict.unready(audit.Belief([play.order]), asked) == words


UNITS = ("o1", 1, "TEA", 3, 0)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (verdict.Moved("H-1-7", "TEA", 3, 1), None),
        (verdict.Moved("H-1-7", "TEA", 2, 1), "H-1-7: 1 more of TEA are out than left the shelves"),
        (verdict.Moved("H-1-7", "TEA", 3, 2), "H-1-7: -1 more of TEA are back than lie on the shelves"),
        (verdict.Moved("H-1-7", "POT", 3, 1), "H-1-7: -3 more of POT are out than left the shelves"),
    ],
)
def test_units_that_left_the_shelves_and_no_order_has_are_seen(play: Play, moved: verdict.Moved, words: str | None) -> None:
    play.order |= {"id": "o1", "lines": [{"line_no": 1, "sku": "TEA", "quantity": 3, "buckets": {"delivered": 2, "returned": 1}}]}
    found = verdict.units(audit.Belief([play.order]), [moved], [verdict.Kept(*UNITS)])
    assert found == [] if words is None else words in found


def test_the_parts_of_a_kit_are_counted_by_what_one_is_made_of(play: Play) -> None:
    lines = [{"line_no": 1, "sku": "BREAKFAST", "quantity": 3, "buckets": {"delivered": 1, "packed": 1, "cancelled": 1}}]
    play.order |= {"id": "o1", "lines": lines}
    kept = [verdict.Kept("o1", 1, "CUP", 6, 2), verdict.Kept("o1", 1, "TEA", 3, 1)]
    left = [verdict.Moved("H-1-7", "CUP", 2, 0), verdict.Moved("H-1-7", "TEA", 1, 0)]
    assert verdict.units(audit.Belief([play.order]), left, kept) == []


def test_a_message_that_arrived_more_or_less_often_than_it_was_sent_is_seen(play: Play) -> None:
    sent, unknown = (verdict.Written("sms", "+8801", "It is here.", status) for status in ("sent", "unknown"))
    assert verdict.delivered(play.truth, [sent]) == []
    assert verdict.delivered(play.truth, [unknown]) == []
    assert "was told 1 times what was sent 2 times" in verdict.delivered(play.truth, [sent, sent])[0]
    assert "was told 1 times what was written 0 times" in verdict.delivered(play.truth, [])[0]


def test_a_mail_that_arrived_more_or_less_often_than_it_was_sent_is_seen() -> None:
    truth, mail = Truth(), Message(kind="mail", to="a@shop.example", id="<N1@haat.example>", text="Packed\n\nIt is packed.", at=NOON)
    sent = verdict.Written("email", "a@shop.example", "N1", "sent")
    assert "was told 0 times what was sent 1 times" in verdict.delivered(truth, [sent])[0]
    truth.tell(mail)
    assert verdict.delivered(truth, [sent]) == []
    truth.tell(mail)
    assert "was told 2 times what was written 1 times" in verdict.delivered(truth, [sent])[0]


NOTE = """INSERT INTO notifications (id, order_id, version, event, role, party, channel, recipient, language, subject, body, parts, data, urgent,
    status, reason, due_at, fact_at, created_at)
  VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'placed', 'customer', '', 'sms', '+8801', 'en', '', '', 1, '{}', false, $1, $2, $3, $3, $3)"""


@pytest.mark.parametrize(
    ("status", "reason", "by_night", "words"),
    [
        ("failed", "sms_refused: no such number", False, "1 sms failed were not sent: sms_refused"),
        ("failed", "too late to be of use", False, "1 sms failed were not sent: too late to be of use"),
        ("stale", "", False, "1 sms stale were not sent"),
        ("failed", "sms_refused: no such number", True, "1 sms failed were not sent: sms_refused"),
        ("failed", "too late to be of use", True, None),
        ("failed", "outside_open: left alone for now", True, None),  # half a minute, which is days of the night
        ("failed", "outside_open: left alone for now", False, "1 sms failed were not sent: outside_open"),
        ("sent", "", False, ""),
    ],
)
async def test_a_message_that_was_given_up_is_seen_and_only_lateness_of_the_night_is_excused(
    database: Database, status: str, reason: str, by_night: bool, words: str | None
) -> None:
    async with database.transaction() as tx:
        await tx.execute(NOTE, status, reason, NOON + timedelta(hours=8 if by_night else 2))
        found, excused = await verdict.unsent(tx, NOON + timedelta(hours=5))
    assert excused == (words is None)
    assert bool(found) is bool(words) and (not words or words in found[0])


@pytest.mark.parametrize(("failed", "gentle"), [(200, False), (210, False), (120, True), (300, True)])
def test_a_day_that_was_not_as_bad_as_asked_proves_nothing(failed: int, gentle: bool) -> None:
    truth = Truth()
    truth.calls.update({"bkash query well": 1000 - failed, "bkash query lost_answer": failed, "pathao info out": 500, "sms send well": 8,
                        "sms send reset": 2})  # fmt: skip
    assert bool(verdict.too_gentle(truth, moody(0.2).rate)) is gentle


def test_what_a_process_logs_as_its_own_error_is_a_finding(tmp_path: Any) -> None:
    haat = simulated.Haat(tmp_path, workers=1, pace=1, dsn="postgresql://nowhere")
    away = '{"level": "error", "event": "Unavailable: database_unavailable: The database cannot be reached."}\n'
    (tmp_path / "serve.log").write_text('{"level": "error", "event": "a turn failed"}\n{"level": "warning", "event": "slow"}\n' + away)
    assert haat.complaints() == ["1 × a turn failed: "]
