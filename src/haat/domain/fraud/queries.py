"""The questions of fraud: policies, the receipts of an order, the orders that wait for a person."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from haat.domain.fraud.policy import Policy, PolicySheet, policy_of
from haat.domain.fraud.sighting import Review, Score
from haat.engine.database import Tx

KIND = "fraud_policies"
_sheet = msgspec.json.Decoder(PolicySheet).decode
_list = msgspec.json.Decoder(list).decode
_object = msgspec.json.Decoder(dict).decode


async def policies(tx: Tx) -> Mapping[str, Policy]:
    """The policies that stand, by channel. A channel without its own is screened by `default`, that by policy.BUILT_IN."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (channel) channel, version, content, by, at FROM fraud_policies ORDER BY channel, version DESC"
    )
    return {r[0]: policy_of(_sheet(r[2]), channel=r[0], version=r[1], by=r[3], at=r[4]) for r in rows}


async def former_policies(tx: Tx, channel: str) -> list[Policy]:
    """All that a channel's policy ever was, the newest first."""
    rows = await tx.fetch(
        "SELECT version, content, by, at FROM fraud_policies WHERE channel = $1 ORDER BY version DESC LIMIT 1000", channel
    )
    return [policy_of(_sheet(r[1]), channel=channel, version=r[0], by=r[2], at=r[3]) for r in rows]


async def scores(tx: Tx, order_id: str) -> list[Score]:
    """Every screening of an order with its receipt, the newest first."""
    rows = await tx.fetch(
        """SELECT s.order_id::text, s.version, s.channel, s.score, s.outcome, s.policy_version, s.at,
             s.findings, s.scored, s.inputs, b.content
           FROM fraud_detection_scores AS s LEFT JOIN fraud_rulebooks AS b ON b.digest = s.rulebook
           WHERE s.order_id = $1 ORDER BY s.version DESC LIMIT 100""",
        order_id,
    )
    return [
        Score(r[0], r[1], r[2], r[3], r[4], r[5], r[6], _list(r[7]), _object(r[8]), _object(r[9]), _object(r[10] or "{}")) for r in rows
    ]


async def reviews(tx: Tx, *, after: tuple[datetime, str] | None, channel: str | None, limit: int) -> list[Review]:
    """The open reviews, oldest first, from behind `after` on. Some may have ended a moment ago: the order's hold decides.

    Those that were held by hand have no channel here and are among those of every channel.
    """
    rows = await tx.fetch(
        """SELECT order_id::text, hold, channel, score, findings, opened_at, until FROM fraud_reviews
           WHERE closed_at IS NULL AND ($1::timestamptz IS NULL OR (opened_at, order_id) > ($1, $2::uuid))
             AND ($3::text IS NULL OR channel IN ($3, ''))
           ORDER BY opened_at, order_id LIMIT $4""",
        None if after is None else after[0],
        None if after is None else after[1],
        channel,
        limit,
    )
    return [Review(r[0], r[1], r[2], r[3], _list(r[4]), r[5], r[6]) for r in rows]
