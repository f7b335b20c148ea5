"""Live streams: who watches an order is woken when facts of it are committed, and reads them from the journal.

One task per process follows the journal's head while anybody watches. A watcher keeps its own place (the version it has
seen), so nothing is lost or repeated whatever happens between, and a reconnection with Last-Event-ID is exact.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from haat.engine.database import Database, Lost, listen
from haat.engine.journal import WAKE_CHANNEL, Journal
from haat.kernel.errors import HaatError, Unavailable
from haat.kernel.facts import Recorded

HEARTBEAT_S = 15.0
ANY_ORDER = "*"
WATCHERS_MAX = 15_000  # of one process: below its limit of sockets
_encode = msgspec.json.Encoder().encode


class Live:
    """The watchers of one process."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(listen(self._database.dsn, WAKE_CHANNEL, self._wake.set, self._stop)),
            loop.create_task(self._follow()),
        ]

    async def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        for events in self._watchers.values():
            for event in events:
                event.set()
        for task in self._tasks:
            await task

    async def watch(self, order_id: str, after_version: int) -> AsyncIterator[bytes]:
        """Server-sent events of one order's facts behind `after_version`, as they happen; a comment each 15 s keeps the line open."""
        if sum(map(len, self._watchers.values())) >= WATCHERS_MAX:
            raise Unavailable("too_many_watchers", "This server holds all the live streams it can.", retry_after_s=5)
        event = asyncio.Event()
        self._watchers.setdefault(order_id, set()).add(event)
        try:
            yield b"retry: 2000\n\n"
            while not self._stop.is_set():
                event.clear()
                async with self._database.reading() as tx:
                    stream = (await self._journal.streams(tx, [order_id])).get(order_id, [])
                for fact in stream:
                    if fact.version > after_version:
                        after_version = fact.version
                        yield b"id: %d\nevent: %s\ndata: %s\n\n" % (fact.version, type(fact.fact).__name__.encode(), _encode(_told(fact)))
                if not event.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(event.wait(), HEARTBEAT_S)
                    if not event.is_set():
                        yield b": still here\n\n"
        finally:
            watchers = self._watchers[order_id]
            watchers.discard(event)
            if not watchers:
                del self._watchers[order_id]

    async def news(self, seconds: float) -> None:
        """Wait until a fact of any order was committed, `seconds` at the most. May return early; the caller looks for itself."""
        event = asyncio.Event()
        self._watchers.setdefault(ANY_ORDER, set()).add(event)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._watchers[ANY_ORDER].discard(event)
            if not self._watchers[ANY_ORDER]:
                del self._watchers[ANY_ORDER]

    async def _follow(self) -> None:
        position: int | None = None
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 1)
            self._wake.clear()
            if not self._watchers:
                position = None
                continue
            with suppress(*Lost, HaatError):
                position = await self._tell(position)

    async def _tell(self, position: int | None) -> int:
        async with self._database.reading() as tx:
            if position is None:  # nobody watched until now: whoever does reads again what was there before this head
                position = await self._journal.head(tx)
                for events in self._watchers.values():
                    for event in events:
                        event.set()
                return position
            changed = await self._journal.changed_after(tx, position)
        for order_id, at in changed:
            position = max(position, at)
            for event in self._watchers.get(order_id, ()):
                event.set()
        if changed:
            for event in self._watchers.get(ANY_ORDER, ()):
                event.set()
        return position


def _told(recorded: Recorded) -> dict[str, object]:
    """A fact in the same words as the API's other lists of facts."""
    told: dict[str, object] = {name: getattr(recorded, name) for name in ("position", "version", "at", "actor", "cause", "trace")}
    return told | {"order_id": recorded.order_id, "type": type(recorded.fact).__name__, "data": recorded.fact}
