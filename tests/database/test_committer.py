"""Group commit: many in one transaction, a poisoned one alone, and answers that are true whatever happens to the connection."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import asyncpg
import pytest

from haat import app
from haat.domain import orders
from haat.engine.committer import Committer
from haat.engine.database import Lane
from haat.flows.checkout import Placed
from haat.kernel.errors import Broken, Refused, Unavailable
from haat.kernel.facts import Origin
from tests.database import trading
from tests.database.trading import assert_all_is_well, body, count, place, prepared


class Till:
    """What a committer runs, in tests: answers each ask with itself, and does what the test says before."""

    def __init__(self, before: Callable[[Sequence[int]], None] = lambda asks: None) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._before = before

    async def run(self, asks: Sequence[int]) -> Sequence[int | Exception]:
        await self.open.wait()
        self.batches.append(list(asks))
        self._before(asks)
        return list(asks)


def started(till: Till, **sizes: int) -> Committer[int, int]:
    committer: Committer[int, int] = Committer("test", till.run, **sizes)
    committer.start()
    return committer


async def test_what_waits_at_the_same_moment_goes_together_in_order_of_arrival() -> None:
    till = Till()
    committer = started(till, batch_max=4)
    till.open.clear()
    first = committer.submit(0)
    await asyncio.sleep(0)
    rest = [committer.submit(n) for n in range(1, 8)]
    till.open.set()
    assert await asyncio.gather(first, *rest) == list(range(8))
    assert till.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    await committer.stop()


async def test_who_came_while_a_batch_was_under_way_waits_for_others_as_long_as_the_pace_says() -> None:
    till = Till()
    committer: Committer[int, int] = Committer("test", till.run, pace_s=0.5)
    committer.start()
    till.open.clear()
    first = committer.submit(0)
    await asyncio.sleep(0)
    second = committer.submit(1)
    till.open.set()
    assert await first == 0
    third = committer.submit(2)
    assert await asyncio.gather(second, third) == [1, 2]
    assert till.batches == [[0], [1, 2]]
    await committer.stop()


async def test_an_idle_committer_keeps_nobody_waiting_for_its_pace() -> None:
    till = Till()
    committer: Committer[int, int] = Committer("test", till.run, pace_s=3600)
    committer.start()
    for n in range(3):
        assert await asyncio.wait_for(committer.submit(n), 60) == n
    assert till.batches == [[0], [1], [2]]
    await committer.stop()


async def test_beyond_its_queue_it_says_so_at_once() -> None:
    till = Till()
    committer = started(till, batch_max=1, queue_max=2)
    till.open.clear()
    taken = committer.submit(0)
    await asyncio.sleep(0)
    waiting = [committer.submit(n) for n in (1, 2)]
    with pytest.raises(Unavailable) as refusal:
        committer.submit(3)
    assert (refusal.value.code, refusal.value.permanent) == ("overloaded", False)
    till.open.set()
    assert await asyncio.gather(taken, *waiting) == [0, 1, 2]
    await committer.stop()


async def test_a_stop_finishes_what_was_accepted_and_takes_nothing_more() -> None:
    till = Till()
    committer = started(till, batch_max=2)
    till.open.clear()
    accepted = [committer.submit(n) for n in range(5)]
    stopping = asyncio.get_running_loop().create_task(committer.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="stopping"):
        committer.submit(9)
    till.open.set()
    await stopping
    assert await asyncio.gather(*accepted) == list(range(5))


@pytest.mark.parametrize("error", [asyncpg.DataError("bad"), asyncpg.CheckViolationError("bad"), KeyError("bad")])
async def test_the_poisoned_one_is_found_and_refused_alone(error: Exception) -> None:
    def poisoned(asks: Sequence[int]) -> None:
        if 5 in asks:
            raise error

    committer = started(Till(poisoned))
    found = await asyncio.gather(*[committer.submit(n) for n in range(9)], return_exceptions=True)
    assert found == [error if n == 5 else n for n in range(9)]
    await committer.stop()


async def test_a_collision_is_tried_again_and_ends() -> None:
    left = [3]

    def collides(asks: Sequence[int]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise asyncpg.DeadlockDetectedError("met")

    committer = started(Till(collides))
    assert await committer.submit(1) == 1
    left[0] = 10**6
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await committer.submit(2)
    await committer.stop()


async def test_a_run_that_answers_wrongly_breaks_its_own_asks_and_no_later_ones() -> None:
    class Wrong(Till):
        async def run(self, asks: Sequence[int]) -> Sequence[int | Exception]:
            return [] if 1 in asks else list(asks)

    committer = started(Wrong())
    with pytest.raises(Broken):
        await committer.submit(1)
    assert await asyncio.wait_for(committer.submit(2), 5) == 2
    await committer.stop()


async def test_an_asker_who_went_away_stops_nobody() -> None:
    till = Till()
    committer = started(till)
    till.open.clear()
    gone, stays = committer.submit(1), committer.submit(2)
    gone.cancel()
    till.open.set()
    assert await stays == 2
    await committer.stop()


KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1"


async def test_connections_that_die_at_random_moments_lose_and_double_nothing(dsn: str, tmp_path: Path) -> None:
    """Every lane is killed again and again while orders are placed and cancelled, before, during and after COMMIT."""
    random = Random(5)
    async with trading.market(dsn, tmp_path) as parts:
        going = True

        async def killer() -> int:
            kills = 0
            killing = await asyncpg.connect(dsn)
            while going:
                await killing.execute("SELECT pg_sleep($1)", random.random() * 0.05)
                kills += await killing.fetchval(KILL, random.choice(("haat placing", "haat changing")))
            await killing.close()
            return kills

        async def buyer(n: int) -> str:
            order = (await place(parts, body({"TEA": 1, "CUP": 1}, phone=f"017{n:08d}"), f"key-{n}")).order
            change = orders.Change(
                order.id, lambda o: orders.cancel(o, {1: 1}, reason="x"), parts.clock.now(), Origin("admin:1", "api", f"{n:032x}")
            )
            try:
                done = await parts.shop.changing.submit(change)
            except Refused as refused:
                raise AssertionError(f"cancelled twice: {refused}") from refused
            assert done.after.lines[0].buckets == {"cancelled": 1}
            return order.id

        killing = asyncio.get_running_loop().create_task(killer())
        ids: list[str] = []
        for wave in range(3):
            ids += await asyncio.gather(*[buyer(wave * 10 + n) for n in range(10)])
        going = False
        assert await killing > 0
        assert len(set(ids)) == await count(parts, "orders") == 30
        await assert_all_is_well(parts)


class Deaf(Lane):
    """A lane whose COMMIT takes effect and whose answer never arrives, as often as `times` says."""

    times = 0

    async def connection(self) -> asyncpg.Connection:
        return _Deaf(await super().connection(), self)  # type: ignore[return-value]


class _Deaf:
    def __init__(self, real: asyncpg.Connection, lane: Deaf) -> None:
        self._real, self._lane = real, lane

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def transaction(self) -> object:
        real, lane = self._real.transaction(), self._lane

        class Transaction:
            start, rollback = staticmethod(real.start), staticmethod(real.rollback)

            @staticmethod
            async def commit() -> None:
                await real.commit()
                if lane.times:
                    lane.times -= 1
                    raise ConnectionResetError("the answer was lost")

        return Transaction()


def deafen(parts: app.Parts, which: int, committer: Committer[object, object], dsn: str, times: int) -> Deaf:
    """Give the part that `committer` runs a lane that loses the answers of its next commits."""
    lane = Deaf(dsn, "haat deaf")
    lane.times = times
    committer._run.__self__._lane = lane  # type: ignore[attr-defined]
    parts.lanes[which] = lane
    return lane


@pytest.mark.parametrize("times", [1, 3])
async def test_an_order_whose_commit_was_answered_by_silence_is_placed_once(dsn: str, tmp_path: Path, times: int) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        lane = deafen(parts, 0, parts.shop.placing, dsn, times)  # type: ignore[arg-type]
        ready = [await prepared(parts, body({"LAST": 1}, phone=f"0170000000{n}"), f"k{n}" if n % 2 else "") for n in range(7)]
        found = await asyncio.gather(*[parts.shop.placing.submit(one) for one in ready], return_exceptions=True)
        assert [isinstance(one, Placed) and not one.replayed for one in found] == [True] * 5 + [False] * 2
        assert lane.times == 0
        assert await count(parts, "orders") == 5
        await assert_all_is_well(parts)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_change_whose_commit_was_answered_by_silence_is_made_once(dsn: str, tmp_path: Path, times: int) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 5}))).order
        deafen(parts, 1, parts.shop.changing, dsn, times)  # type: ignore[arg-type]
        for n in (1, 2):
            change = orders.Change(
                order.id, lambda o: orders.cancel(o, {1: 1}, reason="x"), parts.clock.now(), Origin("admin:1", "api", str(n))
            )
            assert (await parts.shop.changing.submit(change)).after.lines[0].buckets["cancelled"] == n
        await assert_all_is_well(parts)
