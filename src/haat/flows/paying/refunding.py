"""Money on its way back. The wish is a fact before the gateway hears of it; a lost answer is asked about, never sent again blindly.

requested ─ refund ─┬─► succeeded
                    ├─► failed: a person is told, whatever becomes of the order; their `retry` sends it again under a new name
                    └─► uncertain ─ ask_refund ─► not found: sent again, a few times; then a person is told
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, House, Local, Outcome, Outside, Step, Task, repairing
from haat.flows.paying.deciding import SOON
from haat.flows.paying.desk import Desk, Noted, found, other_names, payback, refund_row
from haat.kernel.errors import Unavailable
from haat.kernel.facts import Fact, Recorded
from haat.kernel.outside import Unknown

OWNER = "payments"
UNDER_WAY = frozenset({"requested", "uncertain"})
ASK_EACH_MAX = timedelta(hours=1)
ASK_EACH_MIN = timedelta(seconds=10)
ARRIVES_WITHIN = timedelta(minutes=2)  # far above any time limit of a call: what is not there by then was never begun
UNSENT_MAX = timedelta(hours=6)  # that a gateway is away or does not take our credentials for longer is somebody's business
RESENT = "resent"  # in a step's data: how often it was sent again because the gateway did not know of it
RESENDS_MAX = 5
REFUSED = "refund_refused"
Settle = Callable[[House, Tx, Sequence[tuple[Task, object]], datetime], Awaitable[Sequence[Outcome]]]


class Moot(msgspec.Struct, frozen=True):
    """In the place of an answer: it was not under way, so nobody was asked."""


class Answer(msgspec.Struct, frozen=True):
    """What the gateway said of a refund, which it was asked about or told by this name."""

    name: str
    seen: payments.RefundObservation


def refund(desk: Desk) -> Outside:
    """Give the money back the way it came. What came in cash, or through a gateway that gives nothing back, waits for a person.

    Sent without a question only where it surely was not sent before; a gateway that is away costs no try, so that this stays sure.
    """

    async def call(house: House, task: Task) -> Answer | Moot | None:
        asked = refund_in(task.order, task.subject)
        known = found(task.order, asked.attempt) if asked else None
        if asked is None or known is None or asked.status not in UNDER_WAY:
            return Moot()
        if asked.gateway == orders.paying.CASH:
            return None
        connection, gateway = desk.gateway(asked.gateway)
        if gateway.refund is None:
            return None
        back, now = payback(task.order, known[1], asked, desk.known(task.order, known[1])), house.clock.now()
        unsent = task.attempts == 1 and (asked.status == "requested" or RESENT in task.data) and not asked.reference
        if not unsent and gateway.query_refund is not None:
            seen = await desk.outside.drive(connection, gateway.query_refund(connection, back, now), subject=asked.id)
            if seen.reason != "not_found":
                return Answer(asked.name, seen)
        return Answer(asked.name, await desk.outside.drive(connection, gateway.refund(connection, back, now), subject=asked.id))

    return Outside(
        call=call, settle=_settling(desk, _sent), party=_party, title="give money back", title_bn="অর্থ ফেরত", owner=OWNER,
        waits_for_holds=False, attempts_max=12, age_limit_s=UNSENT_MAX.total_seconds(), repairs=("retry", "skip"),
    )  # fmt: skip


def ask_refund(desk: Desk) -> Outside:
    """What became of money that was to go back."""

    async def call(house: House, task: Task) -> Answer | Moot | None:
        asked = refund_in(task.order, task.subject)
        known = found(task.order, asked.attempt) if asked else None
        if asked is None or known is None or asked.status not in UNDER_WAY:
            return Moot()
        connection, gateway = desk.gateway(asked.gateway)
        if gateway.query_refund is None:
            return None
        back, now = payback(task.order, known[1], asked, desk.known(task.order, known[1])), house.clock.now()
        return Answer(asked.name, await desk.outside.drive(connection, gateway.query_refund(connection, back, now), subject=asked.id))

    return Outside(
        call=call, settle=_settling(desk, _asked), party=_party, title="ask about money that goes back", title_bn="ফেরতের খোঁজ", owner=OWNER,
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
    """The refund of this id, or that a gateway was told under this name."""
    return next((r for r in order.refunds if refund_id in (r.id, r.sent_as)), None)


def own(order: orders.Order, asked: orders.Refund, seen: payments.RefundObservation) -> payments.RefundObservation:
    """The word, unless it is about another refund of the same payment, of as much: then nothing is known yet of this one.

    Some gateways call a refund by the payment's own name, which tells it from no other.
    """
    known = found(order, asked.attempt)
    if known is None or seen.reference in ("", known[1].reference, known[1].transaction):
        return seen
    return payments.RefundObservation(status="unknown") if seen.reference in other_names(order, known[1], asked) else seen


def told(order: orders.Order, asked: orders.Refund, seen: payments.RefundObservation, *, asked_as: str = "") -> tuple[Fact, ...]:
    """What follows from a gateway's word about a refund; nothing where it was known. That it went back is news after a refusal, too.

    `asked_as`: the name it was asked by, "" for the present one. Of a former name only that the money went back counts.
    """
    seen = own(order, asked, seen)
    if asked_as not in ("", asked.name) and seen.status != "succeeded":
        return ()
    if asked.status not in UNDER_WAY and (asked.status, seen.status) != ("failed", "succeeded"):
        return ()
    if seen.status == "succeeded":
        return (orders.events.OrderRefunded(asked.id, asked.payment, asked.attempt, asked.amount, seen.reference or asked.reference),)
    if seen.status == "failed":
        return (orders.events.OrderRefundFailed(asked.id, seen.reason or "refused", seen.raw_code, seen.reference),)
    if asked.status == "uncertain" and (asked.reference or not seen.reference):
        return ()
    return (orders.events.OrderRefundUncertain(asked.id, seen.reference or asked.reference),)


def _sent(task: Task, asked: orders.Refund, answer: object) -> Outcome:
    match answer:
        case payments.RefundObservation(status="failed"):
            return Dead(REFUSED, answer.raw_code or answer.reason, told(task.order, asked, answer))
        case payments.RefundObservation():
            return _followed(task, asked, answer)
        case None:
            return Dead("pay_back_by_hand", f"{asked.gateway or 'cash'} gives nothing back by itself; note the receipt when it is done.")
        case Unknown():
            return _followed(task, asked, payments.RefundObservation(status="unknown"))
        case Unavailable():
            return Again(max(_pause(task), timedelta(seconds=answer.retry_after_s)), str(answer))  # no try of it: it surely was not sent
        case _:
            return Failed(str(answer))


def _followed(task: Task, asked: orders.Refund, seen: payments.RefundObservation) -> Outcome:
    """What was learned. Of one that was uncertain before and still is the question is asked for here: it counts how often it was sent."""
    if asked.status == "uncertain" and seen.status in ("pending", "unknown"):
        return Done(steps=(Step("ask_refund", asked.id, after=SOON, data=task.data),))
    return Done(told(task.order, asked, seen))


def _asked(task: Task, asked: orders.Refund, answer: object) -> Outcome:
    pause = _pause(task)
    match answer:
        case payments.RefundObservation(reason="not_found"):
            return _missing(task, asked)
        case payments.RefundObservation(status="failed"):
            return Dead(REFUSED, answer.raw_code or answer.reason, told(task.order, asked, answer))
        case payments.RefundObservation(status="succeeded"):
            return Done(told(task.order, asked, answer))
        case None | Unknown(code="no_lookup"):
            if task.now - task.created_at < ARRIVES_WITHIN:
                return Again(pause, "it may be on its way there")
            return _unknown(task, asked, f"{asked.gateway} does not say whether it gave {asked.amount} back.")
        case payments.RefundObservation() | Unknown() | Unavailable():
            return Again(pause, answer.status if isinstance(answer, payments.RefundObservation) else str(answer))
        case _:
            return Failed(str(answer))


def _missing(task: Task, asked: orders.Refund) -> Outcome:
    """The gateway does not know of it. What does not arrive however often it is sent is somebody's business."""
    if task.now - task.created_at < ARRIVES_WITHIN:
        return Again(_pause(task), "it is not there yet")
    resent: int = task.data.get(RESENT, 0)
    if resent < RESENDS_MAX:
        return Done(steps=(Step("refund", asked.id, data={RESENT: resent + 1}),))
    return _unknown(task, asked, f"{asked.gateway} was asked {resent + 1} times to give {asked.amount} back, and knows nothing of it.")


def _unknown(task: Task, asked: orders.Refund, why: str) -> Outcome:
    place = f"/v1/orders/{task.order.id}/refunds/{asked.id}"
    return Dead("refund_unknown", f"{why} Look at its books, then POST {place}/findings, or {place}/receipts where it arrived.")


def _settling(desk: Desk, decide: Callable[[Task, orders.Refund, object], Outcome]) -> Settle:
    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        noted = Noted()
        outcomes: list[Outcome] = []
        answers = [(task, _present(task, answer)) for task, answer in answers]
        refused = [task.order.id for task, _ in answers if (r := refund_in(task.order, task.subject)) and r.status == "failed"]
        streams = await orders.streams(house.journal, tx, refused) if refused else {}
        for task, answer in answers:
            asked = refund_in(task.order, task.subject)
            outcome: Outcome = Done()
            if asked is not None and asked.status == "failed":
                outcome = _refused(desk, task, asked, answer, streams.get(task.order.id, ()))
            elif asked is not None and asked.status in UNDER_WAY and not isinstance(answer, Moot):
                outcome = decide(task, asked, answer)
            noted.facts(task.order, outcome.facts, now)
            if asked is not None and asked.id not in noted.refunds:
                noted.refunds[asked.id] = refund_row(task.order, asked, now)
            outcomes.append(outcome)
        await noted.write(tx)
        return outcomes

    return settle


def _present(task: Task, answer: object) -> object:
    """The answer as far as it is about the refund as it is called now."""
    asked = refund_in(task.order, task.subject)
    if asked is None or not isinstance(answer, Answer):
        return answer
    seen = own(task.order, asked, answer.seen)
    return seen if answer.name == asked.name or seen.status == "succeeded" else Moot()


def _refused(desk: Desk, task: Task, asked: orders.Refund, answer: object, stream: Iterable[Recorded]) -> Outcome:
    """Sent again where a person wants it, under a new name: under the old one some gateways repeat what they answered. Else shown."""
    if isinstance(answer, payments.RefundObservation) and (facts := told(task.order, asked, answer)):
        return Done(facts)
    if _wanted_again(stream, repairing.step_id(*task.key[1:]), asked.id):
        return Done((orders.events.OrderRefundRetried(asked.id, desk.new_id()),))
    return Dead(REFUSED, asked.detail)


def _wanted_again(stream: Iterable[Recorded], exception: str, refund_id: str) -> bool:
    """Whether a person who was told by this exception that the refund was refused wants it sent again. The end of an order is no person."""
    shown = wanted = False
    for recorded in stream:
        match recorded.fact:
            case orders.events.OrderRefundFailed(refund=refund_) if refund_ == refund_id:
                shown = wanted = False
            case orders.events.OrderExceptionRaised(exception=raised, cause="refund_refused") if raised == exception:
                shown = True
            case orders.events.OrderExceptionResolved(exception=closed, repair=repair) if closed == exception:
                shown, wanted = False, shown and repair == "retry" and recorded.actor != "system"
    return wanted


def _pause(task: Task) -> timedelta:
    """A quarter of the time it has taken so far, within bounds: often at first, seldom later."""
    return min(max((task.now - task.created_at) / 4, ASK_EACH_MIN), ASK_EACH_MAX)


def _party(task: Task) -> str:
    asked = refund_in(task.order, task.subject)
    return f"gateway:{asked.gateway}" if asked else "gateway"
