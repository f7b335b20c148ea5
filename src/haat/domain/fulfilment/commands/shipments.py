"""Writing shipments: rows that follow the orders' facts, bookings before they are asked for, scans as they come, what nodes did."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from haat.domain.fulfilment import shipment
from haat.domain.fulfilment.shipment import Begun, NodeEvent, Row, Said
from haat.engine.database import Tx

_encode = msgspec.json.Encoder().encode
_COLUMNS = (
    "parcel", "order_id", "number", "vendor_order", "vendor", "location", "district", "upazila", "status", "courier", "consignment",
    "tracking_url", "cash", "fee", "weight_g", "tries", "reason", "promised_at",
)  # fmt: skip


async def project(tx: Tx, rows: Sequence[Row], *, now: datetime) -> None:
    """Bring the rows to what the facts say. An instant is set when its status is first reached; a recall takes `booked_at` back.

    What the courier's side knows (reference, its last word) stays. A parcel that has a courier on record keeps it while the facts
    name none: between writing a booking down and hearing of it, only the record knows.
    """
    latest = {row.parcel: row for row in rows}
    if not latest:
        return
    found = [latest[parcel] for parcel in sorted(latest)]
    await tx.execute(
        _PROJECT,
        now,
        *([getattr(row, column) for row in found] for column in _COLUMNS),
        [shipment.booked(row.status) for row in found],
        [shipment.away(row.status) for row in found],
        [row.status in ("delivered", "partially_delivered") for row in found],
        [row.status in shipment.ENDED for row in found],
    )


_PROJECT = """
INSERT INTO shipments AS s (parcel, order_id, number, vendor_order, vendor, location, district, upazila, status, courier, consignment,
  tracking_url, cash, fee, weight_g, tries, reason, promised_at, booked_at, shipped_at, delivered_at, ended_at, updated_at)
SELECT parcel, order_id, number, vendor_order, vendor, location, district, upazila, status, nullif(courier, ''),
  nullif(consignment, ''), tracking_url, cash, fee, weight_g, tries, reason, promised_at, CASE WHEN is_booked THEN $1::timestamptz END,
  CASE WHEN is_away THEN $1::timestamptz END, CASE WHEN is_there THEN $1::timestamptz END,
  CASE WHEN is_ended THEN $1::timestamptz END, $1::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
  $12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::int[], $17::int[], $18::text[], $19::timestamptz[], $20::boolean[],
  $21::boolean[], $22::boolean[], $23::boolean[])
  AS t (parcel, order_id, number, vendor_order, vendor, location, district, upazila, status, courier, consignment, tracking_url, cash,
    fee, weight_g, tries, reason, promised_at, is_booked, is_away, is_there, is_ended)
ON CONFLICT (parcel) DO UPDATE SET status = excluded.status, courier = coalesce(excluded.courier, s.courier),
  consignment = excluded.consignment, tracking_url = excluded.tracking_url, cash = excluded.cash, fee = excluded.fee,
  weight_g = excluded.weight_g, tries = excluded.tries, reason = excluded.reason, promised_at = excluded.promised_at,
  booked_at = CASE WHEN excluded.booked_at IS NULL THEN NULL ELSE coalesce(s.booked_at, excluded.booked_at) END,
  shipped_at = coalesce(s.shipped_at, excluded.shipped_at), delivered_at = coalesce(s.delivered_at, excluded.delivered_at),
  ended_at = coalesce(s.ended_at, excluded.ended_at), updated_at = excluded.updated_at
WHERE (s.status, s.consignment, s.tracking_url, s.cash, s.fee, s.weight_g, s.tries, s.reason, s.promised_at)
  IS DISTINCT FROM (excluded.status, excluded.consignment, excluded.tracking_url, excluded.cash, excluded.fee, excluded.weight_g,
    excluded.tries, excluded.reason, excluded.promised_at)
"""


async def begin(tx: Tx, begun: Sequence[Begun], *, now: datetime) -> None:
    """Write down whom we are about to ask, under which reference. A parcel's earlier booking leaves this row; its scans stay."""
    rows = sorted(begun, key=lambda b: b.parcel)
    if not rows:
        return
    await tx.execute(
        """UPDATE shipments SET courier = t.courier, reference = t.reference, bookings = bookings + 1, carrier_status = '', updated_at = $1
           FROM unnest($2::uuid[], $3::text[], $4::text[]) AS t (parcel, courier, reference)
           WHERE shipments.parcel = t.parcel AND shipments.reference IS DISTINCT FROM t.reference""",
        now,
        [b.parcel for b in rows],
        [b.courier for b in rows],
        [b.reference for b in rows],
    )


async def hear(tx: Tx, said: Sequence[Said], *, now: datetime) -> set[tuple[str, str]]:
    """Store scans; returns (parcel, key) of those that are new. What was said before, in whatever words' order, is not stored again."""
    if not said:
        return set()
    rows = await tx.fetch(
        """INSERT INTO tracking_scans (parcel, order_id, courier, consignment, key, status, at, scan, source, actor, received_at)
           SELECT parcel, order_id, courier, consignment, key, status, at, scan::json, source, actor, $1
           FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
             $11::text[]) AS t (parcel, order_id, courier, consignment, key, status, at, scan, source, actor)
           ORDER BY parcel, at
           ON CONFLICT DO NOTHING
           RETURNING parcel::text, key""",
        now,
        [s.parcel for s in said],
        [s.order_id for s in said],
        [s.courier for s in said],
        [s.consignment for s in said],
        [s.scan.key for s in said],
        [s.scan.status for s in said],
        [s.scan.at for s in said],
        [_encode(s.scan).decode() for s in said],
        [s.source for s in said],
        [s.actor for s in said],
    )
    return {(row[0], row[1]) for row in rows}


async def say(tx: Tx, words: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Note each parcel's last word of its courier (parcel, status), and that we heard from it."""
    latest = dict(words)
    if latest:
        await tx.execute(
            """UPDATE shipments SET carrier_status = t.word, heard_at = $1 FROM unnest($2::uuid[], $3::text[]) AS t (parcel, word)
               WHERE shipments.parcel = t.parcel""",
            now,
            sorted(latest),
            [latest[parcel] for parcel in sorted(latest)],
        )


async def note(tx: Tx, events: Sequence[NodeEvent], *, now: datetime) -> None:
    """Append what nodes did."""
    if events:
        await tx.execute(
            """INSERT INTO node_events (location, vendor, order_id, parcel, kind, reason, units, at)
               SELECT location, vendor, order_id, nullif(parcel, '')::uuid, kind, reason, units, $1
               FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::int[])
                 AS t (location, vendor, order_id, parcel, kind, reason, units)""",
            now,
            [e.location for e in events],
            [e.vendor for e in events],
            [e.order_id for e in events],
            [e.parcel for e in events],
            [e.kind for e in events],
            [e.reason for e in events],
            [e.units for e in events],
        )
