"""Many orders to one door in a short time. Offices, hostels and pick-up desks do this honestly, so alone it never stops an order."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS_FIRST, POINTS_EACH, POINTS_MAX = 40, 10, 120


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    over = max(seen.address_hour + 1 - limits["per_hour"], seen.address_day + 1 - limits["per_day"])
    if over <= 0:
        return None
    hour, day = seen.address_hour + 1, seen.address_day + 1
    return Suspicion(
        min(POINTS_MAX, POINTS_FIRST + POINTS_EACH * (over - 1)),
        "many_orders_to_address",
        f"The address got {hour} orders within an hour and {day} within a day.",
        f"এই ঠিকানায় এক ঘণ্টায় {hour}টি এবং এক দিনে {day}টি অর্ডার হয়েছে।",
        {"hour": hour, "day": day},
    )


RULE = Rule("address_velocity", 1, "Orders to one address", "এক ঠিকানার অর্ডারের গতি", check, limits={"per_hour": 4, "per_day": 10})
