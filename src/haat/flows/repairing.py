"""Exception handling: a step that could not be done waits for somebody, heals by itself where that is safe, or is repaired by a person.

    OrderExceptionRaised ─┬─► heal, after a while: tried again by itself, a few times, where `retry` is safe ─► OrderExceptionResolved
                          └─► escalate, after longer: its owner is reminded, once ─► OrderExceptionEscalated
    the order ends, or a hold is released ─► outlive: what is open because of it is tried once more, for a step that is moot by now
                                              is done ─► OrderExceptionResolved
    a person: retry · skip · cancel_order, for one or for thousands ─► OrderExceptionResolved

A repair changes only what is an open exception now, under the order's lock: the same repair twice changes nothing, and of two
people at once one repairs and the other finds it done.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.domain import orders
from haat.engine.database import Database, Tx
from haat.engine.flowing import Again, Decision, Done, Flow, Local, Outcome, Step, Stop, Task, repairing
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

HEALS_AFTER = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6))
ESCALATES_AFTER = timedelta(hours=24)
#: Causes that the passing of time may cure; what somebody has to decide is not tried again by itself.
HEALED = frozenset({"tried_too_often"})
BATCH = 200
ENDS = (orders.events.OrderCancelled, orders.events.OrderRejected, orders.events.OrderExpired, orders.events.OrderCompleted)
#: Steps that are dead because nobody released a hold in time (flows/validating.py), and their owner.
HOLDING = frozenset({"review_overdue", "hold_overdue"})
Change = Callable[[Tx, Sequence[orders.Change]], Awaitable[Sequence[orders.Changed | Refused]]]


class Repair(msgspec.Struct, frozen=True):
    """What to do about exceptions: `retry`, `skip` or `cancel_order`, by whom and why."""

    how: str
    reason: str
    origin: Origin


class Repaired(msgspec.Struct, frozen=True):
    """What came of a repair: exceptions that were open and are not any more, those that were not open (already repaired, or none
    of ours), and those for which this repair is not safe."""

    repaired: int = 0
    unchanged: int = 0
    refused: tuple[str, ...] = ()


def flow() -> Flow:
    """The flow of exception handling."""
    return Flow(
        code="exceptions",
        title="Exception handling",
        title_bn="ব্যতিক্রম সামলানো",
        facts=frozenset({orders.events.OrderExceptionRaised, orders.events.OrderExceptionResolved, orders.events.OrderReleased, *ENDS}),
        decide=decide,
        run={
            "heal": Local(run=_heal, title="Try again by itself", title_bn="নিজে থেকে আবার চেষ্টা", waits_for_holds=False),
            "escalate": Local(run=_escalate, title="Remind its owner", title_bn="দায়িত্বপ্রাপ্তকে স্মরণ করানো", waits_for_holds=False),
            "outlive": Local(run=_outlive, title="Try what was made moot", title_bn="মিটে যাওয়া কাজ আবার দেখা", waits_for_holds=False),
        },
    )


def decide(order: orders.Order, fact: Fact) -> Sequence[Decision]:
    """What a fact leads to."""
    match fact:
        case orders.events.OrderExceptionRaised():
            if not any(e.id == fact.exception for e in order.exceptions):
                return ()
            if fact.cause in HEALED and "retry" in fact.repairs:
                return (Step("heal", fact.exception, HEALS_AFTER[0]), Step("escalate", fact.exception, ESCALATES_AFTER))
            return (Step("escalate", fact.exception, ESCALATES_AFTER),)
        case orders.events.OrderExceptionResolved():
            return (Stop("heal", fact.exception), Stop("escalate", fact.exception))
        case _ if isinstance(fact, ENDS):
            return (Step("outlive"),) if any("retry" in e.repairs for e in order.exceptions) else ()
        case orders.events.OrderReleased() if any(e.step in HOLDING for e in order.exceptions):
            return (Step("outlive", data={"steps": sorted(HOLDING), "why": "its hold was released"}),)
        case _:
            return ()


async def _heal(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """Try dead steps again. How often it healed before is counted in the order's own facts."""
    keys = {task.order.id: (task.order.id, *(repairing.parse(task.subject) or (0, 0))) for task in tasks}
    dead = {row.key: row for row in await repairing.dead(tx, list(keys.values()))}
    streams = await orders.streams(house.journal, tx, [task.order.id for task in tasks])
    outcomes: list[Outcome] = []
    again = []
    for task in tasks:
        row = dead.get(keys[task.order.id])
        healed = sum(
            isinstance(r.fact, orders.events.OrderExceptionResolved) and r.fact.exception == task.subject and r.actor == "system"
            for r in streams.get(task.order.id, ())
        )
        if row is None or healed >= len(HEALS_AFTER) or not any(e.id == task.subject for e in task.order.exceptions):
            outcomes.append(Done())
            continue
        wait = sum(HEALS_AFTER[1 : healed + 1], timedelta())
        if now - task.created_at < HEALS_AFTER[0] + wait:  # longer after every time
            outcomes.append(Again(HEALS_AFTER[0] + wait - (now - task.created_at), "it was tried again before"))
            continue
        again.append(row)
        outcomes.append(Done((orders.events.OrderExceptionResolved(task.subject, "retry", "tried again by itself"),)))
    if again:
        await repairing.repair(tx, again, "retry", now)
    return outcomes


async def _outlive(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """Steps guard on their order: what is moot by now is done with, what is not fails again and is an exception again."""
    del house
    open_ = {
        (task.order.id, *found): e.id
        for task in tasks
        for e in task.order.exceptions
        if "retry" in e.repairs and e.step in task.data.get("steps", (e.step,)) and (found := repairing.parse(e.id)) is not None
    }
    rows = await repairing.dead(tx, list(open_))
    if rows:
        await repairing.repair(tx, rows, "retry", now)
    resolved: dict[str, list[Fact]] = {}
    whys = {task.order.id: task.data.get("why", "its order ended") for task in tasks}
    for row in rows:
        fact = orders.events.OrderExceptionResolved(open_[row.key], "retry", whys[row.order_id])
        resolved.setdefault(row.order_id, []).append(fact)
    return [Done(tuple(resolved.get(task.order.id, ()))) for task in tasks]


async def _escalate(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """A fact that its owner is told of, as of the exception itself (notifications.TOLD)."""
    del house, tx, now
    outcomes: list[Outcome] = []
    for task in tasks:
        open_ = next((e for e in task.order.exceptions if e.id == task.subject), None)
        if open_ is None:
            outcomes.append(Done())
        else:
            about = (open_.id, open_.flow, open_.step, open_.cause, open_.owner, open_.since, open_.repairs)
            outcomes.append(Done((orders.events.OrderExceptionEscalated(*about),)))
    return outcomes


async def repair(tx: Tx, change: Change, exceptions: Sequence[tuple[str, str]], how: Repair, now: datetime) -> Repaired:
    """Repair these (order, exception)s. Must be the transaction's first act; takes the orders' locks.

    `retry` and `skip` where the step says that they are safe, `cancel_order` where the order can still be cancelled.
    """
    by_order: dict[str, list[str]] = {}
    for order_id, exception in exceptions:
        by_order.setdefault(order_id, []).append(exception)
    asks = [orders.Change(order_id, _decision(names, how), now, how.origin) for order_id, names in sorted(by_order.items())]
    outcomes = await change(tx, asks)
    keys: list[repairing.Key] = []
    refused: list[str] = []
    unchanged = 0
    for ask, outcome in zip(asks, outcomes, strict=True):
        names = by_order[ask.order_id]
        if isinstance(outcome, orders.Changed):
            resolved = [f.exception for f in outcome.facts if isinstance(f, orders.events.OrderExceptionResolved)]
            unsafe = [e for e in outcome.before.exceptions if e.id in names and e.id not in resolved]
            refused.extend(f"{ask.order_id}: {_unsafe(how, e)}" for e in unsafe)
            unchanged += len(names) - len(resolved) - len(unsafe)
            keys.extend((ask.order_id, *found) for name in resolved if (found := repairing.parse(name)) is not None)
        else:
            refused.extend(f"{ask.order_id}: {outcome}" for _ in names)
    rows = await repairing.dead(tx, keys) if keys else []
    if rows:
        await repairing.repair(tx, rows, "retry" if how.how == "retry" else "skip", now)
    return Repaired(len(keys), unchanged, tuple(refused))


async def repair_now(database: Database, change: Change, exceptions: Sequence[tuple[str, str]], how: Repair, now: datetime) -> Repaired:
    """`repair` in a transaction of its own, begun again where it meets other writers."""
    return await database.commit(lambda tx: repair(tx, change, exceptions, how, now))


def _decision(names: Sequence[str], how: Repair) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide_repair(order: orders.Order) -> tuple[Fact, ...]:
        open_ = [e for e in order.exceptions if e.id in names]
        if not open_:
            return ()
        safe = [e for e in open_ if how.how in e.repairs]
        if not safe:
            raise Refused("unsafe_repair", _unsafe(how, open_[0]), kind="conflict", repairs=list(open_[0].repairs))
        resolved = tuple(orders.events.OrderExceptionResolved(e.id, how.how, how.reason) for e in safe)
        if how.how == "cancel_order" and not order.ended:
            return (*orders.stopping.stop(order, None, reason="exception").facts, *resolved)
        return resolved

    return decide_repair


def _unsafe(how: Repair, trouble: orders.Trouble) -> str:
    return f"{how.how} is not safe for {trouble.flow}:{trouble.step}; safe are: {', '.join(trouble.repairs) or 'none'}."


async def repair_all(
    database: Database, change: Change, search: repairing.Search, how: Repair, *, now: datetime, limit: int = 100_000
) -> Repaired:
    """Repair `limit` of what is stuck for this reason, some hundred at a time, each batch committed. Asked again it goes on.

    What cannot be repaired this way does not count, so it is in nobody's way.
    """
    done, unchanged = 0, 0
    refused: list[str] = []
    after: repairing.Key | None = None
    while done < limit:
        async with database.reading() as tx:
            page = await repairing.stuck(tx, search, now, after=after, limit=min(BATCH, limit - done))
        if not page:
            break
        last = page[-1]
        after = (last.order_id, *(repairing.parse(last.id) or (0, 0)))
        one = await repair_now(database, change, [(s.order_id, s.id) for s in page], how, now)
        done, unchanged = done + one.repaired, unchanged + one.unchanged
        refused.extend(one.refused)
    return Repaired(done, unchanged, tuple(refused))
