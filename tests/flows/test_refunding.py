"""Money on its way back: refused, doubled, nowhere to be found. It goes back once, or somebody is told."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haat.domain import orders, payments
from haat.domain.orders import events
from haat.engine.flowing.repairing import Search
from haat.flows import paying, repairing
from haat.flows.paying.refunding import RESENDS_MAX, told
from haat.kernel.facts import Origin
from haat.kernel.outside import Hook
from tests.domain.orders.histories import a_line, after, placed
from tests.flows.test_paying import Till, attempt, till


async def cancelled(t: Till, order: orders.Order, lines: dict[int, int] | None = None) -> orders.Order:
    await t.stage.ask(order.id, lambda o: orders.cancel(o, lines, reason="changed_mind"))
    await t.stage.settle()
    return await t.stage.order(order.id)


async def retried(t: Till, cause: str) -> int:
    """A person retries what waits for this reason; how many there were."""
    parts = t.stage.parts
    how = repairing.Repair("retry", "it was mended", Origin("admin:test", "api"))
    done = await repairing.repair_all(parts.database, parts.keeper.change, Search(cause=cause), how, now=t.stage.clock.now())
    await t.stage.settle()
    return done.repaired


def troubles(order: orders.Order) -> list[tuple[str, str]]:
    return [(e.step, e.cause) for e in order.exceptions if e.flow == "payment"]


async def test_a_refused_refund_is_sent_again_under_a_new_name_when_a_person_says_so(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.short = True
        order = await cancelled(t, order)
        assert (order.refunds[0].status, troubles(order)) == ("failed", [("refund", "refund_refused")])

        assert await retried(t, "refund_refused") == 1
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, troubles(order)) == ("failed", [("refund", "refund_refused")]), "refused anew, shown anew"

        t.bank.short = False
        assert await retried(t, "refund_refused") == 1
        order = await t.stage.order(order.id)
        assert (order.payment_status, order.refunds[0].status, troubles(order)) == ("refunded", "succeeded", [])
        assert t.bank.calls.count("acme.refund") == 3
        assert list(t.bank.accounts[attempt(order).id].refunds) == [order.refunds[0].sent_as]
        async with t.stage.parts.database.reading() as tx:
            assert [(r.id, r.status) for r in await payments.refunds_of(tx, order.id)] == [(order.refunds[0].id, "succeeded")]


async def test_the_end_of_an_order_neither_closes_nor_repeats_a_refund_that_was_refused(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed(lines={"TEA": 3}))
        t.bank.short = True
        order = await cancelled(t, order, {1: 1})
        assert troubles(order) == [("refund", "refund_refused")]
        t.bank.short = False
        order = await cancelled(t, order)
        assert (order.status, [r.status for r in order.refunds]) == ("cancelled", ["failed", "succeeded"])
        assert troubles(order) == [("refund", "refund_refused")]
        assert t.bank.calls.count("acme.refund") == 2

        assert await retried(t, "refund_refused") == 1
        order = await t.stage.order(order.id)
        assert (order.payment_status, troubles(order)) == ("refunded", [])


async def test_a_refusal_that_a_hook_brings_is_shown_as_well(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_before")
        order = await cancelled(t, order)
        t.bank.refused.add(order.refunds[0].id)
        await t.keep("acme", Hook("POST", {}, {}, f"{attempt(order).id} {order.refunds[0].id}".encode()))
        await t.counter.step()
        await t.stage.later(minutes=1)
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, troubles(order)) == ("failed", [("ask_refund", "refund_refused")])
        assert await retried(t, "refund_refused") == 1
        assert (await t.stage.order(order.id)).payment_status == "refunded"


async def test_two_equal_refunds_of_which_one_arrived_are_not_both_taken_for_it(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed(lines={"TEA": 3}))
        t.bank.by_amount = True
        t.bank.mood("acme.refund", "lost_after", "lost_before")
        ids = [t.stage.parts.draw.uuid() for _ in range(2)]
        for name in ids:
            new_id = [name].pop
            await t.stage.ask(order.id, lambda o, n=new_id: orders.settling.ask_back(o, 5_000, reason="late", new_id=n))  # type: ignore[misc]
        await t.stage.settle()
        assert [r.status for r in (await t.stage.order(order.id)).refunds] == ["uncertain", "uncertain"]
        for _ in range(6):
            await t.stage.later(minutes=1)
        order = await t.stage.order(order.id)
        assert [r.status for r in order.refunds] == ["succeeded", "succeeded"]
        assert len({r.reference for r in order.refunds}) == 2
        assert sum(t.bank.accounts[attempt(order).id].refunds.values()) == attempt(order).refunded == 10_000


def going_back() -> orders.Order:
    """An order with two equal refunds of one payment, of which the first is known as R-1."""
    return after(
        placed(a_line(1, 2, 10_000)),
        events.OrderPaymentRequested("t", "nagad", 26_000),
        events.OrderPaymentAttempted("t", "a", "nagad", 26_000),
        events.OrderPaymentStarted("t", "a", "PAY-1"),
        events.OrderPaymentProcessed("t", "a", 26_000, "nagad", "nagad", "TRX-1"),
        *[events.OrderRefundRequested(n, "t", "a", 5_000, "late", "nagad") for n in ("one", "two")],
        events.OrderRefunded("one", "t", "a", 5_000, "R-1"),
    )


def test_a_gateway_that_calls_refunds_by_the_payments_own_name_is_believed() -> None:
    order = going_back()
    second = order.refunds[1]
    for name, facts in (
        ("R-1", ["OrderRefundUncertain"]),
        ("R-2", ["OrderRefunded"]),
        ("PAY-1", ["OrderRefunded"]),
        ("TRX-1", ["OrderRefunded"]),
    ):
        seen = payments.RefundObservation(status="succeeded", amount=5_000, reference=name)
        assert [type(f).__name__ for f in told(order, second, seen)] == facts


def test_that_it_went_back_after_all_is_news_after_a_refusal_and_the_refusals_name_is_not_its_own() -> None:
    order = after(going_back(), events.OrderRefundFailed("two", "other", "E1", "R-2"))
    seen = payments.RefundObservation(status="succeeded", amount=5_000, reference="R-2")
    assert [type(f).__name__ for f in told(order, order.refunds[1], seen)] == ["OrderRefunded"]
    assert told(order, order.refunds[1], msgspec.structs.replace(seen, status="failed")) == ()
    again = after(order, events.OrderRefundRetried("two", "two-again"))
    assert (again.refunds[1].status, again.refunds[1].refused_as) == ("requested", ("R-2",))
    old = payments.RefundObservation(status="failed", reason="other", reference="R-2")
    assert [type(f).__name__ for f in told(again, again.refunds[1], old)] == ["OrderRefundUncertain"]


async def test_a_refund_that_surely_was_not_sent_is_nobodys_work_where_the_gateway_cannot_be_asked(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "unavailable", "unavailable", "unavailable")
        t.bank.mood("acme.query_refund", *["no_lookup"] * 20)
        await cancelled(t, order)
        for _ in range(10):
            await t.stage.later(minutes=1)
        order = await t.stage.order(order.id)
        assert (order.payment_status, order.exceptions, "acme.query_refund" in t.bank.calls) == ("refunded", (), False)
        assert "OrderRefundUncertain" not in await t.stage.said(order.id)


async def test_a_gateway_that_is_away_for_hours_is_told_to_somebody(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", *["unavailable"] * 1_000)
        await cancelled(t, order)
        for _ in range(8):
            await t.stage.later(hours=1)
        assert troubles(await t.stage.order(order.id)) == [("refund", "too_old")]
        t.bank.moods.clear()
        assert await retried(t, "too_old") == 1
        assert (await t.stage.order(order.id)).payment_status == "refunded"
        assert "acme.query_refund" not in t.bank.calls


async def test_a_refund_that_never_arrives_however_often_it_is_sent_is_told_to_somebody(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", *["lost_before"] * 100)
        await cancelled(t, order)
        for _ in range(30):
            await t.stage.later(minutes=5)
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, troubles(order)) == ("uncertain", [("ask_refund", "refund_unknown")])
        assert t.bank.calls.count("acme.refund") == RESENDS_MAX + 1

        t.bank.moods.clear()
        await t.stage.ask(order.id, lambda o: orders.ascertaining.unsent(o, o.refunds[0].id, detail="rang them up"))
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert (order.payment_status, troubles(order)) == ("refunded", [])


def test_a_name_that_is_news_is_told_of_a_refund_of_which_nothing_else_is_known() -> None:
    order = after(going_back(), events.OrderRefundUncertain("two"))
    seen = payments.RefundObservation(status="pending", reference="R-2")
    facts = told(order, order.refunds[1], seen)
    assert facts == (events.OrderRefundUncertain("two", "R-2"),)
    known = after(order, *facts)
    assert told(known, known.refunds[1], seen) == ()


async def named(t: Till, order: orders.Order) -> None:
    """A person finds the refund in the gateway's books."""
    (refund,) = order.refunds
    await t.stage.ask(order.id, lambda o: orders.ascertaining.named(o, refund.id, f"back-{refund.id[-6:]}"))


async def test_a_refund_that_is_found_while_it_waits_to_be_sent_again_is_not_sent(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_after", "unavailable", "unavailable")
        t.bank.mood("acme.query_refund", "missing", "missing")
        order = await cancelled(t, order)
        await t.stage.later(seconds=10)
        await t.stage.later(minutes=3)
        await t.stage.settle()
        assert (t.bank.calls.count("acme.refund"), (await t.stage.order(order.id)).refunds[0].status) == (2, "uncertain")
        await named(t, order)
        assert (await t.stage.steps(order.id))[f"payment:refund:{order.refunds[0].id}"] == "stopped"
        await t.stage.later(minutes=3)
        order = await t.stage.order(order.id)
        assert (t.bank.calls.count("acme.refund"), order.payment_status, troubles(order)) == (2, "refunded", [])


async def test_a_refund_that_has_a_name_is_asked_about_before_it_is_sent_again(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_after")
        t.bank.mood("acme.query_refund", "missing", "missing")
        order = await cancelled(t, order)
        await named(t, order)
        await t.stage.later(seconds=10)
        await t.stage.later(minutes=3)
        order = await t.stage.order(order.id)
        assert (t.bank.calls.count("acme.refund"), order.payment_status, troubles(order)) == (1, "refunded", [])


async def test_a_question_that_is_answered_after_a_person_had_it_sent_again_sends_nothing(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_before")
        order = await cancelled(t, order)
        t.stage.clock.turn_by(timedelta(minutes=3))
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.lease()
        await slow.answered()
        assert t.bank.calls[-1] == "acme.query_refund"
        await t.stage.ask(order.id, lambda o: orders.ascertaining.unsent(o, o.refunds[0].id, detail="rang them up"))
        await t.stage.worker.lease()  # it leaves; the answer is on its way
        while await slow.step() + await slow.lease():
            await slow.answered()
        await t.stage.worker.answered()
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert (t.bank.calls.count("acme.refund"), order.payment_status, troubles(order)) == (2, "refunded", [])


async def test_that_the_former_sending_was_refused_says_nothing_of_the_next_one(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_before", "lost_after")
        order = await cancelled(t, order)
        refund, again = order.refunds[0].id, t.stage.parts.draw.uuid()
        t.bank.refused.add(refund)
        t.stage.clock.turn_by(timedelta(minutes=1))
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.lease()
        await slow.answered()
        assert t.bank.calls[-1] == "acme.query_refund"
        await t.stage.ask(order.id, lambda o: (events.OrderRefundFailed(refund, "other"), events.OrderRefundRetried(refund, again)))
        await t.stage.settle()
        while await slow.step():
            pass
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, order.refunds[0].name, troubles(order)) == ("uncertain", again, [])
        await t.stage.later(minutes=1)
        assert (await t.stage.order(order.id)).payment_status == "refunded"


async def test_a_hook_about_the_former_sending_that_is_read_late_says_nothing_of_the_next_one(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.short = True
        order = await cancelled(t, order)
        tell = paying.Counter._tell_all

        async def meanwhile(self: paying.Counter, arrived: Sequence[Any], words: Mapping[str, Any], problems: Mapping[str, str]) -> None:
            t.bank.short = False
            t.bank.mood("acme.refund", "lost_after")
            assert await retried(t, "refund_refused") == 1
            await tell(self, arrived, words, problems)

        monkeypatch.setattr(paying.Counter, "_tell_all", meanwhile)
        await t.keep("acme", Hook("POST", {}, {}, f"{attempt(order).id} {order.refunds[0].id}".encode()))
        await t.counter.step()
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, troubles(order)) == ("uncertain", [])
        await t.stage.later(minutes=1)
        assert (await t.stage.order(order.id)).payment_status == "refunded"
