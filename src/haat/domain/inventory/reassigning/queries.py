"""Who waits for goods, and for whom some are there."""

from collections.abc import Sequence

from haat.domain.inventory.reassigning.arrivals import Waiting
from haat.engine.database import Tx


async def waiting_for(tx: Tx, owners: Sequence[str]) -> list[Waiting]:
    """Everybody who waits for a SKU that one of these owners waits for, the oldest first."""
    rows = await tx.fetch(
        """SELECT owner::text, line_no, sku, location, backordered FROM order_reservations
           WHERE backordered > 0 AND status IN ('COMMITTED', 'PICKED')
             AND sku IN (SELECT m.sku FROM order_reservations AS m WHERE m.owner = ANY ($1::uuid[]) AND m.backordered > 0)
           ORDER BY owner, line_no, sku, location""",
        owners,
    )
    return [Waiting(*row) for row in rows]


async def servable(tx: Tx, limit: int = 500) -> list[str]:
    """Owners, the oldest first, who wait for a SKU of which some place has units that are nobody's. No locks: it is a hint."""
    rows = await tx.fetch(
        """WITH late AS (
             SELECT sku, location, sum(backordered) AS units FROM order_reservations
             WHERE backordered > 0 AND status IN ('COMMITTED', 'PICKED') GROUP BY sku, location),
           there AS (
             SELECT DISTINCT s.sku FROM stock AS s LEFT JOIN late USING (sku, location)
             WHERE s.sku IN (SELECT sku FROM late) AND s.on_hand - s.reserved + coalesce(late.units, 0) > 0)
           SELECT DISTINCT r.owner::text AS waits FROM order_reservations AS r JOIN there USING (sku)
           WHERE r.backordered > 0 AND r.status IN ('COMMITTED', 'PICKED') ORDER BY waits LIMIT $1""",
        limit,
    )
    return [row[0] for row in rows]
