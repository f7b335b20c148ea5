"""What holds for every basket and every set of rules: sums agree at all levels, nothing is negative, order does not matter."""

import random
from typing import Any, Literal

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from haat.domain import pricing
from tests.domain.pricing.cases import FEES, ITEMS, KINDS, NOW, SHIPPING, TAXES, adds_up, explains

SKUS = st.sampled_from(sorted(ITEMS))
ARGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "percent": st.fixed_dictionaries({"rate": st.integers(1, 10_000)}, optional={"maximum": st.integers(1, 30_000)}),
    "fixed_amount": st.fixed_dictionaries({"amount": st.integers(1, 400_000)}, optional={"per": st.sampled_from(["order", "unit"])}),
    "buy_x_get_y": st.fixed_dictionaries({"buy": st.integers(1, 3), "get": st.integers(1, 2), "rate": st.integers(1, 10_000)}),
    "bundle": st.fixed_dictionaries(
        {"components": st.lists(st.fixed_dictionaries({"sku": SKUS, "quantity": st.integers(1, 2)}), min_size=1, max_size=3)},
        optional={"price": st.integers(0, 200_000), "rate": st.integers(0, 10_000)},
    ),
    "free_shipping": st.fixed_dictionaries({"rate": st.integers(1, 10_000)}),
    "tier_discount": st.fixed_dictionaries(
        {
            "tiers": st.lists(
                st.fixed_dictionaries({"at_least": st.integers(0, 300_000), "rate": st.integers(0, 10_000)}), min_size=1, max_size=3
            )
        }
    ),
}


@st.composite
def promotion_rows(draw: st.DrawFn, code: str) -> pricing.PromotionRow:
    kind = draw(st.sampled_from(sorted(ARGS)))
    funded_by: Literal["platform", "vendor", "shared"] = draw(st.sampled_from(["platform", "vendor", "shared"]))
    return pricing.PromotionRow(
        code,
        kind,
        draw(ARGS[kind]),
        automatic=draw(st.booleans()),
        conditions=pricing.Conditions(
            categories=draw(st.sampled_from([(), ("clothes",), ("home", "food")])),
            vendors=draw(st.sampled_from([(), ("rahim",)])),
            minimum_total=draw(st.sampled_from([0, 100_000])),
            minimum_quantity=draw(st.sampled_from([0, 3])),
        ),
        priority=draw(st.integers(0, 2)),
        stacking=draw(st.sampled_from(["stackable", "exclusive"])),
        group=draw(st.sampled_from(["", "g", "h"])),
        funded_by=funded_by,
        vendor_share=draw(st.integers(1, 9_999)) if funded_by == "shared" else 0,
        uses=draw(st.sampled_from([None, 10])),
        budget=draw(st.sampled_from([None, 1_000_000])),
    )


@st.composite
def markets(draw: st.DrawFn) -> pricing.Rules:
    promotions = [draw(promotion_rows(f"P{n}")) for n in range(draw(st.integers(0, 5)))]
    return pricing.compile_rules(
        version=3,
        tax_rates=TAXES,
        shipping_rates=SHIPPING,
        fee_rates=FEES,
        kinds=KINDS,
        promotions=promotions,
        coupons=[pricing.Coupon(f"C{n}", f"P{n}", uses=4) for n in range(5)],
        price_lists=[pricing.PriceList("vip", "BDT", customer_groups=("vip",))],
        price_rules=[pricing.PriceRule("scarce", "stock", (pricing.Band(0, 1_000), pricing.Band(5, 0)), step=500, skus=("LAMP",))],
    )


@st.composite
def baskets(draw: st.DrawFn) -> pricing.Basket:
    line = st.builds(
        pricing.BasketLine,
        SKUS,
        st.integers(1, 9),
        unit_price=st.none() | st.none() | st.integers(0, 90_000),
        freight=st.none() | st.none() | st.integers(0, 9_000),
    )
    return pricing.Basket(
        "web",
        "BDT",
        tuple(draw(st.lists(line, min_size=1, max_size=6))),
        customer_group=draw(st.sampled_from([None, "vip"])),
        zone=draw(st.sampled_from(["dhaka", "outside"])),
        coupons=tuple(draw(st.lists(st.sampled_from(["C0", "c1", "C2", "C3", "NO"]), max_size=3))),
        payment_method=draw(st.sampled_from(["cod", "bkash"])),
        shipping_method=draw(st.sampled_from(["courier", ""])),
        services=draw(st.sampled_from([(), ("gift_wrap",)])),
    )


PRICED = {
    sku: msgspec.structs.replace(
        item, prices=(pricing.PriceRow("vip", item.price - 1_111), pricing.PriceRow("vip", item.price // 2, 5)), stock=3
    )
    for sku, item in ITEMS.items()
}


@given(asked=baskets(), known=markets())
@settings(max_examples=120)
def test_sums_agree_at_every_level_and_the_receipt_explains_them(asked: pricing.Basket, known: pricing.Rules) -> None:
    quote = pricing.quote(asked, PRICED, known, NOW)
    assert adds_up(quote)
    assert explains(quote)


@given(asked=baskets(), known=markets(), seed=st.integers(0, 10**6))
@settings(max_examples=60)
def test_neither_the_order_of_lines_nor_that_of_coupons_changes_what_is_paid(
    asked: pricing.Basket, known: pricing.Rules, seed: int
) -> None:
    lines, coupons = list(asked.lines), list(asked.coupons)
    random.Random(seed).shuffle(lines)
    random.Random(seed).shuffle(coupons)
    shuffled = msgspec.structs.replace(asked, lines=tuple(lines), coupons=tuple(coupons))
    one, other = pricing.quote(asked, PRICED, known, NOW), pricing.quote(shuffled, PRICED, known, NOW)
    assert one.totals == other.totals
    assert set(one.vendors) == set(other.vendors)
    assert sorted(map(str, one.lines)) == sorted(map(str, other.lines))
    assert one.receipt.coupons == other.receipt.coupons
    assert one.claims == other.claims


@given(asked=baskets(), known=markets(), cut=st.data())
@settings(max_examples=60)
def test_refunding_a_line_in_any_pieces_gives_back_exactly_what_was_charged(
    asked: pricing.Basket, known: pricing.Rules, cut: st.DataObject
) -> None:
    for line in pricing.quote(asked, PRICED, known, NOW).lines:
        first, returned = 0, []
        while first < line.quantity:
            units = cut.draw(st.integers(1, line.quantity - first))
            returned.append(pricing.share(line, first=first, units=units))
            first += units
        assert sum(share.total for share in returned) == line.total
        assert sum(share.tax for share in returned) == line.tax
        assert sum(share.vendor_funded for share in returned) == line.vendor_funded


@given(asked=baskets(), known=markets())
@settings(max_examples=40)
def test_a_receipt_survives_the_store_and_says_something_of_every_coupon(asked: pricing.Basket, known: pricing.Rules) -> None:
    quote = pricing.quote(asked, PRICED, known, NOW)
    assert msgspec.json.decode(msgspec.json.encode(quote.receipt), type=pricing.Receipt) == quote.receipt
    assert [outcome.code for outcome in quote.receipt.coupons] == sorted({code.upper() for code in asked.coupons})
    assert all((outcome.reason == "") == (outcome.amount > 0) for outcome in quote.receipt.coupons)


@given(asked=baskets(), known=markets())
@settings(max_examples=40)
def test_claims_are_made_for_what_applied_and_for_nothing_else(asked: pricing.Basket, known: pricing.Rules) -> None:
    quote = pricing.quote(asked, PRICED, known, NOW)
    applied = {adjustment.code: adjustment for adjustment in quote.adjustments if "promotion" in adjustment.kind}
    for claim in quote.claims:
        assert claim.promotion in applied and claim.coupon == applied[claim.promotion].coupon
        assert claim.amount == (-applied[claim.promotion].amount if claim.key.endswith(":budget") else 1)
    again = pricing.quote(asked, PRICED, known, NOW, without=frozenset(applied))
    assert not applied.keys() & {adjustment.code for adjustment in again.adjustments}
