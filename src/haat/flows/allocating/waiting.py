"""The verb `await_stock`: units that were promised before they existed become real when goods arrive, the oldest order first.

A waiting order is a step of its own, with its owner and its age; it is looked at when goods have arrived (`hasten_waiting`), and
now and then in any case. Locks, after the orders': levels in (SKU, location) order.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from haat.domain import fulfilment, inventory, orders
from haat.engine.database import Tx
from haat.engine.flowing import Again, Done, Outcome, Task, table
from haat.flows.allocating.places import Sourcer
from haat.kernel.facts import Fact

events = orders.events

LOOK_AGAIN = timedelta(minutes=10)
HINTS_EACH = timedelta(seconds=5)  # one order is not looked at more often, however often goods arrive
CODE = "allocation"
AWAIT = "await_stock"


async def await_stock(sourcer: Sourcer, house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """Serve these orders as far as nobody older waits for the same units. An order that waits for nothing is done."""
    del house
    late = {task.order.id: task.order for task in tasks if not task.order.ended and _late(task.order)}
    if not late:
        return [Done() for _ in tasks]
    wanted = await inventory.reassigning.waiting_for(tx, sorted(late))
    levels = await inventory.lock_levels(tx, sorted({w.sku for w in wanted}))
    waiting = await inventory.reassigning.waiting_for(tx, sorted(late)) if levels else wanted  # who gave up meanwhile waits no more
    vendors = {w.sku: _vendor(late[w.owner], w.line_no) for w in waiting if w.owner in late}
    nodes = sourcer.network.nodes
    usable = [x for x in levels if (n := nodes.get(x.location)) is not None and n.active and n.vendor in ("", vendors.get(x.sku))]
    arrived = [a for a in inventory.reassigning.arrivals(waiting, usable) if a.owner in late]
    await inventory.reassigning.arrive(tx, arrived, now=now)
    dates = {(level.sku, level.location): level.expected_at for level in levels}
    due: dict[str, dict[str, list[datetime | None]]] = {}
    left: dict[tuple[str, int], int] = {}
    served: dict[tuple[str, int, str, str], int] = {}
    for a in arrived:
        key = (a.owner, a.line_no, a.sku, a.location)
        served[key] = served.get(key, 0) + a.quantity
    for w in waiting:
        rest = w.backordered - served.get((w.owner, w.line_no, w.sku, w.location), 0)
        left[w.owner, w.line_no] = max(left.get((w.owner, w.line_no), 0), rest)
        if rest > 0 and w.owner in late:
            of_order = due.setdefault(w.owner, {})
            of_order.setdefault(_vendor(late[w.owner], w.line_no), []).append(dates.get((w.sku, w.location)))

    def put_off(order: orders.Order) -> tuple[Fact, ...]:
        return sourcer.reckon(order, _starts(due.get(order.id, {}), now), "backordered", now)

    return [_outcome(late[t.order.id], left, arrived, put_off) if t.order.id in late else Done() for t in tasks]


async def hasten_waiting(tx: Tx, *, now: datetime) -> int:
    """Goods have arrived for somebody who waits: let the oldest orders be looked at now. Returns how many may be served."""
    owners = await inventory.reassigning.servable(tx)
    if owners:
        await table.hasten(tx, owners, CODE, AWAIT, now=now, rested=HINTS_EACH)
    return len(owners)


def _starts(due: Mapping[str, Sequence[datetime | None]], now: datetime) -> list[fulfilment.promise.Start]:
    """What sets out when it has arrived, by vendor; of goods whose day is not known, or over, nothing can be said."""
    known = {vendor: [day for day in days if day is not None and day > now] for vendor, days in due.items()}
    return [fulfilment.promise.Start(v, ready_at=max(days)) for v, days in known.items() if len(days) == len(due[v])]


def _outcome(
    order: orders.Order,
    left: dict[tuple[str, int], int],
    arrived: Sequence[inventory.reassigning.Arrival],
    put_off: Callable[[orders.Order], tuple[Fact, ...]],
) -> Outcome:
    """What arrived as a fact; of what has not, by when it will have, where that puts off the order's day.

    What has arrived is planned next, and its plan says by when it is there.
    """
    lines = []
    waits = False
    for line in order.lines:
        late = line.buckets.get("backordered", 0)
        still = min(late, left.get((order.id, line.line_no), 0))
        waits = waits or still > 0
        if late > still:
            lines.append(events.ParcelLine(line.line_no, late - still))
    places = {a.found for a in arrived if a.owner == order.id}
    facts = (events.OrderBackorderArrived(tuple(lines), places.pop() if len(places) == 1 else ""),) if lines else ()
    return Again(LOOK_AGAIN, "waits_for_stock", (*facts, *put_off(order))) if waits else Done(facts)


def _late(order: orders.Order) -> bool:
    return any("backordered" in line.buckets for line in order.lines)


def _vendor(order: orders.Order, line_no: int) -> str:
    return next((line.vendor for line in order.lines if line.line_no == line_no), "")
