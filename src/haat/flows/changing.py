"""Changes of placed orders: cancellations, holds, notes, answers. Many at once in one transaction, and safe when its answer is lost."""

from collections.abc import Awaitable, Callable, Sequence

from haat.domain import orders
from haat.engine.database import Lane, Tx
from haat.engine.journal import Journal

Outcome = orders.Changed | Exception
#: Decides changes and writes all that follows from them; the transaction's first act.
Change = Callable[[Tx, Sequence[orders.Change]], Awaitable[Sequence[orders.Changed | Exception]]]


class Changes:
    """Applies changes for one process, through one lane."""

    def __init__(self, lane: Lane, journal: Journal, change: Change) -> None:
        self._lane = lane
        self._journal = journal
        self._change = change
        self._in_doubt = False  # the last commit's answer was lost: the next batch (the same asks) asks first

    async def apply(self, asks: Sequence[orders.Change]) -> Sequence[Outcome]:
        """Answer each ask, in order. A refused one stands alone. Repeatable: what was done already decides to nothing or refuses."""
        async with self._lane.transaction() as tx:
            if self._in_doubt:  # the lost transaction may still be committing: its locks say when it has ended
                await self._journal.lock(tx, {ask.order_id for ask in asks})
            done = await self._done_before(tx, asks) if self._in_doubt else {}
            todo = [ask for ask in asks if id(ask) not in done]
            decided = iter(await self._change(tx, todo) if todo else [])
            outcomes: list[Outcome] = [done[id(ask)] if id(ask) in done else next(decided) for ask in asks]
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
