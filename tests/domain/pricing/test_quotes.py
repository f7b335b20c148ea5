"""Prices, tax, delivery and fees of a basket, told with amounts one can check by hand."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import pricing
from haat.kernel.errors import Refused
from tests.domain.pricing.cases import FEES, ITEMS, NOW, adds_up, basket, quoted, rules

replace = msgspec.structs.replace
HOUR = timedelta(hours=1)


def with_prices(sku: str, *prices: pricing.PriceRow, **signals: Any) -> dict[str, pricing.PricedItem]:
    return ITEMS | {sku: replace(ITEMS[sku], prices=prices, **signals)}


def test_a_plain_basket_costs_its_items_one_parcel_per_vendor_and_the_fee_for_cash() -> None:
    quote = quoted(basket(("SHIRT", 2), ("LAMP", 1), payment_method="cod"), rules())
    assert [vendor.shipping for vendor in quote.vendors] == [6_000, 8_000], "1,200 g begins a second kilogram"
    assert quote.fees[0].amount == 2_839, "5 taka and 1 % of 2,339 taka"
    assert quote.totals == pricing.Totals(items=219_900, discount=0, shipping=14_000, tax=28_682, fees=2_839, grand=236_739)
    assert adds_up(quote)


def test_a_basket_that_is_paid_in_two_ways_bears_the_fee_of_each() -> None:
    card = pricing.FeeRate("card", "BDT", payment_method="card", amount=700)
    both = quoted(basket(("SHIRT", 2), payment_method="cod", also_paid_by=("card", "bkash")), rules(fee_rates=(*FEES, card)))
    alone = quoted(basket(("SHIRT", 2), payment_method="cod"), rules(fee_rates=(*FEES, card)))
    assert [fee.code for fee in both.fees] == ["cod", "card"]
    assert both.totals.grand == alone.totals.grand + 700
    assert [
        fee.code for fee in quoted(basket(("SHIRT", 2), payment_method="bkash", also_paid_by=("card",)), rules(fee_rates=(card,))).fees
    ] == ["card"]
    assert adds_up(both)


def test_the_receipt_of_a_plain_basket_is_small_and_names_each_rule_with_its_version() -> None:
    quote = quoted(basket(("SHIRT", 2), ("LAMP", 1), payment_method="cod"), rules())
    assert [(each.kind, each.code, each.version) for each in quote.adjustments] == [
        ("shipping", "dhaka", 1),
        ("shipping", "dhaka", 1),
        ("fee", "cod", 1),
    ]
    assert quote.receipt.taxes == (pricing.TaxNote("standard", 1_500, 1, 28_682),)
    assert len(msgspec.json.encode(quote.receipt)) < 400


def test_included_tax_is_contained_in_the_line_and_rounded_half_up_once_per_line() -> None:
    line = quoted(basket(("SAREE", 3)), rules()).lines[0]
    assert (line.total, line.tax, line.tax_included) == (750_000, 52_326, True), "750,000 × 7.5 / 107.5 = 52,325.58"


def test_added_tax_comes_on_top_of_the_line() -> None:
    quote = quoted(basket(("IMPORT", 3), shipping_method=""), rules())
    assert (quote.lines[0].tax, quote.lines[0].total) == (5_000, 104_999), "5 % of 99,999 = 4,999.95"
    assert quote.totals.tax_added == 5_000


def test_shipping_and_fees_bear_their_own_tax() -> None:
    quote = quoted(basket(("RICE", 1), ("SHIRT", 1), zone="outside", services=("gift_wrap",)), rules())
    salma, rahim = quote.vendors
    assert (salma.shipping, salma.shipping_tax) == (3_000, 0)
    assert (rahim.shipping, rahim.shipping_tax, rahim.shipping_tax_included) == (12_000, 1_800, False)
    assert quote.fees == (pricing.QuotedFee("gift_wrap", 5_000, 250, 5_250, 500, False),)
    assert adds_up(quote)


def test_a_new_tax_rate_holds_from_its_day_on_and_the_old_one_until_then() -> None:
    budget = NOW + HOUR
    rates = (pricing.TaxRate("standard", 1_500), pricing.TaxRate("standard", 1_000, starts_at=budget, version=4))
    known = rules(tax_rates=rates)
    before = pricing.quote(basket(("SHIRT", 1)), ITEMS, known, NOW)
    after = pricing.quote(basket(("SHIRT", 1)), ITEMS, known, budget)
    assert (before.lines[0].tax_rate, after.lines[0].tax_rate) == (1_500, 1_000)
    assert after.receipt.taxes[0].version == 4


def test_a_zone_may_have_its_own_tax_rate() -> None:
    known = rules(tax_rates=(pricing.TaxRate("standard", 1_500), pricing.TaxRate("standard", 0, zone="intl")), shipping_rates=())
    assert quoted(basket(("SHIRT", 1), zone="intl"), known).totals.tax == 0
    assert quoted(basket(("SHIRT", 1)), known).totals.tax == 7_826


def test_a_class_without_a_valid_rate_is_refused_and_never_silently_untaxed() -> None:
    with pytest.raises(Refused, match="no_tax_rate"):
        quoted(basket(("SHIRT", 1)), rules(tax_rates=(pricing.TaxRate("clothes", 750),)))
    assert quoted(basket(("SHIRT", 1)), rules(tax_rates=())).totals.tax == 0, "a market without any rate charges none"


def test_delivery_is_free_from_the_threshold_on_after_discounts() -> None:
    known = rules()
    assert quoted(basket(("SAREE", 2)), known).totals.shipping == 0
    off = pricing.PromotionRow("OFF", "fixed_amount", {"amount": 1})
    assert quoted(basket(("SAREE", 2)), rules(off)).totals.shipping == 8_000


@pytest.mark.parametrize(("zone", "method", "fee"), [("dhaka", "courier", 3_000), ("outside", "post", 3_000), ("intl", "any", 3_000)])
def test_a_vendors_own_rate_goes_before_the_markets(zone: str, method: str, fee: int) -> None:
    assert quoted(basket(("RICE", 1), zone=zone, shipping_method=method), rules()).totals.shipping == fee


def test_where_no_rate_leads_nothing_is_delivered() -> None:
    with pytest.raises(Refused, match="no_shipping_rate") as refusal:
        quoted(basket(("SHIRT", 1), zone="moon"), rules())
    assert refusal.value.data == {"zone": "moon", "method": "courier", "vendor": "rahim"}
    assert quoted(basket(("SHIRT", 1), zone="moon", shipping_method=""), rules()).totals.shipping == 0, "picked up"
    assert quoted(basket(("SHIRT", 1), zone="moon"), rules(shipping_rates=())).totals.shipping == 0, "a market without rates"


def test_the_best_list_is_that_of_the_highest_priority_then_the_lowest_amount() -> None:
    lists = (
        pricing.PriceList("base", "BDT"),
        pricing.PriceList("web", "BDT", channels=("web",), priority=1, version=3),
        pricing.PriceList("web2", "BDT", channels=("web",), priority=1),
        pricing.PriceList("shop", "BDT", channels=("shop",), priority=9),
        pricing.PriceList("vip", "BDT", customer_groups=("vip",), priority=5),
    )
    items = with_prices("SHIRT", *(pricing.PriceRow(code, 50_000 + n) for n, code in enumerate(["web2", "web", "base", "shop", "vip"])))
    known = rules(price_lists=lists)
    plain = pricing.quote(basket(("SHIRT", 2)), items, known, NOW)
    vip = pricing.quote(basket(("SHIRT", 2), customer_group="vip"), items, known, NOW)
    elsewhere = pricing.quote(basket(("SHIRT", 2), channel="app"), items, known, NOW)
    assert (plain.lines[0].unit_price, plain.lines[0].list_price) == (50_000, 60_000)
    assert vip.lines[0].unit_price == 50_004
    assert elsewhere.lines[0].unit_price == 50_002
    assert plain.adjustments[0] == pricing.Adjustment("price_list", "web2", 1, -20_000, ((0, -20_000),))


def test_more_units_reach_a_lower_tier_and_periods_are_half_open() -> None:
    known = rules(price_lists=(pricing.PriceList("l", "BDT"),))
    items = with_prices(
        "SHIRT",
        pricing.PriceRow("l", 55_000),
        pricing.PriceRow("l", 50_000, 10),
        pricing.PriceRow("l", 40_000, 10, starts_at=NOW - HOUR, ends_at=NOW),
        pricing.PriceRow("l", 45_000, 20, starts_at=NOW),
    )
    prices = [pricing.quote(basket(("SHIRT", n)), items, known, NOW).lines[0].unit_price for n in (1, 9, 10, 20)]
    assert prices == [55_000, 55_000, 50_000, 45_000]


def test_a_list_in_the_basket_s_currency_makes_a_foreign_item_sellable() -> None:
    known = rules(price_lists=(pricing.PriceList("usd", "USD"),), shipping_rates=())
    items = with_prices("SHIRT", pricing.PriceRow("usd", 599))
    assert pricing.quote(basket(("SHIRT", 2), currency="USD"), items, known, NOW).totals.items == 1_198
    with pytest.raises(Refused, match="currency_mismatch") as refusal:
        pricing.quote(basket(("SHIRT", 1), ("LAMP", 1), currency="USD"), items, known, NOW)
    assert refusal.value.data["line"] == 1


SCARCE = pricing.PriceRule("scarce", "stock", (pricing.Band(0, 2_000), pricing.Band(5, 700), pricing.Band(20, 0)), ceiling=11_500, step=500)
WANTED = pricing.PriceRule("wanted", "demand", (pricing.Band(20_000, 1_000), pricing.Band(0, -3_000), pricing.Band(5_000, 0)), priority=-1)


@pytest.mark.parametrize(
    ("signals", "price"),
    [
        ({"stock": 50}, 60_000),
        ({"stock": 19}, 64_000),  # +7 % = 64,200, on a multiple of 5 taka
        ({"stock": 2}, 69_000),  # +20 % = 72,000, held at the ceiling of 115 %
        ({"stock": 2, "demand": 90_000}, 69_000),  # the higher priority decides alone
        ({"demand": 20_000}, 66_000),
        ({"demand": 1_000}, 48_000),  # −30 %, held at the floor of 80 %
        ({"demand": 7_000}, 60_000),
        ({}, 60_000),
    ],
)
def test_a_dynamic_price_follows_stock_or_demand_between_floor_and_ceiling(signals: dict[str, int], price: int) -> None:
    known = rules(price_rules=(WANTED, SCARCE))
    line = pricing.quote(basket(("SHIRT", 1)), with_prices("SHIRT", **signals), known, NOW)
    assert line.lines[0].unit_price == price
    explained = [each for each in line.adjustments if each.kind == "dynamic_price"]
    assert sum(each.amount for each in explained) == price - 60_000


def test_a_list_price_is_a_promise_that_no_dynamic_rule_moves() -> None:
    known = rules(price_rules=(SCARCE,), price_lists=(pricing.PriceList("l", "BDT"),))
    items = with_prices("SHIRT", pricing.PriceRow("l", 58_000), stock=1)
    assert pricing.quote(basket(("SHIRT", 1)), items, known, NOW).lines[0].unit_price == 58_000


def test_an_external_order_keeps_the_channels_prices_and_freight_and_adds_nothing() -> None:
    lines = (pricing.BasketLine("SHIRT", 2, 7_777, 1_500), pricing.BasketLine("IMPORT", 1, 9_990, 0))
    asked = replace(basket(), lines=lines, external=True, currency="BRL", coupons=("X",), payment_method="cod", zone="moon")
    quote = quoted(asked, rules(pricing.PromotionRow("ALL", "percent", {"rate": 5_000})))
    assert quote.totals.grand == 2 * 7_777 + 1_500 + 9_990
    assert (quote.totals.discount, quote.totals.tax_added, quote.fees) == (0, 0, ())
    assert quote.lines[1].tax == 476, "5 % contained: 9,990 × 5 / 105 = 475.7"
    assert quote.receipt.coupons == (pricing.CouponOutcome("X", reason="external_prices"),)
    assert quote.receipt.external and adds_up(quote)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("GHOST", 1)), "unknown_sku"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", 0)), "invalid_quantity"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", -3)), "invalid_quantity"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", 10**7)), "invalid_quantity"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", 1, -1)), "amount_out_of_range"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", 1, 10**16)), "amount_out_of_range"),
        ((pricing.BasketLine("SHIRT", 1), pricing.BasketLine("LAMP", 1, 1, -1)), "amount_out_of_range"),
    ],
)
def test_a_line_that_cannot_be_priced_is_refused_with_its_position(lines: tuple[pricing.BasketLine, ...], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        quoted(replace(basket(), lines=lines), rules())
    assert (refusal.value.code, refusal.value.data["line"]) == (code, 1)


def test_an_empty_basket_an_unknown_service_and_a_flood_of_coupons_are_refused() -> None:
    for asked, code in [
        (basket(), "basket_size"),
        (basket(("SHIRT", 1), services=("massage",)), "unknown_service"),
        (basket(("SHIRT", 1), coupons=tuple(f"C{n}" for n in range(21))), "too_many_coupons"),
        (basket(("SHIRT", 1), external=True), "price_missing"),
    ]:
        with pytest.raises(Refused) as refusal:
            quoted(asked, rules())
        assert refusal.value.code == code
