"""The verbs of carts. Each takes many and runs in the caller's transaction.

Locks: rows of `carts` are locked in id order, before orders' limits, reservations and stock; so a writer of carts and a
placer of orders wait for each other and never deadlock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from haat.domain.carts.document import Cart
from haat.domain.carts.queries import decode
from haat.engine.database import Tx

_encode = msgspec.json.Encoder().encode


async def lock(tx: Tx, ids: Collection[str]) -> dict[str, Cart]:
    """These carts as they stand, locked until the transaction ends. Unknown ids are left out."""
    rows = await tx.fetch("SELECT content FROM carts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", sorted(ids))
    found = [decode(row[0]) for row in rows]
    return {cart.id: cart for cart in found}


async def insert(tx: Tx, carts: Sequence[Cart]) -> None:
    """Store new carts. A second open cart of a customer in a channel raises UniqueViolationError: ask again, and find the first."""
    if carts:
        await tx.execute(
            """INSERT INTO carts (id, channel, owner, open, version, content, updated_at)
               SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::int[], $6::json[], $7::timestamptz[])""",
            *_columns(carts),
        )


async def save(tx: Tx, carts: Sequence[Cart]) -> None:
    """Write carts that the caller has locked. Those that close leave the open ones before any takes their place."""
    if carts:
        await tx.execute(
            """UPDATE carts AS c SET owner = t.owner, open = t.open, version = t.version, content = t.content, updated_at = t.updated_at
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::int[], $6::json[], $7::timestamptz[])
                 AS t (id, channel, owner, open, version, content, updated_at) WHERE c.id = t.id""",
            *_columns(carts),
        )


async def exchange(tx: Tx, fresh: Sequence[Cart], changed: Sequence[Cart], versions: Sequence[int]) -> set[str]:
    """Store new carts, and write those of `changed` that are still at the version given for each; returns whose write took place.

    One statement, so it needs no transaction around it and takes no lock before it writes.
    """
    rows = await tx.fetch(
        """WITH made AS (
             INSERT INTO carts (id, channel, owner, open, version, content, updated_at)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::int[], $6::json[], $7::timestamptz[]))
           UPDATE carts AS c SET open = t.open, version = t.version, content = t.content, updated_at = t.updated_at
           FROM unnest($8::uuid[], $9::boolean[], $10::int[], $11::json[], $12::timestamptz[], $13::int[])
             AS t (id, open, version, content, updated_at, expected)
           WHERE c.id = t.id AND c.version = t.expected RETURNING c.id::text""",
        *_columns(fresh),
        [c.id for c in changed],
        [c.open for c in changed],
        [c.version for c in changed],
        [_encode(c).decode() for c in changed],
        [c.updated_at for c in changed],
        list(versions),
    )
    return {row[0] for row in rows}


async def sweep(tx: Tx, *, before: datetime, limit: int = 1000) -> int:
    """Forget carts that nobody touched since `before`, at most `limit`; returns how many. Orders stand without their cart."""
    rows = await tx.fetch(
        """DELETE FROM carts WHERE id IN (
             SELECT id FROM carts WHERE updated_at < $1 ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1""",
        before,
        limit,
    )
    return len(rows)


def _columns(carts: Sequence[Cart]) -> tuple[list[object], ...]:
    return (
        [c.id for c in carts],
        [c.channel for c in carts],
        [c.owner for c in carts],
        [c.open for c in carts],
        [c.version for c in carts],
        [_encode(c).decode() for c in carts],
        [c.updated_at for c in carts],
    )
