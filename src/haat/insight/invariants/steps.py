"""Nobody is forgotten: no step is overdue beyond its time limit or put off beyond its age limit, and orders that ended have nothing to
do but their money and goods.
"""

from collections.abc import Sequence
from datetime import timedelta

from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Page, Wrong

LONGEST = timedelta(days=1)
LAST_PAUSE = timedelta(days=2)  # a step that is too old is found to be so when it is looked at next
#: What may still be under way of an order that came to its end: money that goes back, parcels that are called back, people told. One that
#: is completed has none of that; what is open about it all the same (a courier contradicts itself a day later) waits for its owner.
AFTER_THE_END = frozenset({"payment", "fulfilment", "exceptions"})


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    limits = {
        (code, step): timedelta(seconds=verb.age_limit_s) for code, flow in at.flows.newest.items() for step, verb in flow.run.items()
    }
    shortest = min(limits.values(), default=LONGEST)
    rows = await tx.fetch(
        """SELECT order_id::text, version, n, flow, step, due_at FROM workflow_states
           WHERE status = 'due' AND due_at < $1 ORDER BY due_at LIMIT $2""",
        at.now - shortest,
        10 * FOUND_MAX,
    )
    found = [
        Wrong(r[0], f"step {r[1]}.{r[2]} ({r[3]}:{r[4]}) was due at {r[5]:%Y-%m-%d %H:%M} and nobody took it up")
        for r in rows
        if at.now - r[5] > limits.get((r[3], r[4]), shortest)
    ]
    kept = await tx.fetch(
        """SELECT order_id::text, version, n, flow, step, due_at - created_at FROM workflow_states
           WHERE status = 'due' AND coalesce(error, '') <> '' AND due_at - created_at > $1 ORDER BY created_at LIMIT $2""",
        shortest + LAST_PAUSE,
        10 * FOUND_MAX,
    )
    return found + [
        Wrong(r[0], f"step {r[1]}.{r[2]} ({r[3]}:{r[4]}) has been put off for {r[5].days} days, beyond its age limit")
        for r in kept
        if r[5] > limits.get((r[3], r[4]), shortest) + LAST_PAUSE
    ]


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    return [
        Wrong(order.id, f"is {order.status}, and step {step.id} ({step.flow}:{step.step}) still waits")
        for order in page.orders
        if order.ended
        for step in page.steps.get(order.id, ())
        if step.status != "dead" and (order.status == "completed" or step.flow not in AFTER_THE_END)
        if not (step.flow == "exceptions" and any(e.id == step.subject for e in order.exceptions))
    ]


INVARIANT = Invariant(
    code="steps",
    title="No step is overdue beyond its limit, and what ended has nothing left to do",
    title_bn="কোনো ধাপ সময়সীমার বাইরে পড়ে নেই",
    owner="operations",
    check=_check,
    look=_look,
)
