"""What stops an order, what holds it, and what is written down about it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.orders import rules as rule_folder
from haat.domain.orders.events import Portion
from haat.domain.orders.rules import (
    address_served,
    blocked_buyer,
    duplicate_order,
    phone,
    price_drift,
    product_active,
    purchase_limit,
    quantity_limits,
    value_limits,
    vendor_open,
)
from haat.domain.orders.validation import (
    Block,
    Case,
    CaseLine,
    Policy,
    ValueLimits,
    Verdict,
    compile_rules,
    fingerprint,
    for_external,
    validate,
)
from haat.kernel.geography.address import Address, Place, Unresolved

FILES = (
    address_served, blocked_buyer, duplicate_order, phone, price_drift,
    product_active, purchase_limit, quantity_limits, value_limits, vendor_open,
)  # fmt: skip
RULES = compile_rules({file.RULE.code: file.RULE for file in FILES})
DHAKA = Place("BD", "dhaka", "dhaka", "dhaka", "dhaka.mirpur", "1216", "agrees")
ADDRESS = Address(recipient="রহিমা খাতুন", phone="01711223344", district="Dhaka", upazila="Mirpur", line="House 7, Road 3")


def a_line(sku: str = "TEA-500", quantity: int = 1, **changes: Any) -> CaseLine:
    return CaseLine(**{"sku": sku, "vendor": "sreemangal", "quantity": quantity, "unit_price": 30_000} | changes)


def a_case(*lines: CaseLine, **changes: Any) -> Case:
    facts = {
        "channel": "web", "currency": "BDT", "buyer": "+8801711223344", "phone": "+8801711223344", "address": ADDRESS, "place": DHAKA,
        "lines": lines or (a_line(), a_line("HONEY-250", 2)), "goods": 90_000, "total": 96_000, "payment_method": "cod",
    }  # fmt: skip
    return Case(**facts | changes)


def verdict(case: Case, **policy: Any) -> Verdict:
    return validate(case, Policy(**policy), RULES)


def refusals(case: Case, **policy: Any) -> list[tuple[str, str]]:
    return [(finding.rule, finding.reason) for finding in verdict(case, **policy).refusals]


def test_a_plain_order_passes_every_rule_and_shares_one_verdict() -> None:
    first, second = verdict(a_case()), verdict(a_case())
    assert first is second
    assert first.passed == {file.RULE.code: file.RULE.version for file in FILES}
    assert not first.refusals and not first.holds and not first.claims


def test_every_outcome_names_its_rule_version_and_reason() -> None:
    found = verdict(a_case(total=9_000_000)).refusals[0]
    assert (found.rule, found.version, found.reason, found.data) == (
        "value_limits",
        1,
        "cod_ceiling",
        {"total": 9_000_000, "max": 5_000_000},
    )


def test_all_that_is_wrong_is_said_at_once_and_no_failed_rule_counts_as_passed() -> None:
    found = verdict(a_case(a_line(quantity=0), phone=None, vendors_closed={"sreemangal": "on_leave"}, duplicate_of="0190"))
    assert {finding.rule for finding in found.refusals} == {"quantity_limits", "phone", "vendor_open"}
    assert {finding.kind for finding in found.holds} == {"DUPLICATE"}
    assert set(found.passed) == {file.RULE.code for file in FILES} - {"quantity_limits", "phone", "vendor_open", "duplicate_order"}


def test_a_rule_switched_off_does_not_claim_to_have_passed() -> None:
    rules = compile_rules({file.RULE.code: file.RULE for file in FILES}, without=frozenset({"phone"}))
    found = validate(a_case(phone=None), Policy(), rules)
    assert not found.refusals
    assert "phone" not in found.passed


@pytest.mark.parametrize(
    ("place", "address", "policy", "reason"),
    [
        (Unresolved("district_unknown", "district", "Daka", ("Dhaka",)), ADDRESS, {}, "district_unknown"),
        (Place("US", "intl"), ADDRESS, {"countries": frozenset({"BD"})}, "country_not_served"),
        (Place("BD", "outside", "chattogram", "bandarban"), ADDRESS, {"districts_unserved": frozenset({"bandarban"})}, "area_not_served"),
        (DHAKA, msgspec.structs.replace(ADDRESS, recipient=" "), {}, "recipient_missing"),
        (DHAKA, msgspec.structs.replace(ADDRESS, line=""), {}, "line_missing"),
        (msgspec.structs.replace(DHAKA, postcode_check="disagrees"), ADDRESS, {"postcode_disagrees": "refuse"}, "postcode_disagrees"),
    ],
)
def test_a_parcel_that_cannot_arrive_is_refused(place: Place | Unresolved, address: Address, policy: dict[str, Any], reason: str) -> None:
    assert refusals(a_case(place=place, address=address), **policy) == [("address_served", reason)]


def test_an_unknown_address_may_be_held_for_the_desk_instead() -> None:
    found = verdict(a_case(place=Unresolved("upazila_unknown", "upazila", "Tongi", ("Tongi, Gazipur",))), unresolved_address="hold")
    assert [(hold.kind, hold.reason, hold.data["suggestions"]) for hold in found.holds] == [
        ("ADDRESS", "upazila_unknown", ["Tongi, Gazipur"])
    ]


def test_what_is_not_delivered_needs_no_address() -> None:
    assert refusals(a_case(place=None, address=Address(), payment_method="bkash")) == []


def test_cash_on_delivery_needs_a_bangladeshi_mobile() -> None:
    assert refusals(a_case(phone="+8801111111111")) == [("phone", "phone_not_local_mobile")]
    assert refusals(a_case(phone="+14155550100")) == [("phone", "phone_not_local_mobile")]
    assert refusals(a_case(phone="+14155550100", payment_method="bkash")) == []
    assert refusals(a_case(phone=None)) == [("phone", "phone_missing")]
    assert refusals(a_case(phone=None, phone_problem="too_short"), phone_required=False) == [("phone", "phone_unusable")]
    assert refusals(a_case(phone=None), phone_required=False) == []


def test_a_product_limit_counts_all_lines_of_the_product_together() -> None:
    split = (a_line(quantity=2, quantity_max=3), a_line(quantity=2, quantity_max=3))
    assert refusals(a_case(*split)) == [("quantity_limits", "product_quantity_max")]
    assert refusals(a_case(a_line(quantity=2, quantity_min=4), a_line(quantity=2, quantity_min=4))) == []
    assert refusals(a_case(a_line(quantity=3, quantity_min=4))) == [("quantity_limits", "product_quantity_min")]


def test_the_policy_bounds_lines_and_pieces() -> None:
    assert refusals(a_case(lines=())) == [("quantity_limits", "no_lines")]
    assert refusals(a_case(), lines_max=1) == [("quantity_limits", "too_many_lines")]
    assert refusals(a_case(a_line(quantity=1_001))) == [("quantity_limits", "line_quantity")]
    assert refusals(a_case(a_line(quantity=6), a_line("B", 6)), order_quantity_max=11) == [("quantity_limits", "order_quantity")]
    assert refusals(a_case(a_line(quantity=-1))) == [("quantity_limits", "quantity_below_one")]


def test_value_limits_bind_only_their_own_currency_unless_the_channel_brings_its_own() -> None:
    assert refusals(a_case(total=0)) == [("value_limits", "order_value_min")]
    assert refusals(a_case(total=100_000_001, payment_method="bkash")) == [("value_limits", "order_value_max")]
    assert refusals(a_case(total=0, currency="BRL")) == []
    own = {"olist": ValueLimits(most=100)}
    assert refusals(a_case(total=101, currency="BRL", channel="olist"), channel_values=own) == [("value_limits", "order_value_max")]


def test_of_a_total_in_parts_the_part_at_the_door_has_to_be_one_that_a_rider_may_carry() -> None:
    dear = a_case(total=9_000_000, tenders=(Portion("bkash", 4_000_000), Portion("cod", 5_000_000)))
    assert refusals(a_case(total=9_000_000)) == [("value_limits", "cod_ceiling")]
    assert refusals(dear) == []
    (refusal,) = verdict(dear, values=ValueLimits(cod_max=4_999_999)).refusals
    assert (refusal.reason, refusal.data["cash"]) == ("cod_ceiling", 5_000_000)


def test_a_phone_has_to_do_for_every_method_that_takes_a_part() -> None:
    parts = (Portion("nagad", 50_000), Portion("bkash", 46_000))
    abroad = a_case(phone="+14155550100", payment_method="nagad", tenders=parts)
    assert refusals(abroad) == []
    (refusal,) = verdict(abroad, local_mobile_for=frozenset({"bkash"})).refusals
    assert (refusal.reason, refusal.data["payment_method"]) == ("phone_not_local_mobile", "bkash")


def test_a_limited_product_is_claimed_and_not_counted_here() -> None:
    lines = (
        a_line(quantity=1, purchase_limit=3, purchase_window="2026-11"),
        a_line(quantity=2, purchase_limit=3, purchase_window="2026-11"),
    )
    found = verdict(a_case(*lines))
    assert found.claims == (("purchase:TEA-500:+8801711223344:2026-11", 3, 3),)
    assert found.passed is RULES.passed
    assert refusals(a_case(a_line(quantity=4, purchase_limit=3))) == [("purchase_limit", "purchase_limit")]
    assert refusals(a_case(a_line(purchase_limit=3), buyer="")) == [("purchase_limit", "buyer_unknown")]


def test_a_second_copy_of_an_order_waits_for_a_person() -> None:
    hold = verdict(a_case(duplicate_of="0190-abc")).holds[0]
    assert (hold.rule, hold.kind, hold.data["number"]) == ("duplicate_order", "DUPLICATE", "0190-abc")


def test_a_blocked_buyer_is_refused_or_held_and_never_told_why() -> None:
    block = Block("block-7", "phone", "three fake orders")
    found = verdict(a_case(block=block)).refusals[0]
    assert found.reason == "blocked_buyer"
    assert "three fake orders" not in msgspec.json.encode(found).decode()
    assert verdict(a_case(block=msgspec.structs.replace(block, action="hold"))).holds[0].kind == "COMPLIANCE"


def test_the_buyer_pays_what_the_buyer_saw() -> None:
    dearer = verdict(a_case(expected_total=95_000)).refusals[0]
    assert (dearer.reason, dearer.data) == ("total_changed", {"expected": 95_000, "quoted": 96_000})
    assert refusals(a_case(expected_total=95_000), drift_up_max=1_000) == []
    assert refusals(a_case(expected_total=97_000)) == []
    assert refusals(a_case(expected_total=97_000), drift_down_max=0) == [("price_drift", "total_changed")]
    assert refusals(a_case(a_line(expected_unit_price=29_999))) == [("price_drift", "price_changed")]


def test_only_a_closed_vendor_of_this_order_stops_it() -> None:
    assert refusals(a_case(vendors_closed={"another": "suspended"})) == []
    assert refusals(a_case(vendors_closed={"sreemangal": "on_leave"})) == [("vendor_open", "vendor_closed")]
    assert verdict(a_case(vendors_closed={"sreemangal": "closed"}), vendor_closed="hold").holds[0].kind == "VENDOR_ACK"


def test_only_products_on_sale_are_sold() -> None:
    found = verdict(a_case(a_line(), a_line("OLD", status="archived"))).refusals[0]
    assert (found.reason, found.data) == ("product_not_on_sale", {"skus": ["OLD"]})


def test_a_verdict_survives_being_stored() -> None:
    for case in (a_case(), a_case(a_line(purchase_limit=3)), a_case(duplicate_of="x", phone=None)):
        found = verdict(case)
        assert msgspec.json.decode(msgspec.json.encode(found), type=Verdict) == found


def test_what_another_marketplace_sold_is_taken_without_phone_name_or_street() -> None:
    sold = a_case(phone=None, buyer="", address=Address(country="BR", district="franca"), place=Place("BR", "intl"), total=0)
    assert {finding.rule for finding in verdict(sold).refusals} == {"address_served", "phone", "value_limits"}
    assert validate(sold, for_external(Policy()), RULES) is RULES.clean
    strict = Policy(
        countries=frozenset({"BD"}), zones_unserved=frozenset({"intl"}), lines_max=1, line_quantity_max=1, order_quantity_max=1,
        channel_values={sold.channel: ValueLimits(least=10)},
    )  # fmt: skip
    many = msgspec.structs.replace(sold, lines=(a_line(quantity=2), a_line(sku="other", quantity=2)))
    assert not validate(many, for_external(strict), RULES).refusals, "what is sold is sold, whatever a policy says of our own"


baskets = st.lists(st.tuples(st.text(min_size=1, max_size=8), st.integers(1, 99)), min_size=1, max_size=8)


@given(st.text(max_size=20), baskets, st.randoms(use_true_random=False))
def test_a_fingerprint_knows_the_basket_and_not_its_order(buyer: str, basket: list[tuple[str, int]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [(sku, 1) for sku, quantity in basket for _ in range(quantity)]
    random.shuffle(shuffled)
    mark = fingerprint(buyer, basket)
    assert mark == fingerprint(buyer, shuffled)
    assert 0 <= mark < 1 << 40
    assert mark != fingerprint(buyer + "x", basket)
    assert mark != fingerprint(buyer, [*basket, ("one more", 1)])


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    assert fingerprint("+8801711223344", [("TEA-500", 1), ("HONEY-250", 2)]) == 704_979_049_762


whole = st.integers(-5, 2_000_000)


@given(
    st.lists(st.tuples(whole, whole, st.none() | whole, st.none() | whole, st.sampled_from(["active", "draft"])), max_size=4),
    whole,
    st.sampled_from([None, "", "+8801711223344", "+88017", "+1"]),
    st.sampled_from([None, DHAKA, Place("BR", "intl"), Unresolved("ambiguous")]),
    st.none() | whole,
)
def test_each_rule_is_counted_exactly_once_whatever_the_case(
    lines: Any, total: int, number: str | None, place: Any, expected: int | None
) -> None:
    made = tuple(CaseLine("A", "v", q, p, quantity_max=most, purchase_limit=limit, status=status) for q, p, most, limit, status in lines)
    found = verdict(a_case(lines=made, total=total, phone=number, place=place, expected_total=expected))
    failed = [finding.rule for finding in (*found.refusals, *found.holds)]
    assert len(failed) == len(set(failed))
    assert set(failed) | set(found.passed) == {file.RULE.code for file in FILES}
    assert not set(failed) & set(found.passed)
    assert all(0 < amount <= cap for _, amount, cap in found.claims) or failed


def test_the_folder_says_what_belongs_in_it() -> None:
    assert rule_folder.__doc__
