"""Questions about couriers' coverage, tariffs, rules and records; all of them together are the fleet that choosing reads."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from msgspec import Struct

from haat.domain.fulfilment.fleet import CourierRule, Coverage, Fleet, Record, Tariff, assemble
from haat.engine.database import Tx

_tariff = msgspec.json.Decoder(Tariff).decode
_rule = msgspec.json.Decoder(CourierRule).decode
AREAS_MAX = 200_000  # RedX has some 3,000 areas, Pathao some 12,000


class StoredTariff(Struct, frozen=True):
    """A courier's tariff of a zone as it stands."""

    courier: str
    tariff: Tariff
    version: int
    updated_at: datetime


async def load_fleet(tx: Tx, *, since: date) -> Fleet:
    """Everything that choosing looks up; of the records those of months from `since` on. Meant to be kept in memory."""
    areas = await tx.fetch(
        """SELECT courier, district, upazila, area, city_id, zone_id, area_id, name, delivers, collects
           FROM courier_areas ORDER BY courier, district, upazila, area LIMIT $1""",
        AREAS_MAX,
    )
    rows = await tx.fetch(
        """SELECT courier, district, upazila, delivered, returned, lost, days
           FROM courier_records WHERE month >= $1 ORDER BY courier, district, upazila, month""",
        since,
    )
    return assemble(
        [(row[0], Coverage(*row[1:])) for row in map(tuple, areas)],
        [(stored.courier, stored.tariff) for stored in await tariffs(tx)],
        await courier_rules(tx),
        [Record(row[0], row[1], row[2], row[3], row[4], row[5], tuple(row[6])) for row in rows],
    )


async def coverage(tx: Tx, courier: str, *, district: str | None, after: Sequence[str], limit: int) -> list[Coverage]:
    """Where a courier goes, by place, behind `after` (district, upazila, area)."""
    rows = await tx.fetch(
        """SELECT district, upazila, area, city_id, zone_id, area_id, name, delivers, collects
           FROM courier_areas
           WHERE courier = $1 AND (district, upazila, area) > ($2, $3, $4) AND ($5::text IS NULL OR district = $5)
           ORDER BY district, upazila, area LIMIT $6""",
        courier,
        *after,
        district,
        limit,
    )
    return [Coverage(*row) for row in rows]


async def tariffs(tx: Tx, courier: str | None = None) -> list[StoredTariff]:
    """Tariffs of one courier or of all."""
    rows = await tx.fetch(
        """SELECT courier, tariff::text, version, updated_at FROM courier_tariffs
           WHERE $1::text IS NULL OR courier = $1 ORDER BY courier, zone LIMIT 10000""",
        courier,
    )
    return [StoredTariff(row[0], _tariff(row[1]), row[2], row[3]) for row in rows]


async def courier_rules(tx: Tx) -> list[CourierRule]:
    """All rules in the order in which they are asked, those that are switched off included."""
    rows = await tx.fetch("SELECT rule::text, version FROM courier_rules ORDER BY (rule ->> 'position')::integer, code LIMIT 1000")
    return [msgspec.structs.replace(_rule(row[0]), version=row[1]) for row in rows]


async def records(tx: Tx, *, since: date, courier: str | None = None, limit: int = 1_000) -> list[Record]:
    """How parcels fared by courier, district and upazila, from the month `since` on; where most went first."""
    rows = await tx.fetch(
        """SELECT courier, district, upazila, sum(delivered)::integer, sum(returned)::integer, sum(lost)::integer
           FROM courier_records WHERE month >= $1 AND ($2::text IS NULL OR courier = $2)
           GROUP BY courier, district, upazila ORDER BY sum(delivered + returned + lost) DESC, courier, district, upazila LIMIT $3""",
        since,
        courier,
        limit,
    )
    return [Record(*row) for row in rows]


async def taken(tx: Tx, since: datetime) -> dict[str, int]:
    """Parcels that couriers were asked to take since then, by courier."""
    rows = await tx.fetch(
        """SELECT courier, count(*)::integer FROM shipments
           WHERE booked_at >= $1 AND courier IS NOT NULL GROUP BY courier ORDER BY courier LIMIT 10000""",
        since,
    )
    return dict(rows)
