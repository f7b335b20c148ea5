"""Parcels that were cancelled and left all the same: a booking that was answered too late, a courier that would not turn round.

    take_out   their units were given back to the stock when they were cancelled: they are taken off it
    take_in    what comes back of them is on hand again
    strayed    the buyer has them: what was paid at the door is what they cost; anything else somebody settles with the buyer

The sale stays cancelled: nothing is owed for these units but what was collected, whatever became of the money before. Where the stock
that was given back is promised to others by now, nothing is taken off it by force: somebody counts, and then it is done.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from haat.domain import inventory, orders
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, House, Local, Outcome, Step, Task
from haat.flows.fulfilling.desk import known
from haat.flows.fulfilling.offering import each

OWNER = "fulfilment"
#: Why units came or went, in the movements of stock.
REASON = "stray"
Lines = Iterable[tuple[int, int]]  # (line, units)
MadeOf = Mapping[tuple[str, int], Sequence[tuple[str, int]]]  # (order, line) -> (SKU, units of it in one)


def verbs() -> dict[str, Local]:
    """The steps of this file by name."""
    return {
        "take_out": Local(run=_take_out, title="Take off the stock what left cancelled", title_bn="বাতিল পার্সেলের পণ্য মজুত থেকে বাদ",
                          owner=OWNER, waits_for_holds=False, repairs=("retry", "skip")),
        "take_in": Local(run=_take_in, title="Put back on the stock what came home", title_bn="ফেরা পণ্য মজুতে যোগ",
                         owner=OWNER, waits_for_holds=False, repairs=("retry", "skip")),
        "strayed": Local(run=each(_strayed), title="Delivered after it was cancelled", title_bn="বাতিলের পরেও পৌঁছেছে",
                         owner=OWNER, waits_for_holds=False, repairs=("skip",)),
    }  # fmt: skip


async def _take_out(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """Each parcel once, however often it is asked for: its movements have names of their own."""
    del house
    made_of = await _made_of(tx, [task.order for task in tasks])
    wanted = {task.key: _movements(task, _lines(task), made_of, sign=-1, name="out") for task in tasks}
    noted = await inventory.noted(tx, [m.id for found in wanted.values() for m in found])
    levels = await inventory.lock_levels(tx, sorted({m.sku for found in wanted.values() for m in found}))
    free = {(level.sku, level.location): level.on_hand - level.reserved + level.backorder_limit for level in levels}
    outcomes: list[Outcome] = []
    moved: list[inventory.Movement] = []
    for task in tasks:
        leaving = [m for m in wanted[task.key] if m.id not in noted]
        short = [m for m in leaving if free.get((m.sku, m.location), 0) + m.quantity < 0]
        if short:
            goods = ", ".join(f"{-m.quantity} of {m.sku} at {m.location}" for m in short)
            outcomes.append(Dead("sold_again", f"{goods} left in a parcel that was cancelled, and others have been promised them."))
            continue
        for m in leaving:
            free[m.sku, m.location] += m.quantity
        moved += leaving
        outcomes.append(Done())
    if moved:
        await inventory.move(tx, moved, actor="system", now=now)
    return outcomes


async def _take_in(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """On hand again, and then surely taken off it, where that had to wait for room."""
    del house
    made_of = await _made_of(tx, [task.order for task in tasks])
    moved: list[inventory.Movement] = []
    for task in tasks:
        moved += _movements(task, task.data["sound"], made_of, sign=1, name=f"in {task.key[1]}")
    if moved:
        await inventory.move(tx, moved, actor="system", now=now)
    return [Done(steps=(Step("take_out", task.subject),)) for task in tasks]


def _strayed(order: orders.Order, task: Task, now: datetime) -> Outcome:
    del now
    parcel = known(order, task.subject)
    if parcel is None or not parcel.stray or not parcel.delivered:
        return Done()
    collected = parcel.collected or 0
    paid = f"{collected} was paid for it at the door and is kept" if collected else "nothing was paid for it at the door"
    back = sum([a.refunded for t in order.payments for a in t.attempts])
    given = f"; {back} had gone back to the buyer" if back else ""
    return Dead("delivered_after_cancel", f"{parcel.courier} delivered {orders.units(parcel.delivered)} cancelled units; {paid}{given}.")


def _lines(task: Task) -> Lines:
    parcel = known(task.order, task.subject)
    return [(x.line_no, x.quantity) for x in parcel.lines] if parcel is not None and parcel.stray else []


def _movements(task: Task, lines: Lines, made_of: MadeOf, *, sign: int, name: str) -> list[inventory.Movement]:
    """One for each SKU, with an id that is the same each time."""
    parcel = known(task.order, task.subject)
    if parcel is None:
        return []
    units: dict[str, int] = {}
    for line_no, quantity in lines:
        for sku, in_one in made_of.get((task.order.id, line_no), ()):
            units[sku] = units.get(sku, 0) + in_one * quantity
    place = uuid.UUID(parcel.id)
    return [
        inventory.Movement(str(uuid.uuid5(place, f"{name} {sku}")), sku, parcel.location, sign * n, REASON, task.order.number)
        for sku, n in sorted(units.items())
    ]


async def _made_of(tx: Tx, found: Sequence[orders.Order]) -> MadeOf:
    """What one unit of each line was made of when it was sold, cancelled or not: of itself, or of a kit's components."""
    lines = {(order.id, line.line_no): line for order in found for line in order.lines}
    units: dict[tuple[str, int, str], int] = {}
    for r in await inventory.every(tx, sorted({order.id for order in found})):
        if r.status != "REASSIGNED":  # what went to another place is counted there
            units[r.owner, r.line_no, r.sku] = units.get((r.owner, r.line_no, r.sku), 0) + r.quantity
    made: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for (owner, line_no, sku), quantity in sorted(units.items()):
        line = lines[owner, line_no]
        made.setdefault((owner, line_no), []).append((sku, 1 if sku == line.sku else max(quantity // line.quantity, 1)))
    return made
