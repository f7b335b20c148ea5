"""Writing shipments: rows that follow the orders' facts, bookings before they are asked for, scans as they come, what nodes did."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from haat.domain.fulfilment.shipment import Begun, NodeEvent, Row, Said
from haat.engine.arrays import instants, ints, texts
from haat.engine.database import Tx

_encode = msgspec.json.Encoder().encode


async def project(tx: Tx, rows: Sequence[Row], *, now: datetime) -> None:
    """Bring the rows to what the facts say. An instant is set when its status is first reached; a recall takes `booked_at` back.

    What the courier's side knows (reference, its last word) stays. A parcel that has a courier on record keeps it while the facts
    name none: between writing a booking down and hearing of it, only the record knows.
    """
    found = _latest(rows)
    if found:
        await tx.execute(_INSERT, *_arguments(found, now), *_places(found))


async def move_on(tx: Tx, rows: Sequence[Row], *, now: datetime) -> None:
    """`project` for parcels that have their row: what never changes is not written again."""
    found = _latest(rows)
    if found:
        await tx.execute(_UPDATE, *_arguments(found, now))


def _latest(rows: Sequence[Row]) -> list[Row]:
    """Each parcel once, as it was said last, in the order in which rows are locked."""
    latest = {row.parcel: row for row in rows}
    return [latest[parcel] for parcel in sorted(latest)]


def _arguments(rows: Sequence[Row], now: datetime) -> tuple[object, ...]:
    return (
        now,
        texts([r.parcel for r in rows]),
        texts([r.status for r in rows]),
        texts([r.courier for r in rows]),
        texts([r.consignment for r in rows]),
        texts([r.tracking_url for r in rows]),
        ints([r.cash for r in rows]),
        ints([r.fee for r in rows]),
        ints([r.weight_g for r in rows]),
        ints([r.tries for r in rows]),
        texts([r.reason for r in rows]),
        texts([r.promised_at.isoformat() if r.promised_at is not None else "" for r in rows]),
    )


def _places(rows: Sequence[Row]) -> tuple[object, ...]:
    return (
        texts([r.order_id for r in rows]),
        texts([r.number for r in rows]),
        texts([r.vendor_order for r in rows]),
        texts([r.vendor for r in rows]),
        texts([r.location for r in rows]),
        texts([r.district for r in rows]),
        texts([r.upazila for r in rows]),
    )


#: What changes, with the instants that a status sets; `t` are the new values.
_NOW = """parcel, status, nullif(courier, '') AS courier, nullif(consignment, '') AS consignment, tracking_url, cash, fee, weight_g,
  tries, reason, nullif(promised_at, '')::timestamptz AS promised_at,
  CASE WHEN status NOT IN ('planned', 'picking', 'packed', 'uncertain', 'lost', 'cancelled') THEN $1::timestamptz END AS booked_at,
  CASE WHEN status IN ('shipped', 'out_for_delivery', 'attempt_failed', 'returning', 'returned', 'delivered', 'partially_delivered')
    THEN $1::timestamptz END AS shipped_at,
  CASE WHEN status IN ('delivered', 'partially_delivered') THEN $1::timestamptz END AS delivered_at,
  CASE WHEN status IN ('delivered', 'partially_delivered', 'returned', 'lost', 'cancelled') THEN $1::timestamptz END AS ended_at"""
_CASH = "cash = CASE WHEN t.consignment IS NULL THEN s.cash ELSE t.cash END"  # before a booking only the record knows what was asked for
_SET = f"""status = t.status, courier = coalesce(t.courier, s.courier), consignment = t.consignment, tracking_url = t.tracking_url,
  {_CASH}, fee = t.fee,
  weight_g = t.weight_g, tries = t.tries, reason = t.reason, promised_at = t.promised_at,
  booked_at = CASE WHEN t.status = 'lost' THEN s.booked_at WHEN t.booked_at IS NULL THEN NULL ELSE coalesce(s.booked_at, t.booked_at) END,
  shipped_at = coalesce(s.shipped_at, t.shipped_at), delivered_at = coalesce(s.delivered_at, t.delivered_at),
  ended_at = coalesce(s.ended_at, t.ended_at), updated_at = $1"""
_DIFFERS = """((s.status, s.consignment, s.tracking_url, s.fee, s.weight_g, s.tries, s.reason, s.promised_at)
    IS DISTINCT FROM (t.status, t.consignment, t.tracking_url, t.fee, t.weight_g, t.tries, t.reason, t.promised_at)
  OR t.consignment IS NOT NULL AND s.cash <> t.cash)"""

_UPDATE = f"""
WITH t AS MATERIALIZED (
  SELECT {_NOW}
  FROM unnest($2::text::uuid[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[], $7::text::bigint[],
    $8::text::bigint[], $9::text::int[], $10::text::int[], $11::text::text[], $12::text::text[])
    AS n (parcel, status, courier, consignment, tracking_url, cash, fee, weight_g, tries, reason, promised_at))
UPDATE shipments AS s SET {_SET} FROM t WHERE s.parcel = t.parcel AND {_DIFFERS}
"""


def _upsert(columns: str, values: str, arrays: str, change: str, when: str) -> str:
    """Rows that may be there already. `columns`, `values`, `arrays`: what stands behind those of every row; `t` are the new values."""
    names = "".join(f", {name}" for name in arrays.split()[1::2])
    types = "".join(f", {array}" for array in arrays.split()[::2])
    return f"""
INSERT INTO shipments AS s (parcel, status, courier, consignment, tracking_url, cash, fee, weight_g, tries, reason, promised_at,
  booked_at, shipped_at, delivered_at, ended_at, order_id, number, vendor_order, vendor, location, district, upazila, updated_at{columns})
SELECT {_NOW}, order_id, number, vendor_order, vendor, location, district, upazila, $1::timestamptz{values}
FROM unnest($2::text::uuid[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[], $7::text::bigint[],
  $8::text::bigint[], $9::text::int[], $10::text::int[], $11::text::text[], $12::text::text[], $13::text::uuid[], $14::text::text[],
  $15::text::uuid[], $16::text::text[], $17::text::text[], $18::text::text[], $19::text::text[]{types})
  AS n (parcel, status, courier, consignment, tracking_url, cash, fee, weight_g, tries, reason, promised_at, order_id, number,
    vendor_order, vendor, location, district, upazila{names})
ON CONFLICT (parcel) DO UPDATE SET {change.replace("t.", "excluded.")} WHERE {when.replace("t.", "excluded.")}
"""


_INSERT = _upsert("", "", "", _SET, _DIFFERS)
_BEGIN = _upsert(
    ", reference, bookings",
    ", reference, 1",
    "$20::text::text[] reference",
    f"{_SET.replace(_CASH, 'cash = t.cash')}, reference = t.reference, bookings = s.bookings + 1, carrier_status = ''",
    "s.reference IS DISTINCT FROM t.reference",
)


async def begin(tx: Tx, begun: Sequence[tuple[Row, Begun]], *, now: datetime) -> None:
    """Write down whom we are about to ask, under which reference, with what the facts say of the parcel; it may have no row yet.

    A parcel's earlier booking leaves this row; its scans stay. The same reference again changes nothing.
    """
    latest = {b.parcel: (row, b) for row, b in begun}
    rows = [(msgspec.structs.replace(row, courier=b.courier, cash=b.cash), b) for _, (row, b) in sorted(latest.items())]
    if rows:
        found = [row for row, _ in rows]
        await tx.execute(_BEGIN, *_arguments(found, now), *_places(found), texts([b.reference for _, b in rows]))


async def hear(tx: Tx, said: Sequence[Said], *, now: datetime) -> set[tuple[str, str]]:
    """Store scans; returns (parcel, key) of those that are new. What was said before, in whatever words' order, is not stored again."""
    if not said:
        return set()
    rows = await tx.fetch(
        """INSERT INTO tracking_scans (parcel, order_id, courier, consignment, key, status, at, scan, source, actor, received_at)
           SELECT parcel, order_id, courier, consignment, key, status, at, scan::json, source, actor, $1
           FROM unnest($2::text::uuid[], $3::text::uuid[], $4::text::text[], $5::text::text[], $6::text::text[], $7::text::text[],
             $8::text::timestamptz[], $9::text[], $10::text::text[], $11::text::text[])
             AS t (parcel, order_id, courier, consignment, key, status, at, scan, source, actor)
           ORDER BY parcel, at
           ON CONFLICT DO NOTHING
           RETURNING parcel::text, key""",
        now,
        texts([s.parcel for s in said]),
        texts([s.order_id for s in said]),
        texts([s.courier for s in said]),
        texts([s.consignment for s in said]),
        texts([s.key for s in said]),
        texts([s.scan.status for s in said]),
        instants([s.scan.at for s in said]),
        [_encode(s.scan).decode() for s in said],
        texts([s.source for s in said]),
        texts([s.actor for s in said]),
    )
    return {(row[0], row[1]) for row in rows}


async def say(tx: Tx, words: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Note each parcel's last word of its courier (parcel, status), and that we heard from it."""
    latest = dict(words)
    if latest:
        await tx.execute(
            """UPDATE shipments SET carrier_status = t.word, heard_at = $1
               FROM unnest($2::text::uuid[], $3::text::text[]) AS t (parcel, word)
               WHERE shipments.parcel = t.parcel""",
            now,
            texts(sorted(latest)),
            texts([latest[parcel] for parcel in sorted(latest)]),
        )


async def note(tx: Tx, events: Sequence[NodeEvent], *, now: datetime) -> None:
    """Append what nodes did."""
    if events:
        await tx.execute(
            """INSERT INTO node_events (location, vendor, order_id, parcel, kind, reason, units, at)
               SELECT location, vendor, order_id, nullif(parcel, '')::uuid, kind, reason, units, $1
               FROM unnest($2::text::text[], $3::text::text[], $4::text::uuid[], $5::text::text[], $6::text::text[], $7::text::text[],
                 $8::text::int[]) AS t (location, vendor, order_id, parcel, kind, reason, units)""",
            now,
            texts([e.location for e in events]),
            texts([e.vendor for e in events]),
            texts([e.order_id for e in events]),
            texts([e.parcel for e in events]),
            texts([e.kind for e in events]),
            texts([e.reason for e in events]),
            ints([e.units for e in events]),
        )
