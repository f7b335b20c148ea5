"""Orders under way change to a new version of a flow by the rule that it declares: waiting, stuck, held and called-for steps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.engine import flowing
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, Flow, Local, Outcome, Outside, Step, Task
from haat.flows import migrating
from haat.kernel.errors import Broken, Refused
from haat.kernel.facts import Fact, Origin
from tests.flows import stage

HEARD = frozenset({events.OrderStockReserved})
STAFF = Origin("admin:test", "cli")
RENAMED = {"wait": "pause", "print": "", "ring": "call_up"}


def noting(text: str) -> Local:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Done((events.OrderNoted(text),)) for _ in tasks]

    return Local(run=run)


def asking(answers: list[str], answer: str) -> Outside:
    async def call(house: Any, task: Task) -> str:
        answers.append(f"{answer} {task.attempts}")
        return answer

    async def settle(house: Any, tx: Tx, found: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Done((events.OrderNoted(str(said)),)) for _, said in found]

    return Outside(call=call, settle=settle, party=lambda task: "them")


def stuck() -> Local:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Dead("no_paper") for _ in tasks]

    return Local(run=run)


def first(calls: list[str]) -> Flow:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Step]:
        return (Step("wait", after=timedelta(hours=2)), Step("print"), Step("ring", after=timedelta(hours=1)))

    run: Mapping[str, flowing.Verb] = {"wait": noting("old wait"), "print": stuck(), "ring": asking(calls, "old ring")}
    return Flow(code="toy", title="Toy", facts=HEARD, decide=decide, run=run)


def second(old: Flow, calls: list[str], names: Mapping[str, str] | None = None) -> Flow:
    run: Mapping[str, flowing.Verb] = {"pause": noting("new pause"), "call_up": asking(calls, "new call")}
    return Flow(
        code="toy", title="Toy", version=2, facts=HEARD, decide=lambda order, fact: (Step("pause"),), run=run, earlier=(old,),
        migrates={1: RENAMED if names is None else names},
    )  # fmt: skip


def texts(facts: Sequence[Fact]) -> list[str]:
    return [fact.text for fact in facts if isinstance(fact, events.OrderNoted)]


async def migrate(s: stage.Stage, code: str = "toy") -> migrating.Migrated:
    parts = s.parts
    return await migrating.migrate(parts.database, parts.keeper.change, parts.flows, code, STAFF, now=s.clock.now())


async def test_what_waits_goes_on_under_its_new_name_what_is_dropped_is_over_and_its_exception_with_it(dsn: str, tmp_path: Path) -> None:
    calls: list[str] = []
    old = first(calls)
    async with stage.opened(dsn, tmp_path, old) as s:
        order = await s.place()
        await s.settle()
        assert (await s.order(order.id)).exceptions
        async with stage.opened(dsn, tmp_path, second(old, calls), clock=s.clock, seed=False) as after:
            assert await migrate(after) == migrating.Migrated(1, 0)
            assert await after.steps(order.id) == {"toy:pause": "due", "toy:print": "stopped", "toy:call_up": "due"}
            migrated = await after.order(order.id)
            assert (migrated.flows, migrated.exceptions) == ({"toy": 2}, ())
            facts = await after.facts(order.id)
            assert events.OrderFlowMigrated("toy", 2, RENAMED) in facts
            assert await migrate(after) == migrating.Migrated(0, 0), "the same again changes nothing"
            assert await after.facts(order.id) == facts
            await after.later(hours=3)
            assert texts(await after.facts(order.id)) == ["new call", "new pause"]
            assert calls == ["new call 1"]


async def test_a_call_under_way_is_made_again_under_its_new_name_and_knows_that_it_is_the_second(dsn: str, tmp_path: Path) -> None:
    calls: list[str] = []
    old = first(calls)
    async with stage.opened(dsn, tmp_path, old) as s:
        order = await s.place()
        await s.settle()
        s.clock.turn_by(timedelta(hours=1))
        assert await s.worker.lease() == 1
        await s.worker.answered()
        async with stage.opened(dsn, tmp_path, second(old, calls), clock=s.clock, seed=False) as after:
            assert (await migrate(after)).migrated == 1
            await s.worker.step()  # the old process settles its answer: true, but not its step any more
            assert (await after.steps(order.id))["toy:call_up"] == "due"
            await after.later(minutes=10)
        assert calls == ["old ring 1", "new call 3"]
        assert not (await s.order(order.id)).exceptions


async def test_a_batch_that_meets_another_writer_is_migrated_once_all_the_same(dsn: str, tmp_path: Path) -> None:
    calls: list[str] = []
    old = first(calls)
    async with stage.opened(dsn, tmp_path, old) as s:
        order = await s.place()
        await s.settle()
        async with stage.opened(dsn, tmp_path, second(old, calls), clock=s.clock, seed=False) as after:
            parts, met = after.parts, []

            async def colliding(tx: Tx, changes: Sequence[orders.Change]) -> Sequence[orders.Changed | Refused]:
                outcomes = await parts.keeper.change(tx, changes)
                if not met:
                    met.append(1)
                    raise asyncpg.DeadlockDetectedError("chosen")
                return outcomes

            done = await migrating.migrate(parts.database, colliding, parts.flows, "toy", STAFF, now=s.clock.now())
            assert (done, len(met)) == (migrating.Migrated(1, 0), 1)
            assert (await after.said(order.id)).count("OrderFlowMigrated") == 1


async def test_an_order_of_a_version_from_which_no_way_is_declared_stays(dsn: str, tmp_path: Path) -> None:
    old = first([])
    async with stage.opened(dsn, tmp_path, old) as s:
        order = await s.place()
        new = msgspec.structs.replace(second(old, []), migrates={})
        async with stage.opened(dsn, tmp_path, new, clock=s.clock, seed=False) as after:
            assert await migrate(after) == migrating.Migrated(0, 1)
            assert "OrderFlowMigrated" not in await after.said(order.id)
            with pytest.raises(Refused, match="no flow nothing"):
                await migrate(after, "nothing")


async def test_a_migration_that_leaves_a_step_nowhere_is_refused_before_anything_runs() -> None:
    old = first([])
    for names, why in (({"wait": "pause", "print": ""}, "does not say what becomes of ring"), (RENAMED | {"wait": "x"}, "nobody runs")):
        with pytest.raises(Broken, match=why):
            flowing.Flows([second(old, [], names)])
