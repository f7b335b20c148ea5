"""POST /v1/orders, /v1/order-batches, /v1/quotes: the busiest handlers. They parse, prepare, and wait for the commit."""

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from haat.domain import orders, pricing
from haat.engine import idempotency, problems
from haat.engine.problems import Problem
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, examples
from haat.faces.api.shop import Shop
from haat.flows import checkout
from haat.flows.checkout import Placed, PlaceOrder, QuoteRequest
from haat.kernel.errors import Broken, HaatError, Refused
from haat.kernel.facts import Origin

log = logging.getLogger("haat.placing")
_key_of = re.compile(r'^"?([\x21\x23-\x7e]{1,200})"?$').match
_encode = msgspec.json.Encoder().encode
BATCH_MAX = 1000
BATCH_BODY_MAX = 32 << 20
PREPARED_AT_ONCE = 50  # orders of a batch that are prepared before others get a turn on the processor


class BatchItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order of a batch, with a key of its own."""

    order: PlaceOrder
    idempotency_key: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 orders; each stands or falls alone."""

    orders: Annotated[list[BatchItem], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]


class BatchResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one order of a batch: its status as if it had been sent alone, and the order or the problem."""

    status: int
    order: orders.Order | None = None
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """One result for each order, in the order in which they were sent."""

    results: list[BatchResult]


class QuoteView(msgspec.Struct, frozen=True):
    """A priced basket. `receipt` says which rule in which version did what, and why a coupon did not apply.

    `promised_at`: the day by which it would be there, null where the address is not known well enough. `tenders`: what each method
    would bring, where several were asked for.
    """

    quote: pricing.Quote
    zone: str
    promised_at: datetime | None = None
    tenders: tuple[orders.events.Portion, ...] | msgspec.UnsetType = msgspec.UNSET


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint(
            "POST", "/v1/orders", "placeOrder", "Place an order", desk.place, "Orders", access.BUYERS, PlaceOrder,
            answers={201: orders.Order, 200: orders.Order}, problems=(409, 413, 415, 422, 503), idempotent=True,
            example=examples.PLACE_ORDER,
            description="Prices, validates, reserves and records the order in one step. 200 answers a repeated Idempotency-Key. `tenders` "
            "split its total over several ways to pay: what is paid ahead is paid before it is confirmed, `cod` at the door.",
        ),
        Endpoint(
            "POST", "/v1/order-batches", "placeOrders", "Place up to 1,000 orders", desk.place_many, "Orders", access.BUYERS, Batch,
            answers={200: BatchAnswer}, problems=(413, 415, 422, 503), scope="orders:write", body_max=BATCH_BODY_MAX,
            example={"orders": [{"order": examples.PLACE_ORDER}]},
        ),
        Endpoint(
            "POST", "/v1/quotes", "quote", "Price a basket, with its receipt", desk.quote, "Quotes", access.BUYERS, QuoteRequest,
            answers={200: QuoteView}, problems=(413, 415, 422), scope="orders:read", example=examples.QUOTE,
        ),
    ]  # fmt: skip


def key_in(call: Call) -> idempotency.Key | None:
    """The request's Idempotency-Key, scoped to who asks. Quoted (a structured field) or bare."""
    raw = call.headers.get(b"idempotency-key")
    if raw is None:
        return None
    found = _key_of(raw.decode("latin-1"))
    if found is None:
        raise Refused("invalid_idempotency_key", "An Idempotency-Key has 1 to 200 visible characters.", kind="malformed")
    return idempotency.Key(f"place:{call.principal.actor}", found[1], idempotency.fingerprint(call.body))


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._arrivals = checkout.Arrivals(shop.market, shop.draw, shop.placing)

    async def place(self, call: Call) -> Answer:
        placed = await self._submit(call.data, call.principal, call.trace, key_in(call))
        order = access.seen_by(call.principal, placed.order)
        headers = [(b"etag", b'"%d"' % order.version), (b"location", b"/v1/orders/" + order.id.encode())]
        return Answer(200 if placed.replayed else 201, _encode(order), headers)

    async def place_many(self, call: Call) -> Answer:
        waiting: list[asyncio.Task[Placed]] = []
        loop = asyncio.get_running_loop()
        for n, item in enumerate(call.data.orders):
            key = None
            if item.idempotency_key:
                key = idempotency.Key(f"place:{call.principal.actor}", item.idempotency_key, idempotency.fingerprint(_encode(item.order)))
            waiting.append(loop.create_task(self._submit(item.order, call.principal, call.trace, key)))
            if n % PREPARED_AT_ONCE == PREPARED_AT_ONCE - 1:
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return Answer(200, BatchAnswer([_result(o, call) for o in outcomes]))

    async def quote(self, call: Call) -> Answer:
        request: QuoteRequest = checkout.tendered(call.data)
        _own_channel(request.channel, call.principal)
        coupons = await checkout.acquaint(request, self._shop.market)
        now = self._shop.clock.now()
        basket = checkout.price(request, self._shop.market, now, coupons=coupons)
        tenders = checkout.portions(request, basket.quote.totals.grand) or msgspec.UNSET
        promised_at = checkout.promise_of(basket, self._shop.market, now)
        return Answer(200, QuoteView(basket.quote, getattr(basket.place, "zone", ""), promised_at, tenders))

    async def _submit(self, request: PlaceOrder, principal: Any, trace: str, key: idempotency.Key | None) -> Placed:
        shop = self._shop
        request = _as(request, principal)
        if request.external is not None and key is None:
            key = idempotency.Key(f"channel:{request.channel}", request.external.id, idempotency.fingerprint(_encode(request)))
        coupons = await checkout.acquaint(request, shop.market)
        serial = await shop.draw.serial()
        origin = Origin(principal.actor, "api", trace)
        try:
            return await self._arrivals.place(request, checkout.Errand(serial, origin, shop.clock.now(), key, coupons))
        except checkout.Unready as unready:  # a vendor closed, a price rose: that does not undo what this very request did before
            before = None if key is None else await checkout.placed_before(shop.database, shop.journal, key)
            if before is None:
                raise unready.refusal from None
            return before


def _as(request: PlaceOrder, principal: Any) -> PlaceOrder:
    """The request in the asker's own name: a channel sells through itself, a customer buys for themselves."""
    _own_channel(request.channel, principal)
    if principal.role != "customer":
        return request
    if request.external is not None:
        raise Refused("external_prices", "A customer's order has no prices of its own.", kind="forbidden")
    return msgspec.structs.replace(request, customer=msgspec.structs.replace(request.customer, id=principal.subject))


def _own_channel(channel: str, principal: Any) -> None:
    if principal.role == "channel" and channel != principal.subject:
        raise Refused("other_channel", "A channel places orders through itself only.", kind="forbidden", channel=principal.subject)


def _result(outcome: Placed | BaseException, call: Call) -> BatchResult:
    if isinstance(outcome, Placed):
        return BatchResult(200 if outcome.replayed else 201, access.seen_by(call.principal, outcome.order))
    if isinstance(outcome, HaatError):
        problem = problems.of(outcome, call.trace)
        return BatchResult(problem.status, problem=problem)
    if isinstance(outcome, Exception):  # its neighbours stand, so they are told
        log.error("an order of a batch broke", exc_info=outcome, extra={"trace": call.trace})
        return BatchResult(500, problem=problems.of(Broken(repr(outcome)), call.trace))
    raise outcome


__all__: Sequence[str] = ["endpoints", "key_in"]
