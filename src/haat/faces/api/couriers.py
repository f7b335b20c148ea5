"""Couriers: where they go and how they call it, what they take, the rules of choice, how their parcels fared, and why one is chosen.

The accounts themselves are connections (connections.py). What is written here is read by every process within a second.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import fulfilment
from haat.engine.outside import Outside
from haat.engine.outside.connections import Code
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.paging import PLACE, Page, page_headers, place
from haat.faces.api.rules import bounded
from haat.flows import covering
from haat.kernel.errors import Refused

choosing, fleet = fulfilment.choosing, fulfilment.fleet

AREAS_MAX = 5_000
Word = Annotated[str, Meta(max_length=80)]
Amount = Annotated[int, Meta(ge=0, le=10**12)]
Consider = Callable[[choosing.Need], choosing.Choice]

AREAS = {"areas": [{"district": "sylhet", "upazila": "sylhet.sylhet-sadar", "zone_id": "1070", "name": "Sylhet Sadar"}]}
TARIFFS = {"tariffs": [{"zone": "dhaka", "base": 6_000, "per_kg": 1_500, "cash_rate": 100, "return_fee": 3_000, "days": [1, 2]}]}
RULE = {"code": "heavy", "position": 10, "conditions": {"weight_min_g": 5_000}, "prefer": ["redx"], "daily": {"redx": 500}}
CHOICE = {"zone": "outside", "district": "sylhet", "upazila": "sylhet.sylhet-sadar", "weight_g": 1_200, "cash": 125_000}


class AreasRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places that are added or replaced; the others stay."""

    areas: Annotated[list[fleet.Coverage], Meta(min_length=1, max_length=AREAS_MAX)]


class AreasQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    district: Word | None = None
    cursor: PLACE = None
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class AreaPage(msgspec.Struct, frozen=True):
    data: list[fleet.Coverage]
    page: Page


class TariffsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tariffs by zone (dhaka, dhaka_suburb, outside, intl, or * for any other); zones that are not named stay."""

    tariffs: Annotated[list[fleet.Tariff], Meta(min_length=1, max_length=100)]


class TariffList(msgspec.Struct, frozen=True):
    data: list[fulfilment.StoredTariff]


class RuleList(msgspec.Struct, frozen=True):
    """In the order in which they are asked; the first whose conditions hold decides alone."""

    data: list[fleet.CourierRule]


class RecordsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`months`: how many past months count."""

    courier: Code | None = None
    months: Annotated[int, Meta(ge=1, le=36)] = 6
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class RecordView(msgspec.Struct, frozen=True):
    """How a courier's parcels to a place fared. `success` in hundredths of a percent, as counted."""

    courier: str
    district: str
    upazila: str
    delivered: int
    returned: int
    lost: int
    success: int


class RecordList(msgspec.Struct, frozen=True):
    data: list[RecordView]


class ChoiceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parcel as it might be. Codes of places are those of our maps; amounts in minor units."""

    zone: Annotated[str, Meta(min_length=1, max_length=32)]
    district: Word = ""
    upazila: Word = ""
    area: Annotated[str, Meta(max_length=120)] = ""
    country: Annotated[str, Meta(min_length=2, max_length=2)] = "BD"
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = "BDT"
    weight_g: Annotated[int, Meta(ge=1, le=10_000_000)] = 500
    cash: Amount = 0
    value: Amount = 0
    channel: Word = ""
    vendor: Word = ""
    location: Word = ""
    refused_by: Annotated[tuple[Code, ...], Meta(max_length=50)] = ()


class Written(msgspec.Struct, frozen=True):
    """How many rows are new, changed or gone."""

    written: int


def endpoints(outside: Outside, consider: Consider) -> list[Endpoint]:
    desk = _Desk(outside, consider)
    one = "/v1/couriers/{code}"
    return [
        Endpoint("GET", one + "/areas", "listCourierAreas", "Where a courier goes", desk.areas, "Couriers", access.STAFF, query=AreasQuery,
                 answers={200: AreaPage}, problems=(400, 422)),
        Endpoint("PUT", one + "/areas", "putCourierAreas", "Say where a courier goes, and how it calls it", desk.put_areas, "Couriers",
                 access.STAFF, AreasRequest, answers={200: Written}, problems=(413, 415, 422), example=AREAS,
                 description="A courier of whom no place was ever written goes everywhere. The narrowest counts: area, upazila, district."),
        Endpoint("DELETE", one + "/areas/{district}", "dropCourierAreas", "Forget a courier's places in a district", desk.drop_areas,
                 "Couriers", access.STAFF, answers={200: Written}, problems=(422,)),
        Endpoint("POST", one + "/area-refreshes", "refreshCourierAreas", "Ask a courier where it goes", desk.refresh, "Couriers",
                 access.STAFF, answers={200: covering.Covered}, problems=(404, 409, 422)),
        Endpoint("GET", one + "/tariffs", "listCourierTariffs", "What a courier takes, by zone", desk.tariffs, "Couriers", access.STAFF,
                 answers={200: TariffList}, problems=(422,)),
        Endpoint("PUT", one + "/tariffs", "putCourierTariffs", "Write a courier's tariffs", desk.put_tariffs, "Couriers", access.STAFF,
                 TariffsRequest, answers={200: Written}, problems=(413, 415, 422), example=TARIFFS),
        Endpoint("GET", "/v1/courier-rules", "listCourierRules", "Rules of courier choice", desk.rules, "Couriers", access.STAFF,
                 answers={200: RuleList}, scope="couriers:read"),
        Endpoint("PUT", "/v1/courier-rules/{code}", "putCourierRule", "Write a rule of courier choice", desk.put_rule, "Couriers",
                 access.STAFF, fleet.CourierRule, answers={200: fleet.CourierRule, 201: fleet.CourierRule},
                 problems=(412, 413, 415, 422), scope="couriers:write", example=RULE,
                 description="Ended by `active`, never deleted. `version` is counted by the server; yours is ignored."),
        Endpoint("GET", "/v1/courier-records", "listCourierRecords", "How couriers' parcels fared, by place", desk.records, "Couriers",
                 access.STAFF, query=RecordsQuery, answers={200: RecordList}, problems=(400,), scope="couriers:read"),
        Endpoint("POST", "/v1/courier-choices", "considerCouriers", "Who would carry a parcel, and why", desk.consider, "Couriers",
                 access.STAFF, ChoiceRequest, answers={200: choosing.Choice}, problems=(413, 415, 422), scope="couriers:read",
                 example=CHOICE, description="Nothing is booked and nothing is kept. Lower `expected` is better."),
    ]  # fmt: skip


class _Desk:
    def __init__(self, outside: Outside, consider: Consider) -> None:
        self._outside = outside
        self._database = outside.database
        self._consider = consider

    async def areas(self, call: Call) -> Answer:
        asked: AreasQuery = call.query
        after = place(asked.cursor, 3)
        async with self._database.reading() as tx:
            found = await fulfilment.coverage(tx, _courier(call), district=asked.district, after=after, limit=asked.limit + 1)
        shown = found[: asked.limit]
        last = shown[-1] if len(found) > asked.limit else None
        page = Page.behind(None if last is None else [last.district, last.upazila, last.area], asked.limit)
        return Answer(200, AreaPage(shown, page), page_headers(page, asked))

    async def put_areas(self, call: Call) -> Answer:
        code = _courier(call)
        async with self._database.transaction(by=call.principal.actor) as tx:
            return Answer(200, Written(await fulfilment.put_coverage(tx, code, call.data.areas, now=self._outside.clock.now())))

    async def drop_areas(self, call: Call) -> Answer:
        code, district = _courier(call), conditions.named(call, "district", Annotated[str, Meta(min_length=1, max_length=80)])
        async with self._database.transaction(by=call.principal.actor) as tx:
            return Answer(200, Written(await fulfilment.drop_coverage(tx, code, district)))

    async def refresh(self, call: Call) -> Answer:
        by, now = call.principal.actor, self._outside.clock.now()
        return Answer(200, await covering.refresh(self._outside, _courier(call), by=by, now=now))

    async def tariffs(self, call: Call) -> Answer:
        async with self._database.reading() as tx:
            return Answer(200, TariffList(await fulfilment.tariffs(tx, _courier(call))))

    async def put_tariffs(self, call: Call) -> Answer:
        code = _courier(call)
        async with self._database.transaction(by=call.principal.actor) as tx:
            return Answer(200, Written(await fulfilment.put_tariffs(tx, code, call.data.tariffs, now=self._outside.clock.now())))

    async def rules(self, call: Call) -> Answer:
        del call
        async with self._database.reading() as tx:
            return Answer(200, RuleList(await fulfilment.courier_rules(tx)))

    async def put_rule(self, call: Call) -> Answer:
        rule: fleet.CourierRule = call.data
        bounded(msgspec.to_builtins(rule))
        if rule.code != call.path["code"]:
            raise Refused("code_mismatch", f"The path says {call.path['code'][:64]}, the body {rule.code}.")
        version = conditions.expected(call)
        async with self._database.transaction(by=call.principal.actor) as tx:
            before = {each.code: each.version for each in await fulfilment.courier_rules(tx)}.get(rule.code, 0)
            if before == 0 and conditions.must_exist(call):
                raise Refused("stale", "There is no such rule.", kind="stale")
            expected = None if version is None else {rule.code: version}
            now = self._outside.clock.now()
            written = (await fulfilment.put_courier_rules(tx, [rule], now=now, expected=expected))[rule.code]
        headers = [conditions.etag(written), (b"location", b"/v1/courier-rules/" + rule.code.encode())]
        return Answer(200 if before else 201, msgspec.structs.replace(rule, version=written), headers)

    async def records(self, call: Call) -> Answer:
        asked: RecordsQuery = call.query
        since = (self._outside.clock.now() - timedelta(days=30 * (asked.months - 1))).date().replace(day=1)
        async with self._database.reading() as tx:
            found = await fulfilment.records(tx, since=since, courier=asked.courier, limit=asked.limit)
        return Answer(200, RecordList([_record(each) for each in found]))

    async def consider(self, call: Call) -> Answer:
        asked: ChoiceRequest = call.data
        return Answer(200, self._consider(choosing.Need(**msgspec.structs.asdict(asked))))


def _record(record: fleet.Record) -> RecordView:
    ended = record.delivered + record.returned + record.lost
    success = record.delivered * 10_000 // ended if ended else 0
    return RecordView(record.courier, record.district, record.upazila, record.delivered, record.returned, record.lost, success)


def _courier(call: Call) -> str:
    return conditions.named(call, "code", Code)
