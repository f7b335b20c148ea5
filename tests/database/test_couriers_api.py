"""Couriers over the API, on a real PostgreSQL: what an operator writes is what a parcel's courier is chosen by."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiohttp import web as far
from aiohttp.test_utils import TestServer
from starlette.routing import Router

import haat.domain.fulfilment.couriers
from haat.domain import fulfilment, people
from haat.engine import plugins, web
from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.outside import Book, Outside, Sheet, Vault, connections
from haat.faces.api import couriers as couriers_api
from haat.faces.api.gate import Gate
from haat.flows.fulfilling.carriers import Carriers

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
KINDS = {"courier": plugins.load(haat.domain.fulfilment.couriers, "COURIER", fulfilment.courier.Courier)}
VAULT = Vault(["a secret of the house"])


class Desk:
    """An operator at the API of one process, in process."""

    def __init__(self, database: Database, memory: Memory, client: httpx.AsyncClient) -> None:
        self.database = database
        self.memory = memory
        self.client = client

    async def connect(self, code: str, plugin: str, config: dict[str, Any], secrets: dict[str, Any]) -> None:
        async with self.database.transaction() as tx:
            await connections.put(tx, {code: Sheet(kind="courier", plugin=plugin, config=config, secrets=secrets)}, KINDS, VAULT, now=NOW)
        await self.memory.catch_up()

    async def put(self, path: str, body: Any, **headers: str) -> httpx.Response:
        answer = await self.client.put(path, json=body, headers=headers)
        await self.memory.catch_up()
        return answer

    async def choice(self, **parcel: Any) -> Any:
        answer = await self.client.post("/v1/courier-choices", json=couriers_api.CHOICE | parcel)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    clock, memory = Hands(NOW), Memory(database)
    outside = Outside(database, clock, Book(memory, KINDS, VAULT), VAULT)
    said = couriers_api.endpoints(outside, Carriers(memory, outside, clock).consider)
    draw = await Draw.open(clock, database)
    async with database.transaction() as tx:
        order = people.KeyOrder(id=draw.uuid(), name="test", role="admin", subject="", scopes=("*",))
        key = await people.issue_key(tx, order, entropy=b"7" * 32, by="test", now=NOW)
    await memory.start()
    router = Router(routes=web.routes(said, Gate(database, memory, clock, [b"x" * 32])), default=web.not_found)
    headers = {"authorization": f"Bearer {key.secret}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://haat.test", headers=headers) as client:
        yield Desk(database, memory, client)
    await memory.stop()
    await outside.close()


async def two_couriers(desk: Desk) -> None:
    for code, base in (("swift", 12_000), ("slow", 7_000)):
        await desk.connect(code, "own", {}, {})
        answer = await desk.put(f"/v1/couriers/{code}/tariffs", {"tariffs": [{"zone": "*", "base": base}]})
        assert answer.json() == {"written": 1}


async def test_who_would_carry_a_parcel_and_why(desk: Desk) -> None:
    assert (await desk.choice())["courier"] == ""
    await two_couriers(desk)
    found = await desk.choice()
    assert found["courier"] == "slow"
    assert [(each["courier"], each["fee"]) for each in found["candidates"]] == [("slow", 7_000), ("swift", 12_000)]
    assert (await desk.choice(refused_by=["slow"]))["courier"] == "swift"


async def test_a_rule_is_written_once_and_changed_only_by_who_saw_it(desk: Desk) -> None:
    await two_couriers(desk)
    rule = {"code": "east", "conditions": {"districts": ["sylhet"]}, "prefer": ["swift"]}
    made = await desk.put("/v1/courier-rules/east", rule)
    assert (made.status_code, made.headers["etag"], made.json()["version"]) == (201, '"1"', 1)
    assert (await desk.choice())["courier"] == "swift"
    late = await desk.put("/v1/courier-rules/east", rule | {"active": False}, **{"if-match": '"7"'})
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert (await desk.put("/v1/courier-rules/east", rule | {"active": False}, **{"if-match": '"1"'})).headers["etag"] == '"2"'
    assert (await desk.choice())["courier"] == "slow"
    assert [each["code"] for each in (await desk.client.get("/v1/courier-rules")).json()["data"]] == ["east"]
    wrong = await desk.put("/v1/courier-rules/west", rule)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code_mismatch")


async def test_places_are_listed_page_by_page_and_forgotten_by_district(desk: Desk) -> None:
    await two_couriers(desk)
    areas = [{"district": "sylhet", "upazila": f"sylhet.u{n}", "zone_id": str(n)} for n in range(5)] + [{"district": "khulna"}]
    assert (await desk.put("/v1/couriers/slow/areas", {"areas": areas})).json() == {"written": 6}
    assert (await desk.choice())["candidates"][-1] == {"courier": "slow", "hindrance": "area_not_served"}
    assert (await desk.choice(upazila="sylhet.u3"))["area"] == {"zone_id": "3"}
    seen, url = [], "/v1/couriers/slow/areas?limit=4"
    while url:
        page = await desk.client.get(url)
        seen += [(each["district"], each.get("upazila", "")) for each in page.json()["data"]]
        url = "/v1/couriers/slow/areas" + page.links["next"]["url"] if "next" in page.links else ""
    assert seen == sorted(seen) and len(seen) == 6
    assert (await desk.client.delete("/v1/couriers/slow/areas/sylhet")).json() == {"written": 5}


async def test_what_is_out_of_bounds_is_refused(desk: Desk) -> None:
    for path, body in (
        ("/v1/couriers/slow/tariffs", {"tariffs": [{"zone": "dhaka", "base": -1}]}),
        ("/v1/couriers/slow/areas", {"areas": [{"district": ""}]}),
        ("/v1/couriers/SLOW!/areas", {"areas": [{"district": "sylhet"}]}),
        ("/v1/courier-rules/x", {"code": "x", "colour": "red"}),
    ):
        assert (await desk.put(path, body)).status_code in (400, 422), path


async def test_a_courier_that_is_asked_where_it_goes_fills_its_map(desk: Desk) -> None:
    async def areas(request: far.Request) -> far.Response:
        assert request.headers["api-access-token"] == "Bearer jwt"
        rows = [{"id": 37, "name": "Mirpur 10", "post_code": 1216, "division_name": "Dhaka"}, {"id": 9, "name": "Atlantis"}]
        return far.json_response({"areas": rows})

    app = far.Application()
    app.router.add_get("/areas", areas)
    async with TestServer(app) as server:
        await desk.connect("redx-main", "redx", {"base_url": str(server.make_url("/"))}, {"access_token": "jwt"})
        answer = await desk.client.post("/v1/couriers/redx-main/area-refreshes")
        assert answer.json() == {"places": 2, "changed": 2, "unplaced_count": 1, "unplaced": ["Atlantis"]}
        await desk.memory.catch_up()
    found = await desk.choice(zone="dhaka", district="dhaka", upazila="dhaka.mirpur", area="Mirpur 10")
    assert (found["courier"], found["area"]["area_id"]) == ("redx-main", "37")
    await desk.connect("ours", "own", {}, {})
    mute = await desk.client.post("/v1/couriers/ours/area-refreshes")
    assert (mute.status_code, mute.json()["code"]) == (409, "no_areas")


async def test_how_parcels_fared_is_told_by_place(desk: Desk) -> None:
    async with desk.database.transaction() as tx:
        await tx.execute("INSERT INTO courier_records VALUES ('slow', 'sylhet', '', '2026-11-01', 90, 8, 2, '{0,90}')")
    found = (await desk.client.get("/v1/courier-records?months=1")).json()["data"]
    assert found == [{"courier": "slow", "district": "sylhet", "upazila": "", "delivered": 90, "returned": 8, "lost": 2, "success": 9_000}]
