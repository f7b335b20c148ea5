"""A worker ends holds, forgets keys, and goes on after what fails."""

import asyncio
import logging
import os
from datetime import UTC, datetime, timedelta

import pytest

from haat.domain import inventory
from haat.engine import idempotency
from haat.engine.clock import Clock, Hands
from haat.engine.database import Database
from haat.faces import worker
from haat.kernel import ids

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def an_id() -> str:
    return ids.uuid7(0, int.from_bytes(os.urandom(9), "big"))


async def a_held_unit(database: Database, until: datetime) -> None:
    async with database.transaction() as tx:
        await inventory.put_locations(tx, [inventory.Location("dhaka", "Dhaka")])
        await inventory.move(tx, [inventory.Movement(an_id(), "TEA", "dhaka", 5, "receipt")], actor="system", now=NOW)
        takes = [(an_id(), [inventory.Take(1, "TEA", "dhaka", 2)])]
        await inventory.hold(tx, takes, {("TEA", "dhaka"): 2}, until=until, now=NOW)


async def reserved(database: Database) -> int:
    async with database.reading() as tx:
        return sum(level.reserved for level in await inventory.levels(tx, ["TEA"]))


async def all_once(database: Database, clock: Clock) -> None:
    for chore in worker.chores(database, clock):
        while await chore.do():
            pass


async def test_a_hold_ends_when_its_time_is_over_and_not_before(database: Database) -> None:
    clock = Hands(NOW)
    await a_held_unit(database, NOW + timedelta(minutes=15))
    await all_once(database, clock)
    assert await reserved(database) == 2
    clock.turn_by(timedelta(minutes=15))
    async with database.reading() as tx:
        assert await inventory.overdue(tx, now=clock.now() + timedelta(minutes=1)) == 1
    await asyncio.gather(all_once(database, clock), all_once(database, clock))
    assert await reserved(database) == 0
    async with database.reading() as tx:
        assert await inventory.overdue(tx, now=clock.now() + timedelta(minutes=1)) == 0
        assert await inventory.drift(tx) == []


async def test_an_idempotency_key_is_forgotten_after_its_time(database: Database) -> None:
    clock = Hands(NOW)
    key = idempotency.Key("place:guest", "k1", idempotency.fingerprint(b"x"))
    async with database.transaction() as tx:
        await idempotency.settle(tx, [key], [an_id()], NOW)
    for hours, known in ((idempotency.KEPT_HOURS, 1), (1, 0)):
        clock.turn_by(timedelta(hours=hours))
        await all_once(database, clock)
        async with database.reading() as tx:
            assert len(await idempotency.find(tx, [key])) == known


async def test_a_chore_that_fails_is_done_again_and_stops_when_told(database: Database) -> None:
    stop, turns = asyncio.Event(), []

    async def fails_once() -> bool:
        turns.append(1)
        if len(turns) == 1:
            raise ValueError("a bug")
        stop.set()
        return False

    await asyncio.wait_for(worker.repeat(worker.Chore("failing", 0.001, fails_once), stop), 10)
    assert len(turns) == 2


async def test_a_chore_that_crosses_another_writer_begins_again_and_is_nobodys_failure(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    stop, turns = asyncio.Event(), []

    async def crosses_once() -> bool:
        turns.append(1)
        if len(turns) == 1:
            async with database.transaction() as tx:
                await tx.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")
        stop.set()
        return False

    with caplog.at_level(logging.INFO, logger="haat.worker"):
        await asyncio.wait_for(worker.repeat(worker.Chore("crossing", 0.001, crosses_once), stop), 10)
    assert len(turns) == 2
    assert [record.levelname for record in caplog.records if "chore" in record.getMessage()] == ["INFO"]


async def test_a_worker_without_anything_to_do_stops_at_once_when_told(database: Database) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run([], worker.chores(database, Clock()), [], stop))
    stop.set()
    await asyncio.wait_for(running, 10)
