"""Questions about people. Keys are asked for by hash and kept in memory by the caller until a change is announced."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain.people.access import Key
from haat.domain.people.block import Block, Blocks, blocks_of
from haat.domain.people.customer import Customer
from haat.engine.database import Row, Tx


async def keys_by_hash(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, Key]:
    """The keys among `hashes` that exist, revoked and expired ones too: `check_usable` tells them apart."""
    rows = await tx.fetch(
        """SELECT hash, id::text, prefix, name, role, subject, scopes, rate_per_minute, issued_by,
             created_at, expires_at, revoked_at, used_at
           FROM api_keys
           WHERE hash = ANY($1::bytea[])""",
        hashes,
    )
    return {row["hash"]: key_of_row(row) for row in rows}


async def cached_keys(tx: Tx, names: Sequence[str]) -> Mapping[str, Key]:
    """The same for a copy in memory: by `key:<hash in hex>`, which is what a revocation announces."""
    found = await keys_by_hash(tx, [bytes.fromhex(name.removeprefix("key:")) for name in names])
    return {f"key:{digest.hex()}": key for digest, key in found.items()}


async def keys(tx: Tx, *, role: str | None = None, subject: str | None = None, after: str | None = None, limit: int = 50) -> list[Key]:
    """Keys in the order in which they were made (their ids' order), from behind the id `after`."""
    rows = await tx.fetch(
        """SELECT id::text, prefix, name, role, subject, scopes, rate_per_minute, issued_by,
             created_at, expires_at, revoked_at, used_at
           FROM api_keys
           WHERE ($1::text IS NULL OR role = $1)
             AND ($2::text IS NULL OR subject = $2)
             AND ($3::uuid IS NULL OR id > $3)
           ORDER BY api_keys.id
           LIMIT $4""",
        role,
        subject,
        after,
        limit,
    )
    return [key_of_row(row) for row in rows]


def key_of_row(row: Row) -> Key:
    return Key(
        id=row["id"],
        prefix=row["prefix"],
        name=row["name"],
        role=row["role"],
        subject=row["subject"],
        scopes=tuple(row["scopes"]),
        rate_per_minute=row["rate_per_minute"],
        issued_by=row["issued_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        used_at=row["used_at"],
    )


async def customers(tx: Tx, ids: Sequence[str]) -> dict[str, Customer]:
    """The customers among `ids` that exist."""
    rows = await tx.fetch(
        """SELECT id::text, name, phone, reference, email, customer_group, created_at, updated_at
           FROM customers
           WHERE id = ANY($1::uuid[])""",
        ids,
    )
    return {row["id"]: customer_of(row) for row in rows}


async def customers_by_phone(tx: Tx, phones: Sequence[str]) -> dict[str, Customer]:
    """The customers among `phones` (E.164) that exist."""
    rows = await tx.fetch(
        """SELECT id::text, name, phone, reference, email, customer_group, created_at, updated_at
           FROM customers
           WHERE phone = ANY($1::text[])""",
        phones,
    )
    return {row["phone"]: customer_of(row) for row in rows}


async def customers_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, Customer]:
    """The customers among `references` that exist."""
    rows = await tx.fetch(
        """SELECT id::text, name, phone, reference, email, customer_group, created_at, updated_at
           FROM customers
           WHERE reference = ANY($1::text[])""",
        references,
    )
    return {row["reference"]: customer_of(row) for row in rows}


def customer_of(row: Row) -> Customer:
    return Customer(
        id=row["id"],
        name=row["name"],
        phone=row["phone"],
        reference=row["reference"],
        email=row["email"],
        group=row["customer_group"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def standing_blocks(tx: Tx, *, now: datetime) -> list[Block]:
    """All blocks that stand at `now`, the latest first."""
    rows = await tx.fetch(
        """SELECT id::text, kind, value, reason, blocked_by, created_at, until
           FROM buyer_blocks
           WHERE lifted_at IS NULL AND (until IS NULL OR until > $1)
           ORDER BY created_at DESC, buyer_blocks.id""",
        now,
    )
    return [block_of(row) for row in rows]


async def load_blocks(tx: Tx) -> Blocks:
    """Every block that nobody lifted, for a copy in memory; whether its term is over is asked when it matches."""
    rows = await tx.fetch("SELECT id::text, kind, value, reason, blocked_by, created_at, until FROM buyer_blocks WHERE lifted_at IS NULL")
    return blocks_of(map(block_of, rows))


def block_of(row: Row) -> Block:
    return Block(
        id=row["id"],
        kind=row["kind"],
        value=row["value"],
        reason=row["reason"],
        blocked_by=row["blocked_by"],
        created_at=row["created_at"],
        until=row["until"],
    )
