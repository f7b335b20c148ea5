"""The questions about payments. All read in the caller's connection and take many."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from haat.domain.payments.attempt import AttemptRow, RefundRow, SignalRow
from haat.domain.payments.gateway import Observation
from haat.domain.payments.routing import Receipt, Record, Route
from haat.engine.arrays import texts
from haat.engine.database import Row, Tx

SIGNALS_MAX = 500
#: How far back attempts are counted, and after what time one counts half.
WINDOW = timedelta(hours=24)
HALF_LIFE = timedelta(hours=2)

_receipt = msgspec.json.Decoder(Receipt).decode
_observation = msgspec.json.Decoder(Observation).decode
_route = msgspec.json.Decoder(Route).decode


async def attempts(tx: Tx, ids: Sequence[str]) -> dict[str, AttemptRow]:
    """These attempts by id; unknown ones are absent."""
    return {a.id: a for a in map(_attempt, await tx.fetch(f"{_ATTEMPT} WHERE id = ANY ($1::text::uuid[])", texts(ids)))}


async def attempts_named(tx: Tx, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AttemptRow]:
    """The newest attempt under each (gateway, its own reference); unknown ones are absent."""
    rows = await tx.fetch(
        f"""{_ATTEMPT} WHERE gateway_reference <> '' AND (gateway, gateway_reference) IN
              (SELECT * FROM unnest($1::text::text[], $2::text::text[])) ORDER BY started_at, id""",
        texts([gateway for gateway, _ in names]),
        texts([reference for _, reference in names]),
    )
    return {(a.gateway, a.gateway_reference): a for a in map(_attempt, rows)}


async def attempts_of(tx: Tx, order_id: str) -> list[AttemptRow]:
    """An order's attempts, the first one first."""
    return [_attempt(row) for row in await tx.fetch(f"{_ATTEMPT} WHERE order_id = $1::uuid ORDER BY started_at, id", order_id)]


async def refunds_of(tx: Tx, order_id: str) -> list[RefundRow]:
    """An order's refunds, the first one first."""
    rows = await tx.fetch(
        """SELECT id::text, order_id::text, tender, attempt, gateway, amount, currency, status, reason, reference, asked_at, settled_at
           FROM refunds WHERE order_id = $1::uuid ORDER BY asked_at, id""",
        order_id,
    )
    return [
        RefundRow(
            id=r[0], order_id=r[1], tender=r[2], attempt=r[3], gateway=r[4], amount=r[5], currency=r[6], status=r[7], reason=r[8],
            reference=r[9], asked_at=r[10], settled_at=r[11],
        )
        for r in rows
    ]  # fmt: skip


async def signals_of(tx: Tx, attempt: str) -> list[SignalRow]:
    """What was said of an attempt, in the order of hearing, the first `SIGNALS_MAX`."""
    rows = await tx.fetch(
        "SELECT attempt::text, source, observation, counted, at FROM payment_signals WHERE attempt = $1::uuid ORDER BY id LIMIT $2",
        attempt,
        SIGNALS_MAX,
    )
    return [SignalRow(attempt=r[0], source=r[1], observation=_observation(r[2]), counted=r[3], at=r[4]) for r in rows]


async def records(tx: Tx, *, now: datetime) -> Mapping[str, Record]:
    """How each gateway did in the last day, a try of two hours ago counting half. Buyers who turned back count for nobody."""
    rows = await tx.fetch(
        """SELECT gateway, round(sum(w))::int, round(sum(w) FILTER (WHERE status <> 'failed'))::int FROM (
             SELECT gateway, status, 0.5 ^ (extract(epoch FROM $1 - settled_at) / $3::float8) AS w FROM payment_attempts
             WHERE settled_at > $1 - $2::interval AND status IN ('charged', 'authorized', 'orphaned', 'failed', 'voided')) AS t
           GROUP BY gateway""",
        now,
        WINDOW,
        HALF_LIFE.total_seconds(),
    )
    return {r[0]: Record(r[1], r[2] or 0) for r in rows}


async def routes(tx: Tx) -> list[Route]:
    """Every routing rule, in the order in which they are asked."""
    rows = await tx.fetch("SELECT content, version FROM payment_routing_rules")
    found = [msgspec.structs.replace(_route(row[0]), version=row[1]) for row in rows]
    return sorted(found, key=lambda rule: (rule.priority, rule.code))


_ATTEMPT = """SELECT id::text, order_id::text, tender::text, gateway, method, reference, gateway_reference, status, amount, captured,
  refunded, currency, started_at, settled_at, receipt FROM payment_attempts"""


def _attempt(r: Row) -> AttemptRow:
    return AttemptRow(
        id=r[0], order_id=r[1], tender=r[2], gateway=r[3], method=r[4], reference=r[5], gateway_reference=r[6], status=r[7],
        amount=r[8], captured=r[9], refunded=r[10], currency=r[11], started_at=r[12], settled_at=r[13],
        receipt=None if r[14] is None else _receipt(r[14]),
    )  # fmt: skip
