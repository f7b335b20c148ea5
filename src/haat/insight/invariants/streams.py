"""An order's facts are numbered 1, 2, 3 … without a gap, and its flows run for as long as it is open.

An order that had ended before it came here (an imported history) never had a step, and no flows to end.
"""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Wrong


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del at
    found = [Wrong(order_id, "its facts are not numbered 1, 2, 3 …") for order_id in page.gaps]
    statuses = {row[0]: row[1] for row in await tx.fetch(_FLOWS, page.ids)}
    for order in page.orders:
        if order.ended and order.id not in statuses:
            continue
        wanted = "ended" if order.ended else "paused" if order.paused else "running"
        if (stored := statuses.get(order.id)) != wanted:
            found.append(Wrong(order.id, f"is {order.status}, and its flows are {stored or 'not there'} instead of {wanted}"))
    return found


# By order, of those that ever had flows or a step: without its flows, an order with a step has a status of NULL.
_FLOWS = """
SELECT id::text, w.status FROM unnest($1::uuid[]) AS id LEFT JOIN order_workflows AS w ON w.order_id = id
WHERE w.order_id IS NOT NULL OR EXISTS (SELECT FROM workflow_states AS s WHERE s.order_id = id)
"""


INVARIANT = Invariant(
    code="streams",
    title="Streams have no gaps, and flows run for as long as their order is open",
    title_bn="ঘটনার ক্রমে ফাঁক নেই; অর্ডার খোলা থাকা পর্যন্ত প্রবাহ চলে",
    owner="engineering",
    look=_look,
)
