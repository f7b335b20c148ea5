"""Every taka is accounted for: what is kept is what is owed, or it is on its way, or somebody was told.

The sums of each attempt must be possible; refunds are what went back; and wherever an order's money is not at rest (something to
give back, to let go, to hear of), a step of the payment flow is at work on it, or a dead one waits for its owner.
"""

from collections.abc import Iterator, Sequence

from haat.domain import orders
from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Waiting, Wrong

FLOW = "payment"
UNDER_WAY = ("requested", "uncertain")


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    return [
        Wrong(order.id, detail) for order in page.orders for detail in (*_sums(order), *_unattended(order, page.steps.get(order.id, ())))
    ]


def _sums(order: orders.Order) -> Iterator[str]:
    t = order.totals
    net = t.items - t.discount + t.shipping + t.fees
    if not net <= t.grand <= net + t.tax:
        yield f"its total {t.grand} is not what its parts make: {net} and {t.tax} of tax"
    given: dict[str, int] = {}
    for refund in order.refunds:
        if refund.status == "succeeded":
            given[refund.attempt] = given.get(refund.attempt, 0) + refund.amount
    for tender in order.payments:
        if not 0 <= tender.waived <= tender.amount:
            yield f"{tender.waived} of {tender.amount} are waived"
        for a in tender.attempts:
            if not 0 <= a.refunded <= a.captured or not 0 <= a.orphaned <= a.captured:
                yield f"attempt {a.id}: captured {a.captured}, of which {a.refunded} went back and {a.orphaned} are nobody's"
            if a.authorized and a.captured - a.orphaned + a.voided > a.authorized:
                yield f"attempt {a.id}: authorised {a.authorized}, captured {a.captured}, let go {a.voided}"
            if given.get(a.id, 0) != a.refunded:
                yield f"attempt {a.id}: {a.refunded} went back, refunds say {given.get(a.id, 0)}"
    kept = sum([a.kept for t in order.payments for a in t.attempts])
    owing, at_rest = orders.settling.owing(order), orders.settling.settled(order) and all(r.status == "succeeded" for r in order.refunds)
    if order.payments and at_rest and kept > owing:
        yield f"{kept} are kept of {owing} owed, and nothing is to go back"


def _unattended(order: orders.Order, steps: Sequence[Waiting]) -> Iterator[str]:
    at_work = {(s.step, s.subject) for s in steps if s.flow == FLOW}
    names = {step for step, _ in at_work}
    troubles = {t.flow for t in order.exceptions}
    for tender in order.payments:
        for a in tender.attempts:
            if a.status in orders.paying.OPEN and not {("charge", a.id), ("ask", a.id)} & at_work and "expire" not in names:
                yield f"attempt {a.id} is {a.status} and nobody asks about it"
            if a.set_aside and order.ended and not {("void", a.id), ("capture", a.id), ("renew", a.id), ("settle", "")} & at_work:
                yield f"attempt {a.id} sets {a.set_aside} aside for an order that is {order.status}, and nobody lets it go"
    for refund in order.refunds:
        if refund.status in UNDER_WAY and not {(step, refund.id) for step in ("refund", "ask_refund")} & at_work:
            yield f"refund {refund.id} is {refund.status} and nobody is at it"
        if refund.status == "failed" and FLOW not in troubles and not any(s.status == "dead" for s in steps if s.flow == FLOW):
            yield f"refund {refund.id} failed and nobody was told"
    if orders.settling.settle(order, str) and not names:
        yield "what is kept is not what is owed, and nobody settles it"


INVARIANT = Invariant(
    code="money",
    title="What is kept is what is owed, or on its way, or shown to somebody",
    title_bn="রাখা টাকা প্রাপ্য টাকার সমান, নয়তো ফেরতের পথে, নয়তো কারও নজরে",
    owner="payments",
    look=_look,
)
