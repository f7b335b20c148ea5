"""A bad day in small: a fifth of all calls fail, a server and a worker are killed, and every book agrees at the end. `make sim` is the large one."""

import asyncio
from pathlib import Path

import msgspec

from bench import sim


async def test_after_a_bad_day_every_order_taka_unit_parcel_and_message_is_accounted_for(dsn: str, tmp_path: Path) -> None:
    habits = msgspec.structs.replace(sim.HABITS, loss=0.0)  # some couriers keep silent about a loss, for longer than a test may take
    plan = sim.Plan(
        orders=70, rate=20, workers=1, server_kills=1, worker_kills=1, database_restarts=0, outages=1, linger_s=2, fast=3600,
        habits=habits,
    )  # fmt: skip
    played, judged = await asyncio.to_thread(sim.run, tmp_path, plan, dsn)
    assert judged.findings == []
    assert played.kills == {"server": 1, "worker": 1, "outage": 1, "started again": 2}
    assert sum(judged.statuses.values()) == 70
    assert judged.statuses["completed"] > 35
