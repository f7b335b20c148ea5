"""Paying over HTTP: see what is due, pay again or another way, ask now, give back, and the page behind a pay link."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.routing import Router

from haat.domain import orders, people
from haat.engine import web
from haat.engine.outside import inbox
from haat.faces.api import hooks, pay_html, pay_page, payment_routes, payments, placing, refunds
from haat.faces.api.gate import Gate
from tests.domain.orders import histories
from tests.flows.test_paying import Till, attempt, till

ADMIN, CUSTOMER, STRANGER = "admin", "customer", "stranger"


class Shopfront(msgspec.Struct):
    """The till's API, and who speaks to it."""

    till: Till
    client: httpx.AsyncClient
    keys: dict[str, str]

    async def ask(self, method: str, path: str, *, by: str | None = ADMIN, **said: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.keys[by]}"} if by else {}
        return await self.client.request(method, path, headers=headers | said.pop("headers", {}), **said)

    async def meanwhile(self, asked: Awaitable[httpx.Response]) -> httpx.Response:
        """The answer, while workers work."""
        answer = asyncio.ensure_future(asked)
        while not answer.done():
            await self.till.stage.settle()
        return await answer


def returning(t: Till) -> list[web.Endpoint]:
    """The doors through which buyers come back."""
    parts = t.stage.parts

    async def keep(news: inbox.News) -> bool:
        async with parts.database.transaction() as tx:
            return (await inbox.keep(tx, [news]))[0]

    landing = pay_page.Landing(parts.shop, t.counter)
    outside = parts.desks.outside
    return hooks.endpoints(outside, keep=keep, new_id=parts.draw.uuid, attempt_of=t.counter.attempt_of, landing=landing)


@asynccontextmanager
async def front(dsn: str, place: Path, *codes: str) -> AsyncIterator[Shopfront]:
    async with till(dsn, place, codes or ("acme",)) as t:
        parts = t.stage.parts
        keys = {}
        async with parts.database.transaction() as tx:
            for name, role, subject in ((ADMIN, "admin", ""), (CUSTOMER, "customer", "c-1"), (STRANGER, "customer", "c-2")):
                order = people.KeyOrder(id=parts.draw.uuid(), role=role, subject=subject, name=name)
                keys[name] = (
                    await people.issue_key(tx, order, entropy=(name.encode() * 8)[:32], by="system", now=t.stage.clock.now())
                ).secret
        gate = Gate(parts.database, parts.memory, t.stage.clock, parts.seals.guest)
        said = [*payments.endpoints(parts.shop, t.counter), *refunds.endpoints(parts.shop), *payment_routes.endpoints(parts.shop, t.counter),
                *pay_page.endpoints(parts.shop, t.counter), *placing.endpoints(parts.shop), *returning(t)]  # fmt: skip
        app = Router(routes=list(web.routes(said, gate)), default=web.not_found, redirect_slashes=False)
        parts.shop.live.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://haat") as client:
            yield Shopfront(t, client, keys)
        await parts.shop.live.stop()


async def placed(f: Shopfront, method: str = "acme", **more: Any) -> orders.Order:
    return await f.till.placed(method, customer={"name": "Rahima", "phone": "01712345678", "id": "c-1"}, **more)


async def test_what_is_due_is_seen_by_its_buyer_and_by_nobody_else(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order = await f.till.placed()
        seen = (await f.ask("GET", f"/v1/orders/{order.id}/payments")).json()
        assert (seen["due"], seen["redirect_url"][:13]) == (order.totals.grand, "https://acme.")
        one = (await f.ask("GET", f"/v1/payments/{attempt(order).id}")).json()
        assert (one["gateway"], one["status"], one["receipt"]["gateway"]) == ("acme", "pending", "acme")
        for path in (f"/v1/orders/{order.id}/payments", f"/v1/payments/{attempt(order).id}", f"/v1/orders/{order.id}/refunds"):
            assert (await f.ask("GET", path, by=STRANGER)).status_code == 404
            assert (await f.ask("GET", path, by=None)).status_code == 401


async def test_an_open_page_is_used_again_and_another_way_opens_another(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme", "bolt") as f:
        order = await f.till.placed()
        again = await f.ask("POST", f"/v1/orders/{order.id}/payments", json={})
        assert (again.status_code, again.json()["redirect_url"]) == (200, attempt(order).redirect_url)

        other = {"tenders": [{"method": "bolt", "amount": 6_000}, {"method": "cod", "amount": order.totals.grand - 6_000}]}
        answer = await f.meanwhile(f.ask("POST", f"/v1/orders/{order.id}/payments", json=other))
        assert (answer.status_code, answer.json()["due"], answer.json()["redirect_url"][:13]) == (201, 6_000, "https://bolt.")

        wrong = {"tenders": [{"method": "bolt", "amount": 1}]}
        refused = await f.ask("POST", f"/v1/orders/{order.id}/payments", json=wrong)
        assert (refused.status_code, refused.json()["code"], refused.json()["data"]["due"]) == (
            422,
            "tenders_do_not_sum",
            order.totals.grand,
        )


async def test_asking_now_finds_money_that_nobody_told_of(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order = await f.till.placed()
        f.till.bank.pay(attempt(order).id)
        answer = await f.ask("POST", f"/v1/orders/{order.id}/payments/{attempt(order).id}/checks")
        assert (answer.status_code, answer.json()["payment_status"]) == (200, "paid")
        seen = (await f.ask("GET", f"/v1/payments/{attempt(order).id}")).json()
        assert [(s["source"], s["status"], s["counted"]) for s in seen["signals"]][-1] == ("poll", "charged", True)


async def test_a_refund_that_its_gateway_cannot_be_asked_about_is_a_persons_within_minutes(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order, bank, path = await f.till.paid(await f.till.placed()), f.till.bank, "/v1/orders/{}/refunds"
        bank.mood("acme.refund", "lost_after")
        bank.mood("acme.query_refund", *["no_lookup"] * 20)
        await f.till.stage.ask(order.id, lambda o: orders.cancel(o, None, reason="changed_mind"))
        await f.till.stage.later(seconds=1)
        assert not (await f.till.stage.order(order.id)).exceptions, "it may still be on its way there"
        for _ in range(3):
            await f.till.stage.later(minutes=1)
        order = await f.till.stage.order(order.id)
        assert [(e.step, e.cause, e.owner, e.repairs) for e in order.exceptions] == [
            ("ask_refund", "refund_unknown", "payments", ("retry",))
        ]
        place = f"{path.format(order.id)}/{order.refunds[0].id}/findings"
        for wrong, code in (
            ({"found": True}, "reference_required"),
            ({"found": False}, "reason_required"),
            ({"found": False, "reference": "R", "detail": "x"}, "contradictory"),
        ):
            assert (await f.ask("POST", place, json=wrong)).json()["code"] == code
        assert (await f.ask("POST", place, by=CUSTOMER, json={"found": True, "reference": "R"})).status_code == 403

        bank.moods.clear()
        found = {"found": True, "reference": "R-17"}
        for _ in range(2):
            answer = await f.ask("POST", place, json=found)
            assert (answer.status_code, answer.json()["data"][0]["reference"]) == (201, "R-17")
        other = await f.ask("POST", place, json={"found": False, "detail": "rang them up"})
        assert (other.status_code, other.json()["code"]) == (409, "refund_known")
        await f.till.stage.later(minutes=1)
        order = await f.till.stage.order(order.id)
        assert (order.refunds[0].status, order.payment_status, order.exceptions) == ("succeeded", "refunded", ())
        assert bank.calls.count("acme.refund") == 1
        late = await f.ask("POST", place, json={"found": True, "reference": "R-18"})
        assert (late.status_code, late.json()["code"]) == (409, "refund_known")


async def test_the_same_refund_asked_twice_goes_back_once(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path) as f:
        order = await f.till.paid(await f.till.placed(lines={"TEA": 2}))
        path, key = f"/v1/orders/{order.id}/refunds", {"idempotency-key": "wish-1"}
        for _ in range(2):
            answer = await f.ask("POST", path, json={"reason": "late", "lines": [{"line_no": 1, "quantity": 1}]}, headers=key)
            assert answer.status_code == 201
            await f.till.stage.settle()
        seen = (await f.ask("GET", path)).json()
        assert [(r["amount"], r["status"]) for r in seen["data"]] == [(10_000, "succeeded")]
        assert seen["refundable"] == order.totals.grand - 10_000
        too_much = await f.ask("POST", path, json={"reason": "late", "amount": order.totals.grand})
        assert (too_much.status_code, too_much.json()["code"]) == (409, "more_than_kept")
        assert (await f.ask("POST", path, json={"reason": "late", "amount": 1}, by=STRANGER)).status_code == 403


async def test_a_buyer_pays_on_the_page_behind_the_link(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme") as f:
        f.till.bank.mood("acme.create", *["declined"] * 6)
        order = await f.till.placed("card")
        assert attempt(order).status == "failed"
        f.till.bank.moods.clear()
        link = (await f.ask("POST", f"/v1/orders/{order.id}/pay-links")).json()["url"]
        path = link[link.index("/pay/") :]
        shown = await f.ask("GET", path, by=None)
        assert shown.status_code == 200 and order.number in shown.text and 'value="card"' in shown.text and "৳" in shown.text
        assert 'lang="bn"' in shown.text and "Your goods are held" not in shown.text, "in one language, Bangla where nothing is said"
        english = await f.ask("GET", f"{path}?language=en&fbclid=x", by=None, headers={"accept-language": "bn"})
        assert "Your goods are held" in english.text and "Pay with Card" in english.text and f"{order.lines[0].name}" in english.text
        preferred = await f.ask("GET", path, by=None, headers={"accept-language": "fr, en-US;q=0.8"})
        assert preferred.text == english.text
        assert "frame-ancestors 'none'" in shown.headers["content-security-policy"], "nobody shows it inside a page of theirs"
        onward = await f.meanwhile(f.ask("POST", path, by=None, data={"method": "card"}))
        assert (onward.status_code, onward.headers.get("location", "")[:13]) == (303, "https://acme.")
        closed = await f.ask("GET", path[:-3] + "AAA", by=None)
        assert (closed.status_code, closed.headers["content-type"]) == (404, "text/html; charset=utf-8"), "a person reads it"
        nonsense = await f.ask("POST", f"{path}?language=en", by=None, data={"method": "gold"})
        assert "Please choose one of these ways" in nonsense.text

        await f.till.paid(await f.till.stage.order(order.id))
        assert "nothing is to be paid" in (await f.ask("GET", f"{path}?language=en", by=None)).text


def test_a_buyer_is_offered_ways_to_pay_and_not_the_houses_behind_them() -> None:
    order = msgspec.structs.replace(histories.placed(histories.a_line(1, 2, 10_000)), payment_method="nagad")
    everything = frozenset(pay_html.METHODS)
    assert pay_html.offered(everything, order) == ["nagad", "bkash", "rocket", "upay", "card", "bank", "cod"]
    assert pay_html.offered(frozenset({"stripe"}), order) == ["stripe"]


def test_of_an_order_in_parts_the_way_that_is_due_now_is_offered_first() -> None:
    order = histories.after(
        msgspec.structs.replace(histories.placed(histories.a_line(1, 2, 10_000)), payment_method="cod"),
        orders.events.OrderPaymentRequested("t-1", "cod", 16_000),
        orders.events.OrderPaymentRequested("t-2", "nagad", 10_000, histories.NOW),
    )
    assert pay_html.offered(frozenset({"bkash", "nagad", "cod"}), order) == ["nagad", "bkash", "cod"]


async def test_routing_rules_are_written_and_gateways_shown_with_how_they_do(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme", "bolt") as f:
        rule = {"code": "first", "methods": ["card"], "gateways": ["bolt", "acme"], "choose": "order"}
        assert (await f.ask("PUT", "/v1/payment-routes/first", json=rule)).status_code == 201
        stale = await f.ask("PUT", "/v1/payment-routes/first", json=rule, headers={"if-match": '"7"'})
        assert stale.status_code == 412
        await f.till.stage.parts.memory.catch_up()
        order = await f.till.placed("card")
        assert attempt(order).gateway == "bolt"
        await f.till.paid(order)
        seen = {g["gateway"]: (g["tried"], g["succeeded"]) for g in (await f.ask("GET", "/v1/payment-gateways")).json()["data"]}
        assert seen == {"acme": (0, 0), "bolt": (1, 1)}


async def test_only_returns_that_name_an_attempt_of_ours_are_kept_and_one_row_for_each(dsn: str, tmp_path: Path) -> None:
    async with front(dsn, tmp_path, "acme", "bolt") as f:
        order, place = await f.till.placed(), "/v1/hooks/gateway/{}/returns"
        paid = {"attempt": attempt(order).id}
        for code, made_up in (("acme", {"attempt": order.id}), ("bolt", paid), ("acme", {"attempt": "x"}), ("acme", {})):
            for method, sent in (("GET", {"params": made_up}), ("POST", {"data": made_up | {"x": "y" * 15_000}})):
                answer = await f.ask(method, place.format(code), by=None, **sent)
                assert (answer.status_code, answer.text) == (200, hooks.THANKS)
        assert await rows(f) == []

        f.till.bank.mood("acme.confirm", *["unavailable"] * 3)
        for number in range(3):
            answer = await f.ask("GET", place.format("acme"), by=None, params=paid | {"x": str(number)})
            assert (answer.status_code, "/pay/hpl_" in answer.headers["location"]) == (303, True)
        assert await rows(f) == [("RETURN", "waiting", 3)]
        f.till.bank.pay(attempt(order).id)
        await f.till.counter.step()
        assert (await f.till.stage.order(order.id)).payment_status == "paid"
        assert await rows(f) == [("RETURN", "done", 3)]


async def rows(f: Shopfront) -> list[tuple[str, str, int]]:
    async with f.till.stage.parts.database.reading() as tx:
        return [tuple(row) for row in await tx.fetch("SELECT method, status, times FROM hook_inbox ORDER BY id")]
