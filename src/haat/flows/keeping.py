"""The one way to change orders that exist: facts, rows, the flows' steps, the stock, in one transaction.

    asked  ─ lock ─ decide ─► facts ─┬─► journal, rows      one statement
    steps  ─────────────────► facts ─┘─► steps of flows     the same
                                     └─► stock: released when cut, consumed when shipped, back on hand when it returns

Whatever causes a fact (an admin, a customer, a hook, a worker's step), what follows from it is written here and nowhere else.
Locks: orders first (the journal's), then counted limits, then stock in (SKU, location) order.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from haat.domain import inventory, orders
from haat.engine import flowing, quotas, together
from haat.engine.database import Tx
from haat.engine.draw import Draw
from haat.engine.flowing import repairing, table
from haat.engine.journal import APPEND, Append, Journal
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

CUT = frozenset({orders.events.OrderCancelled, orders.events.OrderExpired, orders.events.OrderRejected, orders.events.OrderLinesCancelled})
_LEAVES = frozenset({orders.events.OrderShipped, orders.events.OrderParcelLost})
_TOUCHES_STOCK = CUT | _LEAVES | {orders.events.OrderReturnReceived}
#: Keeps rows of its own after (before, after, facts) of orders, in their transaction.
Follow = Callable[[Tx, Sequence[tuple[orders.Order, orders.Order, Sequence[Fact]]], datetime], Awaitable[None]]
_CAUSE = itemgetter(1)
_WRITE = together.writes(APPEND, orders.UPDATE, table.INSERT, table.UPDATE)


class Keeper:
    """Keeps orders: loads them, changes them, writes what follows."""

    def __init__(self, journal: Journal, flows: flowing.Flows, draw: Draw, *, follows: Sequence[Follow] = ()) -> None:
        self.folded = orders.Folded(journal)
        self._journal = journal
        self._flows = flows
        self._draw = draw
        self._follows = follows

    async def change(self, tx: Tx, changes: Sequence[orders.Change]) -> list[orders.Changed | Refused]:
        """Decide each change on its order as it is now, in the order of asking. Must be the transaction's first act.

        A refused change stands alone: the others go through. Several changes of one order see each other.
        """
        ids = sorted({c.order_id for c in changes})
        await self._journal.lock(tx, ids)
        found = dict(await self.load(tx, ids))
        begun = dict(found)
        outcomes: list[orders.Changed | Refused] = []
        appends: list[Append] = []
        decided = flowing.Decided()
        for c in changes:
            outcome = orders.ask(found.get(c.order_id), c)
            if isinstance(outcome, orders.Changed) and outcome.facts:
                first = outcome.before.version
                appends.append(Append(c.order_id, first, outcome.facts, c.at, c.origin))
                found[c.order_id] = outcome.after
                self._flows.decide(outcome.after, list(enumerate(outcome.facts, first + 1)), c.at, decided)
            outcomes.append(outcome)
        if appends:
            now = max(c.at for c in changes)
            changed = [(begun[i], found[i]) for i in ids if i in found and found[i] is not begun[i]]
            facts: dict[str, list[Fact]] = {}
            for append in appends:
                facts.setdefault(append.order_id, []).extend(append.facts)
            await self._stop(tx, decided, found, now)
            await self._store(tx, appends, changed, decided.rows, (), now)
            await flowing.consequences(tx, changed, self, now)
            await self.follow(tx, [(b, a, facts[a.id]) for b, a in changed], now)
        return outcomes

    async def _stop(self, tx: Tx, decided: flowing.Decided, states: Mapping[str, orders.Order], now: datetime) -> None:
        if decided.stops:
            await table.stop(tx, decided.stops, now)
        for order_id, code, version, reason in decided.undoing:
            state = states[order_id]
            decided.rows.extend(await flowing.undoing(tx, self._flows, state, code, version=version, reason=reason, now=now))

    async def load(self, tx: Tx, order_ids: Sequence[str]) -> dict[str, orders.Order]:
        """These orders as they are; the caller holds their locks where that matters."""
        return await self.folded.read(tx, order_ids)

    def remember(self, states: Mapping[str, Any]) -> None:
        """Orders as they stand after a commit."""
        self.folded.remember(states.values())

    def evolve(self, state: orders.Order, fact: Fact, at: datetime) -> orders.Order:
        return orders.evolve(state, fact, order_id=state.id, version=state.version + 1, at=at, by="system")

    def raised(self, row: flowing.Row, cause: str, detail: str, verb: flowing.Verb) -> Fact:
        """The fact that a step is dead. Its id names the step: the same step dead again is the same exception."""
        name = repairing.step_id(row.version, row.n)
        return orders.events.OrderExceptionRaised(name, row.flow, row.step, cause, verb.owner, row.subject, detail[:500], verb.repairs)

    def ended(self, state: orders.Order) -> bool:
        return state.ended

    async def write(
        self, tx: Tx, written: Sequence[flowing.Written], new: Sequence[flowing.Row], moved: Sequence[flowing.Row], now: datetime
    ) -> None:
        """What a worker's turn brings: facts of the system, each with the step that caused it."""
        appends: list[Append] = []
        for w in written:
            version = w.before.version
            for cause, caused in groupby(w.facts, _CAUSE):
                facts = tuple([fact for fact, _ in caused])
                appends.append(Append(w.before.id, version, facts, now, Origin("system", cause)))
                version += len(facts)
        await self._store(tx, appends, [(w.before, w.after) for w in written], new, moved, now)

    async def finish(self, tx: Tx, written: Sequence[flowing.Written], now: datetime) -> None:
        """The last of a turn: rows that many wait for are locked as late, and so as shortly, as possible."""
        await self.follow(tx, [(w.before, w.after, [fact for fact, _ in w.facts]) for w in written], now)

    async def _store(
        self,
        tx: Tx,
        appends: Sequence[Append],
        changed: Sequence[tuple[orders.Order, orders.Order]],
        new: Sequence[flowing.Row],
        moved: Sequence[flowing.Row],
        now: datetime,
    ) -> None:
        await tx.execute(
            _WRITE,
            *self._journal.append_arguments(appends),
            *orders.update_arguments(changed),
            *table.insert_arguments(new, now),
            *table.update_arguments(moved, now),
        )

    async def follow(self, tx: Tx, changed: Sequence[tuple[orders.Order, orders.Order, Sequence[Fact]]], now: datetime) -> None:
        """Whoever keeps rows of orders, then counted limits and stock, after (before, after, facts) of orders."""
        for each in self._follows:
            await each(tx, changed, now)
        cut: list[tuple[orders.Order, orders.Order]] = []
        shipped: list[tuple[orders.Order, orders.Order, Fact]] = []
        returned: list[tuple[orders.Order, Fact]] = []
        limits: dict[str, int] = {}
        for before, after, facts in changed:
            if after.claims:
                _count(limits, orders.claiming.taken(before), orders.claiming.taken(after))
            kinds = {type(f) for f in facts}
            if kinds.isdisjoint(_TOUCHES_STOCK):
                continue
            if not kinds.isdisjoint(CUT):
                cut.append((before, after))
            shipped.extend((before, after, f) for f in facts if type(f) in _LEAVES)
            returned.extend((after, f) for f in facts if isinstance(f, orders.events.OrderReturnReceived))
        if limits:
            await quotas.record(tx, {key: amount for key, amount in limits.items() if amount < 0})
            await quotas.take_again(tx, {key: amount for key, amount in limits.items() if amount > 0})
        left = await _consume(tx, shipped, now) if shipped else {}
        if cut:
            await _release(tx, cut, left, now)
        if returned:
            await self._take_back(tx, returned, now)

    async def _take_back(self, tx: Tx, returned: Sequence[tuple[orders.Order, Any]], now: datetime) -> None:
        """Sound units are on hand again where they had been sent from; damaged ones are nobody's stock."""
        kept = await inventory.every(tx, sorted({order.id for order, _ in returned}))
        each = inventory.components(kept, _live([order for order, _ in returned]))
        made_of: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for (owner, line_no, sku), units in each.items():
            made_of.setdefault((owner, line_no), []).append((sku, units))
        movements = []
        for order, fact in returned:
            parcel = next((p for p in order.shipments if p.id == fact.parcel), None)
            if parcel is None or parcel.stray:  # what was cancelled has no reservation to tell what it is made of: flows/fulfilling
                continue
            for line in fact.sound:
                for sku, units in made_of.get((order.id, line.line_no), ()):
                    quantity = units * line.quantity
                    movements.append(inventory.Movement(self._draw.uuid(), sku, parcel.location, quantity, "return", order.number))
        if movements:
            await inventory.move(tx, movements, actor="system", now=now)


async def _consume(tx: Tx, shipped: Sequence[tuple[orders.Order, orders.Order, Any]], now: datetime) -> dict[tuple[str, int], int]:
    """Units that leave the house: of parcels that were at home before and are not any more. Returns how many by (order, line)."""
    gone: dict[str, tuple[orders.Order, orders.Parcel]] = {}
    for before, after, fact in shipped:
        parcel = next((p for p in after.shipments if p.id == fact.parcel), None)
        was = next((p for p in before.shipments if p.id == fact.parcel), parcel)
        if parcel is not None and was is not None and (was.status in orders.AT_HOME or was is parcel):
            gone[parcel.id] = (after, parcel)
    units: dict[tuple[str, int, str], int] = {}
    left: dict[tuple[str, int], int] = {}
    numbers: dict[str, str] = {}
    for order, parcel in gone.values():
        numbers[order.id] = order.number
        for line in parcel.lines:
            key = (order.id, line.line_no, parcel.location)
            units[key] = units.get(key, 0) + line.quantity
            left[order.id, line.line_no] = left.get((order.id, line.line_no), 0) + line.quantity
    if units:
        kept = await inventory.every(tx, sorted(numbers))  # what left before says too what a kit is made of
        found = inventory.consumptions(kept, units, _live([before for before, _, _ in shipped]))  # what is cut now is released later
        await inventory.consume(tx, found, [numbers[c.owner] for c in found], actor="system", now=now)
    return left


async def _release(tx: Tx, cut: Sequence[tuple[orders.Order, orders.Order]], left: Mapping[tuple[str, int], int], now: datetime) -> None:
    """Units that were cut are nobody's; what `left` the house at the same time was consumed already."""
    units: dict[tuple[str, int], tuple[int, int]] = {}
    needed: dict[tuple[str, int, str], int] = {}
    for before, after in cut:
        for old, new in zip(before.lines, after.lines, strict=True):
            had, has = old.buckets.get("cancelled", 0), new.buckets.get("cancelled", 0)
            at_home = sum([old.buckets.get(bucket, 0) for bucket in orders.STOPPABLE]) - left.get((after.id, old.line_no), 0)
            if has > had:
                units[after.id, old.line_no] = (has - had, at_home)
        for parcel in after.shipments:
            if parcel.status in orders.AT_HOME:
                for line in parcel.lines:
                    key = (after.id, line.line_no, parcel.location)
                    needed[key] = needed.get(key, 0) + line.quantity
    if units:
        held = await inventory.holding(tx, sorted({order_id for order_id, _ in units}))
        await inventory.release(tx, inventory.releases(held, units, needed), now=now)


def _count(limits: dict[str, int], before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """How much more (or, negative, less) is taken of counted limits than before."""
    for key in {*before, *after}:
        change = after.get(key, 0) - before.get(key, 0)
        if change:
            limits[key] = limits.get(key, 0) + change


def _live(found: Sequence[orders.Order]) -> dict[tuple[str, int], int]:
    """Units of each line that were not cancelled."""
    return {(order.id, line.line_no): line.quantity - line.buckets.get("cancelled", 0) for order in found for line in order.lines}
