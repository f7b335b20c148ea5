"""A first order that is dear and paid only at the door: who refuses it has lost nothing, we have paid two journeys.

The limit is in minor units of the channel's currency (BDT 10,000); a channel of another currency sets its own.
"""

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Limits, Rule, Suspicion

POINTS, POINTS_THRICE = 200, 420


def check(case: Case, limits: Limits) -> Suspicion | None:
    most = limits["amount_max"]
    amount = case.cash or case.amount
    if not case.cod or amount <= most or case.seen.phone_delivered:
        return None
    return Suspicion(
        POINTS_THRICE if amount > 3 * most else POINTS,
        "first_order_high_cod",
        "A first order of a high amount, to be paid only on delivery.",
        "প্রথম অর্ডার, মূল্য বেশি, এবং টাকা কেবল ডেলিভারির সময় দেওয়া হবে।",
        {"amount": amount, "limit": most},
    )


RULE = Rule(
    "first_order_cod", 1, "First order with high cash on delivery", "প্রথম অর্ডারে বেশি ক্যাশ অন ডেলিভারি", check,
    limits={"amount_max": 1_000_000},
)  # fmt: skip
