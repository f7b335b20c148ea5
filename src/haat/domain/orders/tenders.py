"""The money of an order: what is due by which method, the attempts to get it, what went back. Folded from facts. Pure.

One obligation (`Tender`) per method of payment, many attempts at it. An attempt counts what it authorised, captured, let go and
gave back; every status here is read off these sums, so no order of facts can leave a status that the money contradicts.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from haat.domain.orders.events import (
    OrderPaymentAttempted,
    OrderPaymentAuthorized,
    OrderPaymentDisputed,
    OrderPaymentFailed,
    OrderPaymentMismatched,
    OrderPaymentOrphaned,
    OrderPaymentProcessed,
    OrderPaymentRequested,
    OrderPaymentStarted,
    OrderPaymentUncertain,
    OrderPaymentVoided,
    OrderPaymentWaived,
    OrderRefunded,
    OrderRefundFailed,
    OrderRefundNotFound,
    OrderRefundRequested,
    OrderRefundRetried,
    OrderRefundUncertain,
    Payment,
)

#: Statuses of disputes for which the gateway has taken the money out of our account.
TOOK = frozenset({"needs_response", "under_review", "appealed", "lost"})


class Dispute(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A dispute about an attempt, by the gateway's id of it, as it stands."""

    id: str
    amount: int
    status: str
    reason: str = ""
    respond_by: datetime | None = None


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A try to get money through a gateway. `orphaned` of what was captured is owed to nobody here and goes back.

    `reference` is the gateway's name of the attempt, `transaction` its name of the money where that is another one. `strange`: what the
    gateway says it holds, where that is not what was asked for and the attempt had come to its end.
    """

    id: str
    gateway: str
    amount: int
    status: str
    reference: str = ""
    redirect_url: str = ""
    authorized: int = 0
    captured: int = 0
    voided: int = 0
    refunded: int = 0
    orphaned: int = 0
    reason: str = ""
    soft: bool = False
    transaction: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None
    lapses_at: datetime | None = None
    strange: int | None = None
    disputes: tuple[Dispute, ...] = ()

    @property
    def set_aside(self) -> int:
        """Authorised and neither captured nor let go."""
        return max(self.authorized - self.captured - self.voided, 0)

    @property
    def kept(self) -> int:
        """Captured and neither given back nor taken back by a dispute, orphaned money included."""
        return max(self.captured - self.refunded - self.taken_back, 0)

    @property
    def taken_back(self) -> int:
        """What disputes have taken out of our account, those that are not decided yet included."""
        return sum([d.amount for d in self.disputes if d.status in TOOK])


class Tender(msgspec.Struct, frozen=True, omit_defaults=True):
    """One obligation: this much by this method. `status`: due, authorized, paid or waived."""

    id: str
    method: str
    amount: int
    status: str = "due"
    waived: int = 0
    due_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def owed(self) -> int:
        """What is to be paid in all: the amount less what was waived."""
        return self.amount - self.waived

    @property
    def captured(self) -> int:
        """What its attempts captured for it, whether or not it went back since; orphaned money is not for it."""
        return sum([a.captured - a.orphaned for a in self.attempts])

    @property
    def secured(self) -> int:
        """Captured or set aside."""
        return sum([a.captured - a.orphaned + a.set_aside for a in self.attempts])


class Refund(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Money on its way back. `status`: requested, uncertain, succeeded or failed.

    `sent_as`: our name of it over there, where that is not its id; `refused_as`: what the gateway called it when it refused it.
    """

    id: str
    payment: str
    attempt: str
    amount: int
    reason: str
    status: str = "requested"
    gateway: str = ""
    reference: str = ""
    detail: str = ""
    sent_as: str = ""
    refused_as: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the gateway is told it is called."""
        return self.sent_as or self.id


Tenders = tuple[Tender, ...]
Refunds = tuple[Refund, ...]


def vouched(payments: tuple[Payment, ...]) -> Tenders:
    """What somebody else took for us and vouches for: paid from the beginning."""
    found = []
    for n, p in enumerate(payments, 1):
        attempt = Attempt(f"external-{n}", "", p.amount, "charged", p.reference, captured=p.amount)
        found.append(Tender(f"external-{n}", p.method, p.amount, "paid", attempts=(attempt,)))
    return tuple(found)


def payment_status(grand: int, tenders: Tenders) -> str:
    """The order's payment status: a function of its total and of what its attempts hold.

    What was waived of obligations that cover the total is not owed: paisa that nobody has, the charge of a refused delivery.
    A dispute leaves what was paid paid; of what is kept beyond that it is money that went back.
    """
    captured = refunded = taken_back = set_aside = voided = asked = waived = 0
    for tender in tenders:
        asked += tender.amount
        waived += tender.waived
        for a in tender.attempts:
            captured += a.captured
            refunded += a.refunded
            taken_back += a.taken_back if a.disputes else 0
            set_aside += a.set_aside
            voided += a.voided
    due = max(min(grand, asked - waived), 0) if asked >= grand and tenders else grand
    if captured == 0:
        if set_aside:
            return "authorized" if set_aside >= due else "partially_authorized"
        if due == 0:
            return "voided" if voided else "not_required"
        return "awaiting"
    kept = captured - refunded
    beyond = min(taken_back, max(kept - due, 0))
    kept, refunded = kept - beyond, refunded + beyond
    if kept > due:
        return "overpaid"
    if refunded:
        return "partially_refunded" if kept else "refunded"
    return "paid" if kept == due else "partially_paid"


def money(tenders: Tenders, refunds: Refunds, fact: object, at: datetime) -> tuple[Tenders, Refunds]:
    """Tenders and refunds after one fact of money."""
    apply = _TENDER.get(type(fact))
    if apply is not None:
        return tuple([_settled(apply(t, fact, at)) if t.id == fact.payment else t for t in tenders]), refunds  # type: ignore[attr-defined]
    known = _REFUND.get(type(fact))
    if known is not None:
        return tenders, _refund(refunds, fact.refund, **known(fact))  # type: ignore[attr-defined]
    match fact:
        case OrderPaymentRequested():
            if any(t.id == fact.payment for t in tenders):
                return tuple([_asked_again(t, fact) if t.id == fact.payment else t for t in tenders]), refunds
            return (*tenders, _settled(Tender(fact.payment, fact.method, fact.amount, due_at=fact.due_at))), refunds
        case OrderRefundRequested():
            asked = Refund(fact.refund, fact.payment, fact.attempt, fact.amount, fact.reason, gateway=fact.gateway)
            return tenders, (*refunds, asked)
        case OrderRefundFailed() | OrderRefundRetried():
            return tenders, tuple([_refusal(r, fact) if r.id == fact.refund else r for r in refunds])
        case OrderRefunded():
            given = tuple([_settled(_given_back(t, fact)) if t.id == fact.payment else t for t in tenders])
            return given, _refund(refunds, fact.refund, status="succeeded", reference=fact.reference)
        case _:
            return tenders, refunds


def adopted(tenders: Tenders) -> Tenders:
    """Orphaned money that the order, reinstated, owes again after all."""
    found = []
    for t in tenders:
        attempts = tuple([_adopted(a) if a.orphaned else a for a in t.attempts])
        found.append(_settled(msgspec.structs.replace(t, attempts=attempts, waived=0)))
    return tuple(found)


def _asked_again(t: Tender, f: OrderPaymentRequested) -> Tender:
    return t if f.due_at is None else msgspec.structs.replace(t, due_at=f.due_at)


def _adopted(a: Attempt) -> Attempt:
    return msgspec.structs.replace(a, orphaned=0, status="charged")


def _attempted(t: Tender, f: OrderPaymentAttempted, at: datetime) -> Tender:
    if any(a.id == f.attempt for a in t.attempts):
        return t
    return msgspec.structs.replace(t, attempts=(*t.attempts, Attempt(f.attempt, f.gateway, f.amount, "attempted", at=at)))


def _started(t: Tender, f: OrderPaymentStarted, at: datetime) -> Tender:
    def begun(a: Attempt) -> Attempt:
        status = a.status if _holds_money(a) else "pending"
        return msgspec.structs.replace(a, status=status, reference=f.reference, redirect_url=f.redirect_url, expires_at=f.expires_at)

    return _each(t, f.attempt, begun)


def _uncertain(t: Tender, f: OrderPaymentUncertain, at: datetime) -> Tender:
    return _each(t, f.attempt, lambda a: a if _holds_money(a) else msgspec.structs.replace(a, status="uncertain"))


def _authorized(t: Tender, f: OrderPaymentAuthorized, at: datetime) -> Tender:
    def set_aside(a: Attempt) -> Attempt:
        return msgspec.structs.replace(
            a,
            status="authorized",
            authorized=a.authorized + f.amount,
            **_named(a, f.reference),
            lapses_at=f.lapses_at,
            reason="",
            strange=None,
        )

    return _each(t, f.attempt, set_aside)


def _processed(t: Tender, f: OrderPaymentProcessed, at: datetime) -> Tender:
    if all(a.id != f.attempt for a in t.attempts):
        attempt = Attempt(f.attempt, f.gateway, f.amount, "charged", f.reference, captured=f.amount, at=at)
        return msgspec.structs.replace(t, attempts=(*t.attempts, attempt))

    def charged(a: Attempt) -> Attempt:
        return msgspec.structs.replace(
            a, status="charged", captured=a.captured + f.amount, reason="", strange=None, **_named(a, f.reference)
        )

    return _each(t, f.attempt, charged)


def _failed(t: Tender, f: OrderPaymentFailed, at: datetime) -> Tender:
    return _each(
        t, f.attempt, lambda a: a if _holds_money(a) else msgspec.structs.replace(a, status="failed", reason=f.reason, soft=f.soft)
    )


def _voided(t: Tender, f: OrderPaymentVoided, at: datetime) -> Tender:
    return _each(
        t,
        f.attempt,
        lambda a: msgspec.structs.replace(a, voided=a.voided + f.amount, status="charged" if a.captured else "voided", strange=None),
    )


def _waived(t: Tender, f: OrderPaymentWaived, at: datetime) -> Tender:
    return msgspec.structs.replace(t, waived=min(t.waived + f.amount, t.amount))


def _orphaned(t: Tender, f: OrderPaymentOrphaned, at: datetime) -> Tender:
    if all(a.id != f.attempt for a in t.attempts):
        attempt = Attempt(f.attempt, "", f.amount, "orphaned", f.reference, captured=f.amount, orphaned=f.amount, at=at)
        return msgspec.structs.replace(t, attempts=(*t.attempts, attempt))
    return _each(
        t,
        f.attempt,
        lambda a: msgspec.structs.replace(
            a, status="orphaned", captured=a.captured + f.amount, orphaned=a.orphaned + f.amount, strange=None, **_named(a, f.reference)
        ),
    )


def _mismatched(t: Tender, f: OrderPaymentMismatched, at: datetime) -> Tender:
    return _each(t, f.attempt, lambda a: msgspec.structs.replace(a, strange=f.amount))


def _disputed(t: Tender, f: OrderPaymentDisputed, at: datetime) -> Tender:
    now = Dispute(f.dispute, f.amount, f.status, f.reason, f.respond_by)

    def contested(a: Attempt) -> Attempt:
        return msgspec.structs.replace(a, disputes=(*[d for d in a.disputes if d.id != now.id], now))

    return _each(t, f.attempt, contested)


def _given_back(t: Tender, f: OrderRefunded) -> Tender:
    return _each(t, f.attempt, lambda a: msgspec.structs.replace(a, refunded=a.refunded + f.amount))


def _each(t: Tender, attempt: str, change: Callable[[Attempt], Attempt]) -> Tender:
    return msgspec.structs.replace(t, attempts=tuple([change(a) if a.id == attempt else a for a in t.attempts]))


def _named(a: Attempt, reference: str) -> dict[str, str]:
    """The first name is the attempt's; a later, different one is the money's."""
    if not reference or reference == a.reference:
        return {}
    return {"transaction": reference} if a.reference else {"reference": reference}


def _holds_money(a: Attempt) -> bool:
    return bool(a.captured or a.set_aside)


def _settled(t: Tender) -> Tender:
    """The tender with the status that its sums make."""
    owed = t.owed
    if owed <= 0:
        status = "waived"
    elif t.captured >= owed:
        status = "paid"
    else:
        status = "authorized" if t.secured >= owed else "due"
    return t if status == t.status else msgspec.structs.replace(t, status=status)


def _refund(refunds: Refunds, refund: str, **changes: str) -> Refunds:
    return tuple([msgspec.structs.replace(r, **changes) if r.id == refund else r for r in refunds])


def _refusal(r: Refund, f: OrderRefundFailed | OrderRefundRetried) -> Refund:
    if isinstance(f, OrderRefundFailed):
        return msgspec.structs.replace(r, status="failed", detail=f.detail or f.reason, reference=f.reference or r.reference)
    refused = (*r.refused_as, r.reference) if r.reference else r.refused_as
    return msgspec.structs.replace(r, status="requested", detail="", reference="", sent_as=f.sent_as, refused_as=refused)


_TENDER: dict[type, Callable[..., Tender]] = {
    OrderPaymentAttempted: _attempted,
    OrderPaymentStarted: _started,
    OrderPaymentUncertain: _uncertain,
    OrderPaymentAuthorized: _authorized,
    OrderPaymentProcessed: _processed,
    OrderPaymentFailed: _failed,
    OrderPaymentVoided: _voided,
    OrderPaymentWaived: _waived,
    OrderPaymentOrphaned: _orphaned,
    OrderPaymentMismatched: _mismatched,
    OrderPaymentDisputed: _disputed,
}
#: What is known of a refund after one fact.
_REFUND: dict[type, Callable[..., dict[str, str]]] = {
    OrderRefundUncertain: lambda f: {"status": "uncertain", "reference": f.reference},
    OrderRefundNotFound: lambda f: {"status": "requested", "reference": ""},
}
#: Facts that move money or what is known of it.
MONEY = (*_TENDER, *_REFUND, OrderPaymentRequested, OrderRefundRequested, OrderRefunded, OrderRefundFailed, OrderRefundRetried)
