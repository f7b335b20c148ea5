"""The SQL of `workflow_states`: claiming, reading, writing. Set-wise, and nothing else knows these tables' columns.

Local steps are claimed by trying the journal's lock on their order: who holds it may read, decide and write, and whoever
comes second takes other orders. It costs no write and ends with the transaction, however it ends. The rows are read again
after the locks, because a statement sees the moment in which it began. Calls outside are claimed by a lease: the step is
due again when the lease ends, so a killed worker's calls come back by themselves.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from haat.engine import together
from haat.engine.arrays import instants, ints, texts
from haat.engine.database import Row as Record
from haat.engine.database import Tx
from haat.engine.flowing.deciding import NO_DATA, Row
from haat.engine.flowing.step import Stop

Key = tuple[str, int, int]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode
_COLUMNS = """order_id::text, version, n, flow, step, subject, status, outside, due_at, created_at, attempts, data, error, owner,
  after_version, after_n"""

# Locks are tried on what is taken and on nothing else, whatever the plan: OFFSET keeps the question about them outside.
_LOCK = """
SELECT due.order_id::text, due.version, due.n FROM (
  SELECT order_id, version, n FROM workflow_states WHERE status = 'due' AND NOT outside AND due_at <= $1 ORDER BY due_at OFFSET 0) AS due
WHERE pg_try_advisory_xact_lock(hashtextextended(due.order_id::text, 0)) LIMIT $2
"""

_READ = f"""
SELECT {_COLUMNS} FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[]) AS k (order_id, version, n)
JOIN workflow_states USING (order_id, version, n)
"""

_LEASE = f"""
UPDATE workflow_states AS w SET attempts = w.attempts + 1, worker = $4, updated_at = $1,
  due_at = $1 + coalesce((SELECT l.span FROM unnest($5::text::text[], $6::text::text[], $7::text::interval[]) AS l (flow, step, span)
                          WHERE l.flow = w.flow AND l.step = w.step), $2)
FROM (SELECT order_id AS o, version AS v, n AS m FROM workflow_states WHERE status = 'due' AND outside AND due_at <= $1
      ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS c
WHERE w.order_id = c.o AND w.version = c.v AND w.n = c.m
RETURNING {_COLUMNS}
"""

#: New rows, whatever their status.
INSERT: together.Piece = (
    (
        "asked_steps",
        """INSERT INTO workflow_states (order_id, version, n, flow, step, subject, status, outside, due_at, attempts, data, error, owner,
             after_version, after_n, created_at, updated_at, worker)
           SELECT order_id, version, n, flow, step, subject, status, outside, due_at, attempts, nullif(data, '')::json, nullif(error, ''),
             nullif(owner, ''), nullif(after_version, 0), CASE WHEN after_version > 0 THEN after_n END, created_at, $18, nullif(worker, '')
           FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[], $4::text::text[], $5::text::text[], $6::text::text[],
             $7::text::text[], $8::text::boolean[], $9::text::timestamptz[], $10::text::int[], $11::text[], $12::text::text[],
             $13::text::text[], $14::text::int[], $15::text::smallint[], $16::text::timestamptz[], $17::text::text[])
             AS t (order_id, version, n, flow, step, subject, status, outside, due_at, attempts, data, error, owner, after_version,
               after_n, created_at, worker)""",
    ),
)

#: Rows that were claimed, as they are now. A row that somebody stopped meanwhile stays stopped.
UPDATE: together.Piece = (
    (
        "moved_steps",
        """UPDATE workflow_states AS w SET status = t.status, due_at = t.due_at, attempts = t.attempts, error = nullif(t.error, ''),
             owner = nullif(t.owner, ''), worker = NULL, updated_at = $9
           FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[], $4::text::text[], $5::text::timestamptz[], $6::text::int[],
             $7::text::text[], $8::text::text[]) AS t (order_id, version, n, status, due_at, attempts, error, owner)
           WHERE w.order_id = t.order_id AND w.version = t.version AND w.n = t.n AND w.status = 'due'""",
    ),
)

#: New instances.
BEGIN: together.Piece = (
    (
        "begun_workflows",
        """INSERT INTO order_workflows (order_id, status, began_at)
           SELECT order_id, 'running', $2 FROM unnest($1::text::uuid[]) AS t (order_id)""",
    ),
)


def insert_arguments(rows: Sequence[Row], now: datetime) -> tuple[object, ...]:
    """The arguments of INSERT."""
    return (
        texts([r.order_id for r in rows]),
        ints([r.version for r in rows]),
        ints([r.n for r in rows]),
        texts([r.flow for r in rows]),
        texts([r.step for r in rows]),
        texts([r.subject for r in rows]),
        texts([r.status for r in rows]),
        texts(["t" if r.outside else "f" for r in rows]),
        instants([r.due_at for r in rows]),
        ints([r.attempts for r in rows]),
        [_encode(r.data).decode() if r.data else "" for r in rows],
        texts([r.error for r in rows]),
        texts([r.owner for r in rows]),
        ints([r.after_version for r in rows]),
        ints([r.after_n for r in rows]),
        instants([r.created_at for r in rows]),
        texts([r.worker for r in rows]),
        now,
    )


def update_arguments(rows: Sequence[Row], now: datetime) -> tuple[object, ...]:
    """The arguments of UPDATE."""
    return (
        texts([r.order_id for r in rows]),
        ints([r.version for r in rows]),
        ints([r.n for r in rows]),
        texts([r.status for r in rows]),
        instants([r.due_at for r in rows]),
        ints([r.attempts for r in rows]),
        texts([r.error for r in rows]),
        texts([r.owner for r in rows]),
        now,
    )


def begin_arguments(order_ids: Sequence[str], now: datetime) -> tuple[object, ...]:
    """The arguments of BEGIN."""
    return texts(order_ids), now


def of(record: Record) -> Row:
    r = record
    return Row(
        r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], _decode(r[11]) if r[11] else NO_DATA, r[12] or "", r[13] or "",
        r[14] or 0, r[15] or 0,
    )  # fmt: skip


async def lock_due(tx: Tx, now: datetime, limit: int) -> list[Key]:
    """Keys of local steps that are due, their orders locked. Must come before the transaction writes."""
    return [(r[0], r[1], r[2]) for r in await tx.fetch(_LOCK, now, limit)]


async def read(tx: Tx, keys: Sequence[Key]) -> list[Row]:
    """These rows as they are now, oldest due first."""
    rows = await tx.fetch(_READ, texts([k[0] for k in keys]), ints([k[1] for k in keys]), ints([k[2] for k in keys]))
    return sorted([of(r) for r in rows], key=lambda r: (r.due_at, r.version, r.n))


async def lease(tx: Tx, now: datetime, spans: Mapping[tuple[str, str], timedelta], limit: int, worker: str) -> list[Row]:
    """Calls that are due, ours for the span of their (flow, step). Their attempts count this one. A step that nobody knows any more
    comes back like the longest."""
    flows, steps, each = texts([k[0] for k in spans]), texts([k[1] for k in spans]), texts([_seconds(s) for s in spans.values()])
    longest = max(spans.values(), default=timedelta(minutes=1))
    return [of(r) for r in await tx.fetch(_LEASE, now, longest, limit, worker, flows, steps, each)]


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():f} seconds"


async def put_back(tx: Tx, rows: Sequence[Row], dues: Sequence[datetime]) -> None:
    """Leased calls that were not made: each due again then, this try not counted. Nobody is waited for, since this holds no orders'
    locks: a step that somebody changes just now (it is stopped, mostly) is left to them, and comes back when its lease ends."""
    await tx.execute(
        """UPDATE workflow_states AS w SET due_at = free.due_at, attempts = greatest(w.attempts - 1, 0), worker = NULL
           FROM (SELECT s.order_id, s.version, s.n, t.due_at
                 FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[], $4::text::timestamptz[])
                   AS t (order_id, version, n, due_at)
                 JOIN workflow_states AS s ON s.order_id = t.order_id AND s.version = t.version AND s.n = t.n
                 WHERE s.status = 'due' FOR UPDATE OF s SKIP LOCKED) AS free
           WHERE w.order_id = free.order_id AND w.version = free.version AND w.n = free.n""",
        texts([r.order_id for r in rows]),
        ints([r.version for r in rows]),
        ints([r.n for r in rows]),
        instants(dues),
    )


async def stop(tx: Tx, stops: Sequence[tuple[str, str, Stop]], now: datetime, *, ended: Sequence[Key] = ()) -> None:
    """End waiting steps that are no longer needed. A compensation that waited for one of them has its turn.

    `ended`: steps that came to their end in this turn, which the table does not know yet; they are left as they are.

    An order's open steps are looked up once, however many of them are meant: most decisions stop what was never stored.
    """
    stops = list({(order_id, flow, stop.name, stop.subject): (order_id, flow, stop) for order_id, flow, stop in stops}.values())
    await tx.execute(
        """WITH t AS MATERIALIZED (
             SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::boolean[])
               AS t (order_id, flow, step, subject, any_subject)),
           meant AS MATERIALIZED (
             SELECT DISTINCT w.order_id, w.version, w.n
             FROM (SELECT DISTINCT order_id AS o FROM t) AS orders
             CROSS JOIN LATERAL (
               SELECT order_id, version, n, flow, step, subject FROM workflow_states
               WHERE order_id = orders.o AND status IN ('due', 'held', 'paused')
                 AND (order_id, version, n) NOT IN (SELECT * FROM unnest($7::text::uuid[], $8::text::int[], $9::text::smallint[]))
               OFFSET 0) AS w
             JOIN t ON t.order_id = w.order_id AND t.flow = w.flow AND t.step = w.step AND (t.any_subject OR t.subject = w.subject)),
           stopped AS (
             UPDATE workflow_states AS w SET status = 'stopped', worker = NULL, updated_at = $6 FROM meant AS m
             WHERE w.order_id = m.order_id AND w.version = m.version AND w.n = m.n AND w.status IN ('due', 'held', 'paused')
             RETURNING w.order_id, w.version, w.n)
           UPDATE workflow_states AS w SET status = 'due', due_at = $6, updated_at = $6 FROM stopped AS s
           WHERE w.order_id = s.order_id AND w.after_version = s.version AND w.after_n = s.n AND w.status = 'waiting'""",
        texts([s[0] for s in stops]),
        texts([s[1] for s in stops]),
        texts([s[2].name for s in stops]),
        texts([s[2].subject or "" for s in stops]),
        texts(["t" if s[2].subject is None else "f" for s in stops]),
        now,
        texts([k[0] for k in ended]),
        ints([k[1] for k in ended]),
        ints([k[2] for k in ended]),
    )


async def wake(tx: Tx, order_ids: Sequence[str], status: str, now: datetime) -> None:
    """Steps that waited for a hold (`held`) or a pause (`paused`) to end are due, at their time or now; they are no older for it."""
    await tx.execute(
        """UPDATE workflow_states SET status = 'due', due_at = greatest(due_at, $3), updated_at = $3,
             created_at = created_at + greatest($3 - updated_at, interval '0')
           WHERE order_id = ANY ($1::uuid[]) AND status = $2""",
        order_ids,
        status,
        now,
    )


async def advance(tx: Tx, keys: Sequence[Key], now: datetime) -> None:
    """Compensations whose predecessor is dealt with are due."""
    await tx.execute(
        """UPDATE workflow_states AS w SET status = 'due', due_at = $4, updated_at = $4
           FROM unnest($1::text::uuid[], $2::text::int[], $3::text::smallint[]) AS t (order_id, version, n)
           WHERE w.order_id = t.order_id AND w.after_version = t.version AND w.after_n = t.n AND w.status = 'waiting'""",
        texts([k[0] for k in keys]),
        ints([k[1] for k in keys]),
        ints([k[2] for k in keys]),
        now,
    )


async def done_steps(tx: Tx, order_id: str, flow: str, steps: Sequence[str]) -> list[Row]:
    """Steps of a flow that were done, newest first."""
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM workflow_states WHERE order_id = $1 AND flow = $2 AND step = ANY ($3::text[]) AND status = 'done'
            ORDER BY updated_at DESC, version DESC, n DESC""",
        order_id,
        flow,
        list(steps),
    )
    return [of(r) for r in rows]


async def under_way(tx: Tx, order_ids: Sequence[str], flow: str, step: str) -> set[tuple[str, str]]:
    """(order, subject) of every step of that name that is due, asked for, or waits for a hold or a pause to end."""
    rows = await tx.fetch(
        """SELECT order_id::text, subject FROM workflow_states
           WHERE order_id = ANY ($1::text[]::uuid[]) AND flow = $2 AND step = $3 AND status IN ('due', 'held', 'paused')""",
        list(order_ids),
        flow,
        step,
    )
    return {(row[0], row[1]) for row in rows}


async def places(tx: Tx, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The first free place among the steps of these (order, version)."""
    rows = await tx.fetch(
        """SELECT t.order_id::text, t.version, coalesce(max(w.n) + 1, 0)
           FROM unnest($1::text::uuid[], $2::text::int[]) AS t (order_id, version)
           LEFT JOIN workflow_states AS w ON w.order_id = t.order_id AND w.version = t.version GROUP BY 1, 2""",
        texts([k[0] for k in keys]),
        ints([k[1] for k in keys]),
    )
    return {(r[0], r[1]): r[2] for r in rows}


async def set_status(tx: Tx, order_ids: Sequence[str], statuses: Sequence[str], now: datetime) -> None:
    """The instances' own status."""
    await tx.execute(
        """UPDATE order_workflows AS w SET status = t.status, ended_at = CASE WHEN t.status = 'ended' THEN $3::timestamptz END
           FROM unnest($1::text::uuid[], $2::text::text[]) AS t (order_id, status)
           WHERE w.order_id = t.order_id AND w.status <> t.status""",
        texts(order_ids),
        texts(statuses),
        now,
    )


async def hasten(tx: Tx, order_ids: Sequence[str], flow: str, step: str, *, now: datetime, rested: timedelta) -> None:
    """A step of these orders that waits for its time is due now, unless it was looked at (or made) less than `rested` ago.

    A call that is under way is left alone.
    """
    await tx.execute(
        """UPDATE workflow_states SET due_at = $4, updated_at = $4
           WHERE order_id = ANY ($1::uuid[]) AND flow = $2 AND step = $3 AND status = 'due' AND due_at > $4 AND worker IS NULL
             AND updated_at <= $4 - $5::interval""",
        order_ids,
        flow,
        step,
        now,
        rested,
    )
