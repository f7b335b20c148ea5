"""Questions about shipments: one, many, by a courier's name for them, their scans, what is to be picked, how they fared."""

from collections.abc import Sequence

import msgspec

from haat.domain.fulfilment.courier import Scan
from haat.domain.fulfilment.shipment import Shipment, Told, follows, later
from haat.engine.database import Row, Tx

_scan = msgspec.json.Decoder(Scan).decode


class Wanted(msgspec.Struct, frozen=True):
    """What a list of shipments is narrowed to; every field that is set must hold."""

    vendor: str | None = None
    status: str | None = None
    courier: str | None = None
    location: str | None = None
    order_id: str | None = None
    vendor_order: str | None = None


async def shipments(tx: Tx, parcels: Sequence[str]) -> dict[str, Shipment]:
    """These shipments, as far as they exist."""
    rows = await tx.fetch(
        """SELECT parcel::text, order_id::text, number, vendor_order::text, vendor, location, district, upazila, status, carrier_status,
             courier, reference, bookings, consignment, tracking_url, cash, fee, weight_g, tries, reason, booked_at, shipped_at,
             delivered_at, ended_at, promised_at, heard_at, updated_at
           FROM shipments WHERE parcel = ANY ($1::uuid[])""",
        parcels,
    )
    return {row["parcel"]: _shipment_of(row) for row in rows}


async def find_shipments(tx: Tx, wanted: Wanted, *, before: str | None, limit: int) -> list[Shipment]:
    """Matching shipments, the newest first, older than the id `before`."""
    rows = await tx.fetch(
        """SELECT parcel::text, order_id::text, number, vendor_order::text, vendor, location, district, upazila, status, carrier_status,
             courier, reference, bookings, consignment, tracking_url, cash, fee, weight_g, tries, reason, booked_at, shipped_at,
             delivered_at, ended_at, promised_at, heard_at, updated_at
           FROM shipments
           WHERE ($1::text IS NULL OR vendor = $1) AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR courier = $3)
             AND ($4::text IS NULL OR location = $4) AND ($5::uuid IS NULL OR order_id = $5) AND ($6::uuid IS NULL OR vendor_order = $6)
             AND ($7::uuid IS NULL OR parcel < $7)
           ORDER BY parcel DESC LIMIT $8""",
        wanted.vendor,
        wanted.status,
        wanted.courier,
        wanted.location,
        wanted.order_id,
        wanted.vendor_order,
        before,
        limit,
    )
    return [_shipment_of(row) for row in rows]


async def by_name(tx: Tx, courier: str, *, consignments: Sequence[str], references: Sequence[str]) -> list[Shipment]:
    """The shipments that this courier calls so, or that we called so when we booked them with it."""
    rows = await tx.fetch(
        """SELECT parcel::text, order_id::text, number, vendor_order::text, vendor, location, district, upazila, status, carrier_status,
             courier, reference, bookings, consignment, tracking_url, cash, fee, weight_g, tries, reason, booked_at, shipped_at,
             delivered_at, ended_at, promised_at, heard_at, updated_at
           FROM shipments
           WHERE parcel IN (SELECT parcel FROM shipments WHERE courier = $1 AND consignment = ANY ($2::text[])
             UNION SELECT parcel FROM shipments WHERE reference = ANY ($3::text[]) AND courier = $1)""",
        courier,
        consignments,
        references,
    )
    return [_shipment_of(row) for row in rows]


async def by_earlier_name(tx: Tx, references: Sequence[str]) -> dict[str, Shipment]:
    """The shipments that these were our names of, for bookings that were given up since, whoever has them now."""
    names = {name: later(name) for name in references}
    rows = await tx.fetch(
        """SELECT parcel::text, order_id::text, number, vendor_order::text, vendor, location, district, upazila, status, carrier_status,
             courier, reference, bookings, consignment, tracking_url, cash, fee, weight_g, tries, reason, booked_at, shipped_at,
             delivered_at, ended_at, promised_at, heard_at, updated_at
           FROM shipments WHERE reference = ANY ($1::text[])""",
        sorted({each for candidates in names.values() for each in candidates}),
    )
    stored = {row["reference"]: _shipment_of(row) for row in rows}
    found: dict[str, Shipment] = {}
    for name, candidates in names.items():
        for each in candidates:
            if each in stored and follows(stored[each], name):
                found[name] = stored[each]
    return found


async def scans(tx: Tx, parcels: Sequence[str]) -> dict[str, list[Told]]:
    """Every scan of these parcels, in the order of the couriers' clocks."""
    rows = await tx.fetch(
        """SELECT parcel::text, consignment, scan, source, actor, received_at FROM tracking_scans
           WHERE parcel = ANY ($1::uuid[]) ORDER BY parcel, at, id""",
        parcels,
    )
    found: dict[str, list[Told]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Told(row[0], row[1], _scan(row[2]), row[3], row[4], row[5]))
    return found


async def to_pick(tx: Tx, *, location: str | None, vendor: str | None, limit: int) -> list[tuple[str, str]]:
    """(order id, parcel) of parcels that wait to be packed, the oldest first."""
    rows = await tx.fetch(
        """SELECT order_id::text, parcel::text FROM shipments
           WHERE status IN ('planned', 'picking') AND ($1::text IS NULL OR location = $1) AND ($2::text IS NULL OR vendor = $2)
           ORDER BY parcel LIMIT $3""",
        location,
        vendor,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


def _shipment_of(row: Row) -> Shipment:
    return Shipment(
        id=row["parcel"],
        order_id=row["order_id"],
        number=row["number"],
        vendor_order=row["vendor_order"],
        vendor=row["vendor"],
        location=row["location"],
        status=row["status"],
        district=row["district"],
        upazila=row["upazila"],
        carrier_status=row["carrier_status"],
        courier=row["courier"] or "",
        reference=row["reference"] or "",
        bookings=row["bookings"],
        consignment=row["consignment"] or "",
        tracking_url=row["tracking_url"],
        cash=row["cash"],
        fee=row["fee"],
        weight_g=row["weight_g"],
        tries=row["tries"],
        reason=row["reason"],
        booked_at=row["booked_at"],
        shipped_at=row["shipped_at"],
        delivered_at=row["delivered_at"],
        ended_at=row["ended_at"],
        promised_at=row["promised_at"],
        heard_at=row["heard_at"],
        updated_at=row["updated_at"],
    )
