"""Counted limits: so many uses, so much money, so many units per customer, exactly, whoever comes at once.

A claim is (key, amount, cap). Claims are admitted in arrival order inside the transaction that needs them; the rows are
locked in key order, so two committers wait for each other and never deadlock, and `CHECK (used <= cap)` stands behind it.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from haat.engine.database import Tx


class Claim(msgspec.Struct, frozen=True):
    """`amount` of the limit named `key`, of which there are `cap` in all."""

    key: str
    amount: int
    cap: int


async def lock(tx: Tx, claims: Iterable[Claim]) -> dict[str, int]:
    """Lock the limits these claims touch, in key order; returns what is used of each. Unknown ones begin at 0."""
    caps: dict[str, int] = {}
    for claim in claims:
        caps[claim.key] = claim.cap
    if not caps:
        return {}
    keys = sorted(caps)
    await tx.execute(
        """INSERT INTO quotas (key, cap) SELECT k, c FROM unnest($1::text[], $2::bigint[]) AS t (k, c) ORDER BY k
           ON CONFLICT (key) DO UPDATE SET cap = greatest(excluded.cap, quotas.used)""",
        keys,
        [caps[key] for key in keys],
    )
    rows = await tx.fetch("SELECT key, used FROM quotas WHERE key = ANY ($1::text[])", keys)
    return {row[0]: row[1] for row in rows}


def admit(used: dict[str, int], claims: Sequence[Claim]) -> Claim | None:
    """Take all of one asker's claims, or none. Returns the claim that does not fit; `used` is advanced otherwise. Pure."""
    taken: dict[str, int] = {}
    for claim in claims:
        before = taken.get(claim.key, used.get(claim.key, 0))
        if before + claim.amount > claim.cap:
            return claim
        taken[claim.key] = before + claim.amount
    used.update(taken)
    return None


async def record(tx: Tx, deltas: Mapping[str, int]) -> None:
    """Add what was admitted (or, negative, given back) to the limits. Locks them in key order."""
    changed = sorted((key, delta) for key, delta in deltas.items() if delta)
    if changed:
        await tx.execute(
            """WITH locked AS MATERIALIZED (
                 SELECT q.key, d.delta FROM unnest($1::text[], $2::bigint[]) AS d (k, delta) JOIN quotas AS q ON q.key = d.k
                 ORDER BY q.key FOR NO KEY UPDATE OF q)
               UPDATE quotas SET used = greatest(used + locked.delta, 0) FROM locked WHERE quotas.key = locked.key""",
            [key for key, _ in changed],
            [delta for _, delta in changed],
        )


async def take_again(tx: Tx, amounts: Mapping[str, int]) -> None:
    """Take what was given back before, whatever the limit: who comes back keeps what was promised. Nobody else is admitted beyond it."""
    if amounts:
        keys = sorted(amounts)
        await tx.execute(
            """WITH locked AS MATERIALIZED (
                 SELECT q.key, d.amount FROM unnest($1::text[], $2::bigint[]) AS d (k, amount) JOIN quotas AS q ON q.key = d.k
                 ORDER BY q.key FOR NO KEY UPDATE OF q)
               UPDATE quotas SET used = used + locked.amount, cap = greatest(cap, used + locked.amount) FROM locked
               WHERE quotas.key = locked.key""",
            keys,
            [amounts[key] for key in keys],
        )
