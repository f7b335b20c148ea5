"""Nobody is told twice, and nobody waits to be told: one row per fact, receiver and channel, and none that lies there for days."""

from collections.abc import Sequence
from datetime import timedelta

from haat.domain import notifications
from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Wrong

GRACE = timedelta(hours=1)


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    twice = await tx.fetch(
        """SELECT order_id::text, version, role, channel, count(*) FROM notifications WHERE resend = 0
           GROUP BY order_id, version, role, recipient, channel HAVING count(*) > 1 LIMIT $1""",
        FOUND_MAX,
    )
    found = [Wrong(r[0], f"fact {r[1]} was told {r[4]} times to one {r[2]} by {r[3]}") for r in twice]
    for channel, life in notifications.LIFE.items():
        rows = await tx.fetch(
            """SELECT order_id::text, event, status, due_at FROM notifications
               WHERE channel = $1 AND (status = 'due' AND due_at < $2 OR status = 'sending' AND lease_until < $3) LIMIT $4""",
            channel,
            at.now - life - GRACE,
            at.now - GRACE,
            FOUND_MAX,
        )
        found += [Wrong(r[0], f"{r[1]} by {channel} is {r[2]} since {r[3]:%Y-%m-%d %H:%M} and nobody sends it") for r in rows]
    return found


INVARIANT = Invariant(
    code="notifications",
    title="Each fact is told once to each receiver, in time or not at all",
    title_bn="প্রতিটি খবর প্রত্যেকে একবারই পায়",
    owner="operations",
    check=_check,
)
