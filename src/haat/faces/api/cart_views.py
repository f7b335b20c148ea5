"""Carts over the wire: what may be sent, and what is shown. A cart is always shown with its price and the receipt of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain import carts, orders, pricing
from haat.flows import checkout
from haat.flows.checkout.request import Amount, Code, Currency, Quantity, TenderShares, Text


class NewLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a SKU; what the cart has of it already is added to."""

    sku: Code
    quantity: Quantity = 1


class LineQuantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly so many units."""

    quantity: Quantity


class ContactRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who buys, as typed. Without a phone here the address's is used."""

    name: Annotated[str, Meta(max_length=120)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    email: Annotated[str, Meta(max_length=254)] = ""


class CartCustomer(ContactRequest, frozen=True, forbid_unknown_fields=True):
    """`id` names a registered customer, whose open cart in this channel is then the cart."""

    id: Annotated[str, Meta(max_length=64)] = ""


class NewCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cart to begin with. Without `customer.id` it is a guest's, and the answer holds its token."""

    channel: Code = "web"
    currency: Currency = "BDT"
    customer: CartCustomer = CartCustomer()
    lines: Annotated[tuple[NewLine, ...], Meta(max_length=carts.LINES_MAX)] = ()


class ShippingChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it goes; an empty method means that nothing is shipped."""

    method: Annotated[str, Meta(max_length=64)]


class PaymentChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it will be paid."""

    method: Code


class ServicesChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly these services."""

    services: Annotated[tuple[Code, ...], Meta(max_length=carts.SERVICES_MAX)]


class NewCoupon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code, however typed."""

    code: Code


class Merge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The guest's cart that goes into this one, and the token that proves who had it. A channel's own key needs no token."""

    cart: Annotated[str, Meta(max_length=64)]
    token: Annotated[str, Meta(max_length=200)] = ""


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold the stock for every line, or prolong what is held."""


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer has seen what changed."""


class CartCompletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`expected_total` is what the buyer was shown: a dearer total is refused with both figures. `tenders` split the total over several
    methods, in place of the one that the cart names.
    """

    expected_total: Amount | None = None
    note: Text = ""
    tenders: TenderShares = msgspec.UNSET


class CartLineView(msgspec.Struct, frozen=True):
    """A line. `seen_price` is the unit price last shown; `available` how many this cart could have, null where not asked."""

    sku: str
    quantity: int
    name: str
    name_bn: str
    vendor: str
    image: str
    on_sale: bool
    seen_price: int | None
    available: int | None


class CouponView(msgspec.Struct, frozen=True):
    """A coupon of the cart: what it takes off, or why it takes nothing (`missing`: how much is still wanted for a minimum)."""

    code: str
    amount: int = 0
    reason: str = ""
    missing: int = 0


class HoldView(msgspec.Struct, frozen=True):
    expires_at: datetime


class WhyNoPrice(msgspec.Struct, frozen=True):
    """Why the cart has no price yet, as a problem's code and words."""

    code: str
    detail: str
    data: dict[str, Any]


class CartView(msgspec.Struct, frozen=True):
    """A cart. `missing` is what it still needs to become an order; `changes` what its buyer has not been told before."""

    id: str
    version: int
    status: Literal["open", "ordered", "merged"]
    channel: str
    currency: str
    customer: CartCustomer
    lines: list[CartLineView]
    ship_to: msgspec.Raw
    shipping_method: str
    payment_method: str
    services: tuple[str, ...]
    coupons: list[CouponView]
    missing: tuple[str, ...]
    changes: tuple[carts.Change, ...]
    quote: pricing.Quote | None
    no_price: WhyNoPrice | None
    address_problem: orders.Unresolved | None
    hold: HoldView | None
    order_id: str | None
    merged_into: str | None
    created_at: datetime
    updated_at: datetime
    token: str | None = None
    token_expires_at: datetime | None = None


NO_ADDRESS = msgspec.Raw(b"null")


def view(
    carted: checkout.Carted, market: checkout.Market, now: datetime, *, token: str | None = None, token_until: datetime | None = None
) -> CartView:
    """A cart as it is shown."""
    cart, priced = carted.cart, carted.priced
    basket, refused, contact = priced.basket, priced.refused, cart.contact
    held = cart.hold
    return CartView(
        cart.id, cart.version, cart.status, cart.channel, cart.currency,  # type: ignore[arg-type]
        CartCustomer(contact.name, contact.phone, contact.email, cart.owner),
        [_line(line, market.item(line.sku), carted) for line in cart.lines],
        cart.ship_to if bytes(cart.ship_to) else NO_ADDRESS,
        cart.shipping_method, cart.payment_method, cart.services,
        _coupons(cart, basket) if cart.coupons else [],
        carts.missing(cart), carted.told,
        None if basket is None else basket.quote,
        None if refused is None else WhyNoPrice(refused.code, refused.detail, refused.data),
        basket.place if basket is not None and isinstance(basket.place, orders.Unresolved) else None,
        None if held is None or held.until <= now else HoldView(held.until),
        cart.order_id or None, cart.merged_into or None, cart.created_at, cart.updated_at, token, token_until,
    )  # fmt: skip


def _line(line: carts.CartLine, item: checkout.Item | None, carted: checkout.Carted) -> CartLineView:
    available = None if carted.available is None else carted.available.get(line.sku, 0)
    if item is None:
        return CartLineView(line.sku, line.quantity, "", "", "", "", False, line.seen_price, available)
    product = item.product
    on_sale = product.status == "active"
    return CartLineView(
        line.sku, line.quantity, item.name, product.name_bn, product.vendor, product.image, on_sale, line.seen_price, available
    )


def _coupons(cart: carts.Cart, basket: checkout.Basket | None) -> list[CouponView]:
    outcomes = {} if basket is None else {o.code: o for o in basket.quote.receipt.coupons}
    shown = []
    for coupon in cart.coupons:
        outcome = outcomes.get(coupon.code)
        shown.append(
            CouponView(coupon.code, reason="not_priced")
            if outcome is None
            else CouponView(coupon.code, outcome.amount, outcome.reason, outcome.missing)
        )
    return shown
