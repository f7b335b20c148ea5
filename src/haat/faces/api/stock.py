"""Stock: what is where, what came and went, what may be sold beyond it, and the places that hold it.

A vendor sees and moves the stock of its own products, at its own places and at the marketplace's. A channel sees the one number
that it may sell.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain import catalogue, inventory
from haat.engine import database, idempotency
from haat.engine.database import Tx
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.conditions import Instant
from haat.faces.api.paging import CURSOR, PLACE, Limit, Page, page_headers, place
from haat.faces.api.placing import key_in
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Sku = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$")]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Units = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class StockQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sku`: one, or several with commas between them."""

    sku: Annotated[str, Meta(min_length=1, max_length=4000)] | None = None
    location: Annotated[str, Meta(max_length=64)] | None = None
    cursor: PLACE = None
    limit: Limit = 100


class LevelView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Stock of a SKU at a location. `available` is what may be sold now: on any channel, or on the asking one."""

    sku: str
    location: str
    available: int
    on_hand: int | None = None
    reserved: int | None = None
    backorder_limit: int = 0
    expected_at: datetime | None = None
    safety: Mapping[str, int] | None = None


class LevelPage(msgspec.Struct, frozen=True):
    data: list[LevelView]
    page: Page


class MovementRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units that came (positive) or went (negative). The same `id` again changes nothing; without one it is given one."""

    sku: Sku
    location: Code
    quantity: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
    reason: Literal["receipt", "adjustment", "count", "damage", "loss", "return", "transfer", "sample"]
    id: Uuid | None = None
    reference: Annotated[str, Meta(max_length=200)] = ""


class MovementsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Movements that stand or fall together."""

    movements: Annotated[list[MovementRequest], Meta(min_length=1, max_length=1000)]


class Moved(msgspec.Struct, frozen=True):
    """The ids of the movements, in the order in which they were sent, and the levels of their SKUs as they are now."""

    movements: list[str]
    levels: list[LevelView]


class MovementsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    cursor: CURSOR = None
    limit: Limit = 50


class MovementPage(msgspec.Struct, frozen=True):
    """What changed a SKU's stock, newest first."""

    data: list[inventory.MovementView]
    page: Page


class TermsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a SKU's stock at a location permits. `safety`: units kept back, by channel code («*»: every channel)."""

    sku: Sku
    location: Code
    backorder_limit: Units = 0
    expected_at: Instant | None = None
    safety: Annotated[dict[Annotated[str, Meta(min_length=1, max_length=64)], Units], Meta(max_length=100)] | None = None


class AllTermsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Terms that are set together; each replaces what was said about its SKU and location."""

    terms: Annotated[list[TermsRequest], Meta(min_length=1, max_length=1000)]


class LocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that holds stock. `vendor` empty: the marketplace's own. The lower `priority` is asked first."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    name_bn: Annotated[str, Meta(max_length=200)] = ""
    kind: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] = "warehouse"
    vendor: Code | Literal[""] = ""
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] = "BD"
    district: Annotated[str, Meta(max_length=80)] = ""
    priority: Annotated[int, Meta(ge=0, le=30_000)] = 100
    active: bool = True


class Locations(msgspec.Struct, frozen=True):
    data: list[inventory.Location]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/stock", "listStock", "Stock by SKU and location", desk.levels, "Stock", access.OPERATORS, query=StockQuery,
                 answers={200: LevelPage}, problems=(400,)),
        Endpoint("POST", "/v1/stock-movements", "moveStock", "Receive, count, write off", desk.move, "Stock", access.SELLERS,
                 MovementsRequest, answers={201: Moved, 200: Moved}, problems=(409, 413, 415, 422), idempotent=True,
                 scope="stock:write", example=examples.MOVEMENTS,
                 description="All of them or none. Nothing that is reserved can leave. 200 answers a repeated Idempotency-Key."),
        Endpoint("GET", "/v1/stock-movements", "listStockMovements", "What changed a SKU's stock, newest first", desk.movements, "Stock",
                 access.SELLERS, query=MovementsQuery, answers={200: MovementPage}, problems=(400, 404), scope="stock:read"),
        Endpoint("PUT", "/v1/stock-terms", "putStockTerms", "Set safety stock and back-order permission", desk.put_terms, "Stock",
                 access.SELLERS, AllTermsRequest, answers={200: LevelPage}, problems=(409, 413, 415, 422), scope="stock:write",
                 example=examples.STOCK_TERMS),
        Endpoint("GET", "/v1/locations", "listLocations", "The places that hold stock", desk.locations, "Stock", access.SELLERS,
                 answers={200: Locations}, scope="stock:read"),
        Endpoint("PUT", "/v1/locations/{code}", "putLocation", "Open or change a place", desk.put_location, "Stock", access.STAFF,
                 LocationRequest, answers={200: inventory.Location}, problems=(413, 415, 422), scope="stock:write",
                 example=examples.LOCATION),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def levels(self, call: Call) -> Answer:
        asked: StockQuery = call.query
        principal = call.principal
        async with self._shop.database.reading() as tx:
            if asked.sku is not None:
                skus = asked.sku.split(",")[:200]
                if principal.role == "vendor":
                    skus = await _own(tx, skus, principal.subject)
                found, behind = await inventory.levels(tx, skus, asked.location), None
            elif principal.role == "vendor":
                found, behind = await _levels_of_vendor(tx, principal.subject, asked)
            else:
                sku, location = place(asked.cursor, 2)
                more = await inventory.levels_page(tx, after=(sku, location), location=asked.location, limit=asked.limit + 1)
                found = more[: asked.limit]
                behind = [found[-1].sku, found[-1].location] if len(more) > asked.limit else None
        page = Page.behind(behind, asked.limit)
        return Answer(200, LevelPage([_view(level, principal) for level in found], page), page_headers(page, asked))

    async def move(self, call: Call) -> Answer:
        key = key_in(call)
        if key is not None:
            key = idempotency.Key(f"move:{call.principal.actor}", key.key, key.fingerprint)
        asked: list[MovementRequest] = call.data.movements
        if any(m.quantity == 0 for m in asked):
            raise Refused("invalid", "A movement of nothing is none.", errors=[{"pointer": "/movements", "detail": "quantity 0"}])
        if len({m.id for m in asked if m.id}) < sum(1 for m in asked if m.id):
            raise Refused("invalid", "Each movement has an id of its own.", errors=[{"pointer": "/movements", "detail": "repeated id"}])
        return await database.retry(lambda: self._move(call.principal, asked, key))

    async def _move(self, principal: Any, asked: Sequence[MovementRequest], key: idempotency.Key | None) -> Answer:
        now = self._shop.clock.now()
        skus = sorted({m.sku for m in asked})
        first = self._shop.draw.uuid()
        async with self._shop.database.transaction() as tx:
            settled = await idempotency.find(tx, [key]) if key is not None else {}
            for before in settled.values():
                if key is not None and before.fingerprint != key.fingerprint:
                    raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
                first = before.subject
            made = _movements(asked, first)
            if not settled:
                await _check_places(tx, principal, skus, {m.location for m in asked})
                if key is not None:
                    await idempotency.settle(tx, [key], [first], now)
                await inventory.move(tx, made, actor=principal.actor, now=now)
            levels = await inventory.levels(tx, skus)
        return Answer(200 if settled else 201, Moved([m.id for m in made], [_view(level, principal) for level in levels]))

    async def movements(self, call: Call) -> Answer:
        asked: MovementsQuery = call.query
        async with self._shop.database.reading() as tx:
            if call.principal.role == "vendor" and not await _own(tx, [asked.sku], call.principal.subject):
                raise Refused("unknown_product", f"There is no product {asked.sku}.", kind="missing")
            found = await inventory.movements(tx, asked.sku, before=asked.cursor, limit=asked.limit + 1)
        page = Page.of([m.id for m in found], asked.limit)
        return Answer(200, MovementPage(found[: asked.limit], page), page_headers(page, asked))

    async def put_terms(self, call: Call) -> Answer:
        asked: list[TermsRequest] = call.data.terms
        if len({(t.sku, t.location) for t in asked}) < len(asked):
            raise Refused("invalid", "The same SKU and location twice.", errors=[{"pointer": "/terms", "detail": "repeated"}])
        terms = [inventory.Terms(t.sku, t.location, t.backorder_limit, conditions.kept(t.expected_at), t.safety) for t in asked]
        skus = sorted({t.sku for t in asked})
        async with self._shop.database.transaction() as tx:
            await _check_places(tx, call.principal, skus, {t.location for t in asked})
            await inventory.put_terms(tx, terms)
            levels = await inventory.levels(tx, skus)
        page = Page.behind(None, max(len(levels), 1))
        return Answer(200, LevelPage([_view(level, call.principal) for level in levels], page))

    async def locations(self, call: Call) -> Answer:
        principal = call.principal
        async with self._shop.database.reading() as tx:
            found = (await inventory.locations(tx)).values()
        return Answer(200, Locations([each for each in found if principal.role == "admin" or each.vendor in ("", principal.subject)]))

    async def put_location(self, call: Call) -> Answer:
        asked: LocationRequest = call.data
        code = conditions.named(call, "code", Code)
        location = inventory.Location(code, **{name: getattr(asked, name) for name in asked.__struct_fields__})
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            await inventory.put_locations(tx, [location])
        return Answer(200, location)


def _movements(asked: Sequence[MovementRequest], first: str) -> list[inventory.Movement]:
    """The movements with their ids; those that brought none are counted up from `first`, so that a repeated request names the same."""
    base = uuid.UUID(first).int
    return [
        inventory.Movement(m.id or str(uuid.UUID(int=base + n)), m.sku, m.location, m.quantity, m.reason, m.reference)
        for n, m in enumerate(asked)
    ]


async def _own(tx: Tx, skus: Sequence[str], vendor: str) -> list[str]:
    known = await catalogue.products(tx, skus)
    return [sku for sku in skus if sku in known and known[sku].vendor == vendor]


async def _levels_of_vendor(tx: Tx, vendor: str, asked: StockQuery) -> tuple[list[inventory.Level], list[str] | None]:
    """The stock of the vendor's next products: a page is full of products, and each may lie at several places."""
    sku, _ = place(asked.cursor, 2)
    page = await catalogue.find(tx, catalogue.Filter(vendor=vendor), after=sku, limit=asked.limit)
    found = await inventory.levels(tx, [product.sku for product in page.products], asked.location)
    return found, None if page.after is None else [page.after, ""]


async def _check_places(tx: Tx, principal: Any, skus: Sequence[str], codes: set[str]) -> None:
    """Refuses a SKU or place that does not exist, or is somebody else's as far as a vendor is concerned."""
    known = await catalogue.products(tx, skus)
    places = await inventory.locations(tx)
    vendor = principal.subject if principal.role == "vendor" else None
    for sku in skus:
        product = known.get(sku)
        if product is None or vendor not in (None, product.vendor):
            raise Refused("unknown_sku", f"There is no product {sku}.", sku=sku)
        if product.kit:
            raise Refused("kit_has_no_stock", f"{sku} is a kit: its components have the stock.", sku=sku)
    for code in sorted(codes):
        found = places.get(code)
        if found is None or (vendor is not None and found.vendor not in ("", vendor)):
            raise Refused("unknown_location", f"There is no location {code}.", location=code)


def _view(level: inventory.Level, principal: Any) -> LevelView:
    if principal.role == "channel":
        return LevelView(level.sku, level.location, level.free(principal.subject), expected_at=level.expected_at)
    return LevelView(
        level.sku, level.location, level.free("*"), level.on_hand, level.reserved, level.backorder_limit, level.expected_at, level.safety
    )
