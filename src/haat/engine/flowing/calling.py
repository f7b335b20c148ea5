"""Calls to the outside: taken by the turn that asks for them, or leased when they are due; made beside the turns, with nothing open.

    a turn stores a call, leased already ─► committed ─► made ─► answer        most calls: no second write before they leave
    a call that is due (later, again) ─ lease ─► made ─► answer

A lease is `due_at` moved behind the time that this call may wait and take (`Outside.lease_s`), with the try counted. So a killed
worker's calls come back by themselves, and a call that comes back has been tried once already: it asks before it repeats.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from haat.engine import deadlines
from haat.engine.clock import Clock
from haat.engine.database import Database, Lost, Tx
from haat.engine.flowing import table
from haat.engine.flowing.book import Book
from haat.engine.flowing.deciding import Flows, Row
from haat.engine.flowing.step import Outside, Prepare, Task
from haat.engine.flowing.turn import Take
from haat.engine.journal import Journal
from haat.kernel.errors import Unavailable

log = logging.getLogger("haat.flowing")
CALLS_MAX = 1024  # calls under way in one worker, those that wait for their party's turn included
PARTY_SHARE = 4  # a party takes at most this part of them; what is more waits in the table, so that a slow one holds up nobody else
POLL_S = 0.5
FEW = 4  # this part of a batch is few
GATHER_S = 0.04
LOST_PAUSE_S = 0.3
BUSY_S = 0.5  # of the wall, as all of these: what is put back for a busy party comes back no sooner than that …
BUSY_MAX_S = 5.0  # … and no later than that, however long the line is
LATELY = 0.05  # the weight of the newest call in what calls of a party take
BACKSTOP = 1.1  # of its limit: a call that ends in time by itself can say how far it came

Asked = tuple[Row, Outside, Task]


class House(msgspec.Struct):
    """What every verb may use; what belongs to one flow is handed to the flow when it is made."""

    database: Database
    journal: Journal
    clock: Clock
    draw: Any
    change: Any = None  # of orders, with all that follows: change(tx, changes)
    load: Any = None  # orders as they are, by id: load(tx, ids)


class Deferred(msgspec.Struct, frozen=True):
    """In the place of an answer: the call was not made, and is due again at once."""


class UnmadeError(Exception):
    """In the place of an answer: the call could not even be prepared."""


class Party(msgspec.Struct):
    """A party's calls in this worker. `waiting`: begun, and not on their way yet. `took_s`: what one takes lately, of the wall."""

    gate: asyncio.Semaphore
    concurrency: int
    waiting: int = 0
    took_s: float = 0.0
    last: float = 0.0  # when the last one that was put back comes back, on the loop's clock

    def later(self, now: float) -> float:
        """In how many seconds one more that is put back comes back: half of those that wait are made by then, and all that were put
        back before. So each is leased and read again about once, and the party always has something to do."""
        each = self.took_s / self.concurrency
        self.last = min(max(self.last, now + self.waiting * each / 2) + each, now + BUSY_MAX_S)
        return max(self.last - now, BUSY_S)

    def took(self, seconds: float) -> None:
        self.took_s += (seconds - self.took_s) * LATELY if self.took_s else seconds


class Calls:
    """The calls of one worker. `heard(row, answer)` is told what came of each."""

    def __init__(
        self, house: House, flows: Flows, book: Book, heard: Callable[[Row, Any], None], *, name: str, batch: int, calls_max: int
    ) -> None:
        self._house = house
        self._flows = flows
        self._book = book
        self._heard = heard
        self._name = name
        self._batch = batch
        self._calls_max = calls_max
        self._taken: list[tuple[Row, Any]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._parties: dict[str, Party] = {}
        self._wake = asyncio.Event()
        self._ended = False
        self._leases = {key: house.clock.during(seconds) for key, seconds in flows.leases().items()}

    def wake(self) -> None:
        self._wake.set()

    def taking(self, now: datetime) -> Take | None:
        """The lease that a turn may give to calls that it asks for, so that they leave right after its commit."""
        room = 0 if self._ended else self._calls_max - len(self._calls) - len(self._taken)
        return Take(self._name, lambda verb: now + self._house.clock.during(verb.lease_s), room) if room > 0 else None

    def begin(self, rows: Sequence[Row], states: Mapping[str, Any]) -> None:
        """Calls that a committed turn has taken: made as soon as the loop comes round."""
        self._taken.extend([(row, states[row.order_id]) for row in rows])
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Take calls that are due, as many as may be under way, until `stop`."""
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
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
                self._wake.clear()
            if took < self._batch // FEW:
                await pause(stop, GATHER_S)

    async def end(self) -> None:
        """Take no more; what was taken and not begun is given back, what is under way is waited for as long as its limits say."""
        self._ended = True
        taken, self._taken = [row for row, _ in self._taken], []
        if taken:
            with suppress(*Lost, Unavailable):
                async with self._house.database.transaction() as tx:
                    await table.put_back(tx, taken, [self._house.clock.now()] * len(taken))
        await self.answered()

    async def answered(self) -> None:
        """Wait until every call under way has its answer."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def lease(self) -> int:
        """Begin what was taken, and lease what is due now; returns how many calls were begun."""
        began = await self._begin_taken() if self._taken else 0
        free = self._calls_max - len(self._calls) - len(self._taken)
        return began + (await self._lease(free) if free > 0 else 0)

    async def _begin_taken(self) -> int:
        taken, self._taken = self._taken, []
        try:
            asked = await self._prepared(self._tasks([row for row, _ in taken], {row.order_id: state for row, state in taken}))
        except BaseException:
            self._taken = taken + self._taken
            raise
        return await self._make(asked)

    async def _lease(self, free: int) -> int:
        now = self._house.clock.now()
        async with self._house.database.reading() as tx:  # one statement, its own transaction
            rows = await table.lease(tx, now, self._leases, min(free, self._batch), self._name)
        if not rows:
            return 0
        async with self._house.database.reading() as tx:
            states = await self._book.load(tx, sorted({r.order_id for r in rows}))
        return await self._make(await self._prepared(self._tasks(rows, states)))

    async def _make(self, asked: Sequence[Asked]) -> int:
        """Begin these leased calls; returns how many. Those of a party that has its share already are due again later."""
        busy = [(row, party) for row, verb, task in asked if (party := self._begin(row, verb, task)) is not None]
        if busy:
            clock, now = self._house.clock, asyncio.get_running_loop().time()
            dues = [clock.now() + clock.during(party.later(now)) for _, party in busy]
            async with self._house.database.transaction() as tx:
                await table.put_back(tx, [row for row, _ in busy], dues)
        return len(asked) - len(busy)

    def _tasks(self, rows: Sequence[Row], states: Mapping[str, Any]) -> list[Asked]:
        """Calls to be made now; those that a hold or a pause keeps go back to a turn, which puts them aside."""
        now = self._house.clock.now()
        asked: list[Asked] = []
        for row in rows:
            state = states[row.order_id]
            verb = self._flows.verb(state, row.flow, row.step)
            if not isinstance(verb, Outside) or state.paused or (state.holds and verb.waits_for_holds):
                self._heard(row, Deferred())
            else:
                asked.append((row, verb, Task(state, row.key, row.step, row.subject, row.data, row.attempts, row.created_at, now)))
        return asked

    async def _prepared(self, asked: list[Asked]) -> list[Asked]:
        """What the verbs look up beforehand, for all tasks of a verb at once."""
        found: list[Asked] = []
        groups: dict[int, list[Asked]] = {}
        for one in asked:
            if one[1].prepare is None:
                found.append(one)
            else:
                groups.setdefault(id(one[1]), []).append(one)
        if groups:
            async with self._house.database.reading() as tx:
                for group in groups.values():
                    prepare = group[0][1].prepare
                    assert prepare is not None
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
                self._heard(group[0][0], UnmadeError(f"{type(error).__name__}: {error}"[:500]))
                return []
            return [asked for one in group for asked in await self._prepared_by(prepare, tx, [one])]

    def _begin(self, row: Row, verb: Outside, task: Task) -> Party | None:
        """Make a call beside all others; where its party has its share of them already, that party, and no call."""
        name = verb.party(task)
        party = self._parties.get(name)
        if party is None:
            party = self._parties[name] = Party(asyncio.Semaphore(verb.concurrency), verb.concurrency)
        if party.waiting >= max(self._calls_max // PARTY_SHARE, 1):
            return party
        party.waiting += 1
        call = asyncio.get_running_loop().create_task(self._call(row, verb, task, party))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return None

    async def _call(self, row: Row, verb: Outside, task: Task, party: Party) -> None:
        answer: Any
        async with party.gate:
            party.waiting -= 1
            clock, began = self._house.clock, asyncio.get_running_loop().time()
            if clock.now() + clock.during(verb.limit_s) > row.due_at:  # the lease would end during the call, beside somebody else's
                self._heard(row, Deferred())
                return
            try:
                async with asyncio.timeout(verb.limit_s * BACKSTOP):
                    with deadlines.within(verb.limit_s):
                        answer = await verb.call(self._house, task)
            except Exception as error:
                answer = error
            party.took(asyncio.get_running_loop().time() - began)
        self._heard(row, answer)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Until `stop`, this long at the most."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
