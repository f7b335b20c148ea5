"""The vendors' verbs: write what is said about them, move them along their table, keep what the law asks for."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.vendors.queries import vendors
from haat.domain.vendors.vendor import Kyc, Move, Vendor, VendorSheet, VendorStatus, check_move, check_sheet
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Refused

KIND = "vendors"


async def upsert(
    tx: Tx,
    sheets: Sequence[VendorSheet],
    *,
    now: datetime,
    initially: VendorStatus = "invited",
    expected: Mapping[str, int] | None = None,
) -> dict[str, Vendor]:
    """Afterwards the vendors are as the sheets say. New ones begin as `initially`; the status of known ones stays.

    `expected`: versions by code that must still stand; another one is refused as `stale`, and with it the whole call.
    """
    for sheet in sheets:
        check_sheet(sheet)
    latest = {sheet.code: sheet for sheet in sheets}
    codes = sorted(latest)
    if expected:
        await _check_versions(tx, codes, expected)
    columns = zip(*(_columns(latest[code]) for code in codes), strict=True)
    if codes:
        await tx.execute(_UPSERT, now, initially, *columns)
        await changes.announce(tx, KIND, codes)
    return await vendors(tx, codes)


async def _check_versions(tx: Tx, codes: Sequence[str], expected: Mapping[str, int]) -> None:
    rows = await tx.fetch("SELECT code, version FROM vendors WHERE code = ANY($1::text[]) ORDER BY code FOR UPDATE", codes)
    stored = {row["code"]: row["version"] for row in rows}
    for code, version in expected.items():
        if stored.get(code, 0) != version:
            raise Refused("stale", f"version {version} was expected, {stored.get(code, 0)} is stored", kind="stale", vendor=code)


_UPSERT = """
INSERT INTO vendors (code, name_en, name_bn, status, city, zone, country, timezone, phone, email, holiday, hours, closures,
  handling, version, created_at, updated_at)
SELECT code, name_en, name_bn, $2, city, zone, country, timezone, phone, email, holiday, hours::json, closures::json, handling::json,
  1, $1, $1
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
  $12::boolean[], $13::text[], $14::text[], $15::text[])
  AS sheet (code, name_en, name_bn, city, zone, country, timezone, phone, email, holiday, hours, closures, handling)
ON CONFLICT (code) DO UPDATE SET
  name_en = excluded.name_en, name_bn = excluded.name_bn, city = excluded.city, zone = excluded.zone,
  country = excluded.country, timezone = excluded.timezone, phone = excluded.phone, email = excluded.email,
  holiday = excluded.holiday, hours = excluded.hours, closures = excluded.closures, handling = excluded.handling,
  version = vendors.version + 1, updated_at = excluded.updated_at
WHERE (vendors.name_en, vendors.name_bn, vendors.city, vendors.zone, vendors.country, vendors.timezone, vendors.phone,
    vendors.email, vendors.holiday, vendors.hours::text, vendors.closures::text, vendors.handling::text)
  IS DISTINCT FROM (excluded.name_en, excluded.name_bn, excluded.city, excluded.zone, excluded.country, excluded.timezone,
    excluded.phone, excluded.email, excluded.holiday, excluded.hours::text, excluded.closures::text, excluded.handling::text)
"""


def _columns(sheet: VendorSheet) -> tuple[object, ...]:
    return (
        sheet.code,
        sheet.name_en,
        sheet.name_bn,
        sheet.city,
        sheet.zone,
        sheet.country,
        sheet.timezone,
        sheet.phone,
        sheet.email,
        sheet.holiday,
        msgspec.json.encode(sheet.hours).decode(),
        msgspec.json.encode(sheet.closures).decode(),
        msgspec.json.encode(sheet.handling).decode(),
    )


async def move(tx: Tx, moves: Sequence[Move], *, by: str, now: datetime) -> dict[str, Vendor]:
    """Afterwards the vendors have their new status, and the history says who moved them and why. Locks them in code order.

    Moving to the status that already holds changes nothing. One refused move refuses the call.
    """
    wanted = {move.vendor: move for move in moves}
    rows = await tx.fetch("SELECT code, status FROM vendors WHERE code = ANY($1::text[]) ORDER BY code FOR UPDATE", list(wanted))
    status = {row["code"]: row["status"] for row in rows}
    if missing := [code for code in wanted if code not in status]:
        raise Refused("unknown_vendor", f"there is no vendor {missing[0]}", kind="missing", vendor=missing[0])
    due = [move for move in wanted.values() if status[move.vendor] != move.status]
    for each in due:
        check_move(status[each.vendor], each)
    if due:
        await tx.execute(
            """WITH due AS (
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS due (vendor, from_status, to_status, reason)
               ), moved AS (
                 UPDATE vendors SET status = due.to_status, version = version + 1, updated_at = $6
                 FROM due
                 WHERE vendors.code = due.vendor
               )
               INSERT INTO vendor_status_changes (vendor, from_status, to_status, reason, changed_by, at)
               SELECT vendor, from_status, to_status, reason, $5, $6 FROM due ORDER BY vendor""",
            [each.vendor for each in due],
            [status[each.vendor] for each in due],
            [each.status for each in due],
            [each.reason for each in due],
            by,
            now,
        )
        await changes.announce(tx, KIND, [each.vendor for each in due])
    return await vendors(tx, list(wanted))


async def keep_kyc(tx: Tx, vendor: str, kyc: Kyc, *, by: str, now: datetime) -> None:
    """Afterwards these are the vendor's numbers; an empty one takes away what was there. They go into no log and no change."""
    known = await tx.fetchval("SELECT EXISTS (SELECT FROM vendors WHERE code = $1)", vendor)
    if not known:
        raise Refused("unknown_vendor", f"there is no vendor {vendor}", kind="missing", vendor=vendor)
    await tx.execute(
        """INSERT INTO vendor_kyc (vendor, bin, tin, trade_licence, dbid, nid, updated_by, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (vendor) DO UPDATE SET bin = excluded.bin, tin = excluded.tin, trade_licence = excluded.trade_licence,
             dbid = excluded.dbid, nid = excluded.nid, updated_by = excluded.updated_by, updated_at = excluded.updated_at""",
        vendor,
        kyc.bin,
        kyc.tin,
        kyc.trade_licence,
        kyc.dbid,
        kyc.nid,
        by,
        now,
    )
