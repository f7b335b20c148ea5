"""A worker of flows: turns over what is due, calls to the outside beside them, and their answers back into turns.

    due local steps ──────────────► turn (one transaction)
    due calls ─ lease ─► call ─► answers ─┘

One connection for turns, so a worker decides one batch at a time; more workers take other orders. A turn that fails is halved
until the step that fails is alone, which then counts a failed try; its neighbours go through. A lost connection leaves nothing
behind: what was not committed is due again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.engine import metrics
from haat.engine.clock import Clock
from haat.engine.database import Collided, Database, Lane, Lost, Tx, listen
from haat.engine.flowing import table
from haat.engine.flowing.deciding import Flows, Row
from haat.engine.flowing.step import Outside, Prepare, Task
from haat.engine.flowing.turn import Book, Turn
from haat.engine.journal import WAKE_CHANNEL, Journal
from haat.kernel.errors import Unavailable

log = logging.getLogger("haat.flowing")
BATCH = 500
CALLS_MAX = 1024  # calls under way in one worker, those that wait for their party's turn included
PARTY_SHARE = 4  # a party takes at most this part of them; what is more waits in the table, so that a slow one holds up nobody else
POLL_S = 0.5
FEW = 4  # this part of a batch is few
GATHER_S = 0.04
LOST_PAUSE_S = 0.3
BUSY_S = 0.2
TRIES = 5


Asked = tuple[Row, Outside, Task]


class House(msgspec.Struct):
    """What every verb may use; what belongs to one flow is handed to the flow when it is made."""

    database: Database
    journal: Journal
    clock: Clock
    draw: Any
    change: Any = None  # of orders, with all that follows: change(tx, changes)


class Worker:
    """Runs flows until `stop`. `name` marks leases, so that one can see who holds a call."""

    def __init__(
        self, house: House, flows: Flows, book: Book, lane: Lane, *, name: str, batch: int = BATCH, calls_max: int = CALLS_MAX
    ) -> None:
        self._house = house
        self._flows = flows
        self._book = book
        self._lane = lane
        self._name = name
        self._batch = batch
        self._calls_max = calls_max
        self._answers: deque[tuple[Row, Any]] = deque()
        self._deferred: deque[Row] = deque()
        self._in_doubt: dict[int, Row] = {}  # answered steps whose commit was not answered, by id
        self._calls: set[asyncio.Task[None]] = set()
        self._parties: dict[str, tuple[asyncio.Semaphore, list[int]]] = {}
        self._wake = asyncio.Event()
        self._wake_calls = asyncio.Event()
        self._claimed: list[table.Key] = []
        self._meter = metrics.flows(name)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; calls under way are waited for as long as their time limits say, their answers settled."""
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(listen(self._house.database.dsn, WAKE_CHANNEL, self._woken, stop), name="flows listen"),
            loop.create_task(self._lease_calls(stop), name="flows calls"),
        ]
        while not stop.is_set():
            taken = await self.step()
            if not taken:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
                self._wake.clear()
            if taken < self._batch // FEW:  # a turn costs nearly the same for ten steps as for one: let more come together
                await _pause(stop, GATHER_S)
        self._woken()
        await asyncio.gather(*tasks)
        await self.answered()
        while self._answers or self._deferred:
            if not await self.step():
                break

    def _woken(self) -> None:
        self._wake.set()
        self._wake_calls.set()

    async def step(self) -> int:
        """One turn; returns how much there was to do (0: nothing)."""
        answers = [self._answers.popleft() for _ in range(min(len(self._answers), self._batch))]
        deferred = [self._deferred.popleft() for _ in range(min(len(self._deferred), self._batch))]
        self._claimed = []
        done = 1
        try:
            done = await self._turn(None, answers, deferred)
        except Lost as error:
            return await self._keep(answers, deferred, error)
        except Exception as error:
            if not self._claimed and not answers and not deferred:
                return await self._keep(answers, deferred, error)
            if len(self._claimed) + len(answers) + len(deferred) > 1 and not isinstance(error, Collided):
                log.warning("a turn failed and is halved", extra={"worker": self._name, "error": repr(error)[:300]})
            try:
                await self._apart(self._claimed, answers, deferred, error)
            except Exception as again:
                return await self._keep(answers, deferred, again)
        for row, _ in answers:
            self._in_doubt.pop(id(row), None)
        return done

    async def _keep(self, answers: Sequence[tuple[Row, Any]], deferred: Sequence[Row], error: Exception) -> int:
        """Nothing could be done for now: answers are kept for the next turn, which finds out what of them was committed."""
        extra = {"worker": self._name, "error": type(error).__name__}
        log.warning("a worker could not finish its turn", exc_info=None if isinstance(error, Lost) else error, extra=extra)
        await self._lane.drop()
        self._answers.extendleft(reversed(answers))
        self._deferred.extendleft(reversed(deferred))
        self._in_doubt.update((id(row), row) for row, _ in answers)
        await asyncio.sleep(LOST_PAUSE_S)
        return 1

    async def _apart(
        self, keys: Sequence[table.Key], answers: Sequence[tuple[Row, Any]], deferred: Sequence[Row], error: Exception, tries: int = 0
    ) -> None:
        """Run the halves of what failed as a whole; who fails alone is blamed. Collisions are simply tried again."""
        if isinstance(error, Collided) and tries < TRIES:
            parts: list[Any] = [(keys, answers, deferred)]
            tries += 1
        elif len(keys) + len(answers) + len(deferred) > 1:
            parts, tries = _halves(keys, answers, deferred), 0
        else:
            try:  # what failed may be a step that followed: let the first one stand, and the other fail under its own name
                await self._turn(keys, answers, deferred, chain=False)
            except Lost:
                raise
            except Exception as alone:
                await self._blame(keys, [row for row, _ in answers] or list(deferred), alone)
            return
        for part_keys, part_answers, part_deferred in parts:
            if not part_keys and not part_answers and not part_deferred:
                continue
            try:
                await self._turn(part_keys, part_answers, part_deferred)
            except Lost:
                raise
            except Exception as again:
                await self._apart(part_keys, part_answers, part_deferred, again, tries)

    async def lease(self) -> int:
        """Take the calls that are due now and begin them; returns how many."""
        free = self._calls_max - len(self._calls)
        return await self._lease(free) if free > 0 else 0

    async def answered(self) -> None:
        """Wait until every call under way has its answer."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def _turn(
        self, keys: Sequence[table.Key] | None, answers: Sequence[tuple[Row, Any]], deferred: Sequence[Row], *, chain: bool = True
    ) -> int:
        """One transaction. `keys`: these steps and no others (None: whatever is due). The rows given stay as they are, for another try."""
        now = self._house.clock.now()
        doubted = [id(row) in self._in_doubt for row, _ in answers]
        answers, deferred = [(copy(row), answer) for row, answer in answers], [copy(row) for row in deferred]
        async with self._lane.transaction() as tx:
            named = [k[0] for k in keys or ()] + [r.order_id for r, _ in answers] + [r.order_id for r in deferred]
            if named:
                await self._house.journal.lock(tx, named)
            if keys is None:
                keys = self._claimed = await table.lock_due(tx, now, self._batch)
            if not keys and not answers and not deferred:
                return 0
            fresh = {r.key: r for r in await table.read(tx, [*keys, *[r.key for r, _ in answers], *[r.key for r in deferred]])}
            mine = {id(r) for r in (*[r for r, _ in answers], *deferred) if _same_try(fresh.get(r.key), r)}
            # An answer that is in doubt and whose step has moved on was committed: asked steps must not be asked for again.
            answers = [(r, a) for (r, a), doubt in zip(answers, doubted, strict=True) if id(r) in mine or not doubt]
            unmade = [(r, str(a)) for r, a in answers if isinstance(a, _UnmadeError)]
            answers = [(r, a) for r, a in answers if not isinstance(a, _UnmadeError)]
            rows = [fresh[k] for k in keys if k in fresh and fresh[k].status == "due" and fresh[k].due_at <= now]
            rows += [self._again(r, now) for r in deferred if id(r) in mine]
            states = await self._book.load(tx, sorted({r.order_id for r in rows} | {r.order_id for r, _ in (*answers, *unmade)}))
            turn = Turn(self._house, self._flows, self._book, tx, now, states, chain=chain)
            await turn.run(rows, answers, stale=[r for r, _ in answers if id(r) not in mine])
            for r, why in unmade:
                if id(r) in mine:
                    turn.fail([r], why)
            facts = await turn.write()
        self._book.remember(turn.states)
        self._meter.turned(len(rows) + len(answers), turn.done, facts)
        self._wake_calls.set()
        return len(keys) + len(answers) + len(deferred)

    def _again(self, row: Row, now: datetime) -> Row:
        row.due_at, row.attempts = now, max(row.attempts - 1, 0)
        return row

    async def _blame(self, keys: Sequence[table.Key], rows: Sequence[Row], error: Exception) -> None:
        """Count a failed try of the one step that fails by itself."""
        log.error("a step failed", exc_info=error, extra={"worker": self._name})
        now = self._house.clock.now()
        async with self._lane.transaction() as tx:
            await self._house.journal.lock(tx, [*[k[0] for k in keys], *[r.order_id for r in rows]])
            found = await table.read(tx, [*keys, *[r.key for r in rows]])
            ours = {r.key: r for r in rows}
            due = [r for r in found if r.status == "due" and (r.key not in ours or _same_try(r, ours[r.key]))]
            states = await self._book.load(tx, sorted({r.order_id for r in due}))
            turn = Turn(self._house, self._flows, self._book, tx, now, states)
            turn.fail(due, f"{type(error).__name__}: {error}"[:500])
            await turn.write()

    async def _lease_calls(self, stop: asyncio.Event) -> None:
        """Take calls that are due, as many as may be under way."""
        while not stop.is_set():
            took = 0
            try:
                took = await self.lease()
            except (*Lost, Unavailable) as error:
                log.warning("calls could not be leased", extra={"worker": self._name, "error": type(error).__name__})
                await asyncio.sleep(LOST_PAUSE_S)
            except Exception:
                log.exception("calls could not be leased", extra={"worker": self._name})
                await asyncio.sleep(LOST_PAUSE_S)
            if not took:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake_calls.wait(), POLL_S)
                self._wake_calls.clear()
            if took < self._batch // FEW:
                await _pause(stop, GATHER_S)

    async def _lease(self, free: int) -> int:
        now = self._house.clock.now()
        async with self._house.database.transaction() as tx:
            rows = await table.lease(tx, now, self._longest(), min(free, self._batch), self._name)
        if not rows:
            return 0
        async with self._house.database.reading() as tx:
            states = await self._book.load(tx, sorted({r.order_id for r in rows}))
            asked, put_aside = self._tasks(rows, states, now)
            asked = await self._prepared(tx, asked)
        if put_aside:
            self._deferred.extend(put_aside)
            self._wake.set()
        busy = [row for row, verb, task in asked if not self._begin(row, verb, task)]
        if busy:
            async with self._house.database.transaction() as tx:
                await table.put_back(tx, busy, now + timedelta(seconds=BUSY_S))
        return len(rows) - len(busy)

    def _tasks(self, rows: Sequence[Row], states: Mapping[str, Any], now: datetime) -> tuple[list[Asked], list[Row]]:
        """(calls to be made now, rows that a hold or a pause keeps)."""
        asked: list[Asked] = []
        kept: list[Row] = []
        for row in rows:
            state = states[row.order_id]
            verb = self._flows.verb(state, row.flow, row.step)
            if not isinstance(verb, Outside) or state.paused or (state.holds and verb.waits_for_holds):
                kept.append(row)
            else:
                asked.append((row, verb, Task(state, row.key, row.step, row.subject, row.data, row.attempts, row.created_at, now)))
        return asked, kept

    async def _prepared(self, tx: Tx, asked: list[Asked]) -> list[Asked]:
        """What the verbs look up beforehand, for all tasks of a verb at once."""
        found: list[Asked] = []
        groups: dict[int, list[Asked]] = {}
        for one in asked:
            groups.setdefault(id(one[1]), []).append(one)
        for group in groups.values():
            prepare = group[0][1].prepare
            if prepare is None:
                found.extend(group)
                continue
            found.extend(await self._prepared_by(prepare, tx, group))
        return found

    async def _prepared_by(self, prepare: Prepare, tx: Tx, group: Sequence[Asked]) -> list[Asked]:
        """As `_prepared`, for one verb. What cannot be prepared by itself counts as a failed try; its neighbours are called."""
        try:
            values = await prepare(self._house, tx, [task for _, _, task in group])
            return [(row, verb, msgspec.structs.replace(task, prepared=v)) for (row, verb, task), v in zip(group, values, strict=True)]
        except (*Lost, Unavailable):
            raise
        except Exception as error:
            if len(group) == 1:
                log.exception("a call could not be prepared", extra={"worker": self._name})
                self._answers.append((group[0][0], _UnmadeError(f"{type(error).__name__}: {error}"[:500])))
                self._wake.set()
                return []
            return [asked for one in group for asked in await self._prepared_by(prepare, tx, [one])]

    def _begin(self, row: Row, verb: Outside, task: Task) -> bool:
        """Make a call beside all others; False where its party has its share of them already."""
        gate, waiting = self._parties.setdefault(verb.party(task), (asyncio.Semaphore(verb.concurrency), [0]))
        if waiting[0] >= max(self._calls_max // PARTY_SHARE, 1):
            return False
        waiting[0] += 1
        call = asyncio.get_running_loop().create_task(self._call(row, verb, task, gate, waiting))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return True

    def _longest(self) -> timedelta:
        """A lease outlives the longest call by far, so that a call under way is never made a second time beside it."""
        limits = [v.limit_s for f in self._flows.newest.values() for v in f.run.values() if isinstance(v, Outside)]
        return self._house.clock.during(3 * max(limits, default=30.0) + 30)

    async def _call(self, row: Row, verb: Outside, task: Task, gate: asyncio.Semaphore, waiting: list[int]) -> None:
        answer: Any
        try:
            async with gate:
                waiting[0] -= 1
                clock = self._house.clock
                if clock.now() + clock.during(verb.limit_s) > row.due_at:  # the lease would end during the call, beside somebody else's
                    self._deferred.append(row)
                    self._wake.set()
                    return
                try:
                    async with asyncio.timeout(verb.limit_s):
                        answer = await verb.call(self._house, task)
                except Exception as error:
                    answer = error
        except BaseException:
            self._wake.set()
            raise
        self._answers.append((row, answer))
        self._wake.set()


class _UnmadeError(Exception):
    """In the place of an answer: the call could not even be prepared."""


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _same_try(fresh: Row | None, row: Row) -> bool:
    """Whether a leased step is still ours: not ended or put off by somebody, not leased again after our lease ran out."""
    return fresh is not None and fresh.status == "due" and fresh.attempts == row.attempts and fresh.due_at == row.due_at


def _halves(keys: Sequence[Any], answers: Sequence[Any], deferred: Sequence[Any]) -> list[Any]:
    all_of = [*[("k", k) for k in keys], *[("a", a) for a in answers], *[("d", d) for d in deferred]]
    middle = len(all_of) // 2
    return [
        ([x for kind, x in part if kind == "k"], [x for kind, x in part if kind == "a"], [x for kind, x in part if kind == "d"])
        for part in (all_of[:middle], all_of[middle:])
    ]
