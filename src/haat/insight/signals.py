"""Signals for dynamic prices: what is available of a SKU, and how fast it sells against its usual pace.

A follower of the journal counts units sold by SKU and hour (`sku_pace`). The pace is the units of the last 24 hours against
the daily average of the four weeks before, in ten-thousandths: 10,000 is as usual, 20,000 twice as fast.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from haat.domain import inventory, orders
from haat.engine.arrays import ints, texts
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.journal import RawFact

FOLLOWER = "pace"
TYPES = ("OrderCreated",)  # facts that bring a pace
USUAL_DAYS = 28
_decode = msgspec.json.Decoder(orders.events.OrderCreated).decode


async def deal(tx: Tx, facts: Sequence[RawFact]) -> None:
    """Count what was ordered. Runs in the checkpoint's transaction, so each fact counts once."""
    sold: dict[tuple[str, str], int] = {}
    for fact in facts:
        if fact.type == "OrderCreated":
            created = _decode(fact.data)
            hour = (created.placed_at or fact.at).replace(minute=0, second=0, microsecond=0).isoformat()
            for line in created.lines:
                sold[line.sku, hour] = sold.get((line.sku, hour), 0) + line.quantity
    if sold:
        keys = sorted(sold)
        await tx.execute(
            """INSERT INTO sku_pace (sku, hour, units)
               SELECT sku, hour, units FROM unnest($1::text::text[], $2::text::timestamptz[], $3::text::bigint[]) AS t (sku, hour, units)
               ON CONFLICT (sku, hour) DO UPDATE SET units = sku_pace.units + excluded.units""",
            texts([sku for sku, _ in keys]),
            texts([hour for _, hour in keys]),
            ints([sold[key] for key in keys]),
        )


async def load(clock: Clock, tx: Tx, skus: Sequence[str]) -> dict[str, tuple[int | None, int | None]]:
    """Units available everywhere and the pace, by SKU. None: no stock of its own (a kit), not sold in the four weeks before."""
    now = clock.now()
    free: dict[str, int | None] = dict.fromkeys(skus)
    for level in await inventory.levels(tx, skus):
        free[level.sku] = (free[level.sku] or 0) + level.free("*")
    rows = await tx.fetch(
        """SELECT sku, coalesce(sum(units) FILTER (WHERE hour > $3), 0)::bigint,
             coalesce(sum(units) FILTER (WHERE hour <= $3), 0)::bigint
           FROM sku_pace WHERE sku = ANY ($1::text::text[]) AND hour > $2 GROUP BY sku""",
        texts(list(skus)),
        now - timedelta(days=USUAL_DAYS + 1),
        now - timedelta(days=1),
    )
    pace = {sku: 10_000 * last * USUAL_DAYS // before for sku, last, before in rows if before}
    return {sku: (units, pace.get(sku)) for sku, units in free.items()}
