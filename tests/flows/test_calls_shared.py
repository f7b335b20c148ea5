"""A party takes its share of a worker's calls; what is beyond it waits in the table."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from haat.engine import flowing
from haat.engine.clock import Hands
from haat.engine.flowing import Task, calling, table
from tests.flows import stage, test_flowing


class Quick(Hands):
    """A clock of a fast time that is turned by hand."""

    pace = 60.0


async def test_what_a_busy_party_cannot_take_waits_a_moment_of_the_wall_however_fast_time_runs(dsn: str, tmp_path: Path) -> None:
    made: list[str] = []
    go_on = asyncio.Event()

    async def call(house: Any, task: Task) -> int:
        made.append(task.order.id)
        await go_on.wait()
        return len(made)

    async with stage.opened(dsn, tmp_path, test_flowing.calling(call), clock=Quick(stage.START)) as s:
        parts = s.parts
        worker = flowing.Worker(parts.house, parts.flows, parts.keeper, s.lane, name="small", calls_max=4)  # of which one party has one
        placed = [await s.place() for _ in range(3)]
        await worker.step()
        assert await worker.lease() == 1
        async with parts.database.reading() as tx:
            due = await tx.fetch("SELECT order_id::text, due_at, attempts FROM workflow_states WHERE step = 'call' AND worker IS NULL")
        assert {(row[1], row[2]) for row in due} == {(s.clock.now() + timedelta(seconds=60 * calling.BUSY_S), 0)}
        assert len(due) == 2
        go_on.set()
        for _ in range(3):
            await worker.answered()
            await worker.step()
            s.clock.turn_by(timedelta(seconds=60 * calling.BUSY_S))
            await worker.lease()
        await worker.answered()
        await worker.step()
        assert sorted(made) == sorted(order.id for order in placed)
        for order in placed:
            assert "OrderNoted" in await s.said(order.id)


def test_what_is_put_back_comes_back_one_by_one_as_the_party_gets_through_its_line() -> None:
    party = calling.Party(asyncio.Semaphore(2), 2, waiting=8)
    assert party.later(100.0) == calling.BUSY_S  # nothing is known of it yet
    for _ in range(200):
        party.took(1.0)
    assert [party.later(100.0) for _ in range(3)] == [2.5, 3.0, 3.5]  # four of eight, at two a second, then the next ones
    assert party.later(103.0) == 2.5  # those before it have been made, and so it is again
    assert [party.later(103.0) for _ in range(9)][-1] == calling.BUSY_MAX_S


async def test_a_call_that_is_given_back_waits_for_nobody_who_is_changing_it(dsn: str, tmp_path: Path) -> None:
    """Whoever stops many steps and whoever gives many back would else meet in two orders, and one of them would be ended."""

    async def call(house: Any, task: Task) -> int:
        return 1

    async with stage.opened(dsn, tmp_path, test_flowing.calling(call)) as s:
        placed = [await s.place() for _ in range(2)]
        database, now = s.parts.database, s.clock.now()
        async with database.reading() as tx:
            rows = await table.lease(tx, now, {}, 10, "me")
        assert [row.attempts for row in rows] == [1, 1]
        async with database.transaction() as stopping, database.transaction() as tx:
            await stopping.execute("UPDATE workflow_states SET error = 'mine' WHERE order_id = $1", placed[0].id)
            await tx.execute("SET LOCAL lock_timeout = '2s'")
            await table.put_back(tx, rows, [now] * 2)
        async with database.reading() as tx:
            left = dict(await tx.fetch("SELECT order_id::text, attempts FROM workflow_states WHERE step = 'call'"))
        assert left == {placed[0].id: 1, placed[1].id: 0}
