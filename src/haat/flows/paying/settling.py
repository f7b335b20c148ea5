"""When what is held is not what is owed: bring the order back where its money came late, waive, and ask for money to go back.

Also cash: what couriers collected becomes money of the order with the parcel's delivery.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain import inventory, orders
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, House, Local, Outcome, Task
from haat.flows.paying.desk import Desk, Noted
from haat.kernel.facts import Fact

OWNER = "payments"
SHORT_FROM = 100  # less than a taka is rounding


def settle(desk: Desk) -> Local:
    """Afterwards no more is held than is owed, or it is on its way back."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        back = await _reinstated(desk, house, tx, [task.order for task in tasks], now)
        noted = Noted()
        outcomes: list[Outcome] = []
        for task in tasks:
            order: orders.Order = task.order
            facts = back.get(order.id, ())
            facts += orders.settling.settle(orders.after(order, facts, at=now), desk.new_id)
            noted.facts(order, facts, now)
            outcomes.append(Done(facts))
        await noted.write(tx)
        return outcomes

    return Local(run=run, title="settle the money", title_bn="অর্থের হিসাব মেলানো", owner=OWNER, waits_for_holds=False)


def collect(desk: Desk) -> Local:
    """Cash that a courier collected is the order's money. What it collected too little is somebody's business."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house, tx, now
        outcomes: list[Outcome] = []
        for task in tasks:
            order: orders.Order = task.order
            facts = orders.paying.collect(order, attempt_id=desk.new_id(), parcel=task.subject)
            parcel = next((p for p in order.shipments if p.id == task.subject), None)
            short = parcel.cash - (parcel.collected or 0) if parcel is not None and parcel.status == "delivered" else 0
            told = any(e.step == "collect" for e in order.exceptions)
            if short >= SHORT_FROM and not told:
                outcomes.append(Dead("short_collection", f"{short} less than was to be collected.", facts))
            else:
                outcomes.append(Done(facts))
        return outcomes

    return Local(
        run=run, title="count the cash", title_bn="নগদ গণনা", owner=OWNER, waits_for_holds=False, repairs=("retry", "skip")
    )  # fmt: skip


async def _reinstated(desk: Desk, house: House, tx: Tx, found: Sequence[orders.Order], now: datetime) -> Mapping[str, tuple[Fact, ...]]:
    """By order: OrderReinstated for those that expired, are paid by now, and whose every unit can be set aside again.

    Locks the levels of their SKUs, after the orders. First come, first served, in the order of asking.
    """
    late = [o for o in found if o.status == "expired" and any(a.orphaned for t in o.payments for a in t.attempts)]
    if not late or not desk.policy().reinstates:
        return {}
    streams = await orders.streams(house.journal, tx, [o.id for o in late])
    paid: list[tuple[orders.Order, orders.Order, orders.events.OrderExpired]] = []
    for order in late:
        stream = streams.get(order.id, [])
        ended = next((r for r in reversed(stream) if isinstance(r.fact, orders.events.OrderExpired)), None)
        before = orders.fold([r for r in stream if ended is not None and r.version < ended.version])
        if before is None or ended is None or not isinstance(ended.fact, orders.events.OrderExpired):
            continue
        if orders.settling.payable_again(order, before):
            paid.append((order, before, ended.fact))
    if not paid:
        return {}
    had = await inventory.every(tx, [order.id for order, _, _ in paid])
    levels = inventory.Levels(
        await inventory.lock_levels(tx, sorted({r.sku for r in had})),
        {code: place.priority for code, place in (await inventory.locations(tx)).items() if place.active},
    )
    facts: dict[str, tuple[Fact, ...]] = {}
    owned: list[tuple[str, Sequence[inventory.Take]]] = []
    for order, before, expired in paid:
        admitted = levels.admit(_demands(had, before, expired), order.channel)
        if isinstance(admitted, inventory.Admitted):
            owned.append((order.id, admitted.takes))
            taken = [orders.events.Reservation(t.line_no, t.sku, t.location, t.quantity, t.backordered) for t in admitted.takes]
            facts[order.id] = orders.settling.reinstate(before, expired, taken, reason="paid_late")
    if owned:
        await inventory.reserve_again(tx, owned, levels.deltas, now=now)
    return facts


def _demands(had: Sequence[inventory.Reservation], before: orders.Order, expired: orders.events.OrderExpired) -> list[inventory.Demand]:
    """What the units that were cut are made of: a kit's line demands its components, as many of each as it had."""
    cut = {c.line_no: c.quantity for c in expired.cuts}
    ever: dict[tuple[int, str], int] = {}
    for r in had:
        if r.owner == before.id and r.status != "REASSIGNED":  # what went to another place is counted there
            ever[r.line_no, r.sku] = ever.get((r.line_no, r.sku), 0) + r.quantity
    sold = {line.line_no: line.quantity for line in before.lines}
    return [(n, sku, max(quantity // sold[n], 1) * cut[n]) for (n, sku), quantity in sorted(ever.items()) if cut.get(n)]
