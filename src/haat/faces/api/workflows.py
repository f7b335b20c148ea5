"""Flows as an operator sees them: what runs, what is stuck and why, and the repairs that are safe. Staff only.

An exception is named `<order>:<step>`; repairing it is creating a repair, for one or for all that match a search.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from haat.domain import orders
from haat.engine.flowing import drawing, repairing
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.orders import order_id_in
from haat.faces.api.paging import CURSOR, PLACE, Limit, Page, page_headers, place
from haat.faces.api.shop import Shop
from haat.flows import repairing as mending
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

_ORDER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z][a-z0-9_]*$")]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
How = Literal["retry", "skip", "cancel_order"]
Decide = Callable[[orders.Order, str], tuple[Fact, ...]]


class WorkflowsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Literal["running", "paused", "ended"] | None = None
    cursor: PLACE = None
    limit: Limit = 50


class Workflow(msgspec.Struct, frozen=True):
    """The flows of one order with all their steps; `flows` are the versions that it keeps."""

    order_id: str
    number: str
    order_status: str
    paused: bool
    flows: dict[str, int]
    steps: list[repairing.StepView]


class WorkflowPage(msgspec.Struct, frozen=True):
    data: list[repairing.Instance]
    page: Page


class Reasoned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class ExceptionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`older_than_s`: unchanged for at least so many seconds."""

    cause: Word | None = None
    flow: Word | None = None
    step: Word | None = None
    owner: Word | None = None
    order: CURSOR = None
    older_than_s: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    cursor: PLACE = None
    limit: Limit = 50


class ExceptionView(msgspec.Struct, frozen=True):
    """A step that waits for somebody. `repairs` are those that are safe."""

    id: str
    order_id: str
    flow: str
    step: str
    subject: str
    cause: str
    detail: str
    owner: str
    attempts: int
    since: datetime
    age_s: int
    repairs: list[str]


class ExceptionPage(msgspec.Struct, frozen=True):
    data: list[ExceptionView]
    page: Page


class CauseView(msgspec.Struct, frozen=True):
    """How many wait for the same reason, and since when the oldest."""

    flow: str
    step: str
    cause: str
    owner: str
    count: int
    oldest: datetime


class Causes(msgspec.Struct, frozen=True):
    data: list[CauseView]


class RepairRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    repair: How
    reason: Reason


class BulkRepairRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Repair everything that matches; at least one of `cause`, `flow`, `step`, `owner`, `order` is given."""

    repair: How
    reason: Reason
    cause: Word | None = None
    flow: Word | None = None
    step: Word | None = None
    owner: Word | None = None
    order: CURSOR = None
    older_than_s: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000


class RepairView(msgspec.Struct, frozen=True):
    """`unchanged`: were not open any more; `refused`: this repair is not safe for them."""

    repaired: int
    unchanged: int
    refused: list[str]


class FlowView(msgspec.Struct, frozen=True):
    """A flow, and its picture made from its code (Mermaid)."""

    code: str
    title: str
    title_bn: str
    version: int
    steps: list[str]
    picture: str


class FlowList(msgspec.Struct, frozen=True):
    data: list[FlowView]


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    staff = access.STAFF
    return [
        Endpoint("GET", "/v1/flows", "listFlows", "Every flow, with its picture", desk.flows, "Flows", staff, answers={200: FlowList}),
        Endpoint("GET", "/v1/workflows", "listWorkflows", "The flows of orders, newest first", desk.many, "Flows", staff,
                 query=WorkflowsQuery, answers={200: WorkflowPage}, problems=(400,)),
        Endpoint("GET", "/v1/workflows/{id}", "getWorkflow", "The steps of one order's flows", desk.one, "Flows", staff,
                 answers={200: Workflow}, problems=(404,)),
        Endpoint("POST", "/v1/workflows/{id}/pauses", "pauseWorkflow", "Stop every step of an order", desk.pause, "Flows", staff,
                 body=Reasoned, answers={201: Workflow}, problems=(404, 409, 412, 413, 415, 422, 503), example=examples.PAUSE),
        Endpoint("POST", "/v1/workflows/{id}/resumptions", "resumeWorkflow", "Let a paused order go on", desk.resume, "Flows", staff,
                 body=Reasoned, answers={201: Workflow}, problems=(404, 409, 412, 413, 415, 422, 503), example=examples.RESUMPTION),
        Endpoint("GET", "/v1/exceptions", "listExceptions", "Steps that wait for somebody", desk.exceptions, "Flows", staff,
                 query=ExceptionsQuery, answers={200: ExceptionPage}, problems=(400,)),
        Endpoint("GET", "/v1/exception-causes", "listExceptionCauses", "How many wait for which reason", desk.causes, "Flows", staff,
                 answers={200: Causes}),
        Endpoint("POST", "/v1/exceptions/{exception}/repairs", "repairException", "Repair one", desk.repair, "Flows", staff,
                 body=RepairRequest, answers={200: RepairView}, problems=(404, 409, 413, 415, 422, 503), example=examples.REPAIR,
                 description="An exception is named `<order>:<step>`, as the list says. Repaired already: `unchanged`, not an error."),
        Endpoint("POST", "/v1/exception-repairs", "repairExceptions", "Repair all that match a search", desk.repair_all, "Flows", staff,
                 body=BulkRepairRequest, answers={200: RepairView}, problems=(400, 413, 415, 422, 503), example=examples.REPAIRS),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def flows(self, call: Call) -> Answer:
        del call
        found = self._shop.flows.newest.values()
        return Answer(200, FlowList([FlowView(f.code, f.title, f.title_bn, f.version, sorted(f.run), drawing.mermaid(f)) for f in found]))

    async def many(self, call: Call) -> Answer:
        asked: WorkflowsQuery = call.query
        (after,) = place(asked.cursor, 1)
        async with self._shop.database.reading() as tx:
            found = await repairing.instances(
                tx, status=asked.status, after=conditions.uuid_of(after) if after else None, limit=asked.limit + 1
            )
        shown = found[: asked.limit]
        page = Page.behind([shown[-1].order_id] if len(found) > asked.limit else None, asked.limit)
        return Answer(200, WorkflowPage(shown, page), page_headers(page, asked))

    async def one(self, call: Call) -> Answer:
        return Answer(200, await self._workflow(order_id_in(call)))

    async def pause(self, call: Call) -> Answer:
        return await self._turn(call, lambda o, reason: () if o.paused else (orders.events.OrderPaused(reason),))

    async def resume(self, call: Call) -> Answer:
        return await self._turn(call, lambda o, reason: (orders.events.OrderResumed(reason),) if o.paused else ())

    async def exceptions(self, call: Call) -> Answer:
        asked: ExceptionsQuery = call.query
        now = self._shop.clock.now()
        order_id, step = place(asked.cursor, 2)
        after = (conditions.uuid_of(order_id), *(repairing.parse(step) or (0, 0))) if order_id and step else None
        async with self._shop.database.reading() as tx:
            found = await repairing.stuck(tx, _search(asked), now, after=after, limit=asked.limit + 1)
        shown = found[: asked.limit]
        last = shown[-1] if len(found) > asked.limit else None
        page = Page.behind(None if last is None else [last.order_id, last.id], asked.limit)
        return Answer(200, ExceptionPage([self._view(s, now) for s in shown], page), page_headers(page, asked))

    async def causes(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            return Answer(200, Causes([CauseView(*row) for row in await repairing.causes(tx)]))

    async def repair(self, call: Call) -> Answer:
        asked: RepairRequest = call.data
        order_id, _, step = call.path["exception"].partition(":")
        if not _ORDER_ID.fullmatch(order_id) or repairing.parse(step) is None:
            raise Refused("unknown_exception", "There is no such exception.", kind="missing")
        how = mending.Repair(asked.repair, asked.reason, self._origin(call))
        done = await mending.repair_now(self._shop.database, self._shop.change, [(order_id, step)], how, self._shop.clock.now())
        if done.refused:
            raise Refused("unsafe_repair", done.refused[0], kind="conflict")
        return Answer(200, RepairView(done.repaired, done.unchanged, list(done.refused)))

    async def repair_all(self, call: Call) -> Answer:
        asked: BulkRepairRequest = call.data
        search = _search(asked)
        if all(getattr(search, name) is None for name in ("cause", "flow", "step", "owner", "order_id")):
            raise Refused("search_too_wide", "Say which exceptions: by cause, flow, step, owner or order.")
        how = mending.Repair(asked.repair, asked.reason, self._origin(call))
        done = await mending.repair_all(self._shop.database, self._shop.change, search, how, now=self._shop.clock.now(), limit=asked.limit)
        return Answer(200, RepairView(done.repaired, done.unchanged, list(done.refused[:100])))

    async def _turn(self, call: Call, decide: Decide) -> Answer:
        asked: Reasoned = call.data
        order_id = order_id_in(call)
        now, expected = self._shop.clock.now(), conditions.expected(call)
        change = orders.Change(order_id, lambda o: decide(o, asked.reason), now, self._origin(call), expected)
        await self._shop.changing.submit(change)
        return Answer(201, await self._workflow(order_id))

    async def _workflow(self, order_id: str) -> Workflow:
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [order_id])
            if order_id not in found:
                raise access.unknown()
            steps = await repairing.steps(tx, order_id)
        order = found[order_id]
        versions = {code: order.flows.get(code, 1) for code in self._shop.flows.newest}
        return Workflow(order.id, order.number, order.status, order.paused, versions, steps)

    def _view(self, s: repairing.Stuck, now: datetime) -> ExceptionView:
        flow = self._shop.flows.newest.get(s.flow)
        verb = None if flow is None else flow.run.get(s.step)
        return ExceptionView(
            f"{s.order_id}:{s.id}", s.order_id, s.flow, s.step, s.subject, s.cause, s.detail, s.owner, s.attempts, s.since,
            max(int((now - s.since).total_seconds()), 0), [] if verb is None else list(verb.repairs),
        )  # fmt: skip

    def _origin(self, call: Call) -> Origin:
        return Origin(call.principal.actor, "api", call.trace)


def _search(asked: ExceptionsQuery | BulkRepairRequest) -> repairing.Search:
    order_id = conditions.uuid_of(asked.order) if asked.order else None
    older = None if asked.older_than_s is None else timedelta(seconds=asked.older_than_s)
    return repairing.Search(asked.cause, asked.flow, asked.step, asked.owner, order_id, older)
