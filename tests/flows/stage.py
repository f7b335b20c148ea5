"""A stage for flows: a small market with the flows that a test names, a clock that the test turns, and workers that it steps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from haat import app
from haat.app import desks
from haat.domain import orders
from haat.engine import flowing
from haat.engine.clock import Hands
from haat.engine.database import Lane
from haat.engine.settings import Secret, Settings
from haat.kernel.facts import Fact, Origin
from tests.database import trading

START = datetime(2026, 11, 1, 6, tzinfo=UTC)


class Stage(msgspec.Struct):
    """One process on a fresh market, with a clock of its own."""

    parts: app.Parts
    clock: Hands
    lane: Lane
    worker: flowing.Worker
    dsn: str

    async def place(self, lines: dict[str, int] | None = None, **more: Any) -> orders.Order:
        """Place an order; each has its own phone unless one is given, so that none looks like a repetition."""
        n = await self.parts.draw.serial()
        phone = more.pop("phone", f"017{n[0] % 100_000_000:08d}")
        return (await trading.place(self.parts, trading.body(lines or {"TEA": 1}, phone=phone, **more))).order

    async def settle(self, *, turns: int = 200) -> None:
        """Run every step that is due, calls and all, until there is nothing left to do at this time."""
        for _ in range(turns):
            leased = await self.worker.lease()
            await self.worker.answered()
            if not await self.worker.step() and not leased:
                return
        raise AssertionError("the flows do not come to rest")

    async def later(self, **span: float) -> None:
        """Turn the clock and settle."""
        self.clock.turn_by(timedelta(**span))
        await self.settle()

    async def order(self, order_id: str) -> orders.Order:
        async with self.parts.database.reading() as tx:
            return (await orders.read(self.parts.journal, tx, [order_id]))[order_id]

    async def facts(self, order_id: str) -> list[Fact]:
        async with self.parts.database.reading() as tx:
            return [recorded.fact for recorded in (await orders.streams(self.parts.journal, tx, [order_id]))[order_id]]

    async def said(self, order_id: str) -> list[str]:
        """The names of the order's facts."""
        return [type(fact).__name__ for fact in await self.facts(order_id)]

    async def steps(self, order_id: str) -> dict[str, str]:
        """status by flow:step(:subject)."""
        async with self.parts.database.reading() as tx:
            rows = await tx.fetch(
                "SELECT flow, step, subject, status FROM workflow_states WHERE order_id = $1 ORDER BY version, n", order_id
            )
        return {f"{r[0]}:{r[1]}" + (f":{r[2]}" if r[2] else ""): r[3] for r in rows}

    async def ask(self, order_id: str, decide: Any, actor: str = "admin:test") -> orders.Changed:
        """Change an order as the API does."""
        change = orders.Change(order_id, decide, self.clock.now(), Origin(actor, "api"))
        return await self.parts.shop.changing.submit(change)


@asynccontextmanager
async def opened(
    dsn: str, place: Path, *flows: flowing.Flow, clock: Hands | None = None, seed: bool = True, outfit: desks.Outfit = desks.USUAL
) -> AsyncIterator[Stage]:
    """A stage on `dsn` with these flows (none named: all there are); without `seed` a second process on the same market."""
    clock = clock or Hands(START)
    chosen = Settings(data_dir=place, database_url=Secret(dsn), pool_size=6)
    async with app.open_parts(chosen, dsn, clock=clock, flows=flows or None, outfit=outfit) as parts:
        if seed:
            await trading.seed(parts.database, parts.draw)
        await parts.memory.start()
        lane = Lane(dsn, "flows")
        try:
            yield Stage(parts, clock, lane, parts.worker("test", lane), dsn)
        finally:
            await lane.close()
            await parts.memory.stop()
