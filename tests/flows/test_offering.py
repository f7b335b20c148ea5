"""A vendor with several places: what it is asked once, what it is asked anew, and what no timer may forget."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from haat.domain import orders
from haat.engine.flowing import Dead, Task
from haat.flows.fulfilling import offering
from tests.domain.orders.goods_cases import AT, planned
from tests.flows.fulfilling_ground import Ground, opened

events = orders.events


async def in_two_places(ground: Ground) -> orders.Order:
    """An accepted order whose tea is picked at DHK and whose cups are picked at CTG."""
    order = await ground.confirmed({"TEA": 2, "CUP": 2})
    part = order.vendor_orders[0].id
    order = await ground.do(order, lambda o: orders.fulfilling.reject(o, part, reason="other"))
    order = await plan(ground, order, DHK={1: 2}, CTG={2: 2})
    order = await ground.do(order, lambda o: orders.fulfilling.accept(o, part))
    assert standing(order) == {"DHK": "picking", "CTG": "picking"}
    return order


async def plan(ground: Ground, order: orders.Order, **where: dict[int, int]) -> orders.Order:
    draw, part = ground.stage.parts.draw, order.vendor_orders[0].id
    lines = {place: tuple(events.ParcelLine(n, units) for n, units in of.items()) for place, of in where.items()}
    parcels = tuple(events.PlannedParcel(draw.uuid(), part, place, held) for place, held in lines.items())
    return await ground.tell(order, events.OrderInventoryAllocated("plan", parcels))


def standing(order: orders.Order) -> dict[str, str]:
    """Status by place, of each the newest parcel."""
    return {p.location: p.status for p in order.shipments}


def at(order: orders.Order, place: str) -> str:
    return next(p.id for p in reversed(order.shipments) if p.location == place)


async def test_another_place_takes_over_without_the_vendor_being_asked_twice(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await in_two_places(ground)
        part = order.vendor_orders[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.reject(o, part, reason="closed", location="DHK"))
        order = await plan(ground, order, SYL={1: 2})
        assert standing(order) == {"DHK": "cancelled", "CTG": "picking", "SYL": "picking"}
        steps = await ground.stage.steps(order.id)
        assert steps[f"fulfilment:ship_by:{at(order, 'SYL')}"] == "due"
        assert "due" not in {steps.get(f"fulfilment:lapse:{part}"), steps.get(f"fulfilment:remind:{part}")}


async def test_silence_about_one_place_does_not_undo_what_another_has_booked(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(acceptance_hours=4)
        order = await in_two_places(ground)
        part = order.vendor_orders[0].id
        order = await ground.tell(order, events.VendorOrderRejected(part, "closed", location="DHK"))  # as it was told once
        order = await plan(ground, order, SYL={1: 2})
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, at(o, "CTG"), rest_id=""))
        assert (standing(order)["CTG"], order.vendor_orders[0].answer) == ("booked", "offered")
        order = await ground.later(order, hours=4)
        assert standing(order) == {"DHK": "cancelled", "CTG": "booked", "SYL": "cancelled"}
        assert (order.vendor_orders[0].answer, order.lines[0].buckets) == ("rejected", {"reserved": 2})
        order = await plan(ground, order, SYL={1: 2})
        steps = await ground.stage.steps(order.id)
        assert (order.vendor_orders[0].answer, steps[f"fulfilment:lapse:{part}"]) == ("offered", "due")


async def test_the_rest_of_a_parcel_whose_vendor_did_not_take_its_part_is_offered(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order = await in_two_places(ground)
        part = order.vendor_orders[0].id
        order = await ground.tell(order, events.VendorOrderRejected(part, "closed", location="DHK"))  # as it was told once
        rest = ground.stage.parts.draw.uuid()
        order = await ground.do(order, lambda o: orders.fulfilling.pack(o, at(o, "CTG"), rest_id=rest, lines={2: 1}))
        assert (orders.fulfilling.parcel_of(order, rest).status, order.vendor_orders[0].answer) == ("planned", "offered")
        order = await ground.do(order, lambda o: orders.fulfilling.accept(o, part))
        assert orders.fulfilling.parcel_of(order, rest).status == "picking"


async def test_a_timer_that_cannot_take_anything_back_tells_somebody() -> None:
    nobody: Any = None
    order = planned()
    task = Task(order, (order.id, 1, 0), "lapse", "no such part", {}, 1, AT, AT + timedelta(hours=1))
    (outcome,) = await offering.verbs(nobody)["lapse"].run(nobody, nobody, [task], task.now)
    assert isinstance(outcome, Dead)
    assert outcome.cause == "unknown_vendor_order"
