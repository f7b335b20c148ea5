"""A ground for the flow of fulfilment: a stage with this flow alone, two moody couriers, and vendors that work as a test says."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from haat.domain import fulfilment, orders, vendors
from haat.engine import flowing
from haat.engine import outside as speaking
from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.flows import fulfilling
from haat.kernel.facts import Fact
from haat.kernel.outside import Hook
from tests.flows import stage as staging
from tests.flows.moody_courier import Books
from tests.flows.stage import START, Stage

events = orders.events
SECRET = "a secret of the house"


class Ground:
    """The stage, the desk of fulfilment, and the books of the couriers «swift» (asked first) and «slow»."""

    def __init__(self, stage: Stage, desk: fulfilling.Desk, memory: Memory, swift: Books, slow: Books) -> None:
        self.stage = stage
        self.desk = desk
        self.memory = memory
        self.swift = swift
        self.slow = slow

    async def vendor(self, code: str = "shop-a", **handling: Any) -> None:
        """That vendor works so from now on."""
        async with self.stage.parts.database.transaction() as tx:
            sheet = vendors.VendorSheet(code=code, name_en=code, city="Dhaka", zone="dhaka", handling=vendors.Handling(**handling))
            await vendors.upsert(tx, [sheet], now=self.stage.clock.now())
        await self.stage.parts.memory.catch_up()

    async def confirmed(
        self, lines: dict[str, int] | None = None, *, method: str = "cod", worker: flowing.Worker | None = None
    ) -> orders.Order:
        """A confirmed order with one parcel for each vendor, its steps run; by a `worker` that dies when its calls were answered."""
        placed = await self.stage.place(lines)

        def facts(order: orders.Order) -> tuple[Fact, ...]:
            parcels = tuple(
                events.PlannedParcel(
                    self.stage.parts.draw.uuid(),
                    v.id,
                    "DHK",
                    tuple(events.ParcelLine(x.line_no, x.quantity) for x in order.lines if x.vendor == v.vendor),
                )
                for v in order.vendor_orders
            )
            asked = events.OrderPaymentRequested(order.id, method, order.totals.grand)
            return (events.OrderScreened("pass", 0), asked, events.OrderInventoryAllocated("plan", parcels), events.OrderConfirmed())

        await self.stage.ask(placed.id, facts)
        if worker is None:
            await self.stage.settle()
        else:
            while await worker.step():
                pass
            await worker.lease()
            await worker.answered()
        return await self.stage.order(placed.id)

    async def tell(self, order: orders.Order, *facts: Fact) -> orders.Order:
        """Facts from elsewhere (a payment, a decision by hand), and what follows."""
        return await self.do(order, lambda _: facts)

    async def do(self, order: orders.Order, decide: Any) -> orders.Order:
        await self.stage.ask(order.id, decide)
        await self.stage.settle()
        return await self.stage.order(order.id)

    async def later(self, order: orders.Order, **span: float) -> orders.Order:
        await self.stage.later(**span)
        return await self.stage.order(order.id)

    async def shipment(self, order: orders.Order, n: int = 0) -> fulfilment.Shipment:
        async with self.stage.parts.database.reading() as tx:
            parcel = order.shipments[n].id
            return (await fulfilment.shipments(tx, [parcel]))[parcel]

    async def hook(self, code: str, scans: Sequence[fulfilment.courier.Scan]) -> None:
        """A courier tells us."""
        hook = Hook(body=msgspec.json.encode(list(scans)))
        parts = self.stage.parts
        async with parts.database.transaction() as tx:
            news = speaking.inbox.News(parts.draw.uuid(), "courier", code, repr(scans), hook, self.stage.clock.now())
            await speaking.inbox.keep(tx, [news])

    async def listen(self) -> int:
        return await fulfilling.listen(self.desk, self.stage.parts.house)


USUAL = fulfilling.Policy()


@asynccontextmanager
async def opened(
    dsn: str, place: Path, *, policy: fulfilling.Policy = USUAL, lookup: Literal["reference", "hook"] = "reference"
) -> AsyncIterator[Ground]:
    """`lookup`: whether «swift» can be asked by our reference."""
    clock = Hands(START)
    database = await Database.open(dsn, size=3)
    memory = Memory(database)
    vault = speaking.Vault([SECRET])
    swift, slow = Books(lookup), Books()
    plugins = {"courier": {"swift": swift.plugin("swift"), "slow": slow.plugin("slow")}}
    driver = speaking.Outside(database, clock, speaking.Book(memory, plugins, vault), vault)
    stages: list[Stage] = []
    desk = fulfilling.Desk(
        driver,
        memory,
        clock,
        lambda: stages[0].parts.draw.uuid(),  # noqa: PLW0108 -- the stage opens later
        lambda: stages[0].parts.market.parties.vendors,
        policy=lambda: policy,
    )
    async with database.transaction() as tx:
        sheets = {c: speaking.Sheet(kind="courier", plugin=c, priority=p) for c, p in (("swift", 1), ("slow", 2))}
        await speaking.connections.put(tx, sheets, plugins, vault, now=clock.now())
    await memory.start()
    try:
        async with staging.opened(dsn, place, fulfilling.flow(desk), clock=clock) as stage:
            stages.append(stage)
            yield Ground(stage, desk, memory, swift, slow)
    finally:
        await memory.stop()
        await driver.close()
        await database.close()
