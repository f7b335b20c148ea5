"""Rows about payments: found by either name, written again without harm, counted with decay; routing rules with versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import payments
from haat.engine.database import Database
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ORDER = "01a20000-0000-7000-8000-000000000001"


def a_row(n: int, **more: Any) -> payments.AttemptRow:
    attempt = f"01a20000-0000-7000-8000-0000000{n:05d}"
    said: dict[str, Any] = {
        "order_id": ORDER, "tender": ORDER, "gateway": "bkash", "method": "bkash", "reference": payments.ours(attempt), "status": "pending",
        "amount": 26_000, "currency": "BDT", "started_at": NOW,
    }  # fmt: skip
    return payments.AttemptRow(id=attempt, **(said | more))


async def test_an_attempt_is_found_by_our_name_and_by_the_gateways(database: Database) -> None:
    row = a_row(1, gateway_reference="PAY1", receipt=payments.Receipt("bkash", "r", 2))
    async with database.transaction() as tx:
        await payments.note_attempts(tx, [row, a_row(2)])
        assert (await payments.attempts(tx, [row.id, ORDER])) == {row.id: row}
        assert (await payments.attempts_named(tx, [("bkash", "PAY1"), ("nagad", "PAY1")])) == {("bkash", "PAY1"): row}
        assert [a.id for a in await payments.attempts_of(tx, ORDER)] == [row.id, a_row(2).id]
    assert payments.attempt_of(row.reference) == row.id


async def test_what_settled_first_stays_settled_then_and_the_receipt_stays(database: Database) -> None:
    first = a_row(1, status="failed", settled_at=NOW, receipt=payments.Receipt("bkash"))
    late = msgspec.structs.replace(first, status="charged", captured=26_000, settled_at=NOW + timedelta(hours=1), receipt=None)
    async with database.transaction() as tx:
        for row in (first, late, late):
            await payments.note_attempts(tx, [row])
        (kept,) = await payments.attempts_of(tx, ORDER)
    assert (kept.status, kept.captured, kept.settled_at, kept.receipt) == ("charged", 26_000, NOW, payments.Receipt("bkash"))


async def test_signals_are_kept_as_they_came_twice_where_they_came_twice(database: Database) -> None:
    seen = payments.Observation(status="charged", amount=26_000, currency="BDT", transaction="TRX1")
    word = payments.SignalRow(attempt=a_row(1).id, source="hook", observation=seen, counted=True, at=NOW)
    again = msgspec.structs.replace(word, counted=False, source="poll")
    async with database.transaction() as tx:
        await payments.note_signals(tx, [word, again])
        assert await payments.signals_of(tx, word.attempt) == [word, again]


async def test_success_counts_what_is_recent_more_and_who_turned_back_not_at_all(database: Database) -> None:
    async with database.transaction() as tx:
        rows = [a_row(n, status="charged", settled_at=NOW - timedelta(minutes=1)) for n in range(8)]
        rows += [a_row(n, status="failed", settled_at=NOW - timedelta(hours=2)) for n in range(8, 16)]
        rows += [a_row(n, status="given_up", settled_at=NOW) for n in range(16, 20)]
        rows += [a_row(n, status="failed", settled_at=NOW - timedelta(days=2)) for n in range(20, 24)]
        await payments.note_attempts(tx, rows)
        assert await payments.records(tx, now=NOW) == {"bkash": payments.Record(tried=12, succeeded=8)}


async def test_a_refund_is_one_row_however_often_it_is_told(database: Database) -> None:
    row = payments.RefundRow(
        id=ORDER, order_id=ORDER, tender="t", attempt="a", gateway="bkash", amount=500, currency="BDT", status="requested", reason="x", asked_at=NOW
    )  # fmt: skip
    done = msgspec.structs.replace(row, status="succeeded", reference="R1", asked_at=NOW + timedelta(hours=1), settled_at=NOW)
    async with database.transaction() as tx:
        for each in (row, row, done):
            await payments.note_refunds(tx, [each])
        (kept,) = await payments.refunds_of(tx, ORDER)
    assert kept == msgspec.structs.replace(done, asked_at=NOW)


async def test_routing_rules_count_their_versions_and_come_in_their_order(database: Database) -> None:
    cards = payments.Route(code="cards", priority=20, methods=("card",), gateways=("stripe",))
    big = payments.Route(code="big", priority=10, amount_min=1_000_000)
    async with database.transaction() as tx:
        assert await payments.put_routes(tx, [cards, big]) == {"cards": 1, "big": 1}
        assert await payments.put_routes(tx, [cards]) == {"cards": 2}
        assert [(r.code, r.version) for r in await payments.routes(tx)] == [("big", 1), ("cards", 2)]
        with pytest.raises(Refused, match="empty_range"):
            await payments.put_routes(tx, [payments.Route(code="x", amount_min=5, amount_max=4)])
