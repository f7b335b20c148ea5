"""What every invariant must keep: it holds on a market that is sound, and finds what it is there for. A new one needs a way to break it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench import prompt
from haat import app
from haat.app import desks
from haat.domain import orders
from haat.engine import keyring
from haat.engine.settings import Settings
from haat.insight import auditing
from tests.flows import stage as staging
from tests.flows.stage import Stage

#: What somebody's hand in the database, or a bug of ours, would leave behind.
BROKEN = {
    "stock_levels": "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'TEA'",
    "stock_movements": "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'TEA'",
    "reservations": "UPDATE order_reservations SET quantity = quantity + 1 WHERE status = 'COMMITTED'",
    "rows": "UPDATE orders SET grand = grand + 1",
    "streams": "UPDATE order_workflows SET status = 'ended' WHERE status = 'running'",
    "money": "DELETE FROM workflow_states WHERE flow = 'payment' AND status = 'due'",
    "payment_rows": "UPDATE payment_attempts SET captured = captured + 1",
    "owners": "DELETE FROM workflow_states WHERE step = 'track'",
    "exceptions": "UPDATE workflow_states SET status = 'dead' WHERE step = 'track'",
    "steps": "UPDATE workflow_states SET due_at = due_at - interval '100 days' WHERE status = 'due'",
    "consignments": "UPDATE shipments SET consignment = consignment || '?' WHERE consignment IS NOT NULL",
    "notifications": """INSERT INTO notifications (id, order_id, version, event, role, party, channel, recipient, language, subject, body, parts,
        data, urgent, status, reason, due_at, fact_at, created_at)
      SELECT uuidv7(), id, 1, 'placed', 'customer', '', 'sms', '+8801700000001', 'en', '', 'x', 1, '{}', false, 'due', '', placed_at,
        placed_at, placed_at FROM orders LIMIT 1""",
    "hooks": """INSERT INTO hook_inbox (id, kind, code, dedupe, status, attempts, due_at, received_at, times, method, headers, query, body,
        problem) SELECT uuidv7(), 'gateway', 'bkash', 'x', 'waiting', 1, placed_at, placed_at, 1, 'POST', '{}', '{}', '', '' FROM orders
        LIMIT 1""",
}


@pytest.fixture
async def market(dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Orders at every stage of their lives: completed, cancelled, on the road, about to be paid; a day has passed."""
    async with staging.opened(dsn, tmp_path, outfit=desks.Outfit(prompt.found())) as stage:
        await prompt.connect(stage.parts.database, keyring.secrets_of(Settings(data_dir=tmp_path))[0])
        await stage.parts.memory.catch_up()
        cut = await stage.place({"CUP": 2})
        await stage.ask(cut.id, lambda order: orders.cancel(order, quantities=None, reason="customer_request"))
        await stage.place({"BREAKFAST": 1, "TEA": 1}, payment_method="bkash")
        await stage.place({"LAST": 2})
        await stage.settle()
        await stage.later(days=1)
        await stage.place({"TEA": 3, "POT": 1})
        await stage.settle()
        await stage.place({"CUP": 1}, payment_method="bkash")
        while await stage.worker.step():
            pass  # the gateway has not been asked yet
        yield stage


async def broken(stage: Stage) -> dict[str, list[str]]:
    """What is found, by invariant."""
    parts = stage.parts
    findings = await auditing.audit(parts.database, parts.journal, parts.flows, stage.clock.now(), app.invariants())
    found: dict[str, list[str]] = {}
    for finding in findings:
        assert finding.owner and finding.subject and finding.detail
        found.setdefault(finding.invariant, []).append(finding.detail)
    return found


@pytest.mark.parametrize("invariant", app.invariants(), ids=lambda each: each.code)
def test_an_invariant_says_what_it_is_and_whose(invariant: auditing.Invariant) -> None:
    assert invariant.title and invariant.title_bn and invariant.owner
    assert invariant.check is not None or invariant.look is not None
    assert invariant.code in BROKEN, "tell in BROKEN how it can be broken"


async def test_a_sound_market_breaks_none(market: Stage) -> None:
    async with market.parts.database.reading() as tx:
        statuses = {row[0] for row in await tx.fetch("SELECT status FROM orders")}
    assert statuses == {"placed", "processing", "completed", "cancelled"}
    assert await broken(market) == {}


@pytest.mark.parametrize("code", BROKEN)
async def test_each_finds_what_it_is_there_for(market: Stage, code: str) -> None:
    async with market.parts.database.transaction() as tx:
        await tx.execute(BROKEN[code])
    assert code in await broken(market)


async def test_a_step_that_is_put_off_for_ever_is_seen_though_it_is_never_overdue(market: Stage) -> None:
    async with market.parts.database.transaction() as tx:
        await tx.execute(
            """UPDATE workflow_states SET created_at = created_at - interval '100 days', due_at = now() + interval '100 years',
               error = 'not yet' WHERE step = 'track' AND status = 'due'"""
        )
    assert "beyond its age limit" in (await broken(market))["steps"][0]


async def test_flows_that_vanished_are_missed_even_at_the_end(market: Stage) -> None:
    async with market.parts.database.transaction() as tx:
        ended = await tx.fetch("DELETE FROM order_workflows WHERE status = 'ended' RETURNING order_id")
    assert ended
    assert len((await broken(market))["streams"]) == len(ended)


async def test_a_worker_asks_the_set_wise_ones_by_themselves(market: Stage) -> None:
    parts = market.parts
    async with parts.database.transaction() as tx:
        await tx.execute(BROKEN["hooks"])
    found = await auditing.checks(parts.database, parts.flows, market.clock.now(), app.invariants())
    assert [finding.invariant for finding in found] == ["hooks"]
