"""Sourcing over HTTP: rules and nodes are an admin's, a basket can be tried, an order's plans can be read."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Router

from haat import app
from haat.domain import fulfilment, inventory, people
from haat.engine import web
from haat.faces.api import sourcing as api
from haat.faces.api.gate import Gate
from tests.database import trading
from tests.domain.fulfilment.baskets import STRATEGIES

sourcing = fulfilment.sourcing
BASKET = {
    "lines": [{"sku": "TEA", "quantity": 2}, {"sku": "BREAKFAST", "quantity": 1}, {"sku": "LAST", "quantity": 1}],
    "ship_to": trading.ADDRESS,
}


class Served(msgspec.Struct):
    parts: app.Parts
    http: httpx.AsyncClient
    keys: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None, *, role: str = "admin", **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.keys[role]}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, headers=sent, **({"json": body} if body is not None else {}))


@pytest.fixture
async def served(dsn: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with trading.market(dsn, tmp_path) as parts:
        keys = {}
        async with parts.database.transaction() as tx:
            for role, subject in (("admin", ""), ("customer", parts.draw.uuid()), ("vendor", "shop-a"), ("channel", "web")):
                order = people.KeyOrder(id=parts.draw.uuid(), role=role, subject=subject, name=role)
                made = await people.issue_key(tx, order, entropy=os.urandom(32), by="test", now=parts.clock.now() - timedelta(days=1))
                keys[role] = made.secret
        await parts.memory.catch_up()
        gate = Gate(parts.database, parts.memory, parts.clock, parts.seals.guest)
        router = Router(routes=web.routes(api.endpoints(parts.shop, STRATEGIES), gate), default=web.not_found)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=router), base_url="http://shop") as http:
            yield Served(parts, http, keys)


async def test_only_the_desk_reads_and_writes_sourcing(served: Served) -> None:
    placed = await trading.place(served.parts, trading.body({"TEA": 1}))
    for role in ("customer", "vendor", "channel"):
        for method, path in (
            ("GET", "/v1/sourcing-rules"), ("PUT", "/v1/sourcing-rules/near"), ("GET", "/v1/nodes"), ("PUT", "/v1/nodes/DHK"),
            ("POST", "/v1/sourcing-simulations"), ("GET", f"/v1/orders/{placed.order.id}/plans"), ("GET", "/v1/sourcing-strategies"),
        ):  # fmt: skip
            assert (await served.ask(method, path, role=role)).status_code == 403, (role, path)


async def test_a_rule_is_written_once_and_changed_only_by_who_saw_it(served: Served) -> None:
    known = {each["code"] for each in (await served.ask("GET", "/v1/sourcing-strategies")).json()["data"]}
    assert known >= {"nearest", "cheapest", "fewest_parcels", "balance", "priority"}
    rule = {"code": "near", "strategy": "nearest", "conditions": {"zones": ["dhaka"]}}
    made = await served.ask("PUT", "/v1/sourcing-rules/near", rule)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    changed = await served.ask("PUT", "/v1/sourcing-rules/near", rule | {"position": 1}, if_match='"1"')
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = await served.ask("PUT", "/v1/sourcing-rules/near", rule | {"position": 7}, if_match='"1"')
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    wrong = await served.ask("PUT", "/v1/sourcing-rules/odd", {"code": "odd", "strategy": "by_moon"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_strategy")
    (stored,) = (await served.ask("GET", "/v1/sourcing-rules")).json()["data"]
    assert (stored["code"], stored["position"], stored["version"]) == ("near", 1, 2)


async def test_a_node_is_a_location_with_settings(served: Served) -> None:
    put = await served.ask("PUT", "/v1/nodes/DHK", {"location": "DHK", "capacity": 10, "cut_off": "17:00"})
    assert (put.status_code, put.json()["capacity"]) == (201, 10)
    nowhere = await served.ask("PUT", "/v1/nodes/MOON", {"location": "MOON"})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_location")
    odd = await served.ask("PUT", "/v1/nodes/DHK", {"location": "DHK", "cut_off": "25:00"})
    assert odd.status_code == 422
    (node,) = (await served.ask("GET", "/v1/nodes")).json()["data"]
    assert (node["location"], node["settings"]["cut_off"], node["planned"]) == ("DHK", "17:00", {})


async def test_a_basket_is_tried_and_nothing_is_kept(served: Served) -> None:
    tried = await served.ask("POST", "/v1/sourcing-simulations", BASKET)
    assert tried.status_code == 200, tried.text
    first, second = tried.json()["parts"]
    assert (first["vendor"], first["parcels"], first["rule"]) == ("shop-a", [{"node": "DHK", "lines": {"1": 2, "2": 1}}], "default")
    assert (second["vendor"], second["parcels"], tried.json()["total"]) == ("shop-b", [{"node": "DHK", "lines": {"3": 1}}], 12_000)
    short = await served.ask("POST", "/v1/sourcing-simulations", BASKET | {"lines": [{"sku": "LAST", "quantity": 6}]})
    (part,) = short.json()["parts"]
    assert (part["reason"], part["alternatives"]) == ("short", [{"nodes": ["DHK"], "why": "short", "cost": 6_000}])
    nowhere = await served.ask("POST", "/v1/sourcing-simulations", BASKET | {"ship_to": {"district": "Atlantis"}})
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "address_unknown")
    strange = await served.ask("POST", "/v1/sourcing-simulations", BASKET | {"lines": [{"sku": "NO", "quantity": 1}]})
    assert (strange.status_code, strange.json()["code"]) == (422, "unknown_product")
    async with served.parts.database.reading() as tx:
        assert [level.reserved for level in await inventory.levels(tx, ["TEA", "LAST"])] == [0, 0]


async def test_an_orders_plans_are_read_newest_first(served: Served) -> None:
    order = (await trading.place(served.parts, trading.body({"TEA": 1}))).order
    plan = sourcing.Plan(order.vendor_orders[0].id, (sourcing.Parcel("DHK", ((1, 1),)),), sourcing.Cost(6_000, 0), "nearest", "near", 2)
    async with served.parts.database.transaction() as tx:
        await sourcing.record_plans(
            tx, [sourcing.NewPlan(served.parts.draw.uuid(), order.id, 4, [plan], ["p"])], now=served.parts.clock.now()
        )
    (shown,) = (await served.ask("GET", f"/v1/orders/{order.id}/plans")).json()["data"]
    assert (shown["rule"], shown["rule_version"], shown["cost"]) == ("near", 2, 6_000)
    assert shown["plan"]["parcels"][0]["node"] == "DHK" and shown["alternatives"] == []
    missing = await served.ask("GET", f"/v1/orders/{served.parts.draw.uuid()}/plans")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_order")
