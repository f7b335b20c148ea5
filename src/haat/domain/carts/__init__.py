"""Carts: what somebody is about to buy, until it is an order.

A cart is one small document with a version. Lines are merged by SKU and bounded; each remembers the unit price its buyer was
last shown, so that whoever comes back is told what changed meanwhile and nobody pays more than they saw (`changing.py`).
A guest holds a signed token of one cart (`token.py`); a customer has one open cart in a channel, and at login the guest's is
merged into it. `cart.py` decides everything and is pure: a cart and a wish in, a cart or a refusal out. The module knows no
product, price or stock: the flow above brings bounds and prices as values. An address is kept as the caller's own JSON.
A cart becomes one order at the most: it is marked in the transaction that places the order, and is closed from then on.
"""

from haat.domain.carts import token
from haat.domain.carts.cart import (
    COUPONS_MAX,
    LINES_MAX,
    QUANTITY_MAX,
    SERVICES_MAX,
    Bounds,
    Wish,
    add_coupon,
    add_line,
    check_open,
    close,
    contact,
    deliver_to,
    drop_coupon,
    hold,
    merge,
    missing,
    pay_by,
    put_line,
    remove_line,
    ship_by,
    wish_services,
)
from haat.domain.carts.changing import Change, changes, seen
from haat.domain.carts.commands import exchange, insert, lock, save, sweep
from haat.domain.carts.document import NO_ADDRESS, Cart, CartCoupon, CartLine, Contact, Hold
from haat.domain.carts.queries import open_of, read

__all__ = [
    "COUPONS_MAX", "LINES_MAX", "NO_ADDRESS", "QUANTITY_MAX", "SERVICES_MAX", "Bounds", "Cart", "CartCoupon", "CartLine", "Change",
    "Contact", "Hold", "Wish", "add_coupon", "add_line", "changes", "check_open", "close", "contact", "deliver_to", "drop_coupon",
    "exchange", "hold", "insert", "lock", "merge", "missing", "open_of", "pay_by", "put_line", "read", "remove_line", "save",
    "seen", "ship_by", "sweep", "token", "wish_services",
]  # fmt: skip
