"""The demo market is believable, whole, and obeys the rules of the modules that it is put into."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haat.domain.catalogue.category import CategorySheet, paths
from haat.domain.catalogue.product import ProductSheet, problems
from haat.domain.pricing import Coupon, FeeRate, Price, PriceList, PriceRule, PromotionRow, ShippingRate, TaxRate
from haat.faces.cli import demo
from haat.faces.cli.demo.market import Market
from haat.kernel.geography import resolve
from haat.kernel.geography.address import Address, Place

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BANGLA = range(0x0980, 0x0A00)


@pytest.fixture(scope="module")
def market() -> Market:
    return demo.market(NOW)


def test_the_market_is_as_large_as_promised(market: Market) -> None:
    assert len(market.vendors) >= 12
    assert len(market.products) >= 400
    assert (len(market.locations), len(market.channels)) == (5, 3)
    assert len(market.customers) == 300
    assert len(market.orders) == 2_000
    assert {row["kind"] for row in market.promotions} == {
        "percent",
        "fixed_amount",
        "buy_x_get_y",
        "bundle",
        "free_shipping",
        "tier_discount",
    }
    assert sum(1 for product in market.products if product.get("kit")) >= 5


def test_the_same_seed_gives_the_same_market_and_another_one_another(market: Market) -> None:
    assert demo.market(NOW) == market
    assert demo.market(NOW, seed=2).orders != market.orders


def test_every_row_is_what_its_module_takes(market: Market) -> None:
    for rows, kind in (
        (market.price_lists, PriceList), (market.prices, Price), (market.promotions, PromotionRow), (market.coupons, Coupon),
        (market.tax_rates, TaxRate), (market.shipping_rates, ShippingRate), (market.fee_rates, FeeRate), (market.price_rules, PriceRule),
        (market.categories, CategorySheet),
    ):  # fmt: skip
        assert len(msgspec.convert(rows, list[kind])) == len(rows)  # type: ignore[valid-type]
    for product in market.products:
        assert not list(problems(msgspec.convert(product, ProductSheet))), product["sku"]
    assert len(paths({row["code"]: row["parent"] for row in market.categories})) == len(market.categories)


def test_every_code_that_is_named_exists(market: Market) -> None:
    vendors, skus = {row["code"] for row in market.vendors}, {row["sku"] for row in market.products}
    categories, locations = {row["code"] for row in market.categories}, {row["code"] for row in market.locations}
    lists, promotions = {row["code"] for row in market.price_lists}, {row["code"] for row in market.promotions}
    tax_classes = {row["tax_class"] for row in market.tax_rates}
    assert len(skus) == len(market.products)
    assert len({row["code"] for row in market.coupons}) == len(market.coupons)
    assert all(row["vendor"] in vendors and row["category"] in categories and row["tax_class"] in tax_classes for row in market.products)
    assert all(row["sku"] in skus and row["location"] in locations and row["quantity"] > 0 for row in market.stock)
    assert all(row["sku"] in skus and row["list"] in lists for row in market.prices)
    assert all(row["promotion"] in promotions for row in market.coupons)
    assert all(row["price_list"] in lists for row in market.channels)
    assert all(line["sku"] in skus for order in market.orders for line in order["lines"])
    assert all(part["sku"] in skus for product in market.products for part in product.get("kit", ()))
    for row in market.promotions:
        conditions = row.get("conditions", {})
        assert set(conditions.get("skus", ())) <= skus and set(conditions.get("categories", ())) <= categories
        assert {part["sku"] for part in row["args"].get("components", ())} <= skus


def test_every_product_has_a_name_in_both_languages_and_an_honest_price(market: Market) -> None:
    for product in market.products:
        assert product["name_en"] and not any(ord(c) in BANGLA for c in product["name_en"])
        assert any(ord(c) in BANGLA for c in product["name_bn"]), product["sku"]
        assert not any(c in "0123456789" for c in product["name_bn"]), product["name_bn"]
        assert product["price"] % 100 == 0 and 1_000 <= product["price"] <= 1_500_000
        assert product["weight_g"] > 0


def test_a_kit_is_cheaper_than_its_parts_of_the_same_vendor(market: Market) -> None:
    by_sku = {product["sku"]: product for product in market.products}
    for kit in (product for product in market.products if product.get("kit")):
        assert kit["price"] < sum(by_sku[part["sku"]]["price"] * part["quantity"] for part in kit["kit"])
        assert {by_sku[part["sku"]]["vendor"] for part in kit["kit"]} == {kit["vendor"]}
        assert all("kit" not in by_sku[part["sku"]] for part in kit["kit"])


def test_every_buyer_lives_at_an_address_that_is_found_and_has_a_phone_of_their_own(market: Market) -> None:
    zones: Counter[str] = Counter()
    for customer in market.customers:
        place = resolve(msgspec.convert(customer["address"], Address))
        assert isinstance(place, Place), (customer["address"], place)
        assert place.upazila and place.postcode_check in ("absent", "agrees"), (customer["address"], place)
        zones[place.zone] += 1
        assert len(customer["phone"]) == 14 and customer["phone"].startswith("+8801") and customer["phone"][5] in "3456789"
    assert set(zones) == {"dhaka", "dhaka_suburb", "outside"}
    assert len({customer["phone"] for customer in market.customers}) == len(market.customers)
    assert 0.3 < sum(customer["bangla"] for customer in market.customers) / len(market.customers) < 0.7


def test_the_orders_of_sixty_days_come_in_order_and_none_from_the_future(market: Market) -> None:
    instants = [order["placed_at"] for order in market.orders]
    assert instants == sorted(instants)
    assert NOW - timedelta(days=60) <= instants[0] and instants[-1] < NOW
    assert len({order["key"] for order in market.orders}) == len(market.orders)
    still = [order for order in market.orders if order["outcome"] == "open"]
    assert 3 < len(still) < 100
    for order in still:
        assert NOW - order["placed_at"] < timedelta(hours=12 if order["payment_method"] == "cod" else 4), order["key"]


def test_the_stock_covers_every_past_order(market: Market) -> None:
    kits = {product["sku"]: product["kit"] for product in market.products if product.get("kit")}
    left = {row["sku"]: row["quantity"] for row in market.stock if row["location"] == "dhaka-tejgaon"}
    for order in market.orders:
        for line in order["lines"]:
            for part in kits.get(line["sku"], ({"sku": line["sku"], "quantity": 1},)):
                left[part["sku"]] -= part["quantity"] * line["quantity"]
    assert min(left.values()) >= 0


def test_no_past_order_breaks_a_rule(market: Market) -> None:
    by_sku = {product["sku"]: product for product in market.products}
    seen: dict[str, datetime] = {}
    coupons: Counter[tuple[str, str]] = Counter()
    for order in market.orders:
        buyer = order["customer"]["phone"]
        assert buyer not in seen or order["placed_at"] - seen[buyer] > timedelta(hours=1)
        first = buyer not in seen
        seen[buyer] = order["placed_at"]
        assert "WELCOME100" not in order["coupons"] or first
        for code in order["coupons"]:
            coupons[code, buyer] += 1
        for line in order["lines"]:
            product = by_sku[line["sku"]]
            assert product.get("status", "active") == "active" and not product.get("purchase_limit")
            assert product.get("quantity_min", 1) <= line["quantity"] <= product.get("quantity_max", 1_000)
    assert all(uses <= (1 if code == "WELCOME100" else 2) for (code, _), uses in coupons.items() if code != "FREEDHAKA")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_keep_the_promises_too(seed: int) -> None:
    other = demo.market(NOW, seed=seed)
    assert len(other.orders) == 2_000
    assert all(isinstance(resolve(msgspec.convert(customer["address"], Address)), Place) for customer in other.customers)
    test_the_stock_covers_every_past_order(other)
    test_no_past_order_breaks_a_rule(other)
