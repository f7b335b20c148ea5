"""Checkout: from a basket to an order that stands.

`Market` is what one process knows of products, prices and parties; `price` quotes a basket from it, `prepare` makes an order
ready, and `Desk.place`, run by the committer, admits and writes many at once in one transaction. Before that there may be a
cart: `Carting` decides what is wished of carts, `Till` makes each of them one order.
"""

from haat.flows.checkout.arriving import Arrivals, Unready
from haat.flows.checkout.cart_holds import HOLD_MINUTES
from haat.flows.checkout.cart_pricing import Priced, bounds_of, order_of, price_cart
from haat.flows.checkout.carting import Carted, Carting, CartWish, Glance, Looking
from haat.flows.checkout.completing import Completion, Till
from haat.flows.checkout.market import Item, Market, Parties
from haat.flows.checkout.placing import Desk, Placed, placed_before
from haat.flows.checkout.preparing import Basket, Errand, Prepared, acquaint, prepare, price, promise_of
from haat.flows.checkout.request import (
    LINES_MAX,
    ClientRequest,
    CustomerRequest,
    External,
    LineRequest,
    PaymentRecord,
    PlaceOrder,
    QuoteRequest,
    TenderShare,
)
from haat.flows.checkout.tendering import paid_by, portions, tendered

__all__ = [
    "HOLD_MINUTES",
    "LINES_MAX",
    "Arrivals",
    "Basket",
    "CartWish",
    "Carted",
    "Carting",
    "ClientRequest",
    "Completion",
    "CustomerRequest",
    "Desk",
    "Errand",
    "External",
    "Glance",
    "Item",
    "LineRequest",
    "Looking",
    "Market",
    "Parties",
    "PaymentRecord",
    "PlaceOrder",
    "Placed",
    "Prepared",
    "Priced",
    "QuoteRequest",
    "TenderShare",
    "Till",
    "Unready",
    "acquaint",
    "bounds_of",
    "order_of",
    "paid_by",
    "placed_before",
    "portions",
    "prepare",
    "price",
    "price_cart",
    "promise_of",
    "tendered",
]
