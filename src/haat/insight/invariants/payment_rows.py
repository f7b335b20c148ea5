"""The rows by which hooks find an attempt, and lists a refund, say what the order's facts say."""

from collections.abc import Iterator, Sequence

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Wrong

GIVEN_UP = "given_up"  # how a row calls a failed attempt whose buyer turned back


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del at
    made = [
        (order, attempt)
        for order in page.orders
        for tender in order.payments
        for attempt in tender.attempts
        if attempt.gateway not in ("", orders.paying.CASH)
    ]
    rows = await payments.attempts(tx, [attempt.id for _, attempt in made])
    found = [Wrong(order.id, detail) for order, attempt in made for detail in _attempt(attempt, rows.get(attempt.id))]
    asked = [(order, refund) for order in page.orders for refund in order.refunds]
    stored = {
        r[0]: (r[1], r[2], r[3])
        for r in await tx.fetch("SELECT id::text, attempt, amount, status FROM refunds WHERE order_id = ANY ($1::uuid[])", page.ids)
    }
    for order, refund in asked:
        row, wanted = stored.pop(refund.id, None), (refund.attempt, refund.amount, refund.status)
        if row != wanted and not (row is None and refund.status == "requested"):  # the row is written with the first word of it
            found.append(Wrong(order.id, f"refund {refund.id} is {wanted}, its row says {row}"))
    return [*found, *(Wrong(refund, "is a row of a refund that no order knows") for refund in stored)]


def _attempt(attempt: orders.Attempt, row: payments.AttemptRow | None) -> Iterator[str]:
    if row is None:
        if attempt.status != "attempted":
            yield f"attempt {attempt.id} has no row"
        return
    status = "failed" if row.status == GIVEN_UP else row.status
    folded = (attempt.gateway, attempt.amount, attempt.status, attempt.captured, attempt.refunded, attempt.reference)
    if folded != (row.gateway, row.amount, status, row.captured, row.refunded, row.gateway_reference):
        said = (row.gateway, row.amount, row.status, row.captured, row.refunded, row.gateway_reference)
        yield f"attempt {attempt.id} is {folded}, its row says {said}"


INVARIANT = Invariant(
    code="payment_rows",
    title="Rows of attempts and refunds say what the order's facts say",
    title_bn="পেমেন্টের সারি অর্ডারের ঘটনার সঙ্গে মেলে",
    owner="payments",
    look=_look,
)
