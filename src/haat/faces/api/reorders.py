"""The same again: an order's lines at today's prices, as a quote or as a new order. And why an order cost what it did."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders, pricing
from haat.engine import idempotency
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, examples
from haat.faces.api.orders import order_id_in
from haat.faces.api.placing import QuoteView, key_in
from haat.faces.api.shop import Shop
from haat.flows import checkout
from haat.flows.checkout.request import TenderShares
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin

Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]


class ReorderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `preview`, what it would cost today. `lines`: which of the old ones (numbers), without them all.

    `expected_total` is what the buyer was shown; a dearer order is refused with both figures. `tenders` split the total over several
    methods, in place of `payment_method`; without either it is paid by the method that led the old one.
    """

    preview: bool = False
    lines: Annotated[list[Annotated[int, Meta(ge=1, le=1000)]], Meta(min_length=1, max_length=500)] | None = None
    payment_method: Word | None = None
    coupons: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
    expected_total: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    tenders: TenderShares = msgspec.UNSET


class CalculationView(msgspec.Struct, frozen=True):
    """The receipt of an order: every adjustment with its rule and version, and why a coupon did not apply."""

    order_id: str
    rules_version: int
    receipt: pricing.Receipt
    created_at: datetime


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    one = "/v1/orders/{id}"
    return [
        Endpoint("POST", one + "/reorders", "reorder", "Order the same again at today's prices", desk.reorder, "Orders", access.BUYERS,
                 ReorderRequest, answers={201: orders.Order, 200: (orders.Order, QuoteView)}, problems=(404, 409, 413, 415, 422, 503),
                 idempotent=True, example=examples.REORDER,
                 description="201: the new order. 200: the quote of a preview, or the order of a repeated Idempotency-Key."),
        Endpoint("GET", one + "/calculation", "getCalculation", "Why an order cost what it did", desk.calculation, "Orders",
                 frozenset({"admin", "channel"}), answers={200: CalculationView}, problems=(404,)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def reorder(self, call: Call) -> Answer:
        shop, asked = self._shop, call.data
        key = key_in(call)
        request = same_again(await self._order(call), asked)
        coupons = await checkout.acquaint(request, shop.market)
        now = shop.clock.now()
        if asked.preview:
            request = checkout.tendered(request)
            basket = checkout.price(request, shop.market, now, coupons=coupons)
            tenders = checkout.portions(request, basket.quote.totals.grand) or msgspec.UNSET
            return Answer(200, QuoteView(basket.quote, getattr(basket.place, "zone", ""), tenders=tenders))
        if key is not None:
            key = idempotency.Key(f"reorder:{call.path['id']}:{call.principal.actor}", key.key, key.fingerprint)
        origin = Origin(call.principal.actor, f"reorder:{order_id_in(call)}", call.trace)
        prepared = checkout.prepare(request, shop.market, shop.draw, checkout.Errand(await shop.draw.serial(), origin, now, key, coupons))
        placed = await shop.placing.submit(prepared)
        order = access.seen_by(call.principal, placed.order)
        headers = [(b"etag", b'"%d"' % order.version), (b"location", b"/v1/orders/" + order.id.encode())]
        return Answer(200 if placed.replayed else 201, order, headers)

    async def calculation(self, call: Call) -> Answer:
        order = await self._order(call)
        async with self._shop.database.reading() as tx:
            found = await pricing.calculation(tx, order.id)
        if found is None:
            raise Refused("no_calculation", "Nothing was calculated for this order.", kind="missing")
        return Answer(200, CalculationView(found.order_id, found.rules_version, found.receipt, found.created_at))

    async def _order(self, call: Call) -> orders.Order:
        order_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [order_id])
        if order_id not in found:
            raise access.unknown()
        return access.seen_by(call.principal, found[order_id])


def same_again(order: orders.Order, asked: ReorderRequest) -> checkout.PlaceOrder:
    """The request that would place this order today, as its buyer. Its old coupons are spent and are not asked for again."""
    wanted = None if asked.lines is None else set(asked.lines)
    known = {line.line_no for line in order.lines}
    if wanted is not None and not wanted <= known:
        raise Refused("unknown_line", "The order has no such line.", lines=sorted(wanted - known))
    customer = order.customer
    if asked.tenders and asked.payment_method:
        raise Refused("payment_method_disagrees", "Name the tenders or one payment method.")
    again = checkout.PlaceOrder(
        lines=tuple(checkout.LineRequest(line.sku, line.quantity) for line in order.lines if wanted is None or line.line_no in wanted),
        customer=checkout.CustomerRequest(customer.name, customer.phone, customer.email, customer.id),
        ship_to=None if order.ship_to == orders.Address() else order.ship_to,
        channel=order.channel,
        currency=order.currency,
        coupons=asked.coupons,
        payment_method=asked.payment_method or order.payment_method,
        shipping_method=order.shipping_method,
        services=order.services,
        expected_total=asked.expected_total,
    )
    return checkout.paid_by(again, asked.tenders)
