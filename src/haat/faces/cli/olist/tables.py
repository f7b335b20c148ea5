"""The files of a dump as columns: the one home of the parquet library, which is an extra (`haat[parquet]`).

A file is read in batches of a few thousand rows and only with the columns that are asked for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from haat.kernel.errors import Refused

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:  # the extra is not installed; said when a dump is opened, not when the command line starts
    pyarrow = None

BATCH_ROWS = 8_192
FILES = {
    "orders": "olist_orders_dataset.parquet",
    "items": "olist_order_items_dataset.parquet",
    "payments": "olist_order_payments_dataset.parquet",
    "customers": "olist_customers_dataset.parquet",
    "products": "olist_products_dataset.parquet",
    "sellers": "olist_sellers_dataset.parquet",
}


def check(directory: Path) -> None:
    """Refuses a directory that is not a dump, naming what is missing."""
    if pyarrow is None:
        raise Refused("parquet_missing", "Reading parquet files needs the extra `haat[parquet]`.", kind="missing")
    missing = [name for name in FILES.values() if not (directory / name).is_file()]
    if missing:
        raise Refused("not_an_olist_dump", f"{directory} lacks {', '.join(missing)}.", kind="missing", missing=missing)


def rows(directory: Path, table: str, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table as tuples in the order of `names`, in the order of the file."""
    with pyarrow.parquet.ParquetFile(directory / FILES[table]) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names)):
            columns = [batch.column(name).to_pylist() for name in names]
            yield from zip(*columns, strict=True)


def whole(directory: Path, table: str, names: tuple[str, ...]) -> Any:
    """A whole table with the columns of `names`, as the library's own `Table`."""
    return pyarrow.parquet.read_table(directory / FILES[table], columns=list(names))


def as_decimal(column: Any) -> Any:
    """A column of floating point amounts as exact decimals with two places, by way of their shortest text."""
    return column.cast(pyarrow.string()).cast(pyarrow.decimal128(18, 2))
