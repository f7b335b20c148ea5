"""Orders under way change to the newest version of a flow, by the rule that the flow itself declares; each records that it did.

Nothing has to migrate: an order keeps the version that it began with as long as that is kept. `migrate` is for the day on which it
shall not be kept any longer, or on which orders under way need what the new version does better.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from haat.domain import orders
from haat.engine.database import Database, Tx
from haat.engine.flowing import Flow, Flows, migrating
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

BATCH = 200
Asked = Callable[[Tx, Sequence[orders.Change]], Awaitable[Sequence[orders.Changed | Refused]]]


class Migrated(msgspec.Struct, frozen=True):
    """Orders that changed, and those of a version from which the flow declares no way."""

    migrated: int = 0
    stayed: int = 0


async def migrate(database: Database, change: Asked, flows: Flows, code: str, origin: Origin, *, now: datetime) -> Migrated:
    """Bring every order under way to the newest version of this flow, some hundred at a time, each batch committed.

    Asked again it goes on where it stopped, and changes nothing where all are there. Raises Refused where there is no such flow.
    """
    flow = flows.newest.get(code)
    if flow is None:
        raise Refused("unknown_flow", f"There is no flow {code}; there are {', '.join(sorted(flows.newest))}.", kind="missing")
    migrated = stayed = 0
    after: str | None = None
    while True:
        async with database.reading() as tx:
            ids = await migrating.begun_before(tx, code, after=after, limit=BATCH)
        if not ids:
            return Migrated(migrated, stayed)
        after = ids[-1]
        asks = [orders.Change(i, _decision(flow), now, origin) for i in ids]
        one = await database.commit(partial(_batch, change=change, flow=flow, asks=asks, now=now))
        migrated, stayed = migrated + one.migrated, stayed + one.stayed


async def _batch(tx: Tx, change: Asked, flow: Flow, asks: Sequence[orders.Change], now: datetime) -> Migrated:
    came: dict[int, list[str]] = {}
    stayed = 0
    for outcome in await change(tx, asks):
        if not isinstance(outcome, orders.Changed):
            continue
        if outcome.facts:
            came.setdefault(_version(outcome.before, flow), []).append(outcome.after.id)
        elif _version(outcome.after, flow) < flow.version:
            stayed += 1
    for version, ids in came.items():
        await migrating.rename(tx, ids, flow, flow.migrates[version], now)
    return Migrated(sum([len(ids) for ids in came.values()]), stayed)


def _decision(flow: Flow) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        names = flow.migrates.get(_version(order, flow))
        if names is None or _version(order, flow) >= flow.version:
            return ()
        gone = [e for e in order.exceptions if e.flow == flow.code and names.get(e.step) == ""]
        over = [orders.events.OrderExceptionResolved(e.id, "skip", f"not in version {flow.version} of the flow") for e in gone]
        return (orders.events.OrderFlowMigrated(flow.code, flow.version, dict(names)), *over)

    return decide


def _version(order: orders.Order, flow: Flow) -> int:
    return order.flows.get(flow.code, 1)
