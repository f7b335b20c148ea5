"""The engine of flows where it is hard: answers that come twice or too late, chains that break, queues longer than leases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.engine import deadlines
from haat.engine.database import Lane, Tx
from haat.engine.flowing import (
    Again,
    Compensate,
    Dead,
    Done,
    Failed,
    Flow,
    Local,
    Outcome,
    Outside,
    Step,
    Stop,
    Task,
    Verb,
    repairing,
    table,
    turn,
)
from haat.kernel.facts import Fact
from tests.flows import stage
from tests.flows.test_flowing import RESERVED, calling, noting, texts


class Deaf(Lane):
    """A lane that loses the answer to its next commit when it is told to."""

    deaf = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with super().transaction() as tx:
            yield tx
        if self.deaf:
            self.deaf = False
            raise ConnectionResetError("the answer was lost")


def undoing(call: Any, *, more: frozenset[type[Fact]] = frozenset(), stops: Sequence[Any] = (), **options: Any) -> Flow:
    """Two steps, each with an UNDO step that is a call; `stops` is what a fact of `more` decides."""

    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        match fact:
            case events.OrderStockReserved():
                return (Step("do", "a"), Step("do", "b"))
            case events.OrderCancelled():
                return (Compensate("cancelled"),)
            case _:
                return stops

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Failed("no") if isinstance(a, Exception) else Done((events.OrderNoted(f"{t.step} {t.subject}"),)) for t, a in answers]

    verb = Outside(call=call, settle=settle, party=lambda task: "x", **options)
    run: dict[str, Verb] = {"do": Local(run=noting("done")), "undo": verb}
    return Flow(
        code="toy", title="Toy", facts=RESERVED | {events.OrderCancelled} | more, decide=decide, run=run, undo={"do": "undo"}
    )  # fmt: skip


def undone(facts: Sequence[Fact]) -> list[str]:
    return [text for text in texts(facts) if text.startswith("undo")]


async def test_a_compensation_that_fails_is_tried_again_before_the_next_one_has_its_turn(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        asked.append(task.subject)
        if len(asked) == 2:
            raise ValueError("not now")
        return "ok"

    asked: list[str] = []
    three = undoing(call, backoff_s=10)

    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        found = three.decide(order, fact)
        return (*found, Step("do", "c")) if isinstance(fact, events.OrderStockReserved) else found

    flow = Flow(code="toy", title="Toy", facts=three.facts, decide=decide, run=three.run, undo=three.undo)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.settle()
        assert asked == ["c", "b"], "a waits for b"
        await s.later(seconds=11)
        assert asked == ["c", "b", "b", "a"]


async def test_a_compensation_that_is_no_longer_needed_lets_the_next_one_go_on(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        return "ok"

    flow = undoing(call, more=frozenset({events.OrderNoted}), stops=(Stop("undo", "b"),))
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.ask(order.id, lambda o: (events.OrderNoted("b is gone"),))
        await s.settle()
        assert undone(await s.facts(order.id)) == ["undo a"]


async def test_what_was_done_in_the_very_turn_that_takes_it_back_is_taken_back_too(dsn: str, tmp_path: Path) -> None:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        match fact:
            case events.OrderStockReserved():
                return (Step("begin"),)
            case events.OrderNoted(text="begun"):
                return (Step("do"),)
            case events.OrderNoted(text="did"):
                return (Step("give up"),)
            case events.OrderNoted(text="gave up"):
                return (Compensate("no"),)
            case _:
                return ()

    run = {
        "begin": Local(run=noting("begun")), "do": Local(run=noting("did")),
        "give up": Local(run=noting("gave up")), "undo": Local(run=noting("undone")),
    }  # fmt: skip
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderNoted}, decide=decide, run=run, undo={"do": "undo"})
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        assert texts(await s.facts(order.id)) == ["begun", "did", "gave up", "undone"]


async def test_two_flows_take_back_what_they_did_for_the_same_fact(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        return "ok"

    one = undoing(call)
    other = Flow(code="other", title="Other", facts=one.facts, decide=one.decide, run=one.run, undo=one.undo)
    async with stage.opened(dsn, tmp_path, one, other) as s:
        order = await s.place()
        await s.settle()
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.settle()
        assert sorted(undone(await s.facts(order.id))) == ["undo a", "undo a", "undo b", "undo b"]


async def test_a_step_that_is_stopped_in_the_turn_that_claimed_it_does_not_run(dsn: str, tmp_path: Path) -> None:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        if isinstance(fact, events.OrderStockReserved):
            return (Step("pay", after=timedelta(minutes=1)), Step("expire", after=timedelta(minutes=2)))
        return (Stop("expire"),)

    run = {"pay": Local(run=noting("paid")), "expire": Local(run=noting("expired"))}
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderNoted}, decide=decide, run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.later(minutes=5)
        assert texts(await s.facts(order.id)) == ["paid"]
        assert await s.steps(order.id) == {"toy:pay": "done", "toy:expire": "stopped"}


async def test_an_answer_whose_commit_was_not_answered_asks_for_its_steps_once(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        return "busy"

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Done(steps=(Step("next"),)) for _ in answers]

    run: dict[str, Verb] = {"call": Outside(call=call, settle=settle, party=lambda task: "x"), "next": Local(run=noting("next"))}
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("call"),), run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        lane = Deaf(dsn, "deaf")
        try:
            order = await s.place()
            s.worker = s.parts.worker("deaf", lane)
            assert await s.worker.lease() == 1
            await s.worker.answered()
            lane.deaf = True
            await s.settle()
        finally:
            await lane.close()
        assert texts(await s.facts(order.id)) == ["next"]


async def test_a_late_answer_about_a_step_that_is_over_is_no_trouble_for_anybody(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        await block.wait()
        return "declined"

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Dead("declined", "for good") for _ in answers]

    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        return (Step("call"),) if isinstance(fact, events.OrderStockReserved) else (Stop("call"),)

    block = asyncio.Event()
    run: dict[str, Verb] = {"call": Outside(call=call, settle=settle, party=lambda task: "x")}
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderCancelled}, decide=decide, run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        assert await s.worker.lease() == 1
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        block.set()
        await s.settle()
        assert await s.steps(order.id) == {"toy:call": "stopped"}
        assert (await s.order(order.id)).exceptions == ()


async def test_a_call_that_waited_for_its_party_longer_than_its_lease_is_not_made_beside_another(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        made.append(task.order.id)
        if len(made) == 1:
            await block.wait()
        return "ok"

    made: list[str] = []
    block = asyncio.Event()
    flow = calling(call, concurrency=1, limit_s=30)
    async with stage.opened(dsn, tmp_path, flow) as s, stage.opened(dsn, tmp_path, flow, clock=s.clock, seed=False) as other:
        first, second = await s.place(), await s.place()
        assert await s.worker.lease() == 2
        while not made:
            await asyncio.sleep(0)
        s.clock.turn_by(timedelta(minutes=30))
        assert await other.worker.lease() == 2
        await other.worker.answered()
        assert made == [first.id, first.id, second.id]
        block.set()
        await s.worker.answered()
        assert made == [first.id, first.id, second.id], "the second call waited too long, and somebody else has made it"
        await other.settle()
        await s.settle()
        assert texts(await s.facts(second.id)) == ["answer ok"]


async def test_a_call_knows_how_long_it_may_take_and_ends_by_itself(dsn: str, tmp_path: Path) -> None:
    left: list[float | None] = []

    async def call(house: Any, task: Task) -> str:
        left.append(deadlines.left())
        return "ok"

    async with stage.opened(dsn, tmp_path, calling(call, limit_s=30)) as s:
        await s.place()
        await s.settle()
    (seen,) = left
    assert seen is not None and 25 < seen <= 30


async def test_each_call_is_leased_for_as_long_as_it_may_take_itself(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        made.append(task.step)
        if len(made) <= 2:
            await block.wait()
        return task.step

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Done() for _ in answers]

    made: list[str] = []
    block = asyncio.Event()
    limits = {"quick": 5.0, "long": 90.0}
    run = {name: Outside(call=call, settle=settle, party=lambda task: task.step, limit_s=limit) for name, limit in limits.items()}
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: tuple(map(Step, limits)), run=run)
    async with stage.opened(dsn, tmp_path, flow) as s, stage.opened(dsn, tmp_path, flow, clock=s.clock, seed=False) as other:
        await s.place()
        assert await s.worker.lease() == 2
        while len(made) < 2:
            await asyncio.sleep(0)
        await other.later(seconds=2 * 5 + 10)
        assert sorted(made[2:]) == ["quick"], "a killed worker's short call does not wait for the longest of all"
        await other.later(seconds=2 * 85)
        assert sorted(made[2:]) == ["long", "quick"]
        block.set()
        await s.settle()


async def test_a_call_that_cannot_be_prepared_fails_alone(dsn: str, tmp_path: Path) -> None:
    async def prepare(house: Any, tx: Tx, tasks: Sequence[Task]) -> Sequence[Any]:
        if any(task.order.note == "poison" for task in tasks):
            raise ValueError("poison")
        return [task.order.number for task in tasks]

    async def call(house: Any, task: Task) -> str:
        return "ok"

    async with stage.opened(dsn, tmp_path, calling(call, prepare=prepare, attempts_max=2, backoff_s=1)) as s:
        placed = [await s.place(note=note) for note in ("", "poison", "")]
        await s.settle()
        assert [texts(await s.facts(order.id)) for order in placed] == [["answer ok"], [], ["answer ok"]]
        await s.later(minutes=1)
        assert [(e.cause, e.step) for e in (await s.order(placed[1].id)).exceptions] == [("tried_too_often", "call")]


async def test_a_call_that_is_repaired_knows_that_it_may_have_been_made_before(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        tries.append(task.attempts)
        if len(tries) <= 2:
            raise ValueError("who knows")
        return "ok"

    tries: list[int] = []
    async with stage.opened(dsn, tmp_path, calling(call, attempts_max=2, backoff_s=1)) as s:
        order = await s.place()
        await s.settle()
        await s.later(minutes=1)
        (trouble,) = (await s.order(order.id)).exceptions
        async with s.parts.database.transaction() as tx:
            await s.parts.journal.lock(tx, [order.id])
            version, n = repairing.parse(trouble.id) or (0, 0)
            await repairing.repair(tx, await repairing.dead(tx, [(order.id, version, n)]), "retry", s.clock.now())
        await s.settle()
        assert tries == [1, 2, 2], "the third asks before it repeats"
        assert texts(await s.facts(order.id)) == ["answer ok"]


async def test_a_call_that_is_under_way_is_not_hastened(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        made.append(task.attempts)
        await block.wait()
        return "ok"

    made: list[int] = []
    block = asyncio.Event()
    async with stage.opened(dsn, tmp_path, calling(call)) as s:
        order = await s.place()
        assert await s.worker.lease() == 1
        async with s.parts.database.transaction() as tx:
            key = await tx.fetchrow("SELECT order_id::text, version, n FROM workflow_states")
            assert await repairing.hasten(tx, [tuple(key)], s.clock.now()) == 0
            await table.hasten(tx, [order.id], "toy", "call", now=s.clock.now(), rested=timedelta())
        assert await s.worker.lease() == 0
        block.set()
        await s.settle()
        assert made == [1]
        assert texts(await s.facts(order.id)) == ["answer ok"]


async def test_the_time_of_a_hold_does_not_make_a_step_too_old(dsn: str, tmp_path: Path) -> None:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Again(timedelta(minutes=10), "not yet") for _ in tasks]

    verb = Local(run=run, age_limit_s=3600)
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("wait"),), run={"wait": verb})
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.ask(order.id, lambda o: orders.hold(o, hold_id="h", kind="MANUAL", reason="look"))
        await s.settle()
        s.clock.turn_by(timedelta(days=2))
        await s.ask(order.id, lambda o: orders.release(o, hold_id="h", reason="seen"))
        await s.settle()
        assert await s.steps(order.id) == {"toy:wait": "due"}
        for _ in range(7):
            await s.later(minutes=11)
        assert [e.cause for e in (await s.order(order.id)).exceptions] == ["too_old"]


async def test_only_what_is_taken_is_locked_whatever_the_plan(dsn: str, tmp_path: Path) -> None:
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("go"),), run={"go": Local(run=noting("gone"))})
    async with stage.opened(dsn, tmp_path, flow) as s:
        await asyncio.gather(*[s.place() for _ in range(20)])
        async with s.parts.database.transaction() as tx:
            await tx.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off")
            assert len(await table.lock_due(tx, s.clock.now(), 3)) == 3
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert await tx.fetchval(locks) == 3, "a backlog of a million must not fill the table of locks"


@pytest.mark.parametrize("tried", [1, 50, 5_000, 1_000_000])
def test_the_back_off_has_its_limit_after_any_number_of_tries(tried: int) -> None:
    pause = turn.back_off(Local(run=noting(""), backoff_s=60.0, backoff_max_s=3600), tried)
    assert timedelta(seconds=30) <= pause <= timedelta(hours=1)
