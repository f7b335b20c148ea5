"""The order is worth delivering, not worth a mistake of a zero, and cash on delivery stays under what a rider may carry.

Limits are amounts of one currency, so the market's own bind only orders in its currency; a channel brings its own.
"""

from collections.abc import Sequence

from haat.domain.orders.events import Portion
from haat.domain.orders.splitting import at_the_door
from haat.domain.orders.validation import Case, Outcome, Policy, Refusal, Rule


def check(case: Case, policy: Policy) -> Outcome | None:
    limits = policy.limits(case.channel, case.currency)
    if limits is None:
        return None
    total = case.total
    if limits.least is not None and total < limits.least:
        return Refusal("order_value_min", "The order is below the least value.", {"total": total, "min": limits.least})
    if limits.most is not None and total > limits.most:
        return Refusal("order_value_max", "The order is above the greatest value.", {"total": total, "max": limits.most})
    if case.payment_method == "cod" and limits.cod_max is not None and total > limits.cod_max:
        return _carried(case.tenders, total, limits.cod_max)
    return None


def _carried(tenders: Sequence[Portion], total: int, most: int) -> Refusal | None:
    """Of a total that is split a rider carries the part that is paid at the door."""
    if not tenders:
        return Refusal("cod_ceiling", "Orders of this value are paid before delivery.", {"total": total, "max": most})
    cash = at_the_door(tenders)
    if cash > most:
        return Refusal("cod_ceiling", "So much cannot be paid at the door.", {"total": total, "cash": cash, "max": most})
    return None


RULE = Rule("value_limits", 1, "The order's value is within its limits", check)
