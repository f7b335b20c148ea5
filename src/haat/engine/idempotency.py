"""Idempotency keys, settled in the same transaction as the effect they stand for.

A key belongs to a scope (who asked for what). `fingerprint` is of the whole request: the same key with another request is
refused. A request that was refused leaves no key behind, since nothing happened: asked again, it is judged again.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from haat.engine import together
from haat.engine.arrays import texts
from haat.engine.database import Tx

KEPT_HOURS = 72  # at least 24 is what clients may rely on (docs: reference of the API)


class Key(msgspec.Struct, frozen=True):
    """One request's key: unique in its scope, with the fingerprint of what it asked."""

    scope: str
    key: str
    fingerprint: bytes


class Settled(msgspec.Struct, frozen=True):
    """What a key stands for: the id of what came of it."""

    fingerprint: bytes
    subject: str


def fingerprint(body: bytes) -> bytes:
    """Sixteen bytes that two different requests do not share."""
    return hashlib.blake2b(body, digest_size=16).digest()


async def find(tx: Tx, keys: Sequence[Key]) -> dict[tuple[str, str], Settled]:
    """Those of the keys that are settled, under (scope, key)."""
    if not keys:
        return {}
    return found(await tx.fetchval(_FIND, *find_arguments(keys)))


def find_arguments(keys: Sequence[Key]) -> tuple[str, str]:
    """The arguments of FIND."""
    return texts([key.scope for key in keys]), texts([key.key for key in keys])


def found(answer: str) -> dict[tuple[str, str], Settled]:
    """What FIND answered."""
    return {(scope, key): Settled(bytes.fromhex(fingerprint), subject) for scope, key, fingerprint, subject in _decode(answer)}


async def settle(tx: Tx, keys: Sequence[Key], subjects: Sequence[str], now: datetime) -> None:
    """Store the keys, in key order so that two committers with the same keys cannot deadlock.

    A key that somebody else settled meanwhile raises UniqueViolationError: the caller starts over and finds it.
    """
    if keys:
        await tx.execute(_SETTLE, *settle_arguments(keys, subjects, now))


def settle_arguments(keys: Sequence[Key], subjects: Sequence[str], now: datetime) -> tuple[object, ...]:
    """The arguments of SETTLE."""
    order = sorted(range(len(keys)), key=lambda i: (keys[i].scope, keys[i].key))
    return (
        texts([keys[i].scope for i in order]),
        texts([keys[i].key for i in order]),
        texts([keys[i].fingerprint.hex() for i in order]),
        texts([subjects[i] for i in order]),
        now,
    )


async def forget(tx: Tx, before: datetime) -> None:
    """Drop keys older than `before`."""
    await tx.execute("DELETE FROM idempotency_keys WHERE created_at < $1", before)


#: Which of these keys are settled.
FIND = """
SELECT json_build_array(i.scope, i.key, encode(i.fingerprint, 'hex'), i.subject) AS answer
FROM unnest($1::text::text[], $2::text::text[]) AS t (scope, key) JOIN idempotency_keys AS i ON i.scope = t.scope AND i.key = t.key
"""
_FIND = together.questions(FIND)
_decode = msgspec.json.Decoder(list[tuple[str, str, str, str]]).decode

#: The keys of what a transaction did.
SETTLE: together.Piece = (
    (
        "settled_keys",
        """INSERT INTO idempotency_keys (scope, key, fingerprint, subject, created_at)
           SELECT scope, key, decode(fingerprint, 'hex'), subject, $5
           FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::uuid[]) AS t (scope, key, fingerprint, subject)""",
    ),
)
_SETTLE = together.writes(SETTLE)
