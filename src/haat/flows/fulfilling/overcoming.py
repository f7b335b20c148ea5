"""Exceptions that life has overcome: what somebody should have looked at happened after all, so nobody has to any more.

    a parcel is packed       «late to pack» is over           booked     nobody has to find a courier
    it surely has none       nobody has to ask any more       ended      everything of this flow
    a parcel has arrived     whatever was unclear about it

An open exception is a promise that a human is needed; one that lies there for nothing makes the others invisible.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.flowing import Decision, Done, House, Local, Outcome, Step, Task, repairing
from haat.kernel.facts import Fact

events = orders.events
STEP = "overcome"
#: fact -> the steps about its parcel that are moot from then on
OVERCOMES: Mapping[type[Fact], tuple[str, ...]] = {
    events.OrderParcelPacked: ("ship_by",),
    events.OrderShipmentBooked: ("choose", "book", "look_up"),
    events.OrderShipmentFailed: ("look_up",),
    events.OrderShipmentRecalled: ("recall", "look_up", "look_at", "track"),
    events.OrderReturnStarted: ("recall",),
    events.OrderDelivered: ("recall", "look_at", "track", "give_up", "return_overdue"),
    events.OrderReturnReceived: ("recall", "look_at", "track", "give_up", "return_overdue"),
    events.OrderParcelLost: ("recall", "look_at", "track", "give_up", "return_overdue"),
}
_ENDS = (events.OrderCompleted, events.OrderCancelled, events.OrderRejected, events.OrderExpired)
_NEVER = frozenset({"recall", "look_up"})  # an order that ended may still have a courier on its way with its goods, or to them


def overcome(order: orders.Order, fact: Fact, flow: str) -> list[Decision]:
    """The step that closes what this fact has overcome; nothing where nothing of this flow is open."""
    open_steps = {e.step for e in order.exceptions if e.flow == flow}
    if not open_steps:
        return []
    if isinstance(fact, _ENDS):
        moot = sorted(open_steps if isinstance(fact, events.OrderCompleted) else open_steps - _NEVER)
        return [Step(STEP, data={"steps": moot})] if moot else []
    if isinstance(fact, events.OrderReturnReceived) and not orders.fulfilling.parcel_of(order, fact.parcel).settled:
        return []  # only some of it is back: the rest is as unclear as before
    moot = sorted(open_steps & set(OVERCOMES.get(type(fact), ())))
    return [Step(STEP, fact.parcel, data={"steps": moot})] if moot else []  # type: ignore[attr-defined]


def verbs(flow: str) -> dict[str, Local]:
    """The step of this file by name."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house
        keys: dict[repairing.Key, str] = {}
        for task in tasks:
            for trouble in task.order.exceptions:
                place = repairing.parse(trouble.id)
                if place is not None and trouble.flow == flow and trouble.step in task.data["steps"]:
                    keys[(task.order.id, *place)] = trouble.id
        subjects = {task.order.id: task.subject for task in tasks}
        rows = [row for row in await repairing.dead(tx, list(keys)) if subjects[row.order_id] in ("", row.subject)]
        if rows:
            await repairing.repair(tx, rows, "skip", now)
        closed: dict[str, list[Fact]] = {}
        for row in rows:
            resolved = events.OrderExceptionResolved(keys[row.key], "skip", "overcome")
            closed.setdefault(row.order_id, []).append(resolved)
        return [Done(tuple(closed.get(task.order.id, ()))) for task in tasks]

    return {STEP: Local(run=run, title="Close what was overcome", title_bn="মিটে যাওয়া সমস্যা বন্ধ", waits_for_holds=False)}
