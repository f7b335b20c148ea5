"""Fulfilment as a story: vendors asked, parcels packed, couriers booked once whatever goes wrong, heard in any order, ended in full."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from haat.domain import fulfilment, inventory, orders
from haat.engine.outside import inbox
from haat.kernel.outside import Hook
from tests.flows.fulfilling_ground import Ground, opened

events = orders.events
courier = fulfilment.courier
AUTO: dict[str, Any] = {"auto_accept": True, "auto_pack": True}


async def booked(ground: Ground) -> orders.Order:
    await ground.vendor(**AUTO)
    return await ground.confirmed({"TEA": 2})


async def test_an_order_walks_from_confirmed_to_completed_by_itself(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        assert [p.status for p in order.shipments] == ["booked"]
        stored = await ground.shipment(order)
        assert (stored.courier, stored.reference, stored.consignment) == ("swift", f"{order.number}-1", f"C-{order.number}-1")
        assert ground.swift.booked[stored.reference].cash == order.totals.grand
        ground.swift.story(
            stored.reference, ground.stage.clock.now(), "picked_up", "out_for_delivery", "delivered", collected=order.totals.grand
        )
        order = await ground.later(order, hours=3)
        assert order.shipments[0].status == "delivered"
        assert order.shipments[0].collected == order.totals.grand
        order = await ground.tell(order, events.OrderPaymentProcessed(order.id, "a", order.totals.grand, "cod", "cod"))
        assert order.status == "completed"
        stored = await ground.shipment(order)
        assert (stored.status, stored.carrier_status, stored.ended_at is not None) == ("delivered", "delivered", True)
        async with ground.stage.parts.database.reading() as tx:
            assert await inventory.drift(tx) == []
            kinds = [r[0] for r in await tx.fetch("SELECT kind FROM node_events ORDER BY id")]
        assert kinds == ["handed_over"]


async def test_a_vendor_is_asked_reminded_and_its_silence_is_a_rejection(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(acceptance_hours=4)
        order = await ground.confirmed({"TEA": 2})
        assert order.vendor_orders[0].answer == "offered"
        order = await ground.later(order, hours=2)
        asked = order.vendor_orders[0]
        said = [f for f in await ground.stage.facts(order.id) if isinstance(f, events.VendorOrderReminded)]
        assert said == [events.VendorOrderReminded(asked.id, asked.offered_until)]
        order = await ground.later(order, hours=2)
        assert (order.vendor_orders[0].answer, order.shipments[0].status) == ("rejected", "cancelled")
        assert order.lines[0].buckets == {"reserved": 2}


async def test_an_answer_in_time_takes_the_timers_back(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(acceptance_hours=4, handling_hours=10)
        order = await ground.confirmed({"TEA": 2})
        order = await ground.do(order, lambda o: orders.fulfilling.accept(o, o.vendor_orders[0].id))
        assert order.shipments[0].status == "picking"
        order = await ground.later(order, hours=5)
        assert order.vendor_orders[0].answer == "accepted"
        order = await ground.later(order, hours=6)
        assert [(t.cause, t.owner) for t in order.exceptions] == [("late_to_pack", "vendors")]
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, o.shipments[0].id, rest_id=""))
        assert order.exceptions == (), "nobody has to look at what was done after all"
        assert "dead" not in (await ground.stage.steps(order.id)).values()


async def test_fewer_units_than_planned_become_two_parcels_and_the_cash_adds_up(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True)
        order = await ground.confirmed({"TEA": 3})
        first = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, first, rest_id=ground.stage.parts.draw.uuid(), lines={1: 2}))
        assert [(p.status, orders.units(p.lines)) for p in order.shipments] == [("booked", 2), ("picking", 1)]
        rest = order.shipments[1].id
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, rest, rest_id=""))
        assert sum(p.cash for p in order.shipments) == order.totals.grand


async def test_a_booking_whose_answer_was_lost_is_found_and_not_made_twice(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.extend(["lost"])
        order = await booked(ground)
        assert order.shipments[0].status == "uncertain"
        ground.swift.moods.append("down")  # it cannot be asked now
        order = await ground.later(order, seconds=30)
        assert order.shipments[0].status == "uncertain"
        order = await ground.later(order, minutes=10)
        assert order.shipments[0].consignment == f"C-{order.number}-1"
        assert [c for c in ground.swift.calls if c.startswith("book")] == [f"book {order.number}-1"]
        assert ground.slow.calls == []


async def test_a_worker_killed_between_the_call_and_its_answer_books_once(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        killed = ground.stage.parts.worker("killed", ground.stage.lane)
        order = await ground.confirmed({"TEA": 2}, worker=killed)
        assert (list(ground.swift.booked), order.shipments[0].status) == ([f"{order.number}-1"], "packed")
        order = await ground.later(order, minutes=10)  # its lease is over
        assert (order.shipments[0].status, order.shipments[0].consignment) == ("booked", f"C-{order.number}-1")
        assert [c.partition(" ")[0] for c in ground.swift.calls if "track" not in c] == ["book", "look_up"]


async def test_a_courier_that_may_have_it_and_cannot_be_asked_is_not_passed_over(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        order = await ground.confirmed({"TEA": 2}, worker=ground.stage.parts.worker("killed", ground.stage.lane))
        assert list(ground.swift.booked) == [f"{order.number}-1"]
        ground.swift.moods.append("down")  # the lease is over, and the first question finds nobody
        order = await ground.later(order, seconds=90)
        assert (order.shipments[0].status, ground.slow.calls) == ("uncertain", [])
        order = await ground.later(order, minutes=10)
        assert (order.shipments[0].courier, order.shipments[0].status) == ("swift", "booked")
        assert [c for c in ground.swift.calls if c.startswith("book")] == [f"book {order.number}-1"]


async def test_a_courier_that_is_down_is_passed_over(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("down")
        order = await booked(ground)
        assert (order.shipments[0].courier, order.shipments[0].status) == ("slow", "booked")


async def test_a_courier_that_declines_for_good_is_not_asked_again(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("declined")
        order = await booked(ground)
        assert (order.shipments[0].courier, order.shipments[0].refused_by) == ("slow", ("swift",))
        assert (await ground.shipment(order)).reference == f"{order.number}-1-2"


async def test_a_hook_may_be_the_first_word_of_a_booking(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        reference = f"{order.number}-1"
        now = ground.stage.clock.now()
        scans = [courier.Scan(now, f"C-{reference}", reference, "picked_up")]
        await ground.hook("swift", scans)
        assert await ground.listen() == 1
        order = await ground.stage.order(order.id)
        assert (order.shipments[0].status, order.shipments[0].consignment) == ("shipped", f"C-{reference}")


async def test_a_booking_that_is_heard_of_later_collects_what_the_courier_was_told(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        asked = (await ground.shipment(order)).cash
        order = await ground.tell(order, events.OrderPaymentWaived(order.payments[0].id, 1_000, "goodwill"))
        assert orders.collecting.cash(order, order.shipments[0]) < asked
        reference = f"{order.number}-1"
        await ground.hook("swift", [courier.Scan(ground.stage.clock.now(), f"C-{reference}", reference, "picked_up")])
        await ground.listen()
        assert (await ground.stage.order(order.id)).shipments[0].cash == asked > 0


async def test_hooks_in_any_order_and_twice_end_where_the_courier_is(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        stored = await ground.shipment(order)
        start = ground.stage.clock.now()
        ground.swift.story(stored.reference, start, "picked_up", "out_for_delivery", "delivery_failed", "out_for_delivery", "delivered")
        scans = ground.swift.scans.pop(stored.consignment)
        ground.stage.clock.turn_by(timedelta(hours=6))
        for scan in (scans[4], scans[1], scans[0], scans[4], scans[2], scans[3]):
            await ground.hook("swift", [scan])
            await ground.listen()
        order = await ground.stage.order(order.id)
        assert order.shipments[0].status == "delivered"
        told = await ground.stage.said(order.id)
        assert told.count("OrderDelivered") == told.count("OrderShipped") == 1
        async with ground.stage.parts.database.reading() as tx:
            assert len((await fulfilment.scans(tx, [order.shipments[0].id]))[order.shipments[0].id]) == 5


async def test_a_hook_that_cannot_be_dealt_with_holds_up_nobody(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        first, second = await booked(ground), await booked(ground)
        now = ground.stage.clock.now()
        names = [(await ground.shipment(order)).consignment for order in (first, second)]
        await ground.hook("swift", [courier.Scan(now, names[0], "", "picked_up", message="no text\0of ours")])
        await ground.hook("swift", [courier.Scan(now, names[1], "", "picked_up")])
        parts = ground.stage.parts
        async with parts.database.transaction() as tx:
            await inbox.keep(tx, [inbox.News(parts.draw.uuid(), "courier", "swift", "?", Hook(body=b"[{]"), now)])
        await ground.hook("swift", [courier.Scan(now, "no\0name", "nor\0this", "picked_up")])
        assert await ground.listen() == 4
        assert [(await ground.stage.order(order.id)).shipments[0].status for order in (first, second)] == ["booked", "shipped"]
        async with parts.database.reading() as tx:
            waiting = await inbox.resting(tx, status="waiting")
        assert len(waiting) == 3
        assert all(each.problem for each in waiting), "they come again, and lie there for somebody at last"


async def test_a_hook_about_nobody_waits_and_is_kept(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.hook("swift", [courier.Scan(ground.stage.clock.now(), "C-9", "", "picked_up")])
        assert await ground.listen() == 1
        assert await ground.listen() == 0
        ground.stage.clock.turn_by(timedelta(minutes=1))
        assert await ground.listen() == 1


async def test_a_courier_that_was_given_up_and_has_it_after_all_is_shown_to_somebody(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        ground.swift.booked.clear()  # it says that it has nothing, and it is wrong
        for _ in range(2):  # it is asked, and then the next one is
            order = await ground.later(order, minutes=10)
        reference = (await ground.shipment(order)).reference
        assert reference == f"{order.number}-1-2" and order.shipments[0].status == "booked"
        now = ground.stage.clock.now()
        await ground.hook("swift", [courier.Scan(now, "C-LATE", f"{order.number}-1", "cancelled")])
        await ground.listen()
        assert (await ground.stage.order(order.id)).exceptions == ()
        for status in ("picked_up", "in_transit"):
            await ground.hook("swift", [courier.Scan(now, "C-LATE", f"{order.number}-1", status)])
            await ground.listen()
        order = await ground.later(order, seconds=1)
        (trouble,) = order.exceptions
        assert (trouble.step, trouble.cause, order.shipments[0].status) == ("look_at", "booked_twice", "booked")
        async with ground.stage.parts.database.reading() as tx:
            assert await inbox.resting(tx, status="waiting") == []
        order = await ground.tell(order, events.OrderShipped(order.shipments[0].id), events.OrderDelivered(order.shipments[0].id))
        assert [each.cause for each in order.exceptions] == ["booked_twice"]


async def test_a_booked_order_is_cancelled_when_the_courier_gives_it_back(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await ground.do(order, lambda o: orders.stopping.stop(o, None, reason="changed_mind").facts)
        assert order.status == "cancelled"
        assert f"cancel {order.number}-1" in ground.swift.calls
        async with ground.stage.parts.database.reading() as tx:
            assert await inventory.drift(tx) == []
            assert await tx.fetchval("SELECT reserved FROM stock WHERE sku = 'TEA'") == 0


async def test_what_is_on_the_road_is_asked_back_and_comes_home(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        stored = await ground.shipment(order)
        ground.swift.story(stored.reference, ground.stage.clock.now(), "picked_up")
        order = await ground.later(order, hours=1)
        order = await ground.do(order, lambda o: orders.stopping.stop(o, None, reason="changed_mind").facts)
        assert order.shipments[0].status == "returning"
        ground.swift.story(stored.reference, ground.stage.clock.now(), "returning", "returned")
        order = await ground.later(order, hours=8)
        assert order.shipments[0].status == "returned"  # this vendor's word is trusted: sound
        order = await ground.later(order, minutes=5)
        assert order.status == "completed"
        async with ground.stage.parts.database.reading() as tx:
            assert await inventory.drift(tx) == []
            assert await tx.fetchval("SELECT on_hand FROM stock WHERE sku = 'TEA'") == 100


async def test_a_courier_that_will_not_turn_round_is_shown_to_somebody(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        ground.swift.cancels = "no"
        order = await ground.do(order, lambda o: orders.stopping.stop(o, None, reason="changed_mind").facts)
        assert [(t.cause, t.owner) for t in order.exceptions] == [("recall_declined", "fulfilment")]
        assert order.shipments[0].status == "booked"


async def test_a_lost_parcel_ends_and_its_order_too(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        ground.swift.story((await ground.shipment(order)).reference, ground.stage.clock.now(), "picked_up", "lost")
        order = await ground.later(order, hours=2)
        order = await ground.later(order, minutes=5)
        assert (order.shipments[0].status, order.lines[0].buckets, order.status) == ("lost", {"lost": 2}, "completed")


async def test_a_silent_courier_and_a_missed_promise_are_noticed(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await ground.tell(order, events.OrderPromised(ground.stage.clock.now() + timedelta(days=2), "quoted"))
        order = await ground.later(order, days=3)
        assert order.promised_at is not None
        assert order.promised_at > ground.stage.clock.now()
        order = await ground.later(order, days=3)
        assert "courier_silent" in {t.cause for t in order.exceptions}


async def test_a_courier_that_says_the_same_again_and_again_is_silent(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        ground.swift.story((await ground.shipment(order)).reference, ground.stage.clock.now(), "picked_up", "on_hold")
        for _ in range(7):
            assert "courier_silent" not in {t.cause for t in order.exceptions}
            order = await ground.later(order, days=1)
        assert "courier_silent" in {t.cause for t in order.exceptions}


async def test_a_vendor_that_ships_itself_needs_no_courier(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True, self_ship=True)
        order = await ground.confirmed({"TEA": 2})
        parcel = order.shipments[0].id
        assert order.shipments[0].status == "packed"
        cash = order.totals.grand
        order = await ground.do(order, lambda o: orders.fulfilling.hand_over(o, parcel, reference=parcel, cash=cash))
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel))
        assert (order.shipments[0].collected, ground.swift.calls) == (cash, [])


async def test_a_quote_knows_the_day(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(handling_hours=24)
        place = orders.Place("BD", "dhaka", district="dhaka", upazila="dhaka.mirpur")
        now = ground.stage.clock.now()  # a Sunday
        found = ground.desk.promised(["shop-a"], place, now=now)
        assert found is not None
        assert found.promised_at.date() == (now + timedelta(days=3)).date(), "a day of work, two on the way at the latest"
        late = ground.desk.promised(["shop-a"], place, now=now, ready_at={"shop-a": now + timedelta(days=7)})
        assert late is not None
        assert late.promised_at - found.promised_at == timedelta(days=7)
        assert ground.desk.promised(["nobody"], place, now=now) is None


async def test_a_booking_of_an_order_that_ends_is_undone(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        order = await ground.do(order, lambda o: orders.cancel(o, None, reason="exception"))
        assert (order.status, order.shipments[0].status, order.shipments[0].consignment) == ("cancelled", "cancelled", "")
        assert ground.swift.calls[-1] == f"cancel {order.number}-1"
        assert (await ground.stage.steps(order.id))[f"fulfilment:recall:{order.shipments[0].id}"] == "done"


async def test_an_order_that_ends_while_its_booking_is_unknown_is_recalled_when_it_is_known(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        ground.swift.moods.append("lost")
        order = await booked(ground)
        order = await ground.do(order, lambda o: orders.cancel(o, None, reason="exception"))
        assert order.shipments[0].status == "cancelled"
        order = await ground.later(order, minutes=2)
        assert ground.swift.calls[-1] == f"cancel {order.number}-1"
        assert order.shipments[0].consignment == ""
