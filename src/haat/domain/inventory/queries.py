"""Questions about stock. The one availability number is `Level.free(channel)`; nothing else is shown to a buyer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from haat.domain.inventory.admission import Level
from haat.domain.inventory.commands import Location
from haat.engine.database import Tx

LEVELS_MAX = 1000


class MovementView(msgspec.Struct, frozen=True):
    """A movement as it was recorded, with what was on hand right after it."""

    id: str
    sku: str
    location: str
    quantity: int
    reason: str
    reference: str
    actor: str
    at: datetime
    on_hand_after: int


class Drift(msgspec.Struct, frozen=True):
    """A level whose `reserved` is not the sum of what reservations hold. There should be none, ever."""

    sku: str
    location: str
    reserved: int
    held: int


async def locations(tx: Tx) -> dict[str, Location]:
    """All locations by code."""
    rows = await tx.fetch(
        "SELECT code, name, name_bn, kind, coalesce(vendor, ''), country, district, priority, active FROM locations ORDER BY code"
    )
    return {row[0]: Location(*row) for row in rows}


async def noted(tx: Tx, movements: Sequence[str]) -> frozenset[str]:
    """Which of these movements have happened already."""
    if not movements:
        return frozenset()
    rows = await tx.fetch("SELECT id::text FROM stock_movements WHERE id = ANY ($1::uuid[])", movements)
    return frozenset(row[0] for row in rows)


async def levels(tx: Tx, skus: Sequence[str], location: str | None = None) -> list[Level]:
    """The levels of these SKUs now, by SKU and location."""
    rows = await tx.fetch(
        """SELECT sku, location, on_hand, reserved, backorder_limit, expected_at, safety FROM stock
           WHERE sku = ANY ($1::text[]) AND ($2::text IS NULL OR location = $2) ORDER BY sku, location""",
        skus,
        location,
    )
    return [_level(row) for row in rows]


async def levels_page(tx: Tx, *, after: tuple[str, str] = ("", ""), location: str | None = None, limit: int = 100) -> list[Level]:
    """The next levels by (SKU, location) behind `after`."""
    rows = await tx.fetch(
        """SELECT sku, location, on_hand, reserved, backorder_limit, expected_at, safety FROM stock
           WHERE (sku, location) > ($1, $2) AND ($3::text IS NULL OR location = $3) ORDER BY sku, location LIMIT $4""",
        after[0],
        after[1],
        location,
        min(limit, LEVELS_MAX),
    )
    return [_level(row) for row in rows]


async def movements(tx: Tx, sku: str, *, before: str | None = None, limit: int = 100) -> list[MovementView]:
    """What changed a SKU's stock, newest first."""
    rows = await tx.fetch(
        """SELECT id::text, sku, location, quantity, reason, reference, actor, at, on_hand_after FROM stock_movements
           WHERE sku = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY stock_movements.id DESC LIMIT $3""",
        sku,
        before,
        limit,
    )
    return [MovementView(*row) for row in rows]


async def drift(tx: Tx, limit: int = 100) -> list[Drift]:
    """Levels that disagree with the reservations behind them: the recount that must always come back empty."""
    rows = await tx.fetch(
        """SELECT coalesce(s.sku, r.sku), coalesce(s.location, r.location), coalesce(s.reserved, 0), coalesce(r.held, 0)::bigint
           FROM stock AS s FULL JOIN (
             SELECT sku, location, sum(quantity - released - consumed) AS held FROM order_reservations
             WHERE status IN ('HELD', 'COMMITTED', 'PICKED') GROUP BY sku, location) AS r
           ON r.sku = s.sku AND r.location = s.location
           WHERE coalesce(s.reserved, 0) <> coalesce(r.held, 0) ORDER BY 1, 2 LIMIT $1""",
        limit,
    )
    return [Drift(*row) for row in rows]


async def overdue(tx: Tx, *, now: datetime, patience_s: int = 10) -> int:
    """Holds that should have ended `patience_s` ago and still stand: nobody is ending them."""
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM order_reservations WHERE status = 'HELD' AND expires_at < $1::timestamptz - $2 * interval '1 second'",
            now,
            patience_s,
        )
    )


def _level(row: Sequence[Any]) -> Level:
    safety = msgspec.json.decode(row[6]) if row[6] is not None else None
    return Level(row[0], row[1], row[2], row[3], row[4], row[5], safety)
