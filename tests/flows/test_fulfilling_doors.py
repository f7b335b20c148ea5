"""What comes of a parcel at the door: taken, taken in part, tried in vain, brought back in part, and a word of it that was lost."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from haat.domain import fulfilment, orders
from haat.flows import fulfilling
from tests.flows.fulfilling_ground import Ground, opened

events = orders.events
courier = fulfilment.courier
AUTO: dict[str, Any] = {"auto_accept": True, "auto_pack": True}


async def booked(ground: Ground) -> orders.Order:
    await ground.vendor(**AUTO)
    return await ground.confirmed({"TEA": 2})


async def test_after_three_tries_it_comes_back(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        reference = (await ground.shipment(order)).reference
        tries = [w for _ in range(3) for w in ("out_for_delivery", "delivery_failed")]
        ground.swift.story(reference, ground.stage.clock.now(), "picked_up", *tries)  # type: ignore[arg-type]
        order = await ground.later(order, hours=8)
        assert (order.shipments[0].tries, order.shipments[0].intercept) == (3, "too_many_tries")
        assert order.shipments[0].status == "returning"


async def test_what_couriers_leave_unsaid_is_asked_of_a_person_and_not_guessed(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        order = await ground.confirmed({"TEA": 2, "CUP": 1})
        reference = (await ground.shipment(order)).reference
        ground.swift.story(reference, ground.stage.clock.now(), "picked_up", "partially_delivered", collected=10_000)
        order = await ground.later(order, hours=2)
        assert order.shipments[0].status == "shipped"
        assert [(t.step, t.cause, t.owner, t.repairs) for t in order.exceptions] == [
            ("look_at", "partial_delivery_unclear", "fulfilment", ("skip",))
        ]
        order = await ground.later(order, hours=7)
        assert len(order.exceptions) == 1, "asked once"
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel, lines={1: 1}, collected=10_000))
        assert order.shipments[0].status == "partially_delivered"
        assert order.exceptions == (), "the answer is all that was waited for"
        order = await ground.later(order, hours=7)
        assert order.exceptions == (), "what the courier says again is no news"


async def test_of_a_single_unit_no_part_can_be_kept_and_the_answer_shows_what_cash_is_missing(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(**AUTO)
        order = await ground.confirmed({"CUP": 1})
        half = order.totals.grand // 2
        reference = (await ground.shipment(order)).reference
        ground.swift.story(reference, ground.stage.clock.now(), "picked_up", "partially_delivered", collected=half)
        order = await ground.later(order, hours=2)
        assert [t.cause for t in order.exceptions] == ["partial_delivery_unclear"], "kept for less, or refused for the fee: nobody knows"
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel, lines={1: 1}, collected=half))
        assert (order.shipments[0].status, order.exceptions) == ("delivered", ())
        assert orders.collecting.shortfall(order) == order.shipments[0].cash - half > 0
        await ground.hook("swift", ground.swift.scans[f"C-{reference}"][-1:])
        await ground.listen()
        await ground.stage.settle()
        assert (await ground.stage.order(order.id)).exceptions == (), "the courier's word for it was answered"


async def test_what_is_back_in_part_leaves_the_rest_to_be_asked_for(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, policy=fulfilling.Policy(returns_within=timedelta(hours=1))) as ground:
        order = await booked(ground)
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.turn_back(o, parcel, reason="customer_refused"))
        order = await ground.later(order, hours=2)
        assert [t.cause for t in order.exceptions] == ["return_overdue"]
        order = await ground.do(order, lambda o: orders.fulfilling.receive(o, parcel, sound={1: 1}))
        assert [t.cause for t in order.exceptions] == ["return_overdue"], "one of two"
        order = await ground.do(order, lambda o: orders.fulfilling.receive(o, parcel))
        assert order.exceptions == ()


async def test_a_lost_word_of_arrival_is_asked_for_soon_however_long_the_road_was(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        reference = (await ground.shipment(order)).reference
        order = await ground.later(order, days=2)
        now = ground.stage.clock.now()
        await ground.hook("swift", [courier.Scan(now, f"C-{reference}", reference, "out_for_delivery")])
        await ground.listen()
        ground.swift.says(reference, "out_for_delivery", now)
        ground.swift.says(reference, "delivered", now + timedelta(minutes=15), collected=order.totals.grand)
        order = await ground.later(order, minutes=10)
        assert order.shipments[0].status == "out_for_delivery"
        order = await ground.later(order, minutes=10)
        assert order.shipments[0].status == "delivered"
        steps = await ground.stage.steps(order.id)
        assert steps[f"fulfilment:track:{order.shipments[0].id}"] != "due", "nobody asks any more"


async def test_of_one_kind_of_goods_the_cash_tells_how_many_were_kept(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await booked(ground)
        half = order.totals.grand // 2
        ground.swift.story(
            (await ground.shipment(order)).reference, ground.stage.clock.now(), "picked_up", "partially_delivered", collected=half
        )
        order = await ground.later(order, hours=2)
        assert order.lines[0].buckets == {"delivered": 1, "shipped": 1}
