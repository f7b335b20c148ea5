"""An order's facts are numbered 1, 2, 3 … without a gap, and its flows run for as long as it is open."""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight.auditing import At, Invariant, Page, Wrong


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del at
    found = [Wrong(order_id, "its facts are not numbered 1, 2, 3 …") for order_id in page.gaps]
    rows = await tx.fetch("SELECT order_id::text, status FROM order_workflows WHERE order_id = ANY ($1::uuid[])", page.ids)
    statuses = {r[0]: r[1] for r in rows}
    for order in page.orders:
        wanted = "ended" if order.ended else "paused" if order.paused else "running"
        if (stored := statuses.get(order.id)) != wanted:
            found.append(Wrong(order.id, f"is {order.status}, and its flows are {stored or 'not there'} instead of {wanted}"))
    return found


INVARIANT = Invariant(
    code="streams",
    title="Streams have no gaps, and flows run for as long as their order is open",
    title_bn="ঘটনার ক্রমে ফাঁক নেই; অর্ডার খোলা থাকা পর্যন্ত প্রবাহ চলে",
    owner="engineering",
    look=_look,
)
