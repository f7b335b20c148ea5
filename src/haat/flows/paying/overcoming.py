"""Exceptions about money that life has overcome: what somebody should have looked at came right, so nobody has to any more.

an attempt is known      how it began, what became of it, what was strange about it
another one was begun    nobody has to find a gateway          let go      what should have let it go
a refund moved           what nobody knew of it, whoever found it out
the obligation is met    money that was missing
"""

from collections.abc import Mapping

from haat.domain import orders
from haat.engine.flowing import Decision, Local, Step, overcoming
from haat.kernel.facts import Fact

events = orders.events
CODE = "payment"
STEP = "overcome"
_KNOWN = ("charge", "ask", "mismatch")
_REFUND = ("refund", "ask_refund")
#: fact -> the steps about its attempt, refund or obligation that are moot from then on
OVERCOMES: Mapping[type[Fact], tuple[str, ...]] = {
    events.OrderPaymentAttempted: ("route",),
    events.OrderPaymentStarted: ("charge",),
    events.OrderPaymentAuthorized: (*_KNOWN, "missing"),
    events.OrderPaymentProcessed: (*_KNOWN, "missing"),
    events.OrderPaymentOrphaned: _KNOWN,
    events.OrderPaymentFailed: _KNOWN,
    events.OrderPaymentVoided: (*_KNOWN, "capture", "renew", "void"),
    events.OrderRefundUncertain: _REFUND,
    events.OrderRefundNotFound: _REFUND,
    events.OrderRefundRetried: _REFUND,
    events.OrderRefunded: _REFUND,
}
#: What is about an obligation, not about one attempt at it.
_OF_PAYMENT = frozenset({"route", "missing"})


def overcome(order: orders.Order, fact: Fact) -> list[Decision]:
    """The steps that close what this fact has overcome; nothing where nothing of this flow is open."""
    moot = OVERCOMES.get(type(fact))
    open_steps = {e.step for e in order.exceptions if e.flow == CODE} if moot and order.exceptions else set()
    if not moot or not open_steps.intersection(moot):
        return []
    payment = getattr(fact, "payment", "")
    tender = orders.paying.tender_in(order, payment)
    if "missing" in open_steps and tender is not None and tender.owed > tender.secured:
        open_steps.discard("missing")
    of_payment = sorted(open_steps.intersection(moot) & _OF_PAYMENT)
    rest = sorted(open_steps.intersection(moot) - _OF_PAYMENT)
    found: list[Decision] = []
    if of_payment:
        found.append(Step(STEP, payment, data={"steps": of_payment}))
    if rest:
        about: str = getattr(fact, "refund", "") or getattr(fact, "attempt", "")
        found.append(Step(STEP, about, data={"steps": rest}))
    return found


def verbs() -> dict[str, Local]:
    """The step of this file by name."""
    return {STEP: overcoming.closing(CODE, resolved)}


def resolved(exception: str) -> Fact:
    """What records that nobody has to look at it any more."""
    return events.OrderExceptionResolved(exception, "skip", "overcome")
