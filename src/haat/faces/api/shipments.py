"""Shipments: where each parcel is, what was said of it, its label, and what people report: scans, receptions, another day.

What a courier did not say of a booking and cannot be asked by our name for it, a person finds out and tells (`…/bookings`).
A vendor sees and reports its own parcels only, and scans only those that it brings itself; what others carry it receives when they
bring it back. Buyers see theirs in the order, and may ask for another day there.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from haat.domain import fulfilment, orders
from haat.engine import database
from haat.engine.outside import Outside
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples, wishes
from haat.faces.api.conditions import Instant
from haat.faces.api.fulfilment import LinesOf, items_of, quantities
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import CURSOR, Limit, Page, page_headers
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

fulfilling = orders.fulfilling

#: Where a parcel is when its courier has said that it, or the rest of it, comes back.
BACK = ("returning", "partially_delivered", "returned")
Word = Annotated[str, Meta(max_length=64)] | None
ASKED_WITHIN = timedelta(days=30)  # couriers do not keep parcels for longer
#: (order, facts, now) -> these facts, and what they do to the day that is promised
Brought = Callable[[orders.Order, tuple[Fact, ...], datetime], tuple[Fact, ...]]


class ShipmentsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every filter that is given must hold."""

    status: Word = None
    vendor: Word = None
    courier: Word = None
    location: Word = None
    order: CURSOR = None
    vendor_order: CURSOR = None
    cursor: CURSOR = None
    limit: Limit = 50


class ScanView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One saying about a parcel, in the courier's words and in ours."""

    at: datetime
    status: str
    source: str
    reason: str = ""
    said: str = ""
    message: str = ""
    place: str = ""
    collected: int | None = None


class ShipmentView(msgspec.Struct, frozen=True):
    """A shipment, what is in it, and everything that was said of it."""

    shipment: fulfilment.Shipment
    lines: list[orders.events.ParcelLine]
    delivered: list[orders.events.ParcelLine]
    returned: list[orders.events.ParcelLine]
    scans: list[ScanView]


class ShipmentPage(msgspec.Struct, frozen=True):
    data: list[fulfilment.Shipment]
    page: Page


class ScanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to it. `lines`: the units that the buyer kept. `at`: when, else now.

    `collected`: cash taken at the door; with `returning` for bringing it back, with `delivered` also of what is `returned` or `lost` here:
    it stays so, and the cash is booked beside the price, once. `cancelled`: it stayed at home; only of couriers that do not report.
    """

    status: Literal[
        "picked_up", "out_for_delivery", "delivery_failed", "delivered", "partially_delivered", "returning", "lost", "damaged", "cancelled"
    ]
    reason: fulfilment.courier.Reason = ""
    message: Annotated[str, Meta(max_length=500)] = ""
    at: Instant | None = None
    collected: Annotated[int, Meta(ge=0, le=1_000_000_000_000)] | None = None
    lines: LinesOf = None


class ReceptionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came back, looked at. With nothing said: all of it, and sound."""

    sound: LinesOf = None
    damaged: LinesOf = None


class BookingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the courier says of a booking whose answer was lost: it has it as `consignment`, or (`found` false) surely has not.

    `reference`: our name of the booking that was asked about; refused where another one was begun since.
    """

    consignment: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[!-~]+$")] | None = None
    found: bool = True
    reason: Annotated[str, Meta(max_length=300)] = ""
    reference: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class RescheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another day was agreed with the buyer."""

    to: Instant
    reason: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9_]+$")] = "reschedule_asked"


class AnotherDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The day by which a buyer wants a parcel; it lies at most thirty days ahead."""

    to: Instant


def endpoints(shop: Shop, outside: Outside, brought: Brought) -> list[Endpoint]:
    desk = _Desk(shop, outside, brought)
    one, changed = "/v1/shipments/{id}", (404, 409, 412, 413, 415, 422, 503)
    return [
        Endpoint("GET", "/v1/shipments", "listShipments", "Shipments, newest first", desk.many, "Shipments", access.SELLERS,
                 query=ShipmentsQuery, answers={200: ShipmentPage}, problems=(400,)),
        Endpoint("GET", one, "getShipment", "A shipment and its scans", desk.one, "Shipments", access.SELLERS,
                 answers={200: ShipmentView}, problems=(404,)),
        Endpoint("POST", one + "/scans", "scanShipment", "Report what happened to a shipment", desk.scan, "Shipments", access.SELLERS,
                 ScanRequest, answers={201: ShipmentView}, problems=changed, idempotent=True, example=examples.SCAN),
        Endpoint("POST", one + "/bookings", "settleBooking", "Say what became of a booking that its courier left unanswered", desk.settle,
                 "Shipments", access.STAFF, BookingRequest, answers={201: ShipmentView}, problems=changed, example=examples.BOOKING),
        Endpoint("POST", one + "/receptions", "receiveShipment", "Report what came back of a shipment", desk.receive, "Shipments",
                 access.SELLERS, ReceptionRequest, answers={201: ShipmentView}, problems=changed, idempotent=True, example={}),
        Endpoint("POST", one + "/reschedules", "rescheduleShipment", "Agree on another day", desk.reschedule, "Shipments",
                 access.SELLERS, RescheduleRequest, answers={201: ShipmentView}, problems=changed, example=examples.RESCHEDULE),
        Endpoint("POST", "/v1/orders/{id}/shipments/{shipment}/reschedules", "askForAnotherDay", "Ask for another day for a parcel",
                 desk.another_day, "Orders", access.ALL, AnotherDay, answers={201: orders.Order}, problems=changed,
                 example=examples.ANOTHER_DAY),
        Endpoint("GET", one + "/label", "getLabel", "The label of a shipment, to be printed", desk.label, "Shipments", access.SELLERS,
                 answers={200: "text/html"}, problems=(404, 409)),
    ]  # fmt: skip


class _ToldBeforeError(Exception):
    """What is reported stands already, with all that followed."""


class _Desk:
    def __init__(self, shop: Shop, outside: Outside, brought: Brought) -> None:
        self._shop = shop
        self._outside = outside
        self._brought = brought

    async def many(self, call: Call) -> Answer:
        asked: ShipmentsQuery = call.query
        vendor = asked.vendor
        if call.principal.role == "vendor":
            if vendor not in (None, call.principal.subject):
                raise Refused("other_vendor", "A vendor sees its own shipments only.", kind="forbidden")
            vendor = call.principal.subject
        wanted = fulfilment.Wanted(vendor, asked.status, asked.courier, asked.location, asked.order, asked.vendor_order)
        async with self._shop.database.reading() as tx:
            found = await fulfilment.find_shipments(tx, wanted, before=asked.cursor, limit=asked.limit + 1)
        page = Page.of([s.id for s in found], asked.limit)
        return Answer(200, ShipmentPage([_shown(call, s) for s in found[: asked.limit]], page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        shipment = await self._shipment(call)
        return await self._view(call, shipment, 200)

    async def scan(self, call: Call) -> Answer:
        asked: ScanRequest = call.data
        shipment = await self._shipment(call)
        if _another_brings_it(call, shipment):
            raise Refused("courier_reports", "A courier has it and reports it.", kind="forbidden")
        now = self._shop.clock.now()
        at = conditions.kept(asked.at) or now
        if at > now:
            raise Refused("in_the_future", "Report what has happened.")
        wish = wishes.of(call, f"{shipment.id}/scans")
        decide = wishes.once(wish, _of_that_booking(shipment, self._decision(shipment.id, asked, now)))
        scan = fulfilment.courier.Scan(
            at, shipment.consignment, shipment.reference, asked.status, asked.reason, "", asked.message, asked.collected
        )
        name = wish.id() if wish is not None and asked.at is None else ""  # with its hour, what is said is its own name
        actor = call.principal.actor
        said = fulfilment.Said(shipment.id, shipment.order_id, shipment.courier, shipment.consignment, scan, "hand", actor, name)
        after = await self._told(self._changed(call, shipment, decide), said)
        return await self._view(call, shipment, 201, after)

    def _decision(self, parcel: str, asked: ScanRequest, now: datetime) -> Callable[[orders.Order], tuple[Fact, ...]]:
        """What a person's report decides."""
        lines, attempt_id = quantities(asked.lines), self._shop.draw.uuid()

        def beside(order: orders.Order) -> tuple[Fact, ...]:
            return orders.paying.taken_beside(order, parcel, asked.collected or 0, attempt_id=attempt_id)

        def delivered(order: orders.Order) -> tuple[Fact, ...]:
            ended = asked.collected and fulfilling.parcel_of(order, parcel).status in ("returned", "lost")
            return beside(order) if ended else fulfilling.deliver(order, parcel, collected=asked.collected)

        def stayed(order: orders.Order) -> tuple[Fact, ...]:
            found = fulfilling.parcel_of(order, parcel)
            if self._reports(found.courier):
                raise Refused("courier_reports", "This courier says so itself.", kind="forbidden")
            reason = found.intercept or orders.ascertaining.CANCELLED
            return orders.ascertaining.home(order, found, reason=reason, now=now, shun=False)  # another rider may take it

        decisions: dict[str, Callable[[orders.Order], tuple[Fact, ...]]] = {
            "picked_up":           lambda o: fulfilling.ship(o, parcel),
            "out_for_delivery":    lambda o: fulfilling.out(o, parcel),
            "delivery_failed":     lambda o: fulfilling.fail(o, parcel, reason=asked.reason or "other", detail=asked.message),
            "delivered":           delivered,
            "partially_delivered": lambda o: fulfilling.deliver(o, parcel, lines=lines, collected=asked.collected),
            "returning":           lambda o: (*fulfilling.turn_back(o, parcel, reason=asked.reason or "returned"), *beside(o)),
            "lost":                lambda o: fulfilling.lose(o, parcel),
            "damaged":             lambda o: fulfilling.lose(o, parcel, reason="damaged"),
            "cancelled":           stayed,
        }  # fmt: skip
        if asked.status == "partially_delivered" and lines is None:
            raise Refused("lines_required", "Say which units the buyer kept.")
        return decisions[asked.status]

    def _reports(self, courier: str) -> bool:
        """Whether a courier says by itself, or when it is asked, what becomes of its parcels."""
        if courier in ("", fulfilling.SELF):
            return False
        plugin: fulfilment.courier.Courier = self._outside.book.plugin(self._outside.book.need(courier))
        return plugin.track is not None or plugin.capabilities.hooks

    async def _told(self, change: orders.Change, said: fulfilment.Said) -> orders.Order | None:
        """The order after a person's report, which is kept in the same transaction; None where the same was reported before."""
        return await database.retry(lambda: self._tell(change, said))

    async def _tell(self, change: orders.Change, said: fulfilment.Said) -> orders.Order | None:
        try:
            async with self._shop.database.transaction() as tx:
                (outcome,) = await self._shop.change(tx, [change])
                if isinstance(outcome, Refused):
                    raise outcome
                if await fulfilment.hear(tx, [said], now=change.at):
                    await fulfilment.say(tx, [(said.parcel, said.scan.status)], now=change.at)
                elif outcome.facts and not said.wish:
                    raise _ToldBeforeError
        except _ToldBeforeError:
            return None
        return outcome.after

    async def settle(self, call: Call) -> Answer:
        asked: BookingRequest = call.data
        _check(asked)
        shipment = await self._shipment(call)
        if asked.reference is not None and asked.reference != shipment.reference:
            raise Refused("other_booking", "Another booking was begun since.", kind="conflict", reference=shipment.reference)
        if asked.consignment is None:
            detail, now = asked.reason, self._shop.clock.now()
            absent = partial(orders.ascertaining.absent, parcel_id=shipment.id, courier=shipment.courier, detail=detail, now=now)
            return await self._change(call, shipment, _of_that_booking(shipment, absent))
        async with self._shop.database.reading() as tx:
            others = await fulfilment.by_name(tx, shipment.courier, consignments=[asked.consignment], references=[])
        if any(other.id != shipment.id for other in others):
            raise Refused("consignment_taken", "That is the consignment of another shipment.", kind="conflict", shipment=others[0].id)
        booked = orders.events.OrderShipmentBooked(shipment.id, shipment.courier, asked.consignment, cash=shipment.cash)
        now = self._shop.clock.now()
        return await self._change(call, shipment, lambda o: self._brought(o, orders.ascertaining.booked(o, booked), now))

    async def receive(self, call: Call) -> Answer:
        asked: ReceptionRequest = call.data
        shipment = await self._shipment(call)
        sound, damaged = quantities(asked.sound), quantities(asked.damaged)
        wish = wishes.of(call, f"{shipment.id}/receptions")

        def decide(order: orders.Order) -> tuple[Fact, ...]:
            if _another_brings_it(call, shipment) and fulfilling.parcel_of(order, shipment.id).status not in BACK:
                raise Refused("courier_reports", "A courier has it and has not said that it comes back.", kind="forbidden")
            return fulfilling.receive(order, shipment.id, sound=sound, damaged=damaged)

        return await self._change(call, shipment, wishes.once(wish, decide))

    async def reschedule(self, call: Call) -> Answer:
        asked: RescheduleRequest = call.data
        shipment, now = await self._shipment(call), self._shop.clock.now()
        to = conditions.kept(asked.to) or now
        return await self._change(call, shipment, lambda o: fulfilling.reschedule(o, shipment.id, to=to, now=now, reason=asked.reason))

    async def another_day(self, call: Call) -> Answer:
        asked: AnotherDay = call.data
        order_id, parcel, now = order_id_in(call), order_id_in(call, "shipment"), self._shop.clock.now()
        to = conditions.kept(asked.to) or now
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [order_id])
        if order_id not in found or not access.may_see(call.principal, found[order_id]):
            raise access.unknown()

        def decide(order: orders.Order) -> tuple[Fact, ...]:
            return fulfilling.reschedule(order, parcel, to=to, now=now, reason="reschedule_asked", within=ASKED_WITHIN)

        change = orders.Change(order_id, decide, now, Origin(call.principal.actor, "api", call.trace), conditions.expected(call))
        after = access.seen_by(call.principal, (await self._shop.changing.submit(change)).after)
        return Answer(201, after, [conditions.etag(after.version), (b"location", b"/v1/orders/" + order_id.encode())])

    async def label(self, call: Call) -> Answer:
        shipment = await self._shipment(call)
        order = await self._order(shipment)
        parcel = fulfilling.parcel_of(order, shipment.id)
        if parcel.status in ("planned", "picking", "cancelled"):
            raise Refused("not_packed", "It has a label when it is packed.", kind="conflict", status=parcel.status)
        vendor = self._shop.market.parties.vendors.get(parcel.vendor)
        to = order.ship_to
        town = ", ".join(part for part in (to.area, to.upazila, to.district, to.postcode) if part)
        page = fulfilment.label.html(
            fulfilment.label.Label(
                code=shipment.consignment or shipment.reference or order.number,
                number=order.number,
                recipient=to.recipient or order.customer.name,
                phone=to.phone or order.customer.phone,
                address=[to.line, to.landmark, town],
                sender=(vendor.name_bn or vendor.name_en) if vendor is not None else parcel.vendor,
                courier=shipment.courier,
                cash=shipment.cash if parcel.consignment else orders.stopping.cash(order, parcel),
                currency=order.currency,
                weight_g=parcel.weight_g,
                items=items_of(order, parcel),
            )
        )
        headers = [(b"cache-control", b"no-store"), (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")]
        return Answer(200, page.encode(), headers, content_type=b"text/html; charset=utf-8")

    async def _shipment(self, call: Call) -> fulfilment.Shipment:
        """The shipment in the path; to a vendor every other vendor's is missing."""
        shipment_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            found = (await fulfilment.shipments(tx, [shipment_id])).get(shipment_id)
        if found is None or (call.principal.role == "vendor" and found.vendor != call.principal.subject):
            raise Refused("unknown_shipment", "There is no such shipment.", kind="missing")
        return found

    async def _order(self, shipment: fulfilment.Shipment) -> orders.Order:
        async with self._shop.database.reading() as tx:
            return (await self._shop.orders.read(tx, [shipment.order_id]))[shipment.order_id]

    async def _change(self, call: Call, shipment: fulfilment.Shipment, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> Answer:
        after = (await self._shop.changing.submit(self._changed(call, shipment, decide))).after
        return await self._view(call, shipment, 201, after)

    def _changed(self, call: Call, shipment: fulfilment.Shipment, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> orders.Change:
        origin = Origin(call.principal.actor, "api", call.trace)
        return orders.Change(shipment.order_id, decide, self._shop.clock.now(), origin, conditions.expected(call))

    async def _view(self, call: Call, shipment: fulfilment.Shipment, status: int, order: orders.Order | None = None) -> Answer:
        async with self._shop.database.reading() as tx:
            now = (await fulfilment.shipments(tx, [shipment.id]))[shipment.id]
            told = (await fulfilment.scans(tx, [shipment.id])).get(shipment.id, [])
        parcel = fulfilling.parcel_of(order if order is not None else await self._order(shipment), shipment.id)
        scans = [
            ScanView(t.scan.at, t.scan.status, t.source, t.scan.reason, t.scan.said, t.scan.message, t.scan.place, t.scan.collected)
            for t in told
        ]
        seen = ShipmentView(_shown(call, now), list(parcel.lines), list(parcel.delivered), list(parcel.returned), scans)
        return Answer(status, seen, [(b"location", b"/v1/shipments/" + shipment.id.encode())])


def _check(asked: BookingRequest) -> None:
    if asked.found and asked.consignment is None:
        raise Refused("consignment_required", "Say under which name the courier has it, or that it has not (`found`: false).")
    if not asked.found and asked.consignment is not None:
        raise Refused("contradictory", "What was not found has no consignment.")
    if not asked.found and not asked.reason.strip():
        raise Refused("reason_required", "Say how you know that the courier has not got it.")


def _shown(call: Call, shipment: fulfilment.Shipment) -> fulfilment.Shipment:
    """What a courier takes for it is the marketplace's own business."""
    return msgspec.structs.replace(shipment, fee=0) if call.principal.role == "vendor" and shipment.fee else shipment


def _of_that_booking(shipment: fulfilment.Shipment, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> Callable[..., tuple[Fact, ...]]:
    """The decision, unless another booking stands by now: what was said is about the one that its teller saw."""

    def decided(order: orders.Order) -> tuple[Fact, ...]:
        stands = fulfilling.parcel_of(order, shipment.id).consignment
        if stands != shipment.consignment:
            raise Refused("other_booking", "Another booking stands since.", kind="conflict", consignment=stands)
        return decide(order)

    return decided


def _another_brings_it(call: Call, shipment: fulfilment.Shipment) -> bool:
    """Whether a vendor speaks of a parcel that it does not bring itself."""
    return call.principal.role == "vendor" and shipment.courier not in ("", fulfilling.SELF)
