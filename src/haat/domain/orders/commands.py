"""The verbs of orders: load, decide, append, project. Each takes many and runs in the caller's transaction.

Locks: `change` takes the orders' locks first of all (Journal.lock), so it must be the transaction's first act.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.orders import projection, queries
from haat.domain.orders.order import Order, evolve
from haat.engine.database import Tx
from haat.engine.journal import APPEND, Append, Journal
from haat.kernel.errors import Broken, Refused
from haat.kernel.facts import Fact, Origin


class NewOrder(msgspec.Struct, frozen=True):
    """An order that begins: its first facts, and the serial that its number was made from."""

    order_id: str
    serial: int
    facts: tuple[Fact, ...]
    at: datetime
    origin: Origin


class Change(msgspec.Struct, frozen=True):
    """Something asked of an order that exists. `decide` is pure; `version` is what the asker believes it to be, None for any."""

    order_id: str
    decide: Callable[[Order], tuple[Fact, ...]]
    at: datetime
    origin: Origin
    version: int | None = None


class Changed(msgspec.Struct, frozen=True):
    """What came of a change: the order before and after, and its new facts (none where there was nothing to do)."""

    before: Order
    after: Order
    facts: tuple[Fact, ...]


def begin(new: NewOrder) -> Order:
    """The order that its first facts make."""
    order: Order | None = None
    for version, fact in enumerate(new.facts, 1):
        order = evolve(order, fact, order_id=new.order_id, version=version, at=new.at, by=new.origin.actor)
    if order is None:
        raise Broken("an order without facts")
    return order


#: The first facts of new orders and their rows.
RECORD = (APPEND, projection.INSERT)


def record_arguments(journal: Journal, news: Sequence[NewOrder], orders: Sequence[Order]) -> tuple[object, ...]:
    """The arguments of RECORD."""
    appends = [Append(n.order_id, 0, n.facts, n.at, n.origin) for n in news]
    return *journal.append_arguments(appends), *projection.insert_arguments(orders, [n.serial for n in news])


async def change(journal: Journal, tx: Tx, changes: Sequence[Change]) -> list[Changed | Refused]:
    """Decide each change on its order as it is now, in the order of asking; append and project what was decided.

    A refused change stands alone: the others go through. Several changes of one order see each other.
    """
    await journal.lock(tx, {c.order_id for c in changes})
    found = await queries.read(journal, tx, sorted({c.order_id for c in changes}))
    before_version = {order_id: order.version for order_id, order in found.items()}
    outcomes: list[Changed | Refused] = []
    appends: list[Append] = []
    for c in changes:
        outcome = ask(found.get(c.order_id), c)
        if isinstance(outcome, Changed) and outcome.facts:
            appends.append(Append(c.order_id, outcome.before.version, outcome.facts, c.at, c.origin))
            found[c.order_id] = outcome.after
        outcomes.append(outcome)
    if appends:
        await journal.append(tx, appends)
        await projection.update(tx, [found[i] for i in sorted(found) if found[i].version != before_version[i]])
    return outcomes


def ask(order: Order | None, asked: Change) -> Changed | Refused:
    """What this change makes of the order as it is."""
    if order is None:
        return Refused("unknown_order", "There is no such order.", kind="missing")
    if asked.version is not None and asked.version != order.version:
        return Refused("stale", "The order has changed meanwhile.", kind="stale", version=order.version)
    try:
        facts = asked.decide(order)
    except Refused as refusal:
        return refusal
    after = order
    for n, fact in enumerate(facts, 1):
        after = evolve(after, fact, order_id=order.id, version=order.version + n, at=asked.at, by=asked.origin.actor)
    return Changed(order, after, facts)


def cancelled_units(changed: Changed) -> Mapping[int, tuple[int, int]]:
    """By line number: (units cancelled by this change, units that were left before it)."""
    units: dict[int, tuple[int, int]] = {}
    for old, new in zip(changed.before.lines, changed.after.lines, strict=True):
        had, has = old.buckets.get("cancelled", 0), new.buckets.get("cancelled", 0)
        if has > had:
            units[old.line_no] = (has - had, old.quantity - had)
    return units
