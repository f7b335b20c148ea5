"""The whole way with the real connectors over real HTTP: the buyer pays on the gateway's page, the browser is lost, the money is found."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import orders, payments
from haat.engine import outside
from haat.engine.clock import Hands
from haat_world import app, payers
from tests.flows import stage
from tests.flows.test_paying import journey
from tests.world.running import NEW_YEAR, Running, a_world


async def connected(on: stage.Stage, running: Running, code: str, **config: Any) -> None:
    """The connection that the world tells of, set up as an operator would, who may choose otherwise (`config`)."""
    (told,) = [each for each in app.connections(running.url) if each.code == code]
    at = on.parts.desks.outside
    sheet = outside.Sheet(kind="gateway", plugin=told.plugin, config=dict(told.config) | config, secrets=dict(told.secrets))
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


async def two_parcels(on: stage.Stage, running: Running, method: str) -> orders.Order:
    """An order of two vendors, its money set aside, nothing taken."""
    order = await on.place({"TEA": 2, "LAST": 1}, payment_method=method)
    await on.settle()
    (attempt,) = (await on.order(order.id)).payments[0].attempts
    page = attempt.redirect_url if attempt.redirect_url.startswith("http") else f"{running.url}/stripe/pay/{attempt.reference}"
    await payers.decide(running.line, page, "pay")
    for _ in range(3):
        await on.later(minutes=3)
    order = await on.order(order.id)
    (attempt,) = order.payments[0].attempts
    assert (attempt.status, attempt.set_aside, len(order.shipments)) == ("authorized", order.totals.grand, 2)
    return order


async def leaves(on: stage.Stage, order: orders.Order, parcel: int) -> orders.Attempt:
    """The attempt after this parcel has left."""
    await on.ask(order.id, lambda o: journey(order.shipments[parcel].id, consignment=f"C-{parcel}"))
    await on.settle()
    (attempt,) = (await on.order(order.id)).payments[0].attempts
    return attempt


async def test_money_for_each_parcel_is_taken_when_it_leaves(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path, clock=Hands(NEW_YEAR)) as on:
        await connected(on, running, "stripe", multicapture=True)
        order = await two_parcels(on, running, "card")
        (books,) = running.world.truth.payments.values()

        first = await leaves(on, order, 0)
        earned = orders.settling.earned(await on.order(order.id))
        assert 0 < earned < order.totals.grand
        assert (first.captured, first.set_aside, books.captured, books.held) == (earned, order.totals.grand - earned) * 2

        last = await leaves(on, order, 1)
        assert (last.captured, last.set_aside, books.captured, books.held) == (order.totals.grand, 0) * 2
        assert [amount for what, amount in running.world.truth.histories()[f"stripe {books.reference}"] if what == "captured"] == [
            earned,
            order.totals.grand - earned,
        ]
        assert (await on.order(order.id)).payment_status == "paid"
        await on.parts.desks.outside.close()


async def test_what_is_set_aside_for_a_parcel_that_never_leaves_is_let_go(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path, clock=Hands(NEW_YEAR)) as on:
        await connected(on, running, "stripe", multicapture=True)
        order = await two_parcels(on, running, "card")
        earned = (await leaves(on, order, 0)).captured
        staying = {part.line_no: part.quantity for part in order.shipments[1].lines}
        await on.ask(order.id, lambda o: orders.cancel(o, staying, reason="changed_mind"))
        for _ in range(3):
            await on.later(minutes=1)
        (books,) = running.world.truth.payments.values()
        order = await on.order(order.id)
        (attempt,) = order.payments[0].attempts
        assert (books.captured, books.held, books.refunded) == (earned, 0, 0), order.exceptions
        assert (attempt.captured, attempt.set_aside, order.refunds) == (earned, 0, ())
        await on.parts.desks.outside.close()


async def paid_at_once_by_card(on: stage.Stage, running: Running) -> orders.Order:
    """An order whose money Stripe took without setting it aside first."""
    await connected(on, running, "stripe", authorise=False)
    order = await on.place({"TEA": 2}, payment_method="card")
    await on.settle()
    (attempt,) = (await on.order(order.id)).payments[0].attempts
    await payers.decide(running.line, f"{running.url}/stripe/pay/{attempt.reference}", "pay")
    await on.later(minutes=3)
    return await on.order(order.id)


async def test_a_card_is_charged_at_once_where_the_operator_wants_that(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path, clock=Hands(NEW_YEAR)) as on:
        order = await paid_at_once_by_card(on, running)
        (books,) = running.world.truth.payments.values()
        assert (order.payment_status, books.captured, books.manual) == ("paid", order.totals.grand, False)
        await on.parts.desks.outside.close()


async def test_bkash_sets_aside_where_the_operator_wants_that_and_gives_all_with_the_first_parcel(dsn: str, tmp_path: Path) -> None:
    async with a_world() as running, stage.opened(dsn, tmp_path, clock=Hands(NEW_YEAR)) as on:
        await connected(on, running, "bkash", authorise=True)
        order = await two_parcels(on, running, "bkash")
        (attempt,) = order.payments[0].attempts
        assert attempt.lapses_at is not None and attempt.at is not None and attempt.lapses_at - attempt.at == timedelta(days=7)
        (books,) = running.world.truth.payments.values()
        assert (books.captured, books.held) == (0, order.totals.grand)
        attempt = await leaves(on, order, 0)
        assert (attempt.captured, books.captured, books.held) == (order.totals.grand, order.totals.grand, 0)
        await on.parts.desks.outside.close()
