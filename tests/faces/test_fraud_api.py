"""The fraud desk at work over HTTP: how orders were screened, who waits, deciding once, policies that only who saw them changes."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Router

from haat import app
from haat.domain import fraud, orders, people
from haat.engine import web
from haat.faces.api import fraud as fraud_api
from haat.faces.api.gate import Gate
from haat.kernel.facts import Origin
from tests.database import trading
from tests.domain.fraud.cases import MODELS, RULES, a_case

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Office:
    """The fraud endpoints over one process's parts, and clients by who asks."""

    def __init__(self, parts: app.Parts, keys: Mapping[str, str]) -> None:
        self.parts = parts
        self._keys = keys
        gate = Gate(parts.database, parts.memory, parts.clock, parts.seals.guest)
        self._app = Router(routes=web.routes(fraud_api.endpoints(parts.shop, RULES, MODELS), gate), default=web.not_found)

    def client(self, who: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self._keys[who]}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://test", headers=headers)

    async def ask(self, order_id: str, decide: Any) -> None:
        change = orders.Change(order_id, decide, self.parts.clock.now(), Origin("admin:test", "test"))
        await self.parts.shop.changing.submit(change)

    async def held(self, n: int = 1) -> str:
        """An order that the screening holds for review."""
        placed = (await trading.place(self.parts, trading.body({"TEA": 1}, phone=f"0171200{n:04}"))).order
        book = fraud.rulebook(RULES, MODELS, fraud.BUILT_IN)
        case = a_case(amount=4_000_000)
        now = self.parts.clock.now()
        async with self.parts.database.transaction() as tx:
            await fraud.record(
                tx, [fraud.Screened(placed.id, placed.version, case, fraud.assess(case, book), book, now, "fraud-3", until=now)]
            )
        screened = orders.events.OrderScreened("review", 420)
        await self.ask(placed.id, lambda o: (screened, *orders.hold(o, hold_id="fraud-3", kind="FRAUD_REVIEW", reason="first_order_cod")))
        return placed.id


@pytest.fixture
async def office(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with trading.market(dsn, tmp_path) as parts:
        keys = {}
        wanted: tuple[tuple[str, people.Role, str], ...] = (("one", "admin", ""), ("two", "admin", ""), ("shop", "channel", "web"))
        async with parts.database.transaction() as tx:
            for name, role, subject in wanted:
                order = people.KeyOrder(id=parts.draw.uuid(), role=role, subject=subject, name=name)
                keys[name] = (await people.issue_key(tx, order, entropy=os.urandom(32), by="test", now=NOW)).secret
        yield Office(parts, keys)


def decision(word: str, reason: str = "called") -> dict[str, str]:
    return {"decision": word, "reason": reason}


async def test_the_queue_is_oldest_first_with_reasons_in_both_languages(office: Office) -> None:
    ids = [await office.held(n) for n in range(3)]
    async with office.client("one") as admin:
        page = (await admin.get("/v1/fraud-reviews", params={"limit": 2})).json()
        assert [each["order_id"] for each in page["data"]] == ids[:2]
        (first, *_) = page["data"]
        assert (first["score"], first["overdue"]) == (420, True)
        assert 0 <= first["age_s"] < 60
        assert first["reasons"][0]["rule"] == "first_order_cod" and first["reasons"][0]["detail_bn"].endswith("।")
        rest = (await admin.get("/v1/fraud-reviews", params={"cursor": page["page"]["next"], "channel": "web"})).json()
        assert ([each["order_id"] for each in rest["data"]], rest["page"]["has_more"]) == (ids[2:], False)
        assert (await admin.get("/v1/fraud-reviews", params={"channel": "bazaar"})).json()["data"] == []
        assert (await admin.get("/v1/fraud-reviews", params={"cursor": "nonsense"})).status_code == 400


async def test_an_approved_order_goes_on_and_the_same_approval_again_changes_nothing(office: Office) -> None:
    order_id = await office.held()
    async with office.client("one") as admin:
        made = await admin.post(f"/v1/fraud-reviews/{order_id}/decisions", json=decision("approve"))
        assert (made.status_code, made.json()["decision"], made.json()["status"]) == (201, "approve", "placed")
        again = await admin.post(f"/v1/fraud-reviews/{order_id}/decisions", json=decision("approve"))
        assert (again.status_code, again.json()["at"]) == (200, made.json()["at"])
        assert (await admin.get("/v1/fraud-reviews")).json()["data"] == []
        other = await admin.post(f"/v1/fraud-reviews/{order_id}/decisions", json=decision("reject"))
        assert (other.status_code, other.json()["code"], other.json()["data"]["decision"]) == (409, "already_decided", "approve")


async def test_of_two_admins_at_once_one_wins_and_the_other_is_told(office: Office) -> None:
    order_id = await office.held()
    async with office.client("one") as one, office.client("two") as two:
        url = f"/v1/fraud-reviews/{order_id}/decisions"
        answers = await asyncio.gather(one.post(url, json=decision("approve")), two.post(url, json=decision("reject")))
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert lost.json()["code"] == "already_decided"
        assert (lost.json()["data"]["decision"], lost.json()["data"]["by"]) == (won.json()["decision"], won.json()["by"])


async def test_a_rejected_order_ends_and_gives_its_stock_back(office: Office) -> None:
    order_id = await office.held()
    async with office.client("one") as admin:
        made = await admin.post(f"/v1/fraud-reviews/{order_id}/decisions", json=decision("reject", "Nobody knows the buyer."))
        assert (made.status_code, made.json()["status"]) == (201, "rejected")
    async with office.parts.database.reading() as tx:
        held = await tx.fetchval("SELECT coalesce(sum(quantity - released), 0) FROM order_reservations WHERE owner = $1", order_id)
    assert held == 0


async def test_what_is_not_held_cannot_be_decided(office: Office) -> None:
    placed = (await trading.place(office.parts, trading.body({"TEA": 1}))).order
    async with office.client("one") as admin:
        plain = await admin.post(f"/v1/fraud-reviews/{placed.id}/decisions", json=decision("approve"))
        assert (plain.status_code, plain.json()["code"]) == (409, "no_review")
        unknown = await admin.post("/v1/fraud-reviews/01a20000-0000-7000-8000-00000000dead/decisions", json=decision("approve"))
        assert unknown.status_code == 404
        assert (await admin.post("/v1/fraud-reviews/nonsense/decisions", json=decision("approve"))).status_code == 404
        assert (await admin.post(f"/v1/fraud-reviews/{placed.id}/decisions", json=decision("perhaps"))).status_code == 422


async def test_an_order_shows_its_receipts_and_they_make_the_score_again(office: Office) -> None:
    order_id = await office.held()
    async with office.client("one") as admin:
        (score,) = (await admin.get(f"/v1/orders/{order_id}/fraud-scores")).json()["data"]
        assert score["score"] == sum(finding["points"] for finding in score["findings"]) == 420
        assert score["rulebook"]["review_at"] == 400 and "first_order_cod" in score["rulebook"]["rules"]
        plain = (await trading.place(office.parts, trading.body({"TEA": 1}))).order
        assert (await admin.get(f"/v1/orders/{plain.id}/fraud-scores")).json() == {"data": []}
        assert (await admin.get("/v1/orders/01a20000-0000-7000-8000-00000000dead/fraud-scores")).status_code == 404


async def test_a_policy_is_changed_only_by_who_saw_it(office: Office) -> None:
    url = "/v1/fraud-policies/web"
    async with office.client("one") as admin:
        assert (await admin.get(url)).status_code == 404
        house = await admin.get("/v1/fraud-policies/default")
        assert (house.json()["review_at"], house.headers["etag"]) == (400, '"0"')
        made = await admin.put(url, json=fraud_api.POLICY, headers={"if-none-match": "*"})
        assert (made.status_code, made.headers["etag"], made.json()["review_at"]) == (201, '"1"', 350)
        assert (await admin.get(url, headers={"if-none-match": '"1"'})).status_code == 304
        changed = await admin.put(url, json={"review_at": 500}, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.headers["etag"], changed.json()["weights"]) == (200, '"2"', {})
        late = await admin.put(url, json={"review_at": 600}, headers={"if-match": '"1"'})
        assert (late.status_code, late.json()["code"]) == (412, "stale")
        assert [each["version"] for each in (await admin.get(url + "/versions")).json()["data"]] == [2, 1]
        assert [each["channel"] for each in (await admin.get("/v1/fraud-policies")).json()["data"]] == ["default", "web"]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"weights": {"no_such_rule": 10}}, "unknown_rule"),
        ({"limits": {"phone_velocity": {"per_century": 1}}}, "unknown_limit"),
        ({"review_at": 800, "reject_at": 100}, "thresholds_reversed"),
        ({"review_at": 0}, "invalid"),
        ({"weights": {"phone_velocity": -5}}, "invalid"),
        ({"thresholds": {}}, "invalid"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused(office: Office, policy: dict[str, Any], code: str) -> None:
    async with office.client("one") as admin:
        answer = await admin.put("/v1/fraud-policies/web", json=policy)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert (await admin.put("/v1/fraud-policies/no-such-channel", json={})).status_code == 404


async def test_the_rules_that_can_be_weighed_are_listed(office: Office) -> None:
    async with office.client("one") as admin:
        found = {each["code"]: each for each in (await admin.get("/v1/fraud-rules")).json()["data"]}
    assert set(found) == set(RULES)
    assert found["phone_velocity"]["limits"] == {"per_hour": 3, "per_day": 6}


async def test_the_fraud_desk_is_the_marketplaces_own(office: Office) -> None:
    order_id = await office.held()
    async with office.client("shop") as shop:
        for path in ("/v1/fraud-reviews", "/v1/fraud-policies", "/v1/fraud-rules", f"/v1/orders/{order_id}/fraud-scores"):
            assert (await shop.get(path)).status_code == 403, path
        assert (await shop.post(f"/v1/fraud-reviews/{order_id}/decisions", json=decision("approve"))).status_code == 403
        assert (await shop.put("/v1/fraud-policies/web", json={})).status_code == 403
