"""What changed since the buyer last looked: prices, goods that are gone or short, coupons that stopped or began to work.

    changes(cart, as it is now) ─► what to tell        seen(cart, as it is now) ─► the cart that remembers having told it

Pure. A shortage is told as long as it stands, everything else once: `seen` is stored with the next write.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from haat.domain.carts.document import Cart, CartCoupon, CartLine

Kind = Literal[
    "price_up", "price_down", "gone", "short", "coupon_stopped", "coupon_works", "hold_ended",  # told when the cart is looked at
    "merged", "limited", "left_out",  # told when two carts become one
]  # fmt: skip


class Change(Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing to tell the buyer. Prices are of one unit; `quantity` is what the cart has or could have of `wanted`."""

    kind: Kind
    sku: str = ""
    was: int | None = None
    price: int | None = None
    wanted: int | None = None
    quantity: int | None = None
    coupon: str = ""
    reason: str = ""


def changes(
    cart: Cart, prices: Mapping[str, int | None], coupons: Mapping[str, str], available: Mapping[str, int] | None = None
) -> tuple[Change, ...]:
    """What to tell. `prices`: unit price by SKU, None for what is no longer sold; a SKU without an entry could not be asked about.
    `coupons`: why each does not work now, "" where it does. `available`: units by SKU that this cart could have, where known.
    """
    told: list[Change] = []
    for line in cart.lines:
        sku, was = line.sku, line.seen_price
        if sku in prices:
            price = prices[sku]
            if price is None:
                told.append(Change("gone", sku, was=was))
                continue
            if was is not None and price != was:
                told.append(Change("price_up" if price > was else "price_down", sku, was=was, price=price))
        if available is not None and available.get(sku, line.quantity) < line.quantity:
            told.append(Change("short", sku, wanted=line.quantity, quantity=available[sku]))
    for coupon in cart.coupons:
        reason = coupons.get(coupon.code)
        if reason is not None and coupon.worked is bool(reason):
            told.append(Change("coupon_stopped" if reason else "coupon_works", coupon=coupon.code, reason=reason))
    return tuple(told)


def seen(cart: Cart, prices: Mapping[str, int | None], coupons: Mapping[str, str]) -> Cart:
    """The cart whose buyer has been shown this. The same object where nothing is new."""
    lines = cart.lines
    fresh = [prices.get(line.sku) for line in lines]
    if any(price is not None and price != line.seen_price for price, line in zip(fresh, lines, strict=True)):
        lines = tuple(
            [line if price is None else CartLine(line.sku, line.quantity, price) for price, line in zip(fresh, lines, strict=True)]
        )
    marked = cart.coupons
    if marked:
        marked = tuple([CartCoupon(c.code, not coupons[c.code]) if c.code in coupons else c for c in marked])
    if lines is cart.lines and marked == cart.coupons:
        return cart
    return replace(cart, lines=lines, coupons=marked)
