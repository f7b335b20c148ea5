"""Stock held for carts: nobody else has it meanwhile, it ends by itself, it follows the lines, and the order takes it over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from haat.flows import checkout
from tests.faces import cart_market
from tests.faces.cart_market import CartMarket

HALF, WHOLE = timedelta(minutes=checkout.HOLD_MINUTES / 2), timedelta(minutes=checkout.HOLD_MINUTES)


@pytest.fixture
async def market(dsn: str, tmp_path: Path) -> AsyncIterator[CartMarket]:
    async with cart_market.opened(dsn, tmp_path) as market:
        yield market


async def test_what_is_held_for_one_cart_no_other_has_and_the_order_takes_it_over(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 8))
    other, its = await market.ready(("PEAR", 3), phone="01812345678")
    held = await market.ask("POST", f"{path}/holds", {}, by=token)
    assert (held.status_code, held.json()["hold"] is not None, await market.stock("PEAR")) == (201, True, (10, 8))
    assert (await market.ask("GET", path, by=token)).json()["lines"][0]["available"] == 10
    assert (await market.ask("GET", other, by=its)).json()["changes"] == [{"kind": "short", "sku": "PEAR", "wanted": 3, "quantity": 2}]
    for noun in ("holds", "orders"):
        refused = await market.ask("POST", f"{other}/{noun}", {}, by=its)
        assert (refused.status_code, refused.json()["code"], refused.json()["data"]["lines"][0]["available"]) == (409, "out_of_stock", 2)
    done = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (done.status_code, await market.stock("PEAR"), await market.end_holds()) == (201, (10, 8), 0)
    market.clock.turn_by(WHOLE)
    assert (await market.end_holds(), await market.stock("PEAR")) == (0, (10, 8))


async def test_a_hold_ends_by_itself_and_the_buyer_is_told(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 8))
    await market.ask("POST", f"{path}/holds", {}, by=token)
    market.clock.turn_by(WHOLE)
    assert (await market.end_holds(), await market.stock("PEAR")) == (1, (10, 0))
    seen = (await market.ask("GET", path, by=token)).json()
    assert (seen["hold"], [c["kind"] for c in seen["changes"]]) == (None, ["hold_ended"])
    told = (await market.ask("PUT", f"{path}/payment", {"method": "cod"}, by=token)).json()
    assert [c["kind"] for c in told["changes"]] == ["hold_ended"]
    assert (await market.ask("GET", path, by=token)).json()["changes"] == []
    assert (await market.ask("POST", f"{path}/orders", {}, by=token)).status_code == 201
    assert await market.stock("PEAR") == (10, 8)


async def test_an_active_buyer_keeps_the_hold(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 8))
    first = (await market.ask("POST", f"{path}/holds", {}, by=token)).json()["hold"]["expires_at"]
    soon = (await market.ask("PUT", f"{path}/shipping", {"method": "standard"}, by=token)).json()["hold"]["expires_at"]
    market.clock.turn_by(HALF)
    later = (await market.ask("PUT", f"{path}/payment", {"method": "cod"}, by=token)).json()["hold"]["expires_at"]
    assert first == soon < later
    market.clock.turn_by(HALF)
    assert (await market.end_holds(), await market.stock("PEAR")) == (0, (10, 8))


async def test_the_hold_follows_the_lines_and_a_change_that_cannot_be_held_is_refused(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 2), ("APPLE", 1))
    await market.ask("POST", f"{path}/holds", {}, by=token)
    assert (await market.ask("PUT", f"{path}/lines/PEAR", {"quantity": 9}, by=token)).status_code == 200
    assert await market.stock("PEAR") == (10, 9)
    refused = await market.ask("PUT", f"{path}/lines/PEAR", {"quantity": 11}, by=token)
    assert (refused.status_code, refused.json()["code"], await market.stock("PEAR")) == (409, "out_of_stock", (10, 9))
    assert (await market.ask("GET", path, by=token)).json()["lines"][0]["quantity"] == 9
    await market.ask("POST", f"{path}/lines", {"sku": "BASKET", "quantity": 4}, by=token)
    assert await market.stock("APPLE") == (10, 9)
    for sku in ("PEAR", "APPLE", "BASKET"):
        assert (await market.ask("DELETE", f"{path}/lines/{sku}", by=token)).status_code == 200
    assert (await market.stock("PEAR"), await market.stock("APPLE")) == ((10, 0), (10, 0))
    assert (await market.ask("POST", f"{path}/holds", {}, by=token)).json()["code"] == "nothing_to_hold"


async def test_of_many_who_hold_the_last_units_exactly_as_many_succeed_as_there_are(market: CartMarket) -> None:
    made = [await market.ready(("PEAR", 3), phone=f"0171234567{n}") for n in range(6)]
    answers = await asyncio.gather(*[market.ask("POST", f"{path}/holds", {}, by=token) for path, token in made])
    assert sorted(a.status_code for a in answers) == [201, 201, 201, 409, 409, 409]
    assert await market.stock("PEAR") == (10, 9)
    done = await asyncio.gather(*[market.ask("POST", f"{path}/orders", {}, by=token) for path, token in made])
    assert [a.status_code for a in done] == [a.status_code for a in answers]
    assert await market.stock("PEAR") == (10, 9)


async def test_holds_and_changes_of_one_cart_at_once_leave_one_hold(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 1))
    await asyncio.gather(
        *[market.ask("POST", f"{path}/holds", {}, by=token) for _ in range(5)],
        *[market.ask("POST", f"{path}/lines", {"sku": "PEAR"}, by=token) for _ in range(4)],
        market.ask("POST", f"{path}/lines", {"sku": "APPLE", "quantity": 2}, by=token),
    )
    assert (await market.stock("PEAR"), await market.stock("APPLE")) == ((10, 5), (10, 2))


async def test_a_merged_cart_lets_go_of_its_hold_and_the_customers_own_follows(market: CartMarket) -> None:
    guest, token = await market.ready(("PEAR", 6))
    await market.ask("POST", f"{guest}/holds", {}, by=token)
    mine, _ = await market.cart(("APPLE", 1), by="rahima")
    await market.ask("POST", f"{mine}/merges", {"cart": guest.rsplit("/", 1)[1], "token": token}, by="rahima")
    assert (await market.stock("PEAR"), await market.stock("APPLE")) == ((10, 0), (10, 0))
    held = await market.ask("POST", f"{mine}/holds", {}, by="rahima")
    assert (held.status_code, await market.stock("PEAR"), await market.stock("APPLE")) == (201, (10, 6), (10, 1))


async def test_a_refused_order_leaves_the_hold_as_it_was(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 2))
    await market.ask("POST", f"{path}/holds", {}, by=token)
    await market.reprice("PEAR", 6_000)
    refused = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (refused.json()["code"], await market.stock("PEAR")) == ("price_changed", (10, 2))
    market.clock.turn_by(WHOLE)
    assert (await market.end_holds(), await market.stock("PEAR")) == (1, (10, 0))


async def test_what_is_no_longer_sold_does_not_stand_in_the_way_of_a_held_cart(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 2), ("APPLE", 1))
    await market.ask("POST", f"{path}/holds", {}, by=token)
    await market.reprice("PEAR", 5_000, status="archived")
    market.clock.turn_by(HALF)
    said = await market.ask("PUT", f"{path}/payment", {"method": "cod"}, by=token)
    assert (said.status_code, [c["kind"] for c in said.json()["changes"]]) == (200, ["gone"])
    assert (await market.stock("PEAR"), await market.stock("APPLE")) == ((10, 0), (10, 1))
    refused = await market.ask("POST", f"{path}/holds", {}, by=token)
    assert (refused.json()["code"], refused.json()["data"]["lines"][0]["sku"]) == ("out_of_stock", "PEAR")
    await market.ask("DELETE", f"{path}/lines/PEAR", by=token)
    assert (await market.ask("POST", f"{path}/orders", {}, by=token)).status_code == 201
