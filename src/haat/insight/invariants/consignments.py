"""Each parcel is booked once: one row, one courier, one consignment, and it is the one that the order's facts name."""

from collections.abc import Sequence

from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Page, Wrong

NOT_YET = ("planned", "cancelled")  # a row is written when somebody begins to pick


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    del at
    rows = await tx.fetch(
        """SELECT courier, consignment, array_agg(order_id::text ORDER BY order_id) FROM shipments
           WHERE consignment IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1 LIMIT $1""",
        FOUND_MAX,
    )
    return [Wrong(r[2][0], f"consignment {r[1]} of {r[0]} belongs to {len(r[2])} parcels") for r in rows]


async def _look(tx: Tx, page: Page, at: At) -> Sequence[Wrong]:
    del at
    rows = await tx.fetch(
        """SELECT parcel::text, coalesce(courier, ''), coalesce(consignment, ''), status FROM shipments
           WHERE order_id = ANY ($1::uuid[])""",
        page.ids,
    )
    stored = {r[0]: (r[1], r[2], r[3]) for r in rows}
    found: list[Wrong] = []
    for order in page.orders:
        for parcel in order.shipments:
            row = stored.pop(parcel.id, None)
            if row is None:
                if parcel.status not in NOT_YET:
                    found.append(Wrong(order.id, f"parcel {parcel.id} is {parcel.status} and has no row"))
            elif (parcel.consignment, parcel.status) != row[1:] and not (parcel.status == "cancelled" == row[2]):
                found.append(Wrong(order.id, f"parcel {parcel.id} is {parcel.status} as {parcel.consignment!r}, its row says {row}"))
    return [*found, *(Wrong(parcel, "is a row of a parcel that no order knows") for parcel in stored)]


INVARIANT = Invariant(
    code="consignments",
    title="Each parcel is booked once, and its row says what the facts say",
    title_bn="প্রতিটি পার্সেল একবারই বুক হয়েছে",
    owner="fulfilment",
    check=_check,
    look=_look,
)
