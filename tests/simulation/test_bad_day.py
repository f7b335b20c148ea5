"""A bad day in small: a fifth of all calls fail, a server, a worker and the database are killed, some parcels are lost, and every book
agrees at the end. `make sim` is the large one."""

import asyncio
from pathlib import Path

from bench import sim


async def test_after_a_bad_day_every_order_taka_unit_parcel_and_message_is_accounted_for(tmp_path: Path) -> None:
    plan = sim.Plan(orders=70, rate=20, workers=1, server_kills=1, worker_kills=1, database_restarts=1, outages=1, linger_s=2)
    played, judged = await asyncio.to_thread(sim.run, tmp_path, plan)
    assert judged.findings == []
    again = played.kills.pop("started again")
    assert played.kills == {"server": 1, "worker": 1, "outage": 1, "database killed": 1}
    assert again >= 2  # more where one of them came up while the database was away, and ended by itself
    assert sum(judged.statuses.values()) == 70
    assert judged.statuses["completed"] > 35
