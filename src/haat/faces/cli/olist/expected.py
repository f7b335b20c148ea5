"""What the files say, summed by another road than the reader's: whole columns, grouped and added as exact decimals.

It shares no code with `reader` beyond the opening of files, so that a mistake there does not hide itself here.
An order counts if it has at least one item row; the items and payments of every other order are left out.
"""

from pathlib import Path
from typing import Any

from haat.faces.cli.olist import tables
from haat.faces.cli.olist.figures import Figures, SellerFigures


def expected(directory: Path) -> Figures:
    """The figures of all orders in the dump that have items. Reads each file once more. Raises `Refused` like `open_dump`."""
    tables.check(directory)
    orders = tables.whole(directory, "orders", ("order_id", "order_status"))
    items = tables.whole(directory, "items", ("order_id", "product_id", "seller_id", "price", "freight_value"))
    payments = tables.whole(directory, "payments", ("order_id", "payment_type", "payment_value"))
    items = _exact(items, "price", "freight_value").join(orders, "order_id", join_type="inner")
    with_items = items.group_by("order_id").aggregate([("order_status", "min")])
    payments = _exact(payments, "payment_value").join(with_items, "order_id", join_type="inner")
    lines = items.group_by(["order_id", "product_id", "seller_id", "price", "freight_value"]).aggregate([])
    sellers = _sellers(items)
    methods = _pairs(payments.group_by("payment_type").aggregate([("payment_value", "sum")]), "payment_type", "payment_value_sum")
    return Figures(
        orders=with_items.num_rows,
        lines=lines.num_rows,
        quantity=items.num_rows,
        goods=sum(each.goods for each in sellers.values()),
        freight=sum(each.freight for each in sellers.values()),
        payments=sum(_centavos(amount) for amount in methods.values()),
        payment_rows=payments.num_rows,
        sellers=sellers,
        methods={method: _centavos(amount) for method, amount in methods.items()},
        statuses=_pairs(with_items.group_by("order_status_min").aggregate([("order_id", "count")]), "order_status_min", "order_id_count"),
    )


def _exact(table: Any, *names: str) -> Any:
    for name in names:
        table = table.set_column(table.schema.get_field_index(name), name, tables.as_decimal(table.column(name)))
    return table


def _sellers(items: Any) -> dict[str, SellerFigures]:
    sums = items.group_by("seller_id").aggregate(
        [("order_id", "count_distinct"), ("product_id", "count"), ("price", "sum"), ("freight_value", "sum")]
    )
    names = ("seller_id", "order_id_count_distinct", "product_id_count", "price_sum", "freight_value_sum")
    rows = zip(*(sums.column(name).to_pylist() for name in names), strict=True)
    return {row[0]: SellerFigures(row[1], row[2], _centavos(row[3]), _centavos(row[4])) for row in sorted(rows)}


def _pairs(table: Any, key: str, value: str) -> dict[str, Any]:
    return dict(sorted(zip(table.column(key).to_pylist(), table.column(value).to_pylist(), strict=True)))


def _centavos(amount: Any) -> int:
    return int(amount * 100)
