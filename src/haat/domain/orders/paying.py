"""What is known of an order's money, whoever says it: redirect, hook and poll are one decision. Pure.

    learn(order, attempt, seen) -> facts     in any order, twice, late, contradictory: one right state

What a gateway says counts by sums (all that was ever taken, all that was set aside), never by steps; so a word that is heard
again adds nothing, and one that is older than what is known is passed over. An obligation is never covered twice: what comes
beyond it, or after the order ended, is orphaned, and `settling.py` sends it back. Unknown is never failed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.orders.events import (
    OrderCashTaken,
    OrderHeld,
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
)
from haat.domain.orders.order import Order
from haat.domain.orders.tenders import Attempt, Dispute, Tender
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

#: Statuses after which nobody owes anything.
ENDED = frozenset({"cancelled", "expired", "rejected"})
#: An attempt of which we wait to hear.
OPEN = frozenset({"attempted", "pending", "uncertain"})
CASH = "cod"
#: How far a dispute is; one that was withdrawn may come again.
_STAGE = {"inquiry": 0, "withdrawn": 1, "needs_response": 1, "under_review": 2, "appealed": 3, "won": 3, "lost": 3}
TENDERS_MAX = 5
ATTEMPTS_MAX = 10


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway says of an attempt now. `amount`: of `charged` all that was ever taken, of `authorized` all that was set aside.

    `status`: pending, authorized, charged, failed, cancelled, expired, voided or unknown. `transaction`: its name of the money,
    where it differs from its name of the attempt.
    """

    status: str
    amount: int = 0
    currency: str = ""
    reference: str = ""
    transaction: str = ""
    redirect_url: str = ""
    reason: str = ""
    soft: bool = False
    review: bool = False
    lapses_at: datetime | None = None
    raw_code: str = ""


class Contested(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway says of a dispute now, in the words of OrderPaymentDisputed; `unknown` where it does not say."""

    dispute: str
    status: str
    amount: int = 0
    currency: str = ""
    reason: str = ""
    respond_by: datetime | None = None


class Wanted(msgspec.Struct, frozen=True):
    """A tender that the buyer asks for: this much by this method. `id` is for the new obligation."""

    id: str
    method: str
    amount: int


def learn(order: Order, attempt_id: str, seen: Observed) -> tuple[Fact, ...]:
    """What follows from a gateway's word about an attempt; nothing where it was known. Refused where the order has no such attempt."""
    tender, attempt = attempt_in(order, attempt_id)
    if seen.status in ("authorized", "charged") and seen.currency not in ("", order.currency):
        return _unknown(order, tender, attempt, msgspec.structs.replace(seen, reason="mismatch"))
    facts = _MEANING[seen.status](order, tender, attempt, seen)
    return (*facts, *_risk(order, attempt, seen)) if facts and seen.review else facts


def contest(order: Order, attempt_id: str, seen: Contested) -> tuple[Fact, ...]:
    """What follows from a gateway's word about a dispute: one fact for each state of it. Refused where the order has no such attempt.

    An older word is passed over: what was won or lost is opened by an appeal only. Of other money than the order's all is contested.
    """
    tender, attempt = attempt_in(order, attempt_id)
    if seen.status not in _STAGE:
        return ()
    amount = seen.amount if seen.currency in ("", order.currency) else attempt.captured
    known = next((d for d in attempt.disputes if d.id == seen.dispute), None)
    if known is not None:
        older = _STAGE[seen.status] < _STAGE[known.status] and seen.status != "withdrawn"
        if older or (seen.status, amount) == (known.status, known.amount):
            return ()
    return (OrderPaymentDisputed(tender.id, attempt.id, seen.dispute, amount, seen.status, seen.reason, seen.respond_by),)


def dispute_in(order: Order, dispute: str) -> tuple[Attempt, Dispute] | None:
    """A dispute about the order's money, by the gateway's id of it, and the attempt that it contests."""
    return next(((a, d) for t in order.payments for a in t.attempts for d in a.disputes if d.id == dispute), None)


def attempt_in(order: Order, attempt_id: str) -> tuple[Tender, Attempt]:
    """An attempt of the order and the obligation that it is for; refused as missing."""
    for tender in order.payments:
        for attempt in tender.attempts:
            if attempt.id == attempt_id:
                return tender, attempt
    raise Refused("unknown_payment", "The order has no such payment.", kind="missing")


def tender_in(order: Order, payment: str) -> Tender | None:
    """The obligation of this id."""
    return next((t for t in order.payments if t.id == payment), None)


def room(order: Order, tender: Tender, attempt: Attempt) -> int:
    """What the obligation still wants from this attempt: nothing once the order ended or others cover it."""
    if order.status in ENDED:
        return 0
    others = sum([a.captured - a.orphaned + a.set_aside for a in tender.attempts if a.id != attempt.id])
    return max(tender.owed - others - (attempt.captured - attempt.orphaned), 0)


def uncovered(order: Order) -> int:
    """What is owed, neither captured nor set aside nor to be collected at the door."""
    return sum([max(t.owed - t.secured, 0) for t in order.payments if t.method != CASH])


def ask_to_pay(
    order: Order,
    wanted: Sequence[Wanted],
    *,
    due_at: datetime | None,
    methods: frozenset[str],
    cash_may_change: bool = True,
    cash_max: int | None = None,
) -> tuple[Fact, ...]:
    """The buyer wants to pay: again the same way (`wanted` empty), another way, or in several parts that sum to what is due.

    `cash_max`: no rider carries more than this of one order. The obligations that had no money yet give way to the new ones.
    Refused while a gateway has not said what became of an attempt, since the money may be there already.
    """
    if order.status in ENDED:
        raise Refused("order_ended", f"An order that is {order.status} cannot be paid.", kind="conflict", status=order.status)
    due = [t for t in order.payments if t.owed > t.secured and (cash_may_change or t.method != CASH)]
    total = sum(t.owed - t.secured for t in due)
    if not total:
        raise Refused("nothing_due", "Nothing of this order is due now.", kind="conflict")
    if any(a.status == "uncertain" for t in due for a in t.attempts):
        raise Refused("payment_uncertain", "A gateway has not said yet whether it has the money.", kind="conflict")
    if sum(len(t.attempts) for t in order.payments) >= ATTEMPTS_MAX:
        raise Refused("too_many_attempts", f"An order may be paid in {ATTEMPTS_MAX} attempts at the most.", kind="conflict")
    if not wanted:
        return _again(due, due_at)
    unknown = sorted({w.method for w in wanted} - methods)
    if unknown:
        raise Refused("unknown_method", "Nobody here takes that.", methods=unknown)
    if len(wanted) > TENDERS_MAX or any(w.amount <= 0 for w in wanted) or sum(w.amount for w in wanted) != total:
        raise Refused("tenders_do_not_sum", f"The parts have to sum to what is due, in {TENDERS_MAX} parts at the most.", due=total)
    cash = sum([w.amount for w in wanted if w.method == CASH])
    carried = cash + sum([t.owed - t.secured for t in order.payments if t.method == CASH and t not in due])
    if cash and cash_max is not None and carried > cash_max:
        raise Refused("cod_ceiling", "So much cannot be paid at the door.", cash=carried, max=cash_max)
    if len(wanted) == len(due) == 1 and wanted[0].method == due[0].method != CASH:
        return _again(due, due_at)
    waived = [OrderPaymentWaived(t.id, t.owed - t.secured, "paid_another_way") for t in due]
    asked = [OrderPaymentRequested(w.id, w.method, w.amount, None if w.method == CASH else due_at) for w in wanted]
    return (*waived, *asked)


def _again(due: Sequence[Tender], due_at: datetime | None) -> tuple[Fact, ...]:
    again = [t for t in due if t.method != CASH]
    if not again:
        raise Refused("due_at_the_door", "This is paid at the door; name another method to pay it now.", kind="conflict")
    return tuple(OrderPaymentRequested(t.id, t.method, t.amount, due_at) for t in again)


def collect(order: Order, *, attempt_id: str, parcel: str = "") -> tuple[Fact, ...]:
    """Cash that couriers collected and that is not in the books yet: for what is owed at the door, one attempt at each obligation (an
    order that was paid another way has had several). What nobody owed is orphaned: it goes back by hand."""
    stray = {p.id: p.collected or 0 for p in order.shipments if p.stray}
    if parcel in stray:
        return _collected_astray(order, parcel, stray[parcel], attempt_id)
    tenders = [t for t in order.payments if t.method == CASH and t.id not in stray]
    fresh = sum([p.collected or 0 for p in order.shipments if not p.stray]) - sum([a.captured for t in tenders for a in t.attempts])
    if fresh <= 0 or not tenders:
        return ()
    owing = [t for t in tenders if t.owed > t.captured] or tenders[-1:]
    facts: list[Fact] = []
    for tender in owing:
        counted = min(fresh, max(tender.owed - tender.captured, 0))
        beyond = fresh - counted if tender is owing[-1] else 0
        if not counted and not beyond:
            break
        if tender.attempts:
            attempt = tender.attempts[0].id
        else:
            attempt = tender.id if facts else attempt_id  # one id was drawn; a further obligation has one try, named like itself
            facts.append(OrderPaymentAttempted(tender.id, attempt, CASH, tender.owed))
        if counted:
            facts.append(OrderPaymentProcessed(tender.id, attempt, counted, CASH, CASH, parcel=parcel))
        if beyond:
            facts.append(OrderPaymentOrphaned(tender.id, attempt, beyond))
        fresh -= counted
    return tuple(facts)


def taken_beside(order: Order, parcel: str, amount: int, *, attempt_id: str) -> tuple[Fact, ...]:
    """Cash that was taken at the door for bringing a parcel back, or for what is back or lost here. Once for each parcel.

    Refused (`cash_booked`) where less of it is in the books already.
    """
    booked = tender_in(order, parcel)
    if booked is not None and amount > booked.captured:
        raise Refused("cash_booked", f"{booked.captured} of this parcel are in the books already.", kind="conflict", booked=booked.captured)
    facts = _collected_astray(order, parcel, amount, attempt_id)
    return (OrderCashTaken(parcel, amount), *facts) if facts else ()


def _collected_astray(order: Order, parcel: str, taken: int, attempt_id: str) -> tuple[Fact, ...]:
    """What was paid at the door beside the price of the order's goods: an obligation of its own, named like the parcel, met at once."""
    if not taken or tender_in(order, parcel) is not None:
        return ()
    return (
        OrderPaymentRequested(parcel, CASH, taken),
        OrderPaymentAttempted(parcel, attempt_id, CASH, taken),
        OrderPaymentProcessed(parcel, attempt_id, taken, CASH, CASH, parcel=parcel),
    )


def _charged(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    fresh = seen.amount - attempt.captured
    if fresh <= 0:
        return ()
    reference = seen.transaction or seen.reference
    counted = min(fresh, room(order, tender, attempt))
    facts: list[Fact] = []
    if counted:
        facts.append(OrderPaymentProcessed(tender.id, attempt.id, counted, attempt.gateway, tender.method, reference))
    if fresh > counted:
        facts.append(OrderPaymentOrphaned(tender.id, attempt.id, fresh - counted, reference))
    return tuple(facts)


def _authorized(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    """Also when nobody needs it: what is set aside is told as it is, and let go by a step of its own."""
    del order
    fresh = seen.amount - max(attempt.authorized, attempt.captured)
    if fresh <= 0:
        return ()
    return (OrderPaymentAuthorized(tender.id, attempt.id, fresh, seen.transaction or seen.reference, seen.lapses_at),)


def _failed(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    """Against money that was seen, «failed» is an older word."""
    del order
    if attempt.status not in OPEN or attempt.captured or attempt.authorized:
        return ()
    reason = seen.reason or seen.status
    return (OrderPaymentFailed(tender.id, attempt.id, reason, seen.soft or seen.status == "expired", seen.raw_code),)


def _voided(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    if attempt.set_aside:
        return (OrderPaymentVoided(tender.id, attempt.id, attempt.set_aside),)
    return _failed(order, tender, attempt, seen)


def _pending(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    """News only where we did not know that the gateway knows it."""
    del order
    if attempt.status not in ("attempted", "uncertain"):
        return ()
    reference, url = seen.reference or attempt.reference, seen.redirect_url or attempt.redirect_url
    return (OrderPaymentStarted(tender.id, attempt.id, reference, url, attempt.expires_at),)


def _unknown(order: Order, tender: Tender, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    """Money that is not what was asked for is news of an attempt that came to its end, too (its page was paid twice); more of it again."""
    del order
    if seen.reason == "mismatch" and attempt.status not in OPEN:
        if seen.amount <= (attempt.strange or 0):
            return ()
        return (OrderPaymentMismatched(tender.id, attempt.id, seen.amount, seen.currency, seen.transaction or seen.reference),)
    if attempt.status not in ("attempted", "pending"):
        return ()
    return (OrderPaymentUncertain(tender.id, attempt.id, seen.reason or "answer"),)


def _risk(order: Order, attempt: Attempt, seen: Observed) -> tuple[Fact, ...]:
    """The gateway has the money and calls it risky (SSLCOMMERZ risk_level 1): nothing is shipped before somebody looked."""
    if order.status in ENDED or order.status == "completed" or any(h.id == attempt.id for h in order.holds):
        return ()
    return (OrderHeld(attempt.id, "FRAUD_REVIEW", "gateway_calls_it_risky", seen.raw_code),)


_MEANING: Mapping[str, Callable[[Order, Tender, Attempt, Observed], tuple[Fact, ...]]] = {
    "pending":    _pending,
    "authorized": _authorized,
    "charged":    _charged,
    "failed":     _failed,
    "cancelled":  _failed,
    "expired":    _failed,
    "voided":     _voided,
    "unknown":    _unknown,
}  # fmt: skip
