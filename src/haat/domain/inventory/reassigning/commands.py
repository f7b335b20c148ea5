"""Moving reservations between places, and serving those who waited for goods. Each takes many, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from haat.domain.inventory.reassigning.arrivals import Arrival
from haat.engine.arrays import ints, texts
from haat.engine.database import Tx


class Move(msgspec.Struct, frozen=True, gc=False):
    """`quantity` units of an owner's reservation change their place; `promised` of them were backordered and are real at `target`."""

    owner: str
    line_no: int
    sku: str
    source: str
    target: str
    quantity: int
    promised: int = 0


async def reassign(tx: Tx, moves: Sequence[Move], *, now: datetime) -> None:
    """Move reservations; a reservation with nothing left ends as REASSIGNED. The caller has made sure that the targets have the units:
    the database refuses what would be sold twice. Not repeatable by itself: the caller's order lock is what makes it happen once.
    """
    if not moves:
        return
    given: dict[tuple[str, int, str, str], list[int]] = {}
    got: dict[tuple[str, int, str, str], int] = {}
    deltas: dict[tuple[str, str], int] = {}
    for m in moves:
        sums = given.setdefault((m.owner, m.line_no, m.sku, m.source), [0, 0])
        sums[0] += m.quantity
        sums[1] += m.promised
        target = (m.owner, m.line_no, m.sku, m.target)
        got[target] = got.get(target, 0) + m.quantity
        deltas[m.sku, m.source] = deltas.get((m.sku, m.source), 0) - m.quantity
        deltas[m.sku, m.target] = deltas.get((m.sku, m.target), 0) + m.quantity
    changed = sorted((key, delta) for key, delta in deltas.items() if delta)
    await tx.execute(
        _REASSIGN,
        texts([key[0] for key in given]),
        ints([key[1] for key in given]),
        texts([key[2] for key in given]),
        texts([key[3] for key in given]),
        ints([sums[0] for sums in given.values()]),
        ints([sums[1] for sums in given.values()]),
        texts([key[0] for key in got]),
        ints([key[1] for key in got]),
        texts([key[2] for key in got]),
        texts([key[3] for key in got]),
        ints(list(got.values())),
        texts([key[0] for key, _ in changed]),
        texts([key[1] for key, _ in changed]),
        ints([delta for _, delta in changed]),
        now,
    )


async def arrive(tx: Tx, arrivals: Sequence[Arrival], *, now: datetime) -> None:
    """These promised units are real: no longer backordered, and reserved where they were found. The levels are locked."""
    here = [a for a in arrivals if a.found == a.location]
    if here:
        await tx.execute(
            """UPDATE order_reservations AS r SET backordered = r.backordered - t.quantity, updated_at = $6
               FROM unnest($1::text::uuid[], $2::text::smallint[], $3::text::text[], $4::text::text[], $5::text::int[])
                 AS t (owner, line_no, sku, location, quantity)
               WHERE r.owner = t.owner AND r.line_no = t.line_no AND r.sku = t.sku AND r.location = t.location""",
            texts([a.owner for a in here]),
            ints([a.line_no for a in here]),
            texts([a.sku for a in here]),
            texts([a.location for a in here]),
            ints([a.quantity for a in here]),
            now,
        )
    moves = [Move(a.owner, a.line_no, a.sku, a.location, a.found, a.quantity, a.quantity) for a in arrivals if a.found != a.location]
    await reassign(tx, moves, now=now)


_REASSIGN = """
WITH locked AS MATERIALIZED (
  SELECT s.sku, s.location, d.delta FROM unnest($12::text::text[], $13::text::text[], $14::text::bigint[]) AS d (sku, location, delta)
  JOIN stock AS s ON s.sku = d.sku AND s.location = d.location ORDER BY s.sku, s.location FOR NO KEY UPDATE OF s),
levels AS (
  UPDATE stock AS s SET reserved = s.reserved + locked.delta FROM locked WHERE s.sku = locked.sku AND s.location = locked.location),
given AS (
  UPDATE order_reservations AS r SET released = r.released + t.quantity, backordered = r.backordered - t.promised, updated_at = $15,
    status = CASE WHEN r.released + r.consumed + t.quantity < r.quantity THEN r.status WHEN r.consumed > 0 THEN 'CONSUMED'
      ELSE 'REASSIGNED' END
  FROM unnest($1::text::uuid[], $2::text::smallint[], $3::text::text[], $4::text::text[], $5::text::int[], $6::text::int[])
    AS t (owner, line_no, sku, location, quantity, promised)
  WHERE r.owner = t.owner AND r.line_no = t.line_no AND r.sku = t.sku AND r.location = t.location)
INSERT INTO order_reservations AS r (owner, line_no, sku, location, quantity, status, updated_at)
SELECT owner, line_no, sku, location, quantity, 'COMMITTED', $15
FROM unnest($7::text::uuid[], $8::text::smallint[], $9::text::text[], $10::text::text[], $11::text::int[])
  AS t (owner, line_no, sku, location, quantity)
ON CONFLICT (owner, line_no, sku, location) DO UPDATE SET quantity = r.quantity + excluded.quantity, status = 'COMMITTED',
  updated_at = excluded.updated_at
"""
