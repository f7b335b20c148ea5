"""The same buyer ordered the same basket minutes ago: most often a second tap on a slow line, sometimes a gift for two.

Only a person can tell, so the order is placed and held; it is not refused. The caller found the earlier order by its fingerprint.
"""

from haat.domain.orders.validation import Case, Hold, Outcome, Policy, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    if case.duplicate_of is None:
        return None
    return Hold(
        "DUPLICATE",
        "duplicate_order",
        "The same buyer placed the same basket a short time ago.",
        {"number": case.duplicate_of, "window_s": policy.duplicate_window_s},
    )


RULE = Rule("duplicate_order", 1, "It is not a second copy of a recent order", check)
