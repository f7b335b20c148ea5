"""The journal: one truth about what came after what, whoever writes, reads or dies at the same time."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from haat.domain.orders import events
from haat.engine import journal
from haat.engine.database import Collided, Database, Tx
from haat.engine.followers import Follower
from haat.engine.journal import Append, Journal, RawFact
from haat.kernel.errors import Broken
from haat.kernel.facts import Fact, Origin
from tests.domain.orders.histories import NOW, ORDER

SHOP = Origin("channel:web", "api")
LEDGER = Journal(events.decode)


def note(text: str) -> events.OrderNoted:
    return events.OrderNoted(text)


def order_id(n: int) -> str:
    return f"01a20000-0000-7000-8000-{n:012d}"


async def append(tx: Tx, order: str, after: int, *texts: str) -> None:
    await LEDGER.append(tx, [Append(order, after, tuple(note(text) for text in texts), NOW, SHOP)])


async def everything(database: Database) -> list[RawFact]:
    async with database.reading() as tx:
        return await LEDGER.after(tx, 0, 100_000)


async def test_facts_come_back_as_they_were_written(database: Database) -> None:
    async with database.transaction() as tx:
        await append(tx, ORDER, 0, 'He said "yes" \\ ৳', "b")
    async with database.reading() as tx:
        stream = (await LEDGER.streams(tx, [ORDER, order_id(9)]))[ORDER]
        assert await LEDGER.head(tx) == stream[-1].position
    assert [(r.version, r.fact) for r in stream] == [(1, note('He said "yes" \\ ৳')), (2, note("b"))]
    assert (stream[0].actor, stream[0].cause, stream[0].at) == ("channel:web", "api", NOW)


async def test_two_who_both_believe_to_be_next_cannot_both_be(database: Database) -> None:
    async with database.transaction() as tx:
        await append(tx, ORDER, 0, "first")
    with pytest.raises(Collided):
        async with database.transaction() as tx:
            await append(tx, ORDER, 0, "first, too")
    assert [fact.version for fact in await everything(database)] == [1]


async def test_what_was_rolled_back_never_was(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await append(tx, ORDER, 0, "never")
            raise ZeroDivisionError
    assert await everything(database) == []
    async with database.reading() as tx:
        assert await LEDGER.streams(tx, [ORDER]) == {}


@pytest.mark.parametrize("statement", ["UPDATE order_events SET actor = 'me'", "DELETE FROM order_events", "TRUNCATE order_events"])
async def test_history_cannot_be_changed(database: Database, statement: str) -> None:
    async with database.transaction() as tx:
        await append(tx, ORDER, 0, "for ever")
    with pytest.raises(Exception, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute(statement)


async def test_whoever_writes_before_locking_is_stopped(database: Database) -> None:
    with pytest.raises(Broken, match="after the transaction wrote"):
        async with database.transaction() as tx:
            await append(tx, order_id(1), 0, "wrote")
            await LEDGER.lock(tx, [ORDER])


async def test_a_transaction_holds_as_many_facts_as_a_position_has_room_for(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(Broken, match="facts in one transaction"):
            await LEDGER.append(tx, [Append(ORDER, 0, (note("x"),) * (journal.FACTS_PER_TRANSACTION_MAX + 1), NOW, SHOP)])


async def _writer(database: Database, seed: int, rounds: int, orders: int) -> int:
    """Appends to random orders, slowly, sometimes rolling back; returns how many facts it committed."""
    random, done = Random(seed), 0
    for turn in range(rounds):
        chosen = sorted({order_id(random.randrange(orders)) for _ in range(3)})
        try:
            async with database.transaction() as tx:
                await LEDGER.lock(tx, chosen)
                streams = await LEDGER.streams(tx, chosen)
                appends = [Append(o, len(streams.get(o, [])), (note(f"{seed}.{turn}"),) * random.randint(1, 3), NOW, SHOP) for o in chosen]
                await LEDGER.append(tx, appends)
                await tx.execute("SELECT pg_sleep($1)", random.random() * 0.01)
                if random.random() < 0.2:
                    raise ZeroDivisionError
                done += sum(len(one.facts) for one in appends)
        except ZeroDivisionError:
            continue
    return done


async def test_a_reader_beside_slow_writers_misses_nothing_and_sees_nothing_twice(database: Database) -> None:
    seen: list[RawFact] = []
    writing = True

    async def read() -> None:
        position = 0
        while True:
            last_look = not writing
            async with database.reading() as tx:
                facts = await LEDGER.after(tx, position, 50)
            seen.extend(facts)
            position = facts[-1].position if facts else position
            if last_look and not facts:
                return

    reader = asyncio.get_running_loop().create_task(read())
    committed = sum(await asyncio.gather(*[_writer(database, seed, 25, orders=6) for seed in range(4)]))
    writing = False
    await reader
    assert [fact.position for fact in seen] == sorted({fact.position for fact in seen})
    assert len(seen) == committed
    versions: dict[str, int] = {}
    for fact in seen:  # within each order the order of positions is the order of versions, without a gap
        assert fact.version == versions.get(fact.order_id, 0) + 1
        versions[fact.order_id] = fact.version


async def test_a_reader_waits_for_the_older_transaction_that_still_writes(database: Database) -> None:
    async with database.transaction() as older:
        await append(older, order_id(1), 0, "older")
        async with database.transaction() as younger:
            await append(younger, order_id(2), 0, "younger")
        assert await everything(database) == []
        async with database.reading() as tx:
            assert await LEDGER.head(tx) == 0
            assert list(await LEDGER.streams(tx, [order_id(2)])) == [order_id(2)]  # its own readers see it at once
    assert [fact.order_id for fact in await everything(database)] == [order_id(1), order_id(2)]


async def test_a_restored_database_goes_on_behind_its_facts(database: Database) -> None:
    """Its transaction ids are younger than those that the facts were written under."""
    async with database.transaction() as tx:
        await append(tx, order_id(1), 0, "before")
        await tx.execute("ALTER TABLE order_events DISABLE TRIGGER USER; UPDATE order_events SET position = position + (1::bigint << 40)")
        await tx.execute("ALTER TABLE order_events ENABLE TRIGGER USER")
    async with database.reading() as tx:
        base = await journal.position_base(tx)
        assert await journal.position_base(tx) == base > 0
    ledger = Journal(events.decode, position_base=base)
    async with database.transaction() as tx:
        await ledger.append(tx, [Append(order_id(2), 0, (note("after"),), NOW, SHOP)])
    async with database.reading() as tx:
        assert [fact.order_id for fact in await ledger.after(tx, 0, 10)] == [order_id(1), order_id(2)]


async def test_a_follower_deals_with_each_fact_once_and_goes_on_where_it_was(database: Database) -> None:
    dealt: list[int] = []
    fails = {3}

    async def deal(tx: Tx, facts: list[RawFact]) -> None:
        await tx.execute("INSERT INTO order_search (order_id, words) SELECT unnest($1::uuid[]), ''", [fact.order_id for fact in facts])
        if len(dealt) in fails:
            fails.clear()
            raise ZeroDivisionError
        dealt.extend(fact.position for fact in facts)

    for n in range(10):
        async with database.transaction() as tx:
            await append(tx, order_id(n), 0, "x")
    one, other = (Follower("test", database, LEDGER, deal, page=3) for _ in range(2))
    assert await one.step() == 3
    with pytest.raises(ZeroDivisionError):
        await one.step()
    assert [await other.step(), await one.step(), await other.step(), await one.step()] == [3, 3, 1, 0]
    assert dealt == [fact.position for fact in await everything(database)]
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM order_search") == 10


async def test_two_followers_of_one_name_do_not_work_at_once(database: Database) -> None:
    began, finish = asyncio.Event(), asyncio.Event()

    async def deal(tx: Tx, facts: list[RawFact]) -> None:
        began.set()
        await finish.wait()

    async with database.transaction() as tx:
        await append(tx, ORDER, 0, "x")
    one, other = (Follower("test", database, LEDGER, deal) for _ in range(2))
    working = asyncio.get_running_loop().create_task(one.step())
    await began.wait()
    assert await other.step() == 0
    finish.set()
    assert await working == 1


async def test_a_follower_of_some_types_sees_all_of_them_and_passes_the_others(database: Database) -> None:
    seen: list[str] = []

    async def deal(tx: Tx, facts: Sequence[RawFact]) -> None:
        seen.extend(f"{fact.order_id}/{fact.version}" for fact in facts)

    journal = Journal(events.decode)
    follower = Follower("some", database, journal, deal, page=2, types=("OrderHeld",))
    ids = [f"0198a000-0000-7000-8000-00000000000{n}" for n in range(5)]
    for order_id in ids:
        async with database.transaction() as tx:
            facts = (events.OrderNoted("no"), events.OrderHeld("h", "MANUAL", "look"), events.OrderNoted("no"))
            await journal.append(tx, [Append(order_id, 0, facts, NOW, Origin("system", "test"))])
    while await follower.step():
        pass
    assert seen == [f"{order_id}/2" for order_id in ids]
    async with database.reading() as tx:
        last = await tx.fetchval("SELECT max(position) FROM order_events")
        assert await tx.fetchval("SELECT position FROM order_event_streams WHERE name = 'some'") >= last - 1


async def test_a_follower_looks_once_at_what_does_not_concern_it_and_again_where_it_was_set_back(database: Database) -> None:
    seen: list[str] = []
    began: list[int] = []

    class Watched(Journal):
        async def after(self, tx: Tx, position: int, limit: int, types: Sequence[str] | None = None) -> list[RawFact]:
            began.append(position)
            return await super().after(tx, position, limit, types)

    async def deal(tx: Tx, facts: Sequence[RawFact]) -> None:
        seen.extend(fact.order_id for fact in facts)

    async def tell(number: int, fact: Fact) -> None:
        async with database.transaction() as tx:
            await LEDGER.append(tx, [Append(order_id(number), 0, (fact,), NOW, SHOP)])

    follower = Follower("some", database, Watched(events.decode), deal, types=("OrderHeld",))
    await tell(1, events.OrderHeld("h", "MANUAL", "look"))
    await tell(2, note("no"))
    assert await follower.step() == 1
    await tell(3, note("no"))
    assert [await follower.step(), await follower.step()] == [0, 0]
    last = (await everything(database))[-1].position
    assert began[1] < last <= began[2]
    await tell(4, events.OrderHeld("h", "MANUAL", "look"))
    assert await follower.step() == 1
    assert seen == [order_id(1), order_id(4)]
    async with database.transaction() as tx:
        await tx.execute("UPDATE order_event_streams SET position = 0 WHERE name = 'some'")
    assert await follower.step() == 2
    assert seen == [order_id(n) for n in (1, 4, 1, 4)]
