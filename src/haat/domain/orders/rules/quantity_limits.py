"""Nobody orders nothing, less than the product's least, or more than one order may hold.

The product's own bounds count all its lines of the order together, so a limit cannot be passed by splitting the line.
"""

from haat.domain.orders.validation import Case, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    lines = case.lines
    if not lines:
        return Refusal("no_lines", "An order needs at least one line.")
    if len(lines) > policy.lines_max:
        return Refusal(
            "too_many_lines", f"An order holds at most {policy.lines_max} lines.", {"lines": len(lines), "max": policy.lines_max}
        )
    most = policy.line_quantity_max
    total = 0
    bounded = False
    for line in lines:
        quantity = line.quantity
        if quantity < 1:
            return Refusal("quantity_below_one", "A quantity is at least one.", {"sku": line.sku, "quantity": quantity})
        if quantity > most:
            return Refusal("line_quantity", f"A line holds at most {most} pieces.", {"sku": line.sku, "quantity": quantity, "max": most})
        total += quantity
        if line.quantity_max is not None or line.quantity_min > 1:
            bounded = True
    if total > policy.order_quantity_max:
        return Refusal(
            "order_quantity",
            f"An order holds at most {policy.order_quantity_max} pieces.",
            {"quantity": total, "max": policy.order_quantity_max},
        )
    return _product_bounds(case) if bounded else None


def _product_bounds(case: Case) -> Outcome | None:
    together: dict[str, int] = {}
    for line in case.lines:
        together[line.sku] = together.get(line.sku, 0) + line.quantity
    for line in case.lines:
        quantity = together[line.sku]
        if quantity < line.quantity_min:
            return Refusal(
                "product_quantity_min",
                f"This product is sold from {line.quantity_min} pieces.",
                {"sku": line.sku, "quantity": quantity, "min": line.quantity_min},
            )
        if line.quantity_max is not None and quantity > line.quantity_max:
            return Refusal(
                "product_quantity_max",
                f"This product is sold up to {line.quantity_max} pieces an order.",
                {"sku": line.sku, "quantity": quantity, "max": line.quantity_max},
            )
    return None


RULE = Rule("quantity_limits", 1, "Quantities are within their limits", check)
