"""The flow of allocation: what each fact leads to, and who does it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.flowing import Decision, Flow, Local, Outcome, Step, Stop, Task
from haat.flows.allocating import sourcing, waiting
from haat.flows.allocating.places import Sourcer
from haat.kernel.facts import Fact

events = orders.events

CODE = waiting.CODE
DAY_S = 86_400.0
SOURCE = "source"
_SOURCE = (Step(SOURCE),)
_NOTHING_MORE = (Stop(SOURCE), Stop(waiting.AWAIT))
ENDS = (events.OrderCancelled, events.OrderExpired, events.OrderRejected)
FACTS: frozenset[type[Fact]] = frozenset(
    {
        events.OrderStockReserved,
        events.OrderScreened,
        events.VendorOrderRejected,
        events.OrderBackorderArrived,
        events.OrderReinstated,
        events.OrderLinesCancelled,
        *ENDS,
    }
)


def flow(sourcer: Sourcer, policy: Callable[[], sourcing.Policy] = sourcing.Policy) -> Flow:
    """The flow of allocation with its network, under the policy of the moment."""

    async def source(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return await sourcing.source(sourcer, policy(), house, tx, tasks, now)

    async def await_stock(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return await waiting.await_stock(sourcer, house, tx, tasks, now)

    return Flow(
        code=CODE,
        title="Inventory allocation",
        title_bn="পণ্য বরাদ্দ",
        facts=FACTS,
        decide=decide,
        run={
            SOURCE: Local(
                run=source, title="Choose who sends it", title_bn="প্রেরক নির্ধারণ", owner="fulfilment", age_limit_s=3 * DAY_S,
                repairs=("retry", "cancel_order"), waits_for_holds=False,
            ),
            waiting.AWAIT: Local(
                run=await_stock, title="Wait for goods to arrive", title_bn="পণ্য আসার অপেক্ষা", owner="fulfilment",
                age_limit_s=60 * DAY_S, repairs=("retry", "cancel_order"), waits_for_holds=False,
            ),
        },
    )  # fmt: skip


def decide(order: orders.Order, fact: Fact) -> Sequence[Decision]:
    """What a fact leads to."""
    match fact:
        case events.OrderScreened(outcome="pass" | "review"):
            return _SOURCE
        case events.VendorOrderRejected():
            return (Step(SOURCE, fact.vendor_order),)
        case events.OrderBackorderArrived():
            return _SOURCE if order.screening in sourcing.SCREENED else ()
        case events.OrderStockReserved():
            return _await(order)
        case events.OrderReinstated():
            return (*_await(order), *(_SOURCE if order.screening in sourcing.SCREENED else ()))
        case events.OrderLinesCancelled():
            cut = {c.line_no for c in fact.cuts}
            shown = any(e.flow == CODE and e.step == SOURCE for e in order.exceptions)  # somebody decides about it already
            left = any(line.line_no in cut and sourcing.stranded(order, line) for line in order.lines)
            return (Stop(SOURCE), *_SOURCE) if left and not shown else ()
        case events.OrderCancelled() | events.OrderExpired() | events.OrderRejected():
            return _NOTHING_MORE
        case _:
            return ()


def _await(order: orders.Order) -> Sequence[Decision]:
    if any("backordered" in line.buckets for line in order.lines):
        return (Step(waiting.AWAIT, after=waiting.LOOK_AGAIN),)
    return ()
