"""Nothing waits for nobody: whatever of an open order is not at rest has a step, a timer, or somebody who was told.

An open order as a whole, each of its holds, each vendor that was asked, each parcel that has not arrived for good, and units that
are in no parcel yet.
"""

from collections.abc import Iterator, Sequence

from haat.domain import orders
from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Waiting, Wrong

OVERDUE = {"FRAUD_REVIEW": "review_overdue"}  # any other hold: hold_overdue


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    return [
        Wrong(order.id, f"{order.status}: {detail}")
        for order in page.orders
        if not order.ended
        for detail in _unowned(order, page.steps.get(order.id, ()))
    ]


def _unowned(order: orders.Order, steps: Sequence[Waiting]) -> Iterator[str]:
    if order.paused:
        return  # whoever paused it
    if not steps and not order.exceptions and not order.holds:
        yield "nothing of it waits for anything, and it is not at its end"
        return
    names = {s.step for s in steps}
    timed = {(s.step, s.subject) for s in steps}
    subjects = {s.subject for s in steps} | {""}
    for hold in order.holds:
        if (OVERDUE.get(hold.kind, "hold_overdue"), hold.id) not in timed:
            yield f"hold {hold.id} ({hold.kind}) waits for somebody without a time limit"
    for part in order.vendor_orders:
        if part.status == "offered" and ("lapse" not in names or part.id not in subjects):
            yield f"{part.vendor} was asked and has no time limit"
    if order.status == "placed":
        return  # its parcels are planned, and wait for it
    asked = {part.id for part in order.vendor_orders if part.id in subjects}
    for parcel in order.shipments:
        if not parcel.settled and parcel.id not in subjects and parcel.vendor_order not in asked:
            yield f"parcel {parcel.id} is {parcel.status} and nobody is at it"
    planned = any(line.buckets.get(bucket) for line in order.lines for bucket in ("open", "reserved", "backordered"))
    if planned and not any(s.flow == "allocation" for s in steps):
        yield "units are in no parcel, and nobody looks for a place that sends them"


INVARIANT = Invariant(
    code="owners",
    title="Everything that is open has a step, a timer, or somebody who was told",
    title_bn="প্রতিটি খোলা বিষয়ের একজন দায়ী, একটি ধাপ বা সময়সীমা আছে",
    owner="operations",
    look=_look,
)
