"""What is cancelled while a courier is asked, or called back: nobody collects for it at a door, and no booking is forgotten."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import fulfilment, orders
from haat.engine.flowing import Done, Outcome, Outside, Step, Task
from haat.flows.fulfilling import booking
from tests.flows.fulfilling_ground import Ground, opened

courier = fulfilment.courier
WHOLE, PART = None, {1: 1}


def stop(what: dict[int, int] | None) -> Any:
    return lambda order: orders.stopping.stop(order, what, reason="changed_mind").facts


async def asked(ground: Ground, *moods: str) -> orders.Order:
    """An order whose courier was asked by a worker that died before it could say what it had heard."""
    ground.swift.moods.extend(moods)
    await ground.vendor(auto_accept=True, auto_pack=True)
    order = await ground.confirmed({"TEA": 2}, worker=ground.stage.parts.worker("killed", ground.stage.lane))
    assert [p.status for p in order.shipments] == ["packed"]
    return order


async def booked(ground: Ground) -> orders.Order:
    await ground.vendor(auto_accept=True, auto_pack=True)
    return await ground.confirmed({"TEA": 2})


def bookings(ground: Ground) -> list[str]:
    return [call for call in ground.swift.calls if not call.startswith(("track", "look_up"))]


async def test_what_is_cut_while_the_courier_is_asked_is_not_collected_at_the_door(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await asked(ground)
        before, first = order.totals.grand, f"{order.number}-1"
        assert ground.swift.booked[first].cash == before
        order = await ground.do(order, stop(PART))
        assert order.totals.grand < before
        order = await ground.later(order, minutes=10)  # the lease of the call is over
        (parcel,) = order.shipments
        assert (parcel.status, parcel.cash, parcel.consignment) == ("booked", order.totals.grand, f"C-{first}-2")
        assert bookings(ground) == [f"book {first}", f"cancel {first}", f"book {first}-2"]
        assert ground.swift.booked[f"{first}-2"].cash == (await ground.shipment(order)).cash == order.totals.grand
        assert (parcel.refused_by, order.exceptions) == ((), ())


async def test_what_is_cut_before_the_courier_has_it_is_booked_under_another_name_with_the_cash_that_is_left(
    dsn: str, tmp_path: Path
) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await asked(ground, "down")
        first = f"{order.number}-1"
        order = await ground.do(order, stop(PART))
        order = await ground.later(order, minutes=10)
        assert [c for c in ground.swift.calls if "track" not in c] == [f"book {first}", f"look_up {first}", f"book {first}-2"]
        assert ground.swift.booked[f"{first}-2"].cash == order.shipments[0].cash == order.totals.grand


async def test_a_call_that_was_not_made_yet_is_not_made_with_cash_that_is_too_much(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await asked(ground, "down")
        order = await ground.do(order, stop(PART))
        ground.swift.calls.clear()
        verb, house, now = booking.verbs(ground.desk)["book"], ground.stage.parts.house, ground.stage.clock.now()
        assert isinstance(verb, Outside)
        data = {"courier": "swift", "reference": f"{order.number}-1", "cash": order.totals.grand + 1_000}
        task = Task(order, (order.id, 1, 1), "book", order.shipments[0].id, data, 1, now, now)
        answer = await verb.call(house, task)
        assert ground.swift.calls == []
        settled: list[Outcome] = list(await verb.settle(house, None, [(task, answer)], now))  # type: ignore[arg-type]
        assert settled == [Done(steps=(Step("choose", order.shipments[0].id),))]


@pytest.mark.parametrize("left", [False, True])
async def test_where_it_cannot_be_booked_anew_somebody_sees_to_the_cash_before_the_door(dsn: str, tmp_path: Path, left: bool) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await asked(ground)
        ground.swift.cancels = "no"
        order = await ground.do(order, stop(PART))
        reference = f"{order.number}-1"
        if left:
            await ground.hook("swift", [courier.Scan(ground.stage.clock.now(), f"C-{reference}", reference, "picked_up")])
            await ground.listen()
        order = await ground.later(order, minutes=10)
        assert [(t.step, t.cause, t.owner) for t in order.exceptions] == [("recall", "collects_too_much", "fulfilment")]
        assert (order.shipments[0].status, order.lines[0].buckets["cancelled"]) == ("shipped" if left else "booked", 1)
        assert (f"cancel {reference}" in ground.swift.calls) is not left
        assert order.shipments[0].cash > order.totals.grand


async def test_a_part_that_was_asked_back_does_not_turn_round_what_left_meanwhile(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        reference = f"{order.number}-1"
        ground.swift.cancels = "down"
        order = await ground.do(order, stop(PART))
        ground.swift.story(reference, ground.stage.clock.now(), "picked_up")
        await ground.hook("swift", ground.swift.scans[f"C-{reference}"])
        await ground.listen()
        ground.swift.cancels, asked_before = "yes", bookings(ground)
        order = await ground.later(order, minutes=10)
        assert (order.shipments[0].status, order.exceptions) == ("shipped", ())
        assert bookings(ground) == asked_before, "it is not asked again"


async def test_a_part_and_then_all_of_a_booked_parcel_come_home_and_nothing_is_booked_again(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        ground.swift.cancels = "down"
        order = await ground.do(order, stop(PART))
        order = await ground.do(order, stop(WHOLE))
        ground.swift.cancels = "yes"
        order = await ground.later(order, minutes=10)
        assert (order.status, order.shipments[0].status, order.exceptions) == ("cancelled", "cancelled", ())
        assert [c for c in ground.swift.calls if c.startswith("book")] == [f"book {order.number}-1"]


@pytest.mark.parametrize("reached", [True, False])
async def test_a_booking_of_a_worker_that_died_is_found_and_recalled_though_the_order_ended(
    dsn: str, tmp_path: Path, reached: bool
) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await asked(ground, "ok" if reached else "down")
        order = await ground.do(order, stop(WHOLE))
        assert (order.status, order.shipments[0].status) == ("cancelled", "cancelled")
        for pause in (timedelta(minutes=3), timedelta(minutes=1)):  # the lease is over; then it is looked up
            order = await ground.later(order, seconds=pause.total_seconds())
        assert (f"cancel {order.number}-1" in ground.swift.calls) is reached
        assert (order.shipments[0].consignment, order.exceptions) == ("", ())
        steps = await ground.stage.steps(order.id)
        assert "due" not in steps.values(), steps
