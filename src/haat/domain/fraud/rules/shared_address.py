"""Many phones or accounts at one door within a month: coupon hunters and refusers change the phone, seldom the door.

Hostels and offices look the same, so alone it never stops an order.
"""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS_FIRST, POINTS_EACH, POINTS_MAX = 50, 10, 120


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    people = max(seen.address_phones, seen.address_accounts) + 1
    over = people - limits["people"]
    if over <= 0:
        return None
    return Suspicion(
        min(POINTS_MAX, POINTS_FIRST + POINTS_EACH * (over - 1)),
        "many_people_at_address",
        f"To this address, {people} different buyers ordered within a month.",
        f"এক মাসে {people} জন ভিন্ন ক্রেতা এই ঠিকানায় অর্ডার করেছেন।",
        {"phones": seen.address_phones + 1, "accounts": seen.address_accounts},
    )


RULE = Rule("shared_address", 1, "Many accounts at one address", "এক ঠিকানায় অনেক ক্রেতা", check, limits={"people": 5})
