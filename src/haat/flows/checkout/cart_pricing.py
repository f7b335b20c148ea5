"""What a cart costs now and what its buyer should hear about it: from memory, in one quote. Pure.

Goods that are gone stay in the cart and out of the quote, so that their buyer sees them go. A cart that cannot be priced yet
(no rate for its place, a service that is no more) says why instead of a price.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain import carts, inventory, orders, pricing
from haat.flows.checkout.market import NO_COUPONS, Item, Market
from haat.flows.checkout.preparing import Basket, price
from haat.flows.checkout.request import CustomerRequest, LineRequest, PlaceOrder, QuoteRequest, TenderShares
from haat.flows.checkout.tendering import paid_by
from haat.kernel.errors import Refused

address_in = msgspec.json.Decoder(orders.Address).decode
NOTHING: Mapping[str, str] = {}


class Priced(msgspec.Struct, frozen=True):
    """A cart's price. `prices`: unit price by SKU, None for what is gone; `coupons`: why each does not work, "" where it does."""

    basket: Basket | None
    prices: Mapping[str, int | None]
    coupons: Mapping[str, str]
    refused: Refused | None = None


UNPRICED = Priced(None, {}, NOTHING)


def price_cart(cart: carts.Cart, market: Market, now: datetime, coupons: Mapping[str, pricing.Coupon] = NO_COUPONS) -> Priced:
    """Price what can be sold of a cart. Its SKUs must be known (`market.know`) and its coupons looked up."""
    prices: dict[str, int | None] = {}
    lines = []
    for line in cart.lines:
        if sold(market.item(line.sku)) is None:
            prices[line.sku] = None
        else:
            lines.append(LineRequest(line.sku, line.quantity))
    if not lines:
        return Priced(None, prices, NOTHING)
    request = QuoteRequest(
        tuple(lines), cart.channel, cart.currency, _customer(cart), _address(cart), tuple([c.code for c in cart.coupons]),
        cart.payment_method, cart.shipping_method, cart.services,
    )  # fmt: skip
    try:
        basket = price(request, market, now, coupons=coupons)
    except Refused as refused:
        return Priced(None, prices, NOTHING, refused)
    for quoted in basket.quote.lines:
        prices[quoted.sku] = quoted.unit_price
    outcomes = basket.quote.receipt.coupons
    return Priced(basket, prices, {outcome.code: outcome.reason for outcome in outcomes} if outcomes else NOTHING)


def order_of(cart: carts.Cart, *, expected_total: int | None, note: str, tenders: TenderShares = msgspec.UNSET) -> PlaceOrder:
    """The order that a cart asks for, at no more than the prices that its buyer saw; `tenders` instead of the cart's way to pay."""
    missing = [each for each in carts.missing(cart) if each != "payment_method" or not tenders]
    if missing:
        raise Refused("cart_incomplete", f"The cart still needs {', '.join(missing)}.", missing=missing)
    request = PlaceOrder(
        tuple([LineRequest(line.sku, line.quantity, line.seen_price) for line in cart.lines]),
        _customer(cart), _address(cart), cart.channel, cart.currency, tuple([c.code for c in cart.coupons]),
        cart.payment_method, cart.shipping_method, cart.services, expected_total, None, note,
    )  # fmt: skip
    return paid_by(request, tenders)


def bounds_of(item: Item | None) -> carts.Bounds | None:
    """How many of an item a cart may hold; None where it is not for sale."""
    product = item.product if sold(item) is not None and item is not None else None
    return None if product is None else carts.Bounds(product.quantity_min, product.quantity_max)


def sold(item: Item | None) -> Item | None:
    """The item if it is on sale now."""
    return item if item is not None and item.product.status == "active" else None


def components(skus: Iterable[str], market: Market) -> list[str]:
    """The SKUs whose stock serves these, kits taken apart, in order."""
    found: set[str] = set()
    for sku in skus:
        item = market.item(sku)
        if item is not None:
            found.update(part for part, _ in item.demand)
    return sorted(found)


def by_sku(levels: Sequence[inventory.Level]) -> dict[str, list[inventory.Level]]:
    """Levels by SKU."""
    found: dict[str, list[inventory.Level]] = {}
    for level in levels:
        found.setdefault(level.sku, []).append(level)
    return found


def available(cart: carts.Cart, stock: Mapping[str, Sequence[inventory.Level]], market: Market, now: datetime) -> dict[str, int]:
    """Units of each line that this cart could have: free in its channel, still permitted beyond, and what is held for it."""
    held = cart.hold is not None and cart.hold.until > now
    found: dict[str, int] = {}
    for line in cart.lines:
        item = sold(market.item(line.sku))
        if item is None:
            found[line.sku] = 0
        else:
            free = min([_free(stock.get(part, ()), cart.channel, market) // each for part, each in item.demand])
            found[line.sku] = free + line.quantity if held else free
    return found


def _free(levels: Sequence[inventory.Level], channel: str, market: Market) -> int:
    units = 0
    places = market.parties.places
    for level in levels:
        if level.location in places:
            units += level.free(channel) + max(level.backorder_limit + min(level.on_hand - level.reserved, 0), 0)
    return units


def _customer(cart: carts.Cart) -> CustomerRequest:
    return CustomerRequest(cart.contact.name, cart.contact.phone, cart.contact.email, cart.owner)


def _address(cart: carts.Cart) -> orders.Address | None:
    written = bytes(cart.ship_to)
    return address_in(written) if written else None
