"""Payments on a real database with all other stories around: begun, paid, lost, late, declined, given back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haat.app import desks
from haat.domain import orders, payments
from haat.engine import outside, policies
from haat.engine.outside import inbox
from haat.flows import paying
from haat.kernel.facts import Fact
from haat.kernel.outside import Hook
from tests.flows import stage
from tests.flows.moody_bank import Bank

POLICY = paying.Policy()


class Till(msgspec.Struct):
    """A stage and the bank beside it."""

    stage: stage.Stage
    bank: Bank
    counter: paying.Counter

    async def placed(self, method: str = "acme", **more: Any) -> orders.Order:
        """An order, its payment begun."""
        order = await self.stage.place(payment_method=method, **more)
        await self.stage.settle()
        return await self.stage.order(order.id)

    async def paid(self, order: orders.Order) -> orders.Order:
        """The buyer pays, and the gateway's hook arrives."""
        self.bank.pay(attempt(order).id)
        return await self.hook(order)

    async def hook(self, order: orders.Order) -> orders.Order:
        await self.keep(attempt(order).gateway, Hook("POST", {}, {}, attempt(order).id.encode()))
        await self.counter.step()
        await self.stage.settle()
        return await self.stage.order(order.id)

    async def keep(self, code: str, hook: Hook) -> None:
        parts = self.stage.parts
        async with parts.database.transaction() as tx:
            await inbox.keep(tx, [inbox.News(parts.draw.uuid(), "gateway", code, hook.body.decode(), hook, self.stage.clock.now())])


@asynccontextmanager
async def till(dsn: str, place: Path, codes: Sequence[str] = ("acme",), **changes: Any) -> AsyncIterator[Till]:
    bank = Bank()
    connectors = desks.connectors()
    found = {**connectors, "gateway": bank.gateways()}
    policy = msgspec.structs.replace(POLICY, **changes)
    async with stage.opened(dsn, place, outfit=desks.Outfit(connectors=found)) as opened:
        parts = opened.parts
        at = parts.desks
        async with parts.database.transaction() as tx:
            sheets = {code: outside.Sheet(kind="gateway", plugin=code) for code in codes}
            await outside.connections.put(tx, sheets, found, at.outside.vault, now=opened.clock.now())
            await policies.put(tx, "payment", policy, by="admin:test", now=opened.clock.now())
        await parts.memory.catch_up()
        yield Till(opened, bank, paying.Counter(at.paying, parts.house))
        await at.outside.close()


def attempt(order: orders.Order) -> orders.Attempt:
    """The newest attempt."""
    return order.payments[-1].attempts[-1]


async def test_an_order_is_paid_at_a_gateway_and_the_hook_says_so(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        assert (attempt(order).status, attempt(order).redirect_url[:13]) == ("pending", "https://acme.")
        assert orders.paying.uncovered(order) == order.totals.grand

        order = await t.paid(order)

        assert (order.payment_status, attempt(order).transaction[:4]) == ("paid", "trx-")
        assert (await t.stage.steps(order.id))["payment:expire"] == "stopped"
        async with t.stage.parts.database.reading() as tx:
            row = (await payments.attempts(tx, [attempt(order).id]))[attempt(order).id]
            said = await payments.signals_of(tx, row.id)
        assert (row.status, row.captured, row.receipt is not None) == ("charged", order.totals.grand, True)
        assert [(s.source, s.counted) for s in said][-1] == ("hook", True)


async def test_a_lost_hook_is_made_up_for_by_asking(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        t.bank.pay(attempt(order).id)
        await t.stage.later(minutes=2)
        assert (await t.stage.order(order.id)).payment_status == "paid"


async def test_a_hook_told_twice_and_a_redirect_after_it_pay_once(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        version = order.version
        await t.counter.look_now(attempt(order).id, source="redirect")
        await t.keep("acme", Hook("POST", {}, {"again": "1"}, attempt(order).id.encode() + b" "))
        assert (await t.hook(order)).version == version


async def test_who_does_not_pay_in_time_loses_the_stock_after_a_last_question(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        await t.stage.later(minutes=31)
        order = await t.stage.order(order.id)
        assert (order.status, order.totals.grand) == ("expired", 0)
        assert "acme.confirm" in t.bank.calls
        async with t.stage.parts.database.reading() as tx:
            assert await tx.fetchval("SELECT sum(reserved) FROM stock WHERE sku = 'TEA'") == 0


async def test_who_paid_in_the_last_second_is_not_expired(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ask_after=timedelta(hours=2)) as t:
        order = await t.placed()
        t.bank.pay(attempt(order).id)
        await t.stage.later(minutes=31)
        order = await t.stage.order(order.id)
        assert (order.status, order.payment_status) != ("expired", "overpaid") and order.payment_status == "paid"


async def test_money_that_comes_after_the_order_expired_brings_it_back(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed(lines={"TEA": 2})
        grand = order.totals.grand
        await t.stage.later(minutes=31)
        assert (await t.stage.order(order.id)).status == "expired"

        order = await t.paid(await t.stage.order(order.id))

        assert order.status != "expired" and (order.payment_status, order.totals.grand) == ("paid", grand)
        assert not order.refunds
        async with t.stage.parts.database.reading() as tx:
            assert await tx.fetchval("SELECT sum(reserved) FROM stock WHERE sku = 'TEA'") == 2


async def test_where_the_last_units_are_gone_late_money_goes_back_by_itself(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed(lines={"LAST": 5})
        await t.stage.later(minutes=31)
        await t.stage.place({"LAST": 3})

        order = await t.paid(await t.stage.order(order.id))

        assert (order.status, order.payment_status) == ("expired", "refunded")
        assert [r.status for r in order.refunds] == ["succeeded"]
        account = t.bank.accounts[attempt(order).id]
        assert sum(account.refunds.values()) == account.captured == account.amount


async def test_a_gateway_that_is_busy_is_followed_by_the_next_with_the_stock_still_held(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt")) as t:
        t.bank.mood("acme.create", "declined")
        order = await t.placed("card")
        first, second = order.payments[0].attempts
        assert (first.gateway, first.status, second.gateway, second.status) == ("acme", "failed", "bolt", "pending")
        assert (await t.paid(order)).payment_status == "paid"


async def test_two_attempts_that_are_both_paid_leave_one_and_send_one_back(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt")) as t:
        t.bank.mood("acme.create", "lost_after")  # the buyer's page was never shown, yet somebody pays on it
        order = await t.placed("card")
        first, second = order.payments[0].attempts
        order = await t.paid(order)
        t.bank.pay(first.id)
        await t.keep("acme", Hook("POST", {}, {}, first.id.encode()))
        await t.counter.step()
        await t.stage.settle()

        order = await t.stage.order(order.id)

        assert (order.payment_status, [(r.attempt, r.status) for r in order.refunds]) == ("partially_refunded", [(first.id, "succeeded")])
        assert sum(orders.settling.kept(order, a) for a in order.payments[0].attempts) == order.totals.grand
        assert orders.settling.kept(order, order.payments[0].attempts[1]) == second.amount


async def test_a_refund_whose_answer_got_lost_is_asked_about_and_not_sent_again(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_after")
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        assert (await t.stage.order(order.id)).refunds[0].status == "uncertain"
        await t.stage.later(minutes=3)
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, t.bank.calls.count("acme.refund"), order.payment_status) == ("succeeded", 1, "refunded")


async def test_a_refund_that_is_lost_on_its_way_again_and_again_is_always_asked_about(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_before", "lost_before", "lost_before")
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        for _ in range(5):
            await t.stage.later(minutes=5)
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, t.bank.calls.count("acme.refund"), order.payment_status) == ("succeeded", 4, "refunded")


async def test_a_hook_about_a_refund_ends_the_waiting(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_after")
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        (refund,) = (await t.stage.order(order.id)).refunds
        await t.keep("acme", Hook("POST", {}, {}, f"{attempt(order).id} {refund.id}".encode()))
        await t.counter.step()
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, order.payment_status, t.bank.calls.count("acme.refund")) == ("succeeded", "refunded", 1)
        async with t.stage.parts.database.reading() as tx:
            assert [r.status for r in await payments.refunds_of(tx, order.id)] == ["succeeded"]


async def test_a_hook_with_a_name_that_nothing_could_have_holds_up_nobody(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed()
        t.bank.pay(attempt(order).id)
        await t.keep("acme", Hook("POST", {}, {}, b"named no\0name"))
        await t.keep("acme", Hook("POST", {}, {}, attempt(order).id.encode()))
        assert await t.counter.step() == 2
        assert (await t.stage.order(order.id)).payment_status == "paid"


async def test_a_hook_that_cannot_be_kept_holds_up_nobody(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        bad, good = await t.placed(), await t.placed()
        for order in (bad, good):
            t.bank.pay(attempt(order).id)
            await t.keep("acme", Hook("POST", {}, {}, attempt(order).id.encode()))
        t.bank.accounts[attempt(bad).id].captured = 10**19  # no column has room for it
        assert await t.counter.step() == 2
        assert (await t.stage.order(good.id)).payment_status == "paid"
        assert (await t.stage.order(bad.id)).payment_status == "awaiting"
        async with t.stage.parts.database.reading() as tx:
            assert [a.problem != "" for a in await inbox.resting(tx, status="waiting")] == [True]


async def test_a_refund_that_never_arrived_is_sent_once_more(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed())
        t.bank.mood("acme.refund", "lost_before")
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        for _ in range(4):
            await t.stage.later(minutes=2)
        order = await t.stage.order(order.id)
        assert (order.refunds[0].status, t.bank.calls.count("acme.refund")) == ("succeeded", 2)


async def test_an_authorisation_is_let_go_when_the_order_is_cancelled(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("cardly",)) as t:
        order = await t.paid(await t.placed("card"))
        assert order.payment_status == "authorized"
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert (order.payment_status, attempt(order).status, order.refunds) == ("voided", "voided", ())


async def test_lines_that_are_cancelled_send_back_exactly_what_they_cost(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.paid(await t.placed(lines={"TEA": 3}))
        before = order.totals.grand
        await t.stage.ask(order.id, lambda o: orders.cancel(o, {1: 1}, reason="changed_mind"))
        await t.stage.settle()
        order = await t.stage.order(order.id)
        assert [r.amount for r in order.refunds] == [before - order.totals.grand] and order.refunds[0].status == "succeeded"
        assert sum(t_.owed for t_ in order.payments) == order.totals.grand


async def test_part_by_wallet_and_the_rest_at_the_door(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed("cod")
        grand, now = order.totals.grand, t.stage.clock.now()
        ids = [t.stage.parts.draw.uuid() for _ in range(2)]
        wanted = [orders.paying.Wanted(ids[0], "acme", 6_000), orders.paying.Wanted(ids[1], "cod", grand - 6_000)]
        methods = frozenset({"acme", "cod"})
        await t.stage.ask(order.id, lambda o: orders.paying.ask_to_pay(o, wanted, due_at=now + timedelta(minutes=30), methods=methods))
        await t.stage.settle()
        order = await t.stage.order(order.id)
        wallet = orders.paying.tender_in(order, ids[0])
        assert wallet is not None
        t.bank.pay(wallet.attempts[0].id)
        await t.stage.later(minutes=2)
        order = await t.stage.order(order.id)
        assert {x.method: x.status for x in order.payments if x.owed} == {"acme": "paid", "cod": "due"}
        assert sum(x.owed for x in order.payments) == grand


async def test_nobody_takes_the_method_so_somebody_is_told(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed("rocket")
        assert [(e.step, e.cause, e.owner) for e in order.exceptions if e.flow == "payment"] == [("route", "no_gateway", "payments")]
        await t.stage.later(minutes=31)
        assert (await t.stage.order(order.id)).status == "expired"


@pytest.mark.parametrize("first", ["strange", "mute"])
async def test_an_amount_that_is_not_ours_is_shown_to_a_person_once_and_mends_itself(dsn: str, tmp_path: Path, first: str) -> None:
    async with till(dsn, tmp_path, pay_within=timedelta(hours=5)) as t:
        order = await t.placed()
        for operation in ("query", "confirm"):
            t.bank.mood(f"acme.{operation}", first, *["strange"] * 3)
        for _ in range(4):
            await t.stage.later(minutes=16)
        order = await t.stage.order(order.id)
        assert attempt(order).captured == 0 and attempt(order).status in ("pending", "uncertain")
        assert [(e.step, e.cause) for e in order.exceptions if e.flow == "payment"] == [("mismatch", "payment_mismatch")]
        t.bank.moods.clear()
        t.bank.pay(attempt(order).id)
        await t.stage.later(minutes=16)
        assert (await t.stage.order(order.id)).payment_status == "paid"


@pytest.mark.parametrize("step", ["create", "query", "refund"])
async def test_a_gateway_that_is_away_for_a_while_only_costs_time(dsn: str, tmp_path: Path, step: str) -> None:
    async with till(dsn, tmp_path, attempts_max=6) as t:
        t.bank.mood(f"acme.{step}", "unavailable", "unavailable")
        order = await t.placed()
        for _ in range(3):
            await t.stage.later(seconds=20)
        order = await t.stage.order(order.id)
        t.bank.pay(attempt(order).id)
        await t.stage.later(minutes=10)
        await t.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        for _ in range(3):
            await t.stage.later(minutes=1)
        order = await t.stage.order(order.id)
        assert (order.payment_status, order.status) == ("refunded", "cancelled")


def journey(parcel: str, *, cash: int = 0, collected: int | None = None, consignment: str = "C-1") -> tuple[Fact, ...]:
    """A parcel from the shelf to the buyer's hands, as couriers tell it."""
    return (
        orders.events.OrderFulfillmentStarted(parcel), orders.events.OrderParcelPacked(parcel),
        orders.events.OrderShipmentBooked(parcel, "pathao", consignment, cash=cash), orders.events.OrderShipped(parcel),
        orders.events.OrderDelivered(parcel, collected=collected),
    )  # fmt: skip


async def shipped(t: Till, order: orders.Order, **more: Any) -> orders.Order:
    """Every parcel of the order delivered, with its share of the cash."""
    assert order.shipments, order.exceptions
    for parcel in order.shipments:
        await t.stage.ask(order.id, lambda o, p=parcel.id: journey(p, **more))  # type: ignore[misc]
        await t.stage.settle()
    return await t.stage.order(order.id)


async def test_cash_that_the_courier_collected_pays_the_order(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed("cod")
        grand = order.totals.grand
        order = await shipped(t, order, cash=grand, collected=grand)
        assert (order.payment_status, attempt(order).gateway) == ("paid", "cod")
        assert not [e for e in order.exceptions if e.flow == "payment"]


async def test_a_courier_that_brings_too_little_is_somebodys_business(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await t.placed("cod")
        grand = order.totals.grand
        order = await shipped(t, order, cash=grand, collected=grand - 5_000)
        assert (order.payment_status, attempt(order).captured) == ("partially_paid", grand - 5_000)
        assert [(e.step, e.cause) for e in order.exceptions if e.flow == "payment"] == [("collect", "short_collection")]


@pytest.mark.parametrize("mood", ["", "lost_after", "lost_before", "unavailable"])
async def test_money_that_is_set_aside_is_taken_once_when_the_goods_leave(dsn: str, tmp_path: Path, mood: str) -> None:
    async with till(dsn, tmp_path, ("cardly",)) as t:
        order = await t.paid(await t.placed("card"))
        t.bank.mood("cardly.capture", mood)
        order = await shipped(t, order)
        for _ in range(3):
            await t.stage.later(minutes=1)
        order = await t.stage.order(order.id)
        account = t.bank.accounts[attempt(order).id]
        assert (order.payment_status, attempt(order).captured, account.captured) == ("paid", order.totals.grand, account.amount)


async def test_an_authorisation_is_taken_before_it_lapses(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("cardly",), renew_before=timedelta(days=3)) as t:
        t.bank.sets_aside_for = timedelta(days=3, hours=1)
        order = await t.paid(await t.placed("card"))
        await t.stage.later(minutes=61)
        order = await t.stage.order(order.id)
        assert (order.payment_status, attempt(order).captured) == ("paid", order.totals.grand)
