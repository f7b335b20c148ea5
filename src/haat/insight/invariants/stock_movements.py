"""Every unit is accounted for: what is on hand is the sum of what came and went."""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Wrong


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    del at
    rows = await tx.fetch(
        """SELECT sku, location, coalesce(s.on_hand, 0), coalesce(m.moved, 0)::bigint
           FROM stock AS s FULL JOIN (SELECT sku, location, sum(quantity) AS moved FROM stock_movements GROUP BY 1, 2) AS m
             USING (sku, location)
           WHERE coalesce(s.on_hand, 0) <> coalesce(m.moved, 0) ORDER BY 1, 2 LIMIT $1""",
        FOUND_MAX,
        timeout=600,
    )
    return [Wrong(f"{r[0]} at {r[1]}", f"on hand {r[2]}, movements make {r[3]}") for r in rows]


INVARIANT = Invariant(
    code="stock_movements",
    title="What is on hand is the sum of its movements",
    title_bn="হাতে থাকা মজুত তার সব চলাচলের যোগফল",
    owner="operations",
    check=_check,
)
