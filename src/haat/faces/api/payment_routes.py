"""Rules of routing: through which gateway which payments go. Written one at a time, versioned; ended by `active`, never deleted."""

import msgspec

from haat.domain import payments
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions
from haat.faces.api.rules import bounded
from haat.faces.api.shop import Shop
from haat.flows.paying import Counter
from haat.kernel.errors import Refused

EXAMPLE = {
    "code": "cards", "title": "Cards: the bank's page first", "methods": ["card"], "gateways": ["sslcommerz", "stripe"], "choose": "order",
    "amount_max": 5_000_000, "priority": 10,
}  # fmt: skip


class Routes(msgspec.Struct, frozen=True):
    data: list[payments.Route]


class GatewayRecord(msgspec.Struct, frozen=True):
    """A gateway as routing sees it now. `success` in hundredths of a percent, of the last day, newer attempts counting more."""

    gateway: str
    methods: list[str]
    broken: bool
    tried: int
    succeeded: int
    success: int


class GatewayRecords(msgspec.Struct, frozen=True):
    data: list[GatewayRecord]


def endpoints(shop: Shop, counter: Counter) -> list[Endpoint]:
    desk = _Desk(shop, counter)
    many, one = "/v1/payment-routes", "/v1/payment-routes/{code}"
    return [
        Endpoint("GET", many, "listPaymentRoutes", "All routing rules of payments, in the order in which they are asked", desk.many,
                 "Payments", access.STAFF, answers={200: Routes}),
        Endpoint("GET", one, "getPaymentRoute", "A routing rule of payments", desk.one, "Payments", access.STAFF,
                 answers={200: payments.Route, 304: None}, problems=(404,)),
        Endpoint("PUT", one, "putPaymentRoute", "Write a routing rule of payments", desk.put, "Payments", access.STAFF, payments.Route,
                 answers={200: payments.Route, 201: payments.Route}, problems=(409, 412, 413, 415, 422), example=EXAMPLE,
                 description="Ended by `active`, never deleted. `version` is counted by the server; yours is ignored."),
        Endpoint("GET", "/v1/payment-gateways", "listPaymentGateways", "The gateways that routing chooses from, and how they do",
                 desk.gateways, "Payments", access.STAFF, answers={200: GatewayRecords}),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop, counter: Counter) -> None:
        self._shop = shop
        self._counter = counter

    async def many(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            return Answer(200, Routes(await payments.routes(tx)))

    async def one(self, call: Call) -> Answer:
        async with self._shop.database.reading() as tx:
            rule = next((r for r in await payments.routes(tx) if r.code == call.path["code"]), None)
        if rule is None:
            raise Refused("unknown_rule", "There is no such rule.", kind="missing")
        if conditions.unchanged(call, rule.version):
            return Answer(304, headers=[conditions.etag(rule.version)])
        return Answer(200, rule, [conditions.etag(rule.version)])

    async def put(self, call: Call) -> Answer:
        rule: payments.Route = call.data
        bounded(msgspec.to_builtins(rule))
        code = call.path["code"]
        if rule.code != code:
            raise Refused("code_mismatch", f"The path says {code[:64]}, the body {rule.code}.")
        wanted = conditions.expected(call)
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            version = (await payments.put_routes(tx, [rule]))[code]
            if (wanted is not None and wanted != version - 1) or (version == 1 and conditions.must_exist(call)):
                raise Refused("stale", f"Version {wanted or 'any'} was expected, {version - 1} is stored.", kind="stale")
        stored = msgspec.structs.replace(rule, version=version)
        headers = [conditions.etag(version), (b"location", f"/v1/payment-routes/{code}".encode())]
        return Answer(201 if version == 1 else 200, stored, headers)

    async def gateways(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            records = await payments.records(tx, now=self._shop.clock.now())
        desk = self._counter.desk
        found = []
        for c in desk.candidates():
            record = records.get(c.code, payments.Record())
            found.append(
                GatewayRecord(
                    c.code, sorted(c.methods), desk.outside.is_open(c.code), record.tried, record.succeeded, payments.success(record)
                )
            )
        return Answer(200, GatewayRecords(found))
