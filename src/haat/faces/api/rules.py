"""Rules of prices: price lists, promotions, tax, shipping and fee rates, dynamic prices. Written one at a time, versioned, never deleted.

Each kind is a resource of the same shape: a list, one by its code with its version as ETag, PUT, and all that it ever was.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from haat.domain import pricing
from haat.engine.database import Tx
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused

TEXT_MAX = 500
ITEMS_MAX = 5_000
Put = Callable[[Tx, Sequence[Any], datetime], Awaitable[dict[str, int]]]


class Former(msgspec.Struct, frozen=True):
    """A rule as it once was, and since when it held."""

    version: int
    at: datetime
    rule: msgspec.Raw


class Formers(msgspec.Struct, frozen=True):
    """All that a rule ever was, the newest first."""

    data: list[Former]


class _Kind(msgspec.Struct, frozen=True):
    """One kind of rule: its path, its table (also its field in `pricing.Stored`), its row, how it is written, an example."""

    path: str
    table: str
    one: str
    row: type[msgspec.Struct]
    put: Put
    example: Any


def endpoints(shop: Shop) -> list[Endpoint]:
    async def put_promotions(tx: Tx, rows: Sequence[pricing.PromotionRow], now: datetime) -> dict[str, int]:
        return await pricing.put_promotions(tx, rows, shop.promotions, now=now)

    kinds = (
        _Kind("price-lists", "price_lists", "PriceList", pricing.PriceList, _timed(pricing.put_price_lists), examples.PRICE_LIST),
        _Kind("promotions", "promotions", "Promotion", pricing.PromotionRow, put_promotions, examples.PROMOTION),
        _Kind(
            "shipping-rates",
            "shipping_rates",
            "ShippingRate",
            pricing.ShippingRate,
            _timed(pricing.put_shipping_rates),
            examples.SHIPPING_RATE,
        ),
        _Kind("fee-rates", "fee_rates", "FeeRate", pricing.FeeRate, _timed(pricing.put_fee_rates), examples.FEE_RATE),
        _Kind("price-rules", "price_rules", "PriceRule", pricing.PriceRule, _timed(pricing.put_price_rules), examples.PRICE_RULE),
        _Kind("tax-rates", "tax_rates", "TaxRate", pricing.TaxRate, _timed(pricing.put_tax_rates), examples.TAX_RATE),
    )
    return [endpoint for kind in kinds for endpoint in _endpoints(_Desk(shop, kind), kind)]


def _endpoints(desk: "_Desk", kind: _Kind) -> list[Endpoint]:
    many, one = f"/v1/{kind.path}", f"/v1/{kind.path}/{{code}}"
    words = kind.path.replace("-", " ")
    page = msgspec.defstruct(f"{kind.one}s", [("data", list[kind.row])], frozen=True)  # type: ignore[name-defined]
    listed = Endpoint(
        "GET", many, f"list{kind.one}s", f"All {words}", desk.many, "Prices", access.STAFF, answers={200: page}, scope="prices:read"
    )
    if kind.table == "tax_rates":  # a class, a zone and a start name a tax rate, so it has no code to be asked for by
        return [
            listed,
            Endpoint("PUT", many, f"put{kind.one}", "Write a tax rate; a new rate is a new start", desk.put, "Prices", access.STAFF,
                     kind.row, answers={200: kind.row}, problems=(413, 415, 422), scope="prices:write", example=kind.example),
        ]  # fmt: skip
    return [
        listed,
        Endpoint("GET", one, f"get{kind.one}", f"One of the {words}", desk.one, "Prices", access.STAFF, answers={200: kind.row, 304: None},
                 problems=(404,), scope="prices:read"),
        Endpoint("PUT", one, f"put{kind.one}", f"Write one of the {words}", desk.put, "Prices", access.STAFF, kind.row,
                 answers={200: kind.row, 201: kind.row}, problems=(412, 413, 415, 422), scope="prices:write", example=kind.example,
                 description="Ended by its period or by `active`, never deleted. `version` is counted by the server; yours is ignored."),
        Endpoint("GET", one + "/versions", f"list{kind.one}Versions", f"All that one of the {words} ever was", desk.versions, "Prices",
                 access.STAFF, answers={200: Formers}, problems=(404,), scope="prices:read"),
    ]  # fmt: skip


def _timed(verb: Any) -> Put:
    async def put(tx: Tx, rows: Sequence[Any], now: datetime) -> dict[str, int]:
        versions: dict[str, int] = await verb(tx, rows, now=now)
        return versions

    return put


class _Desk:
    def __init__(self, shop: Shop, kind: _Kind) -> None:
        self._shop = shop
        self._kind = kind

    async def many(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            stored = await pricing.stored_rules(tx)
        return Answer(200, {"data": getattr(stored, self._kind.table)})

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            row = await self._stored(tx, call.path["code"])
        if row is None:
            raise Refused("unknown_rule", "There is no such rule.", kind="missing")
        if conditions.unchanged(call, row.version):
            return Answer(304, headers=[conditions.etag(row.version)])
        return Answer(200, row, [conditions.etag(row.version)])

    async def put(self, call: Call) -> Answer:
        row: Any = call.data
        bounded(msgspec.to_builtins(row))
        code = call.path.get("code")
        if code is not None and row.code != code:
            raise Refused("code_mismatch", f"The path says {code[:64]}, the body {row.code}.")
        wanted = conditions.expected(call)
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            versions = await self._kind.put(tx, [row], self._shop.clock.now())
            if code is None:
                return Answer(200, row)
            stored = await self._stored(tx, code)
            assert stored is not None, "it was written in this transaction"
            before = stored.version - 1 if code in versions else stored.version
            if (wanted is not None and wanted != before) or (before == 0 and conditions.must_exist(call)):
                raise Refused("stale", f"Version {wanted or 'any'} was expected, {before} is stored.", kind="stale")
        headers = [conditions.etag(stored.version), (b"location", f"/v1/{self._kind.path}/{code}".encode())]
        return Answer(201 if stored.version == 1 and code in versions else 200, stored, headers)

    async def versions(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            found = await pricing.history(tx, self._kind.table, call.path["code"])
        if not found:
            raise Refused("unknown_rule", "There is no such rule.", kind="missing")
        return Answer(200, Formers([Former(each.version, each.at, each.rule) for each in found]))

    async def _stored(self, tx: Tx, code: str) -> Any:
        stored = await pricing.stored_rules(tx)
        return next((row for row in getattr(stored, self._kind.table) if row.code == code), None)


def bounded(value: Any) -> None:
    """Refuses texts, lists and numbers that no honest rule has: they would be kept for ever and read by every process."""
    if isinstance(value, str):
        if len(value) > TEXT_MAX:
            raise Refused("too_long", f"A text in a rule has {TEXT_MAX} characters at most.")
    elif isinstance(value, dict):
        for key, each in value.items():
            bounded(key)
            bounded(each)
    elif isinstance(value, list | tuple):
        if len(value) > ITEMS_MAX:
            raise Refused("too_long", f"A list in a rule has {ITEMS_MAX} entries at most.")
        for each in value:
            bounded(each)
    elif isinstance(value, int | float) and not -(10**15) <= value <= 10**15:
        raise Refused("out_of_range", "A number in a rule is out of range.")
