"""Two workers that source at once: whatever the order of their rounds, they wait for each other and none is a deadlock's victim."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from haat.domain import orders
from haat.engine import flowing
from haat.engine.database import Database
from haat.engine.flowing import Local
from haat.flows import allocating
from haat.kernel.facts import Fact
from tests.flows import stage as staging
from tests.flows.test_allocating import Ground, opened

events = orders.events
SOURCE = "source"


class Rounds:
    """The flow of allocation with an ear at its verb: which rounds came through, and what went wrong in them."""

    def __init__(self, flow: flowing.Flow) -> None:
        self.through = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        self.wrong: list[Exception] = []
        verb = flow.run[SOURCE]
        assert isinstance(verb, Local)
        self._run = verb.run
        self.flow = msgspec.structs.replace(flow, run={**flow.run, SOURCE: msgspec.structs.replace(verb, run=self._round)})

    async def _round(self, *asked: Any) -> Any:
        try:
            outcomes = await self._run(*asked)
        except Exception as error:
            self.wrong.append(error)
            raise
        self.through.release()
        await self.go_on.wait()
        return outcomes


async def confirmed(ground: Ground) -> str:
    order_id = await ground.screened({"TEA": 1, "LAST": 1})
    await ground.confirm(order_id)
    return order_id


async def refused_by_both(ground: Ground, order_id: str, first: str, second: str) -> None:
    """Both vendors refuse, the one of `first` before the one of `second`; what follows is due."""
    order = await ground.stage.order(order_id)
    vendor_of = {line.sku: line.vendor for line in order.lines}
    part_of = {share.vendor: share.id for share in order.vendor_orders}
    for sku in (first, second):
        ground.stage.clock.turn_by(timedelta(seconds=1))
        await ground.stage.ask(order_id, refusal(part_of[vendor_of[sku]]))


def refusal(part: str) -> Any:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        return (events.VendorOrderRejected(part, "not_there", location="DHK"),)

    return decide


async def waits(database: Database) -> bool:
    """Whether somebody waits for a row that another one holds."""
    async with database.reading() as tx:
        return bool(
            await tx.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        )


async def test_two_orders_whose_parts_come_in_opposite_order_wait_for_each_other_and_do_not_collide(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10, "LAST": 10})
        refused = [await confirmed(ground), await confirmed(ground)]
        await refused_by_both(ground, refused[0], "TEA", "LAST")
        await refused_by_both(ground, refused[1], "LAST", "TEA")
        here, there = (Rounds(ground.stage.parts.flows.newest[allocating.CODE]) for _ in range(2))
        async with (
            staging.opened(dsn, tmp_path, here.flow, clock=ground.stage.clock, seed=False) as one,
            staging.opened(dsn, tmp_path, there.flow, clock=ground.stage.clock, seed=False) as other,
        ):
            there.go_on.set()
            workers = [flowing.Worker(s.parts.house, s.parts.flows, s.parts.keeper, s.lane, name="w", batch=2) for s in (one, other)]
            first = asyncio.create_task(workers[0].step())
            await here.through.acquire()  # it holds what its first round locked
            second = asyncio.create_task(workers[1].step())
            while not second.done() and there.through.locked() and not await waits(ground.stage.parts.database):
                pass
            here.go_on.set()
            done = [await first, await second]
        assert (here.wrong, there.wrong, done) == ([], [], [2, 2])
        for order_id in refused:
            assert [place for place, _, status in await ground.parcels(order_id) if status == "planned"] == ["CTG", "CTG"]
            assert await ground.reserved(order_id) == {("TEA", "CTG"): 1, ("LAST", "CTG"): 1}
