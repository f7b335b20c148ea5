"""Followers: readers of the journal that remember how far they came, and deal with each fact at least once, in order.

A follower's work and its checkpoint are written in one transaction, so that for what lives in this database "at least once"
is exactly once; other effects must be idempotent by position. NOTIFY wakes it; a poll each second covers a lost wake-up.
One process at a time follows under a name (an advisory lock); the others stand by and take over when it dies.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from haat.engine import metrics
from haat.engine.database import Database, Lost, Tx, listen
from haat.engine.journal import WAKE_CHANNEL, Journal, RawFact
from haat.kernel.errors import Unavailable

log = logging.getLogger("haat.followers")
POLL_S = 1.0
PAGE = 2000
GATHER_S = 0.15
SKIPPED = 1000 << 16  # transactions that brought nothing of interest: then the checkpoint goes on all the same
LOCK_SPACE = 0x48414154  # "HAAT": the first key of advisory locks that followers take

Deal = Callable[[Tx, Sequence[RawFact]], Awaitable[None]]


class Follower:
    """Follows under `name`, dealing with pages of facts through `deal` (in the checkpoint's transaction).

    `types`: only facts of these types are read and dealt with; the checkpoint passes the others. While `idle` says so, nothing is
    read: the checkpoint goes on to where the journal is, and what went by is never dealt with.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        journal: Journal,
        deal: Deal,
        *,
        page: int = PAGE,
        idle: Callable[[], bool] | None = None,
        types: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self._database = database
        self._journal = journal
        self._deal = deal
        self._page = page
        self._idle = idle
        self._types = types
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._meter = metrics.follower(name)
        self._barren = (0, 0)  # behind this checkpoint there is nothing for us up to there; one that was set back says nothing
        self._stands_by = False  # another process follows under this name

    async def run(self) -> None:
        """Follow until `stop`. A page that fails is tried again after a pause; nothing is skipped."""
        listening = asyncio.get_running_loop().create_task(listen(self._database.dsn, WAKE_CHANNEL, self._wake.set, self._stop))
        while not self._stop.is_set():
            try:
                while not self._stop.is_set() and await self.step() >= self._page:
                    pass
            except (*Lost, Unavailable):
                log.warning("follower lost the database", extra={"follower": self.name})
            except Exception:
                log.exception("a follower failed on a page; it will try again", extra={"follower": self.name})
            with suppress(TimeoutError):  # a page costs nearly the same for a hundred facts as for one
                await asyncio.wait_for(self._stop.wait(), GATHER_S)
            idle = self._stands_by or (self._idle is not None and self._idle())
            with suppress(TimeoutError):  # who is idle is not woken by every fact, but looks once a second
                await asyncio.wait_for((self._stop if idle else self._wake).wait(), POLL_S)
            self._wake.clear()
        await listening

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    async def step(self) -> int:
        """Deal with the next page; returns how many facts it had. 0 also where another process follows under this name."""
        async with self._database.transaction() as tx:
            self._stands_by = not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1, hashtext($2))", LOCK_SPACE, self.name)
            if self._stands_by:
                return 0
            position = await tx.fetchval("SELECT position FROM order_event_streams WHERE name = $1", self.name) or 0
            if self._idle is not None and self._idle():
                await self._go_on(tx, max(position, await self._journal.head(tx)))
                return 0
            settled = 0 if self._types is None else await self._journal.settled(tx)  # before the facts are read
            looked = self._barren[1] if self._barren[0] <= position else 0
            facts = await self._journal.after(tx, max(position, looked), self._page, self._types)
            if facts:
                await self._deal(tx, facts)
                whole = self._types is not None and len(facts) < self._page
                await self._go_on(tx, max(facts[-1].position, settled) if whole else facts[-1].position)
            elif settled - position > SKIPPED:
                await self._go_on(tx, settled)
        if not facts:
            self._barren = (position, settled)
            return 0
        self._meter.dealt_with(len(facts), facts[-1].position, max(time.time() - facts[-1].at.timestamp(), 0))
        return len(facts)

    async def _go_on(self, tx: Tx, position: int) -> None:
        await tx.execute(
            """INSERT INTO order_event_streams (name, position) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = now()""",
            self.name,
            position,
        )
