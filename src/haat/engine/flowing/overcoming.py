"""Closing what life has overcome: steps that wait for somebody, and that nobody has to look at any more.

An open exception is a promise that a human is needed; one that lies there for nothing makes the others invisible. Which fact
overcomes which steps is each flow's to say; it asks for one step, whose data names them, and this is who does it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from haat.engine.database import Tx
from haat.engine.flowing import repairing
from haat.engine.flowing.step import Again, Done, Local, Outcome, Task
from haat.kernel.facts import Fact

SOON = timedelta(seconds=1)


def closing(flow: str, resolved: Callable[[str], Fact], *, lasting: Collection[str] = ()) -> Local:
    """The step that closes the open exceptions of a flow's steps `data["steps"]` about its own subject (none: about any).

    `resolved` makes the fact that records it, of the exception's id. Causes that are `lasting` nothing overcomes: a person closes them.
    """

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house
        keys: dict[repairing.Key, str] = {}
        for task in tasks:
            for trouble in task.order.exceptions:
                place = repairing.parse(trouble.id)
                if place is not None and trouble.flow == flow and trouble.step in task.data["steps"] and trouble.cause not in lasting:
                    keys[(task.order.id, *place)] = trouble.id
        subjects = {task.order.id: task.subject for task in tasks}
        dead = await repairing.dead(tx, list(keys))
        # What died in this very turn is not written yet, and nobody can close it before it is.
        early = {order_id for order_id, _, _ in keys.keys() - {row.key for row in dead}}
        rows = [row for row in dead if subjects[row.order_id] in ("", row.subject)]
        if rows:
            await repairing.repair(tx, rows, "skip", now)
        closed: dict[str, list[Fact]] = {}
        for row in rows:
            closed.setdefault(row.order_id, []).append(resolved(keys[row.key]))
        outcomes: list[Outcome] = []
        for task in tasks:
            facts = tuple(closed.get(task.order.id, ()))
            outcomes.append(Again(SOON, "what it closes is not written yet", facts) if task.order.id in early else Done(facts))
        return outcomes

    return Local(run=run, title="Close what was overcome", title_bn="মিটে যাওয়া সমস্যা বন্ধ", waits_for_holds=False)
