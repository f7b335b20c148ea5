"""The audit: what must be true of the whole database at any moment, looked for by one invariant after the other.

    invariants/*.py ─► audit(…) ─► findings            `haat audit`, the worker's chore, the end of a simulation

An invariant is one file with one `INVARIANT`. It asks set-wise of everything (`check`), or looks at pages of orders (`look`), each
folded from its facts and seen with all rows beside it as of one moment. It reads the tables of every module and writes none; what it
finds is a bug of ours or somebody's hand in the database, so a finding names who has to look at it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain import inventory, orders
from haat.engine.database import Database, Row, Tx
from haat.engine.flowing import Flows
from haat.engine.journal import Journal
from haat.insight import recount

Stored = orders.StoredRows
PAGE = 500
FOUND_MAX = 200  # of one invariant: more of the same say no more


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is not as it must be: what it is about (an order's id, a SKU, …) and in words what is wrong."""

    subject: str
    detail: str


class Finding(msgspec.Struct, frozen=True):
    """What an invariant found, and who has to look at it."""

    invariant: str
    owner: str
    subject: str
    detail: str


class Waiting(msgspec.Struct, frozen=True):
    """A step that is neither done nor given up: due, held, paused, waiting or dead."""

    id: str
    flow: str
    step: str
    subject: str
    status: str
    due_at: datetime


class At(msgspec.Struct, frozen=True):
    """The moment and the flows by whose time limits it is judged."""

    now: datetime
    flows: Flows


class Page(msgspec.Struct, frozen=True):
    """Orders folded from their facts, and the rows that belong to them, as of one moment."""

    orders: Sequence[orders.Order]
    stored: Mapping[str, Stored]
    steps: Mapping[str, Sequence[Waiting]]  # by order; an order without any is absent
    reservations: Mapping[str, Sequence[inventory.Reservation]]
    gaps: Sequence[str]  # orders whose versions do not run 1, 2, 3 …

    @property
    def ids(self) -> list[str]:
        return [order.id for order in self.orders]


Check = Callable[[Tx, At], Awaitable[Sequence[Wrong]]]
Look = Callable[[Tx, Page, At], Awaitable[Sequence[Wrong]]]


class Invariant(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is always true. `check` asks of everything at once, `look` of a page of orders; one of them, or both."""

    code: str
    title: str
    title_bn: str
    owner: str
    check: Check | None = None
    look: Look | None = None


async def audit(database: Database, journal: Journal, flows: Flows, now: datetime, invariants: Sequence[Invariant]) -> list[Finding]:
    """Everything that these invariants find. Reads only, each check and each page as of one moment; safe beside busy servers."""
    at, found = At(now, flows), _Found()
    await _checked(database, at, invariants, found)
    looking = [each for each in invariants if each.look is not None]
    if looking:
        async with database.reading() as tx:
            bounds = await recount.page_bounds(tx, PAGE)
        for after, until in bounds:
            async with database.reading() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
                page = await _page(tx, journal, after, until)
                for each in looking:
                    assert each.look is not None
                    found.add(each, await each.look(tx, page, at))
    return found.findings


async def checks(database: Database, flows: Flows, now: datetime, invariants: Sequence[Invariant]) -> list[Finding]:
    """What the set-wise questions alone find: a few statements, so a worker asks them now and then."""
    found = _Found()
    await _checked(database, At(now, flows), invariants, found)
    return found.findings


async def _checked(database: Database, at: At, invariants: Sequence[Invariant], found: "_Found") -> None:
    for each in invariants:
        if each.check is not None:
            async with database.reading() as tx, tx.transaction(isolation="repeatable_read", readonly=True):
                found.add(each, await each.check(tx, at))


class _Found:
    """What was found so far, of each invariant no more than says something."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._counts: dict[str, int] = {}

    def add(self, invariant: Invariant, wrong: Sequence[Wrong]) -> None:
        for each in wrong[: FOUND_MAX - self._counts.get(invariant.code, 0)]:
            self._counts[invariant.code] = self._counts.get(invariant.code, 0) + 1
            self.findings.append(Finding(invariant.code, invariant.owner, each.subject, each.detail))


async def _page(tx: Tx, journal: Journal, after: str | None, until: str | None) -> Page:
    stored = await orders.stored_between(tx, after, until)
    streams = await journal.streams_between(tx, after, until)
    folded = [order for stream in streams.values() if (order := orders.fold(stream)) is not None]
    gaps = [order_id for order_id, stream in streams.items() if [each.version for each in stream] != list(range(1, len(stream) + 1))]
    steps: dict[str, list[Waiting]] = {}
    for row in await tx.fetch(_STEPS, after, until):
        steps.setdefault(row[0], []).append(_waiting(row))
    reservations: dict[str, list[inventory.Reservation]] = {}
    for each in await inventory.every(tx, sorted(streams)):
        reservations.setdefault(each.owner, []).append(each)
    return Page(folded, stored, steps, reservations, gaps)


def _waiting(row: Row) -> Waiting:
    return Waiting(f"{row[1]}.{row[2]}", *row[3:])


_STEPS = """
SELECT order_id::text, version, n, flow, step, subject, status, due_at FROM workflow_states
WHERE ($1::uuid IS NULL OR order_id > $1) AND ($2::uuid IS NULL OR order_id <= $2)
  AND status IN ('due', 'held', 'paused', 'waiting', 'dead')
ORDER BY order_id, version, n
"""
