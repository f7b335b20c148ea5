"""Whether an order stands: confirmed, or rejected. (One that nobody pays expires: `settling.py`.) Pure.

    screened ∧ no hold ∧ money secured or due at the door ∧ a plan for every unit  ─►  confirm
    what is rejected gives back what a cancellation would

`missing` says what an order still waits for, in words that an exception or a person can show.
"""

from haat.domain.orders.decisions import cut_of
from haat.domain.orders.events import OrderConfirmed, OrderRejected
from haat.domain.orders.goods import STOPPABLE, OrderLine
from haat.domain.orders.order import TRANSITIONS, Order
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

#: Methods whose money comes later by agreement: at the door, or by an invoice with terms.
LATER = frozenset({"cod", "credit", "credit_terms", "invoice"})
SCREENED = frozenset({"pass", "review"})
#: Units that nobody has planned for.
UNPLANNED = ("open", "reserved")


def ready(order: Order) -> bool:
    """Whether nothing stands in the way of confirming it. Cheap: it is asked after nearly every fact of a placed order."""
    return order.status == "placed" and order.screening in SCREENED and not order.holds and _is_covered(order) and _is_planned(order)


def missing(order: Order) -> tuple[str, ...]:
    """What a placed order still waits for: `screening`, `holds`, `payment`, `plan`. Empty where it is ready."""
    waits = (
        ("screening", order.screening not in SCREENED),
        ("holds", bool(order.holds)),
        ("payment", not _is_covered(order)),
        ("plan", not _is_planned(order)),
    )
    return tuple(word for word, waiting in waits if waiting)


def confirm(order: Order) -> tuple[Fact, ...]:
    """It stands. Nothing where it is not ready or was confirmed before."""
    return (OrderConfirmed(),) if ready(order) else ()


def reject(order: Order, *, reason: str, detail: str = "") -> tuple[Fact, ...]:
    """We will not serve it: every unit is cut. Refused where it has ended or parts of it are beyond stopping."""
    sources, _ = TRANSITIONS[OrderRejected]
    moving = [line.line_no for line in order.lines if _stoppable(line) < _left(line)]
    if order.status not in sources or moving:
        raise Refused(
            "not_in_this_status",
            "Parts of the order are beyond stopping." if moving else f"This cannot be done to an order that is {order.status}.",
            kind="conflict",
            status=order.status,
            lines=moving,
        )
    cuts = tuple([cut_of(line, left) for line in order.lines if (left := _left(line))])
    return (OrderRejected(cuts, reason, order.totals.grand, detail),)


def _is_covered(order: Order) -> bool:
    """Every obligation is secured or comes later by agreement, and together they are the whole amount."""
    covered = 0
    for tender in order.payments:
        if tender.method not in LATER and tender.secured < tender.owed:
            return False
        covered += tender.amount
    return covered >= order.totals.grand


def _is_planned(order: Order) -> bool:
    """Every unit has its place in a plan, or is promised from supply to come with a date."""
    for line in order.lines:
        for bucket in line.buckets:
            if bucket in UNPLANNED or (bucket == "backordered" and order.promised_at is None):
                return False
    return True


def _left(line: OrderLine) -> int:
    return line.quantity - line.buckets.get("cancelled", 0)


def _stoppable(line: OrderLine) -> int:
    return sum([line.buckets.get(bucket, 0) for bucket in STOPPABLE])
