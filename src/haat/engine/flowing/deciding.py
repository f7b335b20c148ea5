"""From facts to stored steps: every flow that listens is asked, and what it decides becomes rows. Pure.

Each order keeps the version of each flow that it began with (`state.flows`; 1 where none is named), so a new version changes
nothing for orders under way unless they are migrated.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from haat.engine.flowing.step import Compensate, Flow, Outside, State, Step, Stop, Verb
from haat.kernel.errors import Broken
from haat.kernel.facts import Fact

log = logging.getLogger("haat.flowing")
NO_DATA: Mapping[str, Any] = {}


class Row(msgspec.Struct):
    """A row of `workflow_states`. (order_id, version, n) is its key: `version` is that of the fact that asked for it."""

    order_id: str
    version: int
    n: int
    flow: str
    step: str
    subject: str
    status: str
    outside: bool
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    data: Mapping[str, Any] = NO_DATA
    error: str = ""
    owner: str = ""
    after_version: int = 0  # of the compensating step that comes before this one; 0: none
    after_n: int = 0
    worker: str = ""  # who has leased it, where it is stored leased

    @property
    def key(self) -> tuple[str, int, int]:
        return self.order_id, self.version, self.n


class Decided(msgspec.Struct):
    """What the flows decided about one order in one transaction."""

    rows: list[Row] = []
    stops: list[tuple[str, str, Stop]] = []  # order, flow, what
    undoing: list[tuple[str, str, int, str]] = []  # order, flow, version of the fact, reason


class Flows:
    """Every flow in every version that is still kept."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self.newest = {flow.code: flow for flow in flows}
        self._kept = {(f.code, f.version): f for flow in self.newest.values() for f in (flow, *flow.earlier)}
        self._first = {code: self._kept.get((code, 1)) or flow for code, flow in self.newest.items()}
        self._listening: dict[type[Fact], list[str]] = {}
        for code in sorted(self.newest):
            for fact in frozenset[type[Fact]]().union(*(f.facts for (c, _), f in self._kept.items() if c == code)):
                self._listening.setdefault(fact, []).append(code)
        for flow in self._kept.values():
            strange = [s for pair in flow.undo.items() for s in pair if s not in flow.run]
            if strange:
                raise Broken(f"flow {flow.code}: {', '.join(strange)} of its UNDO table cannot be run")
            _check_migrations(flow)
        #: What a new order keeps, where it is not the first version.
        self.versions: Mapping[str, int] = {code: flow.version for code, flow in self.newest.items() if flow.version != 1}

    def of(self, state: State, code: str) -> Flow:
        """The flow in the version that this order keeps."""
        if not state.flows:
            return self._first[code]
        return self._kept.get((code, state.flows.get(code, 1))) or self.newest[code]

    def leases(self) -> Mapping[tuple[str, str], float]:
        """Seconds for which calls are leased, by (flow, step); of several versions the longest."""
        found: dict[tuple[str, str], float] = {}
        for (code, _), flow in self._kept.items():
            for step, verb in flow.run.items():
                if isinstance(verb, Outside):
                    found[code, step] = max(found.get((code, step), 0.0), verb.lease_s)
        return found

    def verb(self, state: State, flow: str, step: str) -> Verb | None:
        """Who does a step; None where nobody knows it any more."""
        return self.of(state, flow).run.get(step) if flow in self.newest else None

    def decide(self, state: State, facts: Sequence[tuple[int, Fact]], now: datetime, into: Decided) -> None:
        """Ask every flow that listens about each (version, fact). The same step with the same data twice in one go is one step."""
        asked: set[tuple[str, str, str, str]] = set()
        for version, fact in facts:
            n = 0
            for code in self._listening.get(type(fact), ()):
                flow = self.of(state, code)
                if type(fact) not in flow.facts:
                    continue
                for decision in flow.decide(state, fact):
                    if isinstance(decision, Stop):
                        into.stops.append((state.id, code, decision))
                    elif isinstance(decision, Compensate):
                        into.undoing.append((state.id, code, version, decision.reason))
                    elif (step := (code, decision.name, decision.subject, repr(decision.data) if decision.data else "")) not in asked:
                        asked.add(step)
                        into.rows.append(row(state, flow, decision, version=version, n=n, now=now))
                        n += 1


def row(state: State, flow: Flow, step: Step, *, version: int, n: int, now: datetime) -> Row:
    """A step as it is stored: due at once or after its timer."""
    verb = flow.run.get(step.name)
    if verb is None:
        raise Broken(f"flow {flow.code} asks for {step.name}, which is not in its RUN table")
    due = now + step.after if step.after is not None else now
    return Row(state.id, version, n, flow.code, step.name, step.subject, "due", isinstance(verb, Outside), due, now, data=step.data)


def _check_migrations(flow: Flow) -> None:
    """Every step of an earlier version is one of this version too, or it is said what becomes of it."""
    for version, names in flow.migrates.items():
        strange = sorted(new for new in names.values() if new and new not in flow.run)
        if strange:
            raise Broken(f"flow {flow.code}: its migration from version {version} leads to {', '.join(strange)}, which nobody runs")
        old = next((e for e in flow.earlier if e.version == version), None)
        left = [] if old is None else sorted(step for step in old.run if step not in names and step not in flow.run)
        if left:
            raise Broken(f"flow {flow.code}: its migration from version {version} does not say what becomes of {', '.join(left)}")
