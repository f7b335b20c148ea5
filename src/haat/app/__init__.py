"""Puts everything together: settings, engine, modules, plug-ins, flows, faces. The only file that knows every concrete thing.

open_parts(settings, dsn) ─► Parts      what a process needs, opened and closed as one
application(…), asgi()    ─► the HTTP application (the latter as a factory, its settings from the environment)
work(…)                   ─► a worker
main()                    ─► the program `haat`, which is handed all of these
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from starlette.routing import BaseRoute, Route, Router

from haat.app import desks, resources, sealing, working
from haat.domain import orders, pricing
from haat.domain.orders import rules as validation_rules
from haat.domain.pricing import promotions
from haat.engine import clock as clocks
from haat.engine import flowing, journal, logs, memory_tuning, plugins, settings, web
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.committer import Committer
from haat.engine.database import Database, Lane
from haat.engine.draw import Draw
from haat.engine.front import SECTION, App, Front
from haat.engine.journal import Journal
from haat.engine.live import Live
from haat.engine.outside import inbox
from haat.engine.policies import Policies
from haat.engine.settings import Settings
from haat.faces import cli, worker
from haat.faces.api.gate import Gate
from haat.faces.api.shop import Shop
from haat.flows import fulfilling
from haat.flows.changing import Changes
from haat.flows.checkout import Carting, Desk, Looking, Market, Till
from haat.flows.keeping import Keeper
from haat.insight import auditing, search, signals
from haat.insight import invariants as always

PACE_S = 0.004  # between the beginnings of two batches of orders, where there is more than one at a time


class Parts(msgspec.Struct):
    """The running parts of one process."""

    settings: Settings
    database: Database
    memory: Memory
    clock: Clock
    draw: Draw
    journal: Journal
    market: Market
    shop: Shop
    seals: sealing.Seals
    lanes: list[Lane]
    flows: flowing.Flows
    keeper: Keeper
    house: flowing.House
    desks: desks.Desks

    def worker(self, name: str, lane: Lane) -> flowing.Worker:
        """A worker of flows on a connection of its own."""
        return flowing.Worker(self.house, self.flows, self.keeper, lane, name=name)


def validation() -> orders.Rules:
    """Every validation rule found."""
    return orders.compile_rules(plugins.load(validation_rules, "RULE", orders.Rule))


def promotion_kinds() -> Mapping[str, pricing.Promotion]:
    """Every promotion kind found."""
    return plugins.load(promotions, "PROMOTION", pricing.Promotion)


def invariants() -> Sequence[auditing.Invariant]:
    """Every invariant found."""
    return list(plugins.load(always, "INVARIANT", auditing.Invariant).values())


@asynccontextmanager
async def open_parts(
    chosen: Settings,
    dsn: str,
    *,
    clock: Clock | None = None,
    flows: Sequence[flowing.Flow] | None = None,
    outfit: desks.Outfit = desks.USUAL,
) -> AsyncIterator[Parts]:
    """Open what a process needs; on leaving, finish what was accepted and close it all. `flows`, `outfit`: others than the usual."""
    clock = clock or clocks.parse(chosen.clock)
    database = await Database.open(dsn, size=chosen.pool_size, statement_timeout_s=chosen.statement_timeout_s)
    memory = Memory(database)
    kinds, policies = promotion_kinds(), Policies(memory, desks.POLICIES)
    market = _market(database, memory, clock, policies, kinds)
    async with database.reading() as tx:
        base = await journal.position_base(tx)
        seals = await sealing.opened(tx, chosen)
    ledger = Journal(orders.events.decode, position_base=base)
    draw = await Draw.open(clock, database)
    lanes = [Lane(dsn, f"haat {work}") for work in ("placing", "changing", "carting", "completing", "looking", "hearing")]
    house = flowing.House(database, ledger, clock, draw)
    at = desks.opened(chosen, memory, house, market, policies, seals=seals, outfit=outfit)
    told = flowing.Flows(at.flows() if flows is None else flows)
    keeper = Keeper(ledger, told, draw, follows=(fulfilling.follow,))
    house.change, house.load, market.by_when = keeper.change, keeper.load, at.fulfilling.by_when
    desk, changes = Desk(lanes[0], ledger, market, clock, told), Changes(lanes[1], ledger, keeper.change)
    carting, till = Carting(lanes[2], market, clock, draw), Till(lanes[3], desk, ledger, clock)
    looking, hearing = Looking(lanes[4], market, clock), inbox.Keeper(lanes[5])
    shop = Shop(
        chosen, database, clock, draw, ledger, market,
        _committer(chosen, "placing", desk.place, lanes[0], pace_s=PACE_S),
        _committer(chosen, "changing", changes.apply, lanes[1]),
        Live(database, ledger), seals.guest, search.find, kinds,
        _committer(chosen, "carting", carting.apply, lanes[2]),
        _committer(chosen, "completing", till.complete, lanes[3]),
        _committer(chosen, "looking", looking.look, lanes[4]), _committer(chosen, "hearing", hearing.keep, lanes[5]),
        keeper.change, told, keeper.folded,
    )  # fmt: skip
    parts = Parts(chosen, database, memory, clock, draw, ledger, market, shop, seals, lanes, told, keeper, house, at)
    for committer in _committers(shop):
        committer.start()
    try:
        yield parts
    finally:
        for committer in _committers(shop):
            await committer.stop()
        for lane in lanes:
            await lane.close()
        await at.outside.close()
        await database.close()


def _market(database: Database, memory: Memory, clock: Clock, policies: Policies, kinds: Mapping[str, pricing.Promotion]) -> Market:
    admitted = policies.of("orders", orders.Policy)
    return Market(database, memory, policy=admitted, checks=validation(), promotions=kinds, signals=partial(signals.load, clock))


def _committer(
    chosen: Settings, name: str, run: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]], lane: Lane, *, pace_s: float = 0.0
) -> Committer[Any, Any]:
    return Committer(name, run, batch_max=chosen.batch_max, queue_max=chosen.queue_max, pace_s=pace_s, lost=lane.drop)


def _committers(shop: Shop) -> tuple[Committer[Any, Any], ...]:
    return (shop.looking, shop.carting, shop.completing, shop.placing, shop.changing, shop.hearing)


def endpoints(parts: Parts) -> list[web.Endpoint]:
    """Every operation of the API over these parts."""
    return resources.endpoints(parts.shop, parts.desks)


def doors(routes: Sequence[Route]) -> tuple[dict[str, App], dict[str, App]]:
    """Routes as the front door wants them: those of plain paths by path, the others in a router for each section."""
    sections: dict[str, list[BaseRoute]] = {}
    for route in routes:
        if "{" in route.path:
            sections.setdefault(route.path[: route.path.index("/", SECTION)], []).append(route)
    exact = {route.path: route.app for route in routes if "{" not in route.path}
    return exact, {name: Router(found, default=web.not_found, redirect_slashes=False) for name, found in sections.items()}


def asgi() -> Front:
    """The HTTP application of one server process; its settings come from the environment (a factory for any ASGI server)."""
    chosen = settings.load(os.environ, working_dir=Path.cwd())
    logs.configure(level=chosen.log_level, form=chosen.log_format)
    if chosen.database_url is None:
        raise SystemExit("A server process needs DATABASE_URL; `haat serve` starts a PostgreSQL of its own where there is none.")
    return application(chosen, chosen.database_url.reveal())


def application(chosen: Settings, dsn: str) -> Front:
    """The HTTP application of one server process."""
    router = Router(routes=[], default=web.not_found, redirect_slashes=False)

    @asynccontextmanager
    async def life(front: Front) -> AsyncIterator[None]:
        async with open_parts(chosen, dsn) as parts:
            gate = Gate(parts.database, parts.memory, parts.clock, parts.seals.guest)
            await parts.memory.start()
            parts.shop.live.start()
            closing = asyncio.Event()
            watching = asyncio.get_running_loop().create_task(parts.market.watch(closing), name="watch signals")
            recording = asyncio.get_running_loop().create_task(parts.desks.outside.run(closing), name="record what was said outside")
            noting = asyncio.get_running_loop().create_task(gate.note_use(closing), name="note the use of keys")
            router.routes.extend(web.routes(endpoints(parts), gate))
            front.exact, front.sections = doors([route for route in router.routes if isinstance(route, Route)])
            front.ready, front.on_drain = parts.database.ping, parts.shop.live.stop
            memory_tuning.settle()
            try:
                yield
            finally:
                closing.set()
                await watching
                await noting
                await recording
                await parts.shop.live.stop()
                await parts.memory.stop()

    return Front(router, life, requests_max=chosen.requests_max)


@asynccontextmanager
async def open_runtime(chosen: Settings, dsn: str) -> AsyncIterator[cli.Runtime]:
    """What a command needs: the parts of a process, its memory loaded and kept fresh."""
    async with open_parts(chosen, dsn) as parts:
        await parts.memory.start()
        try:
            yield cli.Runtime(
                chosen, parts.database, parts.memory, parts.clock, parts.draw, parts.journal, parts.market,
                parts.shop.placing, parts.shop.changing, parts.keeper.change, parts.flows, parts.desks.screening, parts.seals.reseal,
            )  # fmt: skip
        finally:
            await parts.memory.stop()


async def work(chosen: Settings, dsn: str, stop: asyncio.Event, *, outfit: desks.Outfit = desks.USUAL) -> None:
    """A worker, until `stop`."""
    async with open_parts(chosen, dsn, outfit=outfit) as parts:
        await parts.memory.start()
        memory_tuning.settle()
        lane = Lane(dsn, "haat flows")
        at = parts.desks
        try:
            await worker.run(
                working.followers(parts.database, parts.journal, at),
                [
                    *working.chores(parts.database, parts.clock, parts.house, at),
                    working.asking(parts.database, parts.clock, parts.flows, invariants()),
                ],
                working.loops(parts.worker(working.name(), lane), at),
                stop,
            )
        finally:
            await lane.close()
            await parts.memory.stop()


def house() -> cli.House:
    """What the command line is handed."""
    return cli.House(open_runtime, application, work, promotion_kinds, working.FOLLOWERS, invariants)


def main() -> None:
    """The program `haat`."""
    cli.main(house())
