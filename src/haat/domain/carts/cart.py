"""A cart and everything that may be asked of it. Pure: a cart and a wish in, the next cart out, or a refusal.

    open ──► ordered        (close: once, with its order)
      └────► merged         (merge: into the customer's own)

`version` and `updated_at` are the writer's business (`commands.save` and the flow above): decisions leave them alone.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from haat.domain.carts.changing import Change
from haat.domain.carts.document import Cart, CartCoupon, CartLine, Contact, Hold
from haat.kernel.errors import Refused

LINES_MAX = 100  # who buys more kinds at once imports an order
QUANTITY_MAX = 1_000_000
COUPONS_MAX = 10
SERVICES_MAX = 10


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """How many units of a SKU one cart may hold. `most` None: no bound but the cart's own."""

    least: int = 1
    most: int | None = None

    @property
    def ceiling(self) -> int:
        return QUANTITY_MAX if self.most is None else min(self.most, QUANTITY_MAX)


class Wish(msgspec.Struct, frozen=True, gc=False):
    """So many units of a SKU, within its bounds."""

    sku: str
    quantity: int
    bounds: Bounds = Bounds()


def check_open(cart: Cart) -> None:
    """Refuses a cart that is an order already, or part of another cart."""
    if cart.order_id:
        raise Refused("cart_ordered", "This cart has become an order.", kind="conflict", order_id=cart.order_id)
    if cart.merged_into:
        raise Refused("cart_merged", "This cart went into another one.", kind="conflict", cart_id=cart.merged_into)


def add_line(cart: Cart, wish: Wish) -> Cart:
    """So many units more of a SKU."""
    held = cart.quantity_of(wish.sku)
    return put_line(cart, Wish(wish.sku, held + wish.quantity, wish.bounds))


def put_line(cart: Cart, wish: Wish) -> Cart:
    """Exactly so many units of a SKU. A new line stands last."""
    check_open(cart)
    least, most = wish.bounds.least, wish.bounds.ceiling
    if not least <= wish.quantity <= most:
        detail = f"This is sold from {least} to {most} at once." if wish.quantity > 0 else "A quantity is at least one."
        raise Refused("quantity_out_of_bounds", detail, sku=wish.sku, quantity=wish.quantity, min=least, max=most)
    for n, line in enumerate(cart.lines):
        if line.sku == wish.sku:
            return replace(cart, lines=(*cart.lines[:n], CartLine(line.sku, wish.quantity, line.seen_price), *cart.lines[n + 1 :]))
    if len(cart.lines) >= LINES_MAX:
        raise Refused("too_many_lines", f"A cart has {LINES_MAX} lines at the most.", max=LINES_MAX)
    return replace(cart, lines=(*cart.lines, CartLine(wish.sku, wish.quantity)))


def remove_line(cart: Cart, sku: str) -> Cart:
    """The cart without a SKU. Refused as missing where it has none of it."""
    check_open(cart)
    lines = tuple(line for line in cart.lines if line.sku != sku)
    if len(lines) == len(cart.lines):
        raise Refused("unknown_line", "The cart has none of this.", kind="missing", sku=sku)
    return replace(cart, lines=lines)


def contact(cart: Cart, whom: Contact) -> Cart:
    """Who buys, as typed."""
    check_open(cart)
    return replace(cart, contact=whom)


def deliver_to(cart: Cart, address: msgspec.Raw) -> Cart:
    """Where it goes: JSON that the caller can read and this module keeps."""
    check_open(cart)
    return replace(cart, ship_to=address)


def ship_by(cart: Cart, method: str) -> Cart:
    """How it goes; empty for what is picked up or delivered over the wire."""
    check_open(cart)
    return replace(cart, shipping_method=method)


def pay_by(cart: Cart, method: str) -> Cart:
    """How it will be paid. No money moves here."""
    check_open(cart)
    return replace(cart, payment_method=method)


def wish_services(cart: Cart, codes: Sequence[str]) -> Cart:
    """Exactly these services (gift wrap …), each once."""
    check_open(cart)
    chosen = tuple(dict.fromkeys(codes))
    if len(chosen) > SERVICES_MAX:
        raise Refused("too_many_services", f"A cart has {SERVICES_MAX} services at the most.", max=SERVICES_MAX)
    return replace(cart, services=chosen)


def add_coupon(cart: Cart, code: str) -> Cart:
    """One coupon more. The same code again changes nothing."""
    check_open(cart)
    if any(coupon.code == code for coupon in cart.coupons):
        return cart
    if len(cart.coupons) >= COUPONS_MAX:
        raise Refused("too_many_coupons", f"A cart has {COUPONS_MAX} coupons at the most.", max=COUPONS_MAX)
    return replace(cart, coupons=(*cart.coupons, CartCoupon(code)))


def drop_coupon(cart: Cart, code: str) -> Cart:
    """The cart without a coupon. Refused as missing where it is not there."""
    check_open(cart)
    coupons = tuple(coupon for coupon in cart.coupons if coupon.code != code)
    if len(coupons) == len(cart.coupons):
        raise Refused("unknown_coupon", "The cart has no such coupon.", kind="missing", coupon=code)
    return replace(cart, coupons=coupons)


def hold(cart: Cart, held: Hold | None) -> Cart:
    """The cart with the stock that is held for it, or without."""
    return replace(cart, hold=held)


def close(cart: Cart, order_id: str) -> Cart:
    """The cart as the order that it became."""
    check_open(cart)
    return replace(cart, order_id=order_id, hold=None)


def missing(cart: Cart) -> tuple[str, ...]:
    """What must still be said before the cart can become an order."""
    wants = (
        ("lines", not cart.lines),
        ("ship_to", bool(cart.shipping_method) and not bytes(cart.ship_to)),
        ("payment_method", not cart.payment_method),
    )
    return tuple(name for name, wanted in wants if wanted)


def merge(into: Cart, other: Cart, bounds: Mapping[str, Bounds]) -> tuple[Cart, Cart, tuple[Change, ...]]:
    """A guest's cart goes into the customer's at login: (the customer's, the guest's, what the buyer is told).

    Quantities are added up to each SKU's bound; what does not fit is told and left out, never refused. A SKU without `bounds` is
    no longer sold and stays out. What the guest chose last (address, payment, contact) fills what the customer's cart has not.
    Merging the same two again changes nothing.
    """
    check_open(into)
    if other.merged_into == into.id:
        return into, other, ()
    check_open(other)
    if other.id == into.id:
        raise Refused("same_cart", "A cart cannot be merged into itself.")
    if (other.channel, other.currency) != (into.channel, into.currency):
        raise Refused("other_channel", "The carts belong to different channels.", kind="conflict")
    merged, told = into, list[Change]()
    for line in other.lines:
        merged, change = _merged(merged, line, bounds.get(line.sku))
        told.append(change)
    codes = {coupon.code for coupon in merged.coupons}
    fresh = tuple(coupon for coupon in other.coupons if coupon.code not in codes)
    merged = replace(
        merged,
        coupons=(*merged.coupons, *fresh)[:COUPONS_MAX],
        services=tuple(dict.fromkeys((*merged.services, *other.services)))[:SERVICES_MAX],
        contact=_filled(merged.contact, other.contact),
        ship_to=merged.ship_to if bytes(merged.ship_to) else other.ship_to,
        payment_method=merged.payment_method or other.payment_method,
    )
    return merged, replace(other, merged_into=into.id, hold=None), tuple(told)


def _merged(cart: Cart, line: CartLine, bounds: Bounds | None) -> tuple[Cart, Change]:
    before = cart.quantity_of(line.sku)
    wanted = before + line.quantity
    if bounds is None or (not before and len(cart.lines) >= LINES_MAX):
        return cart, Change("left_out", line.sku, wanted=wanted, quantity=before)
    quantity = min(wanted, bounds.ceiling)
    merged = put_line(cart, Wish(line.sku, max(quantity, bounds.least), bounds))
    if not before and line.seen_price is not None:  # the price that the guest saw comes along
        merged = replace(merged, lines=(*merged.lines[:-1], replace(merged.lines[-1], seen_price=line.seen_price)))
    return merged, Change("merged" if quantity == wanted else "limited", line.sku, wanted=wanted, quantity=merged.quantity_of(line.sku))


def _filled(mine: Contact, theirs: Contact) -> Contact:
    return Contact(mine.name or theirs.name, mine.phone or theirs.phone, mine.email or theirs.email)
