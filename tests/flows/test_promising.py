"""The day that was promised is reckoned anew where something was decided: told once, only when it is later, and never for nothing."""

from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from haat.domain import fulfilment, inventory, orders, vendors
from haat.engine.database import Tx
from tests.flows import fulfilling_ground
from tests.flows import stage as staging
from tests.flows.fulfilling_ground import Ground
from tests.flows.stage import Stage

events = orders.events
sourcing = fulfilment.sourcing
MARKET = sourcing.MARKET_TIME
AUTO = {"auto_accept": True, "auto_pack": True}


def day(at: datetime | None) -> datetime:
    assert at is not None
    return datetime.combine(at.astimezone(MARKET).date(), time(0))


async def put_off(stage: Stage, order_id: str) -> list[tuple[str, datetime]]:
    """Why and to which day the promise was moved."""
    return [(f.reason, day(f.promised_at)) for f in await stage.facts(order_id) if isinstance(f, events.OrderPromised)]


async def nodes(stage: Stage, *settings: sourcing.NodeSettings) -> None:
    async with stage.parts.database.transaction() as tx:
        await sourcing.put_nodes(tx, settings, now=stage.clock.now())
    await stage.parts.memory.catch_up()


async def test_a_plan_and_a_booking_as_promised_say_nothing(dsn: str, tmp_path: Path) -> None:
    async with staging.opened(dsn, tmp_path) as stage:
        order = await stage.place({"TEA": 2})
        await stage.settle()
        order = await stage.order(order.id)
        assert (order.promised_at is not None, [p.status for p in order.shipments]) == (True, ["planned"])
        assert await put_off(stage, order.id) == []


async def test_a_place_that_sends_later_puts_the_day_off_once(dsn: str, tmp_path: Path) -> None:
    async with staging.opened(dsn, tmp_path) as stage:
        order = await stage.place({"TEA": 2})
        await nodes(stage, sourcing.NodeSettings("DHK", capacity=1))
        async with stage.parts.database.transaction() as tx:
            today = stage.clock.now().astimezone(MARKET).date()
            await sourcing.record_used(tx, {("DHK", today + timedelta(days=n)): 1 for n in range(3)})
        await stage.settle()
        assert await put_off(stage, order.id) == [("planned", day(order.promised_at) + timedelta(days=2))], (
            "sent on the fourth day, not the second"
        )
        after = await stage.order(order.id)
        await stage.ask(order.id, lambda o: (events.VendorOrderRejected(o.vendor_orders[0].id, "other", attempt=1),))
        await stage.settle()
        assert (await stage.order(order.id)).promised_at == after.promised_at


@pytest.mark.parametrize(("late", "told"), [(timedelta(hours=2), 0), (timedelta(days=1), 1), (timedelta(days=-3), 0)])
async def test_hours_are_not_told_and_no_earlier_day(dsn: str, tmp_path: Path, late: timedelta, told: int) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path) as ground:
        placed = await ground.stage.place({"TEA": 2})
        starts = [fulfilment.promise.Start("shop-a")]
        now = ground.stage.clock.now()
        was = ground.desk.by_when(("shop-a",), _place(placed), now)
        assert was is not None
        order = orders.after(placed, [events.OrderPromised(was - late)], at=now)
        assert len(ground.desk.reckon(order, starts, "planned", now)) == told
        again = orders.after(order, ground.desk.reckon(order, starts, "planned", now), at=now)
        assert ground.desk.reckon(again, starts, "planned", now) == ()


def _place(order: orders.Order) -> orders.Place:
    assert order.place is not None
    return order.place


async def test_a_plan_that_changes_twice_takes_no_day_back(dsn: str, tmp_path: Path) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path) as ground:
        order, now = await ground.stage.place({"TEA": 2}), ground.stage.clock.now()
        far = [fulfilment.promise.Start("shop-a", "CTG", "outside")]
        near = [fulfilment.promise.Start("shop-a", "DHK", "dhaka")]
        (first,) = ground.desk.reckon(order, far, "replanned", now)
        order = orders.after(order, [first], at=now)
        assert ground.desk.reckon(order, near, "replanned", now) == ()
        assert ground.desk.reckon(order, far, "replanned", now) == ()


async def tariffs(ground: Ground, *, typical: int, late: int) -> None:
    async with ground.stage.parts.database.transaction() as tx:
        rate = fulfilment.fleet.Tariff("*", 6_000, days=(typical, late))
        for courier in ("swift", "slow"):
            await fulfilment.put_tariffs(tx, courier, [rate], now=ground.stage.clock.now())
    await ground.memory.catch_up()


async def test_a_courier_that_needs_longer_puts_the_parcels_day_off(dsn: str, tmp_path: Path) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        await tariffs(ground, typical=5, late=9)
        order = await ground.confirmed({"TEA": 2})
        ((reason, there),) = await put_off(ground.stage, order.id)
        today = day(ground.stage.clock.now())
        assert (reason, there) == ("courier", today + timedelta(days=10)), "nine days on the way, and a Friday"
        assert order.shipments[0].promised_at == order.promised_at
        assert (await ground.shipment(order)).promised_at == order.promised_at


async def test_a_courier_that_needs_no_longer_says_nothing(dsn: str, tmp_path: Path) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        order = await ground.confirmed({"TEA": 2})
        assert [p.status for p in order.shipments] == ["booked"]
        assert await put_off(ground.stage, order.id) == []


async def test_a_booking_that_a_hook_tells_of_counts_as_well(dsn: str, tmp_path: Path) -> None:
    async with fulfilling_ground.opened(dsn, tmp_path, lookup="hook") as ground:
        await ground.vendor(**AUTO)
        await tariffs(ground, typical=5, late=9)
        ground.swift.moods.append("lost")
        order = await ground.confirmed({"TEA": 2})
        assert [p.status for p in order.shipments] == ["uncertain"]
        reference = (await ground.shipment(order)).reference
        await ground.hook("swift", [fulfilment.courier.Scan(ground.stage.clock.now(), f"C-{reference}", reference, "booked")])
        await ground.listen()
        assert [reason for reason, _ in await put_off(ground.stage, order.id)] == ["courier"]


async def terms(tx: Tx, expected_at: datetime | None) -> None:
    await inventory.put_terms(tx, [inventory.Terms("LAST", "DHK", 10, expected_at)])


async def test_late_goods_put_the_day_off_when_their_date_is_known_and_when_it_moves(dsn: str, tmp_path: Path) -> None:
    async with staging.opened(dsn, tmp_path) as stage:
        async with stage.parts.database.transaction() as tx:
            await terms(tx, None)
        await stage.parts.memory.catch_up()
        order = await stage.place({"LAST": 7})
        await stage.settle()
        was = day(order.promised_at)
        assert await put_off(stage, order.id) == []
        for weeks in (1, 2):
            async with stage.parts.database.transaction() as tx:
                await terms(tx, stage.clock.now() + timedelta(weeks=weeks))
            await stage.later(minutes=11)
            await stage.later(minutes=11)
        assert await put_off(stage, order.id) == [("backordered", was + timedelta(weeks=n)) for n in (1, 2)]


async def test_what_arrived_late_is_promised_by_its_own_plan(dsn: str, tmp_path: Path) -> None:
    async with staging.opened(dsn, tmp_path) as stage:
        async with stage.parts.database.transaction() as tx:
            await terms(tx, None)
            sheet = vendors.VendorSheet(code="shop-b", name_en="b", city="Dhaka", zone="dhaka", handling=vendors.Handling(auto_accept=True))
            await vendors.upsert(tx, [sheet], now=stage.clock.now())
        await stage.parts.memory.catch_up()
        order = await stage.place({"LAST": 7})
        await stage.settle()
        stage.clock.turn_by(timedelta(days=2))
        async with stage.parts.database.transaction() as tx:
            moved = inventory.Movement(stage.parts.draw.uuid(), "LAST", "DHK", 20, "receipt")
            await inventory.move(tx, [moved], actor="system", now=stage.clock.now())
        await stage.settle()
        assert "OrderBackorderArrived" in await stage.said(order.id)
        assert await put_off(stage, order.id) == [("planned", day(order.promised_at) + timedelta(days=3))], "two days later, and a Friday"
