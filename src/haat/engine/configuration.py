"""Who changed what of the configuration: connections, rules, rates, channels, places. The tables write it themselves (migration 0019).

Who changes something opens its transaction with a name (`database.transaction(by=actor)`); a change without one bears the database's role.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from haat.engine.database import Tx

Kind = Literal[
    "connections", "payment_routing_rules", "courier_rules", "courier_tariffs", "courier_areas", "channels", "sourcing_rules",
    "sourcing_nodes", "locations", "price_lists", "promotions", "tax_rates", "shipping_rates", "fee_rates", "price_rules",
]  # fmt: skip


class ConfigurationChange(msgspec.Struct, frozen=True):
    """One change of one thing. `before` and `after` hold what differs; None: it was not there before, or is gone.

    Secrets are told as changed and never shown.
    """

    id: int
    at: datetime
    by: str
    kind: Kind
    code: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def history(
    tx: Tx, *, kind: str | None = None, code: str | None = None, by: str | None = None, until: int | None = None, limit: int = 50
) -> Sequence[ConfigurationChange]:
    """Changes, newest first, older than the id `until`: of a kind, of one thing, by one actor."""
    rows = await tx.fetch(
        """SELECT id, at, by, kind, code, before::text AS before, after::text AS after
           FROM configuration_changes
           WHERE ($1::text IS NULL OR kind = $1)
             AND ($2::text IS NULL OR code = $2)
             AND ($3::text IS NULL OR by = $3)
             AND ($4::bigint IS NULL OR id < $4)
           ORDER BY id DESC
           LIMIT $5""",
        kind,
        code,
        by,
        until,
        limit,
    )
    return [
        ConfigurationChange(row["id"], row["at"], row["by"], row["kind"], row["code"], _decoded(row["before"]), _decoded(row["after"]))
        for row in rows
    ]


def _decoded(stored: str | None) -> dict[str, Any] | None:
    return None if stored is None else msgspec.json.decode(stored, type=dict[str, Any])
