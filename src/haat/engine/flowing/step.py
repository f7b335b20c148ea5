"""What a flow is made of: steps that are asked for, verbs that do them, and what can come of one. Pure values.

    facts ─► decide ─► Step ─► stored with the facts ─► Verb ─► Outcome ─► facts …

A flow is one pure `decide(state, fact)`, a RUN table (step → verb) and an UNDO table (step → the step that takes it back).
A verb is idempotent and guards on the state: what has become moot answers `Done()`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from haat.engine import deadlines
from haat.engine.database import Tx
from haat.kernel.facts import Fact


class State(Protocol):
    """What the engine of flows knows of the things whose flows it runs."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def holds(self) -> Sequence[object]: ...
    @property
    def paused(self) -> bool: ...
    @property
    def flows(self) -> Mapping[str, int]: ...


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something to do: `name` is a key of the flow's RUN table, `subject` what of the order it is about. `after`: a timer."""

    name: str
    subject: str = ""
    after: timedelta | None = None
    data: Mapping[str, Any] = {}


class Stop(msgspec.Struct, frozen=True):
    """Waiting steps of this flow with that name (and subject, unless None) are no longer needed."""

    name: str
    subject: str | None = None


class Compensate(msgspec.Struct, frozen=True):
    """Take back what this flow did: the UNDO steps of its done steps, newest first, each after the one before it."""

    reason: str


Decision = Step | Stop | Compensate


class Task(msgspec.Struct, frozen=True):
    """A step that is to be done now. `attempts` counts this one; `state` is fresh where the order is locked."""

    state: Any
    key: tuple[str, int, int]  # order, version of the fact that asked for it, place among its steps
    step: str
    subject: str
    data: Mapping[str, Any]
    attempts: int
    created_at: datetime
    now: datetime
    prepared: Any = None  # what the verb's `prepare` looked up for it

    @property
    def order(self) -> Any:
        """The state, by the name that flows of orders use."""
        return self.state


class Done(msgspec.Struct, frozen=True):
    """Done, or moot. `facts` are appended; `steps` follow."""

    facts: tuple[Fact, ...] = ()
    steps: tuple[Step, ...] = ()


class Again(msgspec.Struct, frozen=True):
    """Not yet; look again after a while. No failure."""

    after: timedelta
    reason: str = ""
    facts: tuple[Fact, ...] = ()


class Failed(msgspec.Struct, frozen=True):
    """A try failed. It is tried again with back-off; after the last try it is dead and somebody is told."""

    reason: str
    facts: tuple[Fact, ...] = ()


class Dead(msgspec.Struct, frozen=True):
    """Trying again is no use: an exception at once."""

    cause: str
    detail: str = ""
    facts: tuple[Fact, ...] = ()


Outcome = Done | Again | Failed | Dead

RunMany = Callable[[Any, Tx, Sequence[Task], datetime], Awaitable[Sequence[Outcome]]]
CallOne = Callable[[Any, Task], Awaitable[Any]]
Prepare = Callable[[Any, Tx, Sequence[Task]], Awaitable[Sequence[Any]]]
Settle = Callable[[Any, Tx, Sequence[tuple[Task, Any]], datetime], Awaitable[Sequence[Outcome]]]

DAY_S = 86_400.0
LEASE_MARGIN_S = 10.0  # to load, to prepare, to settle


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """A verb that needs the database only. `run(house, tx, tasks, now)`: up to some hundred tasks of locked orders, one outcome each."""

    run: RunMany
    title: str = ""
    title_bn: str = ""
    attempts_max: int = 8
    backoff_s: float = 1.0
    backoff_max_s: float = 600.0
    age_limit_s: float = DAY_S
    owner: str = "operations"
    repairs: tuple[str, ...] = ("retry", "skip", "cancel_order")
    waits_for_holds: bool = True


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """A verb that speaks to somebody outside.

    `call(house, task)`: one task, no transaction, `limit_s` at the most; it may be called again for the same step after a crash
    (`task.attempts` > 1), so it asks before it repeats. `settle(house, tx, [(task, answer or exception)], now)`: what the answers
    mean, for locked orders with their newest state. `party(task)` names whom it speaks to, with `concurrency` calls at once.
    """

    call: CallOne
    settle: Settle
    party: Callable[[Task], str]
    prepare: Prepare | None = None
    concurrency: int = 16
    limit_s: float = deadlines.CALL_S
    title: str = ""
    title_bn: str = ""
    attempts_max: int = 10
    backoff_s: float = 2.0
    backoff_max_s: float = 900.0
    age_limit_s: float = DAY_S
    owner: str = "operations"
    repairs: tuple[str, ...] = ("retry", "skip", "cancel_order")
    waits_for_holds: bool = True

    @property
    def lease_s(self) -> float:
        """How long a call is its worker's: it may wait for its party's turn as long as it may take itself, and then is made or given up.

        A killed worker's call comes back after that; before, nobody can tell it from one under way.
        """
        return 2 * self.limit_s + LEASE_MARGIN_S


Verb = Local | Outside


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A story: which facts it listens to, what it decides, who does it. `decide` sees the state after all facts of the transaction.

    `earlier`: versions that running orders may still keep. `migrates`: from an earlier version, what becomes of its waiting
    steps (old name → new name; a step that is not named keeps its name, "" drops it).
    """

    code: str
    title: str
    title_bn: str = ""
    version: int = 1
    facts: frozenset[type[Fact]]
    decide: Callable[[Any, Fact], Sequence[Decision]]
    run: Mapping[str, Verb]
    undo: Mapping[str, str] = {}
    earlier: tuple["Flow", ...] = ()
    migrates: Mapping[int, Mapping[str, str]] = {}
