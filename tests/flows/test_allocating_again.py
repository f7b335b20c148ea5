"""Who is asked again after a refusal: another place, the same one about other lines or newer goods, and nobody about what is gone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from haat.domain import inventory, orders
from haat.engine.database import Tx
from haat.flows import allocating
from tests.flows.test_allocating import Ground, opened, sold_in_advance

events = orders.events
LATE = timedelta(days=7)


async def short_of_cups(ground: Ground, left: int = 0) -> None:
    """Only so many cups are left at DHK, the one place there is; ten more are sold in advance."""
    parts = ground.stage.parts
    now = ground.stage.clock.now()
    async with parts.database.transaction() as tx:
        gone = inventory.Movement(parts.draw.uuid(), "CUP", "DHK", left - 100, "count")
        await inventory.move(tx, [gone], actor="system", now=now)
        await inventory.put_terms(tx, [inventory.Terms("CUP", "DHK", 10, now + LATE)])


async def arrive(ground: Ground, units: int) -> None:
    """A week later cups arrive at DHK."""
    ground.stage.clock.turn_by(LATE)
    await ground.receive("CUP", "DHK", units)
    await ground.stage.later(minutes=11)


async def buckets(ground: Ground, order_id: str) -> list[dict[str, int]]:
    return [line.buckets for line in (await ground.stage.order(order_id)).lines]


async def test_a_line_that_arrives_after_another_was_refused_is_sent_from_where_it_is(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await short_of_cups(ground)
        order_id = await ground.screened({"TEA": 2, "CUP": 3})
        vendor_order = await ground.confirm(order_id)
        await ground.reject(order_id, vendor_order)
        assert await buckets(ground, order_id) == [{"cancelled": 2}, {"backordered": 3}]
        await arrive(ground, 3)
        assert await buckets(ground, order_id) == [{"cancelled": 2}, {"allocated": 3}]
        assert (await ground.parcels(order_id))[-1] == ("DHK", {2: 3}, "planned")
        await ground.reject(order_id, vendor_order)
        assert (await ground.stage.order(order_id)).status == "cancelled", "now it was refused itself"


async def test_refusals_of_other_lines_do_not_count_against_what_arrives(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, allocating.Policy(rejections_max=2)) as ground:
        await ground.places(CTG={"TEA": 10}, SYL={"TEA": 10})
        await short_of_cups(ground)
        order_id = await ground.screened({"TEA": 2, "CUP": 3})
        vendor_order = await ground.confirm(order_id)
        await ground.reject(order_id, vendor_order)
        await ground.reject(order_id, vendor_order)
        assert await buckets(ground, order_id) == [{"cancelled": 2}, {"backordered": 3}]
        await arrive(ground, 3)
        assert await buckets(ground, order_id) == [{"cancelled": 2}, {"allocated": 3}]


async def test_refused_units_wait_for_those_of_their_line_that_are_to_come(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await short_of_cups(ground, left=3)
        order_id = await ground.screened({"CUP": 5})
        await ground.reject(order_id, await ground.confirm(order_id))
        assert await buckets(ground, order_id) == [{"reserved": 3, "backordered": 2}]
        await arrive(ground, 2)
        assert (await ground.parcels(order_id))[-1] == ("DHK", {1: 5}, "planned")
        assert await ground.reserved(order_id) == {("CUP", "DHK"): 5}


async def test_refused_units_end_with_the_last_of_their_line_that_was_to_come(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await short_of_cups(ground, left=3)
        order_id = await ground.screened({"CUP": 5, "LAST": 1})
        await ground.reject(order_id, await ground.confirm(order_id))
        await ground.stage.ask(order_id, lambda order: orders.cancel(order, {1: 2}, reason="customer"))
        await ground.stage.settle()
        assert await buckets(ground, order_id) == [{"cancelled": 5}, {"allocated": 1}]


async def test_what_was_refused_waits_for_another_node_that_is_full(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10})
        await ground.node("CTG", capacity=0)
        order_id = await ground.screened({"TEA": 2})
        vendor_order = await ground.confirm(order_id)
        await ground.reject(order_id, vendor_order)
        assert await buckets(ground, order_id) == [{"reserved": 2}]
        assert (await ground.stage.steps(order_id))[f"allocation:source:{vendor_order}"] == "due"
        await ground.node("CTG", capacity=5)
        await ground.stage.later(minutes=11)
        assert (await ground.parcels(order_id))[-1] == ("CTG", {1: 2}, "planned")


async def test_a_node_that_stays_full_is_not_waited_for_without_end(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10})
        await ground.node("CTG", capacity=0)
        order_id = await ground.screened({"TEA": 2})
        await ground.reject(order_id, await ground.confirm(order_id))
        await ground.stage.later(days=3, minutes=1)
        (trouble,) = (await ground.stage.order(order_id)).exceptions
        assert (trouble.step, trouble.cause, trouble.owner) == ("source", "too_old", "fulfilment")
        assert await buckets(ground, order_id) == [{"reserved": 2}], "a person decides"


async def test_lines_that_were_refused_elsewhere_and_lines_that_were_not_are_planned_apart(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10})
        await ground.node("CTG", capacity=0)
        await short_of_cups(ground)
        order_id = await ground.screened({"TEA": 2, "CUP": 3})
        vendor_order = await ground.confirm(order_id)
        await ground.reject(order_id, vendor_order)
        await ground.receive("CUP", "DHK", 3)
        await ground.stage.later(minutes=11)
        assert (await ground.parcels(order_id))[-1] == ("DHK", {2: 3}, "planned")
        assert (await buckets(ground, order_id))[0] == {"reserved": 2}
        await ground.node("CTG", capacity=5)
        await ground.stage.later(minutes=11)
        assert (await ground.parcels(order_id))[-1] == ("CTG", {1: 2}, "planned")
        assert await ground.reserved(order_id) == {("TEA", "CTG"): 2, ("CUP", "DHK"): 3}


async def test_a_place_that_refuses_is_replaced_and_the_other_one_goes_on(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"CUP": 10}, SYL={"TEA": 10})
        await short_of_cups(ground)
        order_id = await ground.screened({"TEA": 2, "CUP": 1})
        assert [(place, lines) for place, lines, _ in await ground.parcels(order_id)] == [("DHK", {1: 2}), ("CTG", {2: 1})]
        vendor_order = await ground.confirm(order_id)
        taken = (events.VendorOrderOffered(vendor_order, ground.stage.clock.now()), events.VendorOrderAccepted(vendor_order))
        await ground.stage.ask(order_id, lambda order: taken)
        await ground.stage.ask(order_id, lambda o: orders.fulfilling.reject(o, vendor_order, reason="closed", location="DHK"))
        await ground.stage.settle()
        sent = [("DHK", {1: 2}, "cancelled"), ("CTG", {2: 1}, "planned"), ("SYL", {1: 2}, "planned")]
        assert await ground.parcels(order_id) == sent
        assert [part.answer for part in (await ground.stage.order(order_id)).vendor_orders] == ["accepted"]


async def test_units_of_an_order_that_gives_up_while_goods_are_counted_are_not_handed_on_twice(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(dsn, tmp_path) as ground:
        await sold_in_advance(ground, 10)
        full, first = [await ground.screened_later({"LAST": n}) for n in (5, 3)]
        await ground.stage.later(minutes=6)
        second = await ground.screened_later({"LAST": 3})
        await ground.receive("LAST", "DHK", 1)
        lock_levels, counted = inventory.lock_levels, list[Any]()

        async def held_up(tx: Tx, *asked: Any) -> Any:
            monkeypatch.setattr(inventory, "lock_levels", lock_levels)
            counted.extend(asked)
            await ground.stage.ask(second, lambda order: orders.cancel(order, None, reason="customer"))
            return await lock_levels(tx, *asked)

        monkeypatch.setattr(inventory, "lock_levels", held_up)
        await ground.stage.later(minutes=6)
        assert counted == [["LAST"]]
        buckets_of = [(await ground.stage.order(i)).lines[0].buckets for i in (full, first)]
        assert buckets_of == [{"allocated": 5}, {"allocated": 1, "backordered": 2}], "one unit came, and one is given out"
