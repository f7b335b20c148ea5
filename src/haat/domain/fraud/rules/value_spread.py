"""Orders of one phone on one day whose values lie far apart: first a small one to see whether it goes through, then the large one."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS = 120


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    if not seen.phone_day_least or case.amount < limits["amount_min"]:
        return None
    times = 100 * case.amount // seen.phone_day_least
    if times < limits["times"] or case.amount <= seen.phone_day_most:
        return None
    return Suspicion(
        POINTS,
        "small_then_large",
        f"The order is {times // 100} times the smallest that the phone placed on the same day.",
        f"অর্ডারটি একই দিনে এই ফোনের সবচেয়ে ছোট অর্ডারের {times // 100} গুণ।",
        {"amount": case.amount, "least": seen.phone_day_least, "most": seen.phone_day_most},
    )


RULE = Rule(
    "value_spread", 1, "A small order, then a large one", "ছোট অর্ডারের পরেই বড় অর্ডার", check, limits={"times": 2000, "amount_min": 500_000}
)
