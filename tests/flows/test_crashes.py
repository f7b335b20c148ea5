"""A crash after every single step of every flow: afterwards everything is as if nobody had died."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.flowing import Again, Flow, Outcome, Outside, Step, Task
from tests.flows import crashing, lives, stage

#: Steps that no life here takes: what becomes of them is told in the tests of their flow.
ELSEWHERE: frozenset[str] = frozenset()


@pytest.mark.parametrize("life", lives.LIVES, ids=lambda life: life.name)
async def test_wherever_a_worker_dies_the_life_goes_on_as_if_it_had_not(life: lives.Life, dsn: str, tmp_path: Path) -> None:
    async with lives.opened(dsn, tmp_path, life) as cast:
        before = await crashing.stock(cast)
        points = crashing.Points()
        calm = crashing.mortal(cast, points)
        first = await calm.place()
        await calm.play([first])
        undisturbed = await crashing.outcome(calm, first)
        after_one = await crashing.stock(calm)
        reached = points.log[first]

        crashing.same_day_of_the_week(cast.stage.clock)
        herd_points = crashing.Points(targets := {})
        herd = crashing.mortal(calm, herd_points)
        for n in range(len(reached)):
            targets[await herd.place()] = n
        await herd.play(list(targets))

        immortal = {f"{n} «{reached[n]}»": herd_points.log[order_id] for order_id, n in targets.items() if order_id not in herd_points.died}
        assert not immortal, "\n".join([str(reached), *(f"{k}: {v}" for k, v in immortal.items())])
        for order_id, n in targets.items():
            found = crashing.difference(undisturbed, await crashing.outcome(herd, order_id))
            assert not found, f"{life.name}, dead at {n} «{reached[n]}»:\n{found}"
        each = {key: after_one[key] - before[key] for key in after_one}
        after = await crashing.stock(herd)
        assert {key: after[key] - after_one[key] for key in after} == {key: n * len(targets) for key, n in each.items()}


async def test_answers_of_a_turn_that_failed_are_settled_in_the_next_one_as_if_they_had_just_come(dsn: str, tmp_path: Path) -> None:
    poisoned: list[str] = []

    async def call(house: Any, task: Task) -> str:
        return "not yet"

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        outcomes = [Again(timedelta(seconds=20), answer) for _, answer in answers]
        poisoned.append("once")
        return outcomes if len(poisoned) > 1 else outcomes * 2  # so the first turn fails when all of it was settled

    verb = Outside(call=call, settle=settle, party=lambda task: "them")
    heard = frozenset({events.OrderStockReserved})
    flow = Flow(code="toy", title="Toy", facts=heard, decide=lambda order, fact: (Step("call"),), run={"call": verb})
    async with stage.opened(dsn, tmp_path, flow) as s:
        placed = [await s.place() for _ in range(3)]
        await s.settle()
        async with s.parts.database.reading() as tx:
            due = await tx.fetch("SELECT due_at FROM workflow_states")
        assert [row[0] for row in due] == [s.clock.now() + timedelta(seconds=20)] * len(placed), "none waits for the end of its lease"
