"""The verbs of orders: begin one, ask something of one. The flow that keeps orders writes what comes of it, and all that follows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.orders import projection
from haat.domain.orders.order import Order, after, evolve
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
    return Changed(order, after(order, facts, at=asked.at, by=asked.origin.actor), facts)


def cancelled_units(changed: Changed) -> Mapping[int, tuple[int, int]]:
    """By line number: (units cancelled by this change, units that were left before it)."""
    units: dict[int, tuple[int, int]] = {}
    for old, new in zip(changed.before.lines, changed.after.lines, strict=True):
        had, has = old.buckets.get("cancelled", 0), new.buckets.get("cancelled", 0)
        if has > had:
            units[old.line_no] = (has - had, old.quantity - had)
    return units
