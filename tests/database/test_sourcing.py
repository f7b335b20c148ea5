"""Sourcing on a real PostgreSQL: rules keep their past, nodes their day, reservations move as one act, arrivals are fair."""

import asyncio
from datetime import UTC, date, datetime

import msgspec
import pytest

from haat.domain import fulfilment, inventory
from haat.engine.database import Database, Rejected

sourcing = fulfilment.sourcing
reassigning = inventory.reassigning
NOW = datetime(2026, 11, 23, tzinfo=UTC)
TODAY = date(2026, 11, 23)
ORDERS = [f"01a20000-0000-7000-8000-{n:012d}" for n in range(1, 6)]


@pytest.fixture
async def shelf(database: Database) -> Database:
    """Two places; order 1 has set aside four of ten at DHK, order 2 two."""
    async with database.transaction() as tx:
        await inventory.put_locations(tx, [inventory.Location("DHK", "Tejgaon"), inventory.Location("CTG", "Agrabad")])
        moved = [
            inventory.Movement(f"01a20000-0000-7000-9000-{n:012d}", "TEA", place, 10, "receipt") for n, place in enumerate(("DHK", "CTG"))
        ]
        await inventory.move(tx, moved, actor="admin:1", now=NOW)
        takes = [(ORDERS[0], [inventory.Take(1, "TEA", "DHK", 4)]), (ORDERS[1], [inventory.Take(1, "TEA", "DHK", 2)])]
        await inventory.reserve(tx, takes, {("TEA", "DHK"): 6}, now=NOW)
    return database


async def held(database: Database, order_id: str) -> dict[str, tuple[int, str]]:
    async with database.reading() as tx:
        assert await inventory.drift(tx) == []
        return {r.location: (r.held, r.status) for r in await inventory.every(tx, [order_id])}


async def move(database: Database, *moves: tuple[str, str, str, int]) -> None:
    async with database.transaction() as tx:
        await reassigning.reassign(tx, [reassigning.Move(owner, 1, "TEA", a, b, n) for owner, a, b, n in moves], now=NOW)


async def test_what_one_place_gives_back_the_other_sets_aside(shelf: Database) -> None:
    await move(shelf, (ORDERS[0], "DHK", "CTG", 3))
    assert await held(shelf, ORDERS[0]) == {"DHK": (1, "COMMITTED"), "CTG": (3, "COMMITTED")}
    await move(shelf, (ORDERS[0], "DHK", "CTG", 1))
    assert await held(shelf, ORDERS[0]) == {"DHK": (0, "REASSIGNED"), "CTG": (4, "COMMITTED")}
    await move(shelf, (ORDERS[0], "CTG", "DHK", 4), (ORDERS[1], "DHK", "CTG", 2))
    assert await held(shelf, ORDERS[0]) == {"DHK": (4, "COMMITTED"), "CTG": (0, "REASSIGNED")}
    assert await held(shelf, ORDERS[1]) == {"DHK": (0, "REASSIGNED"), "CTG": (2, "COMMITTED")}


async def test_the_database_refuses_a_move_that_would_sell_a_unit_twice(shelf: Database) -> None:
    async with shelf.transaction() as tx:
        await inventory.reserve(tx, [(ORDERS[2], [inventory.Take(1, "TEA", "CTG", 8)])], {("TEA", "CTG"): 8}, now=NOW)
    with pytest.raises(Rejected):
        await move(shelf, (ORDERS[0], "DHK", "CTG", 3))
    assert await held(shelf, ORDERS[0]) == {"DHK": (4, "COMMITTED")}


async def test_two_who_cross_each_other_do_not_lock_each_other_out(shelf: Database) -> None:
    for _ in range(10):
        await asyncio.gather(move(shelf, (ORDERS[0], "DHK", "CTG", 2)), move(shelf, (ORDERS[1], "DHK", "CTG", 1)))
        await asyncio.gather(move(shelf, (ORDERS[0], "CTG", "DHK", 2)), move(shelf, (ORDERS[1], "CTG", "DHK", 1)))
    assert (await held(shelf, ORDERS[0]))["DHK"] == (4, "COMMITTED")


async def promised(database: Database) -> None:
    """Orders 3, 4 and 5 wait for five, three and one unit at DHK, where everything is sold."""
    async with database.transaction() as tx:
        await inventory.put_terms(tx, [inventory.Terms("TEA", "DHK", 20)])
        takes = [(ORDERS[3], [inventory.Take(1, "TEA", "DHK", 3, 3)]), (ORDERS[4], [inventory.Take(1, "TEA", "DHK", 1, 1)])]
        takes.append((ORDERS[2], [inventory.Take(1, "TEA", "DHK", 9, 5)]))
        await inventory.reserve(tx, takes, {("TEA", "DHK"): 13}, now=NOW)
        await inventory.move(
            tx, [inventory.Movement("01a20000-0000-7000-9000-000000000009", "TEA", "CTG", -10, "damage")], actor="admin:1", now=NOW
        )


async def receive(database: Database, n: int, place: str, units: int) -> list[str]:
    async with database.transaction() as tx:
        moved = inventory.Movement(f"01a20000-0000-7000-9000-0000000001{n:02d}", "TEA", place, units, "receipt")
        await inventory.move(tx, [moved], actor="admin:1", now=NOW)
    async with database.reading() as tx:
        return await reassigning.servable(tx)


async def serve(database: Database, *owners: str) -> dict[str, int]:
    async with database.transaction() as tx:
        waiting = await reassigning.waiting_for(tx, owners)
        found = reassigning.arrivals(waiting, await inventory.lock_levels(tx, ["TEA"]))
        await reassigning.arrive(tx, [a for a in found if a.owner in owners], now=NOW)
        return {w.owner: w.backordered for w in await reassigning.waiting_for(tx, ORDERS)}


async def test_goods_serve_the_oldest_order_first_whoever_asks(shelf: Database) -> None:
    await promised(shelf)
    async with shelf.reading() as tx:
        assert await reassigning.servable(tx) == []
    assert await receive(shelf, 1, "DHK", 6) == [ORDERS[2], ORDERS[3], ORDERS[4]]
    assert await serve(shelf, ORDERS[4]) == {ORDERS[2]: 5, ORDERS[3]: 3, ORDERS[4]: 1}, (
        "older ones come first, though nobody asked for them"
    )
    assert await serve(shelf, ORDERS[3]) == {ORDERS[2]: 5, ORDERS[3]: 2, ORDERS[4]: 1}
    assert await serve(shelf, ORDERS[2], ORDERS[3], ORDERS[4]) == {ORDERS[3]: 2, ORDERS[4]: 1}
    assert await receive(shelf, 2, "DHK", 0 + 3) == [ORDERS[3], ORDERS[4]]
    assert await serve(shelf, *ORDERS) == {}


async def test_goods_at_another_place_move_the_reservation_there(shelf: Database) -> None:
    await promised(shelf)
    await receive(shelf, 1, "CTG", 6)
    assert await serve(shelf, *ORDERS) == {ORDERS[3]: 2, ORDERS[4]: 1}
    assert await held(shelf, ORDERS[2]) == {"DHK": (4, "COMMITTED"), "CTG": (5, "COMMITTED")}


async def test_a_rule_counts_its_versions_and_keeps_what_it_was(database: Database) -> None:
    async def put(**what: object) -> dict[str, int]:
        async with database.transaction() as tx:
            return await sourcing.put_rule(tx, [sourcing.SourcingRule("near", "nearest", **what)], now=NOW)  # type: ignore[arg-type]

    assert [await put(position=5), await put(position=5), await put(position=1)] == [{"near": 1}, {}, {"near": 2}]
    async with database.transaction() as tx:
        await sourcing.put_rule(tx, [sourcing.SourcingRule("cheap", "cheapest", position=3, version=9)], now=NOW)
        assert [(r.code, r.version) for r in await sourcing.load_rules(tx)] == [("near", 2), ("cheap", 1)]
        assert await tx.fetchval("SELECT rule ->> 'position' FROM sourcing_rule_versions WHERE code = 'near' AND version = 1") == "5"
        announced = await tx.fetch("SELECT keys FROM reference_changes WHERE kind = 'sourcing'")
    assert [list(row[0]) for row in announced] == [["near"], ["near"], ["cheap"]]


async def test_a_nodes_settings_are_read_as_they_were_written(shelf: Database) -> None:
    node = sourcing.NodeSettings("DHK", capacity=40, cut_off="17:30", rates={"*": sourcing.Rate(100, 7)}, lat=23.8, lng=90.4)
    async with shelf.transaction() as tx:
        assert await sourcing.put_nodes(tx, [node], now=NOW) == {"DHK": 1}
        assert await sourcing.load_nodes(tx) == {"DHK": msgspec.structs.replace(node, version=1)}


async def test_two_who_fill_the_same_day_wait_for_each_other(shelf: Database) -> None:
    async with shelf.transaction() as tx:
        await sourcing.put_nodes(tx, [sourcing.NodeSettings("DHK", capacity=40)], now=NOW)

    async def fill() -> int:
        async with shelf.transaction() as tx:
            used = await sourcing.used_on(tx, ["DHK"], TODAY)
            await sourcing.record_used(tx, {("DHK", TODAY): 1})
            return used.get(("DHK", TODAY), 0)

    assert sorted(await asyncio.gather(*[fill() for _ in range(5)])) == [0, 1, 2, 3, 4]


async def test_an_orders_plans_are_kept_with_what_was_considered(database: Database) -> None:
    plan = sourcing.Plan(
        "vo-1", (sourcing.Parcel("DHK", ((1, 2),)), sourcing.Parcel("CTG", ((1, 1),))), sourcing.Cost(18_000, 500, 0, 2_000), "cheapest",
        "near", 4, (sourcing.Alternative(("SYL",), "short", 9_000),),
    )  # fmt: skip
    async with database.transaction() as tx:
        new = [sourcing.NewPlan(ORDERS[4 - n], ORDERS[0], n + 3, [plan], ["p1", "p2"]) for n in (1, 0)]
        await sourcing.record_plans(tx, new, now=NOW)
        newest, _ = await sourcing.plans(tx, ORDERS[0])
    assert (newest.version, newest.strategy, newest.rule, newest.rule_version, newest.cost) == (3, "cheapest", "near", 4, 20_500)
    kept = msgspec.json.decode(newest.plan)
    assert [(p["parcel"], p["node"], p["lines"]) for p in kept["parcels"]] == [("p1", "DHK", [[1, 2]]), ("p2", "CTG", [[1, 1]])]
    (considered,) = msgspec.json.decode(newest.alternatives)
    assert considered == {"vendor_order": "vo-1", "considered": [{"nodes": ["SYL"], "why": "short", "cost": 9_000}]}
