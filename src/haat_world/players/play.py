"""One play: the world's parties are made known to Haat, buyers come, vendors and the desk look into their lists, until all is done.

`played` returns when every order came and nothing is on its way any more (or `patience_s` of the wall passed since the last one came),
with what the players did. Printing is done by whoever watches.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from haat_world import app, audit, control
from haat_world.line import Lost
from haat_world.players import buyers as buying
from haat_world.players.buyers import Buyers
from haat_world.players.desk import Desk
from haat_world.players.market import Market
from haat_world.players.vendors import Vendors
from haat_world.world import World

GOING = ("placed", "confirmed", "processing")
LOOK_FLOOR_S = 0.25  # of the wall: a look is a dozen requests
SHOWN_EACH_S = 2.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played. `rate`: orders a minute of the world, or with 0 `days` over which they come. 0 orders: for ever.

    `run` keeps two plays against one Haat apart. `pace_s`: how long vendors take for an answer, median, in the world's time.
    `look_s`: how long between two looks into a list, in the world's time. `patience_s`: seconds of the wall from the coming of the last
    order to the end of the play, at the latest.
    """

    orders: int = 1000
    rate: float = 0.0
    days: float = 1.0
    run: str = "1"
    buyers: int = 2000
    pace_s: float = 900.0
    look_s: float = 60.0
    patience_s: float = 600.0


class Score(msgspec.Struct):
    """How it stands: what the players did, what Haat says of the orders, what the books of the parties say."""

    placed: int = 0
    did: dict[str, Counter[str]] = {}
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    books: dict[str, Any] = {}
    problems: list[str] = []
    findings: list[str] = []  # where Haat and the parties' books disagree


class Play:
    """One play of a plan in a world, against a market. Its vendors also tend what others placed after it `began`, else from now on."""

    def __init__(self, world: World, market: Market, plan: Plan, *, began: datetime | None = None) -> None:
        self.world, self.market, self.plan = world, market, plan
        self.score = Score(answers=market.counts)
        self._buyers: Buyers | None = None
        self._since = world.now()
        self._began = min(began or self._since, self._since)

    async def prepare(self) -> None:
        """Haat knows the parties, the parties know where Haat listens, the buyers know what is on sale."""
        connections = app.connections(self.world.url, self.world.mail_port)
        self.score.problems = await self.market.connect(connections)
        told = {each.code: f"{self.market.url}/v1/hooks/{each.kind}/{each.code}" for each in connections if each.kind != "transport"}
        self.world.hooks |= told
        goods = await buying.goods_on_sale(self.market)
        if not goods:
            raise Lost("nothing is on sale: is this a demo market, and may this key see its products?")
        self._buyers = Buyers(self.world, self.market, goods, run=self.plan.run, count=self.plan.buyers)
        self.world.introduce = self._buyers.introduce

    async def played(self, show: Callable[[Score], None] = lambda score: None) -> Score:
        """Play it to its end."""
        assert self._buyers is not None, "prepare comes first"
        world, plan = self.world, self.plan
        vendors, desk = Vendors(world, self.market, pace_s=plan.pace_s, since=self._began), Desk(world, self.market, pace_s=plan.pace_s)
        self.score.did = {"buyers": self._buyers.did, "vendors": vendors.did, "desk": desk.did}
        looking = [asyncio.create_task(self._look(each.look)) for each in (vendors, desk)]
        telling = asyncio.create_task(self._tell(show))
        try:
            if plan.orders and not plan.rate:
                for number, after in enumerate(buying.arrivals(world, orders=plan.orders, days=plan.days)):
                    world.agenda.after(after, partial(self._buy, number))
            else:
                await self._keep_coming()
            await self._settle()
        finally:
            for task in (*looking, telling):
                task.cancel()
        orders = await self._count()
        self.score.findings = audit.findings(world.truth, orders)
        show(self.score)
        return self.score

    async def _buy(self, number: int) -> None:
        assert self._buyers is not None
        self.score.placed += 1
        with contextlib.suppress(Lost):
            await self._buyers.buy(number)

    async def _keep_coming(self) -> None:
        """At a steady rate of the world's minutes, as people come: at random, one by one."""
        number = 0
        while not self.plan.orders or number < self.plan.orders:
            gap = timedelta(seconds=60 / (self.plan.rate or 6) * 2 * self.world.dice.roll("gap", number))
            due: datetime = self.world.now() + gap
            self.world.agenda.at(due, partial(self._buy, number))
            await asyncio.sleep(self.world.clock.wall_s(due))
            number += 1

    async def _settle(self) -> None:
        """Wait until all orders came and neither the world nor Haat has anything under way."""
        until: float | None = None
        while until is None or time.monotonic() < until:
            await asyncio.sleep(0.5)
            if until is None and self.score.placed >= self.plan.orders:
                until = time.monotonic() + self.plan.patience_s
            if until is not None and not len(self.world.agenda):
                with contextlib.suppress(Lost):
                    await self._count()
                if not any(self.score.statuses[status] for status in GOING):
                    return

    async def _look(self, look: Callable[[], Any]) -> None:
        while True:
            with contextlib.suppress(Lost):
                await look()
            await self.world.clock.pause(self.plan.look_s, floor_s=LOOK_FLOOR_S)

    async def _tell(self, show: Callable[[Score], None]) -> None:
        while True:
            await asyncio.sleep(SHOWN_EACH_S)
            self.score.books = control.summary(self.world)
            show(self.score)

    async def orders(self) -> list[dict[str, Any]]:
        """What Haat says of the orders that were placed since the play began."""
        found: list[dict[str, Any]] = []
        async for page in self.market.pages(self.market.keys.channel, "/v1/orders", placed_after=self._since.isoformat()):
            found += page
        return found

    async def _count(self) -> list[dict[str, Any]]:
        found = await self.orders()
        self.score.statuses = Counter(each["status"] for each in found)
        self.score.books = control.summary(self.world)
        return found
