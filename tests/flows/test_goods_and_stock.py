"""Goods and stock tell the same story: whatever is packed, sent, cut, lost and brought back, alone or in one transaction.

After every step the reservations are what is still at home, each place holds what its parcels will take from it, and on hand is
what was there less what left, plus what came back sound. For plain lines and for kits, with units at two places.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from haat.domain import inventory, orders
from haat.domain.orders import events
from haat.engine.flowing import Flow
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.flows import stage

PARTS = {1: {"LAST": 1}, 2: {"TEA": 2, "CUP": 1}}
QUIET = Flow(code="quiet", title="Quiet", facts=frozenset({events.OrderNoted}), decide=lambda order, fact: (), run={})
Decide = Callable[[orders.Order], tuple[Fact, ...]]


class Shelves:
    """An order of 8 LAST and 6 breakfasts, half of each at DHK and half at CTG, in parcels."""

    def __init__(self, s: stage.Stage) -> None:
        self.stage = s
        self.order_id = ""
        self.name: dict[str, str] = {}  # of the parcels, by place and line
        self.began: dict[tuple[str, str], int] = {}
        self.moved: Counter[tuple[str, str]] = Counter()

    async def begin(self) -> None:
        s = self.stage
        draw = s.parts.draw
        async with s.parts.database.transaction() as tx:
            await inventory.put_locations(tx, [inventory.Location("CTG", "Chattogram", district="chattogram", priority=200)])
            goods = [
                ("TEA", "DHK", -94),
                ("CUP", "DHK", -97),
                ("LAST", "DHK", -1),
                ("TEA", "CTG", 6),
                ("CUP", "CTG", 3),
                ("LAST", "CTG", 4),
            ]
            moves = [inventory.Movement(draw.uuid(), sku, place, units, "count") for sku, place, units in goods]
            await inventory.move(tx, moves, actor="system", now=s.clock.now())
        await s.parts.memory.catch_up()
        placed = await s.place({"LAST": 8, "BREAKFAST": 6})
        self.order_id = placed.id
        share = {v.vendor: v.id for v in placed.vendor_orders}
        planned = [
            events.PlannedParcel(
                self.name.setdefault(f"{place}-{line.line_no}", draw.uuid()),
                share[line.vendor],
                place,
                (events.ParcelLine(line.line_no, line.quantity // 2),),
            )
            for line in placed.lines
            for place in ("CTG", "DHK")
        ]
        await s.ask(placed.id, lambda order: (events.OrderConfirmed(), events.OrderInventoryAllocated("plan", tuple(planned))))
        self.began = {key: on_hand for key, (on_hand, _) in (await self.levels()).items()}

    async def levels(self) -> dict[tuple[str, str], tuple[int, int]]:
        async with self.stage.parts.database.reading() as tx:
            rows = await tx.fetch("SELECT sku, location, on_hand, reserved FROM stock")
        return {(r[0], r[1]): (r[2], r[3]) for r in rows}

    async def together(self, *decisions: Decide) -> None:
        """Ask for all of this at once: one transaction. What does not fit is refused."""
        before = await self.stage.order(self.order_id)
        answers = await asyncio.gather(*[self.stage.ask(self.order_id, decide) for decide in decisions], return_exceptions=True)
        assert [a for a in answers if isinstance(a, Exception) and not isinstance(a, Refused)] == []
        facts = [fact for a in answers if isinstance(a, orders.Changed) for fact in a.facts]
        home = {p.id for p in before.shipments if p.status in orders.AT_HOME}
        after = {p.id: p for p in (await self.stage.order(self.order_id)).shipments}
        for fact in facts:
            if isinstance(fact, events.OrderShipped | events.OrderParcelLost) and fact.parcel in home:
                home.discard(fact.parcel)
                self.count(after[fact.parcel].location, after[fact.parcel].lines, -1)
            if isinstance(fact, events.OrderReturnReceived):
                self.count(after[fact.parcel].location, fact.sound, 1)

    def count(self, place: str, lines: Sequence[events.ParcelLine], sign: int) -> None:
        for line in lines:
            for sku, each in PARTS[line.line_no].items():
                self.moved[sku, place] += sign * each * line.quantity

    async def check(self) -> None:
        order = await self.stage.order(self.order_id)
        async with self.stage.parts.database.reading() as tx:
            assert await inventory.drift(tx) == []
            kept = await inventory.holding(tx, [self.order_id])
        for line in order.lines:
            home = sum(line.buckets.get(bucket, 0) for bucket in orders.STOPPABLE)
            for sku, each in PARTS[line.line_no].items():
                mine = [r for r in kept if r.line_no == line.line_no and r.sku == sku]
                assert sum(r.held for r in mine) == each * home, (line.buckets, mine)
                for place in ("DHK", "CTG"):
                    parcels = [p for p in order.shipments if p.location == place and p.status in orders.AT_HOME]
                    wanted = each * sum(x.quantity for p in parcels for x in p.lines if x.line_no == line.line_no)
                    assert sum(r.held for r in mine if r.location == place) >= wanted, (place, parcels, mine)
        for key, (on_hand, reserved) in (await self.levels()).items():
            assert on_hand == self.began[key] + self.moved[key]
            assert reserved >= 0


def when(statuses: Sequence[str], make: Callable[[orders.Parcel], Fact]) -> Callable[[str], Decide]:
    """A decision about a parcel in one of these statuses; refused in others."""

    def about(parcel_id: str) -> Decide:
        def decide(order: orders.Order) -> tuple[Fact, ...]:
            parcel = next(p for p in order.shipments if p.id == parcel_id)
            if parcel.status not in statuses:
                raise Refused("not_now", "not now", kind="conflict")
            return (make(parcel),)

        return decide

    return about


HOME = tuple(orders.AT_HOME)
ROAD = ("shipped", "out_for_delivery", "attempt_failed", "returning")
pick = when(("planned",), lambda p: events.OrderFulfillmentStarted(p.id))
pack = when(("planned", "picking"), lambda p: events.OrderParcelPacked(p.id))
pack_one = when(
    ("planned", "picking"),
    lambda p: events.OrderParcelPacked(
        p.id, 0, (events.ParcelLine(p.lines[0].line_no, 1),), str(uuid.uuid5(uuid.NAMESPACE_OID, p.id)) if p.lines[0].quantity > 1 else ""
    ),
)
ship = when(HOME, lambda p: events.OrderShipped(p.id))
lose = when((*HOME, *ROAD), lambda p: events.OrderParcelLost(p.id))
deliver = when(ROAD, lambda p: events.OrderDelivered(p.id))
come_back = when(
    ROAD,
    lambda p: events.OrderReturnReceived(
        p.id,
        sound=(events.ParcelLine(p.lines[0].line_no, 1),),
        damaged=orders.goods.less(p.lines, (events.ParcelLine(p.lines[0].line_no, 1),)),
    ),
)


def cut(line_no: int, quantity: int) -> Decide:
    return lambda order: orders.cancel(order, {line_no: quantity}, reason="changed_mind")


async def test_units_that_are_cut_at_one_place_leave_the_parcels_of_the_other_place_their_stock(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, QUIET) as s:
        shelves = Shelves(s)
        await shelves.begin()
        await shelves.check()
        await shelves.together(pack(shelves.name["CTG-1"]))
        await shelves.together(cut(1, 4))
        assert [p.id for p in (await s.order(shelves.order_id)).shipments if p.status == "cancelled"] == [shelves.name["DHK-1"]]
        await shelves.check()
        await shelves.together(ship(shelves.name["CTG-1"]))
        await shelves.check()
        assert (await shelves.levels())["LAST", "CTG"] == (0, 0)


async def test_a_parcel_that_leaves_while_the_rest_is_cut_takes_its_own_units_and_no_others(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, QUIET) as s:
        shelves = Shelves(s)
        await shelves.begin()
        await shelves.together(ship(shelves.name["CTG-1"]), cut(1, 4), ship(shelves.name["DHK-2"]), cut(2, 2))
        await shelves.check()


async def test_a_parcel_that_leaves_and_is_lost_at_once_leaves_once(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, QUIET) as s:
        shelves = Shelves(s)
        await shelves.begin()
        await shelves.together(pack_one(shelves.name["CTG-1"]))
        await shelves.together(ship(shelves.name["CTG-1"]), lose(shelves.name["CTG-1"]))
        await shelves.check()


async def test_the_second_half_of_a_kit_leaves_as_whole_as_the_first(dsn: str, tmp_path: Path) -> None:
    async with stage.opened(dsn, tmp_path, QUIET) as s:
        shelves = Shelves(s)
        await shelves.begin()
        for place in ("CTG-2", "DHK-2"):
            await shelves.together(ship(shelves.name[place]))
            await shelves.check()


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_history_the_shelves_hold_what_the_order_says(dsn: str, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with stage.opened(dsn, tmp_path, QUIET) as s:
        for _ in range(4):
            shelves = Shelves(s)
            await shelves.begin()
            for _ in range(14):
                parcels = [p.id for p in (await s.order(shelves.order_id)).shipments]
                doings: list[Decide] = []
                for _ in range(chance.choice((1, 1, 2, 3))):
                    if chance.random() < 0.3:
                        doings.append(cut(chance.choice((1, 2)), chance.randint(1, 3)))
                    else:
                        doings.append(chance.choice((pick, pack, pack_one, ship, lose, deliver, come_back))(chance.choice(parcels)))
                await shelves.together(*doings)
                await shelves.check()
            await empty(s)


async def empty(s: stage.Stage) -> None:
    """The market as it was before: nobody holds anything, and the shelves are as the seed left them."""
    goods = {"TEA": 100, "CUP": 100, "LAST": 5}
    async with s.parts.database.transaction() as tx:
        await tx.execute("DELETE FROM order_reservations")
        await tx.execute("UPDATE stock SET on_hand = 0, reserved = 0")
        moves = [inventory.Movement(s.parts.draw.uuid(), sku, "DHK", units, "count") for sku, units in goods.items()]
        await inventory.move(tx, moves, actor="system", now=s.clock.now())


async def test_an_order_that_comes_back_counts_again_and_nobody_is_admitted_beyond_the_limit(dsn: str, tmp_path: Path) -> None:
    def back(order: orders.Order) -> tuple[Fact, ...]:
        assert isinstance(ended, events.OrderCancelled)
        return orders.settling.reinstate(first, ended, (), reason="paid_late")

    async def used() -> int:
        async with s.parts.database.reading() as tx:
            return int(await tx.fetchval("SELECT sum(used) FROM quotas"))

    async with stage.opened(dsn, tmp_path, QUIET) as s:
        first = await s.place({"FEW": 3}, phone="01712345678")
        assert await used() == 3
        ended = (await s.ask(first.id, lambda o: orders.cancel(o, None, reason="changed_mind"))).facts[0]
        assert await used() == 0
        second = await s.place({"FEW": 2}, phone="01712345678")
        await s.ask(first.id, back)
        assert await used() == 5, "both were promised; the limit is three"
        with pytest.raises(Refused, match="more than one customer may buy"):
            await s.place({"FEW": 1}, phone="01712345678")
        await s.ask(first.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        assert await used() == 2
        await s.ask(second.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        assert await used() == 0
