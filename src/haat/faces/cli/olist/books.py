"""What Haat has of a dump's orders, read back from its tables: the other book of the report.

Lines and freight come from the rows of `order_lines` and `vendor_orders`, payments and the channel's own status from the
facts. Orders are walked newest first, so nothing that the dump does not know would be missed either.
"""

from uuid import UUID

from haat.domain import orders
from haat.faces.cli.house import Runtime
from haat.faces.cli.olist.figures import Figures, Tally
from haat.faces.cli.olist.stocking import CHANNEL, Advance

LINE, VENDOR = orders.LINE_COLUMNS.index, orders.VENDOR_COLUMNS.index


async def figures(runtime: Runtime, advance: Advance) -> Figures:
    """The figures of every order of the channel."""
    book = Tally()
    before: str | None = None
    while True:
        async with runtime.database.reading() as tx:
            ids = await orders.find(tx, orders.Filter(channel=CHANNEL), before=before, placed_after_id=None, limit=orders.PAGE_MAX)
            if not ids:
                return book.figures()
            rows = await orders.stored_between(tx, _just_before(ids[-1]), ids[0])
            streams = await orders.streams(runtime.journal, tx, ids)
        for order_id in ids:
            created = streams[order_id][0].fact
            assert isinstance(created, orders.events.OrderCreated)
            payments = [(payment.method, payment.amount) for payment in created.payments]
            book.add(created.external_status, _lines(rows[order_id]), payments)
        before = ids[-1]
        advance(len(ids))


def _lines(rows: orders.StoredRows) -> list[tuple[str, int, int, int]]:
    """(seller, quantity, goods, freight); a seller's freight stands at the first of its lines."""
    freight = {str(row[VENDOR("vendor")]): int(str(row[VENDOR("shipping")])) for row in rows.vendors}
    lines = []
    for row in rows.lines:
        seller, quantity, price = str(row[LINE("vendor")]), int(str(row[LINE("quantity")])), int(str(row[LINE("unit_price")]))
        lines.append((seller, quantity, quantity * price, freight.pop(seller, 0)))
    return lines


def _just_before(order_id: str) -> str:
    return str(UUID(int=UUID(order_id).int - 1))
