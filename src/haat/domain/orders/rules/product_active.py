"""Only products on sale are sold: a draft is not ready yet, an archived one is gone."""

from haat.domain.orders.validation import Case, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    for line in case.lines:
        if line.status != "active":
            skus = [each.sku for each in case.lines if each.status != "active"]
            return Refusal("product_not_on_sale", "A product of this order is not on sale.", {"skus": skus})
    return None


RULE = Rule("product_active", 1, "Every product is on sale", check)
