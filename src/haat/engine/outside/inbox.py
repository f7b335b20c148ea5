"""What others tell us, kept raw before anybody acts on it: the answer leaves in milliseconds, the work comes after.

    keep(tx, news)     stored once per connection, however often it is told; a buyer's return that was dealt with waits once more
    claim(tx, …)       the oldest that are due, locked for this transaction, their lease set
    done / failed      what became of them; a failed one comes again with a growing pause, at last it is shown to somebody

A claim holds until its lease ends: who dies with it loses nothing, the next worker finds it again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from haat.engine.database import Lane, Row, Tx
from haat.engine.outside.record import masked_headers
from haat.kernel.outside import Hook

ATTEMPTS_MAX = 12  # with the pauses below: more than a day
LEASE_S = 90.0
LEASE = timedelta(seconds=LEASE_S)
ANEW_AFTER_S = 60
PAUSE_MAX_S = 4 * 3600
#: Headers that are needed to read a hook again are few and say nothing about anybody.
_KEPT = ("content-type", "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn", "user-agent")
#: What the browser of a buyer brought back, as against what a server told us.
RETURN = "RETURN"


class Arrived(msgspec.Struct, frozen=True):
    """A stored hook. `hook.method` is RETURN where a buyer's browser brought it."""

    id: str
    kind: str
    code: str
    hook: Hook
    received_at: datetime
    attempts: int
    status: Literal["waiting", "done", "failed"] = "waiting"
    problem: str = ""


class News(msgspec.Struct, frozen=True):
    """A hook as it came, not yet kept. `key` makes news of one connection the same news."""

    id: str
    kind: str
    code: str
    key: str
    hook: Hook
    at: datetime

    @property
    def dedupe(self) -> bytes:
        return hashlib.sha256(f"{self.hook.method}\n{self.key}".encode()).digest()


class Keeper:
    """Keeps what comes at the same moment together, through one lane: a courier that tells of a thousand parcels costs a few commits."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def keep(self, news: Sequence[News]) -> Sequence[bool]:
        """`keep` in a transaction of its own. Safe to repeat when its answer was lost: then it was told twice, and is kept once."""
        async with self._lane.transaction() as tx:
            return await keep(tx, news)


async def keep(tx: Tx, news: Sequence[News]) -> list[bool]:
    """Keep them, each once; whether each is new. Rows are written in the order of (code, dedupe), so that two keepers never cross."""
    keys = [(each.code, each.dedupe) for each in news]
    told: dict[tuple[str, bytes], list[int]] = {}
    for number, key in enumerate(keys):
        told.setdefault(key, []).append(number)
    firsts = [(key, news[numbers[0]], len(numbers)) for key, numbers in sorted(told.items())]
    rows = await tx.fetch(
        _KEEP,
        [each.id for _, each, _ in firsts],
        [each.kind for _, each, _ in firsts],
        [code for (code, _), _, _ in firsts],
        [dedupe for (_, dedupe), _, _ in firsts],
        [each.at for _, each, _ in firsts],
        [times for *_, times in firsts],
        [each.hook.method for _, each, _ in firsts],
        [_headers(each.hook) for _, each, _ in firsts],
        [msgspec.json.encode(dict(each.hook.query)).decode() for _, each, _ in firsts],
        [each.hook.body for _, each, _ in firsts],
    )
    new = {(row[0], row[1]) for row in rows if row[2]}
    return [key in new and told[key][0] == number for number, key in enumerate(keys)]


def _headers(hook: Hook) -> str:
    return msgspec.json.encode(masked_headers({name: hook.headers[name] for name in _KEPT if name in hook.headers})).decode()


async def claim(tx: Tx, *, kind: str, now: datetime, limit: int = 100, lease: timedelta = LEASE) -> list[Arrived]:
    """The oldest due ones of a kind, `attempts` counted up, leased. Locked by nobody else (SKIP LOCKED); any number of workers."""
    return [_arrived(row) for row in await tx.fetch(_CLAIM, kind, now, now + lease, limit)]


async def done(tx: Tx, ids: Sequence[str], *, now: datetime) -> None:
    """Afterwards nobody looks at these again."""
    await tx.execute(
        "UPDATE hook_inbox SET status = 'done', done_at = $2, problem = '' WHERE id = ANY($1::uuid[]) AND status = 'waiting'",
        list(ids),
        now,
    )


async def failed(tx: Tx, problems: Mapping[str, str], *, now: datetime) -> None:
    """Afterwards these (id → what went wrong) come again after a pause that doubles, or lie there for somebody after the last try."""
    await tx.execute(_FAILED, list(problems), [text[:500] for text in problems.values()], now, ATTEMPTS_MAX, PAUSE_MAX_S)


async def again(tx: Tx, ids: Sequence[str], *, now: datetime) -> int:
    """Somebody has mended the cause: the failed ones among these are due at once. How many."""
    rows = await tx.fetch(
        "UPDATE hook_inbox SET status = 'waiting', attempts = 0, due_at = $2 WHERE id = ANY($1::uuid[]) AND status = 'failed' RETURNING id",
        list(ids),
        now,
    )
    return len(rows)


async def resting(tx: Tx, *, status: Literal["waiting", "failed"], limit: int = 100) -> list[Arrived]:
    """What lies there, the oldest first."""
    return [_arrived(row) for row in await tx.fetch(f"{_SELECT} WHERE status = $1 ORDER BY received_at, id LIMIT $2", status, limit)]


async def forget(tx: Tx, before: datetime) -> None:
    """Drop what was done before; the same news told once more after that is new, and changes nothing either."""
    await tx.execute("DELETE FROM hook_inbox WHERE status = 'done' AND done_at < $1", before)


def _arrived(row: Row) -> Arrived:
    strings = dict[str, str]
    hook = Hook(
        row["method"],
        msgspec.json.decode(row["headers"], type=strings),
        msgspec.json.decode(row["query"], type=strings),
        bytes(row["body"]),
    )
    return Arrived(row["id"], row["kind"], row["code"], hook, row["received_at"], row["attempts"], row["status"], row["problem"])


_COLUMNS = (
    "id::text AS id, kind, code, method, headers::text AS headers, query::text AS query, body, received_at, attempts, status, problem"
)
_SELECT = f"SELECT {_COLUMNS} FROM hook_inbox"
#: A buyer may have agreed to more since; looked at once in a while, for anybody may come back again and again.
_ANEW = f"hook_inbox.status IN ('done', 'failed') AND excluded.method = '{RETURN}'"
_KEEP = f"""
INSERT INTO hook_inbox
  (id, kind, code, dedupe, status, attempts, due_at, received_at, times, method, headers, query, body, problem)
SELECT id, kind, code, dedupe, 'waiting', 0, at, at, times, method, headers::jsonb, query::jsonb, body, ''
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::int[], $7::text[], $8::text[], $9::text[], $10::bytea[])
  AS t (id, kind, code, dedupe, at, times, method, headers, query, body)
ON CONFLICT (code, dedupe) DO UPDATE SET
  times = hook_inbox.times + excluded.times,
  status = CASE WHEN {_ANEW} THEN 'waiting' ELSE hook_inbox.status END,
  attempts = CASE WHEN {_ANEW} THEN 0 ELSE hook_inbox.attempts END,
  due_at = CASE WHEN {_ANEW} THEN greatest(excluded.due_at, hook_inbox.done_at + interval '{ANEW_AFTER_S} seconds')
    ELSE hook_inbox.due_at END
RETURNING code, dedupe, xmax = 0
"""
_CLAIM = f"""
WITH due AS (
  SELECT id AS due_id FROM hook_inbox
  WHERE status = 'waiting' AND due_at <= $2 AND kind = $1
  ORDER BY due_at, id
  LIMIT $4
  FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE hook_inbox SET attempts = attempts + 1, due_at = $3 FROM due WHERE id = due_id RETURNING hook_inbox.*
)
SELECT {_COLUMNS} FROM claimed ORDER BY received_at, id
"""
_FAILED = """
UPDATE hook_inbox
SET status = CASE WHEN attempts >= $4 THEN 'failed' ELSE 'waiting' END,
    due_at = $3::timestamptz + make_interval(secs => least(15 * 2 ^ (attempts - 1), $5::int)::float8),
    problem = t.problem
FROM unnest($1::uuid[], $2::text[]) AS t (id, problem)
WHERE hook_inbox.id = t.id AND hook_inbox.status = 'waiting'
"""
