"""Notifications over HTTP: who may look, what a resend does, texts that are tried before they count, people who speak for themselves."""

import os
from datetime import timedelta

import httpx
import msgspec
import pytest
from starlette.routing import Router

from haat import app
from haat.domain import notifications, people
from haat.engine import web
from haat.engine.settings import Secret, Settings
from haat.faces.api import notifications as api
from haat.faces.api.gate import Gate

TEXTS = "/v1/notification-templates"
SMS = f"{TEXTS}/placed/customer/sms/en"


class Served:
    def __init__(self, parts, http, keys, customer):
        self.parts, self.http, self.keys, self.customer = parts, http, keys, customer

    async def ask(self, role, method, path, **more):
        headers = {"authorization": f"Bearer {self.keys[role]}"} | more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def told(self, status="sent", **more):
        """A notification that ended so."""
        draw, now = self.parts.draw, self.parts.clock.now()
        made = notifications.Notification(
            **{
                "id": draw.uuid(), "order_id": draw.uuid(), "version": 1, "event": "placed", "role": "customer", "party": "", "channel": "sms",
                "recipient": "+8801712345678", "language": "en", "subject": "", "body": "Haat: we have it.", "parts": 1,
                "data": msgspec.Raw(b"{}"), "urgent": False, "status": status, "reason": "", "due_at": now, "fact_at": now, "created_at": now,
            } | more
        )  # fmt: skip
        async with self.parts.database.transaction() as tx:
            await notifications.record(tx, [made])
        return made


@pytest.fixture
async def served(dsn, tmp_path):
    async with app.open_parts(Settings(data_dir=tmp_path, database_url=Secret(dsn), pool_size=4), dsn) as parts:
        customer = parts.draw.uuid()
        keys = {}
        async with parts.database.transaction() as tx:
            for role, subject in (("admin", ""), ("customer", customer), ("vendor", "aarong"), ("channel", "web")):
                order = people.KeyOrder(id=parts.draw.uuid(), role=role, subject=subject, name=role)
                made = await people.issue_key(tx, order, entropy=os.urandom(32), by="test", now=parts.clock.now() - timedelta(days=1))
                keys[role] = made.secret
        await parts.memory.start()
        gate = Gate(parts.database, parts.memory, parts.clock, parts.seals.guest)
        router = Router(routes=web.routes(api.endpoints(parts.shop), gate), default=web.not_found)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=router), base_url="http://shop") as http:
            yield Served(parts, http, keys, customer)
        await parts.memory.stop()


async def test_only_the_desk_reads_what_was_told_and_tells_again(served):
    told = await served.told()
    for role in ("customer", "vendor", "channel"):
        for method, path in (
            ("GET", "/v1/notifications"), ("GET", f"/v1/notifications/{told.id}"), ("POST", f"/v1/notifications/{told.id}/resends"),
            ("GET", TEXTS), ("GET", SMS), ("GET", "/v1/notification-manners"), ("GET", "/v1/notification-failures"),
        ):  # fmt: skip
            assert (await served.ask(role, method, path)).status_code == 403, (role, path)
        for method, path, body in (("PUT", SMS, {"text": "x"}), ("POST", f"{SMS}/previews", {}), ("PUT", "/v1/notification-manners", {})):
            assert (await served.ask(role, method, path, json=body)).status_code == 403, (role, path)


async def test_notifications_are_listed_by_order_and_status_page_by_page(served):
    told = [await served.told("sent"), await served.told("failed", reason="gone"), await served.told("failed")]
    page = (await served.ask("admin", "GET", "/v1/notifications", params={"status": "failed", "limit": 1})).json()
    assert len(page["data"]) == 1 and page["page"]["has_more"]
    rest = (await served.ask("admin", "GET", "/v1/notifications", params={"status": "failed", "cursor": page["page"]["next"]})).json()
    assert {each["id"] for each in (*page["data"], *rest["data"])} == {told[1].id, told[2].id}
    (one,) = (await served.ask("admin", "GET", "/v1/notifications", params={"order": told[0].order_id})).json()["data"]
    assert (one["id"], one["status"], one["body"]) == (told[0].id, "sent", "Haat: we have it.")
    assert (await served.ask("admin", "GET", f"/v1/notifications/{told[1].id}")).json()["reason"] == "gone"
    assert (await served.ask("admin", "GET", f"/v1/notifications/{told[1].order_id}")).status_code == 404


async def test_a_resend_is_made_once_for_one_key_and_not_while_the_last_one_is_on_its_way(served):
    told = await served.told("unknown")
    path = f"/v1/notifications/{told.id}/resends"
    first = await served.ask("admin", "POST", path, headers={"idempotency-key": '"a"'})
    again = await served.ask("admin", "POST", path, headers={"idempotency-key": '"a"'})
    assert (first.status_code, again.status_code) == (201, 200) and first.json()["id"] == again.json()["id"]
    made = first.json()
    assert (made["resend"], made["resent_from"], made["status"]) == (1, told.id, "due") and made["asked_by"].startswith("admin:")
    other = await served.ask("admin", "POST", path, headers={"idempotency-key": '"b"'})
    assert (other.status_code, other.json()["code"]) == (409, "under_way")
    declined = await served.told("declined")
    refused = await served.ask("admin", "POST", f"/v1/notifications/{declined.id}/resends")
    assert (refused.status_code, refused.json()["code"]) == (409, "declined")


async def test_what_ended_badly_is_found_by_channel_connection_age_and_the_beginning_of_its_reason(served):
    told = [await served.told("failed", reason="sms_account: no credit"), await served.told("failed", reason="number_refused: none")]
    await served.told("failed", channel="email", recipient="a@example.com", reason="sms_account: odd")

    async def found(**asked):
        return [each["id"] for each in (await served.ask("admin", "GET", "/v1/notifications", params=asked)).json()["data"]]

    assert await found(channel="sms", reason="sms_account") == [told[0].id]
    assert set(await found(channel="sms", connection="")) == {told[0].id, told[1].id}
    assert await found(connection="elsewhere") == [] and await found(older_than_s=3600) == []
    ways = (await served.ask("admin", "GET", "/v1/notification-failures", params={"newer_than_s": 60})).json()["data"]
    assert {(each["channel"], each["reason"], each["count"]) for each in ways} == {
        ("sms", "sms_account", 1), ("sms", "number_refused", 1), ("email", "sms_account", 1),
    }  # fmt: skip


async def test_all_that_a_search_finds_is_told_again_once_and_says_who_asked(served):
    path, asked = "/v1/notification-resends", {"channel": "sms", "reason": "sms_account"}
    told = [await served.told("failed", reason="sms_account: no credit") for _ in range(3)]
    await served.told("failed", reason="sms_account: no credit", body="")
    await served.told("failed", reason="number_refused: none")
    for role in ("customer", "vendor", "channel"):
        assert (await served.ask(role, "POST", path, json=asked)).status_code == 403
    wide = await served.ask("admin", "POST", path, json={"older_than_s": 0, "status": "failed"})
    assert (wide.status_code, wide.json()["code"]) == (422, "search_too_wide")
    key = {"idempotency-key": "a"}
    first, other = [(await served.ask("admin", "POST", path, json=asked | {"limit": 2}, headers=key)).json() for _ in range(2)]
    assert first == {"resent": 2, "refused": {"not_written": 1}} and other["resent"] == 2, "asked again under its key, nothing is done"
    reused = await served.ask("admin", "POST", path, json=asked, headers=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    rest, none = [(await served.ask("admin", "POST", path, json=asked)).json() for _ in range(2)]
    assert rest == {"resent": 1, "refused": {"not_written": 1, "under_way": 2}} and (none["resent"], none["refused"]["under_way"]) == (0, 3)
    due = (await served.ask("admin", "GET", "/v1/notifications", params={"status": "due"})).json()["data"]
    assert {each["resent_from"] for each in due} == {each.id for each in told}
    assert all(each["asked_by"].startswith("admin:") for each in due)


async def test_an_own_text_is_tried_kept_in_versions_and_given_up_again(served):
    brought = (await served.ask("admin", "GET", SMS)).json()
    assert brought["version"] == 0 and not brought["own"] and "{{ number }}" in brought["text"]
    put = await served.ask("admin", "PUT", SMS, json={"text": "Thanks for {{ number }}"}, headers={"if-none-match": "*"})
    assert (put.status_code, put.headers["etag"], put.json()["own"]) == (200, '"1"', True)
    stale = await served.ask("admin", "PUT", SMS, json={"text": "x"}, headers={"if-match": '"7"'})
    assert stale.status_code == 412
    back = (await served.ask("admin", "PUT", SMS, json={"text": ""})).json()
    assert (back["version"], back["own"], back["text"]) == (2, False, brought["text"])


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        (SMS, "{{ nothing }}", "template_broken"),
        (SMS, "{{ number", "template_broken"),
        (SMS, "{% for a in [1] * 999999999 %}{% endfor %}", "template_broken"),
        (SMS, "{{ ''.__class__.__mro__ }}", "template_broken"),
        (SMS, "{{ number }} " * 400, "sms_too_long"),
        (f"{TEXTS}/placed/customer/email/en", "no subject", "template_broken"),
        (f"{TEXTS}/placed/customer/pigeon/en", "x", "unknown_template"),
        (f"{TEXTS}/held_for_review/customer/email/en", "x", "unknown_template"),
        (f"{TEXTS}/placed/customer/sms/de", "x", "unknown_template"),
    ],
)
async def test_a_text_that_fails_on_a_sample_is_refused(served, path, text, code):
    for answer in (
        await served.ask("admin", "PUT", path, json={"text": text}),
        await served.ask("admin", "POST", f"{path}/previews", json={"text": text}),
    ):
        assert answer.status_code in (404, 422) and answer.json()["code"] == code


async def test_a_preview_shows_the_samples_and_the_page_of_a_mail(served):
    shown = (await served.ask("admin", "POST", f"{TEXTS}/shipped/customer/email/bn/previews", json={})).json()["data"]
    assert "৳ ১,২৫০" in shown[0]["body"] and shown[0]["html"].startswith("<!doctype html>") and shown[0]["parts"] == 0
    shown = (await served.ask("admin", "POST", f"{SMS}/previews", json={"text": "{{ total|money(currency) }}"})).json()["data"]
    assert (shown[0]["body"], shown[0]["parts"]) == ("Tk 1,250", 1)


async def test_everybody_speaks_for_themselves_and_the_desk_for_anybody(served):
    path = "/v1/notification-preferences"
    said = {"language": "bn", "declined": [{"group": "delivery", "channel": "sms"}]}
    assert (await served.ask("customer", "PUT", path, json=said)).status_code == 200
    assert (await served.ask("customer", "GET", path)).json() == said
    who = {"who": f"customer:{served.customer}"}
    assert (await served.ask("admin", "GET", path, params=who)).json() == said
    assert (await served.ask("vendor", "GET", path, params=who)).status_code == 403
    assert (await served.ask("vendor", "PUT", path, json={"timezone": "Asia/Dhaka"})).status_code == 200
    assert (await served.ask("admin", "GET", path, params={"who": "vendor:aarong"})).json() == {"timezone": "Asia/Dhaka"}
    assert (await served.ask("admin", "GET", path)).status_code == 400
    assert (await served.ask("admin", "PUT", path, json=said)).status_code == 422
    assert (await served.ask("channel", "GET", path)).status_code == 403
    assert (await served.ask("vendor", "PUT", path, json=said | who)).status_code == 403
    assert (await served.ask("admin", "PUT", path, json=api.PREFERENCE)).status_code == 200
    wrong = await served.ask("customer", "PUT", path, json={"timezone": "Asia/Nowhere"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_timezone")
    assert (await served.ask("customer", "PUT", path, json=said, headers={"if-match": '"9"'})).status_code == 412


async def test_a_phone_and_an_address_are_those_of_orders_however_they_are_typed(served):
    path = "/v1/notification-preferences"
    no = {"declined": [{"group": "order", "channel": "sms"}]}
    for typed, kept in (("phone:01712345678", "phone:+8801712345678"), ("email:Rahima@Example.COM", "email:rahima@example.com")):
        assert (await served.ask("admin", "PUT", path, json=no | {"who": typed})).status_code == 200
        async with served.parts.database.reading() as tx:
            assert list(await notifications.preferences(tx, [typed, kept])) == [kept]
        for who in (typed, kept):
            assert (await served.ask("admin", "GET", path, params={"who": who})).json() == no
    for wrong in ("phone:123", "email:nobody"):
        put = await served.ask("admin", "PUT", path, json=no | {"who": wrong})
        assert (put.status_code, put.json()["errors"][0]["pointer"]) == (422, "/who")
        assert (await served.ask("admin", "GET", path, params={"who": wrong})).status_code == 400


async def test_the_shop_says_how_it_tells_things(served):
    path = "/v1/notification-manners"
    assert (await served.ask("admin", "GET", path)).headers["etag"] == '"0"'
    put = await served.ask("admin", "PUT", path, json=api.MANNERS)
    assert (put.status_code, put.headers["etag"]) == (200, '"1"')
    found = (await served.ask("admin", "GET", path)).json()
    assert (found["language"], found["owners"]) == ("bn", {"payments": ["books@example.com"]})
