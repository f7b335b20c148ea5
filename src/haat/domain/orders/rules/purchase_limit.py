"""A customer buys at most so many of a limited product, over all orders of its window.

Nothing is counted here: two orders placed at one moment would both see room. The rule declares a claim and the placing
transaction takes it under its cap, in arrival order; what is cancelled may be bought again (orders/claiming.py reads the key). More
than the cap in one order is refused at once.
"""

from haat.domain.orders.validation import Case, Claims, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    for line in case.lines:
        if line.purchase_limit is not None:
            return _claims(case)
    return None


def _claims(case: Case) -> Outcome:
    wanted: dict[str, tuple[int, int]] = {}
    for line in case.lines:
        cap = line.purchase_limit
        if cap is None:
            continue
        if not case.buyer:
            return Refusal("buyer_unknown", "A limited product needs a known buyer.", {"sku": line.sku, "limit": cap})
        key = f"purchase:{line.sku}:{case.buyer}" + (f":{line.purchase_window}" if line.purchase_window else "")
        amount = line.quantity + wanted.get(key, (0, cap))[0]
        if amount > cap:
            return Refusal(
                "purchase_limit", f"At most {cap} of this product per customer.", {"sku": line.sku, "quantity": amount, "limit": cap}
            )
        wanted[key] = (amount, cap)
    return Claims(tuple((key, amount, cap) for key, (amount, cap) in wanted.items()))


RULE = Rule("purchase_limit", 1, "Limited products stay within their limit per customer", check)
