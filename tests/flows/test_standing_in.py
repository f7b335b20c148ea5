"""While a party's breaker is open its declared fallback takes its payments and parcels, and the order says so."""

from collections import deque
from pathlib import Path

import msgspec

from haat.domain import orders, payments
from haat.engine.outside import Outside, Sheet, breakers, connections
from haat.kernel.outside import Unknown
from tests.flows.fulfilling_ground import Ground, opened
from tests.flows.test_paying import attempt, till

events = orders.events


def breaks(outside: Outside, code: str) -> None:
    """It fails until it is left alone."""
    for _ in range(breakers.FAILURES):
        with outside.breakers.passing(code):
            outside.breakers.note(code, Unknown("outside_lost", "no answer"))
    assert outside.is_open(code)


async def declare(outside: Outside, **sheets: Sheet) -> None:
    async with outside.database.transaction() as tx:
        await connections.put(tx, sheets, outside.book.plugins, outside.vault, now=outside.clock.now())


async def test_a_payment_goes_to_the_declared_gateway_and_its_receipt_and_the_order_say_in_whose_place(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt", "cardly")) as t:
        parts, outside = t.stage.parts, t.counter.desk.outside
        order = await t.placed("card")
        assert attempt(order).gateway == "acme"
        await declare(outside, acme=Sheet(kind="gateway", plugin="acme", fallback="bolt"))
        await parts.memory.catch_up()
        breaks(outside, "acme")
        order = await t.placed("card")
        assert attempt(order).gateway == "bolt", "cardly costs less"
        (tried,) = [f for f in await t.stage.facts(order.id) if isinstance(f, events.OrderPaymentAttempted)]
        async with parts.database.reading() as tx:
            receipt = (await payments.attempts(tx, [attempt(order).id]))[attempt(order).id].receipt
        assert receipt is not None
        assert (tried.instead_of, receipt.instead_of, receipt.looked_at[0].gateway) == ("acme", "acme", "bolt")


async def test_a_gateway_that_failed_the_payment_and_is_left_alone_since_then_is_stood_in_for_too(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt", "cardly")) as t:
        outside = t.counter.desk.outside
        await declare(outside, acme=Sheet(kind="gateway", plugin="acme", fallback="bolt"))
        await t.stage.parts.memory.catch_up()
        order = await t.placed("card")

        def next_one(reason: str) -> payments.Receipt:
            failed = msgspec.structs.replace(attempt(order), status="failed", reason=reason)
            tender = msgspec.structs.replace(order.payments[-1], attempts=(failed,))
            return t.counter.desk.choose(order, tender, order.totals.grand, {})

        assert next_one("gateway_error").gateway == "cardly"
        breaks(outside, "acme")
        assert (next_one("gateway_error").gateway, next_one("gateway_error").instead_of) == ("bolt", "acme")
        assert next_one("insufficient_funds").gateway == "cardly", "it was answered: the next one is asked, whatever befell it since"


async def third_stands_in_for_swift(ground: Ground) -> Outside:
    """«slow» would be the next by priority; vendors take and pack everything by themselves."""
    outside = ground.desk.outside
    third = Sheet(kind="courier", plugin="slow", priority=3)
    await declare(outside, swift=Sheet(kind="courier", plugin="swift", priority=1, fallback="third"), third=third)
    await ground.memory.catch_up()
    await ground.vendor(auto_accept=True, auto_pack=True)
    return outside


async def test_a_parcel_goes_with_the_declared_courier_and_the_order_says_in_whose_place(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        outside = await third_stands_in_for_swift(ground)
        breaks(outside, "swift")
        order = await ground.confirmed({"TEA": 2})
        assert order.shipments[0].courier == "third", "slow is the next by priority"
        (booked,) = [f for f in await ground.stage.facts(order.id) if isinstance(f, events.OrderShipmentBooked)]
        assert (booked.courier, booked.instead_of) == ("third", "swift")
        async with ground.stage.parts.database.reading() as tx:
            why = await tx.fetchval("SELECT data->>'why' FROM workflow_states WHERE order_id = $1 AND step = 'book'", order.id)
        assert why.startswith("in place of swift, which does not answer; rule default/0: expected ")


async def test_a_courier_that_was_busy_and_is_left_alone_since_then_is_stood_in_for_too(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        outside = await third_stands_in_for_swift(ground)

        class Falls(deque[str]):
            def popleft(self) -> str:
                breaks(outside, "swift")
                return super().popleft()

        ground.swift.moods = Falls(["down"])
        order = await ground.confirmed({"TEA": 2})
        order = await ground.later(order, minutes=30)
        assert (len(ground.swift.calls), order.shipments[0].courier) == (1, "third")
