"""The rows are the fold of the facts, and the units of a line lie in buckets that sum to what was ordered."""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight import recount
from haat.insight.auditing import At, Invariant, Page, Wrong


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del tx, at
    found = [
        Wrong(order.id, f"{d.table}.{d.column} is {d.stored}, facts make it {d.folded}")
        for order in page.orders
        for d in recount.compared(order, page.stored.get(order.id))
    ]
    known = {order.id for order in page.orders}
    return [*found, *(Wrong(order_id, "has rows and no facts") for order_id in page.stored if order_id not in known)]


INVARIANT = Invariant(
    code="rows",
    title="Every row is the fold of its order's facts",
    title_bn="প্রতিটি সারি অর্ডারের ঘটনার ফল",
    owner="engineering",
    look=_look,
)
