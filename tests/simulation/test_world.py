"""The world plays with a served Haat on a bad day: a fifth of all calls fails, messages are lost, late, doubled and contradicted.

At the end no parcel is booked twice, no taka is unaccounted for at any gateway, and nobody was told the same twice.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from haat_world import app, audit
from haat_world.clock import parse
from haat_world.faults import moody
from haat_world.line import Line
from haat_world.players.market import Keys, Market
from haat_world.players.play import Plan, Play, Score
from haat_world.world import HASTE, World
from tests.faces import served as serving

PACE = 30  # a minute of the world in two seconds
ORDERS = 25
PATIENCE_S = 20.0  # what is still under way then, waits for news that got lost


@contextmanager
def working(served: serving.Served, **settings: str) -> Iterator[None]:
    """A worker beside the server, until the end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAAT_")}
    environment |= {"DATABASE_URL": served.dsn, "HAAT_DATA_DIR": str(served.log.parent), "HAAT_PUBLIC_URL": served.url}
    environment |= {f"HAAT_{name.upper()}": text for name, text in settings.items()}
    with served.log.with_name("worker.log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "haat", "work"], env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def played(served: serving.Served, clock: str) -> tuple[World, Score, list[dict[str, Any]]]:
    """The world, how the play ended, and Haat's orders."""
    habits = msgspec.structs.replace(HASTE, leg_s=40.0, pay_s=20.0, refusal=0.1, absence=0.1, partial=0.0)
    world = World(seed=7, clock=parse(clock), line=Line(), faults=moody(0.2, latency_ms=5, hang_s=0.5), habits=habits)
    plan = Plan(orders=ORDERS, rate=20, pace_s=20, look_s=0.5, patience_s=PATIENCE_S)
    async with app.served(world, mail=True):
        keys = Keys(served.keys["admin"], served.keys["channel"], {})
        play = Play(world, Market(world.line, served.url, keys, "web"), plan)
        await play.prepare()
        score = await play.played()
        return world, score, await play.orders()


def test_on_a_bad_day_every_taka_and_every_parcel_is_accounted_for(dsn: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    clock = f"{now.isoformat()}@{PACE}/{now.timestamp()}"
    with serving.serve(dsn, tmp_path, clock=clock) as served, working(served, clock=clock):
        world, score, orders = asyncio.run(played(served, clock))
    assert score.problems == []
    assert score.did["buyers"]["placed"] > ORDERS / 2
    assert score.statuses["completed"] > 0, score
    assert score.books["doubled_bookings"] == 0
    assert {"sms", "mail"} <= {message.kind for message in world.truth.messages}
    wrong = audit.findings(world.truth, orders)
    assert [finding for finding in wrong if "is still kept" in finding or "which knows of none" in finding] == []
