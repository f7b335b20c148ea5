"""Notifications on a real PostgreSQL: written once, claimed by one, settled under the claim, told again on request."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haat.domain import notifications
from haat.domain.notifications import Notification, Outcome, Preference, Search
from haat.engine.database import retry as database_retry
from haat.engine.migrations import VERSIONS
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
ORDER = "0198a000-0000-7000-8000-0000000000ff"
_numbers = itertools.count(1)


def an_id():
    return f"0198a000-0000-7000-8000-{next(_numbers):012x}"


def one(**said):
    fields = {
        "id": an_id(), "order_id": ORDER, "version": 1, "event": "placed", "role": "customer", "party": "", "channel": "sms",
        "recipient": "+8801712345678", "language": "bn", "subject": "", "body": "অর্ডার \\ \"৳\" {1,2}", "parts": 1,
        "data": msgspec.Raw(b'{"number":"7KQ2"}'), "urgent": False, "status": "due", "reason": "", "due_at": NOW, "fact_at": NOW, "created_at": NOW,
    }  # fmt: skip
    return Notification(**(fields | said))


async def write(database, *made):
    async with database.transaction() as tx:
        return await notifications.record(tx, made)


async def take(database, claim, *, now=NOW, connection="c", limit=10, channel="sms", recipient=None):
    async with database.transaction() as tx:
        until = now + timedelta(minutes=1)
        return await notifications.claim(
            tx, channel=channel, recipient=recipient, connection=connection, limit=limit, claim_id=claim, now=now, until=until
        )


async def settle(database, *outcomes, now=NOW):
    async with database.transaction() as tx:
        return await notifications.settle(tx, outcomes, now=now)


async def stored(database, which):
    async with database.reading() as tx:
        return (await notifications.notifications(tx, [which.id]))[which.id]


async def test_a_notification_comes_back_as_it_was_written_and_is_written_once(database):
    told = one()
    assert await write(database, told) == 1
    assert msgspec.structs.replace(await stored(database, told), data=told.data) == told
    assert (await stored(database, told)).values == {"number": "7KQ2"}
    doubles = one(), one(channel="email"), one(version=2), one(role="vendor"), one(recipient="+8801800000000")
    assert await write(database, *doubles) == 4


async def test_two_who_claim_at_once_share_and_never_both_have_one(database):
    await write(database, *[one(version=n) for n in range(100)])
    taken = await asyncio.gather(*[take(database, an_id(), limit=15) for _ in range(8)])
    ids = [each.id for found in taken for each in found]
    assert len(ids) == len(set(ids)) == 100


async def test_urgent_ones_go_first_and_nobody_takes_what_is_not_due_or_another_channels(database):
    await write(
        database, one(version=1), one(version=2, urgent=True), one(version=3, due_at=NOW + timedelta(hours=1)), one(version=4, channel="email"),
        one(version=5, channel="webhook", recipient="a"), one(version=6, channel="webhook", recipient="b"), one(version=7, status="stale"),
    )  # fmt: skip
    assert [each.version for each in await take(database, an_id(), limit=1)] == [2]
    assert [each.version for each in await take(database, an_id())] == [1]
    assert [each.version for each in await take(database, an_id(), channel="webhook", recipient="b")] == [6]


async def test_who_lost_the_claim_says_nothing_any_more(database):
    told = one()
    await write(database, told)
    first, second = an_id(), an_id()
    await take(database, first)
    later = NOW + timedelta(minutes=2)
    async with database.transaction() as tx:
        (left,) = await notifications.lapsed(tx, now=later, limit=10)
        await notifications.settle(tx, [Outcome(left.id, first, "due", "gone", again_at=later, doubtful=True)], now=later)
    assert await take(database, second, now=later, connection="other") == [], "an earlier try by c may have arrived"
    assert len(await take(database, second, now=later)) == 1
    assert await settle(database, Outcome(told.id, first, "failed", "late words")) == 0
    assert await settle(database, Outcome(told.id, second, "sent", reference="R")) == 1
    found = await stored(database, told)
    assert (found.status, found.reference, found.attempts, found.connection, found.sent_at) == ("sent", "R", 2, "c", NOW)


async def test_a_late_answer_corrects_an_unknown_fate(database):
    told, claim = one(), an_id()
    await write(database, told)
    await take(database, claim)
    assert await settle(database, Outcome(told.id, claim, "unknown", "no answer", doubtful=True)) == 1
    assert await settle(database, Outcome(told.id, claim, "sent")) == 1
    assert await settle(database, Outcome(told.id, claim, "unknown")) == 0
    assert (await stored(database, told)).status == "sent"


async def test_who_was_put_off_was_never_tried_and_who_had_been_keeps_that(database):
    fresh, tried = one(version=1, quiet="1320-480 Asia/Dhaka"), one(version=2)
    await write(database, fresh, tried)
    first, second = an_id(), an_id()
    (taken,) = [each for each in await take(database, first) if each.id == tried.id]
    await settle(database, Outcome(fresh.id, first, "due", again_at=NOW), Outcome(tried.id, first, "due", "busy", again_at=NOW))
    async with database.transaction() as tx:
        await tx.execute("UPDATE notifications SET attempts = 0, first_try_at = NULL, connection = '' WHERE id = $1", fresh.id)
    later, morning = NOW + timedelta(minutes=1), NOW + timedelta(hours=9)
    claimed = await take(database, second, now=later)
    async with database.transaction() as tx:
        await notifications.put_off(tx, [(each, morning) for each in claimed])
    found = [await stored(database, each) for each in (fresh, tried)]
    assert [(each.status, each.due_at, each.attempts, each.first_try_at, each.connection, each.claim) for each in found] == [
        ("due", morning, 0, None, "", None), ("due", morning, 1, taken.first_try_at, "c", None),
    ]  # fmt: skip
    assert await settle(database, Outcome(fresh.id, second, "sent")) == 0


async def test_words_that_postgresql_keeps_in_no_text_are_kept_without_them(database):
    told, claim = one(), an_id()
    await write(database, told)
    await take(database, claim)
    assert await settle(database, Outcome(told.id, claim, "sent", "a\0b\udc80", "R\0" + "1" * 300)) == 1
    found = await stored(database, told)
    assert (found.reason, found.reference) == ("ab?", "R" + "1" * 199)


async def test_what_came_too_late_is_given_up_and_what_may_have_arrived_is_not_called_failed(database):
    plain, doubtful, fresh = one(version=1), one(version=2), one(version=3, due_at=NOW + timedelta(hours=5))
    await write(database, plain, doubtful, fresh)
    (first, second) = await take(database, claim := an_id())
    for each in (first, second):
        await settle(database, Outcome(each.id, claim, "due", "busy", again_at=NOW, doubtful=each.id == doubtful.id))
    async with database.transaction() as tx:
        assert len(await notifications.drop_late(tx, channel="sms", before=NOW + timedelta(hours=1), limit=10)) == 2
    found = [await stored(database, each) for each in (plain, doubtful, fresh)]
    assert [each.status for each in found] == ["failed", "unknown", "due"]
    assert found[0].reason == "too late to be of use: busy"


async def test_what_is_older_than_anybody_asks_for_is_forgotten(database):
    old, new = one(version=1), one(version=2, id="01a19ad7-db00-79ef-9d4a-8dab9b2e4422")
    await write(database, old, new)
    async with database.transaction() as tx:
        assert await notifications.forget(tx, before=NOW - timedelta(days=400), limit=10) == 1
    async with database.reading() as tx:
        assert [each.id for each in await notifications.find(tx)] == [new.id]


async def test_two_who_resend_at_once_make_one(database):
    told = one(status="unknown")
    await write(database, told)

    async def resend():
        async with database.transaction() as tx:
            return await notifications.resend(tx, told.id, new_id=an_id(), by="admin:1", now=NOW)

    made = await asyncio.gather(*[resend() for _ in range(4)], return_exceptions=True)
    assert sum(isinstance(each, Notification) for each in made) == 1
    async with database.reading() as tx:
        assert [each.resend for each in await notifications.find(tx, Search(order=ORDER))] == [1, 0]
    with pytest.raises(Refused, match="unknown_notification"):
        async with database.transaction() as tx:
            await notifications.resend(tx, an_id(), new_id=an_id(), by="admin:1", now=NOW)


async def again(database, *, now=NOW, limit=100, after=None, **search):
    async with database.transaction() as tx:
        found, _ = await notifications.resend_failed(
            tx, Search(**search), after=after, limit=limit, draw=an_id, by="admin:1", now=now
        )  # fmt: skip
        return found


async def test_what_ended_badly_is_counted_by_its_reason_and_no_more_once_it_is_told_again(database):
    late = "too late to be of use: sms_account: no credit"
    await write(
        database, one(version=1, status="failed", reason="sms_account: no credit"), one(version=2, status="failed", reason=late),
        one(version=3, status="unknown", reason="its sender did not come back"), one(version=4, status="sent"),
        one(version=5, channel="email", status="failed", reason="mail_refused: 550"), one(version=6, status="declined"),
    )  # fmt: skip
    async with database.reading() as tx:
        ways = {(f.channel, f.status, f.reason): f.count for f in await notifications.failures(tx)}
        assert ways == {
            ("sms", "failed", "sms_account"): 2, ("sms", "unknown", "its sender did not come back"): 1, ("email", "failed", "mail_refused"): 1,
        }  # fmt: skip
        assert [f.count for f in await notifications.failures(tx, since=NOW + timedelta(days=400))] == []
    assert (await again(database, reason="sms_acc")).resent == 2
    async with database.reading() as tx:
        assert sorted(f.reason for f in await notifications.failures(tx)) == ["its sender did not come back", "mail_refused"]
        found = await notifications.find(tx, Search(reason="sms_account", channel="sms"))
        assert sorted(each.version for each in found) == [1, 2]
        assert await notifications.find(tx, Search(written_before=NOW - timedelta(days=800))) == []


async def test_what_was_told_again_is_not_told_again_by_the_same_search_until_that_fails_too(database):
    told = one(status="failed", reason="busy: later", quiet="1320-480 Asia/Dhaka")
    await write(database, told)
    assert [(await again(database, channel="sms")).resent for _ in range(2)] == [1, 0]
    async with database.reading() as tx:
        assert await notifications.under_way(tx, Search(channel="sms")) == 1
        (resent, _) = await notifications.find(tx)
    assert (resent.resend, resent.resent_from, resent.asked_by) == (1, told.id, "admin:1")
    assert (resent.status, resent.urgent, resent.quiet) == ("due", False, told.quiet), "many at once wake nobody at night"
    (taken,) = await take(database, claim := an_id())
    await settle(database, Outcome(taken.id, claim, "failed", "busy: later"))
    assert (await again(database, channel="sms")).resent == 1
    (taken,) = await take(database, claim)
    await settle(database, Outcome(taken.id, claim, "sent"))
    assert (await again(database, channel="sms")).resent == 0


async def test_what_is_not_safe_is_counted_and_stands_in_nobodys_way(database):
    await write(
        database, one(version=1, status="failed", body=""), one(version=2, status="failed", role="vendor", party="a", event="cancelled"),
        one(version=3, status="failed"), one(version=4, status="failed"),
    )  # fmt: skip
    async with database.transaction() as tx:
        no = Preference(declined=(notifications.Decline("order", "sms"),))
        await notifications.put_preference(tx, "vendor:a", no, by="vendor:a", now=NOW)
    done = await again(database, channel="sms", limit=1)
    assert (done.resent, done.refused) == (1, {"not_written": 1, "declined": 1})
    async with database.reading() as tx:
        assert [each.version for each in await notifications.find(tx, Search(status="due"))] == [3], "the oldest first"


async def test_two_who_tell_all_again_at_once_make_one_of_each(database):
    await write(database, *[one(version=n, status="failed") for n in range(20)])
    done = await asyncio.gather(*[database_retry(lambda: again(database, channel="sms")) for _ in range(4)])
    assert sum(each.resent for each in done) == 20
    async with database.reading() as tx:
        assert len(await notifications.find(tx, Search(status="due"))) == 20


async def test_the_pace_of_a_connection_is_one_for_all(database):
    async def use():
        async with database.transaction() as tx:
            next_at = await notifications.pace(tx, "c")
            count, next_at = notifications.allowed(next_at, NOW, 60, 3)
            await notifications.set_pace(tx, "c", next_at)
            return count

    assert sum(await asyncio.gather(*[use() for _ in range(6)])) == 5


async def test_names_that_were_kept_as_typed_are_found_by_the_right_one(database):
    typed = {
        "email:Rahima@Example.com": "email:rahima@example.com", "phone:01712345678": "phone:+8801712345678", "phone:8801812345678": None,
        "phone:+8801812345678": "phone:+8801812345678", "phone:123": "phone:123", "customer:Ab": "customer:Ab",
    }  # fmt: skip
    for who in typed:
        async with database.transaction() as tx:
            await notifications.put_preference(tx, who, Preference(timezone="UTC"), by="x", now=NOW)
    async with database.transaction() as tx:
        await tx.execute("ALTER TABLE notifications DROP COLUMN quiet")
        await tx.execute((VERSIONS / "0021_quiet_hours.sql").read_text(encoding="utf-8"))
    async with database.reading() as tx:
        kept = [row[0] for row in await tx.fetch("SELECT who FROM notification_preferences")]
    assert sorted(kept) == sorted(right or who for who, right in typed.items())


async def test_preferences_and_manners_are_versioned(database):
    said = Preference(language="bn", declined=(notifications.Decline("order", "sms"),))
    for expected, version in ((0, 1), (1, 2), (None, 3)):
        async with database.transaction() as tx:
            assert await notifications.put_preference(tx, "customer:1", said, by="customer:1", now=NOW, expected=expected) == version
            assert (
                await notifications.put_manners(tx, notifications.Manners(name="Tea"), by="admin:1", now=NOW, expected=expected) == version
            )
    async with database.reading() as tx:
        assert await notifications.preferences(tx, ["customer:1", "customer:2"]) == {"customer:1": (said, 3)}
        assert await notifications.manners(tx) == (notifications.Manners(name="Tea"), 3)
    with pytest.raises(Refused, match="stale"):
        async with database.transaction() as tx:
            await notifications.put_preference(tx, "customer:1", said, by="x", now=NOW, expected=1)
