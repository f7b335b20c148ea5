"""Fact to rows: `orders`, `order_lines`, `vendor_orders` are the fold of the stream, written in the same transaction.

`rows_of` is the only place that says what a row holds; `project` writes it and `haat rebuild --check` compares it.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from haat.domain.orders.order import Order
from haat.engine import together
from haat.engine.arrays import instants, ints, texts

ORDER_COLUMNS = (
    "id", "number", "status", "payment_status", "fulfilment_status", "holds", "channel", "external_id", "customer_id", "phone",
    "basket", "currency", "items", "discount", "shipping", "tax", "fees", "grand", "version", "placed_at", "updated_at",
)  # fmt: skip
LINE_COLUMNS = ("order_id", "line_no", "vendor", "sku", "quantity", "unit_price", "discount", "tax", "total", "buckets")
VENDOR_COLUMNS = ("id", "order_id", "vendor", "status", "items", "discount", "shipping", "tax", "total")

_encode = msgspec.json.Encoder(order="deterministic").encode
_totals = attrgetter("items", "discount", "shipping", "tax", "fees", "grand")


def order_row(order: Order) -> tuple[object, ...]:
    """One row of `orders`, in the order of ORDER_COLUMNS. `holds` is PostgreSQL's text form of an array."""
    holds = "{" + ",".join(sorted({hold.kind for hold in order.holds})) + "}" if order.holds else "{}"
    return (
        order.id, order.number, order.status, order.payment_status, order.fulfilment_status, holds, order.channel,
        order.external_id or None, order.customer.id or None, order.customer.phone, order.basket, order.currency,
        *_totals(order.totals), order.version, order.placed_at, order.updated_at,
    )  # fmt: skip


def line_rows(order: Order) -> list[tuple[object, ...]]:
    """The rows of `order_lines`, in the order of LINE_COLUMNS."""
    return [
        (
            order.id, line.line_no, line.vendor, line.sku, line.quantity, line.unit_price, line.discount, line.tax, line.total,
            _encode(line.buckets).decode(),
        )
        for line in order.lines
    ]  # fmt: skip


def vendor_rows(order: Order) -> list[tuple[object, ...]]:
    """The rows of `vendor_orders`, in the order of VENDOR_COLUMNS."""
    return [(v.id, order.id, v.vendor, v.status, v.items, v.discount, v.shipping, v.tax, v.total) for v in order.vendor_orders]


def insert_arguments(orders: Sequence[Order], serials: Sequence[int]) -> list[str]:
    """The arguments of INSERT, for a statement that writes more than rows of orders."""
    columns = zip(*[order_row(order) for order in orders], strict=True)
    lines = zip(*[row for order in orders for row in line_rows(order)], strict=True)
    shares = zip(*[row for order in orders for row in vendor_rows(order)], strict=True)
    return [_literal(column) for column in (*columns, serials, *lines, *shares)]


def _literal(column: Sequence[Any]) -> str:
    """A column of rows as an array in text form; a column has one type, and None is written as an empty text."""
    first = column[0]
    if isinstance(first, int):
        return ints(column)
    if isinstance(first, datetime):
        return instants(column)
    return texts([value or "" for value in column])


def update_arguments(changed: Sequence[tuple[Order, Order]]) -> tuple[str, ...]:
    """The arguments of UPDATE for orders (before, after). Lines and vendors' parts that stayed as they were are not written."""
    orders = [_changing(order_row(after)) for _, after in changed]
    lines: list[tuple[object, ...]] = []
    shares: list[tuple[object, ...]] = []
    for before, after in changed:
        if before.lines is not after.lines:
            was = {line.line_no: line for line in before.lines}
            for line in after.lines:
                if line is not was.get(line.line_no):
                    buckets = _encode(line.buckets).decode()
                    lines.append((after.id, line.line_no, line.discount, line.tax, line.total, buckets))
        if before.vendor_orders is not after.vendor_orders:
            parts = {v.id: v for v in before.vendor_orders}
            shares.extend(
                (v.id, v.status, v.items, v.discount, v.shipping, v.tax, v.total) for v in after.vendor_orders if v is not parts.get(v.id)
            )
    return (
        *_columns(orders, len(_CHANGING)),
        *_columns(lines, 6),
        *_columns(shares, 7),
    )


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[str]:
    return [_literal(column) for column in zip(*rows, strict=True)] if rows else ["{}"] * width


_CHANGING = (
    "id", "status", "payment_status", "fulfilment_status", "holds", "items", "discount", "shipping", "tax", "fees", "grand", "version",
    "updated_at",
)  # fmt: skip
_changing = itemgetter(*[ORDER_COLUMNS.index(name) for name in _CHANGING])

#: The rows of new orders.
INSERT: together.Piece = (
    (
        "new_orders",
        """INSERT INTO orders (id, number, status, payment_status, fulfilment_status, holds, channel, external_id, customer_id, phone,
           basket, currency, items, discount, shipping, tax, fees, grand, version, placed_at, updated_at, serial)
           SELECT id, number, status, payment_status, fulfilment_status, holds::text[], channel, nullif(external_id, ''),
             nullif(customer_id, ''), phone, basket,
           currency, items, discount, shipping, tax, fees, grand, version, placed_at, updated_at, serial
           FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[],
             $7::text::text[], $8::text::text[], $9::text::text[], $10::text::text[],
           $11::text::bigint[], $12::text::text[], $13::text::bigint[], $14::text::bigint[], $15::text::bigint[], $16::text::bigint[],
             $17::text::bigint[], $18::text::bigint[], $19::text::int[],
           $20::text::timestamptz[], $21::text::timestamptz[], $22::text::bigint[])
           AS t (id, number, status, payment_status, fulfilment_status, holds, channel, external_id, customer_id, phone, basket,
           currency, items, discount, shipping, tax, fees, grand, version, placed_at, updated_at, serial)""",
    ),
    (
        "new_lines",
        """INSERT INTO order_lines (order_id, line_no, vendor, sku, quantity, unit_price, discount, tax, total, buckets)
           SELECT order_id, line_no, vendor, sku, quantity, unit_price, discount, tax, total, buckets::json
           FROM unnest($23::text::uuid[], $24::text::smallint[], $25::text::text[], $26::text::text[], $27::text::int[],
             $28::text::bigint[], $29::text::bigint[], $30::text::bigint[],
           $31::text::bigint[], $32::text::text[]) AS t (order_id, line_no, vendor, sku, quantity, unit_price, discount, tax, total,
             buckets)""",
    ),
    (
        "new_vendor_orders",
        """INSERT INTO vendor_orders (id, order_id, vendor, status, items, discount, shipping, tax, total)
           SELECT id, order_id, vendor, status, items, discount, shipping, tax, total
           FROM unnest($33::text::uuid[], $34::text::uuid[], $35::text::text[], $36::text::text[], $37::text::bigint[],
             $38::text::bigint[], $39::text::bigint[], $40::text::bigint[], $41::text::bigint[])
           AS t (id, order_id, vendor, status, items, discount, shipping, tax, total)""",
    ),
)

#: The rows of orders that changed.
UPDATE: together.Piece = (
    (
        "changed_orders",
        """UPDATE orders SET status = t.status, payment_status = t.payment_status, fulfilment_status = t.fulfilment_status,
             holds = t.holds::text[], items = t.items, discount = t.discount, shipping = t.shipping, tax = t.tax, fees = t.fees,
             grand = t.grand, version = t.version, updated_at = t.updated_at
           FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::bigint[],
             $7::text::bigint[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[], $11::text::bigint[], $12::text::int[],
             $13::text::timestamptz[])
             AS t (id, status, payment_status, fulfilment_status, holds, items, discount, shipping, tax, fees, grand, version, updated_at)
           WHERE orders.id = t.id""",
    ),
    (
        "changed_lines",
        """UPDATE order_lines SET discount = t.discount, tax = t.tax, total = t.total, buckets = t.buckets::json
           FROM unnest($14::text::uuid[], $15::text::smallint[], $16::text::bigint[], $17::text::bigint[], $18::text::bigint[],
             $19::text::text[]) AS t (order_id, line_no, discount, tax, total, buckets)
           WHERE order_lines.order_id = t.order_id AND order_lines.line_no = t.line_no""",
    ),
    (
        "changed_vendor_orders",
        """UPDATE vendor_orders SET status = t.status, items = t.items, discount = t.discount, shipping = t.shipping, tax = t.tax,
             total = t.total
           FROM unnest($20::text::uuid[], $21::text::text[], $22::text::bigint[], $23::text::bigint[], $24::text::bigint[],
             $25::text::bigint[], $26::text::bigint[]) AS t (id, status, items, discount, shipping, tax, total)
           WHERE vendor_orders.id = t.id""",
    ),
)
