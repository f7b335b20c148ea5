"""Lives of past orders into the database: screened as they came in, then told day by day, for many orders at once.

Half a day of the whole market is one transaction, so that stock, shipments and the work of locations carry their true instants. No
flow listens: nothing of the past is offered, booked or paid once more. Safe to repeat: what was told is not told again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from rich.progress import Progress

from haat.domain import fraud, inventory, orders
from haat.engine import flowing
from haat.faces.cli import show
from haat.faces.cli.demo import lives
from haat.faces.cli.house import Runtime
from haat.flows import fulfilling, keeping, paying
from haat.kernel.errors import Refused

TOLD_AT_ONCE = timedelta(hours=12)
SCREENED_AT_ONCE = 500
SCREENED_AFTER = timedelta(seconds=6)

#: (key, outcome, the order as it was placed)
Past = tuple[str, str, orders.Order]


async def live(runtime: Runtime, past: Sequence[Past], began: datetime, bars: Progress) -> None:
    """Every past order has lived until the market `began`."""
    kept: dict[str, list[inventory.Reservation]] = {}
    async with runtime.database.reading() as tx:
        for reservation in await inventory.every(tx, [order.id for _, _, order in past]):
            kept.setdefault(reservation.owner, []).append(reservation)
    said = await _screened(runtime, [order for _, _, order in past])
    changes = [
        step.change(order.id)
        for key, outcome, order in past
        for step in lives.life(key, outcome, order, kept[order.id], said.get(order.id), began)
    ]
    changes.sort(key=lambda change: change.at)
    bar = bars.add_task("what became of them", total=len(changes))
    keeper = keeping.Keeper(runtime.journal, flowing.Flows(()), runtime.draw, follows=(fulfilling.follow,))
    keeper.remember({order.id: order for _, _, order in past})
    for _, same in groupby(changes, key=lambda change: int(change.at.timestamp() // TOLD_AT_ONCE.total_seconds())):
        together = list(same)
        noted = paying.Noted()
        async with runtime.database.transaction() as tx:
            outcomes = await keeper.change(tx, together)
            for change, outcome in zip(together, outcomes, strict=True):
                if isinstance(outcome, orders.Changed):
                    noted.facts(outcome.before, outcome.facts, change.at)
            await noted.write(tx)
        keeper.remember({o.after.id: o.after for o in outcomes if isinstance(o, orders.Changed)})
        for change, outcome in zip(together, outcomes, strict=True):
            if isinstance(outcome, Refused):
                show.error(f"{change.order_id}: {outcome.detail}")
        bars.advance(bar, len(together))


async def _screened(runtime: Runtime, past: Sequence[orders.Order]) -> Mapping[str, fraud.Screened]:
    """What the screening says of each, as of the moment after it was placed; oldest first, so that each sees those before it."""
    desk, found = runtime.screening, dict[str, fraud.Screened]()
    for first in range(0, len(past), SCREENED_AT_ONCE):
        some = past[first : first + SCREENED_AT_ONCE]
        async with runtime.database.transaction() as tx:
            seen = await fraud.sight(tx, [desk.sighting(order, late=True) for order in some])
            said = [_said(runtime, order, seen[order.id]) for order in some if order.id in seen]
            await fraud.record(tx, said)
        found.update({one.order_id: one for one in said})
    return found


def _said(runtime: Runtime, order: orders.Order, seen: fraud.Seen) -> fraud.Screened:
    desk, at = runtime.screening, order.placed_at + SCREENED_AFTER
    book, case = desk.book(order.channel), desk.case(order, seen, at)
    assessment = fraud.assess(case, book)
    if assessment.outcome != "review":
        return fraud.Screened(order.id, order.version, case, assessment, book, at)
    until = at + timedelta(seconds=book.policy.review_limit_s)
    return fraud.Screened(order.id, order.version, case, assessment, book, at, f"fraud-{order.version}", until)
