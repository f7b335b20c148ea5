"""Validation: an order that has its stock is screened for fraud, looked at by a person where that says so, and confirmed when it stands.

    OrderStockReserved ─► screen ─► OrderScreened ─┬─ pass
                                                   ├─ review: OrderHeld(FRAUD_REVIEW) ─ approved: OrderReleased │ late: review_overdue
                                                   └─ reject: OrderRejected
    OrderHeld of any other kind (a likely duplicate, an address to be checked) ─ released: OrderReleased │ late: hold_overdue
    screened ∧ no hold ∧ money secured or due at the door ∧ a plan for every unit ─► confirm ─► OrderConfirmed

What another marketplace sold passes unscreened. `follow` writes down what became of orders, for those that come after them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.domain import fraud, orders, people
from haat.engine.changes import Memory, Whole
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Decision, Done, Flow, Local, Outcome, Step, Stop, Task
from haat.engine.journal import RawFact
from haat.kernel.facts import Fact

FOLLOWER = "fraud"
HOLD = "FRAUD_REVIEW"
COUNTED_ELSEWHERE = timedelta(milliseconds=100)  # about what a full batch of another worker takes to commit
PATIENCE = timedelta(seconds=3)  # then an order is counted without those that are being counted with it
DECIDED_WITHIN = timedelta(hours=24)  # where whoever held it named no time: a validation rule, a gateway that calls a payment risky
SCREEN = (Step("screen"),)
CONFIRM = (Step("confirm"),)
OVERDUE = ("review_overdue", "hold_overdue")
NOTHING_WAITS = tuple([Stop(step) for step in OVERDUE])
ENDS = (orders.events.OrderCancelled, orders.events.OrderRejected, orders.events.OrderExpired)
#: What may have been the last thing that an order waited for.
MOVES = (
    orders.events.OrderScreened,
    orders.events.OrderReleased,
    orders.events.OrderPaymentRequested,
    orders.events.OrderPaymentAuthorized,
    orders.events.OrderPaymentProcessed,
    orders.events.OrderPaymentWaived,
    orders.events.OrderInventoryAllocated,
    orders.events.OrderAllocationFailed,
    orders.events.OrderBackorderArrived,
    orders.events.OrderPromised,
    orders.events.OrderLinesCancelled,
    orders.events.OrderReinstated,
)


class Desk:
    """The screening of one process: rules, policies and blocks in memory, kept fresh by `memory`.

    `client` says from which device and IP an order came, "" where nobody knows.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        rules: Mapping[str, fraud.Rule],
        models: Mapping[str, fraud.Model],
        key: bytes,
        client: Callable[[orders.Order], tuple[str, str]] = lambda order: ("", ""),
    ) -> None:
        self._rules = rules
        self._models = models
        self._key = key
        self._client = client
        self._books: Whole[Mapping[str, fraud.Rulebook]] = Whole({fraud.KIND}, self._load_books)
        self._blocks: Whole[people.Blocks] = Whole({people.KIND}, people.load_blocks)
        memory.keep(self._books, self._blocks)

    def book(self, channel: str) -> fraud.Rulebook:
        """The rules as they hold for a channel now."""
        books = self._books.value
        return books.get(channel) or books[fraud.DEFAULT]

    async def _load_books(self, tx: Tx) -> Mapping[str, fraud.Rulebook]:
        standing = {fraud.DEFAULT: fraud.BUILT_IN, **await fraud.policies(tx)}
        return {channel: fraud.rulebook(self._rules, self._models, policy) for channel, policy in standing.items()}

    def sighting(self, order: orders.Order, *, late: bool) -> fraud.Sighting:
        """The order by its marks."""
        key, customer, to = self._key, order.customer, order.ship_to
        place = "" if order.place is None else order.place.upazila or order.place.district
        device, ip = self._client(order)
        return fraud.Sighting(
            order.id, order.channel, order.currency, order.totals.grand, order.payment_method == "cod", order.placed_at,
            phone=fraud.mark(key, "phone", customer.phone or to.phone),
            address=fraud.mark(key, "address", fraud.address_of(place=place, area=to.area, line=to.line)),
            device=fraud.mark(key, "device", device),
            ip=fraud.mark(key, "ip", ip),
            account=fraud.mark(key, "account", customer.id),
            names=fraud.name_marks(key, to.recipient, customer.name),
            late=late,
        )  # fmt: skip

    def case(self, order: orders.Order, seen: fraud.Seen, now: datetime) -> fraud.Case:
        """What the rules are to see of the order."""
        to = order.ship_to
        upazila_known = order.place is not None and bool(order.place.upazila)
        return fraud.Case(
            order.channel, order.currency, order.totals.grand, order.payment_method == "cod", bool(order.customer.id),
            fraud.address_signs(
                area=to.area, line=to.line, landmark=to.landmark, upazila_known=upazila_known, home=to.country == "BD"
            ),
            fraud.share_a_word(to.recipient, order.customer.name),
            self._blocked_on(order, now),
            seen,
            orders.splitting.at_the_door(order.tenders or ()),
        )  # fmt: skip

    def _blocked_on(self, order: orders.Order, now: datetime) -> str:
        blocks, customer, a = self._blocks.value, order.customer, order.ship_to
        if not blocks.standing:
            return ""
        address = people.address_fingerprint(a.country, a.district, a.upazila, a.area, a.line) if a.line else ""
        found = blocks.match(people.Buyer(customer.phone, customer.email.lower(), customer.id, address), now=now)
        return "" if found is None else found.kind


def flow(desk: Desk) -> Flow:
    """The flow of validation with its screening desk."""

    async def screen(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house
        return await _screen(desk, tx, tasks, now)

    async def overdue(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house, tx, now
        return [_overdue(desk, task) for task in tasks]

    async def held_too_long(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house, tx, now
        return [_held_too_long(task) for task in tasks]

    return Flow(
        code="validation",
        title="Order validation",
        title_bn="অর্ডার যাচাই",
        facts=frozenset({orders.events.OrderStockReserved, orders.events.OrderHeld, *ENDS, *MOVES}),
        decide=decide,
        run={
            "screen": Local(run=screen, title="Screen for fraud", title_bn="প্রতারণা যাচাই", owner="fraud", waits_for_holds=False),
            "review_overdue": Local(
                run=overdue, title="A review takes too long", title_bn="পর্যালোচনা বিলম্বিত", owner="fraud", waits_for_holds=False
            ),
            "hold_overdue": Local(
                run=held_too_long, title="A hold takes too long", title_bn="স্থগিতাদেশ বিলম্বিত", owner="operations", waits_for_holds=False
            ),
            "confirm": Local(run=_confirm, title="Confirm", title_bn="অর্ডার নিশ্চিত করা"),
        },
    )


def decide(order: orders.Order, fact: Fact) -> Sequence[Decision]:
    """What a fact leads to. Asked for every order several times, so it looks at the kind of fact first."""
    match fact:
        case orders.events.OrderStockReserved():
            return SCREEN if not order.screening else ()
        case orders.events.OrderHeld():
            within = DECIDED_WITHIN if fact.until is None else max(fact.until - order.updated_at, timedelta())
            return (Step("review_overdue" if fact.kind == HOLD else "hold_overdue", fact.hold, within),)
        case orders.events.OrderCancelled() | orders.events.OrderRejected() | orders.events.OrderExpired():
            return NOTHING_WAITS
        case orders.events.OrderReleased():
            stop = Stop("review_overdue" if fact.kind == HOLD else "hold_overdue", fact.hold)
            return (stop, *CONFIRM) if orders.checking.ready(order) else (stop,)
        case _:
            return CONFIRM if orders.checking.ready(order) else ()


async def _screen(desk: Desk, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
    """Two statements, however many tasks. Orders that end up with the same marks are counted in the order of their placing."""
    open_ = {task.order.id: task for task in tasks if task.order.status == "placed" and not task.order.screening}
    ours = [t for t in open_.values() if not t.order.external_id]
    seen = await fraud.sight(tx, [desk.sighting(t.order, late=now - t.created_at > PATIENCE) for t in ours])
    screened: dict[str, fraud.Screened] = {}
    for order_id, task in open_.items():
        if task.order.external_id:
            screened[order_id] = _screened(desk, task.order, fraud.NOTHING_SEEN, fraud.EXTERNAL, now)
        elif order_id in seen:
            screened[order_id] = _screened(desk, task.order, seen[order_id], None, now)
    await fraud.record(tx, list(screened.values()))
    outcomes: list[Outcome] = []
    for task in tasks:
        if task.order.id not in open_:
            outcomes.append(Done())
        elif task.order.id in screened:
            outcomes.append(Done(_facts(task.order, screened[task.order.id])))
        else:
            outcomes.append(Again(COUNTED_ELSEWHERE, "an order of the same phone, address or device is being screened"))
    return outcomes


def _screened(desk: Desk, order: orders.Order, seen: fraud.Seen, said: fraud.Assessment | None, now: datetime) -> fraud.Screened:
    book = desk.book(order.channel)
    case = desk.case(order, seen, now)
    assessment = said or fraud.assess(case, book)
    if assessment.outcome != "review":
        return fraud.Screened(order.id, order.version, case, assessment, book, now)
    until = now + timedelta(seconds=book.policy.review_limit_s)
    return fraud.Screened(order.id, order.version, case, assessment, book, now, f"fraud-{order.version}", until)


def _facts(order: orders.Order, s: fraud.Screened) -> tuple[Fact, ...]:
    findings = s.assessment.findings
    told = orders.events.OrderScreened(s.assessment.outcome, s.assessment.score, tuple([_remark(f) for f in findings]))
    match s.assessment.outcome:
        case "review":
            first = findings[0] if findings else None
            held = orders.events.OrderHeld(
                s.hold, HOLD, first.reason if first else "score", first.detail if first else "A model finds it suspicious.",
                first.rule if first else "model", first.version if first else 0, {"score": s.assessment.score}, s.until,
            )  # fmt: skip
            return (told, held)
        case "reject":
            return (told, *orders.checking.reject(order, reason="screening"))
        case _:
            return (told,)


def _remark(f: fraud.Finding) -> orders.events.Remark:
    return orders.events.Remark(f.rule, f.version, f.reason, f.detail, "", {"points": f.points, "detail_bn": f.detail_bn, **f.data})


def _overdue(desk: Desk, task: Task) -> Outcome:
    """A review that nobody decided in time: rejected or escalated, as the channel's policy says now."""
    order: orders.Order = task.order
    if not any(hold.id == task.subject and hold.kind == HOLD for hold in order.holds):
        return Done()
    if desk.book(order.channel).policy.overdue == "reject" and order.status == "placed":
        return Done(orders.checking.reject(order, reason="screening", detail="Nobody approved it in time."))
    return Dead("review_overdue", "Nobody decided the fraud review in time; approve or reject it.")


def _held_too_long(task: Task) -> Outcome:
    """Nobody waits for nobody: a hold that was not decided in time is shown to somebody, and goes on holding."""
    hold = next((each for each in task.order.holds if each.id == task.subject), None)
    return Done() if hold is None else Dead("hold_overdue", f"{hold.kind}: {hold.reason}. Release it, or cancel the order.")


async def _confirm(house: Any, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
    del house, tx, now
    return [Done(orders.checking.confirm(task.order)) for task in tasks]


class _Said(msgspec.Struct):
    """What matters here of facts that end a sighting or a review."""

    reason: str = ""
    detail: str = ""
    kind: str = ""
    hold: str = ""
    until: datetime | None = None
    rule: str = ""


_said = msgspec.json.Decoder(_Said).decode
_OUTCOMES = {
    "OrderDelivered": "delivered",
    "OrderCancelled": "cancelled",
    "OrderRejected": "rejected",
    "OrderExpired": "expired",
    "OrderReturnReceived": "returned",
    "OrderReturnStarted": "returned",
}
_REFUSED = "customer_refused"
#: Facts that `follow` looks at.
FOLLOWED = (*_OUTCOMES, "OrderReleased", "OrderHeld")


async def follow(tx: Tx, facts: Sequence[RawFact]) -> None:
    """Write down how orders ended and how reviews did; put orders into the queue that somebody else than the screening held for review.

    An order may be released and held again, or held and released, within these facts: its last hold is queued after what ended before.
    """
    outcomes: dict[str, str] = {}
    before: list[fraud.Closed] = []
    queued: dict[str, fraud.Review] = {}
    after: dict[str, fraud.Closed] = {}
    for fact in facts:
        if fact.type not in FOLLOWED:
            continue
        said = _said(fact.data)
        outcome = _OUTCOMES.get(fact.type)
        over: fraud.Closed | None = None
        if outcome is not None:
            if fact.type == "OrderReturnStarted" and said.reason == _REFUSED:
                outcome = "refused"
            standing = outcomes.get(fact.order_id)
            if standing is None or fraud.OUTCOMES[outcome] > fraud.OUTCOMES[standing]:
                outcomes[fact.order_id] = outcome
            if outcome in ("cancelled", "rejected", "expired"):
                word = "reject" if outcome == "rejected" else outcome
                over = fraud.Closed(fact.order_id, word, fact.actor, said.detail or said.reason, fact.at)
        elif fact.type == "OrderReleased" and said.kind == HOLD:
            over = fraud.Closed(fact.order_id, "approve", fact.actor, said.reason, fact.at)
        elif fact.type == "OrderHeld" and said.kind == HOLD and not said.rule and (fact.order_id in after or fact.order_id not in queued):
            queued[fact.order_id] = fraud.Review(fact.order_id, said.hold, "", 0, [], fact.at, said.until)
            after.pop(fact.order_id, None)
        if over is not None and fact.order_id in queued:
            after.setdefault(fact.order_id, over)
        elif over is not None:
            before.append(over)
    await fraud.close(tx, before)
    await fraud.queue(tx, list(queued.values()))
    await fraud.conclude(tx, outcomes)
    await fraud.close(tx, list(after.values()))
