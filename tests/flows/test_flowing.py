"""The engine of flows on a real database, with flows made for the purpose: what is stored, run, retried, held, undone, repaired."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import orders
from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.flowing import Again, Compensate, Dead, Done, Failed, Flow, Local, Outcome, Outside, Step, Stop, Task, repairing
from haat.kernel.errors import Unavailable
from haat.kernel.facts import Fact
from tests.flows import stage

RESERVED = frozenset({events.OrderStockReserved})


def noting(text: str) -> Any:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Done((events.OrderNoted(text),)) for _ in tasks]

    return run


def texts(facts: Sequence[Fact]) -> list[str]:
    return [fact.text for fact in facts if isinstance(fact, events.OrderNoted)]


async def test_a_step_is_stored_with_the_fact_that_asks_for_it_and_those_that_follow_run_in_the_same_turn(dsn: str, tmp_path: Path) -> None:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Step]:
        match fact:
            case events.OrderStockReserved():
                return (Step("first"),)
            case events.OrderNoted(text="one"):
                return (Step("second"),)
            case _:
                return ()

    run = {"first": Local(run=noting("one")), "second": Local(run=noting("two"))}
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderNoted}, decide=decide, run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        assert await s.steps(order.id) == {"toy:first": "due"}
        assert await s.worker.step() == 1
        assert texts(await s.facts(order.id)) == ["one", "two"]
        assert await s.steps(order.id) == {"toy:first": "done", "toy:second": "done"}
        assert await s.worker.step() == 0
        async with s.parts.database.reading() as tx:
            position = await tx.fetch("SELECT position >> 16 AS t FROM order_events WHERE type = 'OrderNoted'")
            assert len({row["t"] for row in position}) == 1, "one transaction"


async def test_five_hundred_orders_in_one_step_cost_a_few_statements(dsn: str, tmp_path: Path) -> None:
    calls: list[int] = []

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        calls.append(len(tasks))
        return [Done((events.OrderNoted("seen"),)) for _ in tasks]

    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("look"),), run={"look": Local(run=run)})
    async with stage.opened(dsn, tmp_path, flow) as s:
        async with s.parts.database.transaction() as tx:
            await tx.execute("UPDATE stock SET on_hand = 10000")
        await asyncio.gather(*[s.place() for _ in range(500)])
        connection = await s.lane.connection()
        statements: list[str] = []
        connection.add_query_logger(lambda record: statements.append(record.query))
        while await s.worker.step():
            pass
        assert sum(calls) == 500
        assert max(calls) > 100
        assert len(statements) <= 12 * (len(calls) + 1), statements


async def test_a_failing_step_is_tried_again_with_back_off_and_then_waits_for_somebody(dsn: str, tmp_path: Path) -> None:
    tries: list[datetime] = []

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        tries.append(now)
        return [Failed("the printer is on fire") for _ in tasks]

    verb = Local(run=run, attempts_max=3, backoff_s=10, owner="vendors", repairs=("retry",))
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("print"),), run={"print": verb})
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        assert len(tries) == 1
        await s.later(seconds=4)
        assert len(tries) == 1, "half of ten seconds at the least"
        await s.later(seconds=7)
        assert len(tries) == 2
        await s.later(seconds=21)
        assert len(tries) == 3
        assert (await s.said(order.id))[-1] == "OrderExceptionRaised"
        trouble = (await s.order(order.id)).exceptions[0]
        assert (trouble.cause, trouble.owner, trouble.repairs) == ("tried_too_often", "vendors", ("retry",))
        async with s.parts.database.reading() as tx:
            stuck = await repairing.stuck(tx, repairing.Search(cause="tried_too_often"), s.clock.now())
        assert [(x.order_id, x.id, x.detail) for x in stuck] == [(order.id, trouble.id, "the printer is on fire")]


async def test_a_poisoned_step_fails_alone(dsn: str, tmp_path: Path) -> None:
    poisoned: set[str] = set()

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        if any(task.order.id in poisoned for task in tasks):
            raise ValueError("poison")
        return [Done((events.OrderNoted("fine"),)) for _ in tasks]

    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("eat"),), run={"eat": Local(run=run)})
    async with stage.opened(dsn, tmp_path, flow) as s:
        placed = [await s.place() for _ in range(9)]
        poisoned.add(placed[4].id)
        await s.settle()
        for order in placed:
            assert texts(await s.facts(order.id)) == ([] if order.id in poisoned else ["fine"])
        async with s.parts.database.reading() as tx:
            assert await tx.fetchval("SELECT error FROM workflow_states WHERE order_id = $1", placed[4].id) == "ValueError: poison"
        poisoned.clear()
        await s.later(minutes=1)
        assert texts(await s.facts(placed[4].id)) == ["fine"]


async def test_a_hold_keeps_steps_until_it_is_released_and_a_pause_keeps_all_of_them(dsn: str, tmp_path: Path) -> None:
    run = {
        "go": Local(run=noting("gone")),
        "anyway": Local(run=noting("anyway"), waits_for_holds=False),
    }
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("go"), Step("anyway")), run=run)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.ask(order.id, lambda o: orders.hold(o, hold_id="h", kind="MANUAL", reason="look"))
        await s.settle()
        assert texts(await s.facts(order.id)) == ["anyway"]
        assert (await s.steps(order.id))["toy:go"] == "held"
        await s.ask(order.id, lambda o: (events.OrderPaused("stop"),))
        await s.ask(order.id, lambda o: orders.release(o, hold_id="h", reason="seen"))
        await s.settle()
        assert (await s.steps(order.id))["toy:go"] == "paused"
        async with s.parts.database.reading() as tx:
            assert [i.status for i in await repairing.instances(tx)] == ["paused"]
        await s.ask(order.id, lambda o: (events.OrderResumed(),))
        await s.settle()
        assert texts(await s.facts(order.id)) == ["anyway", "gone"]


async def test_a_timer_runs_when_its_time_has_come_and_not_when_it_was_stopped(dsn: str, tmp_path: Path) -> None:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Step | Stop]:
        match fact:
            case events.OrderStockReserved():
                return (Step("ring", "a", timedelta(minutes=30)), Step("ring", "b", timedelta(minutes=30)))
            case _:
                return (Stop("ring", "a"),)

    flow = Flow(
        code="toy",
        title="Toy",
        facts=RESERVED | {events.OrderHeld},
        decide=decide,
        run={"ring": Local(run=noting("ring"), waits_for_holds=False)},
    )
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        await s.later(minutes=29)
        assert texts(await s.facts(order.id)) == []
        await s.ask(order.id, lambda o: orders.hold(o, hold_id="h", kind="MANUAL", reason="look"))
        await s.later(minutes=2)
        assert texts(await s.facts(order.id)) == ["ring"]
        assert await s.steps(order.id) == {"toy:ring:a": "stopped", "toy:ring:b": "done"}


def calling(call: Any, **options: Any) -> Flow:
    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        found: list[Outcome] = []
        for _, answer in answers:
            failed = isinstance(answer, Exception)
            found.append(Failed(repr(answer)) if failed else Done((events.OrderNoted(f"answer {answer}"),)))
        return found

    verb = Outside(call=call, settle=settle, party=lambda task: "them", **options)
    return Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("call"),), run={"call": verb})


async def test_a_call_is_made_outside_any_transaction_and_its_answer_settled_in_one(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> int:
        async with house.database.reading() as tx:
            locked = await tx.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        return int(locked)

    async with stage.opened(dsn, tmp_path, calling(call)) as s:
        order = await s.place()
        await s.settle()
        assert texts(await s.facts(order.id)) == ["answer 0"]


async def test_a_call_that_fails_or_takes_too_long_is_tried_again(dsn: str, tmp_path: Path) -> None:
    tries: list[int] = []

    async def call(house: Any, task: Task) -> str:
        tries.append(task.attempts)
        if task.attempts == 1:
            raise Unavailable("closed", "closed")
        if task.attempts == 2:
            await asyncio.Event().wait()
        return "yes"

    async with stage.opened(dsn, tmp_path, calling(call, limit_s=0.05)) as s:
        order = await s.place()
        for _ in range(3):
            await s.settle()
            s.clock.turn_by(timedelta(minutes=1))
        assert tries == [1, 2, 3]
        assert texts(await s.facts(order.id)) == ["answer yes"]


async def test_the_calls_of_a_killed_worker_come_back_when_its_lease_ends_and_a_late_answer_does_no_harm(dsn: str, tmp_path: Path) -> None:
    answers: list[int] = []
    block = asyncio.Event()

    async def call(house: Any, task: Task) -> int:
        answers.append(task.attempts)
        if task.attempts == 1:
            await block.wait()
        return task.attempts

    async with stage.opened(dsn, tmp_path, calling(call, limit_s=30)) as s:
        order = await s.place()
        assert await s.worker.lease() == 1
        async with stage.opened(dsn, tmp_path, calling(call, limit_s=30), clock=s.clock, seed=False) as other:
            await other.settle()
            assert answers == [1], "the lease holds"
            await other.later(minutes=5)
            assert answers == [1, 2]
            assert texts(await s.facts(order.id)) == ["answer 2"]
        block.set()
        await s.settle()
        assert texts(await s.facts(order.id)) == ["answer 2", "answer 1"], (
            "what it says is true, and its settling is idempotent in real flows"
        )
        assert (await s.steps(order.id)) == {"toy:call": "done"}


async def test_a_slow_party_holds_up_nobody_else(dsn: str, tmp_path: Path) -> None:
    async def call(house: Any, task: Task) -> str:
        if task.order.note == "slow":
            await block.wait()
        return "ok"

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Done((events.OrderNoted("ok"),)) for _ in answers]

    block = asyncio.Event()
    verb = Outside(call=call, settle=settle, party=lambda task: task.order.note or "quick", concurrency=1)
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("call"),), run={"call": verb})
    async with stage.opened(dsn, tmp_path, flow) as s:
        s.worker._calls_max = 16
        for _ in range(12):
            await s.place(note="slow")
        quick = await s.place()
        for _ in range(6):
            await s.worker.lease()
            await asyncio.sleep(0)
            await s.worker.step()
            s.clock.turn_by(timedelta(seconds=1))
        assert texts(await s.facts(quick.id)) == ["ok"]
        block.set()
        await s.later(minutes=10)


async def test_what_was_done_is_undone_newest_first_each_after_the_one_before(dsn: str, tmp_path: Path) -> None:
    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        match fact:
            case events.OrderStockReserved():
                return (Step("one"), Step("two"), Step("three"))
            case _:
                return (Compensate("cancelled"),)

    async def call(house: Any, task: Task) -> str:
        return task.step

    async def settle(house: Any, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        return [Done((events.OrderNoted(str(answer)),)) for _, answer in answers]

    outside = Outside(call=call, settle=settle, party=lambda task: "x")
    run = {
        "one": Local(run=noting("one")), "two": outside, "three": Local(run=noting("three")),
        "un-one": Local(run=noting("un-one")), "un-two": outside, "un-three": Local(run=noting("un-three")),
    }  # fmt: skip
    undo = {"one": "un-one", "two": "un-two", "three": "un-three"}
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderCancelled}, decide=decide, run=run, undo=undo)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        assert sorted(texts(await s.facts(order.id))) == ["one", "three", "two"]
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.settle()
        assert texts(await s.facts(order.id))[3:] == ["un-three", "un-two", "un-one"]


async def test_what_cannot_be_undone_is_shown_and_the_rest_is_undone_all_the_same(dsn: str, tmp_path: Path) -> None:
    async def refuse(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Dead("declined") for _ in tasks]

    def decide(order: orders.Order, fact: Fact) -> Sequence[Any]:
        return (Step("one"), Step("two")) if isinstance(fact, events.OrderStockReserved) else (Compensate("cancelled"),)

    run = {name: Local(run=noting(name)) for name in ("one", "two", "un-one")} | {"un-two": Local(run=refuse)}
    undo = {"one": "un-one", "two": "un-two"}
    flow = Flow(code="toy", title="Toy", facts=RESERVED | {events.OrderCancelled}, decide=decide, run=run, undo=undo)
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        await s.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await s.settle()
        assert texts(await s.facts(order.id))[2:] == ["un-one"]
        assert [e.step for e in (await s.order(order.id)).exceptions] == ["un-two"]


async def test_two_workers_at_once_do_each_step_once(dsn: str, tmp_path: Path) -> None:
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("go"),), run={"go": Local(run=noting("gone"))})
    async with stage.opened(dsn, tmp_path, flow) as s, stage.opened(dsn, tmp_path, flow, clock=s.clock, seed=False) as other:
        placed = [await s.place() for _ in range(60)]

        async def work(one: stage.Stage) -> None:
            one.worker._batch = 7
            while await one.worker.step():
                pass

        await asyncio.gather(work(s), work(other))
        for order in placed:
            assert texts(await s.facts(order.id)) == ["gone"]


async def test_a_running_order_keeps_the_flow_it_began_with(dsn: str, tmp_path: Path) -> None:
    old = Flow(
        code="toy",
        title="Toy",
        facts=RESERVED,
        decide=lambda order, fact: (Step("go", "", timedelta(hours=1)),),
        run={"go": Local(run=noting("old"))},
    )
    new = Flow(code="toy", title="Toy", version=2, facts=RESERVED, decide=lambda order, fact: (Step("go", "", timedelta(hours=1)),),
               run={"go": Local(run=noting("new"))}, earlier=(old,))  # fmt: skip
    async with stage.opened(dsn, tmp_path, old) as s:
        first = await s.place()
        async with stage.opened(dsn, tmp_path, new, clock=s.clock, seed=False) as after:
            second = await after.place()
            await after.later(hours=2)
            assert texts(await s.facts(first.id)) == ["old"]
            assert texts(await s.facts(second.id)) == ["new"]


async def test_an_exception_is_retried_or_skipped_once_however_often_it_is_asked(dsn: str, tmp_path: Path) -> None:
    broken = True

    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Dead("no_paper") if broken else Done((events.OrderNoted("printed"),)) for _ in tasks]

    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("print"),), run={"print": Local(run=run)})
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        trouble = (await s.order(order.id)).exceptions[0]
        broken = False
        version, n = repairing.parse(trouble.id) or (0, 0)
        for _ in range(2):
            async with s.parts.database.transaction() as tx:
                await s.parts.journal.lock(tx, [order.id])
                found = await repairing.dead(tx, [(order.id, version, n)])
                await repairing.repair(tx, found, "retry", s.clock.now())
        await s.settle()
        assert texts(await s.facts(order.id)) == ["printed"]


async def test_waiting_again_is_no_failure_but_has_an_age_limit(dsn: str, tmp_path: Path) -> None:
    async def run(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        return [Again(timedelta(minutes=10), "not yet") for _ in tasks]

    verb = Local(run=run, attempts_max=2, age_limit_s=3600)
    flow = Flow(code="toy", title="Toy", facts=RESERVED, decide=lambda order, fact: (Step("wait"),), run={"wait": verb})
    async with stage.opened(dsn, tmp_path, flow) as s:
        order = await s.place()
        await s.settle()
        for _ in range(5):
            await s.later(minutes=11)
        assert (await s.steps(order.id)) == {"toy:wait": "due"}
        await s.later(minutes=30)
        assert [e.cause for e in (await s.order(order.id)).exceptions] == ["too_old"]


async def test_a_flow_that_cannot_undo_what_it_lists_is_refused() -> None:
    with pytest.raises(Exception, match="UNDO"):
        stage.app.flowing.Flows([Flow(code="x", title="X", facts=RESERVED, decide=lambda o, f: (), run={}, undo={"a": "b"})])
