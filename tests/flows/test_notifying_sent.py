"""How notifications leave: by real mail servers and gateways, with lost answers, killed senders and two at once. Sent once."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web

from haat.domain import notifications
from haat.domain.orders import events
from haat.engine.outside import breakers
from haat.kernel.errors import Refused, Unavailable
from tests.flows.telling import EMAIL, certificate, created, gateway, mail_server, shop

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def here(dsn, database):
    async with shop(dsn, database) as made:
        yield made


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")  # the test server about itself
async def test_a_mail_arrives_over_a_secure_line_with_text_and_page_and_our_id(here, tmp_path):
    pem, context = certificate(tmp_path)
    async with mail_server(auth_required=True, tls_context=context) as post:
        config = {"host": "127.0.0.1", "port": post.port, "sender": "Haat <shop@example.com>", "certificate": pem}
        await here.connect("mail", "smtp", config, {"username": "shop", "password": "secret"})
        order = await here.happen(created())
        await here.send_all()
    assert post.logins == [("shop", "secret")]
    (told,) = await here.told(order)
    (mail,) = post.mails
    assert (told.status, mail["Message-ID"]) == ("sent", f"<{told.id}@example.com>")
    assert (mail["To"], mail["From"], mail["Subject"]) == (EMAIL, "Haat <shop@example.com>", "We have your order 7KQ2-M9XF-4")
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and "2 × Sylhet tea: Tk 200" in text.get_content()
    assert page is not None and 'href="https://shop.example/orders/hgt_' in page.get_content()


async def test_a_server_that_nobody_trusts_or_that_shuts_us_out_gets_no_mail_and_the_mail_waits(here, tmp_path):
    pem, context = certificate(tmp_path)
    config = {"host": "127.0.0.1", "sender": "shop@example.com"}
    async with mail_server(auth_required=True, tls_context=context) as post:
        for n, (more, secrets, why) in enumerate([
            ({}, {"username": "shop", "password": "secret"}, "mail_unreachable"),
            ({"certificate": pem}, {"username": "shop", "password": "wrong"}, "mail_account"),
            ({"certificate": pem, "security": "tls"}, {}, "mail_unreachable"),
        ]):  # fmt: skip
            await here.connect("mail", "smtp", config | {"port": post.port} | more, secrets)
            order = await here.happen(created())
            await here.send_all()
            (told,) = await here.told(order)
            assert (told.status, told.reason.split(":")[0]) == ("due", why), n
        assert post.mails == []


async def test_a_bangla_mail_arrives_as_bangla(here):
    await here.prefer(f"email:{EMAIL}", language="bn")
    async with mail_server() as post:
        await here.connect("mail", "smtp", {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "shop@example.com"})
        await here.happen(created())
        await here.send_all()
    (mail,) = post.mails
    assert mail["Subject"] == "আপনার অর্ডার 7KQ2-M9XF-4 আমরা পেয়েছি"
    text = mail.get_body(("plain",))
    assert text is not None and "২ × সিলেটের চা: ৳ ২০০" in text.get_content()


async def test_a_mail_server_that_is_down_is_tried_again_and_a_wrong_address_is_not(here):
    async with mail_server() as post:
        port = post.port
        post.unknown.add(EMAIL)
        await here.connect("mail", "smtp", {"host": "127.0.0.1", "port": port, "security": "none", "sender": "shop@example.com"})
        refused = await here.happen(created())
        await here.send_all()
    waiting = await here.happen(created(email="other@example.com"))
    await here.send_all()
    (told,) = await here.told(refused)
    assert (told.status, told.reason) == ("failed", "mail_refused: 550 5.1.1 no such person")
    (told,) = await here.told(waiting)
    assert (told.status, told.attempts) == ("due", 1) and told.due_at > here.clock.now()


async def test_a_mail_whose_answer_was_lost_is_unknown_and_told_again_on_request_only(here):
    async with mail_server() as post:
        await here.connect(
            "mail", "smtp", {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "shop@example.com"}, limit_s=1
        )

        async def silent(mail):
            await asyncio.Event().wait()

        post.on_data = silent
        order = await here.happen(created())
        await here.send_all()
        (told,) = await here.told(order)
        assert (told.status, told.doubtful, len(post.mails)) == ("unknown", True, 1)
        here.clock.turn_by(timedelta(hours=1))
        await here.send_all()
        assert len(post.mails) == 1
        post.on_data = None
        async with here.database.transaction() as tx:
            again = await notifications.resend(tx, told.id, new_id=here.draw.uuid(), by="admin:1", now=here.clock.now())
        with pytest.raises(Refused, match="under_way"):
            async with here.database.transaction() as tx:
                await notifications.resend(tx, told.id, new_id=here.draw.uuid(), by="admin:1", now=here.clock.now())
        await here.send_all()
    assert [(each.resend, each.status) for each in await here.told(order)] == [(0, "unknown"), (1, "sent")]
    assert (again.resent_from, again.asked_by, len(post.mails)) == (told.id, "admin:1", 2)


async def killed_when_heard(here, heard):
    """A sender that dies the moment the other side has the message, before it can say so."""
    sender = here.sender()
    await here.memory.catch_up()
    turning = asyncio.get_running_loop().create_task(sender.turn())
    await heard.wait()
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning


async def test_a_sender_killed_between_mail_and_record_sends_nothing_twice(here):
    heard = asyncio.Event()
    async with mail_server() as post:
        await here.connect("mail", "smtp", {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "shop@example.com"})

        async def taken(mail):
            heard.set()
            await asyncio.Event().wait()

        post.on_data = taken
        order = await here.happen(created())
        await killed_when_heard(here, heard)
        assert [each.status for each in await here.told(order)] == ["sending"]
        await here.send_all()
        assert len(post.mails) == 1, "its lease still runs"
        here.clock.turn_by(timedelta(minutes=5))
        await here.send_all()
        assert len(post.mails) == 1
    assert [each.status for each in await here.told(order)] == ["unknown"]


async def test_a_webhook_whose_sender_was_killed_is_told_again_under_the_same_id(here):
    heard = asyncio.Event()
    async with gateway() as hook:
        await here.connect("hook", "webhook", {"url": f"{hook.url}/in"}, {"secrets": [SECRET]})

        async def first(request, body):
            heard.set()
            await asyncio.Event().wait()

        hook.answer = first
        order = await here.happen(created(), events.OrderHeld("h1", "FRAUD_REVIEW", "odd"))
        await killed_when_heard(here, heard)
        hook.answer = None
        here.clock.turn_by(timedelta(minutes=5))
        await here.send_all()
        here.clock.turn_by(timedelta(minutes=1))
        await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, told.recipient) == ("sent", "hook")
    assert [headers["webhook-id"] for headers, _ in hook.requests] == [told.id, told.id]
    event = hook.bodies[1]
    assert (event["specversion"], event["id"], event["type"], event["subject"]) == ("1.0", told.id, "notification.held_for_review", order)
    assert event["data"]["number"] == "7KQ2-M9XF-4" and event["data"]["kind"] == "FRAUD_REVIEW"


async def test_an_sms_whose_answer_was_lost_is_asked_once_more_by_our_reference_and_arrives_once(here):
    taken: set[str] = set()
    async with gateway() as sms:
        lost = True

        async def answer(request, body):
            nonlocal lost
            reference = msgspec.json.decode(body)["csms_id"]
            if reference in taken:
                return web.json_response({"status": "FAILED", "status_code": 4023, "error_message": "Duplicate CSMS ID", "smsinfo": []})
            taken.add(reference)
            if lost:
                lost = False
                return web.Response(status=502, text="bad gateway")
            info = {"sms_status": "SUCCESS", "msisdn": "8801712345678", "csms_id": reference, "reference_id": "R1"}
            return web.json_response({"status": "SUCCESS", "status_code": 200, "error_message": "", "smsinfo": [info]})

        sms.answer = answer
        await here.connect("sms", "sslwireless", {"sid": "HAAT", "url": sms.url}, {"api_token": "t"})
        order = await here.happen(created())
        await here.send_all()
        (told,) = await here.told(order)
        assert (told.status, told.doubtful) == ("due", True)
        here.clock.turn_by(timedelta(minutes=1))
        await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, told.attempts, len(taken), len(sms.requests)) == ("sent", 2, 1, 2)
    assert (sms.bodies[0]["msisdn"], sms.bodies[0]["sid"], len(sms.bodies[0]["csms_id"])) == ("8801712345678", "HAAT", 20)


async def test_past_midnight_the_reference_means_nothing_any_more_and_the_fate_stays_unknown(here):
    here.clock.turn_to(datetime(2026, 11, 2, 17, 59, 59, tzinfo=UTC))
    async with gateway() as sms:

        async def trouble(request, body):
            return web.Response(status=500)

        sms.answer = trouble
        await here.behave(quiet=notifications.QuietHours(0, 0))
        await here.connect("sms", "sslwireless", {"sid": "HAAT", "url": sms.url}, {"api_token": "t"})
        order = await here.happen(created())
        await here.send_all()
        here.clock.turn_by(timedelta(minutes=5))
        await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, len(sms.requests)) == ("unknown", 1)


async def test_two_senders_at_once_send_everything_once_and_no_faster_than_allowed(here):
    async with gateway() as hook:
        await here.connect("hook", "webhook", {"url": hook.url, "per_minute": 600}, {"secrets": [SECRET]}, concurrency=5)
        for _ in range(60):
            await here.happen(created(), events.OrderHeld("h1", "FRAUD_REVIEW", "odd"), follow=False)
        while await here.follower.step():
            pass
        senders = here.sender(), here.sender()
        await here.memory.catch_up()
        await here.send_all(*senders)
        assert len(hook.requests) == 50, "a burst of five seconds at ten a second"
        here.clock.turn_by(timedelta(seconds=2))
        await here.send_all(*senders)
    assert len(hook.requests) == 60 == len({headers["webhook-id"] for headers, _ in hook.requests})
    assert {each.status for each in await here.told()} == {"sent"}


async def test_one_that_is_slow_to_answer_holds_up_none_of_those_behind_it(here):
    async with gateway() as hook:
        last = asyncio.Event()

        async def answer(request, body):
            if len(hook.requests) == 1:
                await asyncio.wait_for(last.wait(), 10)
            elif len(hook.requests) == 13:
                last.set()
            return web.Response(status=200)

        hook.answer = answer
        await here.connect("hook", "webhook", {"url": hook.url}, {"secrets": [SECRET]}, concurrency=4)
        for _ in range(13):
            await here.happen(created(), events.OrderHeld("h1", "FRAUD_REVIEW", "odd"))
        await here.send_all()
    assert len(hook.requests) == 13
    assert {each.status for each in await here.told()} == {"sent"}


async def test_an_address_that_is_gone_is_told_no_more_and_one_that_is_busy_later(here):
    async with gateway() as hook:
        status = 503

        async def answer(request, body):
            return web.Response(status=status, headers={"retry-after": "120"})

        hook.answer = answer
        await here.connect("hook", "webhook", {"url": hook.url}, {"secrets": [SECRET]})
        order = await here.happen(created(), events.OrderHeld("h1", "FRAUD_REVIEW", "odd"))
        await here.send_all()
        (told,) = await here.told(order)
        assert (told.status, told.due_at >= here.clock.now() + timedelta(seconds=120)) == ("due", True)
        status = 410
        here.clock.turn_by(timedelta(minutes=3))
        await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, told.reason.split(":")[0]) == ("failed", "webhook_gone")


def breaks(here, code):
    for _ in range(breakers.FAILURES):
        with here.outside.breakers.passing(code):
            here.outside.breakers.note(code, Unavailable("outside_unreachable", "nobody there"))
    assert here.outside.is_open(code)


async def test_while_a_transport_does_not_answer_its_declared_fallback_sends_and_without_one_the_next(here):
    async with gateway() as first, gateway() as second, gateway() as third:
        places = {"first": first, "second": second, "third": third}

        async def wireless(code, priority, **more):
            config = {"sid": "HAAT", "url": places[code].url}
            await here.connect(code, "sslwireless", config, {"api_token": "t"}, priority=priority, **more)

        async def sends():
            before = {code: len(place.requests) for code, place in places.items()}
            order = await here.happen(created(email=""))
            await here.send_all()
            (told,) = await here.told(order)
            assert [told.connection] == [code for code, place in places.items() if len(place.requests) > before[code]]
            return told.connection

        await wireless("third", 3)
        await wireless("second", 2)
        await wireless("first", 1, fallback="third")
        assert await sends() == "first", "it answers"
        breaks(here, "first")
        assert await sends() == "third"
        await wireless("first", 1)
        assert await sends() == "second", "none is declared"
        await wireless("first", 1, fallback="third")
        breaks(here, "third")
        assert await sends() == "second", "the declared one does not answer either"


async def test_nobody_stands_in_for_a_webhook(here):
    async with gateway() as one, gateway() as two:
        await here.connect("two", "webhook", {"url": two.url}, {"secrets": [SECRET]})
        await here.connect("one", "webhook", {"url": one.url}, {"secrets": [SECRET]}, fallback="two")
        breaks(here, "one")
        order = await here.happen(created(), events.OrderHeld("h1", "FRAUD_REVIEW", "odd"))
        await here.send_all()
        assert (len(one.requests), len(two.requests)) == (0, 1)
        assert {each.recipient: each.status for each in await here.told(order)} == {"one": "due", "two": "sent"}


async def test_what_nobody_took_in_time_is_given_up(here):
    await here.connect("mail", "smtp", {"host": "127.0.0.1", "port": 9, "security": "none", "sender": "shop@example.com"})
    order = await here.happen(created())
    here.clock.turn_by(timedelta(hours=49))
    await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, told.reason) == ("failed", "too late to be of use")
