"""Sightings, receipts, reviews and policies on a real PostgreSQL: counted exactly, few statements, nobody's data."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from haat.domain import fraud
from haat.engine.database import Database
from haat.kernel.errors import Refused
from tests.domain.fraud.cases import MODELS, RULES, a_case

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
KEY = fraud.key_of("a secret of the tests")
BOOK = fraud.rulebook(RULES, MODELS, fraud.BUILT_IN)


def an_id(n: int) -> str:
    return f"01a20000-0000-7000-8000-{n:012x}"


def sighting(n: int, *, phone: str = "+8801712345678", at: datetime = NOW, **said: Any) -> fraud.Sighting:
    marks = {kind: fraud.mark(KEY, kind, said.pop(kind, "")) for kind in ("address", "device", "ip", "account")}
    names = fraud.name_marks(KEY, said.pop("name", ""))
    given = {"channel": "web", "currency": "BDT", "amount": 120_000, "cod": True} | said
    return fraud.Sighting(an_id(n), at=at, phone=fraud.mark(KEY, "phone", phone), names=names, **marks, **given)


def screened(n: int, *, score: int = 0, version: int = 3) -> fraud.Screened:
    case = a_case(seen={"phone_hour": 9} if score else None)
    assessment = fraud.assess(case, BOOK)
    review = {"hold": "fraud-3", "until": NOW + timedelta(hours=6)} if score else {}
    return fraud.Screened(an_id(n), version, case, assessment, BOOK, NOW + timedelta(seconds=n), **review)


async def sight(database: Database, *sightings: fraud.Sighting) -> dict[str, fraud.Seen]:
    async with database.transaction() as tx:
        return await fraud.sight(tx, sightings)


async def test_an_order_sees_exactly_the_orders_before_it(database: Database) -> None:
    first = await sight(database, *[sighting(n, at=NOW + timedelta(minutes=n)) for n in range(5)])
    assert [first[an_id(n)].phone_hour for n in range(5)] == [0, 1, 2, 3, 4]
    later = await sight(database, sighting(9, at=NOW + timedelta(hours=2)))
    assert (later[an_id(9)].phone_hour, later[an_id(9)].phone_day, later[an_id(9)].phone_month) == (0, 5, 5)
    other = await sight(database, sighting(10, phone="+8801812345678", at=NOW + timedelta(hours=2)))
    assert other[an_id(10)] == fraud.NOTHING_SEEN


async def test_the_same_order_again_is_no_new_sighting(database: Database) -> None:
    await sight(database, sighting(1), sighting(2))
    for _ in range(2):
        assert (await sight(database, sighting(2)))[an_id(2)].phone_hour == 1
    assert (await sight(database, sighting(3)))[an_id(3)].phone_hour == 2


async def test_many_that_are_screened_at_once_are_counted_exactly(database: Database) -> None:
    """Eight workers, forty orders of one phone: each of the counts 0 … 39 is seen once."""
    left = list(range(40))
    seen: list[int] = []

    async def work() -> None:
        while left:
            n = left.pop()
            while True:
                async with database.transaction() as tx:
                    found = await fraud.sight(tx, [sighting(n, address="dhaka-7-3"), sighting(100 + n, phone=f"+88018000000{n:02}")])
                    assert an_id(100 + n) in found, "an order of somebody else is not kept waiting"
                    await asyncio.sleep(0)
                if an_id(n) in found:
                    seen.append(found[an_id(n)].phone_hour)
                    assert found[an_id(n)].address_hour == found[an_id(n)].phone_hour
                    break

    await asyncio.gather(*[work() for _ in range(8)])
    assert sorted(seen) == list(range(40))


async def test_who_has_waited_long_enough_is_counted_without_the_others(database: Database) -> None:
    async with database.transaction() as one, database.transaction() as other:
        assert an_id(1) in await fraud.sight(one, [sighting(1)])
        assert await fraud.sight(other, [sighting(2)]) == {}
        late = await fraud.sight(other, [sighting(2, late=True)])
        assert late[an_id(2)].phone_hour == 0


async def test_what_became_of_orders_is_remembered_for_half_a_year_and_the_worst_stands(database: Database) -> None:
    await sight(database, *[sighting(n, amount=100_000 * (n + 1)) for n in range(4)])
    async with database.transaction() as tx:
        await fraud.conclude(
            tx, {an_id(0): "delivered", an_id(1): "delivered", an_id(2): "refused", an_id(3): "cancelled", an_id(77): "refused"}
        )
        await fraud.conclude(tx, {an_id(2): "delivered"})
    soon = (await sight(database, sighting(8, at=NOW + timedelta(days=179))))[an_id(8)]
    assert (soon.phone_delivered, soon.phone_refused, soon.phone_cancelled) == (2, 1, 1)
    assert (soon.phone_usual, soon.phone_most) == (150_000, 200_000)
    assert (await sight(database, sighting(9, at=NOW + timedelta(days=181))))[an_id(9)].phone_refused == 0, "nobody is marked for ever"


async def test_addresses_devices_and_ips_know_their_phones(database: Database) -> None:
    same = {"address": "dhaka/house/7", "device": "d-1", "ip": "203.0.113.9"}
    seen = await sight(database, *[sighting(n, phone=f"+88017000000{n:02}", account=f"c-{n}", **same) for n in range(4)])
    last = seen[an_id(3)]
    assert (last.address_hour, last.address_day, last.address_phones, last.address_accounts) == (3, 3, 3, 3)
    assert (last.device_hour, last.device_phones, last.ip_hour, last.ip_day, last.ip_phones) == (3, 3, 3, 3, 3)
    assert last.phone_hour == 0


async def test_names_are_compared_by_ear_and_kept_as_marks(database: Database) -> None:
    names = ["Rahima Khatun", "রহিমা খাতুন", "Kamal Hossain", "Jamal Uddin", ""]
    await sight(database, *[sighting(n, name=name) for n, name in enumerate(names)])
    seen = (await sight(database, sighting(9, name="Rohima Khatoon")))[an_id(9)]
    assert (seen.phone_named, seen.phone_strangers) == (4, 2)
    async with database.reading() as tx:
        kept = await tx.fetchval("SELECT string_agg(s::text, ' ') FROM fraud_sightings AS s")
    for telling in ("rahima", "Kamal", "1712345678"):
        assert telling.lower() not in kept.lower()


async def test_five_hundred_orders_are_screened_in_two_statements(database: Database) -> None:
    sightings = [sighting(n, phone=f"+8801{n:09}", address=f"dhaka/{n}") for n in range(500)]
    said: list[str] = []
    async with database.transaction() as tx:
        await fraud.record(tx, [screened(999)])  # a connection asks once what an array of instants is
        tx.add_query_logger(lambda record: said.append(record.query))
        seen = await fraud.sight(tx, sightings)
        await fraud.record(tx, [fraud.Screened(i, 3, a_case(), fraud.assess(a_case(), BOOK), BOOK, NOW) for i in seen])
        await asyncio.sleep(0)  # the driver tells its loggers on the next turn of the loop
        assert (len(seen), len(said)) == (500, 2), said
        assert await tx.fetchval("SELECT count(*) FROM fraud_detection_scores") == 501
        assert await tx.fetchval("SELECT count(*) FROM fraud_rulebooks") == 1


async def test_a_receipt_tells_how_the_score_came_about(database: Database) -> None:
    for _ in range(2):
        async with database.transaction() as tx:
            await fraud.record(tx, [screened(1, score=500)])
    async with database.reading() as tx:
        (score,) = await fraud.scores(tx, an_id(1))
        assert await fraud.scores(tx, an_id(2)) == []
    assert (score.outcome, score.policy_version, score.version) == ("pass", 0, 3)
    assert score.score == sum(finding["points"] for finding in score.findings) > 0
    assert score.inputs["seen"] == {"phone_hour": 9}
    assert score.rulebook["rules"]["phone_velocity"] == [RULES["phone_velocity"].version, 100]
    assert score.rulebook["review_at"] == fraud.BUILT_IN.review_at


async def test_the_queue_is_oldest_first_and_forgets_what_was_decided(database: Database) -> None:
    async with database.transaction() as tx:
        await fraud.record(tx, [screened(n, score=500) for n in (3, 1, 2)])
        await fraud.queue(tx, [fraud.Review(an_id(4), "by-hand", "web", 0, [], NOW + timedelta(seconds=4), None)])
        first = await fraud.reviews(tx, after=None, channel=None, limit=2)
        assert [r.order_id for r in first] == [an_id(1), an_id(2)]
        rest = await fraud.reviews(tx, after=(first[-1].opened_at, first[-1].order_id), channel="web", limit=9)
        assert [r.order_id for r in rest] == [an_id(3), an_id(4)]
        await fraud.close(tx, [fraud.Closed(an_id(1), "approve", "admin:1", "called", NOW)])
        await fraud.close(tx, [fraud.Closed(an_id(1), "reject", "admin:2", "late", NOW)])
        assert an_id(1) not in [r.order_id for r in await fraud.reviews(tx, after=None, channel=None, limit=9)]
        assert await tx.fetchval("SELECT decided_by FROM fraud_reviews WHERE order_id = $1", an_id(1)) == "admin:1"


async def test_a_review_that_ended_begins_anew_for_a_hold_that_came_since_and_for_no_other_reason(database: Database) -> None:
    held = fraud.Review(an_id(1), "attempt-1", "", 0, [], NOW + timedelta(hours=1), NOW + timedelta(hours=25))

    async def waiting() -> list[tuple[str, bool]]:
        async with database.reading() as tx:
            return [(r.hold, r.score > 0) for r in await fraud.reviews(tx, after=None, channel=None, limit=9)]

    async with database.transaction() as tx:
        await fraud.record(tx, [screened(1, score=500)])
        await fraud.queue(tx, [held])
    assert await waiting() == [("fraud-3", True)], "who waits is not put to the end of the queue"
    async with database.transaction() as tx:
        await fraud.close(tx, [fraud.Closed(an_id(1), "approve", "admin:1", "called", NOW + timedelta(minutes=1))])
        await fraud.record(tx, [screened(1, score=500)])
    assert await waiting() == []
    async with database.transaction() as tx:
        await fraud.queue(tx, [held])
        (review,) = await fraud.reviews(tx, after=None, channel=None, limit=9)
    assert (review.hold, review.opened_at, review.until) == (held.hold, held.opened_at, held.until)
    assert review.score and review.findings and review.channel, "what the screening said of it stays"
    async with database.transaction() as tx:
        await fraud.close(tx, [fraud.Closed(an_id(1), "approve", "admin:2", "called again", NOW + timedelta(hours=2))])
        await fraud.queue(tx, [held])
        assert await tx.fetchval("SELECT decided_by FROM fraud_reviews") == "admin:2"
    assert await waiting() == []
    async with database.transaction() as tx:
        await fraud.queue(tx, [msgspec.structs.replace(held, opened_at=NOW + timedelta(hours=3))])
    assert await waiting() == [("attempt-1", True)]
    async with database.transaction() as tx:
        await fraud.close(tx, [fraud.Closed(an_id(1), "approve", "admin:2", "and again", NOW + timedelta(hours=4))])
        await fraud.record(tx, [msgspec.structs.replace(screened(1, score=500, version=9), hold="fraud-9")])
    assert await waiting() == [("fraud-9", True)]


async def test_a_policy_changes_by_versions_that_all_stay(database: Database) -> None:
    sheet = fraud.PolicySheet(review_at=300, weights={"phone_velocity": 200})
    async with database.transaction() as tx:
        first = await fraud.put_policy(tx, "web", sheet, expected=0, by="admin:1", now=NOW)
        assert (first.version, first.review_at) == (1, 300)
        assert await fraud.put_policy(tx, "web", sheet, expected=1, by="admin:2", now=NOW) == first
        with pytest.raises(Refused, match="stale"):
            await fraud.put_policy(tx, "web", fraud.PolicySheet(), expected=0, by="admin:2", now=NOW)
        await fraud.put_policy(tx, "web", fraud.PolicySheet(), expected=None, by="admin:2", now=NOW)
        assert [(p.version, p.review_at) for p in await fraud.former_policies(tx, "web")] == [(2, 400), (1, 300)]
        assert await fraud.put_policy(tx, "default", fraud.PolicySheet(), expected=None, by="admin:2", now=NOW) == fraud.BUILT_IN


async def test_of_two_admins_who_saw_the_same_policy_one_is_told_to_look_again(database: Database) -> None:
    async def put(by: str, review_at: int) -> object:
        try:
            async with database.transaction() as tx:
                return await fraud.put_policy(tx, "web", fraud.PolicySheet(review_at=review_at), expected=0, by=by, now=NOW)
        except (Refused, asyncpg.UniqueViolationError) as refusal:
            return refusal

    done = await asyncio.gather(put("admin:1", 100), put("admin:2", 200))
    assert sorted(type(each).__name__ for each in done) == ["Policy", "Refused"]


async def test_looking_walks_the_indexes_though_the_plan_was_made_when_nothing_was_there(database: Database) -> None:
    async with database.transaction() as tx:
        for page in range(4):
            await fraud.sight(tx, [sighting(1000 * page + n, phone=f"+8801{1000 * page + n:09}", address=f"a/{n}") for n in range(500)])
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'fraud_sightings'") == 0
