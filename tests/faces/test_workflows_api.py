"""Flows over HTTP and on the command line: what runs, paused and resumed by the staff, pages and roles, repairs as an operator types them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from haat import app
from haat.domain import orders
from haat.engine.database import Tx
from haat.faces.cli import root
from haat.flows import repairing
from tests.flows.stage import opened as opened_again
from tests.flows.test_stuck_orders import every, opened

REASON = {"reason": "the buyer rang up"}


async def test_only_the_staff_sees_and_touches_flows(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        order_id = await desk.cast.place()
        for method, path, body in (
            ("GET", "/v1/flows", None), ("GET", "/v1/workflows", None), ("GET", f"/v1/workflows/{order_id}", None),
            ("POST", f"/v1/workflows/{order_id}/pauses", REASON), ("POST", f"/v1/workflows/{order_id}/resumptions", REASON),
            ("GET", "/v1/exceptions", None), ("GET", "/v1/exception-causes", None),
            ("POST", f"/v1/exceptions/{order_id}:1.0/repairs", {"repair": "skip", "reason": "x"}),
            ("POST", "/v1/exception-repairs", {"repair": "skip", "reason": "x", "owner": "payments"}),
        ):  # fmt: skip
            for role in ("customer", "vendor", "channel"):
                assert (await desk.ask(method, path, body, role=role)).status_code == 403, (role, path)
            assert (await desk.http.request(method, path)).status_code == 401


async def test_an_order_is_paused_and_goes_on_when_it_is_resumed_and_both_are_in_its_story(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        order_id = await desk.cast.place()
        paused = await desk.ask("POST", f"/v1/workflows/{order_id}/pauses", REASON)
        assert (paused.status_code, paused.json()["paused"]) == (201, True)
        again = await desk.ask("POST", f"/v1/workflows/{order_id}/pauses", REASON)
        assert again.status_code == 201
        await desk.cast.rest()
        workflow = (await desk.ask("GET", f"/v1/workflows/{order_id}")).json()
        assert {step["status"] for step in workflow["steps"]} == {"paused"}
        assert workflow["flows"] == dict.fromkeys(("allocation", "exceptions", "fulfilment", "payment", "validation"), 1)
        (listed,) = (await desk.ask("GET", "/v1/workflows?status=paused")).json()["data"]
        assert (listed["order_id"], listed["waiting"]) == (order_id, len(workflow["steps"]))

        resumed = await desk.ask("POST", f"/v1/workflows/{order_id}/resumptions", REASON)
        assert resumed.json()["paused"] is False
        await desk.cast.rest()
        said = await desk.cast.stage.said(order_id)
        assert said.count("OrderPaused") == said.count("OrderResumed") == 1 and "OrderPaymentStarted" in said
        assert (await desk.ask("GET", "/v1/workflows?status=paused")).json()["data"] == []
        assert (await desk.ask("POST", "/v1/workflows/01a20000-0000-7000-8000-00000000dead/pauses", REASON)).status_code == 404


async def test_lists_come_in_pages_that_meet_without_gaps(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        await desk.gateways(active=False)
        ids = await desk.stick(7)
        assert sorted(x["order_id"] for x in await every(desk, "/v1/exceptions?limit=2&flow=payment")) == sorted(ids)
        assert [x["order_id"] for x in await every(desk, "/v1/workflows?limit=3&status=running")] == sorted(ids, reverse=True)
        assert (await desk.ask("GET", "/v1/exceptions?cursor=nonsense")).status_code == 400
        for search, many in (("owner=payments", 7), ("owner=fraud", 0), ("step=route", 7), ("step=charge", 0), ("older_than_s=60", 0)):
            assert len(await every(desk, f"/v1/exceptions?{search}")) == many, search


async def test_flows_are_shown_with_their_pictures(dsn: str, tmp_path: Path) -> None:
    async with opened(dsn, tmp_path) as desk:
        flows = {flow["code"]: flow for flow in (await desk.ask("GET", "/v1/flows")).json()["data"]}
        assert set(flows) == {"allocation", "exceptions", "fulfilment", "payment", "validation"}
        for flow in flows.values():
            assert flow["title_bn"] and flow["picture"].startswith("flowchart")
            assert all(step in flow["picture"] for step in flow["steps"])


async def test_repairs_that_meet_another_writer_begin_again_and_count_once(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairing, "BATCH", 2)
    async with opened(dsn, tmp_path) as desk:
        await desk.gateways(active=False)
        await desk.stick(4)
        shop, asked = desk.cast.stage.parts.shop, 0
        change = shop.change

        async def colliding(tx: Tx, changes: Sequence[orders.Change]) -> Any:
            nonlocal asked
            asked += 1
            outcomes = await change(tx, changes)
            if asked % 2:
                raise asyncpg.DeadlockDetectedError("chosen")
            return outcomes

        shop.change = colliding
        (first, *_) = (await desk.ask("GET", "/v1/exceptions")).json()["data"]
        skip = {"repair": "skip", "reason": "they paid in the shop"}
        one = await desk.ask("POST", f"/v1/exceptions/{first['id']}/repairs", skip)
        assert (one.status_code, one.json()) == (200, {"repaired": 1, "unchanged": 0, "refused": []})
        all_ = await desk.ask("POST", "/v1/exception-repairs", skip | {"cause": "no_gateway"})
        assert (all_.status_code, all_.json()) == (200, {"repaired": 3, "unchanged": 0, "refused": []})
        assert asked == 6, "one, then two pages, each done twice"
        assert (await desk.ask("GET", "/v1/exceptions")).json()["data"] == []


def test_an_operator_finds_what_is_stuck_and_repairs_it_on_the_command_line(dsn: str, tmp_path: Path) -> None:
    async def stick() -> list[str]:
        async with opened(dsn, tmp_path) as desk:
            await desk.gateways(active=False)
            return await desk.stick(3)

    async def look(ids: list[str]) -> Any:
        async with opened_again(dsn, tmp_path, seed=False) as stage:
            return [await stage.order(order_id) for order_id in ids]

    def types(*words: str) -> Result:
        environment = {"DATABASE_URL": dsn, "HAAT_DATA_DIR": str(tmp_path), "COLUMNS": "200", "NO_COLOR": "1"}
        done = CliRunner().invoke(root.cli, list(words), obj=app.house(), env=environment)
        assert done.exit_code == 0, done.output
        return done

    ids = asyncio.run(stick())
    assert "no_gateway" in types("exceptions", "causes").stdout
    listed = types("exceptions", "list", "--cause", "no_gateway").stdout
    assert all(order_id in listed for order_id in ids)
    repair = ("exceptions", "repair", "skip", "--cause", "no_gateway", "--reason", "they paid in the shop")
    assert "3 repaired" in types(*repair).stdout
    assert "0 repaired, 0 were not open any more, 0 refused" in types(*repair).stdout
    assert all(not order.exceptions for order in asyncio.run(look(ids)))
    assert "0 orders migrated, 0 keep" in types("flows", "migrate", "payment").stdout
