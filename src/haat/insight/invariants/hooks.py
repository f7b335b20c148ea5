"""What others told us is dealt with: no stored hook waits for long, and those that nobody understands lie where somebody sees them."""

from collections.abc import Sequence
from datetime import timedelta

from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Wrong

LATE = timedelta(hours=6)  # the longest pause between two tries is four


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    rows = await tx.fetch(
        "SELECT id::text, code, due_at, attempts FROM hook_inbox WHERE status = 'waiting' AND due_at < $1 ORDER BY due_at LIMIT $2",
        at.now - LATE,
        FOUND_MAX,
    )
    return [Wrong(r[0], f"a hook of {r[1]} was due at {r[2]:%Y-%m-%d %H:%M}, after {r[3]} tries, and nobody took it up") for r in rows]


INVARIANT = Invariant(
    code="hooks",
    title="No stored hook waits for longer than its next try",
    title_bn="কোনো জমা হুক পড়ে থাকে না",
    owner="operations",
    check=_check,
)
