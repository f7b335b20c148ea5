"""The public Olist dump as input: real orders of a Brazilian marketplace, read, and afterwards accounted for.

    open_dump(directory) ─▶ Dump: sellers, offers, customers, orders (in purchase order), unplaceable
    expected(directory)  ─▶ Figures, summed by another road, straight from the columns of the files
    compare(expected, actual, unplaced) ─▶ Report ─▶ text(report) | json

The dump has no quantities, no product names, no phones and no time zone; `reader` says what is made of each. Nothing here
writes to Haat. Needs `haat[parquet]`.
"""

from haat.faces.cli.olist.expected import expected
from haat.faces.cli.olist.figures import Figures, SellerFigures, Tally
from haat.faces.cli.olist.reader import Customer, Dump, Line, Offer, Order, Payment, Seller, Unplaceable, open_dump
from haat.faces.cli.olist.report import Report, Row, Unplaced, as_json, as_text, compare

__all__ = [
    "Customer",
    "Dump",
    "Figures",
    "Line",
    "Offer",
    "Order",
    "Payment",
    "Report",
    "Row",
    "Seller",
    "SellerFigures",
    "Tally",
    "Unplaceable",
    "Unplaced",
    "as_json",
    "as_text",
    "compare",
    "expected",
    "open_dump",
]
