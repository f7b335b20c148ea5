"""Allocation as a story: a plan for every screened order, other nodes after a refusal, late goods to the oldest order first."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import haat.domain.fulfilment.sourcing.strategies as folder
from haat.domain import fulfilment, inventory, orders
from haat.engine import plugins
from haat.engine.changes import Memory
from haat.engine.database import Database
from haat.flows import allocating
from haat.kernel.facts import Fact
from tests.flows import stage as staging
from tests.flows.stage import Stage

sourcing = fulfilment.sourcing
events = orders.events
STRATEGIES = plugins.load(folder, "STRATEGY", sourcing.Strategy)


class Ground:
    """A stage with the flow of allocation alone, and more places than one."""

    def __init__(self, stage: Stage, memory: Memory) -> None:
        self.stage = stage
        self.memory = memory

    async def places(self, **stock: dict[str, int]) -> None:
        """Places by name with their stock; DHK has what the market was seeded with."""
        districts = {"CTG": "chattogram", "SYL": "sylhet", "GZP": "gazipur"}
        async with self.stage.parts.database.transaction() as tx:
            await inventory.put_locations(tx, [inventory.Location(c, c, district=districts[c], priority=200) for c in stock])
            units = [(sku, place, n) for place, goods in stock.items() for sku, n in goods.items()]
            await self._move(tx, units)
        await self.fresh()

    async def receive(self, sku: str, place: str, units: int) -> None:
        async with self.stage.parts.database.transaction() as tx:
            await self._move(tx, [(sku, place, units)])

    async def _move(self, tx: Any, units: Sequence[tuple[str, str, int]]) -> None:
        draw = self.stage.parts.draw
        moved = [inventory.Movement(draw.uuid(), sku, place, n, "receipt") for sku, place, n in units if n]
        await inventory.move(tx, moved, actor="system", now=self.stage.clock.now())

    async def rule(self, **what: Any) -> None:
        async with self.stage.parts.database.transaction() as tx:
            await sourcing.put_rule(tx, [sourcing.SourcingRule("all", **what)], now=self.stage.clock.now())
        await self.fresh()

    async def node(self, place: str, **what: Any) -> None:
        async with self.stage.parts.database.transaction() as tx:
            await sourcing.put_nodes(tx, [sourcing.NodeSettings(place, **what)], now=self.stage.clock.now())
        await self.fresh()

    async def fresh(self) -> None:
        await self.memory.catch_up()
        await self.stage.parts.memory.catch_up()

    async def screened(self, lines: dict[str, int] | None = None, **more: Any) -> str:
        """An order that was placed and passed its screening; its steps have run."""
        placed = await self.stage.place(lines, **more)
        await self.stage.ask(placed.id, lambda order: (events.OrderScreened("pass", 0),))
        await self.stage.settle()
        return placed.id

    async def screened_later(self, lines: dict[str, int]) -> str:
        """The same a second later than whatever came before."""
        self.stage.clock.turn_by(timedelta(seconds=1))
        return await self.screened(lines)

    async def parcels(self, order_id: str) -> list[tuple[str, dict[int, int], str]]:
        order = await self.stage.order(order_id)
        return [(p.location, {x.line_no: x.quantity for x in p.lines}, p.status) for p in order.shipments]

    async def reserved(self, order_id: str) -> dict[tuple[str, str], int]:
        """(SKU, place) -> units that the order has set aside; the levels agree with it."""
        async with self.stage.parts.database.reading() as tx:
            assert await inventory.drift(tx) == []
            kept = await inventory.every(tx, [order_id])
        found: dict[tuple[str, str], int] = {}
        for r in kept:
            if r.held:
                found[r.sku, r.location] = found.get((r.sku, r.location), 0) + r.held
        return found

    async def confirm(self, order_id: str) -> str:
        """Confirm it; returns its vendor order."""
        await self.stage.ask(order_id, lambda order: (events.OrderConfirmed(),))
        return (await self.stage.order(order_id)).vendor_orders[0].id

    async def reject(self, order_id: str, vendor_order: str, **how: Any) -> None:
        def rejected(order: orders.Order) -> tuple[Fact, ...]:
            return (events.VendorOrderRejected(vendor_order, "not_there", **how),)

        await self.stage.ask(order_id, rejected, actor="vendor:shop-a")
        await self.stage.settle()


USUAL = allocating.Policy()


@asynccontextmanager
async def opened(dsn: str, place: Path, policy: allocating.Policy = USUAL) -> AsyncIterator[Ground]:
    database = await Database.open(dsn, size=2)
    memory = Memory(database)
    sourcer = allocating.Sourcer(memory, STRATEGIES)
    await memory.start()
    try:
        async with staging.opened(dsn, place, allocating.flow(sourcer, lambda: policy)) as stage:
            await memory.catch_up()
            yield Ground(stage, memory)
    finally:
        await memory.stop()
        await database.close()


async def test_a_screened_order_is_planned_where_its_stock_is_reserved(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order_id = await ground.screened({"TEA": 2, "CUP": 1, "LAST": 1})
        order = await ground.stage.order(order_id)
        assert [line.buckets for line in order.lines] == [{"allocated": 2}, {"allocated": 1}, {"allocated": 1}]
        assert await ground.parcels(order_id) == [("DHK", {1: 2, 2: 1}, "planned"), ("DHK", {3: 1}, "planned")]
        async with ground.stage.parts.database.reading() as tx:
            (plan,) = await sourcing.plans(tx, order_id)
        assert (plan.id, plan.strategy, plan.rule, plan.version) == (order.plan, "cheapest", "default", order.version - 1)
        assert plan.cost == 2 * 6_000, "two parcels within one district"
        assert (await ground.stage.steps(order_id)) == {"allocation:source": "done"}


async def test_reservations_move_to_the_nearer_node_and_the_books_agree(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10, "CUP": 10})
        await ground.rule(strategy="nearest")
        there = {"recipient": "Karim", "district": "Chattogram", "line": "House 2"}
        order_id = await ground.screened({"TEA": 2, "CUP": 1}, ship_to=there)
        assert await ground.parcels(order_id) == [("CTG", {1: 2, 2: 1}, "planned")]
        assert await ground.reserved(order_id) == {("TEA", "CTG"): 2, ("CUP", "CTG"): 1}
        async with ground.stage.parts.database.reading() as tx:
            (plan,) = await sourcing.plans(tx, order_id)
        assert b'"DHK"' in bytes(plan.alternatives) and (plan.rule, plan.rule_version) == ("all", 1)


async def test_a_kit_moves_with_all_its_components(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10, "CUP": 10})
        await ground.rule(strategy="priority", prefer=("CTG",))
        order_id = await ground.screened({"BREAKFAST": 2})
        assert await ground.parcels(order_id) == [("CTG", {1: 2}, "planned")]
        assert await ground.reserved(order_id) == {("TEA", "CTG"): 4, ("CUP", "CTG"): 2}


async def test_a_node_that_refuses_is_left_out_and_another_one_sends(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10})
        order_id = await ground.screened({"TEA": 2})
        await ground.reject(order_id, await ground.confirm(order_id), location="DHK")
        assert await ground.parcels(order_id) == [("DHK", {1: 2}, "cancelled"), ("CTG", {1: 2}, "planned")]
        assert await ground.reserved(order_id) == {("TEA", "CTG"): 2}


async def test_units_that_a_vendor_has_not_got_are_sent_by_another_node_and_the_rest_stays(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 10, "CUP": 10})
        order_id = await ground.screened({"TEA": 3, "BREAKFAST": 2})
        assert await ground.parcels(order_id) == [("DHK", {1: 3, 2: 2}, "planned")]
        lines = (events.ParcelLine(1, 1), events.ParcelLine(2, 1))
        await ground.reject(order_id, await ground.confirm(order_id), lines=lines)
        assert await ground.parcels(order_id) == [("DHK", {1: 2, 2: 1}, "planned"), ("CTG", {1: 1, 2: 1}, "planned")]
        held = {("TEA", "DHK"): 4, ("CUP", "DHK"): 1, ("TEA", "CTG"): 3, ("CUP", "CTG"): 1}
        assert await ground.reserved(order_id) == held


async def test_after_too_many_refusals_nobody_is_asked_any_more(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, allocating.Policy(rejections_max=2)) as ground:
        await ground.places(CTG={"TEA": 10}, SYL={"TEA": 10})
        order_id = await ground.screened({"TEA": 1})
        vendor_order = await ground.confirm(order_id)
        await ground.reject(order_id, vendor_order)
        ((_, _, _), (second, _, status)) = await ground.parcels(order_id)
        assert second in ("CTG", "SYL") and status == "planned"
        await ground.reject(order_id, vendor_order)
        order = await ground.stage.order(order_id)
        assert order.status == "cancelled" and await ground.reserved(order_id) == {}


async def test_lines_that_everybody_refuses_are_cancelled(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        order_id = await ground.screened({"TEA": 2, "LAST": 1})
        await ground.reject(order_id, await ground.confirm(order_id))
        order = await ground.stage.order(order_id)
        assert [line.buckets for line in order.lines] == [{"cancelled": 2}, {"allocated": 1}]
        assert (await ground.stage.said(order_id))[-3:] == ["VendorOrderRejected", "OrderAllocationFailed", "OrderLinesCancelled"]
        assert await ground.reserved(order_id) == {("LAST", "DHK"): 1}


async def test_where_the_policy_says_so_a_refusal_by_all_waits_for_a_person(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, allocating.Policy(ask=True)) as ground:
        order_id = await ground.screened({"TEA": 2})
        await ground.reject(order_id, await ground.confirm(order_id))
        (trouble,) = (await ground.stage.order(order_id)).exceptions
        assert (trouble.step, trouble.cause, trouble.owner) == ("source", "refused_by_all", "fulfilment")
        assert trouble.repairs == ("retry", "cancel_order")


async def test_an_order_that_no_node_may_send_is_an_exception_until_one_is_switched_on(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.node("DHK", active=False)
        order_id = await ground.screened({"TEA": 1})
        order = await ground.stage.order(order_id)
        assert [e.cause for e in order.exceptions] == ["no_node"] and order.lines[0].buckets == {"reserved": 1}


async def test_a_full_node_makes_orders_wait_for_its_next_day(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.node("DHK", capacity=1)
        await ground.screened({"TEA": 1})
        second = await ground.screened({"TEA": 1})
        order = await ground.stage.order(second)
        assert order.shipments and order.shipments[0].location == "DHK", "it leaves tomorrow, which costs a day of waiting"
        async with ground.stage.parts.database.reading() as tx:
            (plan,) = await sourcing.plans(tx, second)
            used = await sourcing.planned_on(tx, ["DHK"], ground.stage.clock.now().date())
        assert plan.cost == 6_000 + 3_000 and sorted(used.values()) == [1, 1]
        await ground.node("DHK", capacity=0)
        third = await ground.screened({"TEA": 1})
        assert (await ground.stage.steps(third)) == {"allocation:source": "due"}
        await ground.node("DHK", capacity=5)
        await ground.stage.later(minutes=11)
        assert (await ground.stage.order(third)).lines[0].buckets == {"allocated": 1}


async def sold_in_advance(ground: Ground, limit: int) -> None:
    async with ground.stage.parts.database.transaction() as tx:
        late = ground.stage.clock.now() + timedelta(days=7)
        await inventory.put_terms(tx, [inventory.Terms("LAST", "DHK", limit, late)])


async def test_goods_that_arrive_serve_the_oldest_order_first(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await sold_in_advance(ground, 10)
        full, first, second = [await ground.screened_later({"LAST": n}) for n in (5, 3, 2)]
        assert [(await ground.stage.order(i)).lines[0].buckets for i in (full, first, second)] == [
            {"allocated": 5}, {"backordered": 3}, {"backordered": 2},
        ]  # fmt: skip
        await ground.receive("LAST", "DHK", 4)
        ground.stage.clock.turn_by(timedelta(seconds=30))
        async with ground.stage.parts.database.transaction() as tx:
            assert await allocating.hasten_waiting(tx, now=ground.stage.clock.now()) == 2
        await ground.stage.settle()
        assert (await ground.stage.order(first)).lines[0].buckets == {"allocated": 3}
        assert (await ground.stage.order(second)).lines[0].buckets == {"allocated": 1, "backordered": 1}
        await ground.receive("LAST", "DHK", 1)
        await ground.stage.later(minutes=11)
        assert await ground.parcels(second) == [("DHK", {1: 1}, "planned"), ("DHK", {1: 1}, "planned")]
        assert await ground.reserved(second) == {("LAST", "DHK"): 2}


async def test_late_goods_are_found_at_another_place_too(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"CUP": 1})
        await sold_in_advance(ground, 10)
        order_id = await ground.screened({"LAST": 7})
        await ground.receive("LAST", "CTG", 2)
        await ground.stage.later(minutes=11)
        order = await ground.stage.order(order_id)
        assert order.lines[0].buckets == {"allocated": 7}
        assert await ground.parcels(order_id) == [("DHK", {1: 5}, "planned"), ("CTG", {1: 2}, "planned")]
        assert await ground.reserved(order_id) == {("LAST", "DHK"): 5, ("LAST", "CTG"): 2}


async def test_an_order_that_ends_waits_for_nothing(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await sold_in_advance(ground, 10)
        order_id = await ground.screened({"LAST": 7})
        await ground.stage.ask(order_id, lambda order: orders.cancel(order, None, reason="customer"))
        assert (await ground.stage.steps(order_id))["allocation:await_stock"] == "stopped"
        await ground.receive("LAST", "DHK", 4)
        await ground.stage.later(minutes=11)
        assert await ground.reserved(order_id) == {}


@pytest.mark.parametrize("solve", [True, False])
async def test_many_orders_in_one_turn_never_share_a_unit(dsn: str, tmp_path: Path, solve: bool) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.places(CTG={"TEA": 3}, SYL={"TEA": 2})
        await ground.rule(strategy="cheapest", solve=solve)
        there = {"recipient": "Karim", "district": "Chattogram", "line": "House 2"}
        placed = [await ground.stage.place({"TEA": 1 + n % 2}, ship_to=there) for n in range(8)]
        for order in placed:
            await ground.stage.ask(order.id, lambda order: (events.OrderScreened("pass", 0),))
        await ground.stage.settle()
        sent: dict[str, int] = {}
        for order in placed:
            ((location, lines, _),) = await ground.parcels(order.id)
            sent[location] = sent.get(location, 0) + sum(lines.values())
            assert await ground.reserved(order.id) == {("TEA", location): sum(lines.values())}
        assert sent["CTG"] == 3 and sent.get("SYL", 0) == 0
