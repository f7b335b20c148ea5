"""Money on its way back. The wish is a fact before the gateway hears of it; a lost answer is asked about, never sent again blindly."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, House, Local, Outcome, Outside, Step, Task
from haat.flows.paying.deciding import SOON
from haat.flows.paying.desk import Desk, Noted, found, payback, refund_row
from haat.kernel.errors import Unavailable
from haat.kernel.facts import Fact
from haat.kernel.outside import Unknown

OWNER = "payments"
UNDER_WAY = frozenset({"requested", "uncertain"})
ASK_EACH_MAX = timedelta(hours=1)
ASK_EACH_MIN = timedelta(seconds=10)
ARRIVES_WITHIN = timedelta(minutes=2)  # far above any time limit of a call: what is not there by then was never begun
Settle = Callable[[House, Tx, Sequence[tuple[Task, object]], datetime], Awaitable[Sequence[Outcome]]]


def refund(desk: Desk) -> Outside:
    """Give the money back the way it came. What came in cash, or through a gateway that gives nothing back, waits for a person."""

    async def call(house: House, task: Task) -> payments.RefundObservation | None:
        asked = refund_in(task.order, task.subject)
        known = found(task.order, asked.attempt) if asked else None
        if asked is None or known is None or asked.status not in UNDER_WAY or asked.gateway == orders.paying.CASH:
            return None
        connection, gateway = desk.gateway(asked.gateway)
        if gateway.refund is None:
            return None
        back, now = payback(task.order, known[1], asked, desk.known(task.order, known[1])), house.clock.now()
        if task.attempts > 1 and gateway.query_refund is not None:
            seen = await desk.outside.drive(connection, gateway.query_refund(connection, back, now), subject=asked.id)
            if seen.reason != "not_found":
                return seen
        return await desk.outside.drive(connection, gateway.refund(connection, back, now), subject=asked.id)

    return Outside(
        call=call, settle=_settling(_sent), party=_party, title="give money back", title_bn="অর্থ ফেরত", owner=OWNER,
        waits_for_holds=False, attempts_max=12, repairs=("retry", "skip"),
    )  # fmt: skip


def ask_refund(desk: Desk) -> Outside:
    """What became of money that was to go back."""

    async def call(house: House, task: Task) -> payments.RefundObservation | None:
        asked = refund_in(task.order, task.subject)
        known = found(task.order, asked.attempt) if asked else None
        if asked is None or known is None or asked.status not in UNDER_WAY:
            return None
        connection, gateway = desk.gateway(asked.gateway)
        if gateway.query_refund is None:
            return None
        back = payback(task.order, known[1], asked, desk.known(task.order, known[1]))
        return await desk.outside.drive(connection, gateway.query_refund(connection, back, house.clock.now()), subject=asked.id)

    return Outside(
        call=call, settle=_settling(_asked), party=_party, title="ask about money that goes back", title_bn="ফেরতের খোঁজ", owner=OWNER,
        waits_for_holds=False, attempts_max=50, age_limit_s=7 * 86_400.0, repairs=("retry",),
    )  # fmt: skip


def book_refund() -> Local:
    """The row of a refund that came to its end, also where a person made it."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        for task in tasks:
            ended = refund_in(task.order, task.subject)
            if ended is not None:
                noted.refunds[ended.id] = refund_row(task.order, ended, now)
        await noted.write(tx)
        return [Done() for _ in tasks]

    return Local(run=run, title="book what went back", title_bn="ফেরত লেখা", owner=OWNER, waits_for_holds=False)


def refund_in(order: orders.Order, refund_id: str) -> orders.Refund | None:
    """The refund of this id."""
    return next((r for r in order.refunds if r.id == refund_id), None)


def told(order: orders.Order, asked: orders.Refund, seen: payments.RefundObservation) -> tuple[Fact, ...]:
    """What follows from a gateway's word about a refund; nothing where it was known."""
    del order
    if asked.status not in UNDER_WAY:
        return ()
    if seen.status == "succeeded":
        return (orders.events.OrderRefunded(asked.id, asked.payment, asked.attempt, asked.amount, seen.reference or asked.reference),)
    if seen.status == "failed":
        return (orders.events.OrderRefundFailed(asked.id, seen.reason or "refused", seen.raw_code),)
    if asked.status == "uncertain":
        return ()
    return (orders.events.OrderRefundUncertain(asked.id, seen.reference or asked.reference),)


def _sent(task: Task, asked: orders.Refund, answer: object) -> Outcome:
    match answer:
        case payments.RefundObservation(status="failed"):
            return Dead("refund_refused", answer.raw_code or answer.reason, told(task.order, asked, answer))
        case payments.RefundObservation():
            return _followed(task.order, asked, answer)
        case None:
            return Dead("pay_back_by_hand", f"{asked.gateway or 'cash'} gives nothing back by itself; note the receipt when it is done.")
        case Unknown():
            return _followed(task.order, asked, payments.RefundObservation(status="unknown"))
        case Unavailable():
            return Failed(str(answer))
        case _:
            return Failed(str(answer))


def _followed(order: orders.Order, asked: orders.Refund, seen: payments.RefundObservation) -> Outcome:
    """What was learned. One that was uncertain before and still is brings no fact, so the question is asked for here."""
    facts = told(order, asked, seen)
    return Done(facts) if facts else Done(steps=(Step("ask_refund", asked.id, after=SOON),))


def _asked(task: Task, asked: orders.Refund, answer: object) -> Outcome:
    pause = min(max((task.now - task.created_at) / 4, ASK_EACH_MIN), ASK_EACH_MAX)
    match answer:
        case payments.RefundObservation(reason="not_found"):
            if task.now - task.created_at < ARRIVES_WITHIN:
                return Again(pause, "it is not there yet")
            return Done(steps=(Step("refund", asked.id),))  # it never arrived there: it may be sent
        case payments.RefundObservation(status="failed"):
            return Dead("refund_refused", answer.raw_code or answer.reason, told(task.order, asked, answer))
        case payments.RefundObservation(status="succeeded"):
            return Done(told(task.order, asked, answer))
        case None | Unknown(code="no_lookup"):
            if task.now - task.created_at < ARRIVES_WITHIN:
                return Again(pause, "it may be on its way there")
            place = f"/v1/orders/{task.order.id}/refunds/{asked.id}"
            unsaid = f"{asked.gateway} does not say whether it gave {asked.amount} back."
            return Dead("refund_unknown", f"{unsaid} Look at its books, then POST {place}/findings, or {place}/receipts where it arrived.")
        case payments.RefundObservation() | Unknown() | Unavailable():
            return Again(pause, answer.status if isinstance(answer, payments.RefundObservation) else str(answer))
        case _:
            return Failed(str(answer))


def _settling(decide: Callable[[Task, orders.Refund, object], Outcome]) -> Settle:
    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes: list[Outcome] = []
        for task, answer in answers:
            asked = refund_in(task.order, task.subject)
            outcome = Done() if asked is None or asked.status not in UNDER_WAY else decide(task, asked, answer)
            noted.facts(task.order, outcome.facts, now)
            if asked is not None and asked.id not in noted.refunds:
                noted.refunds[asked.id] = refund_row(task.order, asked, now)
            outcomes.append(outcome)
        await noted.write(tx)
        return outcomes

    return settle


def _party(task: Task) -> str:
    asked = refund_in(task.order, task.subject)
    return f"gateway:{asked.gateway}" if asked else "gateway"
