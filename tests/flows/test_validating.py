"""Validation as a story: screened when the stock is set aside, looked at where that says so, confirmed when nothing is missing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haat.domain import fraud, orders, people
from haat.domain.orders import events
from haat.engine.changes import Memory
from haat.engine.database import Database
from haat.engine.flowing import Again, Done, Local, Step, Stop, Task
from haat.engine.followers import Follower
from haat.flows import validating
from haat.kernel.facts import Fact
from tests.database import trading
from tests.domain.fraud.cases import MODELS, RULES
from tests.domain.orders.histories import NOW, SHOP, a_line, after, created, reserved
from tests.flows import stage as staging
from tests.flows.stage import Stage

PARCEL = "01a20000-0000-7000-8000-0000000000aa"
PLAN = "01a20000-0000-7000-8000-0000000000bb"
DEAR = {"POT": 15}  # BDT 13,500 and more: a first order this dear, paid at the door, is 200 points


class Screened(Stage):
    """A stage, and what its screening remembers of policies and blocks."""

    screening: Memory


def a_desk(memory: Memory) -> validating.Desk:
    return validating.Desk(memory, rules=RULES, models=MODELS, key=fraud.key_of("tests"))


@asynccontextmanager
async def opened(dsn: str, place: Path, **policy: Any) -> AsyncIterator[Screened]:
    """A stage with nothing but validation on it, every channel screened by `policy`."""
    database = await Database.open(dsn, size=2)
    memory = Memory(database)
    async with database.transaction() as tx:
        await fraud.put_policy(tx, "default", fraud.PolicySheet(**policy), expected=None, by="admin:test", now=NOW)
    desk = a_desk(memory)
    await memory.start()
    try:
        async with staging.opened(dsn, place, validating.flow(desk)) as stage:
            yield Screened(stage.parts, stage.clock, stage.lane, stage.worker, stage.dsn, memory)
    finally:
        await memory.stop()
        await database.close()


def planned(order: orders.Order) -> tuple[Fact, ...]:
    """Cash is due at the door, and every unit has its place."""
    lines = tuple(events.ParcelLine(line.line_no, line.quantity) for line in order.lines)
    return (
        events.OrderPaymentRequested("p1", "cod", order.totals.grand),
        events.OrderInventoryAllocated(PLAN, (events.PlannedParcel(PARCEL, order.vendor_orders[0].id, "DHK", lines),)),
    )


async def test_an_ordinary_order_is_screened_and_confirmed_when_money_and_goods_are_settled(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as stage:
        placed = await stage.place()
        await stage.settle()
        order = await stage.order(placed.id)
        assert (order.screening, order.status) == ("pass", "placed"), "nobody has said how it is paid and where it comes from"
        await stage.ask(order.id, planned)
        await stage.settle()
        assert (await stage.order(order.id)).status == "confirmed"
        assert (await stage.said(order.id)).count("OrderConfirmed") == 1
        async with stage.parts.database.reading() as tx:
            (score,) = await fraud.scores(tx, order.id)
            assert (score.outcome, score.score, score.version) == ("pass", 0, placed.version)


async def test_a_suspicious_order_waits_for_a_person_and_goes_on_when_approved(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=200) as stage:
        order_id = (await stage.place(DEAR)).id
        await stage.settle()
        await stage.ask(order_id, planned)
        await stage.settle()
        held = await stage.order(order_id)
        (hold,) = held.holds
        assert (held.screening, held.status, hold.kind, hold.reason) == ("review", "placed", "FRAUD_REVIEW", "first_order_high_cod")
        assert hold.until == held.holds[0].since + timedelta(hours=6)  # type: ignore[operator]
        async with stage.parts.database.reading() as tx:
            (review,) = await fraud.reviews(tx, after=None, channel="web", limit=9)
        assert (review.order_id, review.hold, review.score) == (order_id, hold.id, 200)
        await stage.ask(order_id, lambda o: orders.release(o, hold_id=hold.id, reason="called"))
        await stage.settle()
        assert (await stage.order(order_id)).status == "confirmed"
        assert (await stage.steps(order_id))[f"validation:review_overdue:{hold.id}"] not in ("due", "dead")
        await stage.later(hours=7)
        assert not (await stage.order(order_id)).exceptions


async def test_a_review_that_nobody_decides_is_shown_to_the_fraud_desk(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=200, review_limit_s=3600) as stage:
        order_id = (await stage.place(DEAR)).id
        await stage.settle()
        await stage.later(minutes=59)
        assert not (await stage.order(order_id)).exceptions
        await stage.later(minutes=2)
        (trouble,) = (await stage.order(order_id)).exceptions
        assert (trouble.flow, trouble.cause, trouble.owner) == ("validation", "review_overdue", "fraud")


async def test_any_hold_that_nobody_decides_is_shown_to_somebody_until_it_is_released(dsn: str, tmp_path: Path) -> None:
    async with staging.opened(dsn, tmp_path) as stage:
        order_id = (await stage.place({"TEA": 1})).id
        await stage.ask(order_id, lambda o: orders.hold(o, hold_id="h", kind="DUPLICATE", reason="duplicate_order"))
        await stage.settle()
        await stage.later(hours=23)
        assert not (await stage.order(order_id)).exceptions
        await stage.later(hours=2)
        (trouble,) = (await stage.order(order_id)).exceptions
        assert (trouble.flow, trouble.cause, trouble.owner) == ("validation", "hold_overdue", "operations")
        await stage.ask(order_id, lambda o: orders.release(o, hold_id="h", reason="called"))
        await stage.settle()
        assert not (await stage.order(order_id)).exceptions


async def test_a_hold_of_an_order_that_ended_waits_for_nobody(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as stage:
        order_id = (await stage.place({"TEA": 1})).id
        await stage.ask(order_id, lambda o: orders.hold(o, hold_id="h", kind="DUPLICATE", reason="duplicate_order"))
        await stage.ask(order_id, lambda o: orders.cancel(o, quantities=None, reason="customer_request"))
        await stage.later(hours=25)
        assert not (await stage.order(order_id)).exceptions
        assert (await stage.steps(order_id))["validation:hold_overdue:h"] == "stopped"


async def test_a_review_that_nobody_decides_may_end_the_order(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=200, review_limit_s=3600, overdue="reject") as stage:
        order_id = (await stage.place(DEAR)).id
        await stage.settle()
        await stage.later(hours=2)
        order = await stage.order(order_id)
        assert (order.status, order.holds, order.totals.grand) == ("rejected", (), 0)


async def test_an_order_beyond_doubt_is_rejected_and_its_stock_set_free(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=100, reject_at=200) as stage:
        order_id = (await stage.place(DEAR)).id
        await stage.settle()
        order = await stage.order(order_id)
        assert (order.screening, order.status) == ("reject", "rejected")
        assert order.lines[0].buckets == {"cancelled": 15}
        async with stage.parts.database.reading() as tx:
            held = await tx.fetchval("SELECT coalesce(sum(quantity - released), 0) FROM order_reservations WHERE owner = $1", order_id)
            assert held == 0


async def test_what_another_marketplace_sold_passes_unscreened(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=1, reject_at=1) as stage:
        external = {"id": "B-1"}
        lines = [{"sku": "POT", "quantity": 15, "unit_price": 90_000}]
        body = trading.body({}, channel="bazaar", customer={"name": "B"}) | {"lines": lines, "external": external}
        order_id = (await trading.place(stage.parts, body)).order.id
        await stage.settle()
        assert (await stage.order(order_id)).screening == "pass"
        (told,) = [f for f in await stage.facts(order_id) if isinstance(f, events.OrderScreened)]
        assert [reason.rule for reason in told.reasons] == ["external"]
        assert await trading.count(stage.parts, "fraud_sightings") == 0


async def test_a_buyer_who_was_blocked_after_ordering_is_rejected(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as stage:
        order_id = (await stage.place(phone="01712345678")).id
        async with stage.parts.database.transaction() as tx:
            wish = people.BlockOrder(id=stage.parts.draw.uuid(), kind="phone", value="+8801712345678", reason="refuses")
            await people.block(tx, [wish], by="admin:test", now=stage.clock.now())
        await stage.screening.catch_up()
        await stage.settle()
        order = await stage.order(order_id)
        assert (order.screening, order.status) == ("reject", "rejected")


async def test_what_became_of_orders_is_held_against_the_next_one(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as stage:
        phone = "01712340000"
        ids = [(await stage.place({"TEA": n}, phone=phone)).id for n in (1, 2, 3)]
        await stage.settle()
        for order_id in ids[:2]:
            refused = (events.OrderReturnStarted(PARCEL, "customer_refused"),)
            await stage.ask(order_id, lambda o: (*planned(o), events.OrderShipped(PARCEL)))
            await stage.ask(order_id, lambda o, facts=refused: facts)
        await stage.ask(ids[2], lambda o: orders.cancel(o, None, reason="changed_mind"))
        follower = Follower(validating.FOLLOWER, stage.parts.database, stage.parts.journal, validating.follow)
        while await follower.step():
            pass
        last = (await stage.place({"TEA": 4}, phone=phone)).id
        await stage.settle()
        order = await stage.order(last)
        assert (order.screening, order.holds[0].reason) == ("review", "refused_before")
        async with stage.parts.database.reading() as tx:
            (score,) = await fraud.scores(tx, last)
        assert (score.inputs["seen"]["phone_refused"], score.inputs["seen"]["phone_cancelled"]) == (2, 1)


async def test_the_queue_forgets_what_ended_and_learns_what_was_held_by_hand(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path, review_at=200) as stage:
        suspicious, ordinary = (await stage.place(DEAR)).id, (await stage.place()).id
        await stage.settle()
        await stage.ask(ordinary, lambda o: orders.hold(o, hold_id="by-hand", kind="FRAUD_REVIEW", reason="odd"))
        await stage.ask(suspicious, lambda o: orders.cancel(o, None, reason="changed_mind"))
        follower = Follower(validating.FOLLOWER, stage.parts.database, stage.parts.journal, validating.follow)
        while await follower.step():
            pass
        async with stage.parts.database.reading() as tx:
            assert [r.order_id for r in await fraud.reviews(tx, after=None, channel=None, limit=9)] == [ordinary]
            assert await tx.fetchval("SELECT decision FROM fraud_reviews WHERE order_id = $1", suspicious) == "cancelled"


def risky(order: orders.Order) -> tuple[Fact, ...]:
    """What a gateway's word adds that calls the payment risky."""
    return (events.OrderHeld("attempt-1", "FRAUD_REVIEW", "gateway_calls_it_risky", "1"),)


@pytest.mark.parametrize("late", [False, True])
async def test_an_approved_order_that_is_held_again_is_in_the_queue_again(dsn: str, tmp_path: Path, late: bool) -> None:
    async with opened(dsn, tmp_path, review_at=200) as stage:
        order_id = (await stage.place(DEAR)).id
        await stage.settle()
        follower = Follower(validating.FOLLOWER, stage.parts.database, stage.parts.journal, validating.follow)

        async def queue() -> list[tuple[str, bool]]:
            while await follower.step():
                pass
            async with stage.parts.database.reading() as tx:
                return [(r.hold, r.score > 0) for r in await fraud.reviews(tx, after=None, channel=None, limit=9)]

        (screened,) = (await stage.order(order_id)).holds
        await stage.ask(order_id, lambda o: orders.release(o, hold_id=screened.id, reason="called"))
        assert late or await queue() == []
        await stage.ask(order_id, risky)
        assert await queue() == [("attempt-1", True)]
        await stage.ask(order_id, lambda o: orders.release(o, hold_id="attempt-1", reason="called again"))
        assert late or await queue() == []
        await stage.ask(order_id, lambda o: orders.hold(o, hold_id="by-hand", kind="FRAUD_REVIEW", reason="odd"))
        await stage.ask(order_id, lambda o: orders.release(o, hold_id="by-hand", reason="no, fine"))
        assert await queue() == []


def an_order(n: int, *, amount: int = 120_000) -> orders.Order:
    """An order as it waits for its screening."""
    to = orders.Address(recipient="Rahima Khatun", district="Dhaka", upazila="Mirpur", area="Mirpur 10", line=f"House {n}, Road 3")
    first = msgspec.structs.replace(
        created(a_line(1, 1, amount), shipping=0), customer=events.Customer("Rahima", f"+8801{n:09}"), ship_to=to,
        place=orders.Place("BD", "dhaka", "dhaka", "dhaka", "dhaka.mirpur"),
    )  # fmt: skip
    facts = (first, events.OrderValidated({"phone": 1}), reserved(first))
    return orders.begin(orders.NewOrder(f"01a20000-0000-7000-8000-{n:012x}", n, facts, NOW, SHOP))


def a_task(order: orders.Order) -> Task:
    return Task(order, (order.id, 3, 0), "screen", "", {}, 1, NOW, NOW)


async def test_a_batch_of_five_hundred_is_two_statements(database: Database) -> None:
    memory = Memory(database)
    desk = a_desk(memory)
    await memory.start()
    screen = validating.flow(desk).run["screen"]
    assert isinstance(screen, Local)
    said: list[str] = []
    pages = [[a_task(an_order(1000 * page + n)) for n in range(500)] for page in range(3)]
    async with database.transaction() as tx:
        await screen.run(None, tx, pages[0], NOW)
        tx.add_query_logger(lambda record: said.append(record.query))
        for page in pages[1:]:
            outcomes = await screen.run(None, tx, page, NOW)
            assert all(outcome.facts[0].outcome == "pass" for outcome in outcomes)  # type: ignore[union-attr]
        await asyncio.sleep(0)
        assert len(said) == 2 * len(pages[1:])
        again = await screen.run(None, tx, pages[1], NOW)
    await memory.stop()
    assert [type(outcome).__name__ for outcome in again] == ["Done"] * 500


def test_steps_follow_facts() -> None:
    order = an_order(1)
    assert validating.decide(order, reserved(created(a_line(1, 1, 1)))) == (Step("screen"),)
    screened = after(order, events.OrderScreened("pass", 0))
    assert validating.decide(screened, events.OrderScreened("pass", 0)) == ()
    ready = after(screened, *planned(screened))
    assert validating.decide(ready, events.OrderInventoryAllocated(PLAN, ())) == (Step("confirm"),)
    hold = events.OrderHeld("h1", "FRAUD_REVIEW", "score", until=order.updated_at + timedelta(hours=7))
    held = after(ready, hold)
    assert validating.decide(held, hold) == (Step("review_overdue", "h1", timedelta(hours=6)),)
    assert validating.decide(held, events.OrderInventoryAllocated(PLAN, ())) == ()
    released = events.OrderReleased("h1", "FRAUD_REVIEW", "called")
    assert validating.decide(after(held, released), released) == (Stop("review_overdue", "h1"), Step("confirm"))


@pytest.mark.parametrize("missing", ["screening", "holds", "payment", "plan"])
def test_an_order_is_confirmed_only_when_nothing_is_missing(missing: str) -> None:
    order = an_order(1)
    requested, allocated = planned(order)
    facts: dict[str, Fact] = {"screening": events.OrderScreened("pass", 0), "payment": requested, "plan": allocated}
    order = after(order, *[fact for name, fact in facts.items() if name != missing])
    if missing == "holds":
        order = after(order, events.OrderHeld("h", "ADDRESS", "unclear"))
    assert orders.checking.missing(order) == (missing,)
    assert not orders.checking.ready(order) and orders.checking.confirm(order) == ()
    whole = after(order, events.OrderReleased("h", "ADDRESS", "called") if missing == "holds" else facts[missing])
    assert orders.checking.missing(whole) == ()
    assert [type(fact) for fact in orders.checking.confirm(whole)] == [events.OrderConfirmed]
    confirmed = after(whole, events.OrderConfirmed())
    assert orders.checking.confirm(confirmed) == (), "nothing is confirmed twice"


def test_what_is_rejected_gives_back_what_a_cancellation_would() -> None:
    order = an_order(1)
    (rejected,) = orders.checking.reject(order, reason="screening")
    (cancelled,) = orders.cancel(order, None, reason="screening")
    assert isinstance(rejected, events.OrderRejected) and isinstance(cancelled, events.OrderCancelled)
    assert (rejected.cuts, rejected.amount) == (cancelled.cuts, cancelled.amount)
    with pytest.raises(orders.checking.Refused):
        orders.checking.reject(after(order, rejected), reason="screening")


async def test_orders_of_one_phone_in_two_workers_are_screened_one_after_the_other(database: Database) -> None:
    memory = Memory(database)
    screen = validating.flow(a_desk(memory)).run["screen"]
    await memory.start()
    assert isinstance(screen, Local)
    first = a_task(an_order(1))
    second = msgspec.structs.replace(first, state=msgspec.structs.replace(first.state, id="01a20000-0000-7000-8000-000000000002"))
    async with database.transaction() as one, database.transaction() as other:
        assert [type(outcome) for outcome in await screen.run(None, one, [first], NOW)] == [Done]
        assert [type(outcome) for outcome in await screen.run(None, other, [second, a_task(an_order(3))], NOW)] == [Again, Done]
        later = NOW + validating.PATIENCE + timedelta(seconds=1)
        assert [type(outcome) for outcome in await screen.run(None, other, [second], later)] == [Done], "nobody waits for ever"
    await memory.stop()
