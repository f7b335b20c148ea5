"""Changes of placed orders: cancellations, holds, notes. Many at once, one transaction; stock and counted limits follow the facts.

asked ─► [ order locks ─ decide ─ facts, rows ] ─► what was cancelled ─► [ stock released, limits given back ] ─ commit
"""

from collections.abc import Sequence

from haat.domain import inventory, orders
from haat.engine import quotas
from haat.engine.clock import Clock
from haat.engine.database import Lane, Tx
from haat.engine.journal import Journal

Outcome = orders.Changed | Exception


class Changes:
    """Applies changes for one process, through one lane."""

    def __init__(self, lane: Lane, journal: Journal, clock: Clock) -> None:
        self._lane = lane
        self._journal = journal
        self._clock = clock
        self._in_doubt = False  # the last commit's answer was lost: the next batch (the same asks) asks first

    async def apply(self, asks: Sequence[orders.Change]) -> Sequence[Outcome]:
        """Answer each ask, in order. A refused one stands alone. Repeatable: what was done already decides to nothing or refuses."""
        async with self._lane.transaction() as tx:
            if self._in_doubt:  # the lost transaction may still be committing: its locks say when it has ended
                await self._journal.lock(tx, {ask.order_id for ask in asks})
            done = await self._done_before(tx, asks) if self._in_doubt else {}
            todo = [ask for ask in asks if id(ask) not in done]
            decided = iter(await orders.change(self._journal, tx, todo) if todo else [])
            outcomes: list[Outcome] = [done[id(ask)] if id(ask) in done else next(decided) for ask in asks]
            await self._follow(
                tx, [o for a, o in zip(asks, outcomes, strict=True) if id(a) not in done and isinstance(o, orders.Changed) and o.facts]
            )
            self._in_doubt = True  # until the commit has answered
        self._in_doubt = False
        return outcomes

    async def _done_before(self, tx: Tx, asks: Sequence[orders.Change]) -> dict[int, orders.Changed]:
        """Those asks whose facts stand already, because a commit whose answer was lost took effect. By `id` of the ask."""
        streams = await orders.streams(self._journal, tx, sorted({ask.order_id for ask in asks}))
        done: dict[int, orders.Changed] = {}
        for ask in asks:
            stream = streams.get(ask.order_id, [])
            mine = [f for f in stream if f.at == ask.at and f.trace == ask.origin.trace and f.actor == ask.origin.actor]
            if mine:
                before = orders.fold(f for f in stream if f.version < mine[0].version)
                after = orders.fold(f for f in stream if f.version <= mine[-1].version)
                if before is not None and after is not None:
                    done[id(ask)] = orders.Changed(before, after, tuple(f.fact for f in mine))
        return done

    async def _follow(self, tx: Tx, changed: Sequence[orders.Changed]) -> None:
        """Give back what cancelled units had taken: stock in proportion, counted limits when the whole order is gone."""
        units: dict[tuple[str, int], tuple[int, int]] = {}
        gone: list[orders.Order] = []
        for c in changed:
            for line_no, (cancelled, left) in orders.cancelled_units(c).items():
                earlier = units.get((c.after.id, line_no))
                units[c.after.id, line_no] = (earlier[0] + cancelled, earlier[1]) if earlier else (cancelled, left)
            if any(isinstance(fact, orders.events.OrderCancelled) for fact in c.facts):
                gone.append(c.after)
        if not units:
            return
        claims: dict[str, int] = {}
        for order in gone:
            for claim in order.claims:
                claims[claim.key] = claims.get(claim.key, 0) - claim.amount
        await quotas.record(tx, claims)
        held = await inventory.holding(tx, sorted({order_id for order_id, _ in units}))
        await inventory.release(tx, inventory.releases(held, units), now=self._clock.now())
