"""Orders under way change to a newer version of a flow: what becomes of their waiting steps, as the flow's `migrates` says.

A step that is not named keeps its name, so every step of the old version is either one of the new version or named (`Flows` refuses
a flow that leaves one nowhere). What was done stays as it was done.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.engine.arrays import texts
from haat.engine.database import Tx
from haat.engine.flowing import table
from haat.engine.flowing.step import Flow, Outside

Key = tuple[str, int, int]
WAITING = ("due", "held", "paused", "waiting", "dead")


async def begun_before(tx: Tx, flow: str, *, after: str | None, limit: int) -> list[str]:
    """The next orders, by id, whose flows run, or that ended and still have steps of this one to do."""
    rows = await tx.fetch(
        """SELECT order_id::text FROM order_workflows AS w
           WHERE ($1::uuid IS NULL OR order_id > $1::uuid) AND (status <> 'ended' OR EXISTS (
             SELECT FROM workflow_states AS s WHERE s.order_id = w.order_id AND s.flow = $2 AND s.status = ANY ($3::text[])))
           ORDER BY order_id LIMIT $4""",
        after,
        flow,
        list(WAITING),
        limit,
    )
    return [row[0] for row in rows]


async def rename(tx: Tx, order_ids: Sequence[str], flow: Flow, names: Mapping[str, str], now: datetime) -> None:
    """Waiting steps of these orders take their new names, those whose new name is "" are over. The caller holds the orders' locks.

    The answer of a call that is under way under its old name is not waited for: the step is made again, and asks first.
    """
    if not names:
        return
    rows = await tx.fetch(
        """UPDATE workflow_states AS w SET step = CASE WHEN t.new = '' THEN w.step ELSE t.new END,
             status = CASE WHEN t.new = '' THEN 'stopped' ELSE w.status END, outside = t.outside,
             attempts = w.attempts + CASE WHEN w.worker IS NULL THEN 0 ELSE 1 END, worker = NULL, updated_at = $6
           FROM unnest($3::text::text[], $4::text::text[], $5::text::boolean[]) AS t (old, new, outside)
           WHERE w.order_id = ANY ($1::uuid[]) AND w.flow = $2 AND w.step = t.old AND w.status = ANY ($7::text[])
           RETURNING w.order_id::text, w.version, w.n, t.new = ''""",
        list(order_ids),
        flow.code,
        texts(list(names)),
        texts(list(names.values())),
        texts(["t" if isinstance(flow.run.get(new), Outside) else "f" for new in names.values()]),
        now,
        list(WAITING),
    )
    dropped: list[Key] = [(row[0], row[1], row[2]) for row in rows if row[3]]
    if dropped:
        await table.advance(tx, dropped, now)
