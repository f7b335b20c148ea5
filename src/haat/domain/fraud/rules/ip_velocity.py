"""Many orders from one IP address. Mobile operators put thousands of people behind one, so the limits are wide and the points few."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS = 40
POINTS_TWICE = 80  # at more than twice the limit


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    hour, day = seen.ip_hour + 1, seen.ip_day + 1
    if hour <= limits["per_hour"] and day <= limits["per_day"]:
        return None
    phones = seen.ip_phones + 1
    twice = hour > 2 * limits["per_hour"] or day > 2 * limits["per_day"]
    return Suspicion(
        POINTS_TWICE if twice else POINTS,
        "busy_ip",
        f"The internet address placed {hour} orders within an hour and {day} within a day, under {phones} phone numbers.",
        f"এই আইপি থেকে এক ঘণ্টায় {hour}টি এবং এক দিনে {day}টি অর্ডার হয়েছে, {phones}টি ফোন নম্বরে।",
        {"hour": hour, "day": day, "phones": phones},
    )


RULE = Rule("ip_velocity", 1, "Orders of one IP address", "এক আইপির অর্ডারের গতি", check, limits={"per_hour": 20, "per_day": 60})
