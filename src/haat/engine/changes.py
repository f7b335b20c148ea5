"""Reference data in memory: what every process may keep, and how it learns that a copy is stale.

A writer announces what it changed in its own transaction; every process reads the announcements in order, woken by NOTIFY
and at the latest after half a second, and drops what they name. A copy is never older than that half second plus one query.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar

from haat.engine.database import Database, Lost, Tx, listen
from haat.kernel.errors import HaatError

log = logging.getLogger("haat.changes")
POLL_S = 0.5
PAGE = 10_000
WAKE_CHANNEL = "haat_changes"
ALL = "*"

Value = TypeVar("Value")


async def announce(tx: Tx, kind: str, keys: Sequence[str]) -> None:
    """Tell every process that the `keys` of `kind` changed (["*"]: all of them)."""
    await tx.execute(
        """INSERT INTO reference_changes (position, kind, keys)
           SELECT value::bigint + (pg_current_xact_id()::text::bigint << 16) + nextval('reference_change_places'), $1, $2::text[]
           FROM instance, pg_notify('haat_changes', '') WHERE key = 'position_base'""",
        kind,
        list(keys),
    )


_HORIZON = (
    """SELECT value::bigint + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 16) FROM instance WHERE key = 'position_base'"""
)


async def forget(tx: Tx, before: datetime) -> None:
    """Drop announcements that are older than `before`; a process that starts reads everything anew and needs none of them."""
    await tx.execute("DELETE FROM reference_changes WHERE at < $1", before)


class Keyed(Generic[Value]):
    """Values by key, loaded when first asked for, dropped when announced. `size_max` bounds the copy: a full one starts over."""

    def __init__(
        self, kinds: Iterable[str], load: Callable[[Tx, Sequence[str]], Awaitable[Mapping[str, Value]]], *, size_max: int = 1_000_000
    ) -> None:
        self.kinds = frozenset(kinds)
        self._load = load
        self._size_max = size_max
        self.values: dict[str, Value | None] = {}
        self.generation = 0

    async def ensure(self, database: Database, keys: Iterable[str]) -> None:
        """Afterwards `values` has every key; None where there is no such thing."""
        missing = [key for key in keys if key not in self.values]
        if not missing:
            return
        if len(self.values) + len(missing) > self._size_max:
            self.values.clear()
        generation = self.generation
        async with database.reading() as tx:
            found = await self._load(tx, missing)
        if generation != self.generation:  # something changed while we read: ask again rather than keep a stale copy
            await self.ensure(database, keys)
            return
        for key in missing:
            self.values[key] = found.get(key)

    def drop(self, keys: Sequence[str]) -> None:
        self.generation += 1
        if ALL in keys:
            self.values.clear()
        for key in keys:
            self.values.pop(key, None)


class Whole(Generic[Value]):
    """One value made of everything of some kinds (all promotions, all vendors), loaded anew after an announcement."""

    def __init__(self, kinds: Iterable[str], load: Callable[[Tx], Awaitable[Value]]) -> None:
        self.kinds = frozenset(kinds)
        self._load = load
        self._value: Value | None = None
        self.generation = 0
        self._loaded = -1

    @property
    def value(self) -> Value:
        if self._value is None:
            raise RuntimeError("read before refresh()")
        return self._value

    @property
    def stale(self) -> bool:
        return self._loaded != self.generation

    async def refresh(self, database: Database) -> None:
        """Load again if something was announced since the last load."""
        while self._loaded != self.generation:
            generation = self.generation
            async with database.reading() as tx:
                self._value = await self._load(tx)
            self._loaded = generation

    def drop(self, keys: Sequence[str]) -> None:
        del keys
        self.generation += 1


class Memory:
    """All copies of one process, kept fresh by one task."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._copies: list[Keyed[Any] | Whole[Any]] = []
        self._floor = 0  # everything up to here is dealt with …
        self._seen: set[int] = set()  # … and these above it, of transactions younger than one that still writes
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def keep(self, *copies: Keyed[Any] | Whole[Any]) -> None:
        """Keep these copies fresh from now on."""
        self._copies.extend(copies)

    async def start(self) -> None:
        async with self._database.reading() as tx:
            self._floor = await tx.fetchval(_HORIZON) - 1
        await self._refresh()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(listen(self._database.dsn, WAKE_CHANNEL, self._wake.set, self._stop), name="listen to changes"),
            loop.create_task(self._follow(), name="follow changes"),
        ]

    async def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        for task in self._tasks:
            await task

    async def catch_up(self) -> None:
        """Apply what was announced until now (what a process just wrote itself, it may want to see at once).

        Announcements need no order, so one that is committed is applied at once, whoever older still writes.
        """
        async with self._database.reading() as tx:
            horizon = await tx.fetchval(_HORIZON)
            rows = await tx.fetch(
                "SELECT position, kind, keys FROM reference_changes WHERE position > $1 ORDER BY position LIMIT $2", self._floor, PAGE
            )
        for position, kind, keys in rows:
            if position > self._floor and position not in self._seen:
                self._seen.add(position)
                for copy in self._copies:
                    if kind in copy.kinds:
                        copy.drop(keys)
        self._floor = max(self._floor, horizon - 1 if len(rows) < PAGE else min(horizon - 1, rows[-1][0]))
        self._seen = {position for position in self._seen if position > self._floor}
        await self._refresh()

    async def _refresh(self) -> None:
        for copy in self._copies:
            if isinstance(copy, Whole):
                await copy.refresh(self._database)

    async def _follow(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            try:
                await self.catch_up()
            except (*Lost, HaatError) as error:
                log.warning("changes cannot be read", extra={"error": type(error).__name__})
            except Exception:  # whatever it is, a process that stops listening would sell at yesterday's prices
                log.exception("changes could not be applied; trying again")
