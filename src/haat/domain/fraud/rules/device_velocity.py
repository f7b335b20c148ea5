"""Many orders from one device, or one device that orders under many phones: what a person with a list of stolen numbers does."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS_FIRST, POINTS_EACH, POINTS_MAX = 60, 20, 200
POINTS_OF_PHONE, POINTS_OF_PHONES_MAX = 80, 400


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    hour, day, phones = seen.device_hour + 1, seen.device_day + 1, seen.device_phones + 1
    over = max(hour - limits["per_hour"], day - limits["per_day"])
    others = phones - limits["phones"]
    points = min(POINTS_MAX, POINTS_FIRST + POINTS_EACH * (over - 1)) if over > 0 else 0
    points += min(POINTS_OF_PHONES_MAX, POINTS_OF_PHONE * others) if others > 0 else 0
    if not points:
        return None
    return Suspicion(
        points,
        "busy_device",
        f"The device placed {hour} orders within an hour and {day} within a day, under {phones} phone numbers.",
        f"এই যন্ত্র থেকে এক ঘণ্টায় {hour}টি এবং এক দিনে {day}টি অর্ডার হয়েছে, {phones}টি ফোন নম্বরে।",
        {"hour": hour, "day": day, "phones": phones},
    )


RULE = Rule(
    "device_velocity", 1, "Orders of one device", "এক যন্ত্রের অর্ডারের গতি", check, limits={"per_hour": 4, "per_day": 10, "phones": 2}
)  # fmt: skip
