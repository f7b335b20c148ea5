"""What each fraud rule looks at: the order that it stops, beside the honest one that looks like it."""

import pytest

from haat.domain.fraud.case import Case
from tests.domain.fraud.cases import RULES, a_case


def points(rule: str, case: Case) -> int:
    found = RULES[rule].check(case, RULES[rule].limits)
    return found.points if found else 0


def test_a_family_shares_a_phone_but_does_not_order_every_few_minutes() -> None:
    assert points("phone_velocity", a_case(seen={"phone_hour": 2, "phone_day": 5})) == 0
    some, many = a_case(seen={"phone_hour": 5, "phone_day": 5}), a_case(seen={"phone_hour": 30, "phone_day": 30})
    assert 0 < points("phone_velocity", some) < 200
    assert points("phone_velocity", many) > 400
    assert points("phone_velocity", a_case(seen={"phone_hour": 0, "phone_day": 6})) > 0


def test_a_busy_address_is_a_small_sign() -> None:
    assert points("address_velocity", a_case(seen={"address_hour": 3, "address_day": 9})) == 0
    assert 0 < points("address_velocity", a_case(seen={"address_hour": 200, "address_day": 200})) <= 120


def test_a_device_with_many_phones_is_worse_than_a_busy_one() -> None:
    assert points("device_velocity", a_case(seen={"device_day": 3, "device_phones": 1})) == 0
    busy, listed = a_case(seen={"device_hour": 20, "device_day": 20}), a_case(seen={"device_day": 6, "device_phones": 6})
    assert 0 < points("device_velocity", busy) < points("device_velocity", listed)


def test_a_mobile_operators_ip_is_shared_by_many() -> None:
    assert points("ip_velocity", a_case(seen={"ip_hour": 15, "ip_day": 50, "ip_phones": 40})) == 0
    assert points("ip_velocity", a_case(seen={"ip_hour": 500, "ip_day": 5000})) == 80


def test_an_order_far_above_the_customers_habit() -> None:
    habit = {"phone_delivered": 5, "phone_usual": 120_000, "phone_most": 300_000}
    assert points("unusual_amount", a_case(amount=550_000, seen=habit)) == 0
    assert points("unusual_amount", a_case(amount=900_000, seen=habit)) > 0
    assert points("unusual_amount", a_case(amount=900_000, seen=habit | {"phone_most": 1_000_000})) == 0, "they bought as much before"
    assert points("unusual_amount", a_case(amount=900_000)) == 0, "nobody knows their habit"


def test_a_dear_first_order_paid_at_the_door() -> None:
    assert points("first_order_cod", a_case(amount=1_000_000)) == 0
    assert points("first_order_cod", a_case(amount=1_500_000)) == 200
    assert points("first_order_cod", a_case(amount=1_500_000, cod=False)) == 0
    assert points("first_order_cod", a_case(amount=1_500_000, seen={"phone_delivered": 1})) == 0
    assert points("first_order_cod", a_case(amount=4_000_000)) > 400
    assert points("first_order_cod", a_case(amount=4_000_000, cash=1_000_000)) == 0, "the rest is paid ahead"
    assert points("first_order_cod", a_case(amount=4_000_000, cash=1_500_000)) == 200


def test_a_gift_is_no_crime_but_a_phone_with_many_names_is_odd() -> None:
    assert points("name_mismatch", a_case(namesake=None)) == 0
    assert 0 < points("name_mismatch", a_case(namesake=False)) < 100
    assert points("name_mismatch", a_case(seen={"phone_named": 10, "phone_strangers": 4})) == 0
    assert points("name_mismatch", a_case(seen={"phone_named": 5, "phone_strangers": 4})) > 100


@pytest.mark.parametrize(
    ("refused", "delivered", "least", "most"),
    [
        (0, 0, 0, 0),
        (1, 20, 0, 20),
        (1, 0, 200, 300),
        (2, 0, 400, 450),
        (2, 2, 150, 250),
        (9, 1, 600, 750),
        (20, 0, 850, 950),
        (3, 300, 0, 20),
    ],
)
def test_refusals_count_by_what_we_may_be_sure_of(refused: int, delivered: int, least: int, most: int) -> None:
    seen = {"phone_refused": refused, "phone_delivered": delivered}
    assert least <= points("known_refusals", a_case(seen=seen)) <= most
    assert points("known_refusals", a_case(cod=False, seen=seen)) <= most // 4


def test_refusals_at_the_address_count_a_little() -> None:
    assert points("known_refusals", a_case(seen={"address_refused": 2})) == 0
    assert points("known_refusals", a_case(seen={"address_refused": 3})) == 60


def test_a_blocked_buyer_is_stopped_without_saying_why() -> None:
    found = RULES["blocklist"].check(a_case(block="address"), {})
    assert found is not None and found.points == 1000
    assert found.data == {"on": "address"}


def test_an_address_that_only_lacks_its_upazila_is_like_half_of_them() -> None:
    assert points("forged_address", a_case(signs=("nowhere",))) == 0
    assert points("forged_address", a_case(signs=("aimless",))) == 60
    assert points("forged_address", a_case(signs=("short", "repeated", "aimless", "nowhere", "phone_inside"))) > 400


def test_many_people_at_one_door() -> None:
    assert points("shared_address", a_case(seen={"address_phones": 4})) == 0
    assert points("shared_address", a_case(seen={"address_phones": 9})) > 0
    assert points("shared_address", a_case(seen={"address_accounts": 9})) > 0
    assert points("shared_address", a_case(seen={"address_phones": 400})) <= 120


def test_a_small_order_that_tries_the_way_for_a_large_one() -> None:
    day = {"phone_day": 1, "phone_day_least": 10_000, "phone_day_most": 10_000}
    assert points("value_spread", a_case(amount=900_000, seen=day)) > 0
    assert points("value_spread", a_case(amount=150_000, seen=day)) == 0
    assert points("value_spread", a_case(amount=900_000)) == 0
