"""News of payments that were taken to be over: declined and paid since, paid twice, agreed to for an order that nobody wants any more."""

from datetime import timedelta
from pathlib import Path

import pytest

from haat.domain import orders
from haat.engine.flowing.repairing import Search
from haat.flows import repairing
from haat.flows.paying import asking
from haat.kernel.facts import Origin
from haat.kernel.outside import Hook
from tests.flows.test_paying import Till, attempt, journey, till


async def declined(t: Till) -> orders.Order:
    """An order whose buyer was declined once, at a page that can still be paid."""
    order = await t.placed()
    t.bank.pay(attempt(order).id, "failed")
    order = await t.hook(order)
    assert attempt(order).status == "failed"
    t.bank.calls.clear()
    return order


async def returned(t: Till, order: orders.Order) -> orders.Order:
    """The buyer's browser comes back."""
    await t.counter.look_now(attempt(order).id, source="redirect")
    await t.stage.settle()
    return await t.stage.order(order.id)


async def told_again(t: Till, order: orders.Order, times: int) -> orders.Order:
    """The same news in hooks of their own."""
    for n in range(times):
        await t.keep("acme", Hook("POST", {}, {"n": str(n)}, (attempt(order).id + " " * (n + 1)).encode()))
        await t.counter.step()
        await t.stage.settle()
    return await t.stage.order(order.id)


async def test_who_was_declined_once_and_paid_then_is_heard_when_they_come_back(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await declined(t)
        assert attempt(await returned(t, order)).status == "failed"
        t.bank.pay(attempt(order).id)
        order = await returned(t, order)
        assert (order.payment_status, attempt(order).status) == ("paid", "charged")
        assert t.bank.calls == ["acme.query", "acme.query"], "it is asked, nothing is finished"


async def test_a_declined_attempt_is_asked_about_once_more_before_its_order_expires(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await declined(t)
        t.bank.pay(attempt(order).id)
        await t.stage.later(minutes=31)
        order = await t.stage.order(order.id)
        assert order.status != "expired" and order.payment_status == "paid"
        assert t.bank.calls == ["acme.query"]


@pytest.mark.parametrize(("moods", "asked"), [([], 1), (["unavailable"], 2), (["unavailable"] * 9, asking.DECLINED_TRIES)])
async def test_a_declined_attempt_of_which_there_is_no_news_keeps_no_order_from_expiring_for_long(
    dsn: str, tmp_path: Path, moods: list[str], asked: int
) -> None:
    async with till(dsn, tmp_path) as t:
        order = await declined(t)
        t.bank.mood("acme.query", *moods)
        await t.stage.later(minutes=31)
        for _ in range(3):
            await t.stage.later(minutes=5)
        assert (await t.stage.order(order.id)).status == "expired"
        assert t.bank.calls == ["acme.query"] * asked


@pytest.mark.parametrize(("left", "expired", "paid"), [(5, False, "paid"), (2, True, "refunded")])
async def test_money_found_on_a_declined_attempt_goes_the_way_of_late_money(
    dsn: str, tmp_path: Path, left: int, expired: bool, paid: str
) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed(lines={"LAST": 5})
        t.bank.pay(attempt(order).id, "failed")
        await t.hook(order)
        await t.stage.later(minutes=31)
        if left < 5:
            await t.stage.place({"LAST": 5 - left})
        t.bank.pay(attempt(order).id)
        order = await returned(t, await t.stage.order(order.id))
        assert (order.status == "expired", order.payment_status) == (expired, paid)


@pytest.mark.parametrize("first", ["charged", "failed"])
async def test_money_that_is_not_ours_on_an_attempt_that_is_over_is_shown_to_a_person_once(dsn: str, tmp_path: Path, first: str) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        t.bank.pay(attempt(order).id, first)
        order = await t.hook(order)
        t.bank.mood("acme.query", *["strange"] * 5)
        order = await told_again(t, order, 2)
        assert attempt(order).status == first
        assert [(e.step, e.cause) for e in order.exceptions if e.flow == "payment"] == [("mismatch", "payment_mismatch")]

        parts = t.stage.parts
        how = repairing.Repair("skip", "the second one was sent back", Origin("admin:test", "api"))
        await repairing.repair_all(parts.database, parts.keeper.change, Search(cause="payment_mismatch"), how, now=t.stage.clock.now())
        assert not [e for e in (await told_again(t, order, 4)).exceptions if e.flow == "payment"]
        assert (await t.stage.said(order.id)).count("OrderPaymentMismatched") == 1


async def test_the_end_of_an_order_does_not_close_what_is_strange_about_its_money(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.query", "strange")
        order = await told_again(t, order, 1)
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert (order.payment_status, [e.cause for e in order.exceptions]) == ("refunded", ["payment_mismatch"])


@pytest.mark.parametrize("way", ["poll", "redirect"])
async def test_what_a_buyer_agreed_to_is_not_taken_for_an_order_that_is_cancelled(dsn: str, tmp_path: Path, way: str) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        t.bank.pay(attempt(order).id, "agreed")
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        if way == "redirect":
            await returned(t, order)
        for _ in range(4):
            await t.stage.later(minutes=3)
        order = await t.stage.order(order.id)
        assert (t.bank.accounts[attempt(order).id].captured, order.refunds) == (0, ())
        assert "acme.confirm" not in t.bank.calls and "acme.query" in t.bank.calls


async def test_what_a_buyer_agreed_to_is_taken_for_an_order_that_expired_and_can_come_back(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        t.bank.mood("acme.confirm", *["mute"] * 20)
        await t.stage.later(hours=4)
        for _ in range(10):
            await t.stage.later(minutes=16)
        assert (await t.stage.order(order.id)).status == "expired"
        t.bank.moods.clear()
        t.bank.pay(attempt(order).id, "agreed")
        await t.stage.later(minutes=16)
        order = await t.stage.order(order.id)
        assert order.status != "expired" and order.payment_status == "paid"


@pytest.mark.parametrize("way", ["again", "another"])
async def test_who_asks_to_pay_while_the_gateways_are_asked_a_last_time_has_the_time_they_were_told(
    dsn: str, tmp_path: Path, way: str
) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt")) as t:
        order = await t.placed()
        t.stage.clock.turn_by(timedelta(minutes=31))
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.lease()
        await slow.answered()
        until = t.stage.clock.now() + timedelta(minutes=30)
        wanted = [orders.paying.Wanted(t.stage.parts.draw.uuid(), "bolt", order.totals.grand)] if way == "another" else []
        methods = frozenset({"acme", "bolt"})
        await t.stage.ask(order.id, lambda o: orders.paying.ask_to_pay(o, wanted, due_at=until, methods=methods))
        while await slow.step() + await slow.lease():
            await slow.answered()
        order = await t.stage.order(order.id)
        assert (order.status, order.payments[-1].due_at) == ("placed", until)
        await t.stage.later(minutes=31)
        assert (await t.stage.order(order.id)).status == "expired"


async def test_an_attempt_that_was_begun_while_the_gateways_were_asked_is_asked_about_before_the_order_expires(
    dsn: str, tmp_path: Path
) -> None:
    async with till(dsn, tmp_path) as t:
        order = await declined(t)
        t.stage.clock.turn_by(timedelta(minutes=31))
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.lease()
        await slow.answered()
        new, tender = t.stage.parts.draw.uuid(), order.payments[0]
        await t.stage.ask(order.id, lambda o: (orders.events.OrderPaymentAttempted(tender.id, new, "acme", tender.owed),))
        await slow.step()
        assert (await t.stage.order(order.id)).status == "placed"
        await t.stage.settle()
        t.bank.pay(new)
        await t.stage.later(minutes=5)
        assert (await t.stage.order(order.id)).payment_status == "paid"


async def test_a_second_page_that_is_told_late_does_not_take_the_place_of_the_first(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.stage.place(payment_method="acme")
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.step()
        await slow.lease()
        await slow.answered()
        order = await t.stage.order(order.id)
        assert (attempt(order).status, t.bank.calls) == ("attempted", ["acme.create"])
        first = orders.events.OrderPaymentStarted(order.payments[0].id, attempt(order).id, "ref-first", "https://acme.example/first")
        await t.stage.ask(order.id, lambda o: (first,))
        await t.stage.settle()
        while await slow.step():
            pass
        order = await t.stage.order(order.id)
        assert (attempt(order).reference, attempt(order).redirect_url) == (first.reference, first.redirect_url)


async def test_what_a_gateway_was_not_told_to_let_go_is_taken_with_the_last_parcel(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("cardly",)) as t:
        order = await t.paid(await t.placed("card", lines={"TEA": 2, "LAST": 1}))
        grand, (first, last) = order.totals.grand, order.shipments
        await t.stage.ask(order.id, lambda o: journey(first.id))
        slow = t.stage.parts.worker("slow", t.stage.lane)
        await slow.lease()
        await slow.answered()
        assert 0 < t.bank.accounts[attempt(order).id].captured < grand, "taken, and not heard of yet"
        await t.stage.ask(order.id, lambda o: journey(last.id, consignment="C-2"))
        await slow.step()
        await slow.answered()
        await t.stage.settle()
        await slow.step()
        order = await t.stage.order(order.id)
        assert (t.bank.accounts[attempt(order).id].captured, order.payment_status) == (grand, "paid")
        assert "OrderPaymentVoided" not in await t.stage.said(order.id)
