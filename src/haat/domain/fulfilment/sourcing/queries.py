"""Questions about sourcing: settings and rules as they are, what fills a node's day, the plans of an order."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from haat.domain.fulfilment.sourcing.node import NodeSettings
from haat.domain.fulfilment.sourcing.rule import SourcingRule
from haat.engine.database import Tx

PLANS_MAX = 100
_node = msgspec.json.Decoder(NodeSettings)
_rule = msgspec.json.Decoder(SourcingRule)


class RecordedPlan(msgspec.Struct, frozen=True):
    """A plan as it was decided. `version`: how many facts the order had then; `cost` in minor units."""

    id: str
    version: int
    strategy: str
    rule: str
    rule_version: int
    cost: int
    plan: msgspec.Raw
    alternatives: msgspec.Raw
    at: datetime


async def load_nodes(tx: Tx) -> dict[str, NodeSettings]:
    """The settings that were ever written, by location."""
    rows = await tx.fetch("SELECT location, version, settings FROM sourcing_nodes ORDER BY location")
    return {row[0]: msgspec.structs.replace(_node.decode(row[2]), version=row[1]) for row in rows}


async def load_rules(tx: Tx) -> list[SourcingRule]:
    """All rules in the order in which they are asked, those that are switched off included."""
    rows = await tx.fetch("SELECT version, rule FROM sourcing_rules ORDER BY position, code")
    return [msgspec.structs.replace(_rule.decode(row[1]), version=row[0]) for row in rows]


async def used_on(tx: Tx, locations: Sequence[str], since: date) -> dict[tuple[str, date], int]:
    """Parcels planned at these nodes by day, from `since` on. Their rows are locked until the transaction ends, in their order."""
    await tx.execute("SELECT 1 FROM sourcing_nodes WHERE location = ANY ($1::text[]) ORDER BY location FOR NO KEY UPDATE", list(locations))
    return await planned_on(tx, locations, since)


async def planned_on(tx: Tx, locations: Sequence[str], since: date) -> dict[tuple[str, date], int]:
    """Parcels planned at these nodes by day, from `since` on, as they are at this moment."""
    rows = await tx.fetch(
        "SELECT location, day, parcels FROM sourcing_days WHERE location = ANY ($1::text[]) AND day >= $2", list(locations), since
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def plans(tx: Tx, order_id: str) -> list[RecordedPlan]:
    """The plans of an order, the newest first."""
    rows = await tx.fetch(
        """SELECT id::text, version, strategy, rule, rule_version, cost, plan::text, alternatives::text, at FROM order_fulfillment_plans
           WHERE order_id = $1 ORDER BY id DESC LIMIT $2""",
        order_id,
        PLANS_MAX,
    )
    return [RecordedPlan(r[0], r[1], r[2], r[3], r[4], r[5], msgspec.Raw(r[6].encode()), msgspec.Raw(r[7].encode()), r[8]) for r in rows]
