"""Connections and the hook inbox on a real PostgreSQL, and their two doors in the API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Router

import haat.domain.payments.gateways
from haat.domain import payments, people
from haat.engine import changes, plugins, web
from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.outside import Book, Outside, Sheet, Vault, connections, inbox
from haat.faces.api import connections as connections_api
from haat.faces.api import hooks as hooks_api
from haat.faces.api.gate import Gate
from haat.kernel.errors import Refused
from haat.kernel.outside import Hook
from tests.contracts.gateway_samples import ATTEMPT, NOW, ssl_notification, stripe_event

KINDS = {"gateway": plugins.load(haat.domain.payments.gateways, "GATEWAY", payments.Gateway)}
VAULT = Vault(["a secret of the house"])
SSL = {
    "kind": "gateway",
    "plugin": "sslcommerz",
    "title": "Cards",
    "config": {"store_id": "haat", "base_url": "http://127.0.0.1:1"},
    "secrets": {"store_passwd": "store-password"},
}


def a_sheet(**fields: Any) -> Sheet:
    return msgspec.convert(SSL | fields, Sheet)


async def put(database: Database, code: str = "cards", expected: dict[str, int] | None = None, **fields: Any) -> connections.Stored:
    async with database.transaction() as tx:
        return (await connections.put(tx, {code: a_sheet(**fields)}, KINDS, VAULT, now=NOW, expected=expected))[code]


class Served:
    """The two resources behind the real gate, in process."""

    def __init__(self, client: httpx.AsyncClient, outside: Outside, memory: Memory, landings: list[dict[str, str]]) -> None:
        self.client = client
        self.outside = outside
        self.memory = memory
        self.landings = landings

    async def put(self, code: str, sheet: dict[str, Any], **headers: str) -> httpx.Response:
        answer = await self.client.put(f"/v1/connections/{code}", json=sheet, headers=headers)
        await self.memory.catch_up()
        return answer


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Served]:
    clock, memory = Hands(NOW), Memory(database)
    outside = Outside(database, clock, Book(memory, KINDS, VAULT), VAULT)
    gate = Gate(database, memory, clock, [b"x" * 32])
    draw = await Draw.open(clock, database)
    landings: list[dict[str, str]] = []

    async def landing(connection: Any, brought: Any) -> str:
        landings.append({"connection": connection.code, **brought})
        return f"https://shop.example/paid?attempt={brought.get('attempt', '')}"

    async def keep(news: inbox.News) -> bool:
        async with database.transaction() as tx:
            return (await inbox.keep(tx, [news]))[0]

    async def attempt_of(connection: Any, signal: payments.Signal) -> str | None:
        return ATTEMPT if signal.attempt == ATTEMPT else None

    hooks = hooks_api.endpoints(outside, keep=keep, new_id=draw.uuid, attempt_of=attempt_of, landing=landing)
    said = [*connections_api.endpoints(outside), *hooks]
    async with database.transaction() as tx:
        order = people.KeyOrder(id=draw.uuid(), name="test", role="admin", subject="", scopes=("*",))
        key = await people.issue_key(tx, order, entropy=b"7" * 32, by="test", now=NOW)
    await memory.start()
    transport = httpx.ASGITransport(Router(routes=web.routes(said, gate), default=web.not_found))
    headers = {"authorization": f"Bearer {key.secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://haat.test", headers=headers) as client:
        yield Served(client, outside, memory, landings)
    await memory.stop()
    await outside.close()


async def test_a_connection_is_kept_and_its_secrets_are_sealed(database: Database) -> None:
    stored = await put(database)
    assert (stored.plugin, stored.secrets_set, stored.version, stored.problem) == ("sslcommerz", ["store_passwd"], 1, "")
    async with database.reading() as tx:
        assert b"store-password" not in bytes(await tx.fetchval("SELECT secrets FROM connections"))
        connection = await connections.load(tx, "cards", KINDS, VAULT)
    assert connection.secrets.store_passwd == "store-password"


async def test_secrets_that_are_left_out_stay(database: Database) -> None:
    await put(database)
    stored = await put(database, secrets={}, title="Cards and wallets")
    assert (stored.title, stored.secrets_set, stored.version) == ("Cards and wallets", ["store_passwd"], 2)


async def test_secrets_do_not_move_to_another_address_with_somebody_who_does_not_know_them(database: Database) -> None:
    elsewhere = {"store_id": "haat", "base_url": "http://127.0.0.1:2"}
    await put(database)
    with pytest.raises(Refused, match="given anew") as refused:
        await put(database, config=elsewhere, secrets={})
    assert (refused.value.code, refused.value.data["secrets"]) == ("secrets_needed", ["store_passwd"])
    moved = await put(database, config=elsewhere)
    assert (moved.config, moved.secrets_set) == (elsewhere, ["store_passwd"])


async def test_secrets_that_cannot_be_opened_any_more_are_given_anew(database: Database) -> None:
    await put(database)
    async with database.transaction() as tx:
        other = Vault(["another secret of the house"])
        with pytest.raises(Refused, match="store_passwd"):
            await connections.put(tx, {"cards": a_sheet(secrets={})}, KINDS, other, now=NOW)
        stored = (await connections.put(tx, {"cards": a_sheet()}, KINDS, other, now=NOW))["cards"]
    assert (stored.secrets_set, stored.problem) == (["store_passwd"], "")


async def test_what_a_plugin_cannot_use_is_refused_by_name(database: Database) -> None:
    for wrong, pointer in (
        ({"config": {"store_id": "haat", "base_url": "ftp://x"}}, "/config/base_url"),
        ({"config": {"store_id": "haat", "colour": "red"}}, "/config"),
        ({"config": {}}, "/config"),
        ({"secrets": {}}, "/secrets"),
        ({"secrets": {"store_passwd": ""}}, "/secrets/store_passwd"),
    ):
        with pytest.raises(Refused) as refused:
            await put(database, **wrong)
        assert refused.value.data["errors"][0]["pointer"] == pointer
        assert "store-password" not in str(refused.value)
    with pytest.raises(Refused, match="unknown_plugin"):
        await put(database, plugin="paypal")


async def test_a_connection_keeps_the_plugin_that_its_payments_were_made_with(database: Database) -> None:
    await put(database)
    with pytest.raises(Refused, match="plugin_fixed"):
        await put(database, plugin="cod", config={}, secrets={})


async def test_a_connection_that_somebody_else_changed_is_stale(database: Database) -> None:
    await put(database, expected={"cards": 0})
    for awaited in (0, 7):
        with pytest.raises(Refused, match="stale"):
            await put(database, expected={"cards": awaited})


async def test_every_process_hears_of_a_change_and_a_row_that_fits_no_more_harms_nobody(database: Database) -> None:
    await put(database, priority=20)
    await put(database, "door", plugin="cod", config={}, secrets={}, priority=10)
    memory = Memory(database)
    book = Book(memory, KINDS, VAULT)
    await memory.start()
    assert [each.code for each in book.active("gateway")] == ["door", "cards"]
    async with database.transaction() as tx:
        assert await connections.deactivate(tx, ["door", "nobody"], now=NOW) == ["door"]
        await tx.execute("UPDATE connections SET config = '{\"store_id\": 7}' WHERE code = 'cards'")
        await changes.announce(tx, connections.KIND, ["cards"])
    await memory.catch_up()
    assert book.active("gateway") == [] and book.get("cards") is None and book.need("door").active is False
    with pytest.raises(Refused, match="unknown_connection"):
        book.need("cards")
    async with database.reading() as tx:
        assert (await connections.everything(tx, KINDS, VAULT))["cards"].problem
    await memory.stop()


def news(key: str, now: datetime = NOW) -> inbox.News:
    return inbox.News(f"0195502c-0000-7000-8000-{int(key):012d}", "gateway", "cards", key, Hook(body=key.encode()), now)


async def kept(database: Database, *keys: str, now: datetime = NOW) -> list[bool]:
    async with database.transaction() as tx:
        return await inbox.keep(tx, [news(key, now) for key in keys])


async def test_news_told_twice_is_kept_once(database: Database) -> None:
    assert await kept(database, "1", "2", "1") == [True, True, False]
    async with database.transaction() as tx:
        assert [each.hook.body for each in await inbox.claim(tx, kind="gateway", now=NOW)] == [b"1", b"2"]


async def test_two_workers_never_have_the_same_news_and_a_dead_one_leaves_them_to_others(database: Database) -> None:
    await kept(database, *map(str, range(1, 7)))
    async with database.transaction() as one, database.transaction() as two:
        first, second = await inbox.claim(one, kind="gateway", now=NOW, limit=4), await inbox.claim(two, kind="gateway", now=NOW, limit=4)
    assert (len(first), len(second)) == (4, 2) and not {each.id for each in first} & {each.id for each in second}
    async with database.transaction() as tx:
        assert await inbox.claim(tx, kind="gateway", now=NOW) == []
        await inbox.done(tx, [each.id for each in second], now=NOW)
        late = await inbox.claim(tx, kind="gateway", now=NOW + inbox.LEASE)
    assert {each.id for each in late} == {each.id for each in first} and {each.attempts for each in late} == {2}


async def test_what_fails_comes_again_ever_later_and_lies_there_at_last_until_somebody_says_again(database: Database) -> None:
    await kept(database, "1")
    now, waits = NOW, []
    for _ in range(inbox.ATTEMPTS_MAX):
        async with database.transaction() as tx:
            (each,) = await inbox.claim(tx, kind="gateway", now=now)
            await inbox.failed(tx, {each.id: "the gateway is down"}, now=now)
            due = await tx.fetchval("SELECT due_at FROM hook_inbox")
        waits.append((due - now).total_seconds())
        now = due
    assert waits == sorted(waits) and waits[0] == 15 and waits[-1] <= inbox.PAUSE_MAX_S and sum(waits) > 24 * 3600 / 2
    async with database.transaction() as tx:
        (resting,) = await inbox.resting(tx, status="failed")
        assert resting.problem == "the gateway is down" and await inbox.claim(tx, kind="gateway", now=now) == []
        assert (await inbox.again(tx, [resting.id], now=now), await inbox.again(tx, [resting.id], now=now)) == (1, 0)
        assert len(await inbox.claim(tx, kind="gateway", now=now)) == 1


async def test_what_was_done_is_forgotten_after_a_while(database: Database) -> None:
    await kept(database, "1", "2")
    async with database.transaction() as tx:
        await inbox.done(tx, [news("1").id], now=NOW)
        await inbox.forget(tx, NOW + timedelta(seconds=1))
        assert await tx.fetchval("SELECT count(*) FROM hook_inbox") == 1


async def test_an_operator_sets_a_gateway_up_and_sees_everything_but_its_secrets(served: Served) -> None:
    made = await served.put("cards", SSL)
    assert made.status_code == 201 and made.headers["etag"] == '"1"'
    for answer in (made, await served.client.get("/v1/connections/cards"), await served.client.get("/v1/connections?kind=gateway")):
        assert "store-password" not in answer.text and "store_passwd" in answer.text
    assert (await served.put("cards", SSL | {"title": "x"})).status_code == 200
    assert (await served.client.get("/v1/connections?kind=courier")).json()["data"] == []


async def test_a_wrong_setting_is_answered_with_its_place(served: Served) -> None:
    answer = await served.put("cards", SSL | {"secrets": {"password": "x"}})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/secrets"
    assert (await served.put("cards", SSL, **{"if-match": '"3"'})).status_code == 412
    assert (await served.put("Cards!", SSL)).status_code == 422
    assert (await served.client.get("/v1/connections/none")).status_code == 404


async def test_a_fallback_is_written_and_shown_and_one_that_is_nobody_is_refused(served: Served) -> None:
    answer = await served.put("cards", SSL | {"fallback": "other"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_fallback")
    await served.put("other", SSL)
    assert (await served.put("cards", SSL | {"fallback": "other"})).json()["connection"]["fallback"] == "other"
    assert served.outside.book.stand_in("cards", {"other"}) == "other"


async def test_a_limit_for_which_no_step_would_wait_is_refused_with_its_place(served: Served) -> None:
    answer = await served.put("cards", SSL | {"limit_s": 31})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/limit_s"
    assert (await served.put("cards", SSL | {"limit_s": 30})).json()["connection"]["limit_s"] == 30


async def test_a_connection_that_was_once_allowed_longer_counts_as_allowed_as_long_as_a_step_waits(database: Database) -> None:
    await put(database)
    async with database.transaction() as tx:
        await tx.execute("UPDATE connections SET limit_s = 600")
        assert (await connections.load(tx, "cards", KINDS, VAULT)).limit_s == 30
        assert (await connections.everything(tx, KINDS, VAULT))["cards"].limit_s == 30


async def test_a_connection_is_switched_off_and_its_news_still_heard(served: Served) -> None:
    await served.put("cards", SSL)
    assert (await served.client.delete("/v1/connections/cards")).status_code == 204
    await served.memory.catch_up()
    assert served.outside.book.active("gateway") == []
    assert (await told(served, ssl_notification())).status_code == 200


async def test_a_check_says_what_it_found(served: Served) -> None:
    await served.put("door", {"kind": "gateway", "plugin": "cod"})
    await served.put("cards", SSL)
    assert (await served.client.post("/v1/connections/door/checks")).json()["well"] is True
    answer = await served.client.post("/v1/connections/cards/checks")
    assert answer.status_code == 200 and answer.json()["well"] is False and "store-password" not in answer.text


async def test_the_plugins_say_what_they_need(served: Served) -> None:
    found = {each["code"]: each for each in (await served.client.get("/v1/connection-plugins")).json()["data"]}
    assert set(found) == set(KINDS["gateway"]) and found["bkash"]["abilities"]["capture"] == "full"


async def told(served: Served, hook: Hook, place: str = "/v1/hooks/gateway/cards", **query: str) -> httpx.Response:
    headers = {"authorization": "", "content-type": "application/json"} | dict(hook.headers)
    return await served.client.post(place, content=hook.body, headers=headers, params=query)


async def waiting(served: Served) -> list[inbox.Arrived]:
    async with served.outside.database.transaction() as tx:
        return await inbox.claim(tx, kind="gateway", now=NOW)


async def test_a_notification_is_kept_once_and_answered_every_time(served: Served) -> None:
    await served.put("cards", SSL)
    answers = await asyncio.gather(*(told(served, ssl_notification()) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    (arrived,) = await waiting(served)
    assert arrived.hook.form()["tran_id"] == ssl_notification().form()["tran_id"]


async def test_what_is_forged_unknown_or_too_large_is_turned_away_and_not_kept(served: Served) -> None:
    await served.put("cards", SSL)
    genuine = ssl_notification()
    forged = msgspec.structs.replace(genuine, body=genuine.body.replace(b"VALID", b"VALIX"))
    assert (await told(served, forged)).status_code == 403
    assert (await told(served, genuine, "/v1/hooks/gateway/nobody")).status_code == 404
    assert (await told(served, genuine, "/v1/hooks/courier/cards")).status_code == 404
    assert (await told(served, msgspec.structs.replace(genuine, body=b"x" * (256 * 1024 + 1)))).status_code == 413
    assert (await told(served, Hook(headers={"content-type": "image/png"}))).status_code == 415
    for nothing in (b"tran_id=x%00&status=VALID", b"tran_id=x\0&status=VALID"):
        form = Hook(headers={"content-type": "application/x-www-form-urlencoded"}, body=nothing)
        assert (await told(served, form, "/v1/hooks/gateway/cards/returns")).status_code == 400
    assert await waiting(served) == []


async def test_a_stripe_event_is_heard_with_its_signature_and_kept_without(served: Served) -> None:
    await served.put(
        "cards", {"kind": "gateway", "plugin": "stripe", "secrets": {"secret_key": "sk_test_secret", "webhook_secret": "whsec_test_secret"}}
    )
    assert (await told(served, stripe_event())).status_code == 200
    (arrived,) = await waiting(served)
    assert "stripe-signature" not in arrived.hook.headers and arrived.hook.fields()["id"] == "evt_1"


async def test_a_buyer_who_comes_back_goes_on_to_the_shop_and_it_is_noted(served: Served) -> None:
    await served.put("cards", SSL)
    place = "/v1/hooks/gateway/cards/returns"
    form = {"tran_id": "x", "status": "VALID"}
    by_form = await served.client.post(place, params={"attempt": ATTEMPT}, data=form, headers={"authorization": ""})
    again = await served.client.post(place, params={"attempt": ATTEMPT}, data=form, headers={"authorization": ""})
    by_link = await served.client.get(place, params={"attempt": ATTEMPT, "status": "CANCELLED"}, headers={"authorization": ""})
    for answer in (by_form, again, by_link):
        assert (answer.status_code, answer.headers["location"]) == (303, f"https://shop.example/paid?attempt={ATTEMPT}")
    first, second = sorted(await waiting(served), key=lambda each: -len(each.hook.query))
    assert {first.hook.method, second.hook.method} == {inbox.RETURN}
    assert first.hook.query == {"attempt": ATTEMPT, "tran_id": "x", "status": "VALID"}


async def test_a_return_that_points_at_nothing_or_brings_too_much_is_not_kept(served: Served) -> None:
    await served.put("cards", SSL)
    place = "/v1/hooks/gateway/cards/returns"
    for nothing in ({}, {"attempt": ATTEMPT.replace("0", "1")}, {"bank_tran_id": "made up"}):
        answer = await served.client.get(place, params=nothing)
        assert (answer.status_code, answer.text) == (200, hooks_api.THANKS)
    assert (await served.client.get(place, params={"attempt": ATTEMPT, "x": "y" * 17_000})).status_code == 400
    assert (await served.client.post(place, data={"x": "y" * 17_000})).status_code == 413
    assert await waiting(served) == [] and served.landings == []


async def test_returns_of_one_attempt_that_say_the_same_are_one_row_whatever_else_they_bring(served: Served) -> None:
    await served.put("cards", SSL)
    for number in range(3):
        brought = {"attempt": ATTEMPT, "status": "VALID", "x": str(number)}
        assert (await served.client.get("/v1/hooks/gateway/cards/returns", params=brought)).status_code == 303
    (arrived,) = await waiting(served)
    assert arrived.hook.query["x"] == "0"


async def test_a_return_that_was_dealt_with_waits_once_more_when_the_buyer_comes_again(database: Database) -> None:
    back = msgspec.structs.replace(news("1"), hook=Hook(inbox.RETURN, {}, {"attempt": ATTEMPT}))
    rested = timedelta(seconds=inbox.ANEW_AFTER_S)
    async with database.transaction() as tx:
        for now in (NOW, NOW + rested):
            await inbox.keep(tx, [back, news("2")])
            assert await inbox.claim(tx, kind="gateway", now=now - timedelta(seconds=1)) == [], "nobody makes us ask each time"
            claimed = await inbox.claim(tx, kind="gateway", now=now)
            assert await inbox.keep(tx, [back]) == [False]
            assert await inbox.claim(tx, kind="gateway", now=now) == [], "somebody is at it"
            await inbox.done(tx, [each.id for each in claimed], now=now)
        assert [(each.id, each.attempts) for each in claimed] == [(back.id, 1)]


async def test_a_return_that_failed_is_looked_at_again_when_the_buyer_comes_again(database: Database) -> None:
    back = msgspec.structs.replace(news("1"), hook=Hook(inbox.RETURN, {}, {"attempt": ATTEMPT}))
    now = NOW
    async with database.transaction() as tx:
        await inbox.keep(tx, [back])
        for _ in range(inbox.ATTEMPTS_MAX):
            (claimed,) = await inbox.claim(tx, kind="gateway", now=now)
            await inbox.failed(tx, {claimed.id: "away"}, now=now)
            now += timedelta(days=1)
        assert await inbox.claim(tx, kind="gateway", now=now) == []
        await inbox.keep(tx, [back])
        (claimed,) = await inbox.claim(tx, kind="gateway", now=now)
        assert claimed.attempts == 1
