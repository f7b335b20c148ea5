"""One turn of a worker: claimed steps and arrived answers, run set-wise, with everything that follows at once, in one transaction.

    steps, answers ─► by verb ─► outcomes ─► facts ─► state ─► flows' decisions ─► steps that are due now ─┐
                        ▲                                                                                  │
                        └──────────────── until nothing local is due ◄─────────────────────────────────────┘
    then: facts, rows, stock, steps: written once, and committed

A step that follows at once and needs the database only is not stored to be claimed again: it runs in the same transaction
and is stored as done. What is committed is the same; a crash leaves nothing of the turn, and it runs again. Within one
round each order is seen by one step only, so a verb always has the state that the step before it left.
"""

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.engine.database import Tx
from haat.engine.flowing import table
from haat.engine.flowing.book import Book, Written
from haat.engine.flowing.deciding import Decided, Flows, Row, row
from haat.engine.flowing.step import Again, Dead, Done, Failed, Local, Outcome, Outside, State, Step, Task, Verb
from haat.kernel.errors import Broken
from haat.kernel.facts import Fact

log = logging.getLogger("haat.flowing")
ROUNDS_MAX = 40
UNSTORED = -1
UNDOING = 1000  # places of compensations among the steps of a fact, far from those that flows ask for; each flow has its own
UNDOING_EACH = 500
BACK_OFF_DOUBLINGS = 40  # more of them than any limit, and a number that is still one


class Take(msgspec.Struct, frozen=True):
    """The lease that a turn gives to calls that it asks for: whose they are, until when, and how many at the most."""

    worker: str
    until: Callable[[Outside], datetime]
    room: int


class Turn:
    """A turn that is under way. `run` what was claimed, then `write` it."""

    def __init__(
        self,
        house: Any,
        flows: Flows,
        book: Book,
        tx: Tx,
        now: datetime,
        states: dict[str, Any],
        *,
        take: Take | None = None,
        chain: bool = True,
    ) -> None:
        self._house = house
        self._flows = flows
        self._book = book
        self._tx = tx
        self._now = now
        self.states = states
        self._written: dict[str, Written] = {}
        self._new: list[Row] = []
        self._new_of: dict[str, list[Row]] = {}
        self._moved: list[Row] = []
        self._stored: set[int] = set()  # ids of rows that are in the table already
        self._decided = Decided()
        self._explicit: list[Row] = []
        self._stale: set[int] = set()
        self._waiting: dict[str, list[Row]] = {}  # of each order, what this round has not come to
        self._finished: list[Row] = []  # in the order in which they were done
        self._places: dict[tuple[str, int], int] = {}  # of the last fact of each order, the next free place among its steps
        self._take = take  # calls that are due leave with the commit, as far as there is room; else they are stored to be leased
        self._chain = chain  # run what follows at once; else store it for the next turn
        self.taken: list[Row] = []
        self.done = 0

    async def run(self, rows: Sequence[Row], answers: Sequence[tuple[Row, Any]] = (), stale: Iterable[Row] = ()) -> None:
        """Run claimed local steps and settle answered calls, and whatever follows at once.

        `stale`: of the answered rows, those that are somebody else's by now. What their answers say is true all the same.
        """
        self._stale = {id(r) for r in stale}
        answer_of = {id(r): answer for r, answer in answers}
        pending = [*[r for r, _ in answers], *rows]
        self._stored = {id(r) for r in pending}
        for _ in range(ROUNDS_MAX):
            if not pending:
                return
            pending = await self._round(pending, answer_of)
        for left in pending:  # a flow that keeps asking: let others have their turn
            self._put(left)

    async def _round(self, pending: list[Row], answer_of: dict[int, Any]) -> list[Row]:
        groups: dict[tuple[str, str, int], list[tuple[Row, Verb]]] = {}
        later: list[Row] = []
        seen: set[str] = set()
        self._waiting = {}
        for r in pending:
            if r.order_id in seen:
                later.append(r)
                if id(r) not in answer_of:
                    self._waiting.setdefault(r.order_id, []).append(r)
                continue
            verb = self._admitted(r, answered=id(r) in answer_of)
            if verb is not None:
                seen.add(r.order_id)
                groups.setdefault((r.flow, r.step, id(verb)), []).append((r, verb))
        for group in groups.values():
            later.extend(await self._group(group, answer_of))
        return later

    def _admitted(self, r: Row, *, answered: bool) -> Verb | None:
        """The verb that does this step now; None where the step does not run now (and is put aside)."""
        state = self.states.get(r.order_id)
        if state is None:
            raise Broken(f"a step of an order that is not there: {r.order_id}")
        verb = self._flows.verb(state, r.flow, r.step)
        if verb is None:
            self._dead(r, Local(run=_nobody, owner="operations"), "unknown_step", f"Nobody knows {r.flow}:{r.step} any more.")
            return None
        if answered:
            return verb
        if r.status != "due":
            return None  # somebody was faster
        if state.paused:
            r.status = "paused"
        elif state.holds and verb.waits_for_holds:
            r.status = "held"
        elif isinstance(verb, Local):
            return verb
        self._put(r)
        return None

    async def _group(self, group: Sequence[tuple[Row, Verb]], answer_of: dict[int, Any]) -> list[Row]:
        verb = group[0][1]
        tasks = [self._task(r) for r, _ in group]
        if isinstance(verb, Local):
            outcomes = await verb.run(self._house, self._tx, tasks, self._now)
        else:
            pairs = [(task, answer_of[id(r)]) for task, (r, _) in zip(tasks, group, strict=True)]
            outcomes = await verb.settle(self._house, self._tx, pairs, self._now)
        if len(outcomes) != len(group):
            raise Broken(f"{group[0][0].flow}:{group[0][0].step}: {len(outcomes)} outcomes of {len(group)} tasks")
        follow: list[Row] = []
        for (r, _), outcome in zip(group, outcomes, strict=True):
            follow.extend(self._settle(r, verb, outcome))
        return follow

    def fail(self, rows: Sequence[Row], reason: str) -> None:
        """A failed try of these steps, without running them."""
        self._stored |= {id(r) for r in rows}
        for r in rows:
            verb = self._flows.verb(self.states[r.order_id], r.flow, r.step)
            if verb is None:
                self._dead(r, Local(run=_nobody), "unknown_step", reason)
            else:
                self._settle(r, verb, Failed(reason))

    def _task(self, r: Row) -> Task:
        attempts = r.attempts if r.outside else r.attempts + 1
        return Task(self.states[r.order_id], r.key, r.step, r.subject, r.data, attempts, r.created_at, self._now)

    def _settle(self, r: Row, verb: Verb, outcome: Outcome) -> list[Row]:
        """Note what came of a step; returns the local steps that follow at once."""
        tried = r.attempts if r.outside else r.attempts + 1
        match outcome:
            case Done(facts=facts, steps=steps):
                r.attempts, r.status, r.error = tried, "done", ""
                self.done += 1
                self._finished.append(r)
                self._put(r)
                if id(r) in self._stale and not facts:
                    return []  # what it says is known; what to do next is decided by who has the step
                return [*self._happen(r, facts), *self._ask(r, steps)]
            case Again(after=after, reason=reason, facts=facts):
                r.attempts, r.due_at, r.error = max(tried - 1, 0), self._now + after, reason
                if self._now - r.created_at > timedelta(seconds=verb.age_limit_s):
                    return [*self._happen(r, facts), *self._dead(r, verb, "too_old", reason)]
                self._put(r)
                return self._happen(r, facts)
            case Failed(reason=reason, facts=facts):
                r.attempts, r.error = tried, reason
                if tried >= verb.attempts_max:
                    return [*self._happen(r, facts), *self._dead(r, verb, "tried_too_often", reason)]
                r.due_at = self._now + back_off(verb, tried)
                self._put(r)
                return self._happen(r, facts)
            case Dead(cause=cause, detail=detail, facts=facts):
                r.attempts = tried
                return [*self._happen(r, facts), *self._dead(r, verb, cause, detail)]

    def _dead(self, r: Row, verb: Verb, cause: str, detail: str) -> list[Row]:
        r.status, r.error, r.owner = "dead", f"{cause}: {detail}" if detail else cause, verb.owner
        if id(r) in self._stale:
            return []  # somebody else has the step, or it is over: there is nothing to repair
        self._put(r)
        return self._happen(r, (self._book.raised(r, cause, detail, verb),))

    def _happen(self, r: Row, facts: Iterable[Fact]) -> list[Row]:
        """Facts of one order: fold them, ask the flows; returns the local steps that follow at once."""
        facts = tuple(facts)
        if not facts:
            return []
        state = self.states[r.order_id]
        written = self._written.get(r.order_id)
        if written is None:
            written = self._written[r.order_id] = Written(state, state, [])
        cause = f"{r.flow}:{r.step}"
        versions = []
        for fact in facts:
            state = self._book.evolve(state, fact, self._now)
            versions.append((state.version, fact))
            written.facts.append((fact, cause))
        written.after = self.states[r.order_id] = state
        decided = Decided()
        self._flows.decide(state, versions, self._now, decided)
        self._places[state.id, state.version] = sum([new.version == state.version for new in decided.rows])
        self._decided.undoing.extend(decided.undoing)
        if decided.stops:
            self._stop(decided)
        return [new for new in decided.rows if self._follows(new)]

    def _ask(self, r: Row, steps: Sequence[Step]) -> list[Row]:
        """Steps that a verb asked for itself; returns those that follow at once.

        Behind a fact of this turn their places are known. Others are stored for the next one, their places found when this is written.
        """
        state, follow = self.states[r.order_id], list[Row]()
        last = (state.id, state.version)
        for step in steps:
            place = self._places.get(last, UNSTORED)
            new = row(state, self._flows.of(state, r.flow), step, version=state.version, n=place, now=self._now)
            if place == UNSTORED:
                self._explicit.append(new)
                self._put(new)
            else:
                self._places[last] = place + 1
                if self._follows(new):
                    follow.append(new)
        return follow

    def _follows(self, new: Row) -> bool:
        """Whether a new step runs in this turn; else it is stored for later."""
        if new.outside or new.due_at > self._now or not self._chain:
            self._put(new)
            return False
        return True

    def _put(self, r: Row) -> None:
        if id(r) in self._stored:
            if id(r) not in self._stale:
                self._moved.append(r)
        else:
            self._new.append(r)
            self._new_of.setdefault(r.order_id, []).append(r)

    def _stop(self, decided: Decided) -> None:
        self._decided.stops.extend(decided.stops)
        for order_id, flow, stop in decided.stops:
            for r in (*self._new_of.get(order_id, ()), *self._waiting.get(order_id, ())):
                if r.status == "due" and r.flow == flow and r.step == stop.name and stop.subject in (None, r.subject):
                    r.status = "stopped"

    async def write(self) -> int:
        """Write the turn; returns how many facts there were."""
        await self._compensate()
        if self._explicit:
            await self._place()
        tx, now = self._tx, self._now
        if self._decided.stops:
            meant = {order_id for order_id, _, _ in self._decided.stops}
            ended = [r.key for r in self._moved if r.order_id in meant and r.status in ("done", "dead")]
            await table.stop(tx, self._decided.stops, now, ended=ended)
        new = [r for r in _once(self._new) if r.status != "stopped"]  # asked for and taken back in one turn: it never was
        if self._take is not None:
            self._lease(new, self._take)
        moved = _once(self._moved)
        written = list(self._written.values())
        await self._book.write(tx, written, new, moved, now)
        await self._consequences(written)
        await self._book.finish(tx, written, now)
        return sum(len(w.facts) for w in written)

    def _lease(self, new: Sequence[Row], take: Take) -> None:
        """Calls among the new steps that may be made at once are stored as ours."""
        for r in new:
            if len(self.taken) == take.room:
                return
            if r.outside and r.status == "due" and r.due_at <= self._now:
                state = self.states[r.order_id]
                verb = self._flows.verb(state, r.flow, r.step)
                if isinstance(verb, Outside) and not state.paused and not (state.holds and verb.waits_for_holds):
                    r.attempts, r.due_at, r.worker = r.attempts + 1, take.until(verb), take.worker
                    self.taken.append(r)

    async def _consequences(self, written: Sequence[Written]) -> None:
        """Holds and pauses that ended wake their steps; instances end. A compensation that is done calls the next, as does one that is
        dead: it is somebody's now, and the others are not to wait for them."""
        await consequences(self._tx, [(w.before, w.after) for w in written], self._book, self._now)
        ended = [r for r in _once(self._moved) if r.status in ("done", "dead")]
        finished = [r.key for r in ended if r.after_version or self._undoes(r)]
        if finished:
            await table.advance(self._tx, finished, self._now)

    def _undoes(self, r: Row) -> bool:
        flow = self._flows.newest.get(r.flow)
        return flow is not None and r.step in flow.undo.values()

    async def _compensate(self) -> None:
        """UNDO steps of what a flow did, newest first, each waiting for the one before it."""
        for order_id, code, version, reason in self._decided.undoing:
            state = self.states[order_id]
            rows = await undoing(
                self._tx, self._flows, state, code, version=version, reason=reason, now=self._now, just_done=self._finished
            )
            self._new.extend(rows)

    async def _place(self) -> None:
        free = await table.places(self._tx, sorted({(r.order_id, r.version) for r in self._explicit}))
        for r in self._new:
            key = (r.order_id, r.version)
            if r.n != UNSTORED and key in free:
                free[key] = max(free[key], r.n + 1)
        for r in self._explicit:
            key = (r.order_id, r.version)
            r.n, free[key] = free[key], free[key] + 1


async def undoing(
    tx: Tx, flows: Flows, state: State, code: str, *, version: int, reason: str, now: datetime, just_done: Iterable[Row] = ()
) -> list[Row]:
    """The chain of UNDO steps for what a flow of this order did; its first is due, the others wait for the one before."""
    flow = flows.of(state, code)
    done = [r for r in just_done if r.order_id == state.id and r.flow == code and r.step in flow.undo]
    done = [*reversed(done), *await table.done_steps(tx, state.id, code, list(flow.undo))]
    found: list[Row] = []
    seen: set[tuple[str, str]] = set()
    first = UNDOING + UNDOING_EACH * sorted(flows.newest).index(code)
    for n, old in enumerate(done, first):
        if (old.step, old.subject) in seen:
            continue
        seen.add((old.step, old.subject))
        step = Step(flow.undo[old.step], old.subject, data={**old.data, "reason": reason})
        new = row(state, flow, step, version=version, n=n, now=now)
        if found:
            new.status, new.after_version, new.after_n = "waiting", found[-1].version, found[-1].n
        found.append(new)
    return found


async def consequences(tx: Tx, changes: Sequence[tuple[Any, Any]], book: Book, now: datetime) -> None:
    """What follows from (before, after) for waiting steps and for the instances themselves."""
    released = [after.id for before, after in changes if before.holds and not after.holds]
    resumed = [after.id for before, after in changes if before.paused and not after.paused]
    statuses: dict[str, str] = {}
    for before, after in changes:
        was, now_is = _status(book, before), _status(book, after)
        if was != now_is:
            statuses[after.id] = now_is
    if released:
        await table.wake(tx, released, "held", now)
    if resumed:
        await table.wake(tx, resumed, "paused", now)
    if statuses:
        await table.set_status(tx, list(statuses), list(statuses.values()), now)


def _status(book: Book, state: Any) -> str:
    return "ended" if book.ended(state) else "paused" if state.paused else "running"


def back_off(verb: Verb, tried: int) -> timedelta:
    """Twice as long after every try, up to a limit, with full jitter over the upper half so that many do not come back at once."""
    span = min(verb.backoff_s * 2 ** min(tried - 1, BACK_OFF_DOUBLINGS), verb.backoff_max_s)
    return timedelta(seconds=span * (0.5 + random.random() / 2))  # noqa: S311 -- jitter


def _once(rows: Iterable[Row]) -> list[Row]:
    """Each row once, as it ended."""
    return list({id(r): r for r in rows}.values())


async def _nobody(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    raise Broken("a step that nobody knows was run")
