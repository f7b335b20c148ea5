"""What has to move so that an order's money is what is owed: waive, give back, let go, take. Pure, and by state, not by event.

    owing ─► tenders: what is owed of each ─► attempts: kept more → give back, set aside more → let go, earned more → take

Each decision compares what is owed with what the attempts hold, refunds under way included. So it may be asked at any time,
twice, and after facts in any order; what is settled already decides to nothing, and money is given back once.
"""

from collections.abc import Callable, Sequence

import msgspec

from haat.domain.orders.decisions import cut_of
from haat.domain.orders.events import (
    Cut,
    OrderCancelled,
    OrderExpired,
    OrderPaymentVoided,
    OrderPaymentWaived,
    OrderRefundRequested,
    OrderReinstated,
    Reservation,
    Share,
)
from haat.domain.orders.goods import BUCKETS, STOPPABLE, OrderLine
from haat.domain.orders.order import Order
from haat.domain.orders.paying import CASH, ENDED
from haat.domain.orders.tenders import Attempt, Tender
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

#: Draws the id of a new refund.
NewId = Callable[[], str]
_GONE, _LOST = ("returned", "lost"), ("lost",)
_SOLD = tuple(bucket for bucket in BUCKETS if bucket != "cancelled")


class Taking(msgspec.Struct, frozen=True):
    """Take `amount` of what `attempt` set aside. `final`: no more will be taken of it, the rest may be let go."""

    attempt: str
    amount: int
    final: bool


def owing(order: Order) -> int:
    """What the buyer owes in all: nothing for units that were lost or came back, nor for the delivery of what was lost; and once the
    order ended only what was taken at the door for parcels that had been cancelled (the totals hold nothing else then)."""
    if order.status in ENDED:
        return order.totals.grand
    gone = sum([_worth(line, _GONE) for line in order.lines])
    return max(order.totals.grand - gone - undelivered(order), 0)


def undelivered(order: Order) -> int:
    """What was charged for bringing what was lost: of each vendor's delivery charge the part that its lost units are of its goods,
    rounded down, all of it with the last of them; and the order's fees where all of it was lost.

    What was refused at the door was brought there, so its delivery stays owed.
    """
    if not any(line.buckets.get("lost") for line in order.lines):
        return 0
    back = 0
    for part in order.vendor_orders:
        lines = [line for line in order.lines if line.vendor == part.vendor]
        charge = part.total - sum([line.total for line in lines])
        lost, sold = sum([_worth(line, _LOST) for line in lines]), sum([_worth(line, _SOLD) for line in lines])
        if _all_lost(lines):
            back += charge
        elif sold:
            back += charge * lost // sold
    if _all_lost(order.lines):
        back += order.totals.fees - sum([p.collected or 0 for p in order.shipments])  # which is beside the price, as nothing sold arrived
    return back


def earned(order: Order) -> int:
    """What may be taken of it by now: all but the units that have not left, and the delivery of vendors that sent nothing yet.

    Fees and whatever else stands beside the goods are earned with the first parcel; with the last one this is `owing`, exactly.
    """
    waiting = {line.vendor for line in order.lines if _units(line, STOPPABLE)}
    if not waiting or order.status in ENDED:
        return owing(order)
    sent = {line.vendor for line in order.lines if _units(line, ("shipped", "delivered", *_GONE))}
    if not sent:
        return 0
    goods = sum([_worth(line, (*STOPPABLE, *_GONE)) for line in order.lines])
    unsent = sum([v.shipping for v in order.vendor_orders if v.vendor not in sent])
    return max(order.totals.grand - goods - unsent - undelivered(order), 0)


def kept(order: Order, attempt: Attempt) -> int:
    """What the attempt captured, less all that was ever asked to go back and what disputes took back; a refund that failed waits for
    somebody, none asks twice."""
    left = attempt.captured - sum([r.amount for r in order.refunds if r.attempt == attempt.id])
    return max(left - attempt.taken_back, 0) if attempt.disputes else left


def settle(order: Order, new_id: NewId) -> tuple[Fact, ...]:
    """Waive what is due no more, and ask for what was paid beyond what is owed to go back. Nothing where all is settled."""
    waived = _waivers(order)
    facts: list[Fact] = [
        OrderPaymentWaived(t, amount, order.status if order.status in ENDED else "order_shrank") for t, amount in waived.items()
    ]
    for tender in order.payments:
        facts += _paybacks(order, tender, tender.owed - waived.get(tender.id, 0), new_id)
    return tuple(facts)


def settled(order: Order) -> bool:
    """Whether `settle` has nothing to do and no authorisation waits to be let go."""
    return not settle(order, str) and not superfluous(order)


def superfluous(order: Order) -> tuple[str, ...]:
    """Attempts whose authorisation nobody needs, oldest first: all of it can be let go. One that is needed in part is taken in part."""
    waived = _waivers(order)
    found: list[str] = []
    for tender in order.payments:
        need = tender.owed - waived.get(tender.id, 0) - tender.captured
        for attempt in tender.attempts:
            if not attempt.set_aside:
                continue
            if need <= 0:
                found.append(attempt.id)
            need -= attempt.set_aside
    return tuple(found)


def takings(order: Order, *, whole: Callable[[str], bool]) -> tuple[Taking, ...]:
    """What to take of authorisations now that goods have left. `whole(gateway)`: it takes one capture only, so all is taken at once."""
    ready = earned(order)
    if not ready:
        return ()
    ready -= sum([t.captured for t in order.payments])
    waiting = any(_units(line, STOPPABLE) for line in order.lines)
    unneeded = set(superfluous(order))
    found: list[Taking] = []
    for tender in order.payments:
        left = tender.owed - tender.captured
        for attempt in tender.attempts:
            if not attempt.set_aside or attempt.id in unneeded:
                continue
            amount = min(attempt.set_aside, left, ready if not whole(attempt.gateway) else left)
            if amount > 0:
                found.append(Taking(attempt.id, amount, whole(attempt.gateway) or not waiting or amount == left))
                left -= amount
                ready -= amount
    return tuple(found)


def taken(order: Order, attempt_id: str, facts: Sequence[Fact], *, final: bool) -> tuple[Fact, ...]:
    """`facts` of a capture, and that the rest of the authorisation was let go where it was the last one."""
    rest = 0
    payment = ""
    for tender in order.payments:
        for attempt in tender.attempts:
            if attempt.id == attempt_id:
                payment = tender.id
                rest = attempt.set_aside - sum([getattr(f, "amount", 0) for f in facts if getattr(f, "attempt", "") == attempt_id])
    return (*facts, OrderPaymentVoided(payment, attempt_id, rest)) if final and facts and rest > 0 else tuple(facts)


def expire(order: Order, *, reason: str = "not_paid_in_time", detail: str = "") -> tuple[Fact, ...]:
    """End an order that nobody paid. Nothing where it has ended, is further than placed, or its money is there after all."""
    if order.status != "placed" or not any(t.owed > t.secured for t in order.payments if t.method != CASH):
        return ()
    cuts = tuple([cut_of(line, n) for line in order.lines if (n := _units(line, STOPPABLE))])
    return (OrderExpired(cuts, reason, order.totals.grand, detail),)


def payable_again(order: Order, before: Order) -> bool:
    """Whether orphaned money pays all that was to be paid before the order ended as `before`, so that it may come back."""
    now = {t.id: t for t in order.payments}
    due = [t for t in before.payments if t.method != CASH and t.owed > 0]
    return bool(due) and all(sum([kept(order, a) for a in now[t.id].attempts]) >= t.owed for t in due)


def reinstate(before: Order, ended: OrderExpired | OrderCancelled, reservations: Sequence[Reservation], *, reason: str) -> tuple[Fact, ...]:
    """The order goes on as it was `before` it ended, with these units set aside anew."""
    shares = tuple([Share(v.id, v.vendor, v.items, v.discount, v.shipping, v.tax, v.total) for v in before.vendor_orders])
    by_no = {line.line_no: line for line in before.lines}
    cuts = tuple([_cut_as_sold(by_no[c.line_no], c) for c in ended.cuts])
    return (OrderReinstated(cuts, tuple(reservations), shares, before.totals, reason),)


def ask_back(order: Order, amount: int, *, reason: str, new_id: NewId) -> tuple[Fact, ...]:
    """Give the buyer `amount` back, whatever is owed: newest money first. Refused where less is kept."""
    sources = [
        (tender, attempt, kept(order, attempt))
        for tender in reversed(order.payments)
        for attempt in reversed(tender.attempts)
        if attempt.gateway and kept(order, attempt) > 0
    ]
    most = sum([k for _, _, k in sources])
    if not 0 < amount <= most:
        raise Refused("more_than_kept", "Not more than what was paid can go back.", kind="conflict", refundable=most)
    facts: list[Fact] = []
    for tender, attempt, has in sources:
        part = min(amount, has)
        if part:
            facts.append(OrderRefundRequested(new_id(), tender.id, attempt.id, part, reason, attempt.gateway))
            amount -= part
    return tuple(facts)


def worth(order: Order, quantities: dict[int, int]) -> int:
    """What these quantities by line number cost the buyer; refused where the order has no such line or fewer units."""
    lines = {line.line_no: line for line in order.lines}
    total = 0
    for line_no, quantity in sorted(quantities.items()):
        line = lines.get(line_no)
        if line is None or not 0 < quantity <= line.quantity - line.buckets.get("cancelled", 0):
            raise Refused("unknown_line", f"The order has no {quantity} units of line {line_no}.", line_no=line_no)
        total += cut_of(line, quantity).total
    return total


def _waivers(order: Order) -> dict[str, int]:
    """By tender: what to waive. First what has no money yet (the newest, cash before the rest), then what has; vouched money last."""
    excess = sum([t.owed for t in order.payments]) - owing(order)
    if excess <= 0:
        return {}
    newest = sorted(enumerate(order.payments), key=lambda e: (e[1].method != CASH, -e[0]))
    found: dict[str, int] = {}
    for share in (_bare, _ours, _rest):
        for _, tender in newest:
            part = min(excess, max(share(tender) - found.get(tender.id, 0), 0))
            if part:
                found[tender.id] = found.get(tender.id, 0) + part
                excess -= part
    return found


def _bare(tender: Tender) -> int:
    return max(tender.owed - tender.secured, 0)


def _ours(tender: Tender) -> int:
    return 0 if any(not a.gateway for a in tender.attempts) else tender.owed


def _rest(tender: Tender) -> int:
    return tender.owed


def _paybacks(order: Order, tender: Tender, owed: int, new_id: NewId) -> list[Fact]:
    surplus = sum([kept(order, a) for a in tender.attempts]) - max(owed, 0)
    facts: list[Fact] = []
    for _, attempt in sorted(enumerate(tender.attempts), key=lambda e: (not e[1].orphaned, -e[0])):
        part = min(surplus, kept(order, attempt))
        if part > 0 and attempt.gateway:
            reason = "orphaned" if attempt.orphaned else order.status if order.status in ENDED else "order_shrank"
            facts.append(OrderRefundRequested(new_id(), tender.id, attempt.id, part, reason, attempt.gateway))
            surplus -= part
    return facts


def _worth(line: OrderLine, buckets: Sequence[str]) -> int:
    n = _units(line, buckets)
    return cut_of(line, n).total if n else 0


def _all_lost(lines: Sequence[OrderLine]) -> bool:
    """Whether nothing of these lines is left that was not lost."""
    return all(_units(line, _SOLD) == _units(line, _LOST) for line in lines) and any(_units(line, _LOST) for line in lines)


def _units(line: OrderLine, buckets: Sequence[str]) -> int:
    return sum([line.buckets.get(b, 0) for b in buckets])


def _cut_as_sold(line: OrderLine, cut: Cut) -> Cut:
    """What the line held when it was cut, to the last paisa: no rounding can creep in on the way back."""
    return Cut(line.line_no, cut.quantity, cut.items, line.discount, line.tax, line.total)
