"""Prices in price lists, and coupons: shared codes, and batches of codes that work once."""

from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import catalogue, pricing
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.conditions import Instant
from haat.faces.api.paging import PLACE, Page, page_headers, place
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

Sku = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$")]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
#: Codes are typed by people and kept upper case.
CouponCode = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9_.:-]{0,63}$")]
Amount = Annotated[int, Meta(ge=0, le=10**15)]
Uses = Annotated[int, Meta(ge=1, le=10**9)]


class PriceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The unit price of a SKU in a list, from `min_quantity` units in one line on."""

    sku: Sku
    list: Code
    amount: Amount
    min_quantity: Annotated[int, Meta(ge=1, le=10**9)] = 1
    starts_at: Instant | None = None
    ends_at: Instant | None = None


class PricesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prices: Annotated[list[PriceRequest], Meta(min_length=1, max_length=5000)]


class PricesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku


class Prices(msgspec.Struct, frozen=True):
    """Prices of a SKU in all lists."""

    data: list[pricing.PriceRow]


class Written(msgspec.Struct, frozen=True):
    """How many rows are new, changed or gone."""

    written: int


class CouponRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that opens `promotion`. `uses` None: as often as the promotion allows. `customer` binds it to one buyer."""

    promotion: Code
    uses: Uses | None = None
    customer: Annotated[str, Meta(max_length=100)] | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    active: bool = True


class CouponBatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` unguessable codes that begin with `prefix`; each works `uses` times, once where it does not say."""

    batch: Code
    prefix: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9_.:-]{0,40}$")]
    promotion: Code
    count: Annotated[int, Meta(ge=1, le=10_000)]
    uses: Uses | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None


class CouponBatch(msgspec.Struct, frozen=True):
    batch: str
    codes: list[str]


class BatchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cursor: PLACE = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class CouponPage(msgspec.Struct, frozen=True):
    data: list[pricing.Coupon]
    page: Page


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    return [
        Endpoint("GET", "/v1/prices", "listPrices", "Prices of a SKU in all lists", desk.prices, "Prices", access.STAFF, query=PricesQuery,
                 answers={200: Prices}, problems=(400,)),
        Endpoint("PUT", "/v1/prices", "putPrices", "Write prices into lists", desk.put_prices, "Prices", access.STAFF, PricesRequest,
                 answers={200: Written}, problems=(413, 415, 422), example=examples.PRICES),
        Endpoint("DELETE", "/v1/price-lists/{code}/prices/{sku:path}", "dropPrices", "Take a SKU out of a list", desk.drop, "Prices",
                 access.STAFF, answers={200: Written}, scope="prices:write"),
        Endpoint("GET", "/v1/coupons/{code}", "getCoupon", "A coupon", desk.coupon, "Prices", access.STAFF,
                 answers={200: pricing.Coupon}, problems=(404,), scope="prices:read"),
        Endpoint("PUT", "/v1/coupons/{code}", "putCoupon", "Write a coupon with a code of your choice", desk.put_coupon, "Prices",
                 access.STAFF, CouponRequest, answers={200: pricing.Coupon}, problems=(413, 415, 422), scope="prices:write",
                 example=examples.COUPON),
        Endpoint("POST", "/v1/coupon-batches", "generateCoupons", "Make many codes", desk.generate, "Prices", access.STAFF,
                 CouponBatchRequest, answers={201: CouponBatch}, problems=(413, 415, 422), scope="prices:write",
                 example=examples.COUPON_BATCH),
        Endpoint("GET", "/v1/coupon-batches/{code}", "listCouponBatch", "The codes of a batch", desk.batch, "Prices", access.STAFF,
                 query=BatchQuery, answers={200: CouponPage}, problems=(400,), scope="prices:read"),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def prices(self, call: Call) -> Answer:
        sku = call.query.sku
        async with self._shop.database.reading() as tx:
            found = await pricing.load_prices(tx, [sku])
        return Answer(200, Prices(list(found.get(sku, ()))))

    async def put_prices(self, call: Call) -> Answer:
        asked: list[PriceRequest] = call.data.prices
        rows = [
            pricing.Price(p.sku, p.list, p.amount, p.min_quantity, conditions.kept(p.starts_at), conditions.kept(p.ends_at)) for p in asked
        ]
        async with self._shop.database.transaction() as tx:
            known = await catalogue.products(tx, sorted({row.sku for row in rows}))
            missing = next((row.sku for row in rows if row.sku not in known), None)
            if missing is not None:
                raise Refused("unknown_sku", f"There is no product {missing}.", sku=missing)
            return Answer(200, Written(await pricing.put_prices(tx, rows)))

    async def drop(self, call: Call) -> Answer:
        async with self._shop.database.transaction() as tx:
            return Answer(200, Written(await pricing.drop_prices(tx, call.path["code"], [call.path["sku"]])))

    async def coupon(self, call: Call) -> Answer:
        code = pricing.coupon_code(call.path["code"])
        async with self._shop.database.reading() as tx:
            found = (await pricing.load_coupons(tx, [code])).get(code)
        if found is None:
            raise Refused("unknown_coupon", "There is no such coupon.", kind="missing")
        return Answer(200, found)

    async def put_coupon(self, call: Call) -> Answer:
        asked: CouponRequest = call.data
        code = conditions.named(call, "code", CouponCode)
        row = pricing.Coupon(
            code,
            asked.promotion,
            asked.uses,
            asked.customer,
            "",
            conditions.kept(asked.starts_at),
            conditions.kept(asked.ends_at),
            asked.active,
        )
        async with self._shop.database.transaction() as tx:
            await pricing.put_coupons(tx, [row], now=self._shop.clock.now())
        return Answer(200, row)

    async def generate(self, call: Call) -> Answer:
        asked: CouponBatchRequest = call.data
        like = pricing.Coupon(
            asked.prefix, asked.promotion, asked.uses, None, asked.batch, conditions.kept(asked.starts_at), conditions.kept(asked.ends_at)
        )
        async with self._shop.database.transaction() as tx:
            codes = await pricing.generate_coupons(tx, like, asked.count, now=self._shop.clock.now())
        return Answer(201, CouponBatch(asked.batch, list(codes)), [(b"location", b"/v1/coupon-batches/" + asked.batch.encode())])

    async def batch(self, call: Call) -> Answer:
        asked: BatchQuery = call.query
        (after,) = place(asked.cursor)
        async with self._shop.database.reading() as tx:
            found = await pricing.batch(tx, call.path["code"], after=after, limit=asked.limit + 1)
        page = Page.behind([found[asked.limit - 1].code] if len(found) > asked.limit else None, asked.limit)
        return Answer(200, CouponPage(list(found[: asked.limit]), page), page_headers(page, asked))
