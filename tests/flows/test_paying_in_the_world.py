"""The whole way with the real connectors over real HTTP: the buyer pays on the gateway's page, the browser is lost, the money is found."""

from datetime import timedelta
from pathlib import Path

import pytest

from haat.domain import orders, payments
from haat.engine import outside
from haat_world import app, payers
from tests.flows import stage
from tests.world.running import Running, a_world


async def connected(on: stage.Stage, running: Running, code: str) -> None:
    """The connection that the world tells of, set up as an operator would."""
    (told,) = [each for each in app.connections(running.url) if each.code == code]
    at = on.parts.desks.outside
    sheet = outside.Sheet(kind="gateway", plugin=told.plugin, config=dict(told.config), secrets=dict(told.secrets))
    async with on.parts.database.transaction() as tx:
        await outside.connections.put(tx, {code: sheet}, at.book.plugins, at.vault, now=on.clock.now())
    await on.parts.memory.catch_up()


@pytest.mark.parametrize("code", ["bkash", "nagad", "sslcommerz"])
async def test_a_buyer_whose_browser_never_came_back_has_paid_and_gets_it_back_when_cancelling(dsn: str, tmp_path: Path, code: str) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path) as on:
        await connected(on, running, code)
        order = await on.place({"TEA": 2}, payment_method=code)
        await on.settle()
        order = await on.order(order.id)
        (attempt,) = order.payments[0].attempts
        assert attempt.redirect_url.startswith(running.url), attempt

        assert not await payers.decide(running.line, attempt.redirect_url, "pay"), "our door is not open in this test"
        for _ in range(3):
            await on.later(minutes=3)
        order = await on.order(order.id)
        assert order.payment_status == "paid", order.payments

        await on.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        for _ in range(6):
            await on.settle()
            await running.turn(hours=12)
            await on.later(hours=1)
        order = await on.order(order.id)
        (books,) = running.world.truth.payments.values()
        assert [r.status for r in order.refunds] == ["succeeded"], order.exceptions
        assert (order.payment_status, books.captured, books.refunded) == ("refunded", books.amount, books.amount)
        await on.parts.desks.outside.close()


async def test_a_second_card_on_the_form_where_the_first_was_declined_is_found_though_nobody_reports_it(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path) as on:
        await connected(on, running, "stripe")
        order = await on.place({"TEA": 2}, payment_method="card")
        await on.settle()
        (attempt,) = (await on.order(order.id)).payments[0].attempts
        page = f"{running.url}/stripe/pay/{attempt.reference}"

        assert await payers.decide(running.line, page, "decline")
        await on.later(minutes=3)
        until = on.clock.now() + timedelta(minutes=30)
        await on.ask(order.id, lambda o: orders.paying.ask_to_pay(o, (), due_at=until, methods=frozenset({"card"})))
        await on.settle()
        (attempt,) = (await on.order(order.id)).payments[0].attempts
        assert attempt.status == "pending", "who asks to pay again goes on at the same form"

        assert await payers.decide(running.line, page, "pay")
        await on.later(minutes=3)
        assert orders.paying.uncovered(await on.order(order.id)) == 0
        await on.parts.desks.outside.close()


async def test_a_payment_that_a_killed_worker_had_told_bkash_of_is_begun_anew_and_paid_once(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path) as on:
        await connected(on, running, "bkash")
        order = await on.place({"TEA": 2}, payment_method="bkash")
        while not order.payments:
            await on.worker.step()
            order = await on.order(order.id)
        (attempt,) = order.payments[0].attempts
        desks = on.parts.desks
        connection, bkash = desks.paying.gateway("bkash")
        told = bkash.create(connection, desks.paying.charge(order, attempt), on.clock.now())
        assert isinstance(await desks.outside.drive(connection, told, subject=attempt.id), payments.Started), "of which nobody hears"

        await on.settle()
        taken, anew = (await on.order(order.id)).payments[0].attempts
        assert (taken.status, anew.status) == ("failed", "pending")
        await payers.decide(running.line, anew.redirect_url, "pay")
        for _ in range(3):
            await on.later(minutes=3)
        assert (await on.order(order.id)).payment_status == "paid"
        assert sorted(books.captured for books in running.world.truth.payments.values()) == [0, anew.amount]
        await desks.outside.close()
