"""The recount: do the rows say what the facts say? Every order's stream is folded anew and compared with its rows.

Rows are written beside the facts in one transaction, so nothing should ever be found here. A difference is a bug of ours, or
somebody's hand in the database; either way the facts are right, and the rows can be made from them again.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from haat.domain import inventory, orders
from haat.engine.database import Database, Tx
from haat.engine.journal import Journal

NOTHING = "(nothing)"
PAGE = 1_000
DRIFT_MAX = 100


class Difference(msgspec.Struct, frozen=True):
    """One value that is not what the facts make it. `subject` is an order's id, or SKU and location."""

    subject: str
    table: str
    column: str
    stored: str
    folded: str


class Count(msgspec.Struct, frozen=True):
    """What a recount of some orders came to."""

    orders: int
    facts: int
    lines: int
    differences: tuple[Difference, ...]


async def page_bounds(tx: Tx, size: int = PAGE) -> list[tuple[str | None, str | None]]:
    """Pages of about `size` orders that together cover every id there is or may be."""
    ends: list[str | None] = [None, *await orders.page_ends(tx, size), None]
    return list(pairwise(ends))


async def count(database: Database, journal: Journal, after: str | None, until: str | None) -> Count:
    """Recount the orders with `after` < id ≤ `until`, all of it as of one moment."""
    async with database.reading() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
        stored = await orders.stored_between(tx, after, until)
        streams = await journal.streams_between(tx, after, until)
    found: list[Difference] = []
    lines = 0
    for order_id, stream in streams.items():
        order = orders.fold(stream)
        assert order is not None
        lines += len(order.lines)
        found += compared(order, stored.pop(order_id, None))
    found += [Difference(order_id, "orders", "id", order_id, NOTHING) for order_id in stored]
    return Count(len(streams), sum(map(len, streams.values())), lines, tuple(found))


def compared(order: orders.Order, stored: orders.StoredRows | None) -> list[Difference]:
    """Where the rows of one order are not what its facts make them. Pure."""
    rows = stored or orders.StoredRows()
    found: list[Difference] = []
    if rows.order != (folded := orders.order_row(order)):
        found += _row_differences(order.id, "orders", orders.ORDER_COLUMNS, rows.order, folded)
    if rows.lines != (made := orders.line_rows(order)):
        found += _differences(order.id, "order_lines", orders.LINE_COLUMNS, rows.lines, made)
    if rows.vendors != (made := sorted(orders.vendor_rows(order), key=_vendor)):
        found += _differences(order.id, "vendor_orders", orders.VENDOR_COLUMNS, rows.vendors, made)
    for line in order.lines:
        if sum(line.buckets.values()) != line.quantity or any(units < 0 for units in line.buckets.values()):
            found.append(Difference(order.id, "order_lines", f"buckets of line {line.line_no}", str(line.buckets), str(line.quantity)))
    return found


async def stock(tx: Tx) -> list[Difference]:
    """Stock levels whose `reserved` is not what reservations hold."""
    return [
        Difference(f"{d.sku} at {d.location}", "stock", "reserved", str(d.reserved), str(d.held))
        for d in await inventory.drift(tx, DRIFT_MAX)
    ]


Row = tuple[Any, ...]


def _vendor(row: Row) -> str:
    return str(row[2])


def _differences(order_id: str, table: str, columns: Sequence[str], stored: Sequence[Row], folded: Sequence[Row]) -> Iterator[Difference]:
    for number in range(max(len(stored), len(folded))):
        here = stored[number] if number < len(stored) else None
        there = folded[number] if number < len(folded) else None
        yield from _row_differences(order_id, table, columns, here, there)


def _row_differences(order_id: str, table: str, columns: Sequence[str], stored: Row | None, folded: Row | None) -> Iterator[Difference]:
    if stored is None or folded is None:
        yield Difference(order_id, table, "(row)", NOTHING if stored is None else str(stored), NOTHING if folded is None else str(folded))
        return
    for column, here, there in zip(columns, stored, folded, strict=True):
        if here != there:
            yield Difference(order_id, table, column, str(here), str(there))
