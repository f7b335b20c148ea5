"""What follows from a fact of money: facts in, steps out. Pure.

placed ─ request ─ route ─ charge ─ (the buyer pays) ─ ask … ─ authorized ─ capture, as parcels leave
                             │soft decline: route again            │ too much, or ended
                             ▼                                      ▼
expire (timer)            another gateway                        settle ─ void, refund, reinstate

`settle` compares what is held with what is owed, so it is asked for whenever the two may differ, however they came to. No
attempt waits without a step: what is open is asked about, what is set aside is renewed or let go, what goes back is followed.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders
from haat.engine.flowing import Decision, Step, Stop
from haat.flows.paying.overcoming import overcome
from haat.kernel.facts import Fact
from haat.kernel.time import spans


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The marketplace's choices about money.

    `pay_within`: the time to pay, in which the stock is held. `ask_after`: how soon a buyer who went to a gateway is asked about.
    `attempts_max` of one obligation are begun by us; buyers may begin more. `renew_before`: how long before an authorisation lapses
    what is needed of it is taken. `reinstates`: whether an expired order comes back when its money arrives and its stock is still there.
    """

    pay_within: timedelta = timedelta(minutes=30)
    ask_after: timedelta = timedelta(seconds=60)
    ask_at_most_each: timedelta = timedelta(minutes=15)
    attempts_max: Annotated[int, Meta(ge=1, le=orders.paying.ATTEMPTS_MAX - 4)] = 6
    renew_before: timedelta = timedelta(hours=12)
    reinstates: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for a span that would never end, or begin anew all the time."""
        spans(
            self,
            pay_within=(timedelta(minutes=1), timedelta(days=30)),
            ask_after=(timedelta(seconds=1), timedelta(days=1)),
            ask_at_most_each=(timedelta(minutes=1), timedelta(days=7)),
            renew_before=(timedelta(), timedelta(days=3)),
        )


LISTENS: frozenset[type[Fact]] = frozenset(
    {
        orders.events.OrderStockReserved,
        orders.events.OrderReinstated,
        orders.events.OrderPaymentRequested,
        orders.events.OrderPaymentAttempted,
        orders.events.OrderPaymentStarted,
        orders.events.OrderPaymentUncertain,
        orders.events.OrderPaymentAuthorized,
        orders.events.OrderPaymentProcessed,
        orders.events.OrderPaymentFailed,
        orders.events.OrderPaymentVoided,
        orders.events.OrderPaymentOrphaned,
        orders.events.OrderPaymentMismatched,
        orders.events.OrderPaymentDisputed,
        orders.events.OrderPaymentWaived,
        orders.events.OrderRefundRequested,
        orders.events.OrderRefundUncertain,
        orders.events.OrderRefundNotFound,
        orders.events.OrderRefundRetried,
        orders.events.OrderRefunded,
        orders.events.OrderCancelled,
        orders.events.OrderRejected,
        orders.events.OrderExpired,
        orders.events.OrderLinesCancelled,
        orders.events.OrderParcelLost,
        orders.events.OrderReturnReceived,
        orders.events.OrderShipped,
        orders.events.OrderDelivered,
    }
)
SOON = timedelta(seconds=5)
ENDS = frozenset({orders.events.OrderCancelled, orders.events.OrderRejected, orders.events.OrderExpired})
COVERS = frozenset({orders.events.OrderPaymentProcessed, orders.events.OrderPaymentAuthorized, orders.events.OrderPaymentWaived})
#: Facts after which an authorisation may be needed no more.
MAKES_SURPLUS = ENDS | {
    orders.events.OrderLinesCancelled,
    orders.events.OrderPaymentAuthorized,
    orders.events.OrderPaymentProcessed,
    orders.events.OrderParcelLost,
    orders.events.OrderReturnReceived,
}
#: Facts after which more may be held than is owed.
MOVES = ENDS | {
    orders.events.OrderLinesCancelled,
    orders.events.OrderPaymentDisputed,
    orders.events.OrderPaymentProcessed,
    orders.events.OrderPaymentOrphaned,
    orders.events.OrderParcelLost,
    orders.events.OrderReturnReceived,
    orders.events.OrderReinstated,
}


def decider(policy: Callable[[], Policy]) -> Callable[[orders.Order, Fact], Sequence[Decision]]:
    """The flow's `decide` under the policy of the moment."""

    def decide(order: orders.Order, fact: Fact) -> Sequence[Decision]:
        decided = [*_of_tenders(order, fact), *_of_attempts(order, fact, policy()), *_of_troubled_money(fact), *_of_goods(order, fact)]
        return [*decided, *_balance(order, fact), *overcome(order, fact)]

    return decide


def _of_tenders(order: orders.Order, fact: Fact) -> list[Decision]:
    match fact:
        case orders.events.OrderStockReserved() if order.totals.grand > 0:
            return [Step("request")]
        case orders.events.OrderPaymentRequested(payment=payment, method=method, due_at=due_at) if method != orders.paying.CASH:
            tender = orders.paying.tender_in(order, payment)
            begun = tender is not None and any(a.status in orders.paying.OPEN for a in tender.attempts)
            route: list[Decision] = [] if begun else [Step("route", payment)]
            if due_at is None:
                return route
            return [*route, Stop("expire"), Step("expire", after=max(due_at - order.updated_at, timedelta()))]
        case orders.events.OrderRefundRequested(refund=refund):
            return [Step("refund", refund)]
        case orders.events.OrderRefundNotFound(refund=refund) | orders.events.OrderRefundRetried(refund=refund):
            return [Stop("ask_refund", refund), Stop("refund", refund), Step("refund", refund)]
        case orders.events.OrderRefunded(refund=refund):
            return [Stop("ask_refund", refund), Step("book_refund", refund)]
        case orders.events.OrderRefundUncertain(refund=refund, reference=reference):
            sending = [Stop("refund", refund)] if reference else []  # what the gateway has a name for is not sent again
            return [*sending, Stop("ask_refund", refund), Step("ask_refund", refund, after=SOON)]
    return []


def _of_attempts(order: orders.Order, fact: Fact, policy: Policy) -> list[Decision]:
    match fact:
        case orders.events.OrderPaymentAttempted(attempt=attempt, gateway=gateway) if gateway not in ("", orders.paying.CASH):
            return [Step("charge", attempt)]
        case orders.events.OrderPaymentStarted(attempt=attempt):
            return [Stop("ask", attempt), Step("ask", attempt, after=policy.ask_after)]
        case orders.events.OrderPaymentUncertain(attempt=attempt, during=during):
            strange = during == "mismatch"
            again = Step("ask", attempt, after=policy.ask_at_most_each if strange else SOON)
            return [Stop("ask", attempt), again, *([Step("mismatch", attempt)] if strange else [])]
        case orders.events.OrderPaymentAuthorized(attempt=attempt, lapses_at=lapses_at):
            asked: list[Decision] = [Stop("ask", attempt)]
            if lapses_at is not None:
                after = max(lapses_at - policy.renew_before - order.updated_at, timedelta())
                asked += [Stop("renew", attempt), Step("renew", attempt, after=after)]
            return asked
        case orders.events.OrderPaymentProcessed(attempt=attempt) | orders.events.OrderPaymentOrphaned(attempt=attempt):
            return [Stop("ask", attempt)]
        case orders.events.OrderPaymentFailed(payment=payment, attempt=attempt):
            return [Stop("ask", attempt), *_cascade(order, fact, payment, policy)]
        case orders.events.OrderPaymentVoided(payment=payment, attempt=attempt):
            stop: list[Decision] = [Stop("ask", attempt), Stop("renew", attempt)]
            lost = _uncovered(order, payment) and order.status in ("confirmed", "processing")
            return [*stop, Step("missing", payment)] if lost else stop
    return []


def _of_troubled_money(fact: Fact) -> list[Decision]:
    match fact:
        case orders.events.OrderPaymentDisputed(dispute=dispute, status=status):
            return [Step("dispute", dispute, data={"status": status, "steps": ["dispute"]})]
        case orders.events.OrderPaymentMismatched(attempt=attempt):
            return [Step("mismatch", attempt)]
    return []


def _cascade(order: orders.Order, fact: orders.events.OrderPaymentFailed, payment: str, policy: Policy) -> list[Decision]:
    """Another gateway at once, where the buyer was not there yet. Who has been sent to a gateway chooses for themselves."""
    tender = orders.paying.tender_in(order, payment)
    if tender is None or not fact.soft or not _uncovered(order, payment) or order.status not in orders.OPEN:
        return []
    failed = next((a for a in tender.attempts if a.id == fact.attempt), None)
    if failed is None or failed.redirect_url or any(a.status in orders.paying.OPEN for a in tender.attempts):
        return []
    tries = len(tender.attempts)
    if tries >= policy.attempts_max:
        return []
    return [Step("route", payment, after=timedelta(seconds=2**tries) if tries > 1 else None)]


def _of_goods(order: orders.Order, fact: Fact) -> list[Decision]:
    match fact:
        case orders.events.OrderShipped():
            return [Step("capture", a.id) for t in order.payments for a in t.attempts if a.set_aside]
        case orders.events.OrderDelivered(parcel=parcel) if any(t.method == orders.paying.CASH for t in order.payments):
            return [Step("collect", parcel)]
    return []


def _balance(order: orders.Order, fact: Fact) -> list[Decision]:
    """Settle whatever came out of balance; the timer to pay ends with what it waited for."""
    decided: list[Decision] = []
    if type(fact) in ENDS:
        decided += [Stop("expire"), Stop("route"), Stop("request"), Stop("capture")]
    elif type(fact) in COVERS and orders.paying.uncovered(order) == 0:
        decided.append(Stop("expire"))
    if type(fact) in MAKES_SURPLUS:
        only = fact.attempt if isinstance(fact, orders.events.OrderPaymentAuthorized) else None
        decided += [Step("void", a) for a in orders.settling.superfluous(order) if only in (None, a)]
    if type(fact) in MOVES and orders.settling.settle(order, str):
        decided.append(Step("settle"))
    return decided


def _uncovered(order: orders.Order, payment: str) -> bool:
    tender = orders.paying.tender_in(order, payment)
    return tender is not None and tender.owed > tender.secured
