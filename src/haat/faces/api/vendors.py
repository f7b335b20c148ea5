"""Vendors: what is said about them, their life, and the numbers that the law wants. A vendor sees and changes itself only."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.domain import vendors
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.paging import PLACE, Limit, Page, page_headers, place
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

#: What only the marketplace may change about a vendor: where it ships from prices its parcels.
OURS = ("zone", "country")


class VendorsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: vendors.VendorStatus | None = None
    city: Annotated[str, Meta(max_length=100)] | None = None
    cursor: PLACE = None
    limit: Limit = 50


class VendorPage(msgspec.Struct, frozen=True):
    data: list[vendors.Vendor]
    page: Page


class StatusRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next step of a vendor's life. The vendor is told the reason; a penalty needs one."""

    status: vendors.VendorStatus
    reason: Annotated[str, Meta(max_length=1_000)] = ""


class StatusChanges(msgspec.Struct, frozen=True):
    """How the status changed, the latest first."""

    data: list[vendors.StatusChange]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    one = "/v1/vendors/{code}"
    return [
        Endpoint("GET", "/v1/vendors", "listVendors", "Vendors", desk.many, "Vendors", access.OPERATORS, query=VendorsQuery,
                 answers={200: VendorPage}, problems=(400,)),
        Endpoint("GET", one, "getVendor", "A vendor", desk.one, "Vendors", access.OPERATORS, answers={200: vendors.Vendor, 304: None},
                 problems=(404,)),
        Endpoint("PUT", one, "putVendor", "Write what is said about a vendor", desk.put, "Vendors", access.SELLERS, vendors.VendorSheet,
                 answers={200: vendors.Vendor, 201: vendors.Vendor}, problems=(404, 409, 412, 413, 415, 422), example=examples.VENDOR,
                 description="A new vendor begins as «invited». Its status is not said but moved (status-changes)."),
        Endpoint("POST", one + "/status-changes", "moveVendor", "Move a vendor along its life", desk.move, "Vendors", access.STAFF,
                 StatusRequest, answers={201: vendors.Vendor}, problems=(404, 409, 413, 415, 422), example=examples.STATUS_CHANGE),
        Endpoint("GET", one + "/status-changes", "listVendorStatusChanges", "How a vendor's status changed", desk.history, "Vendors",
                 access.SELLERS, answers={200: StatusChanges}, problems=(404,)),
        Endpoint("GET", one + "/kyc", "getVendorNumbers", "The numbers that identify a vendor before the law", desk.kyc, "Vendors",
                 access.SELLERS, answers={200: vendors.Kyc}, problems=(404,), scope="kyc:read"),
        Endpoint("PUT", one + "/kyc", "putVendorNumbers", "Keep the numbers of a vendor", desk.put_kyc, "Vendors", access.SELLERS,
                 vendors.Kyc, answers={200: vendors.Kyc}, problems=(404, 413, 415, 422), scope="kyc:write", example=examples.KYC),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        asked: VendorsQuery = call.query
        async with self._shop.database.reading() as tx:
            if call.principal.role == "vendor":
                own = await vendors.vendor(tx, call.principal.subject)
                found = [own] if own is not None and asked.status in (None, own.status) and asked.city in (None, own.city) else []
            else:
                (after,) = place(asked.cursor)
                found = await vendors.find(tx, status=asked.status, city=asked.city, after=after, limit=asked.limit + 1)
        more = len(found) > asked.limit
        page = Page.behind([found[asked.limit - 1].code] if more else None, asked.limit)
        return Answer(200, VendorPage([_seen(v, call.principal) for v in found[: asked.limit]], page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        vendor = await self._vendor(call)
        if conditions.unchanged(call, vendor.version):
            return Answer(304, headers=[conditions.etag(vendor.version)])
        return Answer(200, _seen(vendor, call.principal), [conditions.etag(vendor.version)])

    async def put(self, call: Call) -> Answer:
        sheet: vendors.VendorSheet = call.data
        code = _code_in(call)
        if sheet.code != code:
            raise Refused("code_mismatch", f"The path says {code[:64]}, the body {sheet.code}.")
        version = conditions.expected(call)
        async with self._shop.database.transaction() as tx:
            known = await vendors.vendor(tx, code)
            if known is None and conditions.must_exist(call):
                raise Refused("stale", "There is no such vendor.", kind="stale")
            if call.principal.role == "vendor":
                _check_own(sheet, known)
            expected = None if version is None else {code: version}
            vendor = (await vendors.upsert(tx, [sheet], now=self._shop.clock.now(), expected=expected))[code]
        headers = [conditions.etag(vendor.version), (b"location", b"/v1/vendors/" + code.encode())]
        return Answer(200 if known is not None else 201, vendor, headers)

    async def move(self, call: Call) -> Answer:
        asked: StatusRequest = call.data
        code = _code_in(call)
        step = vendors.Move(code, asked.status, asked.reason)
        async with self._shop.database.transaction() as tx:
            moved = await vendors.move(tx, [step], by=call.principal.actor, now=self._shop.clock.now())
        return Answer(201, moved[code], [conditions.etag(moved[code].version)])

    async def history(self, call: Call) -> Answer:
        vendor = await self._vendor(call)
        async with self._shop.database.reading() as tx:
            return Answer(200, StatusChanges(await vendors.history(tx, vendor.code)))

    async def kyc(self, call: Call) -> Answer:
        vendor = await self._vendor(call)
        async with self._shop.database.reading() as tx:
            return Answer(200, await vendors.kyc(tx, vendor.code) or vendors.Kyc(), [(b"cache-control", b"no-store")])

    async def put_kyc(self, call: Call) -> Answer:
        code = _code_in(call)
        async with self._shop.database.transaction() as tx:
            await vendors.keep_kyc(tx, code, call.data, by=call.principal.actor, now=self._shop.clock.now())
        return Answer(200, call.data, [(b"cache-control", b"no-store")])

    async def _vendor(self, call: Call) -> vendors.Vendor:
        code = _code_in(call)
        async with self._shop.database.reading() as tx:
            vendor = await vendors.vendor(tx, code)
        if vendor is None:
            raise _unknown()
        return vendor


def _code_in(call: Call) -> str:
    """The code in the path; to a vendor every other vendor is missing."""
    code: str = call.path["code"]
    if call.principal.role == "vendor" and code != call.principal.subject:
        raise _unknown()
    return code


def _unknown() -> Refused:
    return Refused("unknown_vendor", "There is no such vendor.", kind="missing")


def _check_own(sheet: vendors.VendorSheet, known: vendors.Vendor | None) -> None:
    if known is None:
        raise _unknown()
    for name in OURS:
        if getattr(sheet, name) != getattr(known, name):
            raise Refused("not_yours_to_change", f"Only the marketplace changes a vendor's {name}.", kind="forbidden", field=name)


def _seen(vendor: vendors.Vendor, principal: Any) -> vendors.Vendor:
    """A channel learns who sells and when, not how to ring them up."""
    if principal.role == "channel":
        return msgspec.structs.replace(vendor, phone=None, email=None)
    return vendor
