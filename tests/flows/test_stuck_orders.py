"""Two thousand orders are stuck for one reason: found by age and cause, repaired at once, and the same repair again changes nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.routing import Router

from haat.domain import inventory, people
from haat.domain.orders import events
from haat.engine import outside, web
from haat.faces.api import workflows
from haat.faces.api.gate import Gate
from tests.flows import casting, lives

MANY = 2_000
LIFE = msgspec.structs.replace(lives.BY_NAME["prepaid"], lines={"TEA": 1})
RETRY = {"repair": "retry", "reason": "the gateway is back", "cause": "no_gateway", "limit": 10_000}


class Desk(msgspec.Struct):
    """The market, its API, and who speaks to it."""

    cast: casting.Cast
    http: httpx.AsyncClient
    keys: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None, *, role: str = "admin") -> httpx.Response:
        headers = {"authorization": f"Bearer {self.keys[role]}"}
        return await self.http.request(method, path, headers=headers, **({"json": body} if body is not None else {}))

    async def gateways(self, *, active: bool) -> None:
        """All of them are switched off, or on again."""
        parts = self.cast.stage.parts
        async with parts.database.transaction() as tx:
            sheets = {code: outside.Sheet(kind="gateway", plugin=code, active=active) for code in ("acme", "cardly")}
            found = self.cast.parties.connectors()
            await outside.connections.put(tx, sheets, found, parts.desks.outside.vault, now=self.cast.stage.clock.now())
        await parts.memory.catch_up()

    async def stick(self, many: int) -> list[str]:
        """So many orders that no gateway takes."""
        ids = await asyncio.gather(*[self.cast.place() for _ in range(many)])
        await self.cast.rest()
        return list(ids)

    async def count(self) -> int:
        async with self.cast.stage.parts.database.reading() as tx:
            return int(await tx.fetchval("SELECT count(*) FROM order_events"))


@asynccontextmanager
async def opened(dsn: str, place: Path) -> AsyncIterator[Desk]:
    async with casting.opened(dsn, place, LIFE) as cast:
        parts, now = cast.stage.parts, cast.stage.clock.now()
        keys = {}
        async with parts.database.transaction() as tx:
            more = inventory.Movement(parts.draw.uuid(), "TEA", "DHK", 10_000, "receipt")
            await inventory.move(tx, [more], actor="system", now=now)
            for role, subject in (("admin", ""), ("customer", "c-1"), ("vendor", "shop-a"), ("channel", "web")):
                order = people.KeyOrder(id=parts.draw.uuid(), role=role, subject=subject, name=role)  # type: ignore[arg-type]
                keys[role] = (await people.issue_key(tx, order, entropy=os.urandom(32), by="test", now=now)).secret
        await parts.memory.catch_up()
        gate = Gate(parts.database, parts.memory, cast.stage.clock, parts.seals.guest)
        router = Router(routes=list(web.routes(workflows.endpoints(parts.shop), gate)), default=web.not_found, redirect_slashes=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=router), base_url="http://desk", timeout=60) as http:
            yield Desk(cast, http, keys)


async def test_two_thousand_orders_are_found_by_cause_and_age_and_repaired_at_once(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        await desk.gateways(active=False)
        older = await desk.stick(MANY // 2)
        desk.cast.stage.clock.turn_by(timedelta(minutes=10))
        await desk.stick(MANY // 2)

        (cause,) = (await desk.ask("GET", "/v1/exception-causes")).json()["data"]
        assert {key: cause[key] for key in ("flow", "step", "cause", "owner", "count")} == {
            "flow": "payment", "step": "route", "cause": "no_gateway", "owner": "payments", "count": MANY,
        }  # fmt: skip
        old = await every(desk, "/v1/exceptions?cause=no_gateway&older_than_s=300&limit=200")
        assert sorted(x["order_id"] for x in old) == sorted(older)
        assert {x["age_s"] for x in old} == {600} and old[0]["repairs"] == ["retry", "skip", "cancel_order"]

        await desk.gateways(active=True)
        began = time.perf_counter()
        first, second = await asyncio.gather(*[desk.ask("POST", "/v1/exception-repairs", RETRY) for _ in range(2)])
        took = time.perf_counter() - began
        assert first.status_code == second.status_code == 200, first.text
        assert first.json()["repaired"] + second.json()["repaired"] == MANY, "two people at once repair each order once"
        assert not first.json()["refused"] and not second.json()["refused"]
        assert took < 30, "a few seconds on a machine that does nothing else"

        facts = await desk.count()
        again = await desk.ask("POST", "/v1/exception-repairs", RETRY)
        assert again.json() == {"repaired": 0, "unchanged": 0, "refused": []}
        assert await desk.count() == facts

        for _ in range(4):  # more than one gateway takes at once
            await desk.cast.rest()
            desk.cast.stage.clock.turn_by(timedelta(seconds=1))
        assert (await desk.ask("GET", "/v1/exception-causes")).json()["data"] == []
        async with desk.cast.stage.parts.database.reading() as tx:
            begun = await tx.fetchval("SELECT count(*) FROM order_events WHERE type = 'OrderPaymentStarted'")
            resolved = await tx.fetchval("SELECT count(*) FROM order_events WHERE type = 'OrderExceptionResolved'")
        assert (begun, resolved) == (MANY, MANY)
        assert len(desk.cast.parties.bank.accounts) == MANY, "each is begun once at the gateway"


async def every(desk: Desk, path: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = (await desk.ask("GET", path + cursor)).json()
        found += answer["data"]
        if answer["page"]["next"] is None:
            return found
        cursor = f"&cursor={answer['page']['next']}"


async def test_one_exception_is_repaired_once_whoever_asks(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        await desk.gateways(active=False)
        (order_id,) = await desk.stick(1)
        (trouble,) = (await desk.ask("GET", f"/v1/exceptions?order={order_id}")).json()["data"]
        path = f"/v1/exceptions/{trouble['id']}/repairs"
        for role in ("customer", "vendor", "channel"):
            assert (await desk.ask("POST", path, {"repair": "skip", "reason": "please"}, role=role)).status_code == 403
        skip = {"repair": "skip", "reason": "paid in the shop"}
        answers = await asyncio.gather(*[desk.ask("POST", path, skip) for _ in range(4)])
        assert sorted(a.json()["repaired"] for a in answers) == [0, 0, 0, 1]
        assert (await desk.cast.stage.said(order_id)).count("OrderExceptionResolved") == 1
        resolved = next(f for f in await desk.cast.stage.facts(order_id) if isinstance(f, events.OrderExceptionResolved))
        assert (resolved.repair, resolved.reason) == ("skip", "paid in the shop")
        assert (await desk.ask("POST", f"/v1/exceptions/{order_id}:99.0/repairs", skip)).json() == {
            "repaired": 0, "unchanged": 1, "refused": [],
        }  # fmt: skip
        unknown = "01a20000-0000-7000-8000-00000000dead"
        for nobody in ("x:1.1", f"{unknown}:x"):
            assert (await desk.ask("POST", f"/v1/exceptions/{nobody}/repairs", skip)).status_code == 404


async def test_a_repair_that_is_not_safe_is_refused_and_changes_nothing(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        order_id = await desk.cast.place()
        await desk.cast.stage.ask(order_id, lambda o: (events.OrderPaymentRequested("p", "cod", o.totals.grand),))
        await desk.cast.rest()
        parcel = (await desk.cast.order(order_id)).shipments[0].id
        await desk.cast.stage.ask(order_id, lambda o: (events.OrderShipmentDoubted(parcel, "two_stories", "delivered and lost"),))
        await desk.cast.rest()
        (trouble,) = (await desk.ask("GET", "/v1/exceptions?cause=two_stories")).json()["data"]
        assert trouble["repairs"] == ["skip"]
        facts = await desk.count()
        answer = await desk.ask("POST", f"/v1/exceptions/{trouble['id']}/repairs", {"repair": "retry", "reason": "?"})
        assert (answer.status_code, answer.json()["code"]) == (409, "unsafe_repair")
        bulk = await desk.ask("POST", "/v1/exception-repairs", {"repair": "retry", "reason": "?", "cause": "two_stories"})
        assert bulk.json()["repaired"] == 0 and len(bulk.json()["refused"]) == 1
        assert await desk.count() == facts


async def test_a_stuck_order_is_cancelled_as_a_repair_and_nothing_of_it_stays_behind(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        await desk.gateways(active=False)
        ids = await desk.stick(5)
        body = {"repair": "cancel_order", "reason": "the gateway left us", "flow": "payment"}
        assert (await desk.ask("POST", "/v1/exception-repairs", body)).json()["repaired"] == 5
        await desk.cast.rest()
        for order_id in ids:
            order = await desk.cast.order(order_id)
            assert (order.status, order.exceptions) == ("cancelled", ())
        assert (await desk.ask("POST", "/v1/exception-repairs", body)).json()["repaired"] == 0


async def test_a_search_for_everything_is_not_a_search(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        body = {"repair": "skip", "reason": "all of it"}
        answer = await desk.ask("POST", "/v1/exception-repairs", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "search_too_wide")
        assert (await desk.ask("POST", "/v1/exception-repairs", body | {"owner": "payments"}, role="vendor")).status_code == 403
