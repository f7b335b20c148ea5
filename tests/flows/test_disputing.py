"""Chargebacks on a real database, read from the world's Stripe over HTTP: told once for each state, closed by themselves when won."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from haat.app import invariants
from haat.domain import orders
from haat.engine.clock import Hands
from haat.engine.flowing.repairing import Search
from haat.engine.outside import inbox
from haat.flows import repairing
from haat.insight import auditing
from haat.kernel.facts import Origin
from haat.kernel.outside import Hook
from haat_world import payers
from haat_world.gateways import stripe as world_stripe
from tests.flows import stage
from tests.flows.test_paying_in_the_world import paid_at_once_by_card
from tests.world.running import NEW_YEAR, Running, a_world


class Bank(msgspec.Struct):
    """A stage, the world's Stripe, and an order that was paid there by card at once."""

    stage: stage.Stage
    running: Running
    order_id: str
    reference: str

    async def order(self) -> orders.Order:
        return await self.stage.order(self.order_id)

    async def contests(self, status: str, *, told: bool = True) -> dict[str, Any]:
        """The bank contests, or decides (`status` in Stripe's words); Stripe's event about it, which arrives where it is `told`."""
        url = f"{self.running.url}/stripe/pay/{self.reference}/disputes"
        await self.running.line.send("POST", url, headers=payers.FORM, body=urlencode({"status": status}).encode())
        await self.running.turn(seconds=10)
        event: dict[str, Any] = self.running.told()[-1]
        assert event["type"].startswith("charge.dispute.") and event["data"]["object"]["status"] == status
        if told:
            await self.hears(event)
        return event

    async def hears(self, event: dict[str, Any]) -> None:
        """The event arrives, signed, and is dealt with."""
        parts, now = self.stage.parts, self.stage.clock.now()
        headers, body = world_stripe._signed(msgspec.json.encode(event), now)
        hook = Hook("POST", dict(headers), {}, body)
        connection, gateway = parts.desks.paying.gateway("stripe")
        key = gateway.verify(connection, hook, now).key
        async with parts.database.transaction() as tx:
            await inbox.keep(tx, [inbox.News(parts.draw.uuid(), "gateway", "stripe", key, hook, now)])
        await parts.desks.counter.step()
        await self.stage.settle()

    async def shown(self) -> list[tuple[str, str]]:
        """(cause, detail) of what somebody of payments has to look at."""
        found = (await self.order()).exceptions
        assert all(e.owner == "payments" and e.repairs == ("skip",) for e in found if e.step == "dispute")
        raised = [f for f in await self.stage.facts(self.order_id) if isinstance(f, orders.events.OrderExceptionRaised)]
        said = {f.exception: f.detail for f in raised}
        return [(e.cause, said[e.id]) for e in found if e.flow == "payment"]

    async def assert_sound(self) -> None:
        parts = self.stage.parts
        found = await auditing.audit(parts.database, parts.journal, parts.flows, self.stage.clock.now(), invariants())
        assert [f.detail for f in found if f.invariant in ("money", "payment_rows", "rows", "streams")] == []


@asynccontextmanager
async def a_bank(dsn: str, place: Path) -> AsyncIterator[Bank]:
    async with a_world() as running, stage.opened(dsn, place, clock=Hands(NEW_YEAR)) as on:
        order = await paid_at_once_by_card(on, running)
        bank = Bank(on, running, order.id, order.payments[0].attempts[0].reference)
        assert (await bank.order()).payment_status == "paid"
        yield bank
        await on.parts.desks.outside.close()


async def test_a_chargeback_is_shown_once_however_often_its_hook_comes(dsn: str, tmp_path: Path) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        grand = (await bank.order()).totals.grand
        event = await bank.contests("needs_response")
        due = "2026-01-08"
        ((cause, detail),) = await bank.shown()
        assert cause == "payment_disputed" and f"contests {grand} (fraudulent), needs response; answer there by {due}" in detail
        version = (await bank.order()).version

        await bank.hears(event)
        await bank.hears(event | {"id": "evt_again"})
        order = await bank.order()
        assert (order.version, order.status, order.payment_status) == (version, order.status, "paid")
        (attempt,) = order.payments[0].attempts
        assert (attempt.captured, attempt.kept, orders.settling.kept(order, attempt)) == (grand, 0, 0)
        assert [(d.amount, d.status, d.reason) for d in attempt.disputes] == [(grand, "needs_response", "fraudulent")]
        await bank.assert_sound()


async def test_what_a_hook_says_of_a_dispute_is_not_believed_before_stripe_says_it(dsn: str, tmp_path: Path) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        event = await bank.contests("needs_response", told=False)
        event["data"]["object"]["status"] = "lost"
        await bank.hears(event)
        assert [cause for cause, _ in await bank.shown()] == ["payment_disputed"]
        event["data"]["object"]["id"] = "du_of_nobody"
        await bank.hears(event | {"id": "evt_2"})
        assert len(await bank.shown()) == 1
        async with bank.stage.parts.database.reading() as tx:
            waits = await tx.fetch("SELECT problem FROM hook_inbox WHERE status = 'waiting'")
        assert len(waits) == 1 and waits[0][0].startswith("dispute_unclear"), "it is asked about again"


async def test_a_chargeback_of_an_order_that_is_complete_is_shown_as_well(dsn: str, tmp_path: Path) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        await bank.stage.ask(bank.order_id, lambda order: (orders.events.OrderCompleted(),))
        await bank.stage.settle()
        await bank.contests("needs_response")
        assert [cause for cause, _ in await bank.shown()] == ["payment_disputed"]


@pytest.mark.parametrize("end", ["won", "warning_closed"])
async def test_a_dispute_that_is_won_or_withdrawn_closes_its_exception_by_itself(dsn: str, tmp_path: Path, end: str) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        await bank.contests("needs_response" if end == "won" else "warning_needs_response")
        assert len(await bank.shown()) == 1
        await bank.contests(end)
        order = await bank.order()
        (attempt,) = order.payments[0].attempts
        assert (await bank.shown(), attempt.kept) == ([], order.totals.grand)
        assert (await bank.stage.said(order.id))[-1] == "OrderExceptionResolved"
        await bank.assert_sound()


async def test_each_state_is_shown_in_the_place_of_the_one_before_and_what_is_lost_stays_until_somebody_wrote_it_off(
    dsn: str, tmp_path: Path
) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        for status in ("warning_needs_response", "needs_response", "under_review"):
            await bank.contests(status)
            assert [cause for cause, _ in await bank.shown()] == ["payment_disputed"]
        early = await bank.contests("lost")
        ((cause, detail),) = await bank.shown()
        assert cause == "dispute_lost" and detail.endswith("the amount is to be written off.")
        order, parts = await bank.order(), bank.stage.parts
        how = repairing.Repair("skip", "written off", Origin("admin:test", "api"))
        await repairing.repair_all(parts.database, parts.keeper.change, Search(cause="dispute_lost"), how, now=bank.stage.clock.now())
        await bank.hears(early | {"id": "evt_again"})
        assert await bank.shown() == [] and (await bank.order()).payment_status == "paid"
        await bank.assert_sound()
        assert order.status == (await bank.order()).status


async def test_what_a_lost_dispute_took_does_not_go_back_again_when_the_order_is_cancelled(dsn: str, tmp_path: Path) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        await bank.contests("lost")
        await bank.stage.ask(bank.order_id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await bank.stage.later(minutes=1)
        order = await bank.order()
        assert (order.status, order.refunds, order.payment_status) == ("cancelled", (), "refunded")
        await bank.assert_sound()


async def test_what_is_won_after_the_order_was_cancelled_goes_back(dsn: str, tmp_path: Path) -> None:
    async with a_bank(dsn, tmp_path) as bank:
        await bank.contests("needs_response")
        await bank.stage.ask(bank.order_id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await bank.stage.later(minutes=1)
        assert (await bank.order()).refunds == ()
        await bank.contests("won")
        await bank.stage.later(minutes=1)
        order = await bank.order()
        assert [(r.status, r.reason) for r in order.refunds] == [("succeeded", "cancelled")] and order.payment_status == "refunded"
        (books,) = bank.running.world.truth.payments.values()
        assert books.refunded == books.captured
        await bank.assert_sound()
