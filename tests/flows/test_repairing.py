"""Exceptions that heal by themselves, ever more seldom, those that an order's end makes moot, and those that wait for a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from haat.domain import orders
from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, Failed, Flow, Local, Outcome, Outside, Step, Stop, Task, Verb, overcoming
from haat.engine.flowing.repairing import Search
from haat.flows import repairing
from haat.kernel.facts import Fact, Origin
from tests.flows import stage

HEARD = frozenset({events.OrderStockReserved})


def trying(tries: list[datetime], *, dead: bool = False) -> Flow:
    """A flow of one step that fails as long as its order lives."""

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        tries.append(now)
        outcome: Outcome = Dead("no_paper") if dead else Failed("it is on fire")
        return [Done() if task.order.ended else outcome for task in tasks]

    verb = Local(run=run, attempts_max=1, owner="vendors")
    return Flow(code="toy", title="Toy", facts=HEARD, decide=lambda order, fact: (Step("print"),), run={"print": verb})


def repairs(facts: Sequence[Fact]) -> list[tuple[str, str]]:
    return [(f.repair, f.reason) for f in facts if isinstance(f, events.OrderExceptionResolved)]


async def test_what_time_may_cure_is_tried_again_by_itself_ever_more_seldom_and_then_left_to_a_person(dsn: str, tmp_path: Path) -> None:
    tries: list[datetime] = []
    async with stage.opened(dsn, tmp_path, trying(tries), repairing.flow()) as s:
        order = await s.place()
        await s.settle()
        for _ in range(200):
            await s.later(minutes=15)
        gaps = [later - earlier for earlier, later in pairwise(tries)]
        assert gaps == [timedelta(minutes=15), timedelta(hours=1, minutes=15), timedelta(hours=7, minutes=15)]
        assert repairs(await s.facts(order.id)) == [("retry", "tried again by itself")] * 3
        (trouble,) = (await s.order(order.id)).exceptions
        assert (trouble.cause, trouble.owner) == ("tried_too_often", "vendors")


async def test_its_owner_is_reminded_once_of_what_nobody_repairs(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, trying([], dead=True), repairing.flow()) as s:
        order = await s.place()
        await s.settle()
        await s.later(hours=23)
        assert "OrderExceptionEscalated" not in await s.said(order.id)
        for _ in range(3):
            await s.later(hours=24)
        (trouble,) = (await s.order(order.id)).exceptions
        (told,) = [f for f in await s.facts(order.id) if isinstance(f, events.OrderExceptionEscalated)]
        assert told == events.OrderExceptionEscalated(trouble.id, "toy", "print", "no_paper", "vendors", trouble.since, trouble.repairs)


async def test_an_order_that_ends_leaves_no_exception_that_is_moot(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, trying([], dead=True), repairing.flow()) as s:
        order = await s.place()
        await s.settle()
        assert (await s.order(order.id)).exceptions
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.settle()
        assert not (await s.order(order.id)).exceptions
        assert (await s.steps(order.id))["toy:print"] == "done"


async def test_of_an_order_with_several_exceptions_those_are_repaired_for_which_it_is_safe(dsn: str, tmp_path: Path) -> None:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Dead("no_paper") for _ in tasks]

    run_table = {"print": Local(run=run), "look": Local(run=run, repairs=("skip",))}
    toy = Flow(code="toy", title="Toy", facts=HEARD, decide=lambda order, fact: (Step("print"), Step("look")), run=run_table)
    async with stage.opened(dsn, tmp_path, toy, repairing.flow()) as s:
        placed = [(await s.place()).id for _ in range(3)]
        await s.settle()
        parts = s.parts
        how = repairing.Repair("retry", "paper has come", Origin("admin:test", "api"))

        async def repaired() -> repairing.Repaired:
            search = Search(flow="toy")
            return await repairing.repair_all(parts.database, parts.keeper.change, search, how, now=s.clock.now(), limit=2)

        first, second = await repaired(), await repaired()
        assert (first.repaired, second.repaired) == (2, 1), "what cannot be repaired is in nobody's way"
        assert all(text.endswith("retry is not safe for toy:look; safe are: skip.") for text in (*first.refused, *second.refused))
        for order_id in placed:
            assert [e.step for e in (await s.order(order_id)).exceptions] == ["look"]


async def test_what_dies_in_the_turn_that_overcomes_it_waits_for_nobody(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        return task.step

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Dead("declined") if answer == "recall" else Done((events.OrderNoted("arrived"),)) for _, answer in answers]

    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        if isinstance(fact, events.OrderStockReserved):
            return (Step("recall"), Step("track"))
        return (Stop("recall"), Step("overcome", data={"steps": ["recall"]}))

    def resolved(exception: str) -> Fact:
        return events.OrderExceptionResolved(exception, "skip", "overcome")

    run: dict[str, Verb] = {
        "recall": Outside(call=call, settle=settle, party=lambda task: "them"),
        "track": Outside(call=call, settle=settle, party=lambda task: "them"),
        "overcome": overcoming.closing("toy", resolved),
    }
    flow = Flow(code="toy", title="Toy", facts=HEARD | {events.OrderNoted}, decide=decide, run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        assert await s.worker.lease() == 2
        await s.worker.answered()
        await s.settle()
        await s.later(seconds=5)
        assert await s.steps(order.id) == {"toy:recall": "skipped", "toy:track": "done", "toy:overcome": "done"}
        assert (await s.order(order.id)).exceptions == ()
