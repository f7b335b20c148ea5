"""Carts over HTTP: what a buyer, a shop and a stranger see, from the first line to the order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faces import cart_market
from tests.faces.cart_market import ADDRESS, CartMarket


@pytest.fixture
async def market(dsn: str, tmp_path: Path) -> AsyncIterator[CartMarket]:
    async with cart_market.opened(dsn, tmp_path) as market:
        yield market


async def test_a_guest_goes_from_an_empty_cart_to_an_order_in_eight_requests(market: CartMarket) -> None:
    path, token = await market.cart()
    await market.ask("POST", f"{path}/lines", {"sku": "APPLE", "quantity": 2}, by=token)
    added = await market.ask("POST", f"{path}/lines", {"sku": "MANGO"}, by=token)
    assert (added.status_code, added.headers["etag"]) == (201, '"3"')
    assert added.json()["missing"] == ["ship_to", "payment_method"]
    await market.ask("PUT", f"{path}/address", ADDRESS, by=token)
    await market.ask("PUT", f"{path}/shipping", {"method": "standard"}, by=token)
    await market.ask("PUT", f"{path}/payment", {"method": "cod"}, by=token)
    seen = (await market.ask("GET", path, by=token)).json()
    assert (seen["missing"], seen["changes"], seen["quote"]["totals"]["grand"]) == ([], [], 20_000 + 20_000 + 2 * 6_000)
    assert [(line["sku"], line["seen_price"], line["available"]) for line in seen["lines"]] == [
        ("APPLE", 10_000, 10),
        ("MANGO", 20_000, 10),
    ]
    done = await market.ask("POST", f"{path}/orders", {"expected_total": 52_000}, by=token)
    assert done.status_code == 201, done.text
    assert done.json()["totals"]["grand"] == 52_000
    read = await market.client.get(done.headers["location"], headers={"authorization": f"Bearer {done.headers['order-token']}"})
    assert read.json()["number"] == done.json()["number"]
    assert await market.stock("APPLE") == (10, 2)


async def test_a_completed_cart_answers_the_same_order_again_and_changes_no_more(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 1))
    first = await market.ask("POST", f"{path}/orders", {}, by=token)
    again = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    refused = await market.ask("POST", f"{path}/lines", {"sku": "APPLE"}, by=token)
    assert (refused.status_code, refused.json()["code"], refused.json()["data"]["order_id"]) == (409, "cart_ordered", first.json()["id"])
    assert (await market.ask("GET", path, by=token)).json()["status"] == "ordered"


async def test_a_cart_can_be_paid_in_parts_whatever_way_it_named(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 1))
    refused = await market.ask("POST", f"{path}/orders", {"tenders": [{"method": "bkash", "amount": 1}]}, by=token)
    assert (refused.status_code, refused.json()["code"]) == (422, "tenders_do_not_sum")
    placed = await market.ask("POST", f"{path}/orders", {"tenders": [{"method": "bkash", "amount": 100}, {"method": "cod"}]}, by=token)
    assert placed.status_code == 201, placed.text
    grand = placed.json()["totals"]["grand"]
    assert placed.json()["tenders"] == [{"method": "bkash", "amount": 100}, {"method": "cod", "amount": grand - 100}]


async def test_fifty_completions_at_once_are_one_order(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 1))
    answers = await asyncio.gather(*[market.ask("POST", f"{path}/orders", {}, by=token) for _ in range(50)])
    assert sorted({a.status_code for a in answers}) == [200, 201]
    assert [a.status_code for a in answers].count(201) == 1
    assert len({a.json()["id"] for a in answers}) == 1
    assert (await market.orders(), await market.stock("PEAR")) == (1, (10, 1))


async def test_a_line_added_while_the_cart_completes_is_in_the_order_or_is_refused(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 1))
    done, added = await asyncio.gather(
        market.ask("POST", f"{path}/orders", {}, by=token), market.ask("POST", f"{path}/lines", {"sku": "APPLE"}, by=token)
    )
    assert done.status_code == 201
    assert len(done.json()["lines"]) == (2 if added.status_code == 201 else 1)


async def test_without_the_goods_the_order_is_refused_and_the_cart_stays_open(market: CartMarket) -> None:
    path, token = await market.ready(("PEAR", 8), ("APPLE", 1))
    other, its = await market.ready(("PEAR", 5), phone="01812345678")
    assert (await market.ask("POST", f"{other}/orders", {}, by=its)).status_code == 201
    refused = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert refused.json()["data"]["lines"] == [{"line_no": 1, "sku": "PEAR", "component": "PEAR", "wanted": 8, "available": 5}]
    seen = (await market.ask("GET", path, by=token)).json()
    assert seen["status"] == "open"
    assert seen["changes"] == [{"kind": "short", "sku": "PEAR", "wanted": 8, "quantity": 5}]
    await market.ask("PUT", f"{path}/lines/PEAR", {"quantity": 5}, by=token)
    assert (await market.ask("POST", f"{path}/orders", {}, by=token)).status_code == 201


async def test_a_cart_tells_what_changed_since_it_was_seen_and_nobody_pays_more_than_that(market: CartMarket) -> None:
    path, token = await market.ready(("APPLE", 1), ("MANGO", 1), ("PEAR", 1))
    await market.reprice("APPLE", 12_000)
    await market.reprice("PEAR", 4_000)
    await market.reprice("MANGO", 20_000, status="archived")
    told = [
        {"kind": "price_up", "sku": "APPLE", "was": 10_000, "price": 12_000},
        {"kind": "gone", "sku": "MANGO", "was": 20_000},
        {"kind": "price_down", "sku": "PEAR", "was": 5_000, "price": 4_000},
    ]
    seen = (await market.ask("GET", path, by=token)).json()
    assert seen["changes"] == told
    assert [line["sku"] for line in seen["quote"]["lines"]] == ["APPLE", "PEAR"]
    await market.ask("DELETE", f"{path}/lines/MANGO", by=token, match=seen["version"])
    await market.reprice("APPLE", 13_000)
    refused = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    shown = await market.ask("POST", f"{path}/refreshes", {}, by=token)
    assert shown.json()["changes"] == [{"kind": "price_up", "sku": "APPLE", "was": 12_000, "price": 13_000}]
    assert (await market.ask("GET", path, by=token)).json()["changes"] == []
    assert (await market.ask("POST", f"{path}/orders", {}, by=token)).status_code == 201


async def test_a_coupon_works_is_explained_or_is_refused_with_its_reason(market: CartMarket) -> None:
    path, token = await market.ready(("APPLE", 2))
    taken = await market.ask("POST", f"{path}/coupons", {"code": " eid10 ".strip()}, by=token)
    assert (taken.status_code, taken.json()["coupons"][0]["amount"]) == (201, 2_000)
    waiting = await market.ask("POST", f"{path}/coupons", {"code": "BIG5"}, by=token)
    assert (waiting.status_code, waiting.json()["coupons"][1]["reason"]) == (201, "minimum_total")
    assert waiting.json()["coupons"][1]["missing"] > 0
    refused = await market.ask("POST", f"{path}/coupons", {"code": "NOSUCH"}, by=token)
    assert (refused.status_code, refused.json()["code"], refused.json()["data"]["reason"]) == (422, "coupon_refused", "unknown")
    assert (await market.ask("DELETE", f"{path}/coupons/big5", by=token)).status_code == 200
    assert (await market.ask("POST", f"{path}/orders", {}, by=token)).json()["totals"]["discount"] == 2_000


async def test_a_coupon_of_one_use_is_used_once_however_many_come_at_once(market: CartMarket) -> None:
    ready = [await market.ready(("APPLE", 1), phone=f"0171234567{n}") for n in range(4)]
    for path, token in ready:
        await market.ask("POST", f"{path}/coupons", {"code": "EID10"}, by=token)
    answers = await asyncio.gather(*[market.ask("POST", f"{path}/orders", {}, by=token) for path, token in ready])
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"coupon_used_up"}
    assert await market.stock("APPLE") == (10, 1)


async def test_the_guests_cart_goes_into_the_customers_at_login(market: CartMarket) -> None:
    guest, token = await market.ready(("APPLE", 2), ("MANGO", 5), ("PEAR", 1))
    mine, _ = await market.cart(("MANGO", 6), by="rahima")
    await market.reprice("PEAR", 5_000, status="draft")
    body = {"cart": guest.rsplit("/", 1)[1], "token": token}
    merged = await market.ask("POST", f"{mine}/merges", body, by="rahima")
    assert merged.status_code == 201, merged.text
    cart = merged.json()
    assert [(line["sku"], line["quantity"]) for line in cart["lines"]] == [("MANGO", 8), ("APPLE", 2)]
    assert cart["ship_to"]["line"] == ADDRESS["line"]
    assert [(c["kind"], c["sku"], c["wanted"], c["quantity"]) for c in cart["changes"]] == [
        ("merged", "APPLE", 2, 2),
        ("limited", "MANGO", 11, 8),
        ("left_out", "PEAR", 1, 0),
    ]
    again = await market.ask("POST", f"{mine}/merges", body, by="rahima")
    assert [line["quantity"] for line in again.json()["lines"]] == [8, 2]
    closed = await market.ask("POST", f"{guest}/lines", {"sku": "APPLE"}, by=token)
    assert (closed.status_code, closed.json()["code"]) == (409, "cart_merged")


async def test_a_customer_finds_their_open_cart_again_and_gets_a_new_one_after_the_order(market: CartMarket) -> None:
    path, _ = await market.cart(("PEAR", 1), by="rahima")
    found = await market.ask("POST", "/v1/carts", {}, by="rahima")
    assert (found.status_code, found.headers["location"], found.json()["token"]) == (200, path, None)
    many = await asyncio.gather(*[market.ask("POST", "/v1/carts", {}, by="karim") for _ in range(10)])
    assert len({a.json()["id"] for a in many}) == 1
    await market.ask("PUT", f"{path}/address", ADDRESS, by="rahima")
    await market.ask("PUT", f"{path}/payment", {"method": "cod"}, by="rahima")
    done = await market.ask("POST", f"{path}/orders", {}, by="rahima")
    assert (done.status_code, done.json()["customer"]["id"]) == (201, "rahima")
    assert (await market.ask("POST", "/v1/carts", {}, by="rahima")).headers["location"] != path


async def test_nobody_reaches_a_cart_that_is_not_theirs(market: CartMarket) -> None:
    guest, token = await market.cart(("PEAR", 1))
    _, other_token = await market.cart(("PEAR", 1))
    mine, _ = await market.cart(("PEAR", 1), by="rahima")
    for path, strangers in ((guest, ("shop", "karim", other_token)), (mine, ("shop", "karim", token))):
        for by in strangers:
            for method, noun, body in (
                ("GET", "", None), ("POST", "/lines", {"sku": "APPLE"}), ("PUT", "/lines/PEAR", {"quantity": 2}),
                ("DELETE", "/lines/PEAR", None), ("PUT", "/address", ADDRESS), ("PUT", "/shipping", {"method": "standard"}),
                ("PUT", "/payment", {"method": "cod"}), ("PUT", "/customer", {"name": "x"}), ("PUT", "/services", {"services": []}),
                ("POST", "/coupons", {"code": "EID10"}), ("DELETE", "/coupons/EID10", None), ("POST", "/holds", {}),
                ("POST", "/refreshes", {}), ("POST", "/orders", {}),
            ):  # fmt: skip
                refused = await market.ask(method, path + noun, body, by=by)
                assert (refused.status_code, refused.json()["code"]) == (404, "unknown_cart"), (method, noun, by)
    assert (await market.ask("GET", guest, by="anna")).status_code == 403
    assert (await market.ask("GET", guest, by=token[:-2] + "xx")).status_code == 401
    assert (await market.ask("POST", "/v1/carts", {}, by=token)).status_code == 403
    assert (await market.ask("GET", "/v1/orders", by=token)).status_code == 403
    stolen = await market.ask("POST", f"{mine}/merges", {"cart": guest.rsplit("/", 1)[1], "token": other_token}, by="rahima")
    assert stolen.status_code == 404
    assert (await market.ask("POST", "/v1/carts", {"channel": "web"}, by="shop")).status_code == 403
    for by in ("web", "admin", token):
        assert (await market.ask("GET", guest, by=by)).status_code == 200


async def test_who_writes_to_an_old_version_is_told_so(market: CartMarket) -> None:
    path, token = await market.cart(("PEAR", 1))
    assert (await market.ask("PUT", f"{path}/lines/PEAR", {"quantity": 2}, by=token, match=1)).headers["etag"] == '"2"'
    stale = await market.ask("POST", f"{path}/lines", {"sku": "PEAR"}, by=token, match=1)
    assert (stale.status_code, stale.json()["code"], stale.json()["data"]) == (412, "stale", {"version": 2})
    assert (await market.ask("POST", f"{path}/orders", {}, by=token, match=1)).status_code == 412


async def test_lines_are_bounded_and_merged_by_sku(market: CartMarket) -> None:
    path, token = await market.cart(("PEAR", 1), ("PEAR", 2))
    assert [line["quantity"] for line in (await market.ask("GET", path, by=token)).json()["lines"]] == [3]
    for body, code in (
        ({"sku": "MANGO", "quantity": 9}, "quantity_out_of_bounds"), ({"sku": "NOSUCH"}, "unknown_sku"),
        ({"sku": "PEAR", "quantity": 0}, "invalid"),
        ({"sku": "PEAR", "quantity": 1_000_000}, "quantity_out_of_bounds"), ({"sku": "PEAR", "price": 1}, "invalid"),
    ):  # fmt: skip
        refused = await market.ask("POST", f"{path}/lines", body, by=token)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert (await market.ask("DELETE", f"{path}/lines/MANGO", by=token)).status_code == 404
    assert (await market.ask("DELETE", f"{path}/lines/PEAR", by=token)).json()["quote"] is None
    needs = await market.ask("POST", f"{path}/orders", {}, by=token)
    assert (needs.status_code, needs.json()["data"]["missing"]) == (422, ["lines", "ship_to", "payment_method"])


async def test_many_writes_to_one_cart_at_once_all_count(market: CartMarket) -> None:
    path, token = await market.cart()
    answers = await asyncio.gather(*[market.ask("POST", f"{path}/lines", {"sku": "PEAR"}, by=token) for _ in range(40)])
    assert {a.status_code for a in answers} == {201}
    seen = (await market.ask("GET", path, by=token)).json()
    assert (seen["version"], seen["lines"][0]["quantity"]) == (41, 40)
