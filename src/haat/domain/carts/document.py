"""The document that a cart is: what is stored, and nothing that could be worked out from elsewhere.

Prices in it are memories of what the buyer was shown, never what is charged. Short on purpose: a line is some forty bytes.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

NO_ADDRESS = msgspec.Raw(b"")


class CartLine(Struct, frozen=True, omit_defaults=True, gc=False):
    """`seen_price` is the unit price that the buyer was last shown, in minor units; None: not shown yet."""

    sku: str
    quantity: int
    seen_price: int | None = None


class CartCoupon(Struct, frozen=True, omit_defaults=True, gc=False):
    """`worked`: it took something off when the buyer last looked."""

    code: str
    worked: bool = False


class Contact(Struct, frozen=True, omit_defaults=True, gc=False):
    """Who buys, as typed."""

    name: str = ""
    phone: str = ""
    email: str = ""


class Hold(Struct, frozen=True, gc=False):
    """Stock held for the whole cart until an instant. `id` owns the reservations; each new hold has a new one."""

    id: str
    until: datetime


class Cart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cart as it stands. `owner` is a customer's id, empty for a guest."""

    id: str
    channel: str
    currency: str
    created_at: datetime
    updated_at: datetime
    owner: str = ""
    version: int = 1
    lines: tuple[CartLine, ...] = ()
    contact: Contact = Contact()
    ship_to: msgspec.Raw = NO_ADDRESS
    shipping_method: str = "standard"
    payment_method: str = ""
    coupons: tuple[CartCoupon, ...] = ()
    services: tuple[str, ...] = ()
    hold: Hold | None = None
    order_id: str = ""
    merged_into: str = ""

    @property
    def open(self) -> bool:
        return not self.order_id and not self.merged_into

    @property
    def status(self) -> str:
        return "ordered" if self.order_id else "merged" if self.merged_into else "open"

    def quantity_of(self, sku: str) -> int:
        """Units of a SKU in the cart; 0 where it has none."""
        return next((line.quantity for line in self.lines if line.sku == sku), 0)
