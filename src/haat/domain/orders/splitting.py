"""How an order's total is split over several ways to pay: decided once, when it is placed. Pure.

    asked: (method, amount or None for the rest) ─ leading ─► priced ─ split ─► portions that sum to the total ─ due ─► obligations

`leading` is the order's `payment_method`: cash where any of it is paid at the door (the fee for it, who is called first, which
place and courier may serve it hang on that), else the first that was named. Once they are asked for, portions live as obligations
(`tenders.py`). Refusals point at the place in the request that is wrong.
"""

from collections.abc import Sequence
from typing import Any

from haat.domain.orders.events import Portion
from haat.domain.orders.order import Order
from haat.domain.orders.paying import CASH, ENDED
from haat.kernel.errors import Refused

#: What a buyer asks for: a method, and its amount or None for whatever is left.
Asked = tuple[str, int | None]


def leading(asked: Sequence[Asked]) -> str:
    """The method that the order as a whole goes by. Refused where a method comes twice, or more than one is to take the rest."""
    methods = [method for method, _ in asked]
    for n, method in enumerate(methods):
        if method in methods[:n]:
            raise _refused("tenders_repeat_a_method", "Each method may take one part only.", f"/tenders/{n}/method", method=method)
    rest = [n for n, (_, amount) in enumerate(asked) if amount is None]
    if len(rest) > 1:
        raise _refused("tenders_leave_it_open", "One part at the most may leave its amount open.", f"/tenders/{rest[1]}/amount")
    return CASH if CASH in methods else methods[0]


def split(asked: Sequence[Asked], total: int) -> tuple[Portion, ...]:
    """The portions that make up `total`, in the order in which they were asked for; none for one way to pay: nothing is split then.

    Refused where the amounts are not the total, or leave nothing for the part that takes the rest.
    """
    named = sum([amount for _, amount in asked if amount is not None])
    rest = next((n for n, (_, amount) in enumerate(asked) if amount is None), None)
    if rest is None and named != total:
        raise _refused("tenders_do_not_sum", f"The parts come to {named}, the order to {total}.", "/tenders", total=total, sum=named)
    if rest is not None and named >= total:
        detail = f"The other parts come to {named} of {total}, so nothing is left for this one."
        raise _refused("tenders_do_not_sum", detail, f"/tenders/{rest}", total=total, sum=named)
    if len(asked) == 1:
        return ()
    return tuple([Portion(method, total - named if amount is None else amount) for method, amount in asked])


def at_the_door(tenders: Sequence[Portion]) -> int:
    """What of a split total is to be paid in cash at the door."""
    return sum([portion.amount for portion in tenders if portion.method == CASH])


def due(order: Order) -> tuple[Portion, ...]:
    """What is to be asked for by which method and was not yet; nothing where somebody vouches for it, or the order has ended.

    What the order has lost since it was split comes off the cash first, then off the newest portion, as `settling` would have it.
    """
    left = order.totals.grand - sum([t.owed for t in order.payments])
    if left <= 0 or order.status in ENDED or not order.payment_method:
        return ()
    if not order.tenders or order.payments:
        return (Portion(order.payment_method, left),)
    amounts = {portion.method: portion.amount for portion in order.tenders}
    lost = sum(amounts.values()) - left
    newest_first = list(reversed(amounts))
    for method in sorted(newest_first, key=lambda m: m != CASH):
        less = min(lost, amounts[method])
        amounts[method] -= less
        lost -= less
    return tuple([Portion(method, amount) for method, amount in amounts.items() if amount])


def _refused(code: str, detail: str, pointer: str, **figures: Any) -> Refused:
    return Refused(code, detail, errors=[{"pointer": pointer, "detail": detail}], **figures)
