"""Orders that were placed with several ways to pay, from the placing to their end: part ahead through a gateway, the rest at the door."""

from pathlib import Path
from typing import Any

import pytest

from haat.domain import orders
from haat.kernel.facts import Fact
from haat.kernel.outside import Hook
from tests.database import trading
from tests.flows.test_paying import Till, shipped, till
from tests.flows.test_paying_api import front

WALLET = 6_000
PARTS = [{"method": "acme", "amount": WALLET}, {"method": "cod"}]


async def placed(t: Till, tenders: list[dict[str, Any]] | None = None, **more: Any) -> orders.Order:
    """An order in these parts, each of them asked for."""
    order = await t.stage.place(tenders=tenders or PARTS, **more)
    await t.stage.settle()
    return await t.stage.order(order.id)


def part(order: orders.Order, method: str) -> orders.Tender:
    (found,) = [tender for tender in order.payments if tender.method == method]
    return found


async def paid(t: Till, order: orders.Order, method: str = "acme") -> orders.Order:
    """The buyer pays one part on its gateway's page, and the hook arrives."""
    (attempt,) = part(order, method).attempts
    t.bank.pay(attempt.id)
    await t.keep(attempt.gateway, Hook("POST", {}, {}, attempt.id.encode()))
    await t.counter.step()
    await t.stage.settle()
    return await t.stage.order(order.id)


async def cancelled(t: Till, order: orders.Order, lines: dict[int, int] | None = None) -> orders.Order:
    await t.stage.ask(order.id, lambda o: orders.cancel(o, lines, reason="changed_mind"))
    await t.stage.settle()
    return await t.stage.order(order.id)


async def test_the_part_that_is_paid_ahead_confirms_the_order_and_the_rest_is_collected_at_the_door(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await placed(t)
        rest = order.totals.grand - WALLET
        assert [(x.method, x.amount, x.status, x.due_at is None) for x in order.payments] == [
            ("acme", WALLET, "due", False),
            ("cod", rest, "due", True),
        ]
        assert (order.status, order.payment_method, orders.paying.uncovered(order)) == ("placed", "cod", WALLET)

        order = await paid(t, order)
        assert (order.status, order.payment_status) == ("confirmed", "partially_paid")
        assert (await t.stage.steps(order.id))["payment:expire"] == "stopped"
        (parcel,) = order.shipments
        assert orders.collecting.cash(order, parcel) == rest

        order = await shipped(t, order, cash=rest, collected=rest)
        assert (order.payment_status, part(order, "acme").captured, part(order, "cod").captured) == ("paid", WALLET, rest)
        assert not order.refunds and not order.exceptions


async def test_each_part_is_asked_for_once_and_they_sum_to_the_order(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt")) as t:
        order = await placed(t, [{"method": "acme", "amount": WALLET}, {"method": "bolt", "amount": 3_000}, {"method": "cod"}])
        asked: list[Fact] = [f for f in await t.stage.facts(order.id) if isinstance(f, orders.events.OrderPaymentRequested)]
        assert [(f.method, f.amount) for f in asked] == [("acme", 6_000), ("bolt", 3_000), ("cod", order.totals.grand - 9_000)]  # type: ignore[attr-defined]
        assert [len(x.attempts) for x in order.payments] == [1, 1, 0]


async def test_who_cancels_before_paying_owes_nothing_and_late_money_goes_back(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await cancelled(t, await placed(t))
        assert (order.status, order.refunds, [x.status for x in order.payments]) == ("cancelled", (), ["waived", "waived"])
        order = await paid(t, order)
        assert [(r.amount, r.status) for r in order.refunds] == [(WALLET, "succeeded")]
        assert (order.status, order.payment_status) == ("cancelled", "refunded")


async def test_who_cancels_after_paying_gets_the_part_that_was_paid_back_and_no_more(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await paid(t, await placed(t))
        order = await cancelled(t, order)
        assert (order.status, order.payment_status) == ("cancelled", "refunded")
        assert [(r.amount, r.status) for r in order.refunds] == [(WALLET, "succeeded")]
        account = t.bank.accounts[part(order, "acme").attempts[0].id]
        assert sum(account.refunds.values()) == account.captured == WALLET
        assert part(order, "cod").status == "waived"


async def test_what_is_cancelled_of_it_comes_off_the_cash_first(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await paid(t, await placed(t, lines={"TEA": 2}))
        before = part(order, "cod").owed
        order = await cancelled(t, order, {1: 1})
        assert part(order, "cod").owed == before - 10_000 and part(order, "acme").owed == WALLET
        assert not order.refunds and sum(x.owed for x in order.payments) == order.totals.grand


async def test_what_is_cancelled_beyond_the_cash_comes_back_from_what_was_paid(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await paid(t, await placed(t, [{"method": "acme", "amount": 20_000}, {"method": "cod"}], lines={"TEA": 2}))
        cash = part(order, "cod").owed
        order = await cancelled(t, order, {1: 1})
        assert part(order, "cod").owed == 0 and [r.amount for r in order.refunds] == [10_000 - cash]
        assert order.payment_status == "partially_refunded"


async def test_an_order_whose_part_ahead_is_never_paid_expires_whole(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await placed(t)
        await t.stage.later(minutes=31)
        order = await t.stage.order(order.id)
        assert (order.status, order.totals.grand, [x.owed for x in order.payments]) == ("expired", 0, [0, 0])
        async with t.stage.parts.database.reading() as tx:
            assert await tx.fetchval("SELECT sum(reserved) FROM stock WHERE sku = 'TEA'") == 0


async def test_of_two_parts_ahead_the_one_that_was_paid_goes_back_when_the_other_is_not(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path, ("acme", "bolt")) as t:
        order = await paid(t, await placed(t, [{"method": "acme", "amount": WALLET}, {"method": "bolt"}]))
        assert (order.status, order.payment_status) == ("placed", "partially_paid")
        await t.stage.later(minutes=31)
        order = await t.stage.order(order.id)
        assert (order.status, order.payment_status) == ("expired", "refunded")
        assert [(r.amount, r.status) for r in order.refunds] == [(WALLET, "succeeded")]


async def test_money_that_comes_after_it_expired_brings_it_back_with_its_cash_to_be_collected(dsn: str, tmp_path: Path) -> None:
    async with till(dsn, tmp_path) as t:
        order = await placed(t)
        grand = order.totals.grand
        await t.stage.later(minutes=31)
        order = await paid(t, await t.stage.order(order.id))
        assert (order.status != "expired", order.totals.grand, order.refunds) == (True, grand, ())
        assert (part(order, "acme").status, orders.collecting.owed_at_the_door(order)) == ("paid", grand - WALLET)


async def test_who_pays_the_part_ahead_another_way_still_pays_the_same_cash_at_the_door(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme", "bolt") as f:
        t = f.till
        order = await placed(t)
        rest = order.totals.grand - WALLET
        other = {"tenders": [{"method": "bolt", "amount": WALLET}, {"method": "cod", "amount": rest}]}
        assert (await f.meanwhile(f.ask("POST", f"/v1/orders/{order.id}/payments", json=other))).status_code == 201
        order = await paid(t, await t.stage.order(order.id), "bolt")
        (parcel,) = order.shipments
        assert (order.status, orders.collecting.cash(order, parcel)) == ("confirmed", rest)
        order = await shipped(t, order, cash=rest, collected=rest)
        assert (order.payment_status, orders.collecting.owed_at_the_door(order)) == ("paid", 0)
        assert not order.refunds and not any(a.orphaned for x in order.payments for a in x.attempts)


async def test_who_would_rather_pay_all_of_it_at_the_door_says_so_on_the_page(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order = await placed(f.till)
        link = (await f.ask("POST", f"/v1/orders/{order.id}/pay-links")).json()["url"]
        assert (await f.ask("POST", link[link.index("/pay/") :], by=None, data={"method": "cod"})).status_code == 200
        await f.till.stage.settle()
        order = await f.till.stage.order(order.id)
        assert [(x.method, x.owed) for x in order.payments if x.owed] == [("cod", order.totals.grand)]
        order = await shipped(f.till, order, cash=order.totals.grand, collected=order.totals.grand)
        assert (order.payment_status, order.refunds) == ("paid", ())


@pytest.mark.parametrize(
    ("wrong", "status", "code", "pointer"),
    [
        ([{"method": "acme", "amount": 1}, {"method": "cod", "amount": 1}], 422, "tenders_do_not_sum", "/tenders"),
        ([{"method": "acme", "amount": 10**9}, {"method": "cod"}], 422, "tenders_do_not_sum", "/tenders/1"),
        ([{"method": "acme"}, {"method": "cod"}], 422, "tenders_leave_it_open", "/tenders/1/amount"),
        ([{"method": "cod", "amount": 1}, {"method": "cod"}], 422, "tenders_repeat_a_method", "/tenders/1/method"),
        ([{"method": "acme", "amount": 0}, {"method": "cod"}], 422, "invalid", "/tenders/0/amount"),
        ([{"method": f"m{n}", "amount": 1} for n in range(6)], 422, "invalid", "/tenders"),
        ([], 422, "invalid", "/tenders"),
    ],
)
async def test_parts_that_are_no_split_are_refused_over_http_and_nothing_is_kept(
    dsn: str, tmp_path: Path, wrong: list[dict[str, Any]], status: int, code: str, pointer: str
) -> None:
    async with front(dsn, tmp_path) as f:
        refused = await f.ask("POST", "/v1/orders", json=trading.body({"TEA": 1}, tenders=wrong))
        assert (refused.status_code, refused.headers["content-type"], refused.json()["code"]) == (status, "application/problem+json", code)
        assert [e["pointer"] for e in refused.json()["errors"]] == [pointer]
        for table in ("orders", "order_events", "order_reservations", "workflow_states"):
            assert await trading.count(f.till.stage.parts, table) == 0


async def test_a_quote_says_what_each_method_would_bring_and_a_batch_places_it(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        basket = {"lines": [{"sku": "TEA", "quantity": 1}], "ship_to": trading.ADDRESS, "tenders": PARTS}
        quoted = (await f.ask("POST", "/v1/quotes", json=basket)).json()
        total = quoted["quote"]["totals"]["grand"]
        parts = [{"method": "acme", "amount": WALLET}, {"method": "cod", "amount": total - WALLET}]
        assert quoted["tenders"] == parts
        assert "tenders" not in (await f.ask("POST", "/v1/quotes", json={**basket, "tenders": [{"method": "acme"}]})).json()

        exact = trading.body({"TEA": 1}, tenders=parts)
        wrong = trading.body({"TEA": 1}, phone="01812345678", tenders=parts[:1])
        results = (await f.ask("POST", "/v1/order-batches", json={"orders": [{"order": exact}, {"order": wrong}]})).json()["results"]
        assert [r["status"] for r in results] == [201, 422]
        assert (results[0]["order"]["tenders"], results[1]["problem"]["code"]) == (parts, "tenders_do_not_sum")
        assert await trading.count(f.till.stage.parts, "orders") == 1


async def test_the_same_key_brings_the_same_parts_and_other_parts_are_another_request(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        said, key = trading.body({"TEA": 1}, tenders=PARTS), {"idempotency-key": "parts-1"}
        first = await f.ask("POST", "/v1/orders", json=said, headers=key)
        again = await f.ask("POST", "/v1/orders", json=said, headers=key)
        assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
        other = await f.ask(
            "POST", "/v1/orders", json={**said, "tenders": [{"method": "acme", "amount": 1}, {"method": "cod"}]}, headers=key
        )
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert await trading.count(f.till.stage.parts, "orders") == 1
