"""Words of a courier that come late: of a booking that it gave back, while another one is asked for, or while its own answer is on its way."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import fulfilment, orders
from haat.flows.fulfilling import listening
from tests.flows.fulfilling_ground import Ground, opened

courier = fulfilment.courier
events = orders.events
AUTO = {"auto_accept": True, "auto_pack": True}


async def booked(ground: Ground) -> orders.Order:
    await ground.vendor(**AUTO)
    return await ground.confirmed({"TEA": 2})


def scan(ground: Ground, order: orders.Order, status: courier.Status) -> courier.Scan:
    """What «swift» says of the order's first booking."""
    return courier.Scan(ground.stage.clock.now(), f"C-{order.number}-1", f"{order.number}-1", status)


def given_back(order: orders.Order) -> Any:
    """The courier cancelled it by itself: it is at home, and somebody else is asked."""
    parcel = order.shipments[0].id
    return lambda o: (
        events.OrderShipmentRecalled(parcel, "courier_cancelled"),
        events.OrderShipmentFailed(parcel, "swift", "courier_cancelled", final=True),
    )


async def bookings(ground: Ground, order: orders.Order) -> list[tuple[str, str]]:
    """Every booking that the order's facts tell, by courier and consignment."""
    told = await ground.stage.facts(order.id)
    return [(fact.courier, fact.consignment) for fact in told if isinstance(fact, events.OrderShipmentBooked)]


async def test_a_word_of_the_former_booking_read_just_before_another_one_was_begun_books_nobody(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        whose = listening._whose

        async def meanwhile(*asked: Any) -> Sequence[listening.Heard]:
            heard = await whose(*asked)
            await ground.stage.ask(order.id, given_back(order))
            while await ground.stage.worker.step():  # the next courier is chosen, and asked; its answer is on its way
                pass
            return heard

        monkeypatch.setattr(listening, "_whose", meanwhile)
        await ground.hook("swift", [scan(ground, order, "booked"), scan(ground, order, "cancelled")])
        await ground.listen()
        await ground.stage.worker.answered()
        await ground.stage.settle()
        order = await ground.later(order, minutes=1)
        first = f"{order.number}-1"
        assert await bookings(ground, order) == [("swift", f"C-{first}"), ("slow", f"C-{first}-2")]
        assert (order.shipments[0].status, order.exceptions, list(ground.slow.booked)) == ("booked", (), [f"{first}-2"])


async def test_a_late_word_of_what_was_given_back_is_history_unless_it_was_picked_up_all_the_same(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        parcel = order.shipments[0].id
        nobody_else = events.OrderShipmentFailed(parcel, "slow", "area_not_served", final=True)
        order = await ground.do(order, lambda o: (*given_back(order)(o), nobody_else))
        assert (order.shipments[0].status, order.shipments[0].given_back) == ("packed", (f"C-{order.number}-1",))
        for status in ("booked", "cancelled", "pickup_requested"):
            await ground.hook("swift", [scan(ground, order, status)])
            await ground.listen()
        order = await ground.stage.order(order.id)
        assert (len(await bookings(ground, order)), order.shipments[0].status) == (1, "packed")
        ground.stage.clock.turn_by(timedelta(minutes=1))
        await ground.hook("swift", [scan(ground, order, "picked_up")])
        await ground.listen()
        order = await ground.later(order, seconds=1)
        assert [each.cause for each in order.exceptions] == ["booked_twice"], "somebody has to see where it is"


async def test_a_late_word_of_what_was_given_back_troubles_nobody_while_another_courier_has_it(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await ground.do(order, given_back(order))
        assert (order.shipments[0].status, order.shipments[0].courier) == ("booked", "slow")
        for status, troubles in (("cancelled", 0), ("pickup_requested", 0), ("picked_up", 1)):
            ground.stage.clock.turn_by(timedelta(minutes=1))
            await ground.hook("swift", [scan(ground, order, status)])
            await ground.listen()
            order = await ground.later(order, seconds=1)
            assert [each.cause for each in order.exceptions] == ["booked_twice"] * troubles


async def test_no_other_booking_is_begun_while_one_is_being_asked_for(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        order = await ground.confirmed({"TEA": 2}, worker=ground.stage.worker)
        assert (order.shipments[0].status, list(ground.swift.booked)) == ("packed", [f"{order.number}-1"])
        for status in ("booked", "cancelled"):  # its hooks are faster than its answer
            await ground.hook("swift", [scan(ground, order, status)])
            await ground.listen()
        while await ground.stage.worker.step():
            pass
        assert ((await ground.shipment(order)).bookings, ground.slow.calls) == (1, []), "the answer to the first one is awaited"
        await ground.stage.worker.answered()
        await ground.stage.settle()
        order = await ground.later(order, minutes=2)
        first = f"{order.number}-1"
        assert await bookings(ground, order) == [("swift", f"C-{first}"), ("slow", f"C-{first}-2")]
        assert (order.shipments[0].status, order.shipments[0].consignment, order.exceptions) == ("booked", f"C-{first}-2", ())


async def test_what_a_courier_said_of_the_former_booking_is_not_said_of_the_next_one(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        ground.swift.story(f"{order.number}-1", ground.stage.clock.now(), "cancelled")
        ground.stage.clock.turn_by(timedelta(hours=1))
        slow_worker = ground.stage.parts.worker("slow", ground.stage.lane)
        await slow_worker.lease()
        await slow_worker.answered()
        order = await ground.do(order, given_back(order))
        first = f"{order.number}-1"
        assert (order.shipments[0].courier, order.shipments[0].consignment) == ("slow", f"C-{first}-2")
        while await slow_worker.step():
            pass
        order = await ground.later(order, minutes=1)
        assert (order.shipments[0].status, order.shipments[0].consignment) == ("booked", f"C-{first}-2")
        assert await bookings(ground, order) == [("swift", f"C-{first}"), ("slow", f"C-{first}-2")]


async def test_that_one_courier_gave_it_back_is_not_taken_for_the_word_of_the_next_one(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        parcel, first = order.shipments[0].id, f"{order.number}-1"

        def intercept(o: orders.Order) -> tuple[Any, ...]:
            return orders.fulfilling.intercept(o, parcel, reason="customer_asked")

        slow_worker = ground.stage.parts.worker("slow", ground.stage.lane)
        await ground.stage.ask(order.id, intercept)
        await slow_worker.lease()
        await slow_worker.answered()
        assert ground.swift.calls[-1] == f"cancel {first}"
        order = await ground.do(order, given_back(order))
        assert order.shipments[0].consignment == f"C-{first}-2"
        await ground.stage.ask(order.id, intercept)
        await slow_worker.step()
        order = await ground.stage.order(order.id)
        assert (order.shipments[0].status, order.shipments[0].consignment) == ("booked", f"C-{first}-2"), "nobody has asked it yet"
        await ground.stage.settle()
        assert ground.slow.calls[-1] == f"cancel {first}-2"


async def test_that_a_courier_has_nothing_under_a_former_name_says_nothing_of_the_next_booking(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        parcel, first = order.shipments[0].id, f"{order.number}-1"
        assert order.shipments[0].status == "uncertain"
        ground.swift.booked.clear()
        ground.stage.clock.turn_by(timedelta(minutes=1))
        slow_worker = ground.stage.parts.worker("slow", ground.stage.lane)
        await slow_worker.lease()
        await slow_worker.answered()
        assert ground.swift.calls[-1] == f"look_up {first}"
        ground.swift.moods.append("lost")
        order = await ground.do(
            order, lambda o: orders.ascertaining.absent(o, parcel, courier="swift", detail="", now=ground.stage.clock.now())
        )
        order = await ground.later(order, minutes=1)
        assert (order.shipments[0].status, (await ground.shipment(order)).bookings) == ("uncertain", 2)
        await slow_worker.step()
        order = await ground.later(order, minutes=10)
        assert (order.shipments[0].status, (await ground.shipment(order)).bookings) == ("booked", 2)
        assert await bookings(ground, order) == [("swift", f"C-{first}-2")]


async def test_that_a_courier_has_it_under_a_former_name_is_shown_whatever_has_become_of_the_parcel(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        parcel, first = order.shipments[0].id, f"{order.number}-1"
        ground.stage.clock.turn_by(timedelta(minutes=1))
        slow_worker = ground.stage.parts.worker("slow", ground.stage.lane)
        await slow_worker.lease()
        await slow_worker.answered()
        now = ground.stage.clock.now()
        order = await ground.do(order, lambda o: orders.ascertaining.absent(o, parcel, courier="swift", detail="", now=now))
        order = await ground.later(order, minutes=1)
        assert (order.shipments[0].status, order.shipments[0].consignment) == ("booked", f"C-{first}-2")
        await slow_worker.step()
        order = await ground.later(order, seconds=1)
        assert [each.cause for each in order.exceptions] == ["booked_twice"]


async def test_what_stood_under_our_own_name_and_was_given_back_is_history_under_its_couriers_number_too(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        parcel, first = order.shipments[0].id, f"{order.number}-1"
        swift_only = events.OrderShipmentFailed(parcel, "slow", "area_not_served", final=True)
        alias = events.OrderShipmentBooked(parcel, "swift", first)
        home = events.OrderShipmentRecalled(parcel, "courier_cancelled")
        order = await ground.do(order, lambda o: (home, alias, *given_back(order)(o), swift_only))
        assert order.shipments[0].given_back == (f"C-{first}", first)
        before = len(await bookings(ground, order))
        await ground.hook("swift", [courier.Scan(ground.stage.clock.now(), "123456", first, "booked")])
        await ground.listen()
        assert len(await bookings(ground, order)) == before
