"""Carts: from the first line to the order. Each handler says what is wished; the cart desk decides, prices and commits.

A guest's cart is reached with the token that its creation answered, a customer's with the customer's key, and a channel's key
reaches the carts of its channel. Whoever may not see a cart is told that there is none. Every write takes `If-Match`.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from haat.domain import carts, orders, people, pricing
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, examples
from haat.faces.api import cart_views as views
from haat.faces.api.cart_views import CartView, view
from haat.faces.api.shop import Shop
from haat.flows import checkout
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin

TOKEN_FOR = timedelta(days=30)
COMPLETIONS_MAX = 3  # a cart that changes under its own completion again and again is somebody's mistake
#: Reasons that nothing the buyer does to this cart will mend: such a code is refused at once, any other is kept and explained.
HOPELESS = frozenset(
    {"unknown", "inactive", "not_started", "expired", "other_customer", "wrong_channel", "wrong_currency", "used_up", "already_applied"}
)
SHOPPERS = access.BUYERS | {"shopper"}
WRITES = (400, 404, 409, 412, 413, 415, 422, 503)
_encode = msgspec.json.Encoder().encode


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    one, seen, made, problems = "/v1/carts/{id}", {200: CartView}, {201: CartView}, WRITES
    sku = {"sku": "DEMO-001", "quantity": 1}
    return [
        Endpoint("POST", one + "/lines", "addCartLine", "Add units of a SKU", desk.add, "Carts", SHOPPERS,
                 views.NewLine, answers=made, problems=problems, example=sku),
        Endpoint("GET", one, "getCart", "A cart, priced now, with what changed since its buyer last looked", desk.look, "Carts", SHOPPERS,
                 answers=seen, problems=(404, 503)),
        Endpoint("POST", "/v1/carts", "createCart", "Begin a cart, or find the customer's open one", desk.create, "Carts", access.BUYERS,
                 views.NewCart, answers={201: CartView, 200: CartView}, problems=(413, 415, 422, 503), example={"lines": [sku]}),
        Endpoint("PUT", one + "/address", "setCartAddress", "Where it goes", desk.address, "Carts", SHOPPERS,
                 orders.Address, answers=seen, problems=problems, example=examples.ADDRESS),
        Endpoint("PUT", one + "/shipping", "setCartShipping", "How it goes", desk.shipping, "Carts", SHOPPERS,
                 views.ShippingChoice, answers=seen, problems=problems, example={"method": "standard"}),
        Endpoint("PUT", one + "/payment", "setCartPayment", "How it will be paid", desk.payment, "Carts", SHOPPERS,
                 views.PaymentChoice, answers=seen, problems=problems, example={"method": "cod"}),
        Endpoint("POST", one + "/orders", "completeCart", "Make the cart an order, once", desk.complete, "Carts", SHOPPERS,
                 views.CartCompletion, answers={201: orders.Order, 200: orders.Order}, problems=problems, example={},
                 description="Asked again, it answers 200 with the same order. A guest finds a token for the order in `order-token`."),
        Endpoint("PUT", one + "/lines/{sku:path}", "setCartLine", "Exactly so many units", desk.put, "Carts", SHOPPERS,
                 views.LineQuantity, answers=seen, problems=problems, example={"quantity": 2}),
        Endpoint("DELETE", one + "/lines/{sku:path}", "removeCartLine", "Take a SKU out", desk.remove, "Carts", SHOPPERS,
                 answers=seen, problems=problems),
        Endpoint("PUT", one + "/customer", "setCartCustomer", "Who buys", desk.customer, "Carts", SHOPPERS,
                 views.ContactRequest, answers=seen, problems=problems, example={"phone": "01712345678"}),
        Endpoint("PUT", one + "/services", "setCartServices", "Gift wrap and the like", desk.services, "Carts", SHOPPERS,
                 views.ServicesChoice, answers=seen, problems=problems, example={"services": ["gift_wrap"]}),
        Endpoint("POST", one + "/coupons", "addCartCoupon", "Try a coupon", desk.coupon, "Carts", SHOPPERS,
                 views.NewCoupon, answers=made, problems=problems, example={"code": "EID10"}),
        Endpoint("DELETE", one + "/coupons/{code}", "removeCartCoupon", "Take a coupon away", desk.uncoupon, "Carts", SHOPPERS,
                 answers=seen, problems=problems),
        Endpoint("POST", one + "/merges", "mergeCart", "Take a guest's cart in, at login", desk.merge, "Carts", access.BUYERS,
                 views.Merge, answers=made, problems=problems),
        Endpoint("POST", one + "/holds", "holdCart", "Hold the stock for a while, or prolong the hold", desk.hold, "Carts", SHOPPERS,
                 views.NewHold, answers=made, problems=problems, example={}),
        Endpoint("POST", one + "/refreshes", "refreshCart", "Acknowledge what changed", desk.refresh, "Carts", SHOPPERS,
                 views.Refresh, answers=made, problems=problems, example={}),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def create(self, call: Call) -> Answer:
        shop, asked, principal = self._shop, call.data, call.principal
        if principal.role == "channel" and asked.channel != principal.subject:
            raise Refused("other_channel", "A channel begins its own carts only.", kind="forbidden", channel=principal.subject)
        channel = shop.market.parties.channels.get(asked.channel)
        if channel is None or not channel.active:
            raise Refused("unknown_channel", f"There is no open channel {asked.channel}.", channel=asked.channel)
        owner = principal.subject if principal.role == "customer" else asked.customer.id
        now = shop.clock.now()
        cart_id = shop.draw.uuid()
        given = asked.customer
        empty = carts.Cart(
            id=cart_id, channel=asked.channel, currency=asked.currency, owner=owner, created_at=now, updated_at=now,
            contact=carts.Contact(given.name, given.phone, given.email),
        )  # fmt: skip
        wishes = await self._wishes(asked.lines)

        def begin(standing: Sequence[carts.Cart | None]) -> tuple[Sequence[carts.Cart], tuple[carts.Change, ...]]:
            cart = standing[0] or empty
            for wish in wishes:
                cart = carts.add_line(cart, wish)
            return (cart,), ()

        claims = (owner, asked.channel) if owner else None
        wish = checkout.CartWish((cart_id,), begin, claims=claims, skus=tuple(w.sku for w in wishes), stocked=bool(wishes), begins=True)
        carted = await shop.carting.submit(wish)
        token, until = None, None
        if not carted.cart.owner:
            until = now + TOKEN_FOR
            token = carts.token.of(carted.cart.id, expires_at=until, secret=shop.guest_secret)
        shown = view(carted, shop.market, now, token=token, token_until=until)
        return Answer(201 if carted.created else 200, shown, [*_etag(carted.cart), (b"location", b"/v1/carts/" + carted.cart.id.encode())])

    async def look(self, call: Call) -> Answer:
        carted = await self._seen(call, bare=False)
        return Answer(200, view(carted, self._shop.market, self._shop.clock.now()), _etag(carted.cart))

    async def add(self, call: Call) -> Answer:
        (wish,) = await self._wishes([call.data])
        return await self._write(call, lambda cart: carts.add_line(cart, wish), 201, skus=(wish.sku,), stocked=True)

    async def put(self, call: Call) -> Answer:
        (wish,) = await self._wishes([views.NewLine(call.path["sku"], call.data.quantity)])
        return await self._write(call, lambda cart: carts.put_line(cart, wish), skus=(wish.sku,), stocked=True)

    async def remove(self, call: Call) -> Answer:
        return await self._write(call, lambda cart: carts.remove_line(cart, call.path["sku"]))

    async def address(self, call: Call) -> Answer:
        written = msgspec.Raw(_encode(call.data))
        return await self._write(call, lambda cart: carts.deliver_to(cart, written))

    async def shipping(self, call: Call) -> Answer:
        return await self._write(call, lambda cart: carts.ship_by(cart, call.data.method))

    async def payment(self, call: Call) -> Answer:
        return await self._write(call, lambda cart: carts.pay_by(cart, call.data.method))

    async def customer(self, call: Call) -> Answer:
        given = call.data
        return await self._write(call, lambda cart: carts.contact(cart, carts.Contact(given.name, given.phone, given.email)))

    async def services(self, call: Call) -> Answer:
        return await self._write(call, lambda cart: carts.wish_services(cart, call.data.services))

    async def coupon(self, call: Call) -> Answer:
        """A code that can never work for this cart is refused with its reason; one that may yet is kept and explained."""
        code = pricing.coupon_code(call.data.code)
        carted = await self._seen(call, bare=True)
        tried = msgspec.structs.replace(carted.cart, coupons=(*carted.cart.coupons, carts.CartCoupon(code)))
        await self._shop.market.meet(tried.owner, people.phone.e164(tried.contact.phone) or "")
        found = await self._shop.market.coupons([c.code for c in tried.coupons])
        reason = checkout.price_cart(tried, self._shop.market, self._shop.clock.now(), found).coupons.get(code, "")
        if reason in HOPELESS and not any(c.code == code for c in carted.cart.coupons):
            raise Refused("coupon_refused", f"The coupon {code} cannot be used: {reason.replace('_', ' ')}.", coupon=code, reason=reason)
        return await self._write(call, lambda cart: carts.add_coupon(cart, code), 201, coupons=(code,))

    async def uncoupon(self, call: Call) -> Answer:
        code = pricing.coupon_code(call.path["code"])
        return await self._write(call, lambda cart: carts.drop_coupon(cart, code))

    async def merge(self, call: Call) -> Answer:
        shop, asked = self._shop, call.data
        other_id = _uuid(asked.cart)
        proven = carts.token.cart_of(asked.token, secrets=shop.guest_secrets, now=shop.clock.now()) == other_id
        reach = _reach(call.principal)

        def merge(standing: Sequence[carts.Cart | None]) -> tuple[Sequence[carts.Cart], tuple[carts.Change, ...]]:
            into, other = reach(standing[0]), standing[1]
            if other is None or other.owner or not (proven or _may(call.principal, other)):
                raise _unknown()
            bounds = {line.sku: checkout.bounds_of(shop.market.item(line.sku)) for line in other.lines}
            into, other, told = carts.merge(into, other, {sku: found for sku, found in bounds.items() if found is not None})
            return (into, other), told

        wish = checkout.CartWish((_cart_id(call), other_id), merge, _if_match(call), stocked=True)
        return self._shown(await shop.carting.submit(wish), 201)

    async def hold(self, call: Call) -> Answer:
        def held(cart: carts.Cart) -> carts.Cart:
            carts.check_open(cart)
            return cart

        return await self._write(call, held, 201, take_hold=True)

    async def refresh(self, call: Call) -> Answer:
        def acknowledged(cart: carts.Cart) -> carts.Cart:
            carts.check_open(cart)
            return msgspec.structs.replace(cart)

        return await self._write(call, acknowledged, 201, stocked=True)

    async def complete(self, call: Call) -> Answer:
        """Prepared from the cart as it was read; where it changed before it was locked, read again (without If-Match)."""
        version = _if_match(call)
        for turn in range(1, COMPLETIONS_MAX + 1):
            carted = await self._seen(call, bare=True)
            cart = carted.cart
            if cart.order_id:
                return await self._ordered(call, cart)
            if version is not None and version != cart.version:
                raise Refused("stale", "The cart has changed meanwhile.", kind="stale", version=cart.version)
            carts.check_open(cart)
            prepared = await self._prepared(call, cart)
            try:
                placed = await self._shop.completing.submit(checkout.Completion(cart.id, cart.version, prepared))
            except Refused as refused:
                if refused.code != "stale" or version is not None or turn == COMPLETIONS_MAX:
                    raise
            else:
                return self._order(call, cart, placed.order, 200 if placed.replayed else 201)
        raise AssertionError("the last turn answers or raises")

    async def _prepared(self, call: Call, cart: carts.Cart) -> checkout.Prepared:
        shop = self._shop
        asked: views.CartCompletion = call.data
        request = checkout.order_of(cart, expected_total=asked.expected_total, note=asked.note, tenders=asked.tenders)
        coupons = await checkout.acquaint(request, shop.market)
        serial = await shop.draw.serial()
        origin = Origin(call.principal.actor, f"cart:{cart.id}", call.trace)
        hold = None if cart.hold is None else cart.hold.id
        return checkout.prepare(request, shop.market, shop.draw, checkout.Errand(serial, origin, shop.clock.now(), None, coupons, hold))

    async def _ordered(self, call: Call, cart: carts.Cart) -> Answer:
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [cart.order_id])
        return self._order(call, cart, found[cart.order_id], 200)

    def _order(self, call: Call, cart: carts.Cart, order: orders.Order, status: int) -> Answer:
        """The order as its buyer may see it: who completed the cart may see the order that it became."""
        shop = self._shop
        headers = [(b"etag", b'"%d"' % order.version), (b"location", b"/v1/orders/" + order.id.encode())]
        if call.principal.role == "shopper":
            token = people.guest.order_token(order.id, expires_at=shop.clock.now() + shop.guest_until(), secret=shop.guest_secret)
            headers.append((b"order-token", token.encode()))
        return Answer(status, _encode(access.shown_to(call.principal.role, order)), headers)

    async def _write(self, call: Call, decide: Callable[[carts.Cart], carts.Cart], status: int = 200, **how: Any) -> Answer:
        reach = _reach(call.principal)

        def decided(standing: Sequence[carts.Cart | None]) -> tuple[Sequence[carts.Cart], tuple[carts.Change, ...]]:
            return (decide(reach(standing[0])),), ()

        wish = checkout.CartWish((_cart_id(call),), decided, _if_match(call), **how)
        return self._shown(await self._shop.carting.submit(wish), status)

    def _shown(self, carted: checkout.Carted, status: int) -> Answer:
        return Answer(status, view(carted, self._shop.market, self._shop.clock.now()), _etag(carted.cart))

    async def _seen(self, call: Call, *, bare: bool) -> checkout.Carted:
        found = await self._shop.looking.submit(checkout.Glance(_cart_id(call), bare))
        if found is None:
            raise _unknown()
        _reach(call.principal)(found.cart)
        return found

    async def _wishes(self, lines: Sequence[views.NewLine]) -> list[carts.Wish]:
        """Lines within what their products permit. Refused where one is not for sale."""
        market = self._shop.market
        await market.know([line.sku for line in lines])
        wishes = []
        for line in lines:
            bounds = checkout.bounds_of(market.item(line.sku))
            if bounds is None:
                raise Refused("unknown_sku", f"There is no product {line.sku} for sale.", sku=line.sku)
            wishes.append(carts.Wish(line.sku, line.quantity, bounds))
        return wishes


def _may(principal: Any, cart: carts.Cart) -> bool:
    """Whether this cart exists as far as `principal` is concerned."""
    match principal.role:
        case "admin":
            return True
        case "channel":
            return bool(cart.channel == principal.subject)
        case "customer":
            return bool(cart.owner == principal.subject)
        case "shopper":
            return cart.id == principal.subject and not cart.owner
        case _:
            return False


def _reach(principal: Any) -> Callable[[carts.Cart | None], carts.Cart]:
    """The cart itself for who may reach it; refused as missing for everybody else."""

    def reached(cart: carts.Cart | None) -> carts.Cart:
        if cart is None or not _may(principal, cart):
            raise _unknown()
        return cart

    return reached


def _unknown() -> Refused:
    return Refused("unknown_cart", "There is no such cart.", kind="missing")


def _cart_id(call: Call) -> str:
    named = call.path["id"]
    return named if named == call.principal.subject else _uuid(named)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise _unknown() from None


def _etag(cart: carts.Cart) -> list[tuple[bytes, bytes]]:
    return [(b"etag", b'"%d"' % cart.version)]


def _if_match(call: Call) -> int | None:
    given = call.header(b"if-match")
    if given is None or given == "*":
        return None
    bare = given.strip().removeprefix("W/").strip('"')
    if not bare.isdigit() or len(bare) > 9:
        raise Refused("stale", "If-Match names no version of this cart.", kind="stale")
    return int(bare)
