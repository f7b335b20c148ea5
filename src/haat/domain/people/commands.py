"""The verbs of people: issue and revoke keys, know customers, block buyers. Ids and random bytes are the caller's."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from haat.domain.people.access import Key, KeyOrder, check_order, compose, hash_of, prefix_of
from haat.domain.people.block import Block, BlockOrder
from haat.domain.people.customer import Customer, CustomerSheet, key_of, one_each
from haat.domain.people.queries import block_of, customer_of, key_of_row
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Broken, Refused

KIND = "people"
CUSTOMERS = "customers"  # announced with the ids of customers whose sheet changed


class IssuedKey(Struct, frozen=True):
    """A key just made. `secret` is the whole key: this is the only time that anybody sees it."""

    key: Key
    secret: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.key!r}, secret=…)"


async def issue_key(tx: Tx, order: KeyOrder, *, entropy: bytes, by: str, now: datetime) -> IssuedKey:
    """A new key from 32 random bytes. Refuses `bad_subject` and `already_expired`."""
    check_order(order, now=now)
    secret = compose(order.role, entropy)
    row = await tx.fetchrow(
        """INSERT INTO api_keys (id, hash, prefix, name, role, subject, scopes, rate_per_minute, issued_by, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           RETURNING id::text, prefix, name, role, subject, scopes, rate_per_minute, issued_by,
             created_at, expires_at, revoked_at, used_at""",
        order.id,
        hash_of(secret),
        prefix_of(secret),
        order.name,
        order.role,
        order.subject,
        order.scopes,
        order.rate_per_minute,
        by,
        now,
        order.expires_at,
    )
    if row is None:
        raise Broken("an inserted key gave no row")
    return IssuedKey(key_of_row(row), secret)


async def revoke_keys(tx: Tx, ids: Sequence[str], *, by: str, now: datetime) -> list[Key]:
    """Afterwards the keys open nothing, in every process within a second. Revoking again changes nothing."""
    rows = await tx.fetch(
        """UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2), revoked_by = coalesce(revoked_by, $3)
           WHERE id = ANY($1::uuid[])
           RETURNING id::text, prefix, name, role, subject, scopes, rate_per_minute, issued_by,
             created_at, expires_at, revoked_at, used_at, encode(hash, 'hex') AS hash_hex""",
        ids,
        now,
        by,
    )
    if rows:
        await changes.announce(tx, KIND, [f"key:{row['hash_hex']}" for row in rows])
    return [key_of_row(row) for row in rows]


async def note_use(tx: Tx, used_at: Mapping[str, datetime]) -> None:
    """Remember when keys were last used, by key id. Written in batches now and then; it never goes back in time."""
    await tx.execute(
        """UPDATE api_keys SET used_at = used.at
           FROM (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) ORDER BY id) AS used
           WHERE api_keys.id = used.id AND (api_keys.used_at IS NULL OR api_keys.used_at < used.at)""",
        list(used_at),
        list(used_at.values()),
    )


async def upsert_customers(tx: Tx, sheets: Sequence[CustomerSheet], *, now: datetime) -> list[Customer]:
    """One customer for each sheet, in the order asked: known ones (by phone, else by reference) keep their id.

    What a sheet says replaces what was known; what it leaves empty stays. Two sheets of one customer: the later one speaks.
    Rows are written in the order of their keys. The reference of somebody with another phone stays with that somebody.
    """
    asked = one_each(sheets)
    by_phone = [asked[key] for key in sorted(asked) if asked[key].phone is not None]
    by_reference = [asked[key] for key in sorted(asked) if asked[key].phone is None]
    found: dict[str, Customer] = {}
    if by_phone:
        await tx.execute(_GIVE_PHONES, now, [sheet.phone for sheet in by_phone], [sheet.reference for sheet in by_phone])
        rows = await tx.fetch(_UPSERT_BY_PHONE, now, *_columns(by_phone))
        found.update((row["phone"], customer_of(row)) for row in rows)
    if by_reference:
        rows = await tx.fetch(_UPSERT_BY_REFERENCE, now, *_columns(by_reference))
        found.update(("=" + row["reference"], customer_of(row)) for row in rows)
    if found:
        await changes.announce(tx, CUSTOMERS, sorted({customer.id for customer in found.values()}))
    return [found[key_of(sheet)] for sheet in sheets]


# Somebody known by reference only tells a phone that nobody has: it is the same person, who gets it.
_GIVE_PHONES = """
UPDATE customers SET phone = sheet.phone, updated_at = $1
FROM unnest($2::text[], $3::text[]) AS sheet (phone, reference)
WHERE customers.reference = sheet.reference AND customers.phone IS NULL
  AND NOT EXISTS (SELECT FROM customers AS other WHERE other.phone = sheet.phone)
"""

_UPSERT_BY_PHONE = """
INSERT INTO customers (id, name, phone, reference, email, customer_group, created_at, updated_at)
SELECT id, name, phone, CASE WHEN NOT EXISTS (
    SELECT FROM customers AS other WHERE other.reference = sheet.reference AND other.phone IS DISTINCT FROM sheet.phone) THEN reference END,
  email, customer_group, $1, $1
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  AS sheet (id, name, phone, reference, email, customer_group)
ON CONFLICT (phone) DO UPDATE SET
  name = coalesce(nullif(excluded.name, ''), customers.name),
  reference = coalesce(customers.reference, excluded.reference),
  email = coalesce(excluded.email, customers.email),
  customer_group = coalesce(excluded.customer_group, customers.customer_group),
  updated_at = excluded.updated_at
RETURNING id::text, name, phone, reference, email, customer_group, created_at, updated_at
"""

_UPSERT_BY_REFERENCE = """
INSERT INTO customers (id, name, phone, reference, email, customer_group, created_at, updated_at)
SELECT id, name, phone, reference, email, customer_group, $1, $1
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  AS sheet (id, name, phone, reference, email, customer_group)
ON CONFLICT (reference) DO UPDATE SET
  name = coalesce(nullif(excluded.name, ''), customers.name),
  email = coalesce(excluded.email, customers.email),
  customer_group = coalesce(excluded.customer_group, customers.customer_group),
  updated_at = excluded.updated_at
RETURNING id::text, name, phone, reference, email, customer_group, created_at, updated_at
"""


def _columns(sheets: Sequence[CustomerSheet]) -> tuple[list[object], ...]:
    return (
        [sheet.id for sheet in sheets],
        [sheet.name for sheet in sheets],
        [sheet.phone for sheet in sheets],
        [sheet.reference for sheet in sheets],
        [sheet.email.lower() if sheet.email else None for sheet in sheets],
        [sheet.group for sheet in sheets],
    )


async def block(tx: Tx, orders: Sequence[BlockOrder], *, by: str, now: datetime) -> list[Block]:
    """Afterwards these buyers are blocked. One that is blocked already gets the new reason and term."""
    for order in orders:
        if order.until is not None and order.until <= now:
            raise Refused("already_expired", "the block would have ended already")
    latest = {(order.kind, order.value): order for order in orders}
    wanted = [latest[mark] for mark in sorted(latest)]
    rows = await tx.fetch(
        """INSERT INTO buyer_blocks (id, kind, value, reason, blocked_by, created_at, until)
           SELECT id, kind, value, reason, $6, $7, until
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS wanted (id, kind, value, reason, until)
           ON CONFLICT (kind, value) WHERE lifted_at IS NULL
           DO UPDATE SET reason = excluded.reason, blocked_by = excluded.blocked_by, until = excluded.until
           RETURNING id::text, kind, value, reason, blocked_by, created_at, until""",
        [order.id for order in wanted],
        [order.kind for order in wanted],
        [order.value for order in wanted],
        [order.reason for order in wanted],
        [order.until for order in wanted],
        by,
        now,
    )
    if rows:
        await changes.announce(tx, KIND, ["blocks"])
    return [block_of(row) for row in rows]


async def lift(tx: Tx, ids: Sequence[str], *, by: str, now: datetime) -> int:
    """End these blocks; returns how many stood. The rows stay, with who lifted them."""
    rows = await tx.fetch(
        "UPDATE buyer_blocks SET lifted_at = $2, lifted_by = $3 WHERE id = ANY($1::uuid[]) AND lifted_at IS NULL RETURNING id", ids, now, by
    )
    if rows:
        await changes.announce(tx, KIND, ["blocks"])
    return len(rows)
