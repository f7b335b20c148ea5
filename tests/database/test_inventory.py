"""Stock on a real PostgreSQL: every change has its cause, holds end by themselves, nothing goes below what was promised."""

from datetime import UTC, datetime, timedelta

import pytest

from haat.domain import inventory
from haat.domain.inventory import Level, Levels, Movement, Take, Terms
from haat.engine.database import Database
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def identity(n: int) -> str:
    return f"01a20000-0000-7000-8000-{n:012d}"


def receipt(n: int, quantity: int, sku: str = "TEA") -> Movement:
    return Movement(identity(n), sku, "DHK", quantity, "receipt", f"PO-{n}")


async def move(database: Database, *movements: Movement) -> None:
    async with database.transaction() as tx:
        await inventory.move(tx, movements, actor="admin:1", now=NOW)


async def level(database: Database, sku: str = "TEA") -> tuple[int, int]:
    async with database.reading() as tx:
        (found,) = await inventory.levels(tx, [sku])
        assert await inventory.drift(tx) == []
        return found.on_hand, found.reserved


@pytest.fixture
async def shelf(database: Database) -> Database:
    async with database.transaction() as tx:
        await inventory.put_locations(tx, [inventory.Location("DHK", "Tejgaon")])
    await move(database, receipt(1, 10))
    return database


async def test_every_movement_says_what_was_there_after_it_and_happens_once(shelf: Database) -> None:
    await move(shelf, receipt(2, 5), receipt(3, -2))
    await move(shelf, receipt(3, -2), receipt(4, 1))
    async with shelf.reading() as tx:
        found = await inventory.movements(tx, "TEA")
        page = await inventory.movements(tx, "TEA", before=identity(3), limit=1)
    assert [(m.id, m.quantity, m.on_hand_after) for m in found] == [
        (identity(4), 1, 14), (identity(3), -2, 13), (identity(2), 5, 15), (identity(1), 10, 10),
    ]  # fmt: skip
    assert [m.id for m in page] == [identity(2)]
    assert await level(shelf) == (14, 0)


@pytest.mark.parametrize("quantity", [-11, -8])
async def test_what_is_not_there_or_is_promised_cannot_leave(shelf: Database, quantity: int) -> None:
    async with shelf.transaction() as tx:
        await inventory.reserve(tx, [(identity(50), [Take(1, "TEA", "DHK", 3)])], {("TEA", "DHK"): 3}, now=NOW)
    with pytest.raises(Refused) as refusal:
        await move(shelf, receipt(2, 4, "CUP"), receipt(3, quantity))
    assert refusal.value.code == "stock_would_go_negative"
    assert await level(shelf) == (10, 3)
    async with shelf.reading() as tx:
        assert await inventory.levels(tx, ["CUP"]) == []


async def test_stock_lies_at_places_that_exist(shelf: Database) -> None:
    with pytest.raises(Refused) as refusal:
        await move(shelf, Movement(identity(2), "TEA", "MARS", 1, "receipt"))
    assert refusal.value.code == "unknown_location"


async def test_a_hold_ends_by_itself_and_a_committed_reservation_does_not(shelf: Database) -> None:
    async with shelf.transaction() as tx:
        await inventory.hold(
            tx, [(identity(50), [Take(1, "TEA", "DHK", 4)])], {("TEA", "DHK"): 4}, until=NOW + timedelta(minutes=15), now=NOW
        )
        await inventory.reserve(tx, [(identity(51), [Take(1, "TEA", "DHK", 3)])], {("TEA", "DHK"): 3}, now=NOW)
    assert await level(shelf) == (10, 7)
    for minutes, ended, reserved in ((14, 0, 7), (15, 1, 3), (99, 0, 3)):
        async with shelf.transaction() as tx:
            assert await inventory.expire(tx, now=NOW + timedelta(minutes=minutes)) == ended
        assert await level(shelf) == (10, reserved)


async def test_two_who_end_holds_at_once_end_each_once(shelf: Database) -> None:
    async with shelf.transaction() as tx:
        for n in range(5):
            await inventory.hold(tx, [(identity(50 + n), [Take(1, "TEA", "DHK", 1)])], {("TEA", "DHK"): 1}, until=NOW, now=NOW)
    async with shelf.transaction() as other:
        first = await other.fetch("SELECT owner FROM order_reservations WHERE status = 'HELD' ORDER BY owner LIMIT 2 FOR UPDATE")
        async with shelf.transaction() as tx:
            assert await inventory.expire(tx, now=NOW) == 5 - len(first)
    async with shelf.transaction() as tx:
        assert await inventory.expire(tx, now=NOW) == 2
    assert await level(shelf) == (10, 0)


async def test_terms_that_would_break_a_promise_are_refused(shelf: Database) -> None:
    terms = Terms("TEA", "DHK", backorder_limit=5, expected_at=NOW, safety={"web": 2})
    async with shelf.transaction() as tx:
        await inventory.put_terms(tx, [terms])
        (stored,) = await inventory.lock_levels(tx, ["TEA"])
        assert stored == Level("TEA", "DHK", 10, 0, 5, NOW, {"web": 2})
        desk = Levels([stored], {"DHK": 1})
        admitted = desk.admit([(1, "TEA", 13)], "web")
        assert isinstance(admitted, inventory.Admitted)
        await inventory.reserve(tx, [(identity(50), admitted.takes)], desk.deltas, now=NOW)
    assert await level(shelf) == (10, 13)
    with pytest.raises(Refused) as refusal:
        async with shelf.transaction() as tx:
            await inventory.put_terms(tx, [Terms("TEA", "DHK", backorder_limit=2)])
    assert refusal.value.code == "stock_would_go_negative"
