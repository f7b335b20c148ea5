"""What an admin sees and does: instances, steps, and those that wait for somebody. Questions are plain SQL; repairs take keys.

A repair changes only a step that is dead (or stuck), under its order's lock; the same repair again finds nothing to change.
The facts that record it are the caller's, in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from haat.engine.arrays import ints, texts
from haat.engine.database import Row as Record
from haat.engine.database import Tx
from haat.engine.flowing import table
from haat.engine.flowing.deciding import Row

Key = tuple[str, int, int]
PAGE_MAX = 500


class Stuck(msgspec.Struct, frozen=True):
    """A step that waits for somebody, as lists show it. `id` names it within its order; `cause` is a stable word."""

    order_id: str
    id: str
    flow: str
    step: str
    subject: str
    status: str
    cause: str
    detail: str
    owner: str
    attempts: int
    created_at: datetime
    since: datetime


class StepView(msgspec.Struct, frozen=True):
    """A step of an order, as its page shows it."""

    id: str
    flow: str
    step: str
    subject: str
    status: str
    attempts: int
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    error: str
    worker: str


class Instance(msgspec.Struct, frozen=True):
    """The flows of one order: running, paused or ended."""

    order_id: str
    status: str
    began_at: datetime
    ended_at: datetime | None
    steps: int
    waiting: int
    dead: int


class Search(msgspec.Struct, frozen=True):
    """Which stuck steps. `older_than`: no change since then. `cause` is the word before the colon."""

    cause: str | None = None
    flow: str | None = None
    step: str | None = None
    owner: str | None = None
    order_id: str | None = None
    older_than: timedelta | None = None


def step_id(version: int, n: int) -> str:
    """A step's name within its order."""
    return f"{version}.{n}"


def parse(step: str) -> tuple[int, int] | None:
    """(version, n) of a step's name; None where it is none."""
    version, _, n = step.partition(".")
    if version.isascii() and version.isdecimal() and n.isascii() and n.isdecimal() and len(version) < 10 and len(n) < 6:
        return int(version), int(n)
    return None


async def stuck(tx: Tx, search: Search, now: datetime, *, after: Key | None = None, limit: int = 100) -> list[Stuck]:
    """Dead steps, by order id and place (`after` is the last key of the page before), at most `limit`."""
    rows = await tx.fetch(
        """SELECT order_id::text, version, n, flow, step, subject, status, coalesce(error, ''), coalesce(owner, ''), attempts, created_at,
             updated_at
           FROM workflow_states
           WHERE status = 'dead' AND ($1::text IS NULL OR split_part(error, ':', 1) = $1) AND ($2::text IS NULL OR flow = $2)
             AND ($3::text IS NULL OR step = $3) AND ($4::text IS NULL OR owner = $4) AND ($5::uuid IS NULL OR order_id = $5)
             AND ($6::timestamptz IS NULL OR updated_at <= $6)
             AND ($7::uuid IS NULL OR (order_id, version, n) > ($7::uuid, $8::int, $9::smallint))
           ORDER BY order_id, version, n LIMIT $10""",
        search.cause, search.flow, search.step, search.owner, search.order_id,
        None if search.older_than is None else now - search.older_than,
        *(after or (None, None, None)),
        min(limit, PAGE_MAX),
    )  # fmt: skip
    return [_stuck(r, *_cause(r[7])) for r in rows]


async def causes(tx: Tx) -> list[tuple[str, str, str, str, int, datetime]]:
    """(flow, step, cause, owner, how many, since when the oldest) of everything that waits for somebody, the most first."""
    rows = await tx.fetch(
        """SELECT flow, step, split_part(coalesce(error, ''), ':', 1) AS cause, coalesce(owner, ''), count(*), min(updated_at)
           FROM workflow_states WHERE status = 'dead' GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2"""
    )
    return [tuple(r) for r in rows]


async def steps(tx: Tx, order_id: str) -> list[StepView]:
    """All steps of an order, in the order in which they were asked for."""
    rows = await tx.fetch(
        """SELECT version, n, flow, step, subject, status, attempts, due_at, created_at, updated_at, coalesce(error, ''),
             coalesce(worker, '')
           FROM workflow_states WHERE order_id = $1 ORDER BY version, n""",
        order_id,
    )
    return [StepView(step_id(r[0], r[1]), *r[2:]) for r in rows]


async def instances(tx: Tx, *, status: str | None = None, after: str | None = None, limit: int = 50) -> list[Instance]:
    """Instances, newest order first."""
    rows = await tx.fetch(
        """SELECT w.order_id::text, w.status, w.began_at, w.ended_at, count(s.n), count(s.n) FILTER (WHERE s.status IN
             ('due', 'held', 'paused', 'waiting')), count(s.n) FILTER (WHERE s.status = 'dead')
           FROM (SELECT * FROM order_workflows WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR order_id < $2)
                 ORDER BY order_id DESC LIMIT $3) AS w
           LEFT JOIN workflow_states AS s ON s.order_id = w.order_id GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC""",
        status,
        after,
        min(limit, PAGE_MAX),
    )
    return [Instance(*r) for r in rows]


async def dead(tx: Tx, keys: Sequence[Key]) -> list[Row]:
    """Those of these steps that are dead now. The caller holds their orders' locks."""
    return [row for row in await table.read(tx, keys) if row.status == "dead"]


async def repair(tx: Tx, rows: Sequence[Row], how: str, now: datetime) -> None:
    """`retry`: due again, its tries counted anew; a call that was made before counts as one, so that it asks before it repeats.
    `skip`: over, and a compensation behind it goes on."""
    await tx.execute(
        """UPDATE workflow_states AS w SET status = CASE WHEN $4 = 'retry' THEN 'due' ELSE 'skipped' END, due_at = $5, updated_at = $5,
             created_at = CASE WHEN $4 = 'retry' THEN $5 ELSE w.created_at END,
             attempts = CASE WHEN $4 <> 'retry' THEN w.attempts WHEN w.outside THEN least(w.attempts, 1) ELSE 0 END,
             error = NULL, worker = NULL
           FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[]) AS t (order_id, version, n)
           WHERE w.order_id = t.order_id AND w.version = t.version AND w.n = t.n AND w.status = 'dead'""",
        texts([r.order_id for r in rows]),
        ints([r.version for r in rows]),
        ints([r.n for r in rows]),
        how,
        now,
    )
    if how == "skip":
        await table.advance(tx, [r.key for r in rows], now)


async def hasten(tx: Tx, keys: Sequence[Key], now: datetime) -> int:
    """Waiting steps that somebody wants done now, but not a call that is under way; returns how many there were."""
    done = await tx.execute(
        """UPDATE workflow_states AS w SET due_at = $4 FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[])
             AS t (order_id, version, n)
           WHERE w.order_id = t.order_id AND w.version = t.version AND w.n = t.n AND w.status = 'due' AND w.due_at > $4
             AND w.worker IS NULL""",
        texts([k[0] for k in keys]),
        ints([k[1] for k in keys]),
        ints([k[2] for k in keys]),
        now,
    )
    return int(done.rpartition(" ")[2])


def _stuck(r: Record, cause: str, detail: str) -> Stuck:
    return Stuck(r[0], step_id(r[1], r[2]), r[3], r[4], r[5], r[6], cause, detail, r[8], r[9], r[10], r[11])


def _cause(error: str) -> tuple[str, str]:
    cause, _, detail = error.partition(": ")
    return cause, detail
