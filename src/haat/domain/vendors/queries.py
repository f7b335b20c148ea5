"""Questions about vendors. `load_all` fills the copy that every process keeps; numbers for the law are asked for by name."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from haat.domain.vendors.vendor import Closure, Handling, Hours, Kyc, Vendor, VendorStatus
from haat.engine.database import Row, Tx

_hours = msgspec.json.Decoder(tuple[Hours, ...]).decode
_closures = msgspec.json.Decoder(tuple[Closure, ...]).decode
_handling = msgspec.json.Decoder(Handling).decode


class StatusChange(Struct, frozen=True):
    """One step of a vendor's life."""

    vendor: str
    from_status: VendorStatus
    to_status: VendorStatus
    reason: str
    changed_by: str
    at: datetime


async def load_all(tx: Tx) -> dict[str, Vendor]:
    """Every vendor by code."""
    rows = await tx.fetch(
        """SELECT code, name_en, name_bn, status, city, zone, country, timezone, phone, email, holiday, hours, closures,
             handling, version, created_at, updated_at
           FROM vendors
           ORDER BY code"""
    )
    return {row["code"]: _vendor_of(row) for row in rows}


async def vendors(tx: Tx, codes: Sequence[str]) -> dict[str, Vendor]:
    """The vendors among `codes` that exist."""
    rows = await tx.fetch(
        """SELECT code, name_en, name_bn, status, city, zone, country, timezone, phone, email, holiday, hours, closures,
             handling, version, created_at, updated_at
           FROM vendors
           WHERE code = ANY($1::text[])
           ORDER BY code""",
        codes,
    )
    return {row["code"]: _vendor_of(row) for row in rows}


async def vendor(tx: Tx, code: str) -> Vendor | None:
    return (await vendors(tx, [code])).get(code)


async def find(tx: Tx, *, status: VendorStatus | None = None, city: str | None = None, after: str = "", limit: int = 50) -> list[Vendor]:
    """Vendors in code order, from behind the code `after`."""
    rows = await tx.fetch(
        """SELECT code, name_en, name_bn, status, city, zone, country, timezone, phone, email, holiday, hours, closures,
             handling, version, created_at, updated_at
           FROM vendors
           WHERE code > $1
             AND ($2::text IS NULL OR status = $2)
             AND ($3::text IS NULL OR city = $3)
           ORDER BY code
           LIMIT $4""",
        after,
        status,
        city,
        limit,
    )
    return [_vendor_of(row) for row in rows]


def _vendor_of(row: Row) -> Vendor:
    return Vendor(
        code=row["code"],
        name_en=row["name_en"],
        name_bn=row["name_bn"],
        status=row["status"],
        city=row["city"],
        zone=row["zone"],
        country=row["country"],
        timezone=row["timezone"],
        phone=row["phone"],
        email=row["email"],
        holiday=row["holiday"],
        hours=_hours(row["hours"]),
        closures=_closures(row["closures"]),
        handling=_handling(row["handling"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def history(tx: Tx, code: str, *, limit: int = 200) -> list[StatusChange]:
    """How the vendor's status changed, the latest first."""
    rows = await tx.fetch(
        """SELECT vendor, from_status, to_status, reason, changed_by, at
           FROM vendor_status_changes
           WHERE vendor = $1
           ORDER BY id DESC
           LIMIT $2""",
        code,
        limit,
    )
    return [StatusChange(*row) for row in rows]


async def kyc(tx: Tx, code: str) -> Kyc | None:
    """The vendor's numbers for the law. Sensitive: show them to the vendor itself and to those who review it."""
    row = await tx.fetchrow("SELECT bin, tin, trade_licence, dbid, nid FROM vendor_kyc WHERE vendor = $1", code)
    return (
        None if row is None else Kyc(bin=row["bin"], tin=row["tin"], trade_licence=row["trade_licence"], dbid=row["dbid"], nid=row["nid"])
    )
