"""Carts on a real PostgreSQL: rows, locks, and what survives a lost answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest

from haat.domain import carts
from haat.engine.clock import Clock
from haat.engine.database import Database, Lane
from haat.flows import checkout
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin
from tests.faces import cart_market
from tests.faces.cart_market import START, CartMarket

CART, OTHER = "01932d5c-0000-7000-8000-000000000001", "01932d5c-0000-7000-8000-000000000002"


@pytest.fixture
async def market(dsn: str, tmp_path: Path) -> AsyncIterator[CartMarket]:
    async with cart_market.opened(dsn, tmp_path) as market:
        yield market


def a_cart(cart_id: str = CART, **fields: object) -> carts.Cart:
    plain = {"id": cart_id, "channel": "web", "currency": "BDT", "created_at": START, "updated_at": START}
    return carts.Cart(**(plain | fields))  # type: ignore[arg-type]


async def test_carts_come_back_as_they_were_written(database: Database) -> None:
    full = a_cart(
        lines=(carts.CartLine("PEAR", 2, 100),), coupons=(carts.CartCoupon("EID10", True),), owner="rahima",
        ship_to=msgspec.Raw('{"line":"বাড়ি ১২"}'.encode()), hold=carts.Hold(OTHER, START),
    )  # fmt: skip
    async with database.transaction() as tx:
        await carts.insert(tx, [full, a_cart(OTHER)])
        assert await carts.lock(tx, {CART, OTHER}) == {CART: full, OTHER: a_cart(OTHER)}
        changed = msgspec.structs.replace(full, version=2, lines=(), hold=None)
        await carts.save(tx, [changed])
        assert await carts.read(tx, [CART]) == {CART: changed}
        assert await carts.open_of(tx, [("rahima", "web"), ("rahima", "shop"), ("", "web")]) == {("rahima", "web"): CART}


async def test_the_database_keeps_a_second_open_cart_of_a_customer_out(database: Database) -> None:
    async with database.transaction() as tx:
        await carts.insert(tx, [a_cart(owner="rahima")])
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction() as tx:
            await carts.insert(tx, [a_cart(OTHER, owner="rahima")])
    async with database.transaction() as tx:
        await carts.save(tx, [a_cart(owner="rahima", version=2, order_id=OTHER)])
        await carts.insert(tx, [a_cart(OTHER, owner="rahima")])


async def test_a_cart_is_exchanged_only_at_the_version_that_it_was_thought_to_have(database: Database) -> None:
    async with database.transaction() as tx:
        await carts.insert(tx, [a_cart(version=3)])
        assert await carts.exchange(tx, [a_cart(OTHER)], [a_cart(version=3, payment_method="cod")], [2]) == set()
        assert (await carts.read(tx, [CART, OTHER])) == {CART: a_cart(version=3), OTHER: a_cart(OTHER)}
        assert await carts.exchange(tx, [], [a_cart(version=4, payment_method="cod")], [3]) == {CART}
        assert (await carts.read(tx, [CART]))[CART].payment_method == "cod"


async def test_carts_that_nobody_touched_are_swept_and_others_stay(database: Database) -> None:
    async with database.transaction() as tx:
        await carts.insert(tx, [a_cart(), a_cart(OTHER, updated_at=START + timedelta(days=2))])
        assert await carts.sweep(tx, before=START + timedelta(days=1)) == 1
        assert list(await carts.read(tx, [CART, OTHER])) == [OTHER]


def added(sku: str) -> checkout.CartWish:
    def decide(standing: Sequence[carts.Cart | None]) -> tuple[Sequence[carts.Cart], tuple[carts.Change, ...]]:
        assert standing[0] is not None
        return (carts.add_line(standing[0], carts.Wish(sku, 1)),), ()

    return checkout.CartWish((CART,), decide, skus=(sku,))


async def test_a_line_is_added_once_although_the_answer_of_the_commit_was_lost(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    async with parts.database.transaction() as tx:
        await carts.insert(tx, [a_cart()])
    lane = Lane(dsn, "desk")
    desk = checkout.Carting(lane, parts.market, market.clock, parts.draw)
    wishes = [added("PEAR"), added("PEAR"), added("APPLE")]
    first = await desk.apply(wishes)
    again = await desk.apply(wishes)  # what the committer does when it never heard of the commit
    assert again == first
    async with parts.database.reading() as tx:
        stored = (await carts.read(tx, [CART]))[CART]
    assert [(line.sku, line.quantity) for line in stored.lines] == [("PEAR", 2), ("APPLE", 1)]
    await desk.apply([added("MANGO")])
    answers = await desk.apply(wishes)  # somebody else wrote meanwhile: nobody can tell any more, and nothing is added twice
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"stale"}
    await lane.close()


async def test_a_hold_that_was_committed_without_an_answer_is_not_taken_twice(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    async with parts.database.transaction() as tx:
        await carts.insert(tx, [a_cart(lines=(carts.CartLine("PEAR", 4),))])
    lane = Lane(dsn, "desk")
    desk = checkout.Carting(lane, parts.market, market.clock, parts.draw)
    held = [checkout.CartWish((CART,), lambda standing: ([c for c in standing if c is not None], ()), take_hold=True)]
    assert await desk.apply(held) == await desk.apply(held)
    assert await market.stock("PEAR") == (10, 4)
    await lane.close()


async def test_a_desk_that_remembers_an_old_cart_neither_writes_nor_refuses_by_it(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    lane = Lane(dsn, "desk")
    desk = checkout.Carting(lane, parts.market, market.clock, parts.draw)
    async with parts.database.transaction() as tx:
        await carts.insert(tx, [a_cart()])
    await desk.apply([added("PEAR")])
    async with parts.database.transaction() as tx:  # another process
        await carts.save(tx, [a_cart(version=9, lines=(carts.CartLine("MANGO", 1),))])
    removed = checkout.CartWish((CART,), lambda standing: ((carts.remove_line(standing[0], "MANGO"),), ()), version=9)  # type: ignore[arg-type]
    added_again = added("APPLE")
    answers = await desk.apply([removed, added_again])
    assert [answer.cart.version for answer in answers if isinstance(answer, checkout.Carted)] == [10, 11]
    async with parts.database.reading() as tx:
        assert [line.sku for line in (await carts.read(tx, [CART]))[CART].lines] == ["APPLE"]
    await lane.close()


async def test_two_desks_with_one_cart_lose_nothing(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    async with parts.database.transaction() as tx:
        await carts.insert(tx, [a_cart()])
    lanes = [Lane(dsn, f"desk {n}") for n in range(2)]
    desks = [checkout.Carting(lane, parts.market, Clock(), parts.draw) for lane in lanes]

    async def work(desk: checkout.Carting) -> None:
        for _ in range(10):
            answers = await desk.apply([added("PEAR"), added("PEAR")])
            assert not any(isinstance(answer, Exception) for answer in answers)

    await asyncio.gather(*[work(desk) for desk in desks])
    for lane in lanes:
        await lane.close()
    async with parts.database.reading() as tx:
        stored = (await carts.read(tx, [CART]))[CART]
    assert (stored.quantity_of("PEAR"), stored.version) == (40, 41)


async def prepared(market: CartMarket, path: str, token: str) -> checkout.Completion:
    """A completion of a cart as a server process prepares it."""
    shop = market.parts.shop
    cart_id = path.rsplit("/", 1)[1]
    async with shop.database.reading() as tx:
        cart = (await carts.read(tx, [cart_id]))[cart_id]
    errand = checkout.Errand(await shop.draw.serial(), Origin("guest", "test"), market.clock.now())
    request = checkout.order_of(cart, expected_total=None, note="")
    assert (await market.ask("GET", path, by=token)).status_code == 200
    return checkout.Completion(cart.id, cart.version, checkout.prepare(request, shop.market, shop.draw, errand))


async def test_two_tills_with_one_cart_make_one_order_and_a_lost_answer_makes_no_second(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    path, token = await market.ready(("PEAR", 1))
    lanes = [Lane(dsn, f"till {n}") for n in range(2)]
    desks = [checkout.Desk(lane, parts.journal, parts.market, market.clock, parts.flows) for lane in lanes]
    tills = [checkout.Till(lane, desk, parts.journal, market.clock) for lane, desk in zip(lanes, desks, strict=True)]
    asks = [await prepared(market, path, token) for _ in tills]
    answers = await asyncio.gather(*[till.complete([ask]) for till, ask in zip(tills, asks, strict=True)])
    placed = [answer for (answer,) in answers if isinstance(answer, checkout.Placed)]
    assert sorted(answer.replayed for answer in placed) == [False, True]
    assert len({answer.order.id for answer in placed}) == 1
    first = placed[0].replayed
    (again,) = await tills[first].complete([asks[first]])  # what the committer does when it never heard of the commit
    assert isinstance(again, checkout.Placed)
    assert (again.order.id, again.replayed) == (placed[0].order.id, False)
    assert (await market.orders(), await market.stock("PEAR")) == (1, (10, 1))
    for lane in lanes:
        await lane.close()


async def test_a_cart_that_changed_after_it_was_prepared_is_not_sold_as_it_was(market: CartMarket, dsn: str) -> None:
    parts = market.parts
    path, token = await market.ready(("PEAR", 1))
    ask = await prepared(market, path, token)
    await market.ask("POST", f"{path}/lines", {"sku": "PEAR"}, by=token)
    lane = Lane(dsn, "till")
    till = checkout.Till(lane, checkout.Desk(lane, parts.journal, parts.market, market.clock, parts.flows), parts.journal, market.clock)
    (answer,) = await till.complete([ask])
    assert isinstance(answer, Refused)
    assert (answer.code, await market.orders()) == ("stale", 0)
    await lane.close()
