"""Every vendor of the order sells at this moment: known, approved, not suspended, not on leave.

The caller passes only the vendors that are closed, and why; a plain order has none.
"""

from haat.domain.orders.validation import Case, Hold, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    closed = case.vendors_closed
    if not closed:
        return None
    hit = {line.vendor: closed[line.vendor] for line in case.lines if line.vendor in closed}
    if not hit or policy.vendor_closed == "accept":
        return None
    data = {"vendors": hit}
    if policy.vendor_closed == "hold":
        return Hold("VENDOR_ACK", "vendor_closed", "A vendor of this order does not sell at the moment.", data)
    return Refusal("vendor_closed", "A vendor of this order does not sell at the moment.", data)


RULE = Rule("vendor_open", 1, "Every vendor is open", check)
