"""Disputes (chargebacks): the buyer's bank takes money back. Somebody of ours is told once for each state, until it is won or withdrawn.

Evidence is given in the gateway's own panel. What was lost is written off by whoever keeps the books: what the order says that it
captured stays, but nothing of what a dispute took is held, or goes back a second time.
"""

from collections.abc import Sequence
from datetime import datetime

from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, House, Local, Outcome, Task, overcoming
from haat.flows.paying.overcoming import CODE, resolved
from haat.kernel.facts import Fact

OWNER = "payments"
#: Statuses that nobody has to do anything about.
WELL = frozenset({"won", "withdrawn"})


def dispute() -> Local:
    """A person looks at a dispute as it stands now; what was shown of it before is closed. Moot where it stands otherwise by now."""
    closing = overcoming.closing(CODE, resolved)

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for task in tasks:
            (closed,) = await closing.run(house, tx, [task], now)
            known = orders.paying.dispute_in(task.order, task.subject)
            due = known is not None and known[1].status == task.data["status"] and known[1].status not in WELL
            outcomes.append(_shown(*known, closed.facts) if known is not None and due and isinstance(closed, Done) else closed)
        return outcomes

    return Local(
        run=run, title="look at a dispute", title_bn="আপত্তি দেখা", owner=OWNER, waits_for_holds=False, repairs=("skip",)
    )  # fmt: skip


def _shown(attempt: orders.Attempt, it: orders.Dispute, closed: tuple[Fact, ...]) -> Outcome:
    why = f" ({it.reason})" if it.reason else ""
    if it.status == "lost":
        return Dead("dispute_lost", f"{attempt.gateway} took {it.amount} back for {it.id}{why}: the amount is to be written off.", closed)
    by = f" by {it.respond_by:%Y-%m-%d %H:%M} UTC" if it.respond_by is not None and it.status != "under_review" else ""
    wants = "it waits for the bank" if it.status == "under_review" else f"answer there{by}"
    return Dead(
        "payment_disputed", f"{attempt.gateway}: {it.id} contests {it.amount}{why}, {it.status.replace('_', ' ')}; {wants}.", closed
    )
