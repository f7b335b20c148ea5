"""Crashes on purpose: workers that die for one order at a chosen point of its life, and what must be the same afterwards.

    the points of an order's life, in the order in which it reaches them:
      «step: called for»   a call is leased, and not made yet
      «step: answered»     the other side has acted, and nobody here knows
      «step, step»         all of a turn is written, and not committed
      «hook»               what a message says is written, and not committed
      «hook: believed»     it is committed, and the message not yet put away

Dying at a point loses what a dead process would lose for that order: the transaction, its calls and answers, whatever was kept of it
in memory. A herd is many orders that live the same life at once, each dying at another point.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec

from haat.domain import inventory, orders
from haat.engine import flowing
from haat.engine.database import Tx
from haat.engine.flowing import Outside, Task
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.flows import casting
from tests.flows.stage import START

UNSURE = ("OrderPaymentUncertain", "OrderShipmentUncertain", "OrderRefundUncertain")
#: What differs between two lives of the same kind: names, instants, and which of its facts a step was asked for by.
_NAMES = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "#"),
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?( UTC)?)?"), "@"),
    (re.compile(r"\b(ref|trx|back)-[0-9a-f]{6}"), "#"),
    (re.compile(r'"exception":"[^"]*"'), ""),
)


class Crash(BaseException):
    """A process dies, as far as these orders are concerned."""

    def __init__(self, order_ids: Sequence[str]) -> None:
        super().__init__(*order_ids)
        self.order_ids = frozenset(order_ids)


class Points:
    """The points that each order has reached, and at which of them it is to die; `always`: at each one, the first time."""

    def __init__(self, targets: Mapping[str, int] | None = None, *, always: bool = False) -> None:
        self._targets = {} if targets is None else targets
        self._always = always
        self.log: dict[str, list[str]] = {}
        self.died: dict[str, list[str]] = {}

    def doomed(self, order_id: str, name: str) -> bool:
        """Whether it dies when it reaches its next point, which has this name."""
        if self._always:
            return name not in self.died.get(order_id, ())
        return order_id not in self.died and self._targets.get(order_id) == len(self.log.get(order_id, ()))

    def reach(self, order_id: str, name: str) -> bool:
        """It is there; whether it dies."""
        dies = self.doomed(order_id, name)
        self.log.setdefault(order_id, []).append(name)
        if dies:
            self.died.setdefault(order_id, []).append(name)
        return dies

    def reach_all(self, names: Mapping[str, str], *, committed: bool = False) -> None:
        """All of these in one transaction. Raises Crash where some die; the others were not there then, unless it is committed."""
        dying = [order_id for order_id, name in names.items() if self.doomed(order_id, name)]
        for order_id in names if committed or not dying else dying:
            self.reach(order_id, names[order_id])
        if dying:
            raise Crash(dying)


class Frail(flowing.Worker):
    """A worker that can die for some orders, and stores every step before it runs it, so that there is a point after each.

    One that `falls` dies altogether, and works as workers do.
    """

    points: Points
    keeper: Any
    falls: bool

    async def _turn(self, keys: Any, answers: Any, deferred: Any, *, chain: bool = True) -> int:
        return await super()._turn(keys, answers, deferred, chain=chain and self.falls)

    async def answered(self) -> None:
        died = sum([len(names) for names in self.points.died.values()])
        await super().answered()
        if self.falls and sum([len(names) for names in self.points.died.values()]) > died:
            raise Crash(list(self.points.died))

    async def step(self) -> int:
        if self.falls:
            return await super().step()
        answers, deferred = list(self._answers), list(self._deferred)
        try:
            return await super().step()
        except Crash as crash:
            self._answers = deque((row, answer) for row, answer in answers if row.order_id not in crash.order_ids)
            self._deferred = deque(row for row in deferred if row.order_id not in crash.order_ids)
            for order_id in crash.order_ids:
                self.keeper.folded._kept.pop(order_id, None)
            return 1


class _Book:
    """The keeper of orders, with points before each commit."""

    def __init__(self, keeper: Any, points: Points) -> None:
        self._keeper = keeper
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keeper, name)

    async def write(self, tx: Tx, written: Any, new: Sequence[flowing.Row], moved: Sequence[flowing.Row], now: Any) -> None:
        await self._keeper.write(tx, written, new, moved, now)
        steps: dict[str, list[str]] = {}
        for row in moved:
            steps.setdefault(row.order_id, []).append(f"{row.flow}:{row.step}")
        self._points.reach_all({order_id: ", ".join(names) for order_id, names in steps.items()})


class _Doors:
    """The database, with points behind the commits of what messages say."""

    def __init__(self, database: Any, points: Points) -> None:
        self._database = database
        self._points = points
        self.behind: Mapping[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._database.transaction() as tx:
            self.behind = {}
            yield tx
        behind, self.behind = self.behind, {}
        self._points.reach_all(behind, committed=True)


def _mortal(flow: flowing.Flow, points: Points) -> flowing.Flow:
    run = {name: _dying(verb, f"{flow.code}:{name}", points) if isinstance(verb, Outside) else verb for name, verb in flow.run.items()}
    return msgspec.structs.replace(flow, run=run)


def _dying(verb: Outside, name: str, points: Points) -> Outside:
    async def call(house: Any, task: Task) -> Any:
        answer: Any
        if points.reach(task.order.id, f"{name}: called for"):
            raise asyncio.CancelledError
        try:
            answer = await verb.call(house, task)
        except Exception as error:
            answer = error
        if points.reach(task.order.id, f"{name}: answered"):
            raise asyncio.CancelledError
        if isinstance(answer, Exception):
            raise answer
        return answer

    return msgspec.structs.replace(verb, call=call)


class Mortals(casting.Cast):
    """A cast whose worker and whose ears die at the points."""

    async def hear(self) -> int:
        try:
            return await super().hear()
        except Crash as crash:
            if self.worker.falls:
                raise
            await self._spare(crash)
            return 1

    async def _spare(self, crash: Crash) -> None:
        """Messages about orders that did not die are due again at once; the others when their claim is over."""
        names: set[str] = set()
        for order_id in crash.order_ids:
            order = await self.order(order_id)
            names |= {order.number, *(a.id for t in order.payments for a in t.attempts)}
        async with self.stage.parts.database.transaction() as tx:
            claimed = await tx.fetch("SELECT id::text, body FROM hook_inbox WHERE status = 'waiting'")
            spared = [row[0] for row in claimed if not any(name.encode() in bytes(row[1]) for name in names)]
            await tx.execute("UPDATE hook_inbox SET due_at = $2 WHERE id = ANY ($1::uuid[])", spared, self.stage.clock.now())


def mortal(cast: casting.Cast, points: Points, *, falls: bool = False) -> Mortals:
    """The same cast with a frail worker."""
    parts = cast.stage.parts
    flows = flowing.Flows([_mortal(flow, points) for flow in parts.flows.newest.values()])
    worker = Frail(parts.house, flows, _Book(parts.keeper, points), cast.stage.lane, name="frail")
    worker.points, worker.keeper, worker.falls = points, parts.keeper, falls
    change = parts.keeper.change
    house = parts.house
    doors = house.database = _Doors(parts.database, points)  # type: ignore[assignment]

    async def dying(tx: Tx, changes: Sequence[orders.Change]) -> list[orders.Changed | Refused]:
        changed = await change(tx, changes)
        points.reach_all({c.order_id: "hook" for c in changes})
        doors.behind = {c.order_id: "hook: believed" for c in changes}
        return changed

    house.change = dying
    return Mortals(cast.stage, cast.parties, cast.life, worker, cast.placed)


async def begin_again(cast: casting.Cast) -> None:
    """Some weeks after the beginning, to the minute: vendors' hours and promised days are the same again."""
    clock = cast.stage.clock
    weeks = (clock.now() - START) // timedelta(weeks=1) + 1
    clock.turn_to(START + weeks * timedelta(weeks=1))
    await casting.sell_in_advance(cast.stage)


class Outcome(msgspec.Struct, frozen=True):
    """What a life came to, without what may differ between two of the same kind."""

    facts: tuple[tuple[str, int], ...]
    status: tuple[str, str, str]
    lines: tuple[Any, ...]
    open_steps: tuple[str, ...]
    exceptions: tuple[str, ...]
    truth: dict[str, Any]


async def outcome(cast: casting.Cast, order_id: str) -> Outcome:
    """What became of an order, and what its parties say."""
    order = await cast.order(order_id)
    told = Counter(_words(fact, order) for fact in (await cast.stage.facts(order_id))[1:] if type(fact).__name__ not in UNSURE)
    open_steps = sorted(
        name.split(":")[0] + ":" + name.split(":")[1]
        for name, status in (await cast.stage.steps(order_id)).items()
        if status not in ("done", "stopped", "skipped")
    )
    return Outcome(
        tuple(sorted(told.items())),
        (order.status, order.payment_status, order.fulfilment_status),
        tuple((line.line_no, sorted(line.buckets.items()), line.total) for line in order.lines),
        tuple(open_steps),
        tuple(sorted(f"{e.flow}:{e.step} {e.cause}" for e in order.exceptions)),
        cast.parties.truth(order),
    )


def _words(fact: Fact, order: orders.Order) -> str:
    text = f"{type(fact).__name__} {msgspec.json.encode(fact).decode()}".replace(order.number, "NUMBER")
    for pattern, word in _NAMES:
        text = pattern.sub(word, text)
    return text


def difference(one: Outcome, other: Outcome) -> str:
    """In words, what is not the same; "" where all is."""
    had, has = Counter(dict(one.facts)), Counter(dict(other.facts))
    found = [f"missing: {x}" for x in (had - has).elements()] + [f"too much: {x}" for x in (has - had).elements()]
    for field in Outcome.__struct_fields__[1:]:
        if getattr(one, field) != getattr(other, field):
            found.append(f"{field}: {getattr(one, field)} became {getattr(other, field)}")
    return "\n".join(found)


async def stock(cast: casting.Cast) -> Counter[tuple[str, str, str]]:
    """Units by (SKU, place) that are there and that are set aside."""
    async with cast.stage.parts.database.reading() as tx:
        assert await inventory.drift(tx) == []
        levels = await inventory.levels(tx, ["TEA", "CUP", "POT", "LAST", "FEW"])
    found: Counter[tuple[str, str, str]] = Counter()
    for level in levels:
        found[level.sku, level.location, "on hand"] = level.on_hand
        found[level.sku, level.location, "reserved"] = level.reserved
    return found
