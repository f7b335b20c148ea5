"""Parcels that left although they were cancelled: where the goods are, what the stock says, what is owed, and who decides."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haat import app
from haat.domain import inventory, orders
from haat.engine.flowing.repairing import Search
from haat.flows import repairing
from haat.insight import auditing
from haat.kernel.facts import Origin
from tests.flows import casting, lives

KEPT, TAKEN_ALONG = lives.BY_NAME["delivered_after_it_was_cancelled"], lives.BY_NAME["taken_along_after_it_was_cancelled"]


@asynccontextmanager
async def broken_off(dsn: str, place: Path, life: casting.Life) -> AsyncIterator[tuple[casting.Cast, str]]:
    """An order that ended while its courier would not turn round; its stock was given back."""
    async with casting.opened(dsn, place, life) as cast:
        order_id = await cast.place()
        await cast.pause()
        scenes = [lives.pays] if life.method != "cod" else []
        for scene in (*scenes, lives.drives_on, lives.breaks_off):
            await cast.scene(scene, [order_id])
            await cast.pause()
        order = await cast.order(order_id)
        assert [e.cause for e in order.exceptions] == ["recall_declined"]
        yield cast, order_id


async def happens(cast: casting.Cast, order_id: str, *scenes: lives.Act) -> orders.Order:
    for scene in scenes:
        await cast.scene(scene, [order_id])
        await cast.pause()
    return await cast.order(order_id)


async def on_hand(cast: casting.Cast) -> int:
    async with cast.stage.parts.database.reading() as tx:
        assert await inventory.drift(tx) == []
        return sum(level.on_hand for level in await inventory.levels(tx, ["TEA"]))


async def nothing_is_broken(cast: casting.Cast) -> bool:
    parts = cast.stage.parts
    return not await auditing.audit(parts.database, parts.journal, parts.flows, cast.stage.clock.now(), app.invariants())


async def test_what_was_paid_at_the_door_is_what_it_costs_and_somebody_is_told(dsn: str, tmp_path: Path) -> None:
    async with broken_off(dsn, tmp_path, KEPT) as (cast, order_id):
        before, cash = await on_hand(cast), (await cast.order(order_id)).shipments[0].cash
        order = await happens(cast, order_id, lives.PAID_AT_THE_DOOR)
        assert (order.status, order.payment_status, order.shipments[0].status) == ("cancelled", "paid", "delivered")
        assert [(e.step, e.cause, e.owner, e.repairs) for e in order.exceptions] == [
            ("strayed", "delivered_after_cancel", "fulfilment", ("skip",))
        ]
        assert (order.totals.grand, order.refunds) == (cash, ()), "the buyer has the goods, and has paid for them"
        assert order.lines[0].buckets == {"cancelled": 2}
        assert before - await on_hand(cast) == 2, "they are not in the house"
        assert await nothing_is_broken(cast)


async def test_what_was_given_back_already_is_not_asked_for_again(dsn: str, tmp_path: Path) -> None:
    async with broken_off(dsn, tmp_path, TAKEN_ALONG) as (cast, order_id):
        order = await happens(cast, order_id, lives.DELIVERED)
        assert (order.payment_status, order.shipments[0].status, order.totals.grand) == ("refunded", "delivered", 0)
        assert [e.cause for e in order.exceptions] == ["delivered_after_cancel"]
        assert await nothing_is_broken(cast)


async def test_what_comes_back_is_on_hand_again_and_nobody_is_bothered(dsn: str, tmp_path: Path) -> None:
    async with broken_off(dsn, tmp_path, TAKEN_ALONG) as (cast, order_id):
        before = await on_hand(cast)
        order = await happens(cast, order_id, lives.rides("picked_up"))
        assert (order.shipments[0].status, before - await on_hand(cast)) == ("shipped", 2)
        assert len([c for c in cast.parties.riders.calls if c.startswith("cancel")]) > 1, "it is asked to turn round once more"
        order = await happens(cast, order_id, lives.rides("returning", "returned"))
        assert (order.shipments[0].status, order.exceptions, await on_hand(cast)) == ("returned", (), before)
        assert await nothing_is_broken(cast)


async def test_goods_that_were_promised_to_others_meanwhile_are_counted_by_somebody(dsn: str, tmp_path: Path) -> None:
    async with broken_off(dsn, tmp_path, TAKEN_ALONG) as (cast, order_id):
        parts, before = cast.stage.parts, await on_hand(cast)
        async with parts.database.transaction() as tx:
            moved = inventory.Movement(parts.draw.uuid(), "TEA", "DHK", 1 - before, "count")
            await inventory.move(tx, [moved], actor="admin:test", now=cast.stage.clock.now())
        order = await happens(cast, order_id, lives.rides("picked_up"))
        assert "sold_again" in [e.cause for e in order.exceptions] and await on_hand(cast) == 1
        await happens(cast, order_id, lives.receives("TEA", 10))
        repair = repairing.Repair("retry", "counted", Origin("admin:test", "api"))
        for _ in range(2):
            await repairing.repair_all(parts.database, parts.keeper.change, Search(cause="sold_again"), repair, now=cast.stage.clock.now())
            order = await happens(cast, order_id)
            await cast.pause()
        assert await on_hand(cast) == 9
        order = await happens(cast, order_id, lives.rides("returning", "returned"))
        assert (await on_hand(cast), order.exceptions) == (11, ())
        assert await nothing_is_broken(cast)
