"""A crash after every single step of every flow: afterwards everything is as if nobody had died."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.flowing import Again, Flow, Outcome, Outside, Step, Task
from tests.database import trading
from tests.flows import casting, crashing, lives, stage

#: Lives in which whole processes die, and how often at the least.
PROCESSES = ("prepaid", "cash_two_vendors", "cancelled_after_booking", "partly_cancelled_after_paying")
DEATHS = 8


@pytest.mark.parametrize("life", lives.LIVES, ids=lambda life: life.name)
async def test_wherever_a_worker_dies_the_life_goes_on_as_if_it_had_not(life: casting.Life, dsn: str, tmp_path: Path) -> None:
    async with casting.opened(dsn, tmp_path, life) as cast:
        before = await crashing.stock(cast)
        points = crashing.Points()
        calm = crashing.mortal(cast, points)
        first = await calm.place()
        await calm.play([first])
        undisturbed = await crashing.outcome(calm, first)
        after_one = await crashing.stock(calm)
        reached = points.log[first]
        assert set(life.takes) <= {step for point in reached for step in point.partition(": ")[0].split(", ")}

        await crashing.begin_again(cast)
        herd_points = crashing.Points(targets := {})
        herd = crashing.mortal(calm, herd_points)
        for n in range(len(reached)):
            targets[await herd.place()] = n
        await herd.play(list(targets))

        immortal = {n: reached[n] for order_id, n in targets.items() if order_id not in herd_points.died}
        assert not immortal or life.tries_vary, [herd_points.log[order_id] for order_id, n in targets.items() if n in immortal]
        assert set(immortal.values()) <= {name for names in herd_points.died.values() for name in names}, "each kind of point was died at"
        for order_id, n in targets.items():
            found = crashing.difference(undisturbed, await crashing.outcome(herd, order_id))
            assert not found, f"{life.name}, dead at {n} «{reached[n]}»:\n{found}"
        await trading.assert_rows_are_the_fold(cast.stage.parts)
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


async def test_every_step_of_every_flow_is_taken_by_some_life(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, seed=False) as s:
        known = {f"{flow.code}:{step}" for flow in s.parts.flows.newest.values() for step in flow.run}
    taken = {step for life in lives.LIVES for step in life.takes}
    assert taken == known


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_that_dies_again_and_again_is_followed_by_another_that_ends_the_life_as_one_would_have(
    name: str, dsn: str, tmp_path: Path
) -> None:
    """Every process dies at the first point that none died at before, and takes everything with it that was in its memory."""
    policy = msgspec.structs.replace(lives.BY_NAME[name].payment_policy, pay_within=timedelta(days=1))
    life = msgspec.structs.replace(lives.BY_NAME[name], payment_policy=policy)
    async with casting.opened(dsn, tmp_path, life) as cast:
        first = await cast.place()
        await cast.play([first])
        undisturbed = await crashing.outcome(cast, first)
        await crashing.begin_again(cast)
        order_id = await cast.place()
        clock, parties = cast.stage.clock, cast.parties

    points = crashing.Points(always=True)
    scenes = [*life.script, casting.HOUR]
    alive = False
    while scenes or not alive:
        async with casting.opened(dsn, tmp_path, life, parties=parties, clock=clock, seed=False) as cast:
            mortal = crashing.mortal(cast, points, falls=True)
            try:
                await mortal.pause()
                if scenes:
                    await mortal.scene(scenes.pop(0), [order_id])
                    await mortal.pause()
                alive = True
            except crashing.Crash:
                alive = False
            else:
                found = crashing.difference(undisturbed, await crashing.outcome(mortal, order_id))
    assert not found, f"{points.died[order_id]}\n{found}"
    assert len(points.died[order_id]) > DEATHS
