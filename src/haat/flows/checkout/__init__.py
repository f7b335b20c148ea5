"""Checkout: from a basket to an order that stands.

`Market` is what one process knows of products, prices and parties; `price` quotes a basket from it, `prepare` makes an order
ready, and `Desk.place`, run by the committer, admits and writes many at once in one transaction.
"""

from haat.flows.checkout.market import Item, Market, Parties
from haat.flows.checkout.placing import Desk, Placed
from haat.flows.checkout.preparing import Basket, Prepared, prepare, price
from haat.flows.checkout.request import (
    LINES_MAX,
    CustomerRequest,
    External,
    LineRequest,
    PaymentRecord,
    PlaceOrder,
    QuoteRequest,
)

__all__ = [
    "LINES_MAX",
    "Basket",
    "CustomerRequest",
    "Desk",
    "External",
    "Item",
    "LineRequest",
    "Market",
    "Parties",
    "PaymentRecord",
    "PlaceOrder",
    "Placed",
    "Prepared",
    "QuoteRequest",
    "prepare",
    "price",
]
