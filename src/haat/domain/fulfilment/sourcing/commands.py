"""Writing what sourcing knows: nodes' settings, rules, plans, and the parcels that fill a node's day.

Every verb takes many and runs in the caller's transaction. Locks: rows of one kind in the order of their codes; a node's row is
also the lock on its day (`queries.used_on`), taken after orders and before stock.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from haat.domain.fulfilment.sourcing.node import NodeSettings
from haat.domain.fulfilment.sourcing.plan import Alternative, Plan
from haat.domain.fulfilment.sourcing.rule import SourcingRule
from haat.engine import changes
from haat.engine.arrays import ints, texts
from haat.engine.database import Tx

_encode = msgspec.json.Encoder().encode


class NewPlan(msgspec.Struct, frozen=True):
    """The plans of one order's vendor orders, decided together when the order had `version` facts. `parcels`: their ids, in order."""

    id: str
    order_id: str
    version: int
    plans: Sequence[Plan]
    parcels: Sequence[str]


async def put_nodes(tx: Tx, nodes: Sequence[NodeSettings], *, now: datetime) -> dict[str, int]:
    """Write settings by location; returns the versions of those that changed. The version that is handed in is ignored."""
    return await _put(tx, _PUT_NODES, [(node.location, 0, node) for node in nodes], now)


async def put_rule(tx: Tx, rules: Sequence[SourcingRule], *, now: datetime) -> dict[str, int]:
    """Write rules by code; returns the versions of those that changed. What a rule was before stays readable."""
    return await _put(tx, _PUT_RULES, [(rule.code, rule.position, rule) for rule in rules], now)


async def _put(tx: Tx, statement: str, rows: Sequence[tuple[str, int, Any]], now: datetime) -> dict[str, int]:
    ordered = sorted(rows, key=lambda row: row[0])
    bodies = [_encode(msgspec.structs.replace(body, version=0)).decode() for _, _, body in ordered]
    changed = await tx.fetch(statement, [row[0] for row in ordered], [row[1] for row in ordered], bodies, now)
    if changed:
        await changes.announce(tx, "sourcing", [row[0] for row in changed])
    return {row[0]: row[1] for row in changed}


async def record_plans(tx: Tx, news: Sequence[NewPlan], *, now: datetime) -> None:
    """Keep plans with what was considered beside them."""
    await tx.execute(
        """INSERT INTO order_fulfillment_plans (id, order_id, version, strategy, rule, rule_version, cost, plan, alternatives, at)
           SELECT id, order_id, version, strategy, rule, rule_version, cost, plan::json, alternatives::json, $10
           FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text::int[], $4::text::text[], $5::text::text[], $6::text::int[],
             $7::text::bigint[], $8::text[], $9::text[])
             AS t (id, order_id, version, strategy, rule, rule_version, cost, plan, alternatives)""",
        texts([new.id for new in news]),
        texts([new.order_id for new in news]),
        ints([new.version for new in news]),
        texts([strategies_of(new.plans) for new in news]),
        texts([new.plans[0].rule for new in news]),
        ints([new.plans[0].version for new in news]),
        ints([sum([plan.cost.total for plan in new.plans]) for new in news]),
        [_encode(_shown(new)).decode() for new in news],
        [_encode([_Other(plan.demand, plan.alternatives) for plan in new.plans if plan.alternatives]).decode() for new in news],
        now,
    )


async def record_used(tx: Tx, used: Mapping[tuple[str, date], int]) -> None:
    """Count parcels against nodes' days. The nodes' rows are locked (`used_on`)."""
    rows = sorted(used.items())
    await tx.execute(
        """INSERT INTO sourcing_days (location, day, parcels) SELECT * FROM unnest($1::text[], $2::date[], $3::int[])
           ON CONFLICT (location, day) DO UPDATE SET parcels = sourcing_days.parcels + excluded.parcels""",
        [key[0] for key, _ in rows],
        [key[1] for key, _ in rows],
        [parcels for _, parcels in rows],
    )


def strategies_of(plans: Sequence[Plan]) -> str:
    """The strategies of these plans, each once."""
    return plans[0].strategy if len(plans) == 1 else ",".join(sorted({plan.strategy for plan in plans}))


class _Parcel(msgspec.Struct, frozen=True):
    parcel: str
    vendor_order: str
    node: str
    lines: tuple[tuple[int, int], ...]


class _Part(msgspec.Struct, frozen=True):
    vendor_order: str
    strategy: str
    rule: str
    version: int
    transport: int
    handling: int
    delay: int
    splitting: int


class _Shown(msgspec.Struct, frozen=True):
    parcels: list[_Parcel]
    parts: list[_Part]


class _Other(msgspec.Struct, frozen=True):
    vendor_order: str
    considered: tuple[Alternative, ...]


def _shown(new: NewPlan) -> _Shown:
    ids = iter(new.parcels)
    parcels: list[_Parcel] = []
    parts: list[_Part] = []
    for plan in new.plans:
        cost = plan.cost
        parcels.extend([_Parcel(next(ids), plan.demand, parcel.node, parcel.lines) for parcel in plan.parcels])
        parts.append(_Part(plan.demand, plan.strategy, plan.rule, plan.version, cost.transport, cost.handling, cost.delay, cost.splitting))
    return _Shown(parcels, parts)


_PUT_NODES = """
INSERT INTO sourcing_nodes AS n (location, version, settings, updated_at)
SELECT code, 1, body::jsonb, $4 FROM unnest($1::text[], $2::int[], $3::text[]) AS t (code, position, body)
ON CONFLICT (location) DO UPDATE SET version = n.version + 1, settings = excluded.settings, updated_at = excluded.updated_at
  WHERE n.settings <> excluded.settings
RETURNING location, version
"""

_PUT_RULES = """
WITH written AS (
  INSERT INTO sourcing_rules AS r (code, version, position, rule, updated_at)
  SELECT code, 1, position, body::jsonb, $4 FROM unnest($1::text[], $2::int[], $3::text[]) AS t (code, position, body)
  ON CONFLICT (code) DO UPDATE SET version = r.version + 1, position = excluded.position, rule = excluded.rule,
    updated_at = excluded.updated_at
    WHERE r.rule <> excluded.rule
  RETURNING code, version, rule),
kept AS (INSERT INTO sourcing_rule_versions (code, version, rule, at) SELECT code, version, rule, $4 FROM written)
SELECT code, version FROM written
"""
