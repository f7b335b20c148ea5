"""A worker of flows: turns over what is due, calls to the outside beside them, and their answers back into turns.

    due local steps ──────────────► turn (one transaction) ─► calls ─► answers ─┐
                                     ▲                                          │
                                     └──────────────────────────────────────────┘

One connection for turns, so a worker decides one batch at a time; more workers take other orders. A turn that fails is halved
until the step that fails is alone, which then counts a failed try; its neighbours go through. A lost connection leaves nothing
behind: what was not committed is due again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import Any

from haat.engine import metrics
from haat.engine.database import Collided, Lane, Lost, listen
from haat.engine.flowing import table
from haat.engine.flowing.book import Book
from haat.engine.flowing.calling import CALLS_MAX, FEW, GATHER_S, LOST_PAUSE_S, POLL_S, Calls, Deferred, House, UnmadeError, pause
from haat.engine.flowing.deciding import Flows, Row
from haat.engine.flowing.turn import Turn
from haat.engine.journal import WAKE_CHANNEL

log = logging.getLogger("haat.flowing")
BATCH = 500
TRIES = 5


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
        self._answers: deque[tuple[Row, Any]] = deque()
        self._deferred: deque[Row] = deque()
        self._in_doubt: dict[int, Row] = {}  # answered steps whose commit was not answered, by id
        self._wake = asyncio.Event()
        self._calls = Calls(house, flows, book, self._hear, name=name, batch=batch, calls_max=calls_max)
        self._claimed: list[table.Key] = []
        self._meter = metrics.flows(name)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; calls under way are waited for as long as their time limits say, their answers settled."""
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(listen(self._house.database.dsn, WAKE_CHANNEL, self._woken, stop), name="flows listen"),
            loop.create_task(self._calls.run(stop), name="flows calls"),
        ]
        while not stop.is_set():
            taken = await self.step()
            if not taken:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
                self._wake.clear()
            if taken < self._batch // FEW:  # a turn costs nearly the same for ten steps as for one: let more come together
                await pause(stop, GATHER_S)
        self._woken()
        await asyncio.gather(*tasks)
        await self._calls.end()
        while self._answers or self._deferred:
            if not await self.step():
                break

    def _woken(self) -> None:
        self._wake.set()
        self._calls.wake()

    def _hear(self, row: Row, answer: Any) -> None:
        """What came of a call; `Deferred` where it was not made."""
        if isinstance(answer, Deferred):
            self._deferred.append(row)
        else:
            self._answers.append((row, answer))
        self._wake.set()

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
        """Begin the calls that turns have taken, and take those that are due now; returns how many were begun."""
        return await self._calls.lease()

    async def answered(self) -> None:
        """Wait until every call under way has its answer."""
        await self._calls.answered()

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
            unmade = [(r, str(a)) for r, a in answers if isinstance(a, UnmadeError)]
            answers = [(r, a) for r, a in answers if not isinstance(a, UnmadeError)]
            rows = [fresh[k] for k in keys if k in fresh and fresh[k].status == "due" and fresh[k].due_at <= now]
            rows += [self._again(r, now) for r in deferred if id(r) in mine]
            states = await self._book.load(tx, sorted({r.order_id for r in rows} | {r.order_id for r, _ in (*answers, *unmade)}))
            turn = Turn(self._house, self._flows, self._book, tx, now, states, take=self._calls.taking(now), chain=chain)
            await turn.run(rows, answers, stale=[r for r, _ in answers if id(r) not in mine])
            for r, why in unmade:
                if id(r) in mine:
                    turn.fail([r], why)
            facts = await turn.write()
        self._book.remember(turn.states)
        self._meter.turned(len(rows) + len(answers), turn.done, facts)
        self._calls.begin(turn.taken, turn.states)
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
