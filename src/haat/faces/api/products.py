"""Products and categories: reading, finding by words, and writing one at a time. Vendors see and write their own only."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from haat.domain import catalogue, vendors
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.paging import PLACE, Limit, Page, page_headers, place
from haat.faces.api.shop import Shop
from haat.flows import stocking
from haat.kernel.errors import Refused

Word = Annotated[str, Meta(max_length=64)]


class ProductView(catalogue.ProductSheet, frozen=True, kw_only=True, omit_defaults=False, forbid_unknown_fields=False):
    """A product as it stands. `version` counts its changes and is its ETag."""

    version: int
    created_at: datetime
    updated_at: datetime


class ProductsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`q`: words in Bangla or English (the last one may be a beginning), or the beginning of a SKU.

    `category` takes in what is below it.
    """

    q: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    vendor: Word | None = None
    category: Word | None = None
    product: Word | None = None
    status: Literal["active", "draft", "archived"] | None = None
    cursor: PLACE = None
    limit: Limit = 50


class ProductPage(msgspec.Struct, frozen=True):
    data: list[ProductView]
    page: Page


class Categories(msgspec.Struct, frozen=True):
    """The whole tree, parents before children."""

    data: list[catalogue.Category]


class CategoriesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Categories to be written; the tree is judged as a whole. Those not named stay."""

    categories: Annotated[list[catalogue.CategorySheet], Meta(min_length=1, max_length=2000)]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/products", "listProducts", "Products, found by words and filters", desk.many, "Products", access.READERS,
                 query=ProductsQuery, answers={200: ProductPage}, problems=(400,)),
        Endpoint("GET", "/v1/products/{sku:path}", "getProduct", "A product", desk.one, "Products", access.READERS,
                 answers={200: ProductView, 304: None}, problems=(404,)),
        Endpoint("PUT", "/v1/products/{sku:path}", "putProduct", "Write a product", desk.put, "Products", access.SELLERS,
                 catalogue.ProductSheet, answers={200: ProductView, 201: ProductView}, problems=(409, 412, 413, 415, 422),
                 example=examples.PRODUCT,
                 description="Replaces the whole sheet. A SKU belongs to its first vendor for good. The same sheet again changes nothing."),
        Endpoint("GET", "/v1/categories", "listCategories", "The tree of categories", desk.categories, "Products", access.READERS,
                 answers={200: Categories}, scope="products:read"),
        Endpoint("PUT", "/v1/categories", "putCategories", "Write categories", desk.put_categories, "Products", access.STAFF,
                 CategoriesRequest, answers={200: Categories}, problems=(413, 415, 422), scope="products:write",
                 example=examples.CATEGORIES),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        asked: ProductsQuery = call.query
        which = catalogue.Filter(
            vendor=_vendor_of(call.principal, asked.vendor),
            category=asked.category,
            status=asked.status if call.principal.role in access.SELLERS else "active",
            product=asked.product,
        )
        (after,) = place(asked.cursor)
        async with self._shop.database.reading() as tx:
            if asked.q is None:
                found = await catalogue.find(tx, which, after=after, limit=asked.limit)
            else:
                found = await catalogue.search(tx, asked.q, which, after=after, limit=asked.limit)
            sheets = await catalogue.sheets(tx, [product.sku for product in found.products])
        page = Page.behind(None if found.after is None else [found.after], asked.limit)
        return Answer(200, ProductPage([view(sheets[p.sku]) for p in found.products if p.sku in sheets], page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            stored = await catalogue.sheet(tx, call.path["sku"])
        if stored is None or not _may_see(call.principal, stored.sheet):
            raise unknown_product(call.path["sku"])
        if conditions.unchanged(call, stored.version):
            return Answer(304, headers=[conditions.etag(stored.version)])
        return Answer(200, view(stored), [conditions.etag(stored.version)])

    async def put(self, call: Call) -> Answer:
        sheet: catalogue.ProductSheet = call.data
        sku = call.path["sku"]
        if sheet.sku != sku:
            raise Refused("sku_mismatch", f"The path says {sku[:64]}, the body {sheet.sku}.")
        role = call.principal.role
        version = conditions.expected(call)
        async with self._shop.database.transaction() as tx:
            if conditions.must_exist(call) and not await catalogue.products(tx, [sku]):
                raise Refused("stale", "There is no such product.", kind="stale")
            if role == "admin" and await vendors.vendor(tx, sheet.vendor) is None:
                raise Refused("unknown_vendor", f"There is no vendor {sheet.vendor}.", errors=[{"pointer": "/vendor", "detail": "unknown"}])
            done = await stocking.put_products(
                tx,
                [sheet],
                now=self._shop.clock.now(),
                vendor=call.principal.subject if role == "vendor" else None,
                expected=None if version is None else {sku: version},
            )
            if done.refusals:
                raise refused(done.refusals[0])
            stored = await catalogue.sheet(tx, sku)
        assert stored is not None, "it was written in this transaction"
        headers = [conditions.etag(stored.version), (b"location", b"/v1/products/" + sku.encode())]
        return Answer(201 if done.created else 200, view(stored), headers)

    async def categories(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            return Answer(200, Categories(list((await catalogue.categories(tx)).values())))

    async def put_categories(self, call: Call) -> Answer:
        async with self._shop.database.transaction() as tx:
            await catalogue.upsert_categories(tx, call.data.categories)
            return Answer(200, Categories(list((await catalogue.categories(tx)).values())))


def view(stored: catalogue.StoredSheet) -> ProductView:
    said = {name: getattr(stored.sheet, name) for name in stored.sheet.__struct_fields__}
    return ProductView(**said, version=stored.version, created_at=stored.created_at, updated_at=stored.updated_at)


def refused(refusal: catalogue.Refusal) -> Refused:
    """The refusal of a sheet as a problem."""
    errors = [{"pointer": "/" + refusal.field.replace(".", "/"), "code": refusal.code, "detail": refusal.detail}]
    match refusal.code:
        case "stale":
            return Refused("stale", refusal.detail, kind="stale")
        case "not_your_vendor":
            return Refused("not_your_vendor", refusal.detail, kind="forbidden")
        case "sku_taken":
            return Refused("sku_taken", refusal.detail, kind="conflict")
        case _:
            return Refused(refusal.code, refusal.detail, errors=errors)


def unknown_product(sku: str) -> Refused:
    return Refused("unknown_product", f"There is no product {sku[:64]}.", kind="missing")


def _vendor_of(principal: Any, asked: str | None) -> str | None:
    if principal.role != "vendor":
        return asked
    if asked not in (None, principal.subject):
        raise Refused("other_vendor", "A vendor sees its own products only.", kind="forbidden")
    vendor: str = principal.subject
    return vendor


def _may_see(principal: Any, sheet: catalogue.ProductSheet) -> bool:
    if principal.role == "vendor":
        return bool(sheet.vendor == principal.subject)
    return principal.role == "admin" or sheet.status == "active"
