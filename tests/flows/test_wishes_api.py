"""One wish told twice over HTTP: the same Idempotency-Key does a thing once, and another wish under it is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_paying import attempt
from tests.flows.test_paying_api import CUSTOMER, Shopfront, front, placed

KEY = {"idempotency-key": '"wish-1"'}


async def told(f: Shopfront, path: str, body: dict[str, Any], by: str = "admin") -> tuple[int, dict[str, Any]]:
    answer = await f.meanwhile(f.ask("POST", path, by=by, json=body, headers=KEY))
    await f.till.stage.settle()
    return answer.status_code, answer.json()


async def test_the_same_refund_under_one_key_is_one_and_another_is_refused(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order = await f.till.paid(await f.till.placed(lines={"TEA": 2}))
        path = f"/v1/orders/{order.id}/refunds"
        first = await told(f, path, {"reason": "late_delivery", "amount": 1_000})
        again = await told(f, path, {"reason": "late_delivery", "amount": 1_000})
        assert (first[0], again[0], len(again[1]["data"])) == (201, 201, 1)
        other = await told(f, path, {"reason": "late_delivery", "amount": 2_000})
        assert (other[0], other[1]["code"]) == (422, "idempotency_key_reused")
        bad = await f.ask("POST", path, json={"reason": "x", "amount": 1}, headers={"idempotency-key": "two words"})
        assert (bad.status_code, bad.json()["code"]) == (400, "invalid_idempotency_key")


async def test_a_payment_asked_for_again_under_its_key_is_answered_and_not_asked_again(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme", "bolt") as f:
        order = await placed(f)
        path, body = f"/v1/orders/{order.id}/payments", {"tenders": [{"method": "bolt", "amount": order.totals.grand}]}
        first = await told(f, path, body, by=CUSTOMER)
        assert (first[0], first[1]["redirect_url"][:13]) == (201, "https://bolt.")
        paid = await f.till.paid(await f.till.stage.order(order.id))
        again = await told(f, path, body, by=CUSTOMER)
        assert (again[0], again[1]["payment_status"], again[1]["version"]) == (200, "paid", paid.version)
        other = await told(f, path, {}, by=CUSTOMER)
        assert (other[0], other[1]["code"]) == (422, "idempotency_key_reused")


async def test_the_same_parts_asked_for_again_open_no_second_page(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme") as f:
        order = await placed(f)
        body = {"tenders": [{"method": "acme", "amount": 6_000}, {"method": "cod", "amount": order.totals.grand - 6_000}]}
        path = f"/v1/orders/{order.id}/payments"
        first = await f.meanwhile(f.ask("POST", path, json=body))
        again = await f.ask("POST", path, json=body)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["redirect_url"] == again.json()["redirect_url"] != attempt(order).redirect_url


@pytest.mark.parametrize("what", ["payments", "refunds"])
async def test_a_change_of_money_may_say_which_order_it_means(dsn: str, tmp_path: Path, what: str) -> None:
    async with front(dsn, tmp_path) as f:
        order = await placed(f)
        if what == "refunds":
            order = await f.till.paid(order)
        body = {"refunds": {"reason": "late", "amount": 1}, "payments": {"tenders": [{"method": "cod", "amount": order.totals.grand}]}}[
            what
        ]
        stale = await f.ask("POST", f"/v1/orders/{order.id}/{what}", json=body, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale")
