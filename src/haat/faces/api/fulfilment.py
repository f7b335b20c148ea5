"""What a vendor does with its part of an order: take it, refuse it, pick it, pack it, set out with it. Admins may do it for them.

Every answer is the vendor order as it is then. Who lost one asks again under the same Idempotency-Key, and nothing happens twice.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from haat.domain import fulfilment, orders
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples, wishes
from haat.faces.api.orders import order_id_in
from haat.faces.api.shop import Shop
from haat.faces.api.stock import Code, Uuid
from haat.faces.api.vendor_orders import VendorOrderView, view
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

fulfilling = orders.fulfilling

PICKS_MAX = 200


class Units(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line_no: Annotated[int, Meta(ge=1, le=1000)]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


LinesOf = Annotated[list[Units], Meta(min_length=1, max_length=500)] | None


class AcceptanceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing has to be said; `note` is for the marketplace."""

    note: Annotated[str, Meta(max_length=500)] = ""


class RejectionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why not. `lines`: these units only, the rest is kept. `location`: this place of yours will not, others may."""

    reason: Literal["out_of_stock", "closed", "wrong_price", "cannot_deliver", "other"]
    detail: Annotated[str, Meta(max_length=500)] = ""
    location: Code | Literal[""] = ""
    lines: LinesOf = None


class VendorCancellationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """You took it and cannot send it after all, and nobody else shall. `lines`: these units only; left out, all of your part."""

    reason: Literal["out_of_stock", "damaged", "cannot_deliver", "other"]
    detail: Annotated[str, Meta(max_length=400)] = ""
    lines: LinesOf = None


class CancelledPart(VendorOrderView, frozen=True, kw_only=True):
    """The vendor order after its cancellation, and what becomes of each unit."""

    fates: tuple[orders.stopping.Fate, ...]


class PackingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parcel that is packed. `shipment`: which, where there are several to pack. `lines`: what was counted into it.

    Fewer units than planned: the others become a parcel of their own. `hand_over`: you set out with it yourself.
    """

    shipment: Uuid | None = None
    lines: LinesOf = None
    weight_g: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    hand_over: bool = False


class PickQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`location`: one place. A vendor sees its own parcels only. `format`: `html` prints."""

    location: Annotated[str, Meta(max_length=64)] | None = None
    vendor: Annotated[str, Meta(max_length=64)] | None = None
    format: Literal["json", "html"] = "json"


class FormatQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["json", "html"] = "json"


class PickLists(msgspec.Struct, frozen=True):
    """Parcels to pick, the oldest first."""

    data: list[fulfilment.label.Pick]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    one, changed = "/v1/vendor-orders/{id}", (404, 409, 412, 413, 415, 422, 503)
    answers, pages = {201: VendorOrderView}, {200: (PickLists, "text/html")}
    return [
        Endpoint("POST", one + "/acceptances", "acceptVendorOrder", "Take a vendor's part of an order", desk.accept, "Vendor orders",
                 access.SELLERS, AcceptanceRequest, answers=answers, problems=changed, example={}),
        Endpoint("POST", one + "/rejections", "rejectVendorOrder", "Refuse a vendor's part of an order, or units of it", desk.reject,
                 "Vendor orders", access.SELLERS, RejectionRequest, answers=answers, problems=changed, idempotent=True,
                 example=examples.REJECTION),
        Endpoint("POST", one + "/cancellations", "cancelVendorOrder", "Cancel what was taken and cannot be sent after all", desk.cancel,
                 "Vendor orders", access.SELLERS, VendorCancellationRequest, answers={201: CancelledPart}, problems=changed,
                 idempotent=True, example={"reason": "damaged", "detail": "Broken while it was packed."}),
        Endpoint("POST", one + "/shipments", "packVendorOrder", "Pack a parcel, and hand it over", desk.pack, "Vendor orders",
                 access.SELLERS, PackingRequest, answers=answers, problems=changed, idempotent=True, example=examples.PACKING),
        Endpoint("GET", one + "/pick-list", "getPickList", "What is to be picked for a vendor order", desk.pick_list, "Vendor orders",
                 access.SELLERS, query=FormatQuery, answers=pages, problems=(400, 404)),
        Endpoint("GET", "/v1/pick-lists", "listPickLists", "What is to be picked at a place, or by a vendor", desk.pick_lists,
                 "Vendor orders", access.SELLERS, query=PickQuery, answers=pages, problems=(400,), scope="vendor_orders:read"),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def accept(self, call: Call) -> Answer:
        part = await self._part(call)
        note = call.data.note

        def decide(order: orders.Order) -> tuple[Fact, ...]:
            facts = fulfilling.accept(order, part.id)
            return (*facts, *orders.note(order, text=note, audience="staff")) if note and facts else facts

        return await self._change(call, part, decide)

    async def reject(self, call: Call) -> Answer:
        asked: RejectionRequest = call.data
        part = await self._part(call)
        lines, wish = quantities(asked.lines), wishes.of(call, f"{part.id}/rejections")

        def decide(order: orders.Order) -> tuple[Fact, ...]:
            return fulfilling.reject(order, part.id, reason=asked.reason, detail=asked.detail, location=asked.location, lines=lines)

        return await self._change(call, part, wishes.once(wish, decide))

    async def cancel(self, call: Call) -> Answer:
        asked: VendorCancellationRequest = call.data
        part, lines = await self._part(call), quantities(asked.lines)
        reason = asked.reason if asked.reason == "out_of_stock" else "vendor_cannot_send"
        detail = f"{asked.reason}: {asked.detail}" if asked.detail else asked.reason

        wish = wishes.of(call, f"{part.id}/cancellations")

        def stop(order: orders.Order) -> orders.stopping.Stop:
            if wishes.told(wish, order):
                return orders.stopping.Stop((), ())
            return orders.stopping.of_vendor(order, part.vendor, lines, reason=reason, detail=detail)

        changed = await self._changed(call, part, wishes.once(wish, lambda order: stop(order).facts))
        fates = stop(changed.before).fates
        shown = view(changed.after, part.vendor)
        fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
        return self._answer(changed.after, part, CancelledPart(**fields, fates=fates))

    async def pack(self, call: Call) -> Answer:
        asked: PackingRequest = call.data
        part = await self._part(call)
        wish, rest = wishes.of(call, f"{part.id}/shipments"), self._shop.draw.uuid()
        lines, self_ships = quantities(asked.lines), self._ships_itself(part.vendor)
        if asked.hand_over and not self_ships:
            raise Refused("courier_collects", "A courier comes for this vendor's parcels.", kind="conflict")

        def decide(order: orders.Order) -> tuple[Fact, ...]:
            parcel = _to_pack(order, part.id, asked)
            facts = fulfilling.pack(order, parcel.id, rest_id=rest, weight_g=asked.weight_g, lines=lines)
            if not asked.hand_over:
                return facts
            after = orders.Change(order.id, lambda _: facts, now, Origin("", ""))
            packed = orders.ask(order, after)
            if isinstance(packed, Refused):
                raise packed
            cash = orders.stopping.cash(packed.after, fulfilling.parcel_of(packed.after, parcel.id))
            return (*facts, *fulfilling.hand_over(packed.after, parcel.id, reference=parcel.id, cash=cash))

        now = self._shop.clock.now()
        return await self._change(call, part, wishes.once(wish, decide))

    def _ships_itself(self, vendor: str) -> bool:
        known = self._shop.market.parties.vendors.get(vendor)
        return known is not None and known.handling.self_ship

    async def pick_list(self, call: Call) -> Answer:
        part = await self._part(call)
        async with self._shop.database.reading() as tx:
            order = (await self._shop.orders.read(tx, [part.order_id]))[part.order_id]
        wanted = [p.id for p in order.shipments if p.vendor_order == part.id and p.status in ("planned", "picking")]
        return _printed(call.query.format, [_pick(order, parcel) for parcel in wanted], order.number)

    async def pick_lists(self, call: Call) -> Answer:
        asked: PickQuery = call.query
        vendor = asked.vendor
        if call.principal.role == "vendor":
            if vendor not in (None, call.principal.subject):
                raise Refused("other_vendor", "A vendor sees its own parcels only.", kind="forbidden")
            vendor = call.principal.subject
        async with self._shop.database.reading() as tx:
            waiting = await fulfilment.to_pick(tx, location=asked.location, vendor=vendor, limit=PICKS_MAX)
            found = await self._shop.orders.read(tx, sorted({order_id for order_id, _ in waiting}))
        picks = [_pick(found[order_id], parcel) for order_id, parcel in waiting if not found[order_id].holds]
        return _printed(asked.format, picks, asked.location or vendor or "Haat")

    async def _part(self, call: Call) -> orders.VendorPart:
        """The vendor order in the path; to a vendor every other vendor's is missing."""
        async with self._shop.database.reading() as tx:
            part = await orders.vendor_part(tx, order_id_in(call))
        if part is None or (call.principal.role == "vendor" and part.vendor != call.principal.subject):
            raise Refused("unknown_vendor_order", "There is no such vendor order.", kind="missing")
        return part

    async def _change(self, call: Call, part: orders.VendorPart, decide: wishes.Decide) -> Answer:
        after = (await self._changed(call, part, decide)).after
        return self._answer(after, part, view(after, part.vendor))

    async def _changed(self, call: Call, part: orders.VendorPart, decide: wishes.Decide) -> orders.Changed:
        origin = Origin(call.principal.actor, "api", call.trace)
        return await self._shop.changing.submit(
            orders.Change(part.order_id, decide, self._shop.clock.now(), origin, conditions.expected(call))
        )

    def _answer(self, after: orders.Order, part: orders.VendorPart, shown: VendorOrderView) -> Answer:
        headers = [conditions.etag(after.version), (b"location", b"/v1/vendor-orders/" + part.id.encode())]
        return Answer(201, shown, headers)


def quantities(lines: Sequence[Units] | None) -> dict[int, int] | None:
    """Units by line number, what is said twice added up; None where nothing is said."""
    if lines is None:
        return None
    sums: dict[int, int] = {}
    for line in lines:
        sums[line.line_no] = sums.get(line.line_no, 0) + line.quantity
    return sums


def items_of(order: orders.Order, parcel: orders.Parcel) -> list[fulfilment.label.Item]:
    """What is in a parcel, in words."""
    lines = {line.line_no: line for line in order.lines}
    held = [(lines[h.line_no], h.quantity) for h in parcel.lines]
    return [fulfilment.label.Item(line.sku, line.name_bn or line.name, quantity) for line, quantity in held]


def _pick(order: orders.Order, parcel_id: str) -> fulfilment.label.Pick:
    parcel = fulfilling.parcel_of(order, parcel_id)
    return fulfilment.label.Pick(shipment=parcel.id, number=order.number, location=parcel.location, items=items_of(order, parcel))


def _printed(form: str, picks: list[fulfilment.label.Pick], title: str) -> Answer:
    if form == "html":
        page = fulfilment.label.pick_list(picks, title=title).encode()
        headers = [(b"cache-control", b"no-store"), (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")]
        return Answer(200, page, headers, content_type=b"text/html; charset=utf-8")
    return Answer(200, PickLists(picks))


def _to_pack(order: orders.Order, part: str, asked: PackingRequest) -> orders.Parcel:
    """The parcel that is meant: the one named, else the only one that can be."""
    mine = [p for p in order.shipments if p.vendor_order == part]
    if asked.shipment is not None:
        found = next((p for p in mine if p.id == asked.shipment), None)
        if found is None:
            raise Refused("unknown_shipment", "This vendor order has no such shipment.", kind="missing")
        return found
    ready = [p for p in mine if p.status in ("planned", "picking")] or [p for p in mine if p.status == "packed"]
    if len(ready) != 1:
        detail = "Say which shipment." if ready else "Nothing of it waits to be packed."
        raise Refused("which_shipment" if ready else "nothing_to_pack", detail, kind="conflict", shipments=[p.id for p in ready])
    return ready[0]
