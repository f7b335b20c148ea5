"""A booking that stays unknown: its courier cannot be asked, so a person finds out, and the order goes on as if it had said so."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from haat.domain import orders
from tests.flows.fulfilling_ground import Ground, opened

events = orders.events
ascertaining = orders.ascertaining


async def unknown(ground: Ground) -> orders.Order:
    """An order whose booking was lost on the wire, long enough ago for somebody to be asked."""
    ground.swift.moods.append("lost")
    await ground.vendor(auto_accept=True, auto_pack=True)
    order = await ground.confirmed({"TEA": 2})
    for _ in range(3):
        order = await ground.later(order, minutes=20)
    assert order.shipments[0].status == "uncertain"
    assert [(t.step, t.cause, t.repairs) for t in order.exceptions] == [("look_up", "booking_unknown", ("retry",))]
    return order


def absent(order: orders.Order, now: datetime) -> Any:
    return lambda o: ascertaining.absent(o, order.shipments[0].id, courier="swift", detail="rang their desk", now=now)


def there(ground: Ground, order: orders.Order, consignment: str) -> Any:
    cash = ground.swift.booked[f"{order.number}-1"].cash
    return lambda o: ascertaining.booked(o, events.OrderShipmentBooked(order.shipments[0].id, "swift", consignment, cash=cash))


async def test_what_the_courier_has_after_all_goes_on_from_there(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, lookup="hook") as ground:
        order = await unknown(ground)
        reference = f"{order.number}-1"
        order = await ground.do(order, there(ground, order, f"C-{reference}"))
        assert (order.shipments[0].status, order.exceptions) == ("booked", ())
        ground.swift.story(reference, ground.stage.clock.now(), "picked_up", "delivered", collected=order.totals.grand)
        order = await ground.later(order, hours=3)
        assert order.shipments[0].status == "delivered"
        assert [c for c in ground.swift.calls if c.startswith("book")] == [f"book {reference}"]


async def test_what_the_courier_surely_has_not_is_booked_again_under_a_new_name(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, lookup="hook") as ground:
        order = await unknown(ground)
        say = absent(order, ground.stage.clock.now())
        order = await ground.do(order, say)
        assert (order.shipments[0].status, order.shipments[0].refused_by, order.exceptions) == ("packed", (), ())
        told = await ground.stage.said(order.id)
        order = await ground.do(order, say)
        assert await ground.stage.said(order.id) == told, "said twice it changes nothing"
        order = await ground.later(order, minutes=1)
        stored = await ground.shipment(order)
        assert (order.shipments[0].status, stored.reference, stored.bookings) == ("booked", f"{order.number}-1-2", 2)


@pytest.mark.parametrize("found", [True, False])
async def test_what_was_cancelled_meanwhile_is_recalled_where_it_is_found_and_cut_where_it_is_not(
    dsn: str, tmp_path: Path, found: bool
) -> None:
    async with opened(dsn, tmp_path, lookup="hook") as ground:
        order = await unknown(ground)
        order = await ground.do(order, lambda o: orders.stopping.stop(o, None, reason="changed_mind").facts)
        assert (order.status, len(order.exceptions)) == ("processing", 1)
        reference = f"{order.number}-1"
        say = there(ground, order, f"C-{reference}") if found else absent(order, ground.stage.clock.now())
        order = await ground.do(order, say)
        assert (order.status, order.exceptions) == ("cancelled", ())
        assert (f"cancel {reference}" in ground.swift.calls) is found


@pytest.mark.parametrize("found", [True, False])
async def test_an_order_that_ended_still_waits_for_word_of_its_booking(dsn: str, tmp_path: Path, found: bool) -> None:
    async with opened(dsn, tmp_path, lookup="hook") as ground:
        order = await unknown(ground)
        order = await ground.do(order, lambda o: orders.cancel(o, None, reason="exception"))
        assert order.status == "cancelled"
        assert [t.cause for t in order.exceptions] == ["booking_unknown"], "its courier may be on its way to nothing"
        reference = f"{order.number}-1"
        say = there(ground, order, f"C-{reference}") if found else absent(order, ground.stage.clock.now())
        order = await ground.do(order, say)
        assert order.exceptions == ()
        assert (order.shipments[0].courier, order.shipments[0].consignment) == ("", "")
        assert (f"cancel {reference}" in ground.swift.calls) is found
        told = await ground.stage.said(order.id)
        order = await ground.do(order, absent(order, ground.stage.clock.now()))
        assert await ground.stage.said(order.id) == told


async def test_a_courier_that_always_declines_for_now_is_asked_more_and_more_seldom_and_then_somebody_looks(
    dsn: str, tmp_path: Path
) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.extend(["busy"] * 9)
        await ground.vendor(auto_accept=True, auto_pack=True)
        order = await ground.confirmed({"TEA": 2})
        for _ in range(8):
            order = await ground.later(order, hours=2)
        assert order.shipments[0].declines == 8
        assert [(t.cause, t.owner) for t in order.exceptions] == [("couriers_decline", "fulfilment")]
        asked = len([c for c in ground.swift.calls if c.startswith("book")])
        order = await ground.later(order, hours=12)
        assert len([c for c in ground.swift.calls if c.startswith("book")]) == asked, "nobody asks until somebody has looked"


async def test_a_cancelled_that_may_mean_refused_books_nobody_else_until_somebody_says_that_it_is_at_home(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True)
        order = await ground.confirmed({"TEA": 2})
        reference = f"{order.number}-1"
        ground.swift.story(reference, ground.stage.clock.now(), "cancelled", vague=True)
        order = await ground.later(order, hours=8)
        assert [(t.step, t.cause) for t in order.exceptions] == [("look_at", "courier_cancelled_unclear")]
        assert (order.shipments[0].status, [c for c in ground.swift.calls if c.startswith("book")]) == ("booked", [f"book {reference}"])
        order = await ground.do(order, absent(order, ground.stage.clock.now()))
        order = await ground.later(order, minutes=1)
        again = order.shipments[0]
        assert (again.status, again.refused_by, again.doubts, order.exceptions) == ("booked", ("swift",), (), ())
        assert again.courier != "swift"


async def test_a_cancelled_that_means_refused_comes_home_when_somebody_says_so(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True)
        order = await ground.confirmed({"TEA": 2})
        parcel = order.shipments[0].id
        ground.swift.story(f"{order.number}-1", ground.stage.clock.now(), "cancelled", vague=True)
        order = await ground.later(order, hours=8)
        order = await ground.do(order, lambda o: orders.fulfilling.turn_back(o, parcel, reason="customer_refused"))
        order = await ground.later(order, hours=8)
        assert order.shipments[0].status == "returning", "what it goes on saying changes nothing"
        order = await ground.do(order, lambda o: orders.fulfilling.receive(o, parcel))
        order = await ground.later(order, hours=1)
        assert (order.status, order.shipments[0].status, order.exceptions) == ("completed", "returned", ())
