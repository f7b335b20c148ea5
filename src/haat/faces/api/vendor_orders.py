"""Vendor orders: a vendor's part of an order, and nothing else of it. Never another vendor's lines or amounts, never the whole basket."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import CURSOR, PLACE, Limit, Page, page_headers, place
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused


class VendorOrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`order`: the id of an order. A vendor sees its own parts only."""

    status: Annotated[str, Meta(max_length=32)] | None = None
    vendor: Annotated[str, Meta(max_length=64)] | None = None
    order: CURSOR = None
    cursor: PLACE = None
    limit: Limit = 50


class VendorNote(msgspec.Struct, frozen=True):
    """What was written for the vendor to read."""

    text: str
    at: datetime


class VendorOrderView(msgspec.Struct, frozen=True):
    """A vendor's part of an order: its lines, its amounts, where the parcel goes."""

    id: str
    order_id: str
    number: str
    vendor: str
    status: str
    on_hold: bool
    channel: str
    currency: str
    ship_to: orders.Address
    shipping_method: str
    payment_method: str
    payment_status: str
    lines: list[orders.OrderLine]
    items: int
    discount: int
    shipping: int
    tax: int
    total: int
    notes: list[VendorNote]
    placed_at: datetime
    updated_at: datetime
    promised_at: datetime | None
    version: int
    answer: str
    offered_until: datetime | None
    rejections: int
    shipments: list[orders.Parcel]


class VendorOrderPage(msgspec.Struct, frozen=True):
    data: list[VendorOrderView]
    page: Page


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/vendor-orders", "listVendorOrders", "Vendors' parts of orders, newest first", desk.many, "Vendor orders",
                 access.SELLERS, query=VendorOrdersQuery, answers={200: VendorOrderPage}, problems=(400,)),
        Endpoint("GET", "/v1/vendor-orders/{id}", "getVendorOrder", "A vendor's part of an order", desk.one, "Vendor orders",
                 access.SELLERS, answers={200: VendorOrderView, 304: None}, problems=(404,)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        asked: VendorOrdersQuery = call.query
        vendor = asked.vendor
        if call.principal.role == "vendor":
            if vendor not in (None, call.principal.subject):
                raise Refused("other_vendor", "A vendor sees its own orders only.", kind="forbidden")
            vendor = call.principal.subject
        order_id, behind = place(asked.cursor, 2)
        before = (conditions.uuid_of(order_id), behind) if order_id else None
        async with self._shop.database.reading() as tx:
            parts = await orders.vendor_parts(
                tx, vendor=vendor, status=asked.status, order_id=asked.order, before=before, limit=asked.limit + 1
            )
            shown = parts[: asked.limit]
            whole = await self._shop.orders.read(tx, sorted({part.order_id for part in shown}))
        last = shown[-1] if len(parts) > asked.limit else None
        page = Page.behind(None if last is None else [last.order_id, last.vendor], asked.limit)
        return Answer(200, VendorOrderPage([view(whole[p.order_id], p.vendor) for p in shown], page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            part = await orders.vendor_part(tx, order_id_in(call))
            if part is None or (call.principal.role == "vendor" and part.vendor != call.principal.subject):
                raise Refused("unknown_vendor_order", "There is no such vendor order.", kind="missing")
            order = (await self._shop.orders.read(tx, [part.order_id]))[part.order_id]
        if conditions.unchanged(call, order.version):
            return Answer(304, headers=[conditions.etag(order.version)])
        return Answer(200, view(order, part.vendor), [conditions.etag(order.version)])


def view(order: orders.Order, vendor: str) -> VendorOrderView:
    """What `vendor` may know of this order. What the platform gives away of its own money is not the vendor's business either."""
    part = next(each for each in order.vendor_orders if each.vendor == vendor)
    return VendorOrderView(
        id=part.id,
        order_id=order.id,
        number=order.number,
        vendor=vendor,
        status=part.status,
        on_hold=bool(order.holds),
        channel=order.channel,
        currency=order.currency,
        ship_to=order.ship_to,
        shipping_method=order.shipping_method,
        payment_method=order.payment_method,
        payment_status=order.payment_status,
        lines=[line for line in order.lines if line.vendor == vendor],
        items=part.items,
        discount=part.discount,
        shipping=part.shipping,
        tax=part.tax,
        total=part.total,
        notes=[VendorNote(note.text, note.at) for note in order.notes if note.audience == "vendor"],
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        promised_at=order.promised_at,
        version=order.version,
        answer=part.answer,
        offered_until=part.offered_until,
        rejections=part.rejections,
        shipments=[access.parcel_to_vendor(parcel) for parcel in order.shipments if parcel.vendor_order == part.id],
    )
