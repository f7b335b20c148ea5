"""What the buyer saw is what the buyer pays: a quote that left the client's expectation behind is shown, not charged.

Clients may send the unit prices and the total that they displayed. A higher quote is refused beyond the tolerance, with
both figures; a lower one only where the policy says so.
"""

from haat.domain.orders.validation import Case, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    expected = case.expected_total
    if expected is not None and expected != case.total and _too_far(case.total - expected, policy):
        return Refusal("total_changed", "The total has changed since it was shown.", {"expected": expected, "quoted": case.total})
    for line in case.lines:
        expected = line.expected_unit_price
        if expected is not None and expected != line.unit_price and _too_far(line.unit_price - expected, policy):
            return Refusal(
                "price_changed",
                "A price has changed since it was shown.",
                {"sku": line.sku, "expected": expected, "quoted": line.unit_price},
            )
    return None


def _too_far(drift: int, policy: Policy) -> bool:
    if drift > 0:
        return drift > policy.drift_up_max
    return policy.drift_down_max is not None and -drift > policy.drift_down_max


RULE = Rule("price_drift", 1, "Prices are those that the buyer saw", check)
