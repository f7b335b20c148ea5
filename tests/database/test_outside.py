"""Driving conversations against a real server that answers, hesitates, hangs up, redirects and floods; tokens shared on a real database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import Struct

from haat.engine import deadlines
from haat.engine.changes import Memory
from haat.engine.clock import Hands
from haat.engine.database import Database
from haat.engine.outside import Book, Outside, Vault, breakers, wire
from haat.engine.outside import record as recording
from haat.kernel.errors import Broken, Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Granted, Reply, Request, Token, Unknown, answered, ask, post_json, token_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Secrets(Struct, frozen=True):
    key: str = "quite-a-secret"


class Moody:
    """A party that behaves as its path says, and counts."""

    def __init__(self) -> None:
        self.base = ""
        self.heard: Counter[str] = Counter()
        self.release = asyncio.Event()
        self.inside = 0
        self.inside_most = 0
        self.failing = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        mood = request.match_info["mood"]
        self.heard[mood] += 1
        match mood:
            case "hangs_up":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "hangs_up_once" if self.heard[mood] == 1:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "silent":
                await self.release.wait()
            case "redirect":
                raise web.HTTPFound("/fine")
            case "flood":
                return web.Response(body=b"x" * ((1 << 20) + 1))
            case "trouble":
                return web.Response(status=502, text="<html>Bad gateway")
            case "sometimes" if self.failing:
                return web.Response(status=500)
            case "crowd":
                self.inside += 1
                self.inside_most = max(self.inside, self.inside_most)
                for _ in range(5):
                    await asyncio.sleep(0)
                self.inside -= 1
            case "grant":
                return web.json_response({"token": f"token-{self.heard[mood]}"})
        return web.json_response({"mood": mood, "authorization": request.headers.get("authorization", "")})


@pytest.fixture
async def moody() -> AsyncIterator[Moody]:
    party = Moody()
    app = web.Application()
    app.router.add_route("*", "/{mood}", party.answer)
    async with TestServer(app) as server:
        party.base = str(server.make_url("/"))
        yield party
        party.release.set()


@pytest.fixture
async def outside(database: Database) -> AsyncIterator[Outside]:
    vault = Vault(["a secret of the house"])
    opened = Outside(database, Hands(NOW), Book(Memory(database), {}, vault), vault, recorded="all")
    yield opened
    await opened.close()


def a_connection(**fields: Any) -> Connection:
    given: dict[str, Any] = {"kind": "gateway", "code": "moody", "plugin": "moody", "secrets": Secrets(), "limit_s": 5}
    return Connection(**(given | fields))


def call(party: Moody, mood: str, *, question: bool = False, repeatable: bool = False) -> Conversation[Reply]:
    return (yield from ask(post_json(party.base + mood, {"amount": "5"}, question=question, repeatable=repeatable)))


def carefully(party: Moody, mood: str, *, question: bool = False) -> Conversation[Reply]:
    return answered((yield from call(party, mood, question=question)), question=question)


async def test_an_answer_comes_back_as_it_was_given(outside: Outside, moody: Moody) -> None:
    reply = await outside.drive(a_connection(), call(moody, "fine"))
    assert (reply.status, reply.fields()["mood"], reply.headers["content-type"][:16]) == (200, "fine", "application/json")


async def test_a_conversation_that_asks_nothing_runs_without_any_of_it(outside: Outside) -> None:
    def paid_in_cash() -> Conversation[str]:
        return "cash"
        yield

    for _ in range(breakers.FAILURES):
        with pytest.raises(Unavailable):
            await outside.drive(a_connection(), (ask(Request("GET", "http://127.0.0.1:1/", question=True))))
    assert outside.is_open("moody")
    assert await outside.drive(a_connection(), paid_in_cash()) == "cash"


async def test_where_nobody_is_there_nothing_has_happened(outside: Outside) -> None:
    for url in ("http://127.0.0.1:1/", "http://no-such-host.invalid/", "nonsense"):
        with pytest.raises(Unavailable, match="outside_unreachable"):
            await outside.drive(a_connection(), ask(Request("POST", url, body=b"{}")))


async def test_a_lost_answer_to_what_changes_things_is_unknown_and_never_sent_twice(outside: Outside, moody: Moody) -> None:
    with pytest.raises(Unknown, match="outside_lost"):
        await outside.drive(a_connection(), call(moody, "hangs_up"))
    assert moody.heard["hangs_up"] == 1


async def test_even_a_get_that_changes_things_is_never_sent_twice(outside: Outside, moody: Moody) -> None:
    with pytest.raises(Unknown):
        await outside.drive(a_connection(), ask(Request("GET", moody.base + "hangs_up")))
    assert moody.heard["hangs_up"] == 1


async def test_a_lost_answer_to_a_question_is_asked_for_once_more_and_then_unavailable(outside: Outside, moody: Moody) -> None:
    with pytest.raises(Unavailable, match="outside_lost"):
        await outside.drive(a_connection(), call(moody, "hangs_up", question=True))
    assert moody.heard["hangs_up"] == 2
    reply = await outside.drive(a_connection(), call(moody, "hangs_up_once", question=True))
    assert reply.status == 200


async def test_what_carries_an_idempotency_key_is_sent_again(outside: Outside, moody: Moody) -> None:
    assert (await outside.drive(a_connection(), call(moody, "hangs_up_once", repeatable=True))).status == 200
    with pytest.raises(Unknown):
        await outside.drive(a_connection(), call(moody, "hangs_up", repeatable=True))


async def test_who_hesitates_too_long_leaves_it_unknown_or_a_question_unanswered(outside: Outside, moody: Moody) -> None:
    with pytest.raises(Unknown, match="outside_slow"):
        await outside.drive(a_connection(), call(moody, "silent"), limit_s=0.2)
    with pytest.raises(Unavailable, match=r"outside_slow.* within 0\.2 s"):  # given by whoever asks, it may be more than the connection's
        await outside.drive(a_connection(limit_s=0.1), call(moody, "silent", question=True), limit_s=0.2)


async def test_a_silent_party_is_left_alone_also_where_whoever_asked_gives_up_as_early(outside: Outside, moody: Moody) -> None:
    for _ in range(breakers.FAILURES):
        with deadlines.within(0.05), pytest.raises(Unknown, match="outside_slow"):
            await outside.drive(a_connection(), call(moody, "silent"))
    assert outside.is_open("moody") and deadlines.left() is None


async def test_an_operation_that_has_changed_something_stays_unknown_when_a_later_question_is_lost(outside: Outside, moody: Moody) -> None:
    def both() -> Conversation[Reply]:
        yield from call(moody, "fine")
        return (yield from call(moody, "hangs_up", question=True))

    with pytest.raises(Unknown):
        await outside.drive(a_connection(), both())


async def test_a_connector_hears_of_a_loss_and_may_go_on(outside: Outside, moody: Moody) -> None:
    def persistent() -> Conversation[str]:
        try:
            yield from call(moody, "hangs_up")
        except Unknown:
            return str((yield from call(moody, "fine", question=True)).status)
        return "never"

    assert await outside.drive(a_connection(), persistent()) == "200"


async def test_trouble_over_there_is_unknown_for_a_change_and_unavailable_for_a_question(outside: Outside, moody: Moody) -> None:
    with pytest.raises(Unknown, match="outside_trouble"):
        await outside.drive(a_connection(), carefully(moody, "trouble"))
    with pytest.raises(Unavailable, match="outside_trouble"):
        await outside.drive(a_connection(), carefully(moody, "trouble", question=True))


async def test_redirects_are_answers_and_floods_are_cut_off(outside: Outside, moody: Moody) -> None:
    assert (await outside.drive(a_connection(), call(moody, "redirect"))).status == 302
    assert moody.heard["fine"] == 0
    with pytest.raises(Unknown):
        await outside.drive(a_connection(), call(moody, "flood"))


async def test_no_more_speak_at_once_than_the_connection_allows(outside: Outside, moody: Moody) -> None:
    connection = a_connection(concurrency=3)
    await asyncio.gather(*(outside.drive(connection, call(moody, "crowd")) for _ in range(20)))
    assert moody.inside_most == 3


async def test_a_party_that_fails_is_left_alone_then_tried_by_one_and_taken_back(database: Database, moody: Moody) -> None:
    vault = Vault(["s"])
    impatient = breakers.Breakers(open_s=1e-9)  # half open at once
    outside = Outside(database, Hands(NOW), Book(Memory(database), {}, vault), vault, breakers=impatient)
    moody.failing = 1
    for _ in range(breakers.FAILURES):
        with pytest.raises(Unknown):
            await outside.drive(a_connection(), carefully(moody, "sometimes"))
    trial = asyncio.create_task(outside.drive(a_connection(), call(moody, "silent"), limit_s=5))
    while not moody.heard["silent"]:
        await asyncio.sleep(0)
    assert outside.is_open("moody"), "one is trying it, the others wait for what comes of it"
    with pytest.raises(Unavailable, match="outside_open"):
        await outside.drive(a_connection(), call(moody, "fine"))
    moody.release.set()
    await trial
    moody.failing = 0
    assert not outside.is_open("moody")
    assert (await outside.drive(a_connection(), call(moody, "fine"))).status == 200
    await outside.close()


async def test_an_open_breaker_turns_calls_away_without_a_word_to_the_party(outside: Outside, moody: Moody) -> None:
    for _ in range(breakers.FAILURES):
        with pytest.raises(Unknown):
            await outside.drive(a_connection(), call(moody, "hangs_up"))
    with pytest.raises(Unavailable, match="outside_open") as refused:
        await outside.drive(a_connection(), call(moody, "fine"))
    assert 0 < refused.value.retry_after_s <= breakers.OPEN_S
    assert moody.heard["fine"] == 0
    assert (await outside.drive(a_connection(title="mended"), call(moody, "fine"))).status == 200, "set up anew, it is tried anew"


def grant(party: Moody, refresh: str) -> Conversation[Granted]:
    reply = yield from ask(post_json(party.base + "grant", {"refresh": refresh, "password": "hunter22"}, question=True))
    return Granted(reply.fields()["token"], 3600, "refresh-me")


def with_token(party: Moody, refused: str = "", limit: int = 2) -> Conversation[str]:
    return (yield from token_of(Token("access", partial(grant, party), refused, grants_per_hour=limit)))


def another(database: Database, clock: Hands, word: str = "a secret of the house") -> Outside:
    """Another process's driver on the same database."""
    vault = Vault([word])
    return Outside(database, clock, Book(Memory(database), {}, vault), vault)


async def test_of_all_processes_one_asks_for_a_token_and_all_use_it(database: Database, moody: Moody) -> None:
    clock = Hands(NOW)
    processes = [another(database, clock) for _ in range(3)]
    found = await asyncio.gather(*(each.drive(a_connection(), with_token(moody)) for each in processes for _ in range(5)))
    assert set(found) == {"token-1"} and moody.heard["grant"] == 1
    clock.turn_by(timedelta(minutes=58))
    assert await processes[0].drive(a_connection(), with_token(moody)) == "token-1"
    clock.turn_by(timedelta(minutes=2))
    assert await processes[1].drive(a_connection(), with_token(moody)) == "token-2"
    for each in processes:
        await each.close()


async def test_nobody_asks_more_often_than_the_party_allows(database: Database, moody: Moody) -> None:
    clock = Hands(NOW)
    outside = another(database, clock)
    assert await outside.drive(a_connection(), with_token(moody)) == "token-1"
    assert await outside.drive(a_connection(), with_token(moody, refused="token-1")) == "token-2"
    with pytest.raises(Unavailable, match="token_limit") as refused:
        await outside.drive(a_connection(), with_token(moody, refused="token-2"))
    assert refused.value.retry_after_s == 3601
    clock.turn_by(timedelta(hours=1, seconds=1))
    assert await outside.drive(a_connection(), with_token(moody, refused="token-2")) == "token-3"
    await outside.close()


async def test_a_token_is_sealed_where_it_lies_and_of_no_use_with_another_secret(database: Database, moody: Moody) -> None:
    clock = Hands(NOW)
    outside, stranger = another(database, clock), another(database, clock, "another secret")
    await outside.drive(a_connection(), with_token(moody))
    async with database.reading() as tx:
        stored = await tx.fetchval("SELECT token FROM outside_tokens")
    assert b"token-1" not in stored and b"refresh" not in stored
    assert await stranger.drive(a_connection(), with_token(moody)) == "token-2"
    await outside.close()
    await stranger.close()


async def test_a_grant_that_gets_lost_leaves_nothing_unknown(outside: Outside, moody: Moody) -> None:
    def lost(refresh: str) -> Conversation[Granted]:
        yield from call(moody, "hangs_up")
        raise AssertionError

    with pytest.raises(Unavailable):
        await outside.drive(a_connection(), token_of(Token("access", lost)))


async def test_a_conversation_without_end_is_broken(outside: Outside, moody: Moody) -> None:
    def endless() -> Conversation[str]:
        while True:
            yield from call(moody, "fine")

    with pytest.raises(Broken):
        await outside.drive(a_connection(), endless())


async def test_the_record_tells_what_was_said_and_hides_what_nobody_should_read(outside: Outside, database: Database, moody: Moody) -> None:
    def talk() -> Conversation[Reply]:
        headers = {"authorization": "Bearer abcdef123456", "x-note": "quite-a-secret"}
        body = {"cus_phone": "01712345678", "amount": "1520.50", "card_no": "4111111111111111", "note": "mail rahima@example.com"}
        url = moody.base + "fine?store_passwd=quite-a-secret&tran_id=T1"
        return (yield from ask(post_json(url, body, headers)))

    await outside.drive(a_connection(), talk(), subject="attempt-1")
    assert await outside.record.write() == 1
    async with database.reading() as tx:
        row = dict(await tx.fetchrow("SELECT * FROM outside_exchanges"))
    shown = row["url"] + row["request"] + row["reply"]
    assert (row["subject"], row["status"], row["problem"]) == ("attempt-1", 200, "")
    assert "1520.50" in shown and "tran_id=T1" in shown and '"mood":' in shown
    for hidden in ("quite-a-secret", "abcdef123456", "01712345678", "4111111111111111", "rahima@example.com"):
        assert hidden not in shown
    await outside.record.forget(NOW + timedelta(days=recording.KEEP_DAYS + 1))
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM outside_exchanges") == 0


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166", "100.100.100.200"])
async def test_nobody_is_sent_to_the_place_where_clouds_keep_their_machines_credentials(outside: Outside, host: str) -> None:
    def talk() -> Conversation[Reply]:
        return (yield from ask(Request("GET", f"http://{host}/latest/meta-data/", {}, b"", question=True)))

    with pytest.raises(Unavailable):
        await outside.drive(a_connection(limit_s=2), talk())
    assert await outside.record.write() == 1
    async with outside.database.reading() as tx:
        assert await tx.fetchval("SELECT problem FROM outside_exchanges") in (
            "NotSentError: ClientConnectorError",
            "NotSentError: InvalidUrlClientError",
        )


def test_addresses_of_ones_own_network_may_be_spoken_to() -> None:
    assert not any(wire.forbidden(host) for host in ("127.0.0.1", "10.0.0.7", "192.168.1.1", "::1", "fd12::1", "8.8.8.8"))
    assert all(wire.forbidden(host) for host in ("169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254"))


async def test_what_is_left_of_the_record_is_written_when_a_process_stops(outside: Outside, database: Database, moody: Moody) -> None:
    await outside.drive(a_connection(), call(moody, "fine"))
    stop = asyncio.Event()
    running = asyncio.create_task(outside.run(stop))
    await asyncio.sleep(0)
    stop.set()
    await running
    await outside.drive(a_connection(), call(moody, "fine"))
    await outside.close()
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM outside_exchanges") == 2


async def test_a_refusal_of_the_connector_goes_through(outside: Outside, moody: Moody) -> None:
    def refuses() -> Conversation[str]:
        yield from call(moody, "fine")
        raise Refused("capture_in_full", "no")

    with pytest.raises(Refused, match="capture_in_full"):
        await outside.drive(a_connection(), refuses())


def test_what_is_sealed_opens_only_in_its_place_and_with_an_old_secret_too() -> None:
    old, new = Vault(["old"]), Vault(["new", "old"])
    sealed = old.seal(b"words", context="connection:a")
    assert new.open(sealed, context="connection:a") == b"words"
    assert old.seal(b"words", context="connection:a") != sealed
    for vault, context, what in (
        (new, "connection:b", sealed),
        (Vault(["x"]), "connection:a", sealed),
        (new, "connection:a", sealed[:-1] + b"?"),
    ):
        with pytest.raises(Broken):
            vault.open(what, context=context)
