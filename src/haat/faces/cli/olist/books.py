"""What Haat has of a dump's orders, read back from its tables: the other book of the report.

Lines and freight come from the rows of `order_lines` and `vendor_orders`, payments and the channel's own status from the
facts. Every order there is gets looked at, so one of the channel that the dump does not know would not be missed.
"""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

from haat.domain import orders
from haat.faces.cli.house import Runtime
from haat.faces.cli.olist.figures import Figures, Tally
from haat.faces.cli.olist.stocking import CHANNEL, Advance

PAGE = 2_000
READERS = 2  # while one page is being added up, the database reads the next
LINE, VENDOR, ORDER = (columns.index for columns in (orders.LINE_COLUMNS, orders.VENDOR_COLUMNS, orders.ORDER_COLUMNS))
VENDOR_OF_LINE, QUANTITY, PRICE = LINE("vendor"), LINE("quantity"), LINE("unit_price")
VENDOR_OF_SHARE, SHIPPING, CHANNEL_OF = VENDOR("vendor"), VENDOR("shipping"), ORDER("channel")


async def figures(runtime: Runtime, advance: Advance) -> Figures:
    """The figures of every order of the channel."""
    book = Tally()
    async with runtime.database.reading() as tx:
        ends: list[str | None] = [None, *await orders.page_ends(tx, PAGE), None]
    pages = pairwise(ends)
    await asyncio.gather(*[_add_up(runtime, book, pages, advance) for _ in range(READERS)])
    return book.figures()


async def _add_up(runtime: Runtime, book: Tally, pages: Iterable[tuple[str | None, str | None]], advance: Advance) -> None:
    for after, until in pages:
        async with runtime.database.reading() as tx:
            stored = await orders.stored_between(tx, after, until)
            ours = {order_id: rows for order_id, rows in stored.items() if rows.order is not None and rows.order[CHANNEL_OF] == CHANNEL}
            created = await orders.created(runtime.journal, tx, list(ours))
        for order_id, rows in ours.items():
            sold = created[order_id]
            book.add(sold.external_status, _lines(rows), [(payment.method, payment.amount) for payment in sold.payments])
        advance(len(ours))


def _lines(rows: orders.StoredRows) -> list[tuple[str, int, int, int]]:
    """(seller, quantity, goods, freight); a seller's freight stands at the first of its lines."""
    freight = {row[VENDOR_OF_SHARE]: row[SHIPPING] for row in rows.vendors}
    return [(row[VENDOR_OF_LINE], row[QUANTITY], row[QUANTITY] * row[PRICE], freight.pop(row[VENDOR_OF_LINE], 0)) for row in rows.lines]
