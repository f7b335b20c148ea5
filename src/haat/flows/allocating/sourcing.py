"""The verb `source`: plans for many orders at once, their reservations moved, the plans kept with what was considered.

    orders ─► demands ─┬─ at once: it stays where it is reserved          no stock is looked at
                       └─ the others: levels locked, planned together
    ─► reservations moved, plans and filled days written                  three statements whatever the number of orders

Locks, after the orders': rows of nodes with a capacity, then levels in (SKU, location) order. Of an order that several vendors
refused at once each refusal is planned in a round of its own of the same turn: the first locks what all of them may touch.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.domain import fulfilment, inventory, orders
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, Outcome, Task
from haat.flows.allocating import wanting
from haat.flows.allocating.places import Sourcer
from haat.flows.allocating.wanting import Wanted
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

sourcing = fulfilment.sourcing
events = orders.events

FULL = "nodes_full"
SCREENED = frozenset({"pass", "review"})
ROOM_AGAIN = timedelta(minutes=10)  # nodes that are full have another day by midnight at the latest
ALONE = 4  # so few demands are planned on the event loop; more of them in a thread, for the solver may take its time


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The marketplace's choices about who sends what.

    `rejections_max` refusals of a line, or nobody left to ask: what was refused is cancelled, or (`ask`) somebody has to decide.

    Units that are to come for such a line are waited for, and when some arrive it is asked for anew.
    """

    rejections_max: Annotated[int, Meta(ge=1, le=100)] = 3
    ask: bool = False


class _Found(msgspec.Struct):
    """What is wanted of one task's order, and what came of each demand, by its place among them."""

    task: Task
    wants: list[Wanted]
    kept: Sequence[inventory.Reservation]
    outcomes: dict[int, sourcing.Plan | sourcing.Unplanned] = {}


#: (order, the plans of its demands) -> that its day is put off by them, where it is
PutOff = Callable[[orders.Order, Sequence[tuple[Wanted, sourcing.Plan]]], tuple[Fact, ...]]


async def source(sourcer: Sourcer, policy: Policy, house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    """Plan what is reserved and in no parcel. An order with nothing to plan is done."""
    network = sourcer.network
    open_tasks = [task for task in tasks if not task.order.ended and task.order.screening in SCREENED and _has_reserved(task.order)]
    if not open_tasks:
        return [Done() for _ in tasks]
    kept: dict[str, list[inventory.Reservation]] = {}
    for r in await inventory.every(tx, [task.order.id for task in open_tasks]):
        kept.setdefault(r.owner, []).append(r)
    found = {t.key: _Found(t, _wants(t, mine, policy), mine) for t in open_tasks for mine in [kept.get(t.order.id, [])]}
    day = await _day(tx, network, now)
    slow: list[tuple[_Found, int]] = []
    for each in found.values():
        for n, want in enumerate(each.wants):
            if want.behind or want.given_up:
                continue
            plan = sourcing.at_once(network, want.demand, day)
            if plan is None:
                slow.append((each, n))
            else:
                day.take(plan.parcels[0].node, 1)
                each.outcomes[n] = plan
    moved = await _plan(tx, network, slow, day)
    await inventory.reassigning.reassign(tx, moved, now=now)
    news: list[sourcing.NewPlan] = []

    def put_off(order: orders.Order, plans: Sequence[tuple[Wanted, sourcing.Plan]]) -> tuple[Fact, ...]:
        reason = "replanned" if any(part.refusals for part in order.vendor_orders) else "planned"
        return sourcer.reckon(order, _starts(network, day, plans), reason, now)

    outcomes = [_outcome(house, policy, found[t.key], news, put_off) if t.key in found else Done() for t in tasks]
    if news:
        await sourcing.record_plans(tx, news, now=now)
        await _fill(tx, news, day)
    return outcomes


async def _day(tx: Tx, network: sourcing.Network, now: datetime) -> sourcing.Day:
    if not network.limited:
        return sourcing.Day()
    capped = [node.code for node in network.limited if node.capacity is not None]
    used = await sourcing.used_on(tx, capped, now.astimezone(sourcing.MARKET_TIME).date()) if capped else {}
    return sourcing.day_of(network.limited, used, now)


async def _plan(
    tx: Tx, network: sourcing.Network, slow: Sequence[tuple[_Found, int]], day: sourcing.Day
) -> list[inventory.reassigning.Move]:
    """Plan what has to look at the stock, the oldest order first; returns the moves of reservations."""
    if not slow:
        return []
    asked = sorted([(each, n, each.wants[n]) for each, n in slow], key=lambda one: one[2].demand.order_id)
    demands = [want.demand for _, _, want in asked]
    levels = await inventory.lock_levels(tx, _touched(asked))
    stock = sourcing.Stock(
        {(level.sku, level.location): level.on_hand - level.reserved for level in levels},
        {(level.sku, level.location): level.safety for level in levels if level.safety},
    )
    if len(demands) <= ALONE:
        planned = sourcing.plan_batch(network, demands, stock, day)
    else:
        planned = await asyncio.to_thread(sourcing.plan_batch, network, demands, stock, day)
    moved: list[inventory.reassigning.Move] = []
    for (each, n, want), outcome in zip(asked, planned, strict=True):
        each.outcomes[n] = outcome
        if isinstance(outcome, sourcing.Plan):
            moved.extend(wanting.moves(want, outcome))
    return moved


def _touched(asked: Sequence[tuple[_Found, int, Wanted]]) -> list[str]:
    """The SKUs that are planned, and of orders of which a part is planned those of the other parts: they may follow in this turn."""
    skus = {sku for _, _, want in asked for sku in want.demand.needs}
    skus.update(r.sku for each, _, _ in asked if each.task.subject for r in each.kept if r.held)
    return sorted(skus)


def _starts(network: sourcing.Network, day: sourcing.Day, plans: Sequence[tuple[Wanted, sourcing.Plan]]) -> list[fulfilment.promise.Start]:
    """What sets out by these plans, from where, and on which day at the earliest."""
    return [
        fulfilment.promise.Start(want.demand.vendor, node, network.nodes[node].zone, day.sends(node))
        for want, plan in plans
        for node in plan.nodes
    ]


def _outcome(house: Any, policy: Policy, found: _Found, news: list[sourcing.NewPlan], put_off: PutOff) -> Outcome:
    """What came of an order: its plan as a fact, and what becomes of the demands that nobody can serve."""
    order: orders.Order = found.task.order
    served = [(want, o) for n, want in enumerate(found.wants) if isinstance(o := found.outcomes.get(n), sourcing.Plan)]
    plans = [plan for _, plan in served]
    facts: list[Fact] = []
    if plans:
        parcels = [
            events.PlannedParcel(house.draw.uuid(), plan.demand, parcel.node, tuple([events.ParcelLine(n, q) for n, q in parcel.lines]))
            for plan in plans
            for parcel in plan.parcels
        ]
        new = sourcing.NewPlan(house.draw.uuid(), order.id, order.version, plans, [p.parcel for p in parcels])
        news.append(new)
        cost = sum([plan.cost.total for plan in plans])
        facts.append(events.OrderInventoryAllocated(new.id, tuple(parcels), sourcing.strategies_of(plans), cost))
        facts.extend(put_off(order, served))
    if len(plans) == len(found.wants):
        return Done(tuple(facts))
    if any(want.behind for want in found.wants):
        return Failed("reservations_behind", tuple(facts))
    return _failed(policy, found, order, facts)


def _failed(policy: Policy, found: _Found, order: orders.Order, facts: list[Fact]) -> Outcome:
    left = [(w, found.outcomes.get(n)) for n, w in enumerate(found.wants) if not isinstance(found.outcomes.get(n), sourcing.Plan)]
    given_up = [w for w, o in left if _given_up(w, o)]
    others = [(w, o) for w, o in left if not _given_up(w, o)]
    if given_up and not policy.ask:
        lines = tuple([line for want in given_up for line in wanting.lines_of(want) if not _to_come(order, line.line_no)])
        try:
            cut = _cut(order, lines)
        except Refused as refused:
            return Dead("refused_by_all", refused.detail, (*facts, events.OrderAllocationFailed(lines, "refused_by_all")))
        facts += cut
        if not others:
            return Done(tuple(facts))
    elif given_up:
        others = left
    reasons = sorted({o.reason for _, o in others if isinstance(o, sourcing.Unplanned)})
    reason = "refused_by_all" if given_up and policy.ask else reasons[0] if reasons else "short"
    if reason == FULL and len(reasons) == 1:
        return Again(ROOM_AGAIN, FULL, tuple(facts))
    lines = tuple([line for want, _ in others for line in wanting.lines_of(want)])
    detail = ", ".join(f"line {line.line_no}: {line.quantity}" for line in lines)
    return Dead(reason, detail, (*facts, events.OrderAllocationFailed(lines, reason)))


def _given_up(want: Wanted, outcome: sourcing.Plan | sourcing.Unplanned | None) -> bool:
    """Whether it was refused, and nobody is left who could send it. A node that is full will have room."""
    return want.given_up or bool(want.demand.excluded and isinstance(outcome, sourcing.Unplanned) and outcome.reason != FULL)


def _cut(order: orders.Order, lines: tuple[events.ParcelLine, ...]) -> tuple[Fact, ...]:
    """Units that nobody will send. Raises Refused where they cannot be cancelled."""
    if not lines:
        return ()
    quantities = {line.line_no: line.quantity for line in lines}
    cut = orders.cancel(order, quantities, reason="not_available", detail="Nobody can send it.")
    return (events.OrderAllocationFailed(lines, "refused_by_all"), *cut)


def stranded(order: orders.Order, line: orders.OrderLine) -> bool:
    """Whether units of the line that somebody refused have waited for others of it that do not come any more."""
    refused = any(r.line_no == line.line_no for share in order.vendor_orders for r in share.refusals)
    return refused and "reserved" in line.buckets and "backordered" not in line.buckets


def _to_come(order: orders.Order, line_no: int) -> bool:
    return any(line.line_no == line_no and "backordered" in line.buckets for line in order.lines)


async def _fill(tx: Tx, news: Sequence[sourcing.NewPlan], day: sourcing.Day) -> None:
    used: dict[tuple[str, date], int] = {}
    for new in news:
        for plan in new.plans:
            for node in plan.nodes:
                room = day.rooms.get(node)
                if room is not None and room.left is not None:
                    used[node, room.day] = used.get((node, room.day), 0) + 1
    if used:
        await sourcing.record_used(tx, used)


def _wants(task: Task, kept: Sequence[inventory.Reservation], policy: Policy) -> list[Wanted]:
    return wanting.wanted(task.order, kept, only=task.subject, refusals_max=policy.rejections_max)


def _has_reserved(order: orders.Order) -> bool:
    return any("reserved" in line.buckets for line in order.lines)
