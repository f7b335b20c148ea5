"""Orders: reading them (now, then, as a story, live), and what may be created beneath them: cancellations, holds, notes."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain import orders, people
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples, wishes
from haat.faces.api.conditions import Instant
from haat.faces.api.paging import CURSOR, Page, page_headers
from haat.faces.api.shop import Shop
from haat.kernel import ids
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin
from haat.kernel.time import unix_ms

HoldKind = Literal[
    "FRAUD_REVIEW", "PAYMENT_PENDING", "ADDRESS", "STOCK", "VENDOR_ACK", "CUSTOMER_REQUEST", "COMPLIANCE", "MANUAL", "DUPLICATE"
]  # fmt: skip


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filters of the list; every one given must hold. `phone` as it may be typed, `number` as it may be typed."""

    status: Annotated[str, Meta(max_length=32)] | None = None
    channel: Annotated[str, Meta(max_length=64)] | None = None
    vendor: Annotated[str, Meta(max_length=64)] | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    customer: Annotated[str, Meta(max_length=64)] | None = None
    number: Annotated[str, Meta(max_length=40)] | None = None
    external_id: Annotated[str, Meta(max_length=128)] | None = None
    q: Annotated[str, Meta(min_length=2, max_length=200)] | None = None
    on_hold: bool = False
    placed_after: Instant | None = None
    cursor: CURSOR = None
    limit: Annotated[int, Meta(ge=1, le=orders.PAGE_MAX)] = 50


class AtQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`at`: the order as it was at that instant (RFC 3339)."""

    at: Instant | None = None


class ReleaseQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reason`: why it may go on, for its story."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)] = "released by hand"


class LanguageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: Literal["en", "bn"] = "en"


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after`: the last version seen, where Last-Event-ID cannot be sent."""

    after: Annotated[int, Meta(ge=0)] = 0


class CancelLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line_no: Annotated[int, Meta(ge=1, le=1000)]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


class CancellationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to cancel; without `lines`, everything that can still be stopped must be stoppable."""

    reason: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9_]+$")]
    lines: Annotated[list[CancelLine], Meta(min_length=1, max_length=500)] | None = None
    detail: Annotated[str, Meta(max_length=500)] = ""


class Cancellation(msgspec.Struct, frozen=True):
    """What becomes of every unit that was to be cancelled. Amounts: not owed from now on, later (when it has come about), on its way back.

    `cancelled` is done. `recalling` and `intercepting`: the courier was asked to stop it. `returning`: it is coming back already.
    `return_after_delivery`, `return`: take it as a return.
    """

    fates: tuple[orders.stopping.Fate, ...]
    released: int
    later: int
    refund: int


class CancelledOrder(orders.Order, frozen=True, kw_only=True):
    """The order after its cancellation, and what becomes of each unit."""

    cancellation: Cancellation


class HoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind` names the queue that works on it."""

    kind: HoldKind
    reason: Annotated[str, Meta(min_length=1, max_length=64)]
    detail: Annotated[str, Meta(max_length=500)] = ""
    until: Instant | None = None


class NoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    audience: Literal["staff", "vendor", "customer"] = "staff"


class RecordedView(msgspec.Struct, frozen=True):
    """A fact of an order, as it was recorded."""

    position: int
    version: int
    type: str
    at: datetime
    actor: str
    cause: str
    trace: str
    data: Any


class Events(msgspec.Struct, frozen=True):
    data: list[RecordedView]


class TimelineEntry(msgspec.Struct, frozen=True):
    """One sentence of an order's story."""

    at: datetime
    type: str
    by: str
    text: str


class Timeline(msgspec.Struct, frozen=True):
    data: list[TimelineEntry]


class GuestToken(msgspec.Struct, frozen=True):
    """Whoever holds it may look at this one order, and cancel what is still to be stopped, until it expires."""

    token: str
    expires_at: datetime


class OrderPage(msgspec.Struct, frozen=True):
    data: list[orders.Order]
    page: Page


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    read, write, changed = access.ALL, frozenset({"admin", "channel", "customer", "guest"}), (404, 409, 412, 413, 415, 422, 503)
    one = "/v1/orders/{id}"
    return [
        Endpoint("GET", one, "getOrder", "An order, now or at any past instant", desk.one, "Orders", read, query=AtQuery,
                 answers={200: orders.Order, 304: None}, problems=(400, 404)),
        Endpoint("GET", "/v1/orders", "listOrders", "Orders, newest first", desk.many, "Orders", access.BUYERS, query=OrdersQuery,
                 answers={200: OrderPage}, problems=(400,)),
        Endpoint("GET", one + "/events", "getOrderEvents", "An order's facts", desk.events, "Orders", access.STAFF,
                 answers={200: Events}, problems=(404,)),
        Endpoint("GET", one + "/timeline", "getOrderTimeline", "An order's story in words", desk.timeline, "Orders", read,
                 query=LanguageQuery, answers={200: Timeline}, problems=(400, 404)),
        Endpoint("GET", one + "/stream", "streamOrder", "An order's facts as they happen (server-sent events)", desk.stream, "Orders",
                 access.STAFF, query=StreamQuery, answers={200: "text/event-stream"}, problems=(400, 404, 503)),
        Endpoint("POST", one + "/cancellations", "cancelOrder", "Cancel an order, or lines and quantities of it", desk.cancel, "Orders",
                 write, CancellationRequest, answers={201: CancelledOrder}, problems=changed, idempotent=True,
                 example=examples.CANCELLATION),
        Endpoint("POST", one + "/holds", "holdOrder", "Hold an order", desk.hold, "Orders", access.STAFF, HoldRequest,
                 answers={201: orders.Order}, problems=changed, idempotent=True, example=examples.HOLD),
        Endpoint("DELETE", one + "/holds/{hold}", "releaseOrder", "Release a hold", desk.release, "Orders", access.STAFF,
                 query=ReleaseQuery, answers={200: orders.Order}, problems=(404, 409, 412, 503)),
        Endpoint("POST", one + "/tokens", "openOrderToGuest", "A link token for a guest of this order", desk.token,
                 "Orders", frozenset({"admin", "channel"}), answers={201: GuestToken}, problems=(404,)),
        Endpoint("POST", one + "/notes", "noteOrder", "Write a note on an order", desk.note, "Orders", frozenset({"admin", "channel"}),
                 NoteRequest, answers={201: orders.Order}, problems=changed, idempotent=True, example=examples.NOTE),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def one(self, call: Call) -> Answer:
        order = await self._order(call, until=call.query.at)
        if conditions.unchanged(call, order.version):
            return Answer(304, headers=[conditions.etag(order.version)])
        return Answer(200, order, [conditions.etag(order.version)])

    async def many(self, call: Call) -> Answer:
        asked: OrdersQuery = call.query
        shop = self._shop
        principal = call.principal
        if asked.vendor is not None and principal.role != "admin":
            raise Refused("forbidden", "Only an admin may filter by vendor.", kind="forbidden")
        wanted = orders.Filter(
            status=asked.status,
            vendor=asked.vendor,
            channel=principal.subject if principal.role == "channel" else asked.channel,
            phone=_phone(asked.phone),
            customer=principal.subject if principal.role == "customer" else asked.customer,
            serial=_serial(shop, asked.number),
            external_id=asked.external_id,
            on_hold=asked.on_hold,
        )
        if principal.role == "channel" and asked.channel not in (None, principal.subject):
            raise Refused("other_channel", "A channel sees its own orders only.", kind="forbidden")
        since = conditions.kept(asked.placed_after)
        floor = None if since is None else ids.uuid7_floor(unix_ms(since))
        async with shop.database.reading() as tx:
            if asked.q is not None:
                found = await shop.search(tx, asked.q, wanted, asked.cursor, floor, asked.limit + 1)
            else:
                found = await orders.find(tx, wanted, before=asked.cursor, placed_after_id=floor, limit=asked.limit + 1)
            known = await shop.orders.read(tx, found[: asked.limit])
        data = [access.seen_by(principal, known[i]) for i in found[: asked.limit] if i in known and access.may_see(principal, known[i])]
        page = Page.of(found, asked.limit)
        return Answer(200, OrderPage(data, page), page_headers(page, asked))

    async def events(self, call: Call) -> Answer:
        stream = await self._stream(call)
        found = [RecordedView(f.position, f.version, type(f.fact).__name__, f.at, f.actor, f.cause, f.trace, f.fact) for f in stream]
        return Answer(200, Events(found))

    async def timeline(self, call: Call) -> Answer:
        stream = await self._stream(call)
        staff = call.principal.role == "admin"
        bangla = call.query.language == "bn"
        said = orders.timeline(stream, reader="staff" if staff else "customer")
        return Answer(200, Timeline([TimelineEntry(e.at, e.type, e.by, e.text_bn if bangla else e.text) for e in said]))

    async def stream(self, call: Call) -> Answer:
        order = await self._order(call)
        last = call.header(b"last-event-id")
        after = int(last) if last is not None and last.isdigit() and len(last) < 10 else call.query.after
        headers = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
        return Answer(200, headers=headers, content_type=b"text/event-stream; charset=utf-8", stream=self._shop.live.watch(order.id, after))

    async def token(self, call: Call) -> Answer:
        order = await self._order(call)
        until = self._shop.clock.now() + self._shop.guest_until()
        return Answer(201, GuestToken(people.guest.order_token(order.id, expires_at=until, secret=self._shop.guest_secret), until))

    async def cancel(self, call: Call) -> Answer:
        asked: CancellationRequest = call.data
        quantities: dict[int, int] | None = None
        if asked.lines is not None:
            quantities = {}
            for line in asked.lines:
                quantities[line.line_no] = quantities.get(line.line_no, 0) + line.quantity

        wish = wishes.of(call, f"{order_id_in(call)}/cancellations")

        def stop(order: orders.Order) -> orders.stopping.Stop:
            if wishes.told(wish, order):
                return orders.stopping.Stop((), ())
            return orders.stopping.stop(order, quantities, reason=asked.reason, detail=asked.detail)

        changed = await self._changed(call, wishes.once(wish, lambda order: stop(order).facts))
        stopped = stop(changed.before)
        kept = sum(orders.settling.kept(changed.after, a) for t in changed.after.payments for a in t.attempts)
        back = max(kept - orders.settling.owing(changed.after), 0)
        said = Cancellation(stopped.fates, stopped.released, stopped.later, back)
        after = access.seen_by(call.principal, changed.after)
        fields = {name: getattr(after, name) for name in after.__struct_fields__}
        return _created(after, CancelledOrder(**fields, cancellation=said))

    async def hold(self, call: Call) -> Answer:
        asked: HoldRequest = call.data
        hold_id, until = self._shop.draw.uuid(), conditions.kept(asked.until)
        wish = wishes.of(call, f"{order_id_in(call)}/holds")

        def hold(order: orders.Order) -> tuple[Fact, ...]:
            return orders.hold(order, hold_id=hold_id, kind=asked.kind, reason=asked.reason, detail=asked.detail, until=until)

        return await self._change(call, wishes.once(wish, hold), 201)

    async def release(self, call: Call) -> Answer:
        hold_id, reason = call.path["hold"], call.query.reason
        return await self._change(call, lambda o: orders.release(o, hold_id=hold_id, reason=reason), 200)

    async def note(self, call: Call) -> Answer:
        asked: NoteRequest = call.data
        wish = wishes.of(call, f"{order_id_in(call)}/notes")
        return await self._change(call, wishes.once(wish, lambda o: orders.note(o, text=asked.text, audience=asked.audience)), 201)

    async def _change(self, call: Call, decide: Callable[[orders.Order], tuple[Fact, ...]], status: int) -> Answer:
        after = access.seen_by(call.principal, (await self._changed(call, decide)).after)
        return msgspec.structs.replace(_created(after, after), status=status)

    async def _changed(self, call: Call, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> orders.Changed:
        order = await self._order(call)
        origin = Origin(call.principal.actor, "api", call.trace)
        change = orders.Change(order.id, decide, self._shop.clock.now(), origin, conditions.expected(call))
        return await self._shop.changing.submit(change)

    async def _order(self, call: Call, *, until: datetime | None = None) -> orders.Order:
        order_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            if until is None:
                found = await self._shop.orders.read(tx, [order_id])
            else:
                found = await orders.read(self._shop.journal, tx, [order_id], until=conditions.kept(until))
        if order_id not in found:
            raise access.unknown()
        return access.seen_by(call.principal, found[order_id])

    async def _stream(self, call: Call) -> list[orders.Recorded]:
        order_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            stream = (await orders.streams(self._shop.journal, tx, [order_id])).get(order_id, [])
        order = orders.fold(stream)
        if order is None or not access.may_see(call.principal, order):
            raise access.unknown()
        return stream


def _created(order: orders.Order, shown: orders.Order) -> Answer:
    return Answer(201, shown, [conditions.etag(order.version), (b"location", b"/v1/orders/" + order.id.encode())])


def order_id_in(call: Call, name: str = "id") -> str:
    """The id in the path; what is no UUID names nothing."""
    try:
        return str(uuid.UUID(call.path[name]))
    except ValueError:
        raise access.unknown() from None


def _phone(typed: str | None) -> str | None:
    return None if typed is None else people.phone.e164(typed) or "unknown"


def _serial(shop: Shop, number: str | None) -> int | None:
    if number is None:
        return None
    serial = shop.serial_of(number)
    return -1 if serial is None else serial
