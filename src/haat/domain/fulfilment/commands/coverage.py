"""Verbs on what is known of couriers: where they go, what they take, the rules of choice, and how their parcels fared."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import msgspec

from haat.domain.fulfilment.fleet import DAYS_KEPT, CourierRule, Coverage, Tariff, plain
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Refused

#: What is announced whenever a fleet in memory is stale.
COURIERS = "couriers"


async def put_coverage(tx: Tx, courier: str, places: Sequence[Coverage], *, now: datetime) -> int:
    """Afterwards these places of a courier are as said; how many are new or changed. Others stay. The later of two alike counts."""
    latest = {(place.district, place.upazila, plain(place.area)): place for place in places}
    keys = sorted(latest)
    rows = [latest[key] for key in keys]
    written = await tx.fetch(
        """INSERT INTO courier_areas AS t
             (courier, district, upazila, area, city_id, zone_id, area_id, name, delivers, collects, updated_at)
           SELECT $1, district, upazila, area, city_id, zone_id, area_id, name, delivers, collects, $2
           FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::boolean[])
             AS n (district, upazila, area, city_id, zone_id, area_id, name, delivers, collects)
           ON CONFLICT (courier, district, upazila, area) DO UPDATE
           SET (city_id, zone_id, area_id, name, delivers, collects, updated_at) =
               (excluded.city_id, excluded.zone_id, excluded.area_id, excluded.name, excluded.delivers, excluded.collects, $2)
           WHERE (t.city_id, t.zone_id, t.area_id, t.name, t.delivers, t.collects) IS DISTINCT FROM
               (excluded.city_id, excluded.zone_id, excluded.area_id, excluded.name, excluded.delivers, excluded.collects)
           RETURNING 1""",
        courier,
        now,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
        [row.city_id for row in rows],
        [row.zone_id for row in rows],
        [row.area_id for row in rows],
        [row.name for row in rows],
        [row.delivers for row in rows],
        [row.collects for row in rows],
    )
    await _announce(tx, bool(written))
    return len(written)


async def drop_coverage(tx: Tx, courier: str, district: str) -> int:
    """Afterwards nothing is said of a courier in this district («*»: anywhere); how many places went."""
    gone = await tx.fetch("DELETE FROM courier_areas WHERE courier = $1 AND ($2 = '*' OR district = $2) RETURNING 1", courier, district)
    await _announce(tx, bool(gone))
    return len(gone)


async def put_tariffs(tx: Tx, courier: str, tariffs: Sequence[Tariff], *, now: datetime) -> int:
    """Afterwards these zones of a courier cost what is said; how many are new or changed. A version counts each change."""
    latest = {tariff.zone: tariff for tariff in tariffs}
    zones = sorted(latest)
    written = await tx.fetch(
        """INSERT INTO courier_tariffs AS t (courier, zone, tariff, version, updated_at)
           SELECT $1, zone, tariff::jsonb, 1, $2 FROM unnest($3::text[], $4::text[]) AS n (zone, tariff)
           ON CONFLICT (courier, zone) DO UPDATE SET tariff = excluded.tariff, version = t.version + 1, updated_at = $2
           WHERE t.tariff IS DISTINCT FROM excluded.tariff
           RETURNING zone""",
        courier,
        now,
        zones,
        [msgspec.json.encode(latest[zone]).decode() for zone in zones],
    )
    await _announce(tx, bool(written))
    return len(written)


async def put_courier_rules(
    tx: Tx, rules: Sequence[CourierRule], *, now: datetime, expected: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Afterwards the rules are as said; the version of each. One that would not change keeps its version; rows are locked by code.

    `expected`: versions by code that must still stand (0: must not exist); another one is refused as `stale`.
    """
    latest = {rule.code: rule for rule in rules}
    codes = sorted(latest)
    rows = await tx.fetch("SELECT code, version FROM courier_rules WHERE code = ANY ($1::text[]) ORDER BY code FOR UPDATE", codes)
    there: dict[str, int] = dict(rows)
    for code, awaited in (expected or {}).items():
        if there.get(code, 0) != awaited:
            raise Refused("stale", f"version {awaited} was expected, {there.get(code, 0)} is stored", kind="stale", rule=code)
    written = await tx.fetch(
        """INSERT INTO courier_rules AS t (code, rule, version, updated_at)
           SELECT code, rule::jsonb, 1, $1 FROM unnest($2::text[], $3::text[]) AS n (code, rule)
           ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $1
           WHERE t.rule IS DISTINCT FROM excluded.rule
           RETURNING code, version""",
        now,
        codes,
        [msgspec.json.encode(msgspec.structs.replace(latest[code], version=0)).decode() for code in codes],
    )
    await _announce(tx, bool(written))
    return there | dict(written)


async def refresh_records(tx: Tx, *, since: date) -> int:
    """Afterwards the records of the months from that of `since` on are what the shipments say; how many rows changed. Idempotent."""
    changed = await tx.fetch(_REFRESH, since.replace(day=1))
    await _announce(tx, bool(changed))
    return len(changed)


#: Days on the way by the calendar of Dhaka; the last place of the array counts all that took longer.
_DAYS = ", ".join(
    f"count(*) FILTER (WHERE here AND days {'=' if day < DAYS_KEPT - 1 else '>='} {day})::integer" for day in range(DAYS_KEPT)
)
_REFRESH = f"""
INSERT INTO courier_records AS t (courier, district, upazila, month, delivered, returned, lost, days)
SELECT courier, district, upazila, date_trunc('month', ended)::date,
  count(*) FILTER (WHERE here), count(*) FILTER (WHERE status = 'returned'), count(*) FILTER (WHERE status = 'lost'), ARRAY[{_DAYS}]
FROM (
  SELECT courier, district, upazila, status, ended_at AT TIME ZONE 'Asia/Dhaka' AS ended,
    status IN ('delivered', 'partially_delivered') AS here,
    greatest((coalesce(delivered_at, ended_at) AT TIME ZONE 'Asia/Dhaka')::date - (shipped_at AT TIME ZONE 'Asia/Dhaka')::date, 0) AS days
  FROM shipments
  WHERE ended_at >= ($1::date::timestamp AT TIME ZONE 'Asia/Dhaka') AND courier IS NOT NULL AND courier <> '' AND shipped_at IS NOT NULL
) AS ended_parcels
GROUP BY courier, district, upazila, date_trunc('month', ended)
ORDER BY courier, district, upazila
ON CONFLICT (courier, district, upazila, month) DO UPDATE
SET (delivered, returned, lost, days) = (excluded.delivered, excluded.returned, excluded.lost, excluded.days)
WHERE (t.delivered, t.returned, t.lost, t.days) IS DISTINCT FROM (excluded.delivered, excluded.returned, excluded.lost, excluded.days)
RETURNING 1
"""


async def _announce(tx: Tx, something: bool) -> None:
    if something:
        await changes.announce(tx, COURIERS, [changes.ALL])
