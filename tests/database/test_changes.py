"""Reference data in memory: what is announced is dropped everywhere at once, whoever else is writing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from haat.engine import changes
from haat.engine.changes import Keyed, Memory, Whole
from haat.engine.database import Database, Tx


class Shelf:
    """A table of values, kept in memory twice: by key, and whole."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.loads = 0
        self.broken = False
        self.memory = Memory(database)
        self.by_key: Keyed[str] = Keyed({"shelf"}, self._some)
        self.whole: Whole[dict[str, str]] = Whole({"shelf"}, self._all)
        self.memory.keep(self.by_key)
        self.memory.keep(self.whole)

    async def _some(self, tx: Tx, keys: Sequence[str]) -> dict[str, str]:
        self.loads += 1
        return dict(await tx.fetch("SELECT key, value FROM instance WHERE key = ANY ($1::text[])", list(keys)))

    async def _all(self, tx: Tx) -> dict[str, str]:
        if self.broken:
            self.broken = False
            raise ZeroDivisionError
        return dict(await tx.fetch("SELECT key, value FROM instance"))

    async def put(self, key: str, value: str) -> None:
        async with self.database.transaction() as tx:
            await write(tx, key, value)

    async def value(self, key: str) -> str | None:
        await self.by_key.ensure(self.database, [key])
        return self.by_key.values[key]


async def write(tx: Tx, key: str, value: str) -> None:
    await tx.execute("INSERT INTO instance VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
    await changes.announce(tx, "shelf", [key])


@pytest.fixture
async def shelf(database: Database) -> AsyncIterator[Shelf]:
    async with started(Shelf(database)) as running:
        yield running


@asynccontextmanager
async def started(one: Shelf) -> AsyncIterator[Shelf]:
    await one.memory.start()
    yield one
    await one.memory.stop()


async def until(shelf: Shelf, key: str, value: str | None) -> None:
    """Wait until memory says so; a second is the promise, the tests allow for a slow machine."""
    async with asyncio.timeout(8):
        while shelf.whole.value.get(key) != value or await shelf.value(key) != value:
            await shelf.database.ping()


async def test_a_change_reaches_every_process_by_itself(shelf: Shelf) -> None:
    assert await shelf.value("a") is None
    async with started(Shelf(shelf.database)) as other:
        assert await other.value("a") is None
        await shelf.put("a", "1")
        await until(shelf, "a", "1")
        await until(other, "a", "1")


async def test_what_did_not_change_is_not_read_again(shelf: Shelf) -> None:
    await shelf.value("a")
    await shelf.value("a")
    await shelf.put("b", "1")
    await shelf.memory.catch_up()
    await shelf.value("a")
    assert shelf.loads == 1


async def test_a_long_transaction_of_somebody_else_holds_no_change_back(shelf: Shelf) -> None:
    await shelf.value("a")
    async with shelf.database.transaction() as long:
        await write(long, "b", "late")
        await shelf.put("a", "1")
        await shelf.memory.catch_up()
        assert (await shelf.value("a"), shelf.whole.value.get("a")) == ("1", "1")
        assert await shelf.value("b") is None
    await shelf.memory.catch_up()
    assert (await shelf.value("b"), shelf.whole.value.get("b")) == ("late", "late")


async def test_who_starts_while_an_older_change_is_being_written_hears_of_it(database: Database) -> None:
    one = Shelf(database)
    async with database.transaction() as older:
        await write(older, "a", "older")
        await one.put("b", "younger")
        await one.memory.start()
        assert await one.value("a") is None
    await one.memory.catch_up()
    assert (await one.value("a"), one.whole.value.get("a")) == ("older", "older")
    await one.memory.stop()


async def test_each_change_is_applied_once_however_often_one_looks(shelf: Shelf) -> None:
    await shelf.put("a", "1")
    await shelf.memory.catch_up()
    generation = shelf.by_key.generation
    for _ in range(3):
        await shelf.memory.catch_up()
    assert shelf.by_key.generation == generation


async def test_a_value_that_changes_while_it_is_being_read_is_read_again(shelf: Shelf) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    plain = shelf.by_key._load

    async def slow(tx: Tx, keys: Sequence[str]) -> dict[str, str]:
        found = dict(await plain(tx, keys))
        began.set()
        await go_on.wait()
        return found

    shelf.by_key._load = slow
    reading = asyncio.get_running_loop().create_task(shelf.value("a"))
    await began.wait()
    await shelf.put("a", "new")
    await shelf.memory.catch_up()
    go_on.set()
    assert await reading == "new"


async def test_a_load_that_fails_once_does_not_leave_a_process_with_old_prices(shelf: Shelf) -> None:
    shelf.broken = True
    await shelf.put("a", "1")
    await until(shelf, "a", "1")


async def test_a_lost_connection_is_made_anew(shelf: Shelf) -> None:
    async with shelf.database.reading() as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await shelf.put("a", "1")
    await until(shelf, "a", "1")
