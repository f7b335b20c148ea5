"""The next try: never in quiet hours, never where it may be a second message, and whatever the other side answered is written down."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web

from haat.domain.notifications import QuietHours
from haat.domain.orders import events
from tests.flows.telling import created, gateway, shop

NEVER_QUIET = QuietHours(0, 0)


def dhaka(hour, minute=0, second=0, *, day=2):
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=6)


@pytest.fixture
async def here(dsn, database):
    async with shop(dsn, database) as made:
        yield made


@pytest.fixture
async def sms():
    async with gateway() as made:
        yield made


def says(code, words="", **info):
    """An answer of SSL Wireless."""
    said = {"status": "SUCCESS" if code == 200 else "FAILED", "status_code": code, "error_message": words}
    return web.json_response(said | ({"smsinfo": [{"sms_status": "SUCCESS"} | info]} if code == 200 else {}))


async def wireless(here, sms, **config):
    await here.connect("sms", "sslwireless", {"sid": "HAAT", "url": sms.url} | config, {"api_token": "t"})


async def test_a_doubtful_sms_that_is_put_off_past_midnight_is_not_sent_a_second_time(here, sms):
    """Its reference is known within the day only, and the busy gateway of the second try says nothing of the first."""
    answers = iter([web.Response(status=500), web.Response(status=503, headers={"retry-after": "600"})])

    async def answer(request, body):
        return next(answers, None) or says(200)

    sms.answer = answer
    await here.behave(quiet=NEVER_QUIET)
    await wireless(here, sms)
    here.clock.turn_to(dhaka(23, 55))
    order = await here.happen(created())
    for _ in range(6):
        await here.send_all()
        here.clock.turn_by(timedelta(minutes=4))
    (told,) = await here.told(order)
    assert (told.status, told.doubtful, told.attempts, len(sms.requests)) == ("unknown", True, 2, 2)


async def test_a_doubtful_sms_that_nobody_took_up_before_midnight_is_not_sent_a_second_time(here, sms):
    async def answer(request, body):
        return web.Response(status=500) if len(sms.requests) == 1 else says(200)

    sms.answer = answer
    await here.behave(quiet=NEVER_QUIET)
    await wireless(here, sms)
    here.clock.turn_to(dhaka(23, 55))
    order = await here.happen(created())
    await here.send_all()
    assert [each.status for each in await here.told(order)] == ["due"]
    here.clock.turn_to(dhaka(0, 10, day=3))
    await here.send_all()
    (told,) = await here.told(order)
    assert (told.status, told.doubtful, len(sms.requests)) == ("unknown", True, 1)
    assert "answered 500" in told.reason


async def test_a_gateway_that_is_down_in_the_evening_wakes_nobody_at_night_and_the_night_makes_nothing_late(here, sms):
    heard = []

    async def answer(request, body):
        heard.append(here.clock.now())
        return says(4029, "Too many requests") if here.clock.now() < dhaka(8, 30, day=3) else says(200)

    sms.answer = answer
    await wireless(here, sms)
    here.clock.turn_to(dhaka(19))
    order = await here.happen(created())
    while here.clock.now() < dhaka(16, day=3):
        await here.send_all()
        here.clock.turn_by(timedelta(minutes=5))
    (told,) = await here.told(order)
    assert told.status == "sent" and told.sent_at is not None and dhaka(8, 30, day=3) <= told.sent_at
    evening, morning = [at for at in heard if at < dhaka(22)], [at for at in heard if at >= dhaka(8, day=3)]
    assert evening and len(morning) > 1 and len(evening) + len(morning) == len(heard)


async def test_a_next_try_within_quiet_hours_is_due_in_the_morning_and_one_that_may_be_a_second_message_then_is_not_made(here, sms):
    async def answer(request, body):
        return says(4001, "Unauthorized") if len(sms.requests) == 1 else web.Response(status=500)

    sms.answer = answer
    await wireless(here, sms)
    here.clock.turn_to(dhaka(21, 59, 57))
    plain = await here.happen(created())
    await here.send_all()
    doubtful = await here.happen(created())
    await here.send_all()
    (told,) = await here.told(plain)
    assert (told.status, told.due_at, told.attempts) == ("due", dhaka(8, day=3), 1)
    (told,) = await here.told(doubtful)
    assert (told.status, told.attempts) == ("unknown", 1)


async def test_what_is_taken_up_too_late_in_the_evening_waits_for_the_morning_as_if_untried(here, sms):
    async def answer(request, body):
        return says(200)

    sms.answer = answer
    await wireless(here, sms, per_minute=60)
    here.clock.turn_to(dhaka(21, 50))
    orders = [await here.happen(created()) for _ in range(20)]
    urgent = await here.happen(created(method="bkash"), events.OrderPaymentRequested("t1", "bkash", 250_00))
    here.clock.turn_to(dhaka(22, 10))
    sender = here.sender()
    await here.memory.catch_up()
    await sender.turn()
    asleep = [each for order in orders for each in await here.told(order)]
    assert {(each.status, each.due_at, each.attempts, each.first_try_at) for each in asleep} == {("due", dhaka(8, day=3), 0, None)}
    woken = {each.event: each.status for each in await here.told(urgent)}
    assert (woken, len(sms.requests)) == ({"placed": "due", "payment_requested": "sent"}, 1), "the pace is kept for those that leave"
    here.clock.turn_to(dhaka(8, day=3))
    for _ in range(10):
        await here.send_all(sender)
        here.clock.turn_by(timedelta(seconds=5))
    assert {each.status for each in await here.told()} == {"sent"}


async def test_signs_that_no_database_keeps_lose_neither_the_answer_nor_those_beside_it(here, sms):
    all_there = asyncio.Event()

    async def answer(request, body):
        number = len(sms.requests)
        if number == 3:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 10)
        return (says(4025, "no\0number"), says(200, reference_id="R\0 1"), says(200))[number - 1]

    sms.answer = answer
    await wireless(here, sms)
    for _ in range(3):
        await here.happen(created())
    await here.send_all()
    told = await here.told()
    assert sorted(each.status for each in told) == ["failed", "sent", "sent"]
    assert {each.reason for each in told if each.reason} == {"sms_refused: 4025: nonumber"}
    assert "R 1" in {each.reference for each in told}


async def test_an_answer_that_the_database_will_not_have_loses_none_beside_it(here, sms):
    async with here.database.transaction() as tx:
        await tx.execute("ALTER TABLE notifications ADD CHECK (reference <> 'odd')")
    all_there = asyncio.Event()

    async def answer(request, body):
        number = len(sms.requests)
        if number == 3:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 10)
        return says(200, reference_id="odd" if number == 1 else "even")

    sms.answer = answer
    await wireless(here, sms)
    for _ in range(3):
        await here.happen(created())
    await here.send_all()
    assert sorted(each.status for each in await here.told()) == ["sending", "sent", "sent"]
    here.clock.turn_by(timedelta(minutes=5))
    await here.send_all()
    assert sorted(each.status for each in await here.told()) == ["due", "sent", "sent"], "its lease ended, and it is asked about"
    assert len({msgspec.json.decode(body)["csms_id"] for _, body in sms.requests}) == 3
