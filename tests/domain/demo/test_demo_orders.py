"""Every order of the demo's past can be priced and passes validation, so a fresh market seeds without a refusal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import pricing
from haat.domain.orders import rules as rule_folder
from haat.domain.orders.validation import Case, CaseLine, Policy, Rule, compile_rules, validate
from haat.domain.pricing import promotions
from haat.engine import plugins
from haat.faces.cli import demo
from haat.faces.cli.demo.market import Market
from haat.kernel.geography import resolve
from haat.kernel.geography.address import Address

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def market() -> Market:
    return demo.market(NOW)


@pytest.fixture(scope="module")
def rules(market: Market) -> pricing.Rules:
    return pricing.compile_rules(
        price_lists=msgspec.convert(market.price_lists, list[pricing.PriceList]),
        promotions=msgspec.convert(market.promotions, list[pricing.PromotionRow]),
        coupons=msgspec.convert(market.coupons, list[pricing.Coupon]),
        tax_rates=msgspec.convert(market.tax_rates, list[pricing.TaxRate]),
        shipping_rates=msgspec.convert(market.shipping_rates, list[pricing.ShippingRate]),
        fee_rates=msgspec.convert(market.fee_rates, list[pricing.FeeRate]),
        price_rules=msgspec.convert(market.price_rules, list[pricing.PriceRule]),
        kinds=plugins.load(promotions, "PROMOTION", pricing.Promotion),
    )


def items_of(market: Market) -> dict[str, pricing.PricedItem]:
    parents = {row["code"]: row["parent"] for row in market.categories}
    prices: dict[str, list[pricing.PriceRow]] = {}
    for row in market.prices:
        prices.setdefault(row["sku"], []).append(pricing.PriceRow(row["list"], row["amount"], row.get("min_quantity", 1)))
    return {
        p["sku"]: pricing.PricedItem(
            p["sku"], p["vendor"], p["price"], "BDT", p["tax_class"], p["weight_g"], p["category"],
            tuple(c for c in (p["category"], parents[p["category"]]) if c), tuple(prices.get(p["sku"], ())), stock=50,
        )
        for p in market.products
    }  # fmt: skip


def basket_of(order: dict[str, Any], zone: str, *, first: bool) -> pricing.Basket:
    return pricing.Basket(
        channel=order["channel"],
        currency="BDT",
        lines=tuple(pricing.BasketLine(line["sku"], line["quantity"]) for line in order["lines"]),
        customer=order["customer"]["phone"],
        customer_group=order["customer"]["group"] or None,
        first_order=first,
        zone=zone,
        coupons=tuple(order["coupons"]),
        payment_method=order["payment_method"],
        shipping_method="standard",
        services=tuple(order["services"]),
    )


def test_every_past_order_has_a_price_and_passes_every_rule(market: Market, rules: pricing.Rules) -> None:
    items, seen, applied = items_of(market), set(), set()
    checks = compile_rules(plugins.load(rule_folder, "RULE", Rule))
    for order in market.orders:
        address = msgspec.convert(order["ship_to"], Address)
        place, phone = resolve(address), order["customer"]["phone"]
        quote = pricing.quote(basket_of(order, place.zone, first=phone not in seen), items, rules, NOW)  # type: ignore[union-attr]
        seen.add(phone)
        applied |= {adjustment.code for adjustment in quote.adjustments}
        lines = tuple(CaseLine(line.sku, line.vendor, line.quantity, line.unit_price) for line in quote.lines)
        case = Case(
            channel=order["channel"], currency="BDT", buyer=phone, phone=phone, address=address, place=place, lines=lines,
            goods=quote.totals.items, total=quote.totals.grand, payment_method=order["payment_method"],
        )  # fmt: skip
        verdict = validate(case, Policy(), checks)
        assert verdict is checks.clean, (order["key"], verdict.refusals)
    assert applied >= {"ADDA-BUNDLE", "TEA-WEEK", "BOISHAKH", "WELCOME", "SOAP-2-1", "MORE-IS-LESS", "FREE-DHAKA", "cod", "gift-wrap"}, (
        applied
    )


def test_an_order_that_may_still_be_under_review_or_unpaid_is_left_to_the_flows() -> None:
    late = []
    for now in (NOW.replace(hour=hour) for hour in (9, 14, 18)):
        late += [order for order in demo.market(now).orders if now - order["placed_at"] < timedelta(hours=4)]
    assert {order["outcome"] for order in late} == {"open"}
    assert {order["payment_method"] for order in late} > {"cod"}
