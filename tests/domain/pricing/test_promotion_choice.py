"""Who gets which discount: conditions, coupons and their reasons, stacking, the best deal, limits, and who bears the cost."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import pricing
from tests.domain.pricing.cases import ITEMS, KINDS, NOW, adds_up, basket, percent, quoted, rules

replace = msgspec.structs.replace
HOUR = timedelta(hours=1)
SHIRTS = basket(("SHIRT", 2), shipping_method="")


def discounts(quote: pricing.Quote) -> dict[str, int]:
    return {each.code: -each.amount for each in quote.adjustments if "promotion" in each.kind}


def coupon_of(quote: pricing.Quote) -> pricing.CouponOutcome:
    assert len(quote.receipt.coupons) == 1
    return quote.receipt.coupons[0]


@pytest.mark.parametrize(
    ("kind", "args", "lines", "expected"),
    [
        ("percent", {"rate": 1_000}, [("SHIRT", 2)], 12_000),
        ("percent", {"rate": 5_000, "maximum": 20_000}, [("SHIRT", 2)], 20_000),
        ("fixed_amount", {"amount": 10_000}, [("SHIRT", 1), ("LAMP", 1)], 10_000),
        ("fixed_amount", {"amount": 999_999}, [("RICE", 1)], 8_000),
        ("fixed_amount", {"amount": 1_000, "per": "unit"}, [("SHIRT", 3)], 3_000),
        ("buy_x_get_y", {"buy": 2, "get": 1}, [("SHIRT", 2), ("LAMP", 1)], 60_000),
        ("buy_x_get_y", {"buy": 2, "get": 1, "rate": 5_000}, [("SHIRT", 5)], 30_000),
        ("buy_x_get_y", {"buy": 1, "get": 1, "times": 1}, [("SHIRT", 8)], 60_000),
        ("buy_x_get_y", {"buy": 2, "get": 1, "gifts": ["RICE"]}, [("SHIRT", 4), ("RICE", 9)], 16_000),
        ("bundle", {"components": [{"sku": "SHIRT"}, {"sku": "LAMP"}], "price": 150_000}, [("SHIRT", 2), ("LAMP", 1)], 9_900),
        ("bundle", {"components": [{"sku": "SHIRT", "quantity": 2}], "rate": 1_000}, [("SHIRT", 5)], 24_000),
        (
            "tier_discount",
            {"tiers": [{"at_least": 2, "rate": 500}, {"at_least": 5, "rate": 1_000}], "by": "quantity"},
            [("SHIRT", 5)],
            30_000,
        ),
        ("tier_discount", {"tiers": [{"at_least": 100_000, "amount": 7_000}]}, [("SHIRT", 2)], 7_000),
        ("free_shipping", {}, [("SHIRT", 1), ("LAMP", 1)], 14_000),
        ("free_shipping", {"maximum": 10_000}, [("SHIRT", 1), ("LAMP", 1)], 10_000),
    ],
)
def test_each_kind_takes_off_what_it_promises(kind: str, args: dict[str, Any], lines: list[tuple[str, int]], expected: int) -> None:
    quote = quoted(basket(*lines), rules(pricing.PromotionRow("P", kind, args)))
    assert discounts(quote) == {"P": expected}
    assert adds_up(quote)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("buy_x_get_y", {"buy": 2, "get": 1}),
        ("bundle", {"components": [{"sku": "SHIRT"}, {"sku": "LAMP"}], "price": 1}),
        ("bundle", {"components": [{"sku": "SHIRT"}], "price": 999_999}),
        ("tier_discount", {"tiers": [{"at_least": 3, "rate": 500}], "by": "quantity"}),
        ("free_shipping", {}),
    ],
)
def test_a_kind_that_finds_nothing_to_do_leaves_no_trace(kind: str, args: dict[str, Any]) -> None:
    quote = quoted(SHIRTS, rules(pricing.PromotionRow("P", kind, args, uses=3)))
    assert (discounts(quote), quote.claims, quote.totals.discount) == ({}, (), 0)


COUPON = pricing.Coupon("EID", "P")
GIVEN = percent("P", 1_000, automatic=False)


def asked_with(conditions: dict[str, Any]) -> pricing.PromotionRow:
    return replace(GIVEN, conditions=pricing.Conditions(**conditions))


@pytest.mark.parametrize(
    ("promotion", "coupon", "change", "reason", "missing"),
    [
        (GIVEN, replace(COUPON, code="OTHER"), {}, "unknown", 0),
        (GIVEN, replace(COUPON, promotion="GONE"), {}, "inactive", 0),
        (GIVEN, replace(COUPON, active=False), {}, "inactive", 0),
        (replace(GIVEN, active=False), COUPON, {}, "inactive", 0),
        (GIVEN, replace(COUPON, starts_at=NOW + HOUR), {}, "not_started", 0),
        (replace(GIVEN, starts_at=NOW + HOUR), COUPON, {}, "not_started", 0),
        (GIVEN, replace(COUPON, ends_at=NOW), {}, "expired", 0),
        (replace(GIVEN, ends_at=NOW), COUPON, {}, "expired", 0),
        (GIVEN, replace(COUPON, customer="c2"), {"customer": "c1"}, "other_customer", 0),
        (replace(GIVEN, uses_per_customer=1), COUPON, {}, "needs_customer", 0),
        (asked_with({"first_order": True}), COUPON, {}, "not_first_order", 0),
        (asked_with({"channels": ("app",)}), COUPON, {}, "wrong_channel", 0),
        (asked_with({"customer_groups": ("vip",)}), COUPON, {}, "wrong_group", 0),
        (asked_with({"zones": ("outside",)}), COUPON, {}, "wrong_zone", 0),
        (asked_with({"payment_methods": ("bkash",)}), COUPON, {"payment_method": "cod"}, "wrong_payment_method", 0),
        (
            asked_with({"payment_methods": ("bkash",)}),
            COUPON,
            {"payment_method": "bkash", "also_paid_by": ("nagad",)},
            "wrong_payment_method",
            0,
        ),
        (asked_with({"shipping_methods": ("courier",)}), COUPON, {}, "wrong_shipping_method", 0),
        (replace(GIVEN, currency="USD"), COUPON, {}, "wrong_currency", 0),
        (asked_with({"hours": pricing.Hours((5,))}), COUPON, {}, "wrong_time", 0),
        (asked_with({"categories": ("home",)}), COUPON, {}, "no_eligible_line", 0),
        (asked_with({"vendors": ("karim",)}), COUPON, {}, "no_eligible_line", 0),
        (asked_with({"excluded_skus": ("SHIRT",)}), COUPON, {}, "no_eligible_line", 0),
        (asked_with({"excluded_categories": ("clothes",)}), COUPON, {}, "no_eligible_line", 0),
        (asked_with({"minimum_total": 150_000}), COUPON, {}, "minimum_total", 30_000),
        (asked_with({"minimum_quantity": 5}), COUPON, {}, "minimum_quantity", 3),
        (pricing.PromotionRow("P", "free_shipping", {}, automatic=False), COUPON, {}, "no_effect", 0),
    ],
)
def test_of_a_coupon_that_does_not_apply_the_receipt_says_why(
    promotion: pricing.PromotionRow, coupon: pricing.Coupon, change: dict[str, Any], reason: str, missing: int
) -> None:
    quote = quoted(replace(SHIRTS, coupons=("eid",), **change), rules(promotion, coupons=[coupon]))
    outcome = coupon_of(quote)
    assert (outcome.code, outcome.reason, outcome.missing) == ("EID", reason, missing)
    assert (quote.totals.discount, quote.claims) == (0, ())


def test_a_promotion_of_several_methods_is_for_a_basket_that_is_paid_by_them_together() -> None:
    known = rules(asked_with({"payment_methods": ("bkash", "nagad")}), coupons=[COUPON])
    quote = quoted(replace(SHIRTS, coupons=("eid",), payment_method="bkash", also_paid_by=("nagad",)), known)
    assert (coupon_of(quote).amount, coupon_of(quote).reason) == (12_000, "")


def test_a_coupon_applies_however_it_was_typed_and_says_what_it_took_off() -> None:
    quote = quoted(replace(SHIRTS, coupons=(" eid ", "EID")), rules(GIVEN, coupons=[COUPON]))
    assert coupon_of(quote) == pricing.CouponOutcome("EID", "P", 12_000)
    assert quote.adjustments[0].coupon == "EID"
    assert discounts(quoted(SHIRTS, rules(GIVEN, coupons=[COUPON]))) == {}, "without its coupon it does not apply"


def test_a_coupon_of_a_generated_batch_is_brought_along_by_the_caller() -> None:
    asked, known = replace(SHIRTS, coupons=("GIFT-7",)), rules(GIVEN)
    assert coupon_of(quoted(asked, known)).reason == "unknown"
    quote = quoted(asked, known, coupons={"GIFT-7": pricing.Coupon("GIFT-7", "P", uses=1, batch="b")})
    assert discounts(quote) == {"P": 12_000}
    assert quote.claims == (pricing.Claim("coupon:GIFT-7:uses", 1, 1, "P", "GIFT-7"),)


def test_two_coupons_for_one_promotion_count_once() -> None:
    quote = quoted(replace(SHIRTS, coupons=("B", "A")), rules(GIVEN, coupons=[pricing.Coupon("A", "P"), pricing.Coupon("B", "P")]))
    assert [(each.code, each.amount, each.reason) for each in quote.receipt.coupons] == [("A", 12_000, ""), ("B", 0, "already_applied")]


def test_stacked_promotions_apply_by_priority_each_on_what_the_former_left() -> None:
    off = pricing.PromotionRow("FIXED", "fixed_amount", {"amount": 20_000}, priority=1)
    assert discounts(quoted(SHIRTS, rules(off, percent("HALF", 5_000)))) == {"FIXED": 20_000, "HALF": 50_000}
    assert discounts(quoted(SHIRTS, rules(off, percent("HALF", 5_000, priority=2)))) == {"FIXED": 20_000, "HALF": 60_000}


def test_of_one_group_the_best_deal_wins_and_the_losers_learn_to_whom() -> None:
    known = rules(
        percent("TEN", 1_000, stacking="exclusive", group="eid", priority=9),
        pricing.PromotionRow("P", "fixed_amount", {"amount": 13_000}, stacking="exclusive", group="eid"),
        percent("COUPON", 500, stacking="exclusive", group="eid", automatic=False),
        percent("ONE", 100),
        coupons=[pricing.Coupon("EID", "COUPON")],
    )
    quote = quoted(replace(SHIRTS, coupons=("EID",)), known)
    assert discounts(quote) == {"ONE": 1_200, "P": 13_000}
    assert coupon_of(quote) == pricing.CouponOutcome("EID", "COUPON", 0, "better_deal", 0, "P")
    assert quote.receipt.passed == (pricing.PassedOver("TEN", 1, "better_deal", 0, "P"),)


def test_what_stands_alone_wins_only_if_it_beats_all_others_together() -> None:
    together = (percent("A", 1_000), percent("B", 1_000, stacking="exclusive", group="g"))
    weak = quoted(SHIRTS, rules(*together, percent("ALONE", 1_800, stacking="exclusive")))
    strong = quoted(SHIRTS, rules(*together, percent("ALONE", 2_000, stacking="exclusive")))
    assert discounts(weak) == {"A": 12_000, "B": 10_800}
    assert discounts(strong) == {"ALONE": 24_000}
    assert {each.code: each.winner for each in strong.receipt.passed} == {"A": "ALONE", "B": "ALONE"}
    assert {each.code for each in weak.receipt.passed} == {"ALONE"}


def test_deals_are_compared_by_what_the_buyer_pays_delivery_included() -> None:
    asked = basket(("SAREE", 2))  # 5,000 taka: just free delivery, which any discount would lose
    penny = pricing.PromotionRow("PENNY", "fixed_amount", {"amount": 100}, stacking="exclusive", group="g")
    ship = pricing.PromotionRow("SHIP", "free_shipping", {}, stacking="exclusive", group="g")
    quote = quoted(asked, rules(penny, ship))
    assert quote.totals.grand == 500_000
    assert "PENNY" not in discounts(quote)


def test_an_automatic_promotion_that_is_nearly_reached_is_named_with_what_is_missing() -> None:
    quote = quoted(SHIRTS, rules(percent("BIG", 1_000, conditions=pricing.Conditions(minimum_total=200_000))))
    assert quote.receipt.passed == (pricing.PassedOver("BIG", 1, "minimum_total", 80_000),)


def test_limits_are_claimed_with_their_caps_and_name_the_coupon_that_brought_them() -> None:
    limited = replace(GIVEN, uses=100, uses_per_customer=2, budget=500_000)
    asked = replace(SHIRTS, coupons=("EID",), customer="+8801712345678")
    quote = quoted(asked, rules(limited, coupons=[replace(COUPON, uses=50)]))
    assert {(claim.key, claim.amount, claim.cap) for claim in quote.claims} == {
        ("promotion:P:uses", 1, 100),
        ("promotion:P:uses:+8801712345678", 1, 2),
        ("promotion:P:budget", 12_000, 500_000),
        ("coupon:EID:uses", 1, 50),
    }
    assert {(claim.promotion, claim.coupon) for claim in quote.claims} == {("P", "EID")}


def test_what_is_used_up_is_left_out_and_said_so() -> None:
    known = rules(percent("AUTO", 500), GIVEN, coupons=[COUPON])
    asked = replace(SHIRTS, coupons=("EID",))
    without_auto = quoted(asked, known, without=frozenset({"AUTO"}))
    without_coupon = quoted(asked, known, without=frozenset({"EID"}))
    assert discounts(without_auto) == {"P": 12_000}
    assert without_auto.receipt.passed == (pricing.PassedOver("AUTO", 1, "used_up"),)
    assert coupon_of(without_coupon).reason == "used_up"


def test_the_cost_is_borne_by_whom_the_promotion_says() -> None:
    known = rules(
        percent("VENDOR", 1_000, funded_by="vendor", priority=3, conditions=pricing.Conditions(vendors=("rahim",))),
        percent("SHARED", 1_000, funded_by="shared", vendor_share=2_500, priority=2),
        percent("PLATFORM", 1_000, priority=1),
        pricing.PromotionRow("SHIP", "free_shipping", {}, funded_by="shared", vendor_share=5_000),
    )
    quote = quoted(basket(("SHIRT", 1), ("LAMP", 1)), known)
    rahim, karim = quote.vendors
    assert rahim.vendor_funded == 6_000 + 1_350, "all of the first, a quarter of 5,400"
    assert karim.vendor_funded == 2_498, "a quarter of 9,990, half up"
    assert (rahim.shipping_discount, rahim.shipping_funded) == (6_000, 3_000)
    assert adds_up(quote)


def test_a_fixed_price_is_not_discounted_but_its_neighbours_are() -> None:
    lines = (pricing.BasketLine("SHIRT", 1, 45_000), pricing.BasketLine("LAMP", 1))
    quote = quoted(replace(SHIRTS, lines=lines), rules(percent("P", 1_000)))
    assert [line.discount for line in quote.lines] == [0, 9_990]


def test_an_odd_discount_is_frozen_to_the_unit_and_shares_of_it_add_up() -> None:
    line = quoted(basket(("SHIRT", 3), shipping_method=""), rules(pricing.PromotionRow("P", "fixed_amount", {"amount": 100}))).lines[0]
    assert line.unit_discounts == ((1, 34), (2, 33))
    assert pricing.share(line, first=0, units=1) == pricing.Share(60_000, 34, 7_822, 59_966, 0)
    assert pricing.share(line, first=0, units=3).total == line.total
    with pytest.raises(ValueError, match="outside"):
        pricing.share(line, first=2, units=2)


@pytest.mark.parametrize(
    ("hours", "local", "applies"),
    [
        (pricing.Hours((2,), 1_080, 1_200), (3, 18, 0), True),
        (pricing.Hours((2,), 1_080, 1_200), (3, 20, 0), False),
        (pricing.Hours((3,), 1_080, 1_200), (3, 18, 0), False),
        (pricing.Hours((2,), 1_320, 120), (4, 1, 59), True),  # Tuesday night runs on into Wednesday
        (pricing.Hours((2,), 1_320, 120), (4, 2, 0), False),
        (pricing.Hours((2,), 1_320, 120), (3, 1, 0), False),  # that was Monday's night
        (pricing.Hours((), 0, 1_440), (3, 0, 0), True),
    ],
)
def test_a_weekly_window_is_told_in_local_time_and_may_run_over_midnight(
    hours: pricing.Hours, local: tuple[int, int, int], applies: bool
) -> None:
    day, hour, minute = local
    now = datetime(2026, 11, day, hour, minute, tzinfo=NOW.tzinfo) - timedelta(hours=6)  # Dhaka is six hours ahead
    known = rules(percent("HAPPY", 1_000, conditions=pricing.Conditions(hours=hours)))
    assert bool(discounts(pricing.quote(SHIRTS, ITEMS, known, now))) is applies


@pytest.mark.parametrize(
    "conditions",
    [
        {"skus": ("SHIRT",)},
        {"categories": ("clothes",)},
        {"vendors": ("rahim",)},
        {"tags": ("flash",)},
        {"skus": ("X",), "tags": ("flash",)},
    ],
)
def test_a_promotion_finds_its_lines_by_sku_category_vendor_or_tag(conditions: dict[str, Any]) -> None:
    lines = (pricing.BasketLine("SHIRT", 1, tags=("flash",)), pricing.BasketLine("LAMP", 1))
    quote = quoted(replace(SHIRTS, lines=lines), rules(percent("P", 1_000, conditions=pricing.Conditions(**conditions))))
    assert [line.discount for line in quote.lines] == [6_000, 0]


def test_a_stored_promotion_that_is_not_understood_sleeps_and_stops_no_sale() -> None:
    strange = [pricing.PromotionRow("OLD", "magic", {}), percent("BAD", 0), percent("GOOD", 1_000)]
    known = pricing.compile_rules(promotions=strange, kinds=KINDS)
    assert sorted(known.dormant) == ["BAD", "OLD"]
    assert discounts(quoted(SHIRTS, known)) == {"GOOD": 12_000}
