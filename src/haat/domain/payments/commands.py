"""The verbs of payments. Each takes many and runs in the caller's transaction, after the orders' locks.

Locks: rows of one order are written by whoever holds that order's lock, so writers never meet; rules are locked by their code.
"""

from collections.abc import Sequence

import msgspec

from haat.domain.payments.attempt import AttemptRow, RefundRow, SignalRow
from haat.domain.payments.routing import RULES_MAX, Route
from haat.engine import changes
from haat.engine.arrays import instants, ints, texts
from haat.engine.database import Tx
from haat.kernel.errors import Refused

_encode = msgspec.json.Encoder().encode


async def note_attempts(tx: Tx, rows: Sequence[AttemptRow]) -> None:
    """Write attempts as they are now. The same rows again change nothing; when one settled first, it stays so."""
    if not rows:
        return
    await tx.execute(
        _NOTE_ATTEMPTS,
        texts([r.id for r in rows]),
        texts([r.order_id for r in rows]),
        texts([r.tender for r in rows]),
        texts([r.gateway for r in rows]),
        texts([r.method for r in rows]),
        texts([r.reference for r in rows]),
        texts([r.gateway_reference for r in rows]),
        texts([r.status for r in rows]),
        ints([r.amount for r in rows]),
        ints([r.captured for r in rows]),
        ints([r.refunded for r in rows]),
        texts([r.currency for r in rows]),
        [r.started_at for r in rows],
        [r.settled_at for r in rows],
        [None if r.receipt is None else _encode(r.receipt).decode() for r in rows],
    )


async def note_refunds(tx: Tx, rows: Sequence[RefundRow]) -> None:
    """Write refunds as they are now. The same rows again change nothing."""
    if not rows:
        return
    await tx.execute(
        _NOTE_REFUNDS,
        texts([r.id for r in rows]),
        texts([r.order_id for r in rows]),
        texts([r.tender for r in rows]),
        texts([r.attempt for r in rows]),
        texts([r.gateway for r in rows]),
        ints([r.amount for r in rows]),
        texts([r.currency for r in rows]),
        texts([r.status for r in rows]),
        texts([r.reason for r in rows]),
        texts([r.reference for r in rows]),
        [r.asked_at for r in rows],
        [r.settled_at for r in rows],
    )


async def note_signals(tx: Tx, rows: Sequence[SignalRow]) -> None:
    """Add what was said. Append-only: the same word twice stands there twice."""
    if not rows:
        return
    await tx.execute(
        """INSERT INTO payment_signals (attempt, source, observation, counted, at)
           SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::json[], $4::text::boolean[], $5::text::timestamptz[])""",
        texts([r.attempt for r in rows]),
        texts([r.source for r in rows]),
        [_encode(r.observation).decode() for r in rows],
        texts(["t" if r.counted else "f" for r in rows]),
        instants([r.at for r in rows]),
    )


async def put_routes(tx: Tx, rules: Sequence[Route]) -> dict[str, int]:
    """Create or replace routing rules by code; returns each one's new version."""
    if any(rule.amount_max is not None and rule.amount_max < rule.amount_min for rule in rules):
        raise Refused("empty_range", "`amount_max` is below `amount_min`: the rule would fit nothing.")
    known = int(await tx.fetchval("SELECT count(*) FROM payment_routing_rules WHERE code <> ALL ($1::text[])", [r.code for r in rules]))
    if known + len(rules) > RULES_MAX:
        raise Refused("too_many_rules", f"There may be {RULES_MAX} rules.", kind="conflict")
    rows = await tx.fetch(
        """INSERT INTO payment_routing_rules AS r (code, version, content)
           SELECT code, 1, content::json FROM unnest($1::text[], $2::text[]) AS t (code, content) ORDER BY code
           ON CONFLICT (code) DO UPDATE SET version = r.version + 1, content = excluded.content
           RETURNING code, version""",
        [r.code for r in rules],
        [_encode(r).decode() for r in rules],
    )
    await changes.announce(tx, "payment routes", [r.code for r in rules])
    return {row[0]: row[1] for row in rows}


_NOTE_ATTEMPTS = """
INSERT INTO payment_attempts AS a (id, order_id, tender, gateway, method, reference, gateway_reference, status, amount, captured,
  refunded, currency, started_at, settled_at, receipt)
SELECT id, order_id, tender, gateway, method, reference, gateway_reference, status, amount, captured, refunded, currency, started_at,
  settled_at, receipt
FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text::uuid[], $4::text::text[], $5::text::text[], $6::text::text[],
  $7::text::text[], $8::text::text[], $9::text::bigint[], $10::text::bigint[], $11::text::bigint[], $12::text::text[],
  $13::timestamptz[], $14::timestamptz[], $15::json[])
  AS t (id, order_id, tender, gateway, method, reference, gateway_reference, status, amount, captured, refunded, currency, started_at,
    settled_at, receipt)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, captured = excluded.captured, refunded = excluded.refunded,
  gateway_reference = excluded.gateway_reference, settled_at = coalesce(a.settled_at, excluded.settled_at),
  receipt = coalesce(a.receipt, excluded.receipt)
"""

_NOTE_REFUNDS = """
INSERT INTO refunds AS r (id, order_id, tender, attempt, gateway, amount, currency, status, reason, reference, asked_at, settled_at)
SELECT * FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::bigint[],
  $7::text::text[], $8::text::text[], $9::text::text[], $10::text::text[], $11::timestamptz[], $12::timestamptz[])
ON CONFLICT (id) DO UPDATE SET status = excluded.status, reference = excluded.reference,
  settled_at = coalesce(r.settled_at, excluded.settled_at)
"""
