"""What must be true after whatever was done to a market: nothing sold twice, nothing lost, no unit leaked, rows equal their facts."""

from collections.abc import Mapping
from pathlib import Path

from haat import app
from haat.domain import inventory, orders
from haat.engine.database import Tx
from haat.engine.settings import Secret, Settings

PAGE = 2000
HELD = """
SELECT (SELECT coalesce(sum(quantity - released), 0) FROM order_reservations WHERE status IN ('HELD', 'COMMITTED', 'PICKED')),
  (SELECT coalesce(sum(reserved), 0) FROM stock), (SELECT count(*) FROM stock WHERE on_hand < 0 OR on_hand - reserved < -backorder_limit)
"""


async def wrong(data_dir: Path, dsn: str, answered: Mapping[str, str]) -> list[str]:
    """Everything that is wrong; empty when all is well. `answered`: the order id that each Idempotency-Key was answered with."""
    async with app.open_parts(Settings(data_dir=data_dir, database_url=Secret(dsn)), dsn) as parts, parts.database.reading() as tx:
        found = [f"drift: {drift}" for drift in await inventory.drift(tx)]
        held, reserved, oversold = await tx.fetchrow(HELD)
        if held != reserved or oversold:
            found.append(f"reservations hold {held}, stock says {reserved}, {oversold} levels oversold")
        settled = dict(await tx.fetch("SELECT key, subject::text FROM idempotency_keys WHERE scope LIKE 'place:%'"))
        ids = [row[0] for row in await tx.fetch("SELECT id::text FROM orders ORDER BY orders.id")]
        found += [f"answered and lost: {key} {order}" for key, order in answered.items() if settled.get(key) != order]
        found += [f"a key without its order: {key} {order}" for key, order in settled.items() if order not in set(ids)][:20]
        if len(ids) != len(settled):
            found.append(f"{len(ids)} orders for {len(settled)} keys: some exist twice")
        unasked = set(settled) - set(answered)
        found += [f"an order that nobody was told of: {key}" for key in sorted(unasked)[:20]]
        for begin in range(0, len(ids), PAGE):
            found += await _not_its_fold(parts, tx, ids[begin : begin + PAGE])
    return found


async def _not_its_fold(parts: app.Parts, tx: Tx, ids: list[str]) -> list[str]:
    folded = await orders.read(parts.journal, tx, ids)
    lines = await tx.fetch(
        f"SELECT order_id::text, {', '.join(orders.LINE_COLUMNS[1:])} FROM order_lines WHERE order_id = ANY ($1::uuid[])",
        ids,
    )
    rows = await tx.fetch(f"SELECT id::text, {', '.join(orders.ORDER_COLUMNS[1:])} FROM orders WHERE id = ANY ($1::uuid[])", ids)
    held = await tx.fetch(
        """SELECT owner::text, line_no, sku, sum(quantity - released)::bigint FROM order_reservations WHERE owner = ANY ($1::uuid[])
           AND status = 'COMMITTED' GROUP BY 1, 2, 3""",
        ids,
    )
    expected = {}
    for order in folded.values():
        row = list(orders.order_row(order))
        row[5], row[7], row[8] = sorted({hold.kind for hold in order.holds}), row[7] or None, row[8] or None
        expected[order.id] = row
    found = [f"not its fold: {list(row)} {expected.get(row[0])}" for row in rows if list(row) != expected.get(row[0])]
    wanted = sorted(line for order in folded.values() for line in orders.line_rows(order))
    if sorted(tuple(line) for line in lines) != wanted:
        found.append(f"lines of {ids[0]} and those behind it are not their fold")
    open_lines = {(o.id, line.line_no) for o in folded.values() for line in o.lines if line.buckets.get("cancelled", 0) < line.quantity}
    if {(row[0], row[1]) for row in held if row[3]} != open_lines:
        found.append(f"reservations of {ids[0]} and those behind it are not their open demand")
    return found
