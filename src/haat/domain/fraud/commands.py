"""The verbs of fraud: take notice of orders, write down what was said of them, what became of them, and by which policy.

Each takes many and runs in the caller's transaction. A screening of 500 orders is two statements: `sight`, then `record`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.fraud.case import Seen
from haat.domain.fraud.policy import BUILT_IN, DEFAULT, Policy, PolicySheet, policy_of
from haat.domain.fraud.queries import KIND, policies
from haat.domain.fraud.sighting import OUTCOMES, Closed, Review, Screened, Sighting
from haat.engine import changes
from haat.engine.arrays import ints, texts
from haat.engine.database import Tx
from haat.kernel.errors import Refused

_encode = msgspec.json.Encoder().encode
_POLICY_LOCK = 0x46524155  # "FRAU": writers of policies wait for each other


async def sight(tx: Tx, sightings: Sequence[Sighting]) -> dict[str, Seen]:
    """Write these down and say what was seen before each: exactly what was sighted earlier, by anybody, and earlier in this call.

    An order whose phone, address or device another transaction is counting at this moment is absent from the answer: ask again
    when that has ended (at once would not help), or as `late`, which counts it without. The same order again is no new sighting
    and is told the same, but for what became of others meanwhile. Locks: the marks, until the transaction ends; none is waited for.
    """
    if not sightings:
        return {}
    rows = await tx.fetch(
        _SIGHT,
        texts([s.order_id for s in sightings]),
        texts([s.channel for s in sightings]),
        texts([s.currency for s in sightings]),
        ints([s.phone for s in sightings]),
        ints([s.address for s in sightings]),
        ints([s.device for s in sightings]),
        ints([s.ip for s in sightings]),
        ints([s.account for s in sightings]),
        texts([ints(s.names) for s in sightings]),
        ints([s.amount for s in sightings]),
        texts(["t" if s.cod else "f" for s in sightings]),
        texts([s.at.isoformat() for s in sightings]),
        texts(["t" if s.late else "f" for s in sightings]),
    )
    return {row[0]: Seen(*row[1:]) for row in map(tuple, rows)}


async def record(tx: Tx, screened: Sequence[Screened]) -> None:
    """Keep the receipts, and put those to be reviewed into the queue (as `queue` does). The same screening again changes nothing."""
    if not screened:
        return
    books = {s.book.digest: s.book for s in screened}
    reviews = [s for s in screened if s.hold and s.until is not None]
    await tx.execute(
        _RECORD,
        texts([s.order_id for s in screened]),
        ints([s.version for s in screened]),
        texts([s.case.channel for s in screened]),
        ints([s.assessment.score for s in screened]),
        texts([s.assessment.outcome for s in screened]),
        [_text(s.assessment.findings) for s in screened],
        [_text(s.case) for s in screened],
        [_text(s.assessment.models) for s in screened],
        texts([s.book.digest for s in screened]),
        ints([s.book.policy.version for s in screened]),
        texts([s.at.isoformat() for s in screened]),
        list(books),
        [_text(book.contents) for book in books.values()],
        screened[0].at,
        [s.order_id for s in reviews],
        [s.hold for s in reviews],
        [s.case.channel for s in reviews],
        [s.assessment.score for s in reviews],
        [_text(s.assessment.findings) for s in reviews],
        [s.at for s in reviews],
        [s.until for s in reviews],
    )


async def queue(tx: Tx, reviews: Sequence[Review]) -> None:
    """Put orders, each once, into the queue that somebody else than the screening held for review: a person, a gateway.

    One that waits there already stays as it is. One whose review ended waits again where a hold came since; what the
    screening said of it stays.
    """
    if reviews:
        await tx.execute(
            _QUEUE,
            [r.order_id for r in reviews],
            [r.hold for r in reviews],
            [r.channel for r in reviews],
            [r.score for r in reviews],
            [_text(r.findings) for r in reviews],
            [r.opened_at for r in reviews],
            [r.until for r in reviews],
        )


async def conclude(tx: Tx, outcomes: Mapping[str, str]) -> None:
    """Write down what became of orders (a word of OUTCOMES, by order id). A weightier outcome stays; unknown orders are left out."""
    ids = sorted(outcomes)
    if ids:
        await tx.execute(
            """UPDATE fraud_sightings AS s SET outcome = t.outcome
               FROM unnest($1::text::uuid[], $2::text::smallint[]) AS t (id, outcome) WHERE s.order_id = t.id AND s.outcome < t.outcome""",
            texts(ids),
            ints([OUTCOMES[outcomes[each]] for each in ids]),
        )


async def close(tx: Tx, closed: Sequence[Closed]) -> None:
    """Take reviews off the queue. The first word about a review stands."""
    if closed:
        first = {c.order_id: c for c in reversed(closed)}
        chosen = [first[order_id] for order_id in sorted(first)]
        await tx.execute(
            """UPDATE fraud_reviews AS r SET closed_at = t.at, decision = t.decision, decided_by = t.by, reason = t.reason
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS t (id, decision, by, reason, at)
               WHERE r.order_id = t.id AND r.closed_at IS NULL""",
            [c.order_id for c in chosen],
            [c.decision for c in chosen],
            [c.by for c in chosen],
            [c.reason for c in chosen],
            [c.at for c in chosen],
        )


async def put_policy(tx: Tx, channel: str, sheet: PolicySheet, *, expected: int | None, by: str, now: datetime) -> Policy:
    """Afterwards the channel's policy is this; one that would not change keeps its version.

    `expected`: the version that must still stand (0: none yet), None for any. Refused as `stale` otherwise. Every process knows it
    within a second; orders that are being screened may still be screened by the former one, as their receipts say.
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _POLICY_LOCK, channel)
    standing = (await policies(tx)).get(channel)
    version = standing.version if standing is not None else 0
    if expected is not None and expected != version:
        raise Refused("stale", f"Version {expected} was expected, {version} is stored.", kind="stale", version=version)
    if standing is None and channel == DEFAULT:
        standing = BUILT_IN
    wanted = policy_of(sheet, channel=channel, version=version + 1, by=by, at=now)
    if standing is not None and msgspec.structs.replace(wanted, version=version, by=standing.by, at=standing.at) == standing:
        return standing
    await tx.execute(
        "INSERT INTO fraud_policies (channel, version, content, by, at) VALUES ($1, $2, $3, $4, $5)",
        channel,
        wanted.version,
        _text(sheet),
        by,
        now,
    )
    await changes.announce(tx, KIND, [channel])
    return wanted


def _text(value: object) -> str:
    return _encode(value).decode()


_SIGHT = """
SELECT id::text, phone_hour, phone_day, phone_month, phone_delivered, phone_refused, phone_cancelled, phone_usual, phone_most,
  phone_day_least, phone_day_most, phone_named, phone_strangers, address_hour, address_day, address_refused, address_phones,
  address_accounts, device_hour, device_day, device_phones, ip_hour, ip_day, ip_phones
FROM fraud_sight($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::bigint[], $6::text::bigint[],
  $7::text::bigint[], $8::text::bigint[], $9::text::text[], $10::text::bigint[], $11::text::boolean[], $12::text::timestamptz[],
  $13::text::boolean[])
"""

#: A review that ended begins anew for another hold, and for the same one that came again (money set aside and taken, both called risky).
_ANEW = """hold = excluded.hold, opened_at = excluded.opened_at, until = excluded.until,
  closed_at = NULL, decision = '', decided_by = '', reason = ''"""
_ENDED = "r.closed_at IS NOT NULL AND (r.hold <> excluded.hold OR r.closed_at < excluded.opened_at)"
_QUEUE = f"""
INSERT INTO fraud_reviews AS r (order_id, hold, channel, score, findings, opened_at, until)
SELECT t.id, t.hold, t.channel, t.score, t.findings::json, t.opened_at, t.until
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[], $7::timestamptz[])
  AS t (id, hold, channel, score, findings, opened_at, until)
ORDER BY t.id
ON CONFLICT (order_id) DO UPDATE SET {_ANEW} WHERE {_ENDED}
"""

# A rulebook that somebody else is writing at this moment is left to them: whoever loses its transaction screens again.
_RECORD = f"""
WITH scores AS (
  INSERT INTO fraud_detection_scores
    (order_id, version, channel, score, outcome, findings, inputs, scored, rulebook, policy_version, at)
  SELECT t.id, t.version, t.channel, t.score, t.outcome, t.findings::json, t.inputs::json, t.scored::json, t.book, t.policy, t.at
  FROM unnest($1::text::uuid[], $2::text::integer[], $3::text::text[], $4::text::integer[], $5::text::text[], $6::text[], $7::text[],
      $8::text[], $9::text::text[], $10::text::integer[], $11::text::timestamptz[])
    AS t (id, version, channel, score, outcome, findings, inputs, scored, book, policy, at)
  ON CONFLICT (order_id, version) DO NOTHING
), books AS (
  INSERT INTO fraud_rulebooks (digest, content, at)
  SELECT t.digest, t.content::json, $14 FROM unnest($12::text[], $13::text[]) AS t (digest, content)
  WHERE NOT EXISTS (SELECT FROM fraud_rulebooks AS b WHERE b.digest = t.digest)
    AND pg_try_advisory_xact_lock(1179795790, hashtext(t.digest))
  ON CONFLICT (digest) DO NOTHING
)
INSERT INTO fraud_reviews AS r (order_id, hold, channel, score, findings, opened_at, until)
SELECT t.id, t.hold, t.channel, t.score, t.findings::json, t.opened_at, t.until
FROM unnest($15::uuid[], $16::text[], $17::text[], $18::integer[], $19::text[], $20::timestamptz[], $21::timestamptz[])
  AS t (id, hold, channel, score, findings, opened_at, until)
ORDER BY t.id
ON CONFLICT (order_id) DO UPDATE SET channel = excluded.channel, score = excluded.score, findings = excluded.findings, {_ANEW}
WHERE {_ENDED}
"""
