"""An order far above what this phone ever bought: a taken-over account, or somebody else with a good phone's name."""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS, POINTS_MAX = 100, 250
TIMES_LEAST = 200  # percent: less than twice is nobody's surprise, whatever a policy says


def check(case: Case, limits: Limits) -> Suspicion | None:
    seen = case.seen
    if seen.phone_delivered < limits["orders_min"] or case.amount < limits["amount_min"]:
        return None
    times = 100 * case.amount // max(seen.phone_usual, 1)
    least = max(limits["times_usual"], TIMES_LEAST)
    if times < least or case.amount <= seen.phone_most:
        return None
    return Suspicion(
        min(POINTS_MAX, POINTS * times // least),
        "unusual_amount",
        f"The order is {times // 100} times what this customer usually buys.",
        f"অর্ডারটি এই ক্রেতার স্বাভাবিক কেনাকাটার {times // 100} গুণ।",
        {"amount": case.amount, "usual": seen.phone_usual, "most": seen.phone_most},
    )


RULE = Rule(
    "unusual_amount", 1, "Amount against the customer's own history", "ক্রেতার আগের কেনাকাটার তুলনায় মূল্য", check,
    limits={"times_usual": 500, "orders_min": 2, "amount_min": 500_000},
)  # fmt: skip
