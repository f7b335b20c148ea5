"""Small dumps in the shape of Olist's files, for the tests of the reader and of the import."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from haat.faces.cli.olist import reader, tables

NOON = datetime(2017, 6, 1, 12)  # noqa: DTZ001 the files hold local times
SOAP, LAMP = "5" * 32, "1" * 32
ANA, RUI = "aaaaaaaa" + "0" * 24, "bbbbbbbb" + "0" * 24

Item = tuple[str, int, str, str, float, float]


def a_dump(folder: Path, orders: list[tuple[str, datetime, str]], items: list[Item], payments: list[tuple[str, int, str, float]]) -> Path:
    """Writes the six files. Every order has its own customer row; the sellers are Ana and Rui, the products soap and lamp."""
    write(folder, "orders", reader._ORDER, [(o, "c" + o, status, bought, None, None, None, bought) for o, bought, status in orders])
    write(folder, "items", reader._ITEM, items)
    write(folder, "payments", reader._PAYMENT, [(order, number, method, 1, value) for order, number, method, value in payments])
    write(folder, "customers", reader._CUSTOMER, [("c" + order, "person", "franca", "SP", "14409") for order, _, _ in orders])
    write(folder, "products", reader._PRODUCT, [(SOAP, "perfumaria", 100, 10, 5, 2), (LAMP, None, None, None, None, None)])
    write(folder, "sellers", reader._SELLER, [(ANA, "13023", "campinas", "SP"), (RUI, "20031", "rio de janeiro", "RJ")])
    return folder


KINDS = {"price": pyarrow.float64(), "freight_value": pyarrow.float64(), "payment_value": pyarrow.float64()}


def kind_of(name: str) -> Any:
    if name in KINDS:
        return KINDS[name]
    if name.endswith(("_timestamp", "_at", "_date")):
        return pyarrow.timestamp("ms")
    if name.endswith(("_item_id", "_sequential", "_installments", "_g", "_cm")):
        return pyarrow.int32()
    return pyarrow.large_string()


def write(folder: Path, table: str, names: tuple[str, ...], rows: list[Any]) -> None:
    columns = {name: pyarrow.array([row[i] for row in rows], kind_of(name)) for i, name in enumerate(names)}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / tables.FILES[table])
