"""The public Olist dump as input: real orders of a Brazilian marketplace, read, and afterwards accounted for.

    open_dump(directory) ─▶ Dump: sellers, offers, customers, orders (in purchase order), unplaceable
    expected(directory)  ─▶ Figures, summed by another road, straight from the columns of the files
    parties, goods, customers, standing, receive, place_all ─▶ the orders stand; figures(runtime) ─▶ Figures, read back
    compare(expected, actual, unplaced) ─▶ Report ─▶ as_text | as_json

The dump has no quantities, no product names, no phones and no time zone; `reader` says what is made of each. Needs
`haat[parquet]`.
"""

from haat.faces.cli.olist.books import figures
from haat.faces.cli.olist.expected import expected
from haat.faces.cli.olist.figures import Figures, SellerFigures, Tally
from haat.faces.cli.olist.placing import Outcome, place_all, request_of
from haat.faces.cli.olist.reader import Customer, Dump, Line, Offer, Order, Payment, Seller, Unplaceable, open_dump
from haat.faces.cli.olist.report import Report, Row, Unplaced, as_json, as_text, compare
from haat.faces.cli.olist.stocking import Advance, customers, goods, parties, receive, standing

__all__ = [
    "Advance", "Customer", "Dump", "Figures", "Line", "Offer", "Order", "Outcome", "Payment", "Report", "Row", "Seller", "SellerFigures",
    "Tally", "Unplaceable", "Unplaced", "as_json", "as_text", "compare", "customers", "expected", "figures", "goods", "open_dump",
    "parties", "place_all", "receive", "request_of", "standing",
]  # fmt: skip
