"""The verbs of stock. Each takes many and runs in the caller's transaction.

Locks: rows of `stock` are locked in (sku, location) order by every verb here, after the locks on orders and on counted
limits; so two writers wait for each other and never deadlock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.inventory.admission import Level, Take
from haat.domain.inventory.reservation import HOLDING, Consumption, Release, Reservation
from haat.engine import changes, together
from haat.engine.arrays import ints, texts
from haat.engine.database import Rejected, Tx
from haat.kernel.errors import Refused


class Location(msgspec.Struct, frozen=True):
    """A place that holds stock. `vendor` "" = the marketplace's own. Lower `priority` is asked first."""

    code: str
    name: str
    name_bn: str = ""
    kind: str = "warehouse"
    vendor: str = ""
    country: str = "BD"
    district: str = ""
    priority: int = 100
    active: bool = True


class Movement(msgspec.Struct, frozen=True):
    """Units that came or went at a location, and why (`receipt`, `adjustment`, `count`, `damage`, `return` …)."""

    id: str
    sku: str
    location: str
    quantity: int
    reason: str
    reference: str = ""


class Terms(msgspec.Struct, frozen=True):
    """What a SKU's stock at a location permits: units kept back by channel, units sold before they exist."""

    sku: str
    location: str
    backorder_limit: int = 0
    expected_at: datetime | None = None
    safety: Mapping[str, int] | None = None


Owned = Sequence[tuple[str, Sequence[Take]]]
Deltas = Mapping[tuple[str, str], int]


async def put_locations(tx: Tx, locations: Sequence[Location]) -> None:
    """Create or replace locations by code."""
    await tx.executemany(
        """INSERT INTO locations (code, name, name_bn, kind, vendor, country, district, priority, active)
           VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9)
           ON CONFLICT (code) DO UPDATE SET name = excluded.name, name_bn = excluded.name_bn, kind = excluded.kind,
             vendor = excluded.vendor, country = excluded.country, district = excluded.district,
             priority = excluded.priority, active = excluded.active, updated_at = now()""",
        [(x.code, x.name, x.name_bn, x.kind, x.vendor, x.country, x.district, x.priority, x.active) for x in locations],
    )
    await changes.announce(tx, "locations", [x.code for x in locations])


async def put_terms(tx: Tx, terms: Sequence[Terms]) -> None:
    """Set what may be sold beyond and below the units on hand. Refused where it would contradict what was sold already."""
    rows = sorted(terms, key=lambda t: (t.sku, t.location))
    try:
        await tx.execute(
            """INSERT INTO stock (sku, location, backorder_limit, expected_at, safety)
               SELECT sku, location, backorder_limit, expected_at, safety::json
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[])
                 AS t (sku, location, backorder_limit, expected_at, safety)
               ORDER BY sku, location
               ON CONFLICT (sku, location) DO UPDATE SET backorder_limit = excluded.backorder_limit,
                 expected_at = excluded.expected_at, safety = excluded.safety""",
            [t.sku for t in rows],
            [t.location for t in rows],
            [t.backorder_limit for t in rows],
            [t.expected_at for t in rows],
            [msgspec.json.encode(t.safety).decode() if t.safety else None for t in rows],
        )
    except Rejected as error:
        raise _refusal(error) from error


async def move(tx: Tx, movements: Sequence[Movement], *, actor: str, now: datetime) -> None:
    """Change what is on hand, each change with its cause. The same movement id again changes nothing.

    Refused (`stock_would_go_negative`) where more would leave than is there or than is not reserved; nothing moves then.
    """
    rows = sorted(movements, key=lambda m: (m.sku, m.location, m.id))
    try:
        await tx.execute(_MISSING, [m.sku for m in rows], [m.location for m in rows])
        await tx.execute(
            _MOVE,
            [m.id for m in rows],
            [m.sku for m in rows],
            [m.location for m in rows],
            [m.quantity for m in rows],
            [m.reason for m in rows],
            [m.reference for m in rows],
            actor,
            now,
        )
    except Rejected as error:
        raise _refusal(error) from error


async def lock_levels(tx: Tx, skus: Sequence[str]) -> list[Level]:
    """The levels of these SKUs everywhere, locked until the transaction ends."""
    rows = await tx.fetch(
        """SELECT sku, location, on_hand, reserved, backorder_limit, expected_at, safety FROM stock
           WHERE sku = ANY ($1::text::text[]) ORDER BY sku, location FOR NO KEY UPDATE""",
        texts(skus),
    )
    decode = msgspec.json.decode
    return [Level(r[0], r[1], r[2], r[3], r[4], r[5], decode(r[6]) if r[6] is not None else None) for r in rows]


async def reserve(tx: Tx, owned: Owned, deltas: Deltas, *, now: datetime) -> None:
    """Commit what admission took: one reservation per take, owned by its order, and the levels moved by `deltas`."""
    await tx.execute(_RESERVE, *reserve_arguments(owned, deltas, now=now))


async def reserve_again(tx: Tx, owned: Owned, deltas: Deltas, *, now: datetime) -> None:
    """As `reserve`, for owners that may have had such reservations before: those are taken up again."""
    arguments = reserve_arguments(owned, deltas, now=now)
    await tx.execute(_RESERVE_AGAIN, *arguments)


async def hold(tx: Tx, owned: Owned, deltas: Deltas, *, until: datetime, now: datetime) -> None:
    """Set units aside for checkouts; the holds end by themselves at `until` unless they become orders."""
    await tx.execute(_RESERVE, *reserve_arguments(owned, deltas, until=until, now=now))


def reserve_arguments(owned: Owned, deltas: Deltas, *, until: datetime | None = None, now: datetime) -> tuple[object, ...]:
    """The arguments of RESERVE: COMMITTED, or HELD where it ends by itself at `until`."""
    owners: list[str] = []
    takes: list[Take] = []
    for owner, taken in owned:
        for take in taken:
            owners.append(owner)
            takes.append(take)
    changed = sorted((key, delta) for key, delta in deltas.items() if delta)
    return (
        texts(owners),
        ints([t.line_no for t in takes]),
        texts([t.sku for t in takes]),
        texts([t.location for t in takes]),
        ints([t.quantity for t in takes]),
        ints([t.backordered for t in takes]),
        "COMMITTED" if until is None else "HELD",
        until,
        now,
        texts([key[0] for key, _ in changed]),
        texts([key[1] for key, _ in changed]),
        ints([delta for _, delta in changed]),
    )


async def holding(tx: Tx, owners: Sequence[str]) -> list[Reservation]:
    """What these owners hold now, locked until the transaction ends."""
    rows = await tx.fetch(
        """SELECT owner::text, line_no, sku, location, quantity, released, backordered, status, consumed
           FROM order_reservations WHERE owner = ANY ($1::uuid[]) AND status = ANY ($2::text[])
           ORDER BY owner, line_no, sku, location FOR UPDATE""",
        owners,
        HOLDING,
    )
    return [Reservation(*row) for row in rows]


async def release(tx: Tx, releases: Sequence[Release], *, status: str = "RELEASED", now: datetime) -> None:
    """Give units back. A reservation with nothing left ends as `status` (RELEASED, EXPIRED or REASSIGNED).

    With REASSIGNED the levels stay: the caller hands the same units to somebody else in this transaction.
    """
    if not releases:
        return
    deltas: dict[tuple[str, str], int] = {}
    if status != "REASSIGNED":
        for r in releases:
            deltas[r.sku, r.location] = deltas.get((r.sku, r.location), 0) + r.quantity
    changed = sorted(deltas.items())
    await tx.execute(
        _RELEASE,
        [r.owner for r in releases],
        [r.line_no for r in releases],
        [r.sku for r in releases],
        [r.location for r in releases],
        [r.quantity for r in releases],
        [r.backordered for r in releases],
        status,
        now,
        [key[0] for key, _ in changed],
        [key[1] for key, _ in changed],
        [delta for _, delta in changed],
    )


async def every(tx: Tx, owners: Sequence[str]) -> list[Reservation]:
    """All reservations of these owners, whatever became of them. No locks."""
    rows = await tx.fetch(
        """SELECT owner::text, line_no, sku, location, quantity, released, backordered, status, consumed FROM order_reservations
           WHERE owner = ANY ($1::uuid[]) ORDER BY owner, line_no, sku, location""",
        owners,
    )
    return [Reservation(*row) for row in rows]


async def consume(tx: Tx, consumptions: Sequence[Consumption], references: Sequence[str], *, actor: str, now: datetime) -> None:
    """Reserved units leave the house: on hand and reserved shrink, each with its movement (`sale`, the order's reference)."""
    if not consumptions:
        return
    await tx.execute(
        _CONSUME,
        texts([c.owner for c in consumptions]),
        ints([c.line_no for c in consumptions]),
        texts([c.sku for c in consumptions]),
        texts([c.location for c in consumptions]),
        ints([c.quantity for c in consumptions]),
        texts(references),
        actor,
        now,
    )


async def expire(tx: Tx, *, now: datetime, limit: int = 500) -> int:
    """End holds whose time is over, at most `limit`; returns how many. Others that do the same at once take other holds."""
    rows = await tx.fetch(
        """SELECT owner::text, line_no, sku, location, quantity, released, backordered, status, consumed
           FROM order_reservations WHERE status = 'HELD' AND expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED""",
        now,
        limit,
    )
    ended = [Reservation(*row) for row in rows]
    await release(tx, [Release(r.owner, r.line_no, r.sku, r.location, r.held, r.backordered) for r in ended], status="EXPIRED", now=now)
    return len(ended)


def _refusal(error: Exception) -> Refused:
    constraint = getattr(error, "constraint_name", "") or ""
    if constraint in ("stock_is_never_oversold", "stock_on_hand_check"):
        return Refused("stock_would_go_negative", "Less than that is on hand and unreserved.", kind="conflict")
    if constraint == "stock_location_fkey":
        return Refused("unknown_location", "There is no such location.")
    return Refused("stock_refused", "The stock refuses this change.", constraint=constraint)


_MISSING = """
INSERT INTO stock (sku, location) SELECT DISTINCT sku, location FROM unnest($1::text[], $2::text[]) AS t (sku, location)
ORDER BY sku, location ON CONFLICT DO NOTHING
"""

_MOVE = """
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
    WITH ORDINALITY AS t (id, sku, location, quantity, reason, reference, n)
  WHERE id NOT IN (SELECT m.id FROM stock_movements AS m WHERE m.id = ANY ($1::uuid[]))),
summed AS MATERIALIZED (SELECT sku, location, sum(quantity)::bigint AS quantity FROM asked GROUP BY sku, location),
locked AS MATERIALIZED (
  SELECT s.sku, s.location, summed.quantity FROM summed JOIN stock AS s ON s.sku = summed.sku AND s.location = summed.location
  ORDER BY s.sku, s.location FOR NO KEY UPDATE OF s),
after AS (
  UPDATE stock AS s SET on_hand = s.on_hand + locked.quantity FROM locked
  WHERE s.sku = locked.sku AND s.location = locked.location
  RETURNING s.sku, s.location, s.on_hand)
INSERT INTO stock_movements (id, sku, location, quantity, reason, reference, actor, at, on_hand_after)
SELECT a.id, a.sku, a.location, a.quantity, a.reason, a.reference, $7, $8,
  after.on_hand - coalesce(
    sum(a.quantity) OVER (PARTITION BY a.sku, a.location ORDER BY a.n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0)
FROM asked AS a JOIN after USING (sku, location)
"""

#: Reservations of new owners, and the levels moved by what they take.
RESERVE: together.Piece = (
    (
        "taken_levels",
        """UPDATE stock AS s SET reserved = s.reserved + d.delta
           FROM unnest($10::text::text[], $11::text::text[], $12::text::bigint[]) AS d (sku, location, delta)
           WHERE s.sku = d.sku AND s.location = d.location""",
    ),
    (
        "new_reservations",
        """INSERT INTO order_reservations (owner, line_no, sku, location, quantity, backordered, status, expires_at, updated_at)
           SELECT owner, line_no, sku, location, quantity, backordered, $7, $8, $9
           FROM unnest($1::text::uuid[], $2::text::smallint[], $3::text::text[], $4::text::text[], $5::text::int[], $6::text::int[])
             AS t (owner, line_no, sku, location, quantity, backordered)""",
    ),
)
_RESERVE = together.writes(RESERVE)
_RESERVE_AGAIN = together.writes(
    (
        RESERVE[0],
        (
            "taken_up_again",
            f"""{RESERVE[1][1].replace("INSERT INTO order_reservations", "INSERT INTO order_reservations AS r", 1)}
           ON CONFLICT (owner, line_no, sku, location) DO UPDATE SET quantity = r.quantity + excluded.quantity,
             backordered = r.backordered + excluded.backordered, status = excluded.status, expires_at = excluded.expires_at,
             updated_at = excluded.updated_at""",
        ),
    )
)

_CONSUME = """
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[], $2::text::smallint[], $3::text::text[], $4::text::text[], $5::text::int[], $6::text::text[])
    WITH ORDINALITY AS t (owner, line_no, sku, location, quantity, reference, n)),
summed AS MATERIALIZED (SELECT sku, location, sum(quantity)::bigint AS quantity FROM asked GROUP BY sku, location),
locked AS MATERIALIZED (
  SELECT s.sku, s.location, summed.quantity FROM summed JOIN stock AS s ON s.sku = summed.sku AND s.location = summed.location
  ORDER BY s.sku, s.location FOR NO KEY UPDATE OF s),
after AS (
  UPDATE stock AS s SET on_hand = s.on_hand - locked.quantity, reserved = s.reserved - locked.quantity FROM locked
  WHERE s.sku = locked.sku AND s.location = locked.location RETURNING s.sku, s.location, s.on_hand),
spent AS (
  UPDATE order_reservations AS r SET consumed = r.consumed + a.quantity, updated_at = $8,
    status = CASE WHEN r.released + r.consumed + a.quantity = r.quantity THEN 'CONSUMED' ELSE r.status END
  FROM asked AS a WHERE r.owner = a.owner AND r.line_no = a.line_no AND r.sku = a.sku AND r.location = a.location)
INSERT INTO stock_movements (id, sku, location, quantity, reason, reference, actor, at, on_hand_after)
SELECT uuidv7(), a.sku, a.location, -a.quantity, 'sale', a.reference, $7, $8,
  after.on_hand + coalesce(
    sum(a.quantity) OVER (PARTITION BY a.sku, a.location ORDER BY a.n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0)
FROM asked AS a JOIN after USING (sku, location)
"""

_RELEASE = """
WITH locked AS MATERIALIZED (
  SELECT s.sku, s.location, d.delta FROM unnest($9::text[], $10::text[], $11::bigint[]) AS d (sku, location, delta)
  JOIN stock AS s ON s.sku = d.sku AND s.location = d.location ORDER BY s.sku, s.location FOR NO KEY UPDATE OF s),
levels AS (
  UPDATE stock AS s SET reserved = s.reserved - locked.delta FROM locked WHERE s.sku = locked.sku AND s.location = locked.location)
UPDATE order_reservations AS r SET released = r.released + t.quantity, backordered = r.backordered - t.backordered,
  status = CASE WHEN r.released + r.consumed + t.quantity < r.quantity THEN r.status WHEN r.consumed > 0 THEN 'CONSUMED' ELSE $7 END,
  expires_at = CASE WHEN r.released + t.quantity = r.quantity THEN NULL ELSE r.expires_at END, updated_at = $8
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::int[], $6::int[]) AS t (owner, line_no, sku, location, quantity,
  backordered)
WHERE r.owner = t.owner AND r.line_no = t.line_no AND r.sku = t.sku AND r.location = t.location
"""
