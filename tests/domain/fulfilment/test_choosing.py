"""Which courier: the one whose delivered parcels cost least, among those that can and may."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.fulfilment import choosing, fleet
from haat.domain.fulfilment.choosing import Carrier, Need
from haat.domain.fulfilment.courier import Capabilities
from haat.domain.fulfilment.fleet import CourierConditions, CourierRule, Coverage, Record, Tariff, Transit

CAN = Capabilities(lookup="reference", weight_max_g=10_000, cash_max=5_000_000)
CHEAP, DEAR = Tariff("*", 6_000, return_fee=3_000), Tariff("*", 9_000, return_fee=3_000)


def carrier(code: str, **more: Any) -> Carrier:
    fields: dict[str, Any] = {"code": code, "capabilities": CAN}
    return Carrier(**(fields | more))


def need(**more: Any) -> Need:
    fields: dict[str, Any] = {"zone": "outside", "district": "sylhet", "upazila": "sylhet.sadar", "cash": 120_000}
    return Need(**(fields | more))


def a_fleet(
    tariffs: dict[str, Tariff],
    *,
    areas: list[tuple[str, Coverage]] | None = None,
    rules: list[CourierRule] | None = None,
    records: list[Record] | None = None,
) -> fleet.Fleet:
    return fleet.assemble(areas or [], tariffs.items(), rules or [], records or [])


TWO = [carrier("cheap"), carrier("dear")]


def test_of_two_that_deliver_alike_the_cheaper_one_goes() -> None:
    choice = choosing.choose(a_fleet({"cheap": CHEAP, "dear": DEAR}), TWO, need())
    assert (choice.courier, choice.fee, choice.rule) == ("cheap", 6_000, "default")
    assert [each.courier for each in choice.candidates] == ["cheap", "dear"]


def test_a_cheap_courier_whose_parcels_come_back_is_dear() -> None:
    records = [Record("cheap", "sylhet", "", delivered=60, returned=60), Record("dear", "sylhet", "", delivered=115, returned=5)]
    known = a_fleet({"cheap": CHEAP, "dear": DEAR}, records=records)
    assert choosing.choose(known, TWO, need()).courier == "dear"
    assert choosing.choose(known, TWO, need(district="khulna", upazila="")).courier == "dear", "it is bad everywhere, as far as is known"


def test_three_bad_parcels_do_not_outweigh_a_thousand_good_ones_elsewhere() -> None:
    records = [Record("cheap", "dhaka", "", delivered=950, returned=50), Record("cheap", "sylhet", "", delivered=0, returned=3)]
    known = a_fleet({"cheap": CHEAP}, records=records)
    assert 7_500 < known.success("cheap", "sylhet", "") < known.success("cheap", "khulna", "") <= 9_500


@pytest.mark.parametrize(
    ("who", "parcel", "why"),
    [
        ({"active": False}, {}, "inactive"),
        ({"answers": False}, {}, "breaker_open"),
        ({"capacity": 10, "taken": 10}, {}, "full"),
        ({}, {"refused_by": ("cheap",)}, "refused_before"),
        ({}, {"weight_g": 10_001}, "weight"),
        ({}, {"cash": 5_000_001}, "cash_limit"),
        ({"capabilities": Capabilities(lookup="hook", cash=False)}, {}, "no_cash"),
        ({}, {"currency": "EUR"}, "currency"),
        ({}, {"country": "DE"}, "country"),
        ({}, {"phone": False}, "no_phone"),
    ],
)
def test_who_cannot_is_left_out_with_its_reason(who: dict[str, Any], parcel: dict[str, Any], why: str) -> None:
    known = a_fleet({"cheap": CHEAP, "dear": DEAR})
    choice = choosing.choose(known, [carrier("cheap", **who)], need(**parcel))
    assert choice.courier == ""
    assert [(each.courier, each.hindrance) for each in choice.candidates] == [("cheap", why)]
    if not parcel or "refused_by" in parcel:
        assert choosing.choose(known, [carrier("cheap", **who), carrier("dear")], need(**parcel)).courier == "dear"


def test_a_place_is_told_by_its_narrowest_word() -> None:
    areas = [
        ("cheap", Coverage("sylhet", zone_id="1")),
        ("cheap", Coverage("sylhet", "sylhet.sadar", zone_id="2", collects=False)),
        ("cheap", Coverage("sylhet", "sylhet.sadar", "Zinda Bazar", zone_id="3")),
        ("cheap", Coverage("sylhet", "sylhet.beanibazar", delivers=False)),
    ]
    known = a_fleet({"cheap": CHEAP}, areas=areas)

    def there(**more: Any) -> tuple[str, str, str]:
        choice = choosing.choose(known, [carrier("cheap")], need(**more))
        return choice.courier, choice.area.zone_id, choice.candidates[0].hindrance

    assert there(upazila="sylhet.golapganj") == ("cheap", "1", "")
    assert there(area=" zinda  bazar") == ("cheap", "3", "")
    assert there() == ("", "", "no_cash_there")
    assert there(cash=0) == ("cheap", "2", "")
    assert there(upazila="sylhet.beanibazar") == ("", "", "area_not_served")
    assert there(district="dhaka", upazila="") == ("", "", "area_not_served")


def test_a_courier_that_wants_its_own_numbers_does_not_go_where_it_has_none() -> None:
    wants = Capabilities(lookup="hook", needs_area=True)
    known = a_fleet({}, areas=[("redx", Coverage("sylhet", area_id="77", name="Sylhet"))])
    assert choosing.choose(known, [carrier("redx", capabilities=wants)], need()).area.area_id == "77"
    assert choosing.choose(a_fleet({}), [carrier("redx", capabilities=wants)], need()).candidates[0].hindrance == "area_unknown"


def test_the_first_rule_that_holds_decides_alone() -> None:
    rules = [
        CourierRule("all", position=50, forbid=("cheap",)),
        CourierRule("sylhet", position=10, conditions=CourierConditions(districts=("sylhet",), cash=True), prefer=("dear",), version=3),
        CourierRule("off", position=1, active=False, only=("nobody",)),
    ]
    known = a_fleet({"cheap": CHEAP, "dear": DEAR}, rules=rules)
    choice = choosing.choose(known, TWO, need())
    assert (choice.courier, choice.rule, choice.rule_version) == ("dear", "sylhet", 3)
    forbidden = choosing.choose(known, TWO, need(district="khulna", upazila=""))
    assert (forbidden.courier, forbidden.rule, forbidden.candidates[-1].hindrance) == ("dear", "all", "rule")


def test_a_preferred_courier_that_cannot_go_does_not_stop_the_parcel() -> None:
    known = a_fleet({"cheap": CHEAP, "dear": DEAR}, rules=[CourierRule("best", prefer=("dear",))])
    assert choosing.choose(known, [carrier("cheap"), carrier("dear", answers=False)], need()).courier == "cheap"


def stood_in(*carriers: Carrier, rules: list[CourierRule] | None = None, **more: Any) -> tuple[str, str]:
    tariffs = {code: Tariff("*", fee) for code, fee in (("a", 1_000), ("b", 2_000), ("c", 3_000), ("d", 4_000))}
    choice = choosing.choose(a_fleet(tariffs, rules=rules), carriers, need(**more))
    assert [each.courier for each in choice.candidates][:1] == [choice.courier], "whoever is chosen is the first on the receipt"
    assert len({each.courier for each in choice.candidates}) == len(choice.candidates) == len(carriers)
    return choice.courier, choice.instead_of


A_IS_SILENT = carrier("a", answers=False, fallback="c")
B, C, D = carrier("b"), carrier("c"), carrier("d")


def test_while_the_best_courier_does_not_answer_its_declared_fallback_goes_and_the_receipt_says_so() -> None:
    assert stood_in(A_IS_SILENT, B, C) == ("c", "a")
    assert stood_in(carrier("a", answers=False), B, C) == ("b", "a"), "none is declared: the next best"
    assert stood_in(carrier("a", fallback="c"), B, C) == ("a", ""), "it answers"
    assert stood_in(carrier("a"), carrier("b", answers=False, fallback="d"), D) == ("a", ""), "nobody wanted that one"
    nobody = choosing.choose(a_fleet({}), [A_IS_SILENT], need())
    assert (nobody.courier, nobody.instead_of) == ("", "")


def test_a_chain_of_fallbacks_is_followed_to_a_courier_that_can_go_and_no_further_than_once_round() -> None:
    silent = {"answers": False}
    assert stood_in(A_IS_SILENT, B, carrier("c", fallback="d", **silent), D) == ("d", "a")
    assert stood_in(A_IS_SILENT, B, carrier("c", fallback="a", **silent), D) == ("b", "a"), "round and round: the next best"
    assert stood_in(carrier("a", fallback="gone", **silent), B) == ("b", "a")


@pytest.mark.parametrize(
    ("who", "parcel"),
    [
        ({"active": False}, {}),
        ({"capacity": 1, "taken": 1}, {}),
        ({}, {"refused_by": ("c",)}),
        ({"capabilities": Capabilities(lookup="hook", cash=False)}, {}),
    ],
)
def test_a_fallback_that_cannot_go_does_not_stand_in(who: dict[str, Any], parcel: dict[str, Any]) -> None:
    assert stood_in(A_IS_SILENT, B, carrier("c", **who), **parcel) == ("b", "a")
    assert stood_in(A_IS_SILENT, B, carrier("c", fallback="d", **who), D, **parcel) == ("d", "a"), "its own fallback does"


def test_a_rule_binds_those_who_stand_in_and_those_who_are_stood_in_for() -> None:
    assert stood_in(A_IS_SILENT, B, C, rules=[CourierRule("no", forbid=("c",))]) == ("b", "a")
    assert stood_in(A_IS_SILENT, B, C, rules=[CourierRule("no", forbid=("a",))]) == ("b", ""), "it would not have gone anyhow"
    assert stood_in(A_IS_SILENT, B, C, refused_by=("a",)) == ("b", "")
    assert stood_in(A_IS_SILENT, B, C, rules=[CourierRule("best", prefer=("b",))]) == ("b", "")
    assert stood_in(B, carrier("d", answers=False, fallback="c"), C, rules=[CourierRule("best", prefer=("d",))]) == ("c", "d")


def test_who_stands_in_takes_parcels_out_of_its_own_capacity() -> None:
    chosen = choosing.choose_many(a_fleet({}), [A_IS_SILENT, B, carrier("c", capacity=2)], [need()] * 3)
    assert [(each.courier, each.instead_of) for each in chosen] == [("c", "a"), ("c", "a"), ("b", "a")]


def test_while_everybody_answers_nobody_is_weighed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[str] = []

    def fee(_: fleet.Fleet, courier: str, parcel: Need) -> int:
        weighed.append(courier)
        return parcel.weight_g

    monkeypatch.setattr(choosing, "_fee", fee)
    choosing.choose_many(a_fleet({}), [carrier("a", fallback="c"), B, C], [need()] * 5)
    assert len(weighed) == 15


def test_without_a_tariff_a_courier_is_as_dear_as_the_dearest() -> None:
    choice = choosing.choose(a_fleet({"cheap": CHEAP, "dear": DEAR}), [*TWO, carrier("another")], need())
    assert [each.courier for each in choice.candidates] == ["cheap", "another", "dear"] or choice.courier == "cheap"
    assert next(each.fee for each in choice.candidates if each.courier == "another") is None


def test_capacity_is_taken_parcel_by_parcel() -> None:
    known = a_fleet({"cheap": CHEAP, "dear": DEAR})
    chosen = choosing.choose_many(known, [carrier("cheap", capacity=2), carrier("dear", capacity=1)], [need()] * 4)
    assert [choice.courier for choice in chosen] == ["cheap", "cheap", "dear", ""]


def test_a_rule_limits_a_courier_s_day() -> None:
    known = a_fleet({"cheap": CHEAP, "dear": DEAR}, rules=[CourierRule("day", daily={"cheap": 1})])
    assert [choice.courier for choice in choosing.choose_many(known, TWO, [need()] * 2)] == ["cheap", "dear"]
    assert choosing.choose(known, [carrier("cheap", taken=1), carrier("dear")], need()).courier == "dear"


@given(st.permutations(["a", "b", "c", "d"]), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_the_order_of_the_couriers_does_not_matter(order: list[str], fees: list[int]) -> None:
    known = a_fleet({code: Tariff("*", fee * 1_000) for code, fee in zip("abcd", fees, strict=True)})
    assert choosing.choose(known, [carrier(code) for code in order], need()) == choosing.choose(
        known, [carrier(code) for code in "abcd"], need()
    )


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 50))
def test_one_more_delivery_never_lowers_a_courier_s_success_and_nothing_makes_it_certain(delivered: int, returned: int, more: int) -> None:
    def success(delivered: int) -> int:
        return a_fleet({}, records=[Record("c", "sylhet", "u", delivered, returned)]).success("c", "sylhet", "u")

    assert 0 < success(delivered) <= success(delivered + more) < 10_000


@given(st.integers(0, 20_000), st.integers(1, 20_000), st.integers(0, 10**7))
def test_a_heavier_parcel_and_more_cash_never_cost_less(weight: int, more: int, cash: int) -> None:
    tariff = Tariff("*", 6_000, upto_g=500, per_kg=1_500, cash_fee=500, cash_rate=100)
    assert tariff.fee(weight_g=weight, cash=cash) <= tariff.fee(weight_g=weight + more, cash=cash + more)


def test_a_tariff_counts_every_kilogram_begun() -> None:
    tariff = Tariff("dhaka", 6_000, upto_g=1_000, per_kg=1_500, cash_rate=100)
    assert [tariff.fee(weight_g=grams, cash=0) for grams in (200, 1_000, 1_001, 2_000, 2_001)] == [6_000, 6_000, 7_500, 7_500, 9_000]
    assert tariff.fee(weight_g=200, cash=120_000) == 7_200


def test_a_zone_s_own_tariff_comes_before_the_one_for_any() -> None:
    known = fleet.assemble([], [("c", Tariff("*", 9_000)), ("c", Tariff("dhaka", 6_000))], [], [])
    dhaka, outside = known.tariff("c", "dhaka"), known.tariff("c", "outside")
    assert dhaka is not None and outside is not None
    assert (dhaka.base, outside.base) == (6_000, 9_000)


def test_days_on_the_way_come_from_past_deliveries_once_there_are_enough() -> None:
    few = Record("c", "sylhet", "sylhet.sadar", delivered=10, days=(0, 10))
    many = Record("c", "sylhet", "sylhet.golapganj", delivered=90, days=(0, 0, 60, 20, 10))
    known = a_fleet({"c": Tariff("*", 1, days=(4, 6))}, records=[few, many])
    assert known.transit("c", "sylhet", "sylhet.golapganj", "outside") == Transit(2, 4, "upazila")
    assert known.transit("c", "sylhet", "sylhet.sadar", "outside") == Transit(2, 3, "district")
    assert known.transit("c", "khulna", "", "outside") == Transit(4, 6, "tariff")
    assert known.transit("d", "khulna", "", "outside") == Transit(3, 5, "zone")
    assert known.transit("d", "dhaka", "", "dhaka") == Transit(1, 2, "zone")


def test_before_anything_is_bought_the_promise_knows_who_would_carry_it() -> None:
    known = a_fleet({"cheap": CHEAP, "dear": DEAR})
    assert choosing.transit(known, TWO, need()) == ("cheap", Transit(3, 5, "zone"))
    assert choosing.transit(known, [], need())[0] == ""


@given(st.lists(st.integers(0, 40), min_size=1, max_size=16).filter(any))
def test_within_the_late_days_nine_of_ten_arrived(days: list[int]) -> None:
    late = fleet.quantile(tuple(days), 9_000)
    assert sum(days[: late + 1]) * 10 >= sum(days) * 9
    assert late == 0 or sum(days[:late]) * 10 < sum(days) * 9
