"""A party takes its share of a worker's calls; what is beyond it waits in the table."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from haat.engine import flowing
from haat.engine.clock import Hands
from haat.engine.flowing import Task, calling
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
