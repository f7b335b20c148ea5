"""kill -9 in small: a server dies five times under load, PostgreSQL once. `make bench-kill` is the large one."""

import asyncio
from pathlib import Path

from bench import kill


async def test_a_killed_server_loses_no_order_and_doubles_none(dsn: str, tmp_path: Path) -> None:
    done = await asyncio.to_thread(kill.run, tmp_path, kills=5, database_kills=0, buyers=16, seed=3, dsn=dsn)
    assert done.wrong == []
    assert done.kills == 5 and done.answered


async def test_a_killed_database_loses_no_order_and_doubles_none(tmp_path: Path) -> None:
    done = await asyncio.to_thread(kill.run, tmp_path, kills=0, database_kills=2, buyers=16, seed=4)
    assert done.wrong == []
    assert done.database_kills == 2 and done.answered
