"""Cancelling at any moment: what can be stopped is stopped, what cannot is asked back, and the answer says what happens when. Pure.

    at home, no courier booked   cut now
    a courier is booked          the booking is recalled; cut when the courier says yes
    on its way, all of a parcel  the courier is asked to turn it round; the units come back as a return to origin
    on its way, a part of it     nobody opens a parcel on the road: it is returned after delivery, or refused at the door
    delivered                    a return

Nothing is called cancelled that is on the road: a unit is cut only where it surely stays at home. A courier may be asked for a
parcel just then: what it was told to collect and is owed no more is its `overcharge`.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from haat.domain.orders import collecting, settling
from haat.domain.orders.decisions import cancel, cut_of
from haat.domain.orders.events import OrderInterceptAsked, OrderPaymentWaived, ParcelLine
from haat.domain.orders.goods import OUT, STOPPABLE, OrderLine, Parcel, less
from haat.domain.orders.order import Order, after
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

What = Literal["cancelled", "recalling", "intercepting", "returning", "return_after_delivery", "return"]
_BOOKED = frozenset({"uncertain", "booked"})
_STOPPABLE_STATUSES = frozenset({"placed", "confirmed", "processing"})


class Fate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of some units of a line. `amount`: what is not owed for them, now (cancelled) or once it has happened."""

    line_no: int
    quantity: int
    what: What
    amount: int = 0
    shipment: str = ""


class Stop(msgspec.Struct, frozen=True):
    """The facts of a cancellation and its answer. `released` is not owed from now on, `later` once the rest has come about."""

    facts: tuple[Fact, ...]
    fates: tuple[Fate, ...]
    released: int = 0
    later: int = 0


def stop(order: Order, quantities: Mapping[int, int] | None, *, reason: str, detail: str = "") -> Stop:
    """Stop the whole order (None) or these quantities by line number. Refused where nothing of it could be stopped or asked back."""
    if order.status not in _STOPPABLE_STATUSES:
        raise Refused("not_in_this_status", f"An order that is {order.status} is not cancelled.", kind="conflict", status=order.status)
    wanted = {x.line_no: left(x) for x in order.lines if left(x)} if quantities is None else {n: q for n, q in quantities.items() if q}
    lines = {x.line_no: x for x in order.lines}
    for line_no, quantity in wanted.items():
        if line_no not in lines:
            raise Refused("unknown_line", f"The order has no line {line_no}.", line_no=line_no)
        _within(lines[line_no], quantity)
    if not wanted:
        raise Refused("nothing_to_cancel", "Nothing of the order would be cancelled.")
    now, rest = _at_home(order, wanted)
    fates = [Fate(n, q, "cancelled", cut_of(lines[n], q).total) for n, q in sorted(now.items())]
    asked, elsewhere = _asked_back(order, rest, lines, now)
    fates += elsewhere
    if not now and not asked and all(f.what == "return" for f in fates):
        raise Refused("delivered_already", "All of it was delivered; it can come back as a return.", kind="conflict")
    facts = cancel(order, now, reason=reason, detail=detail) if now else ()
    released = sum(getattr(fact, "amount", 0) for fact in facts)
    later = sum(f.amount for f in fates if f.what in ("recalling", "intercepting"))
    return Stop((*facts, *(OrderInterceptAsked(p.id, reason, x) for p, x in asked)), tuple(fates), released, later)


def recalled(order: Order, parcel: Parcel, *, reason: str) -> tuple[Fact, ...]:
    """The cut that was waiting for a courier's word: the units that were asked back of a parcel that is surely at home.

    `order` is the order after OrderShipmentRecalled (or OrderShipmentFailed), `parcel` is what it was before.
    """
    asked = parcel.asked or parcel.lines
    held = {x.line_no: x.quantity for x in parcel.lines}
    cut = {x.line_no: min(x.quantity, held.get(x.line_no, 0)) for x in asked}
    free = {n: min(q, _free(order, n)) for n, q in cut.items()}
    wanted = {n: q for n, q in free.items() if q}
    return cancel(order, wanted, reason=reason) if wanted else ()


def cash(order: Order, parcel: Parcel) -> int:
    """What a parcel collects, as `collecting.cash`, but without what is owed no more and is not waived yet."""
    most = collecting.cash(order, parcel)
    waived = [fact for fact in settling.settle(order, str) if isinstance(fact, OrderPaymentWaived)] if most else []
    return collecting.cash(after(order, waived, at=order.updated_at), parcel) if waived else most


def overcharge(order: Order, parcel: Parcel, *, told: int) -> int:
    """How much too much a courier takes that was `told` to collect this for a parcel, as the order is now. Less than a taka is rounding."""
    over = told - cash(order, parcel) if told else 0
    return over if over >= collecting.TAKA else 0


def _at_home(order: Order, wanted: Mapping[int, int]) -> tuple[dict[int, int], dict[int, int]]:
    """(units that are cut now, units that are further), by line."""
    now = {n: min(q, _free(order, n)) for n, q in wanted.items()}
    return {n: q for n, q in now.items() if q}, {n: q - now[n] for n, q in wanted.items() if q > now[n]}


def _asked_back(
    order: Order, rest: dict[int, int], lines: Mapping[int, OrderLine], cut: Mapping[int, int]
) -> tuple[list[tuple[Parcel, tuple[ParcelLine, ...]]], list[Fate]]:
    """Spend what is wanted on parcels, those that are nearest first; returns what is newly asked of couriers, and every fate.

    Of a parcel that was asked back in part and is now asked back for more, all of it is asked anew.
    """
    asked: list[tuple[Parcel, tuple[ParcelLine, ...]]] = []
    fates: list[Fate] = []
    worth = _Worth(lines, dict(cut))
    for parcel in sorted(order.shipments, key=lambda p: (p.status not in _BOOKED, p.status not in OUT)):
        open_lines = less(less(parcel.lines, parcel.delivered), parcel.returned)
        taken = tuple(ParcelLine(x.line_no, min(x.quantity, rest[x.line_no])) for x in open_lines if rest.get(x.line_no))
        if not taken or parcel.stray or parcel.status not in _BOOKED | OUT | {"returning"}:
            continue
        wanted = _union(parcel.asked, taken) if parcel.intercept else taken
        whole = not less(open_lines, wanted)
        what: What = (
            "returning" if parcel.status == "returning"
            else "recalling" if parcel.status in _BOOKED
            else "intercepting" if whole
            else "return_after_delivery"
        )  # fmt: skip
        for x in taken:
            rest[x.line_no] -= x.quantity
            fates.append(Fate(x.line_no, x.quantity, what, worth.of(x.line_no, x.quantity), parcel.id))
        known = parcel.intercept and not less(taken, parcel.asked or parcel.lines)
        if what in ("recalling", "intercepting") and not known:
            asked.append((parcel, () if whole else wanted))
    fates += [Fate(n, q, "return", worth.of(n, q)) for n, q in sorted(rest.items()) if q]
    return asked, fates


def _union(one: tuple[ParcelLine, ...], other: tuple[ParcelLine, ...]) -> tuple[ParcelLine, ...]:
    """Of each line the larger number: who asks for the same unit again asks for it once."""
    most: dict[int, int] = {}
    for line in (*one, *other):
        most[line.line_no] = max(most.get(line.line_no, 0), line.quantity)
    return tuple([ParcelLine(n, quantity) for n, quantity in sorted(most.items())])


class _Worth:
    """What units cost, the last first, as cuts take them."""

    def __init__(self, lines: Mapping[int, OrderLine], spent: dict[int, int]) -> None:
        self._lines = lines
        self._spent = spent

    def of(self, line_no: int, quantity: int) -> int:
        line, spent = self._lines[line_no], self._spent.get(line_no, 0)
        self._spent[line_no] = spent + quantity
        return cut_of(line, spent + quantity).total - (cut_of(line, spent).total if spent else 0)


def _within(line: OrderLine, quantity: int) -> None:
    if quantity < 0 or quantity > left(line):
        raise Refused(
            "not_cancellable",
            f"Of line {line.line_no}, {left(line)} are left.",
            kind="conflict",
            line_no=line.line_no,
            asked=quantity,
            cancellable=left(line),
        )


def of_vendor(order: Order, vendor: str, quantities: Mapping[int, int] | None, *, reason: str, detail: str = "") -> Stop:
    """A vendor stops what it was to send, or these units of it: nobody else is asked to send them. Another vendor's lines are missing."""
    own = {line.line_no: left(line) for line in order.lines if line.vendor == vendor and left(line)}
    strange = sorted((quantities or {}).keys() - {line.line_no for line in order.lines if line.vendor == vendor})
    if strange:
        raise Refused("unknown_line", f"Your part of the order has no line {strange[0]}.", line_no=strange[0])
    if not own:
        raise Refused("nothing_to_cancel", "Nothing of your part is left to be cancelled.", kind="conflict")
    return stop(order, own if quantities is None else quantities, reason=reason, detail=detail)


def left(line: OrderLine) -> int:
    """Units that can still be stopped, asked back or returned."""
    gone = ("cancelled", "returned", "lost", "refunded_without_return", "return_requested")
    return line.quantity - sum(line.buckets.get(bucket, 0) for bucket in gone)


def _free(order: Order, line_no: int) -> int:
    """Units of a line that are cut at once: at home, and no courier booked for them."""
    line = next(x for x in order.lines if x.line_no == line_no)
    home = sum(line.buckets.get(bucket, 0) for bucket in STOPPABLE)
    booked = [x.quantity for p in order.shipments if p.status in _BOOKED for x in p.lines if x.line_no == line_no]
    return max(home - sum(booked), 0)
