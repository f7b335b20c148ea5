"""Many orders of one phone in a short time. A family shares a phone, so the first few are free and each further one adds a little."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS_FIRST, POINTS_EACH, POINTS_MAX = 60, 15, 500


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    over = max(seen.phone_hour + 1 - limits["per_hour"], seen.phone_day + 1 - limits["per_day"])
    if over <= 0:
        return None
    hour, day = seen.phone_hour + 1, seen.phone_day + 1
    return Suspicion(
        min(POINTS_MAX, POINTS_FIRST + POINTS_EACH * (over - 1)),
        "many_orders_of_phone",
        f"The phone placed {hour} orders within an hour and {day} within a day.",
        f"এই ফোন থেকে এক ঘণ্টায় {hour}টি এবং এক দিনে {day}টি অর্ডার হয়েছে।",
        {"hour": hour, "day": day},
    )


RULE = Rule(
    "phone_velocity", 1, "Orders of one phone", "এক ফোনের অর্ডারের গতি", check, limits={"per_hour": 3, "per_day": 6}
)  # fmt: skip
