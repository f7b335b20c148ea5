"""Parcels that end one way here and another way there, cash that no delivery speaks of, and riders whom only a person reaches."""

from collections.abc import Sequence
from pathlib import Path

from haat import app
from haat.app import desks
from haat.domain import orders
from haat.domain.fulfilment.couriers import own
from haat.engine import outside
from haat.insight import auditing
from tests.flows import casting, lives
from tests.flows.fulfilling_ground import opened

ON_THE_ROAD = lives.BY_NAME["delivered_after_it_was_received"]


class OwnRiders(casting.Parties):
    """The market's own riders beside everybody."""

    def connectors(self) -> desks.Connectors:
        found = super().connectors()
        return {**found, "courier": {**found["courier"], "own": own.COURIER}}


async def nothing_is_broken(cast: casting.Cast) -> bool:
    parts = cast.stage.parts
    return not await auditing.audit(parts.database, parts.journal, parts.flows, cast.stage.clock.now(), app.invariants())


async def happens(cast: casting.Cast, order_id: str, *scenes: lives.Act) -> orders.Order:
    for scene in scenes:
        await cast.scene(scene, [order_id])
        await cast.pause()
    return await cast.order(order_id)


async def only_own_riders(cast: casting.Cast, ids: Sequence[str]) -> None:
    del ids
    parts, found = cast.stage.parts, cast.parties.connectors()
    async with parts.database.transaction() as tx:
        sheet = outside.Sheet(kind="courier", plugin="own")
        await outside.connections.put(tx, {"riders": sheet}, found, parts.desks.outside.vault, now=cast.stage.clock.now())
        await outside.connections.deactivate(tx, ["swift"], now=cast.stage.clock.now())
    await parts.memory.catch_up()


async def test_cash_for_what_was_received_by_mistake_is_shown_until_somebody_books_it(dsn: str, tmp_path: Path) -> None:
    async with casting.opened(dsn, tmp_path, ON_THE_ROAD) as cast:
        order_id = await cast.place()
        await cast.pause()
        order = await happens(cast, order_id, lives.rides("picked_up", "out_for_delivery"), lives.takes_back)
        cash = order.shipments[0].cash
        assert (order.status, order.payment_status, cash) == ("completed", "not_required", order.totals.grand)
        order = await happens(cast, order_id, lives.rides("delivered", paid=True))
        assert {e.cause for e in order.exceptions} == {"ended_otherwise", "cash_unbooked"}
        assert await nothing_is_broken(cast), "nobody waits for what is back"
        order = await happens(cast, order_id, lives.books_cash, lives.books_cash)
        assert sum(a.captured for t in order.payments for a in t.attempts) == orders.settling.owing(order) - 6_000 == cash
        assert (order.payment_status, order.refunds) == ("paid", ()), "nobody sends it back"
        assert (await cast.stage.said(order_id)).count("OrderCashTaken") == 1
        assert await nothing_is_broken(cast)


async def test_what_ended_otherwise_is_still_shown_when_its_order_is_complete(dsn: str, tmp_path: Path) -> None:
    async with casting.opened(dsn, tmp_path, ON_THE_ROAD) as cast:
        order_id = await cast.place()
        await cast.pause()
        await happens(cast, order_id, lives.rides("picked_up", "out_for_delivery"))
        for scene in (lives.takes_back, lives.rides("delivered", paid=True)):
            await cast.scene(scene, [order_id])
        await cast.pause()
        order = await cast.order(order_id)
        said = await cast.stage.said(order_id)
        assert order.status == "completed" and said.index("OrderShipmentDoubted") < said.index("OrderCompleted")
        assert {e.cause for e in order.exceptions} == {"ended_otherwise", "cash_unbooked"}


async def test_a_rider_of_one_s_own_is_told_by_somebody_who_says_that_it_stayed_at_home(dsn: str, tmp_path: Path) -> None:
    async with casting.opened(dsn, tmp_path, lives.BY_NAME["cancelled_after_booking"], parties=OwnRiders()) as cast:
        await cast.scene(only_own_riders, [])
        order_id = await cast.place()
        await cast.pause()
        order = await happens(cast, order_id, lives.pays, lives.cancels)
        assert (order.shipments[0].courier, order.shipments[0].status, order.status) == ("riders", "booked", "processing")
        (trouble,) = order.exceptions
        assert (trouble.step, trouble.cause, trouble.owner, trouble.repairs) == (
            "recall",
            "recall_declined",
            "fulfilment",
            ("retry", "skip"),
        )

        @lives.each
        def stayed(order: orders.Order) -> tuple[lives.Fact, ...]:
            return orders.ascertaining.home(order, order.shipments[0], reason="changed_mind", now=order.updated_at)

        order = await happens(cast, order_id, stayed)
        assert (order.status, order.payment_status, order.exceptions) == ("cancelled", "refunded", ())


async def test_a_vendor_that_brings_its_parcels_itself_is_missed(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True, self_ship=True, handling_hours=10)
        order = await ground.confirmed({"TEA": 2})
        parcel = order.shipments[0].id
        order = await ground.later(order, hours=9)
        assert order.exceptions == ()
        order = await ground.later(order, hours=1)
        assert [(e.step, e.cause, e.owner) for e in order.exceptions] == [("ship_by", "late_to_hand_over", "vendors")]
        order = await ground.do(order, lambda o: orders.fulfilling.hand_over(o, parcel, reference=parcel, cash=0))
        assert order.exceptions == ()
        order = await ground.later(order, days=4)
        order = await ground.do(order, lambda o: orders.fulfilling.out(o, parcel))
        order = await ground.later(order, days=2)
        assert [e.cause for e in order.exceptions] == ["courier_silent"]
        order = await ground.do(order, lambda o: orders.fulfilling.deliver(o, parcel))
        assert order.exceptions == ()


async def test_a_vendor_that_books_couriers_again_waits_for_one(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True, self_ship=True, handling_hours=10)
        order = await ground.confirmed({"TEA": 2})
        await ground.vendor(auto_accept=True, auto_pack=True)
        order = await ground.later(order, hours=10)
        assert (order.shipments[0].status, order.shipments[0].courier, order.exceptions) == ("booked", "swift", ())


async def test_a_vendor_on_the_road_is_told_to_turn_round_after_three_tries(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True, self_ship=True)
        order = await ground.confirmed({"TEA": 2})
        parcel = order.shipments[0].id
        order = await ground.do(order, lambda o: orders.fulfilling.hand_over(o, parcel, reference=parcel, cash=0))
        for _ in range(3):
            assert order.exceptions == ()
            order = await ground.do(order, lambda o: orders.fulfilling.fail(o, parcel, reason="not_at_home"))
        assert [(e.step, e.cause, e.owner) for e in order.exceptions] == [("tell", "tell_the_vendor", "fulfilment")]
        order = await ground.do(order, lambda o: orders.fulfilling.turn_back(o, parcel, reason="customer_refused"))
        assert order.exceptions == ()
        steps = await ground.stage.steps(order.id)
        assert steps[f"fulfilment:return_overdue:{parcel}"] == "due", "and the way back has its own time"


async def test_a_place_is_named_to_the_courier_that_picks_up_there(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as ground:
        await ground.vendor(auto_accept=True, auto_pack=True)
        order = await ground.confirmed({"TEA": 2})
        assert ground.swift.booked[f"{order.number}-1"].pickup == order.shipments[0].location == "DHK"
