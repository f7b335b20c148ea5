"""Another day is agreed on: whoever brings the parcel hears of it, its day is waited for, and nobody is asked for nothing."""

from datetime import datetime, timedelta
from pathlib import Path

from haat.domain import orders
from tests.flows.fulfilling_ground import Ground, opened

events = orders.events
AUTO = {"auto_accept": True, "auto_pack": True}


async def booked(ground: Ground, lines: dict[str, int] | None = None) -> orders.Order:
    for vendor in ("shop-a", "shop-b"):
        await ground.vendor(vendor, **AUTO)
    return await ground.confirmed(lines or {"TEA": 2})


async def agreed(ground: Ground, order: orders.Order, to: datetime, n: int = 0) -> orders.Order:
    parcel, now = order.shipments[n].id, ground.stage.clock.now()
    return await ground.do(order, lambda o: orders.fulfilling.reschedule(o, parcel, to=to, now=now, reason="reschedule_asked"))


def troubles(order: orders.Order) -> list[tuple[str, str]]:
    return [(t.cause, t.owner) for t in order.exceptions]


async def details(ground: Ground, order: orders.Order) -> list[str]:
    """What those who have to look were told."""
    return [f.detail for f in await ground.stage.facts(order.id) if isinstance(f, events.OrderExceptionRaised)]


async def test_the_desk_is_told_to_tell_the_courier_and_the_delivery_closes_it(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await agreed(ground, order, ground.stage.clock.now() + timedelta(days=3))
        assert troubles(order) == []
        order = await ground.later(order, minutes=2)
        assert troubles(order) == [("tell_the_courier", "fulfilment")]
        assert order.exceptions[0].repairs == ("skip",)
        (detail,) = await details(ground, order)
        assert detail == f"swift shall bring {order.shipments[0].consignment} on 2026-11-04: that was agreed on with the buyer."
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel))
        assert troubles(await ground.later(order, seconds=5)) == []


async def test_the_next_try_closes_it_too(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await agreed(ground, order, ground.stage.clock.now() + timedelta(days=3))
        order = await ground.later(order, minutes=2)
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.fail(o, parcel, reason="not_at_home"))
        assert troubles(await ground.later(order, seconds=5)) == []


async def test_the_last_of_several_days_is_the_one_to_tell(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order, now = await booked(ground), ground.stage.clock.now()
        order = await agreed(ground, order, now + timedelta(days=3))
        order = await agreed(ground, order, now + timedelta(days=4))
        order = await ground.later(order, minutes=2)
        assert len(troubles(order)) == 1, "within a minute it is one wish"
        order = await agreed(ground, order, now + timedelta(days=5))
        order = await ground.later(order, minutes=2)
        assert len(troubles(order)) == 1
        assert [detail.split(" on ")[1][:10] for detail in await details(ground, order)] == ["2026-11-05", "2026-11-06"]


async def test_a_day_that_was_agreed_before_the_booking_is_told_when_it_is_booked(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor("shop-a", auto_accept=True)
        order = await ground.confirmed({"TEA": 2})
        order = await agreed(ground, order, ground.stage.clock.now() + timedelta(days=9))
        order = await ground.later(order, minutes=2)
        assert (order.shipments[0].status, troubles(order)) == ("picking", [])
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, parcel, rest_id=parcel))
        order = await ground.later(order, minutes=2)
        assert (order.shipments[0].status, troubles(order)) == ("booked", [("tell_the_courier", "fulfilment")])


async def test_each_of_two_parcels_keeps_its_day_and_is_late_by_it(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order, now = await booked(ground, {"TEA": 1, "LAST": 1}), ground.stage.clock.now()
        soon, far = now + timedelta(days=2), now + timedelta(days=20)
        order = await agreed(ground, order, far)
        order = await agreed(ground, order, soon, 1)
        assert [p.promised_at for p in order.shipments] == [far, soon]
        assert [(await ground.shipment(order, n)).promised_at for n in (0, 1)] == [far, soon]
        assert order.promised_at == far
        order = await ground.later(order, days=2, minutes=1)
        first, second = order.shipments
        assert (first.promised_at, order.promised_at) == (far, far)
        assert second.promised_at is not None
        assert second.promised_at > ground.stage.clock.now()


async def test_a_day_is_still_waited_for_when_an_earlier_one_was_kept(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order, now = await booked(ground, {"TEA": 1, "LAST": 1}), ground.stage.clock.now()
        order = await agreed(ground, order, now + timedelta(days=20))
        order = await agreed(ground, order, now + timedelta(days=2), 1)
        parcel = order.shipments[1].id
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel))
        for span, late in ((3, []), (18, ["late"])):
            order = await ground.later(order, days=span)
            told = [f.reason for f in await ground.stage.facts(order.id) if isinstance(f, events.OrderPromised) and not f.agreed]
            assert told == late
        assert order.promised_at is not None
        assert order.promised_at > ground.stage.clock.now()
        assert "too_old" not in {t.cause for t in order.exceptions}
