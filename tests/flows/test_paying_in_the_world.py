"""The whole way with the real connectors over real HTTP: the buyer pays on the gateway's page, the browser is lost, the money is found."""

from pathlib import Path

import pytest

from haat.domain import orders
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
