"""What couriers say becomes facts: scans stored as they come, read as one story, and what our parcel still has to do. Set-wise.

    hook, poll, a person ─► Said ─► tracking_scans (once) ─► tracking.advance ─► decisions of the order ─► facts

The story is read anew from all scans of the present booking each time, so their order and their doubles do not matter; and
a decision that says «it is so already» yields nothing. What does not fit (another ending than ours, a part whose units nobody named,
cash or goods that no fact of ours speaks of) is shown to somebody instead of being guessed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from haat.domain import fulfilment, orders
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

events = orders.events
fulfilling = orders.fulfilling
tracking = fulfilment.tracking
UNCLEAR = "partial_delivery_unclear"
VAGUE = orders.ascertaining.CANCELLED_UNCLEAR
#: What no later word of a courier settles: it ended otherwise than here, is said to have by a correction, it took cash that is in no
#: book, or other goods.
ENDED_OTHERWISE, CORRECTED, UNBOOKED, TAKEN_ALONG = "ended_otherwise", "courier_corrects", "cash_unbooked", "goods_taken_along"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How to read: as of when, and of which vendors what comes back counts as sound without being looked at."""

    now: datetime
    trusts: Callable[[str], bool]  # by vendor


def moved(order: orders.Order, parcel_id: str, scans: Sequence[fulfilment.courier.Scan], reading: Reading) -> tuple[Fact, ...]:
    """The facts that bring a parcel to where its courier says it is. Pure."""
    return read(order, parcel_id, scans, reading)[0]


def read(
    order: orders.Order, parcel_id: str, scans: Sequence[fulfilment.courier.Scan], reading: Reading
) -> tuple[tuple[Fact, ...], orders.Order]:
    """`moved`, and the order after these facts."""
    parcel = fulfilling.parcel_of(order, parcel_id)
    out = bool(orders.outstanding(parcel))
    story = tracking.advance(tracking.Parcel(parcel.status, parcel.tries, out), scans)
    facts: list[Fact] = []
    state = order
    for move in story.moves:
        try:
            found = _decided(state, parcel_id, move, reading)
        except Refused as refusal:
            found = trouble(state, parcel_id, "courier_contradicts", f"{move.kind}: {refusal.detail}")
        state = orders.after(state, found, at=reading.now)
        facts += found
    doubts = _doubts(state, parcel_id, story)
    return (*facts, *doubts), orders.after(state, doubts, at=reading.now) if doubts else state


def _doubts(order: orders.Order, parcel_id: str, story: tracking.Advance) -> tuple[Fact, ...]:
    """What of the story does not fit the parcel, after all that could follow from it has followed."""
    parcel, now = fulfilling.parcel_of(order, parcel_id), story.standing
    doubts: list[Fact] = []
    if story.contradicted:
        taken = f", and collected {now.taken}" if now.taken else ""
        words = ", ".join(story.contradicted)
        doubts += trouble(order, parcel_id, ENDED_OTHERWISE, f"Here it is {parcel.status}; {parcel.courier} says {words}{taken}.")
    if cash := _unbooked(order, parcel, now):
        doubts += trouble(order, parcel_id, UNBOOKED, f"{parcel.courier} collected {cash} for a parcel that is {parcel.status}.")
    if now.exchanged and now.place == "delivered":
        doubts += trouble(order, parcel_id, TAKEN_ALONG, f"{parcel.courier} took other goods along, for an exchange.")
    if now.unknown:
        doubts += trouble(order, parcel_id, "courier_word_unknown", ", ".join(now.unknown))
    return tuple(doubts)


def _unbooked(order: orders.Order, parcel: orders.Parcel, now: tracking.Standing) -> int:
    """Cash that the courier took and no fact of ours speaks of: for bringing it back, or for what is back or lost here."""
    booked = orders.paying.tender_in(order, parcel.id)
    fee = (now.return_fee or 0) - (booked.captured if booked is not None else 0)
    beyond = (now.taken or 0) - (parcel.collected or 0) if parcel.status in ("returned", "lost") else 0
    return max(fee, beyond, 0)


def _decided(order: orders.Order, parcel_id: str, move: tracking.Move, reading: Reading) -> tuple[Fact, ...]:
    if move.correction:
        if move.kind == "partially_delivered" and UNCLEAR in fulfilling.parcel_of(order, parcel_id).doubts:
            return ()  # somebody was asked about just that, and said that all of it was kept
        return trouble(order, parcel_id, CORRECTED, f"{move.kind}: {move.detail or move.reason}")
    return _MOVES[move.kind](order, parcel_id, move, reading)


def _partly(order: orders.Order, parcel_id: str, move: tracking.Move, reading: Reading) -> tuple[Fact, ...]:
    """Couriers tell what was paid, not which units were kept: one kind of unit can be counted from it, else somebody has to say."""
    parcel = fulfilling.parcel_of(order, parcel_id)
    lines = orders.outstanding(parcel)
    if len(lines) == 1 and move.collected is not None and parcel.cash:
        units = lines[0].quantity * move.collected // parcel.cash
        if 0 < units < lines[0].quantity:
            return fulfilling.deliver(order, parcel_id, lines={lines[0].line_no: units}, collected=move.collected)
    return trouble(order, parcel_id, UNCLEAR, f"collected {move.collected}")


def _back(order: orders.Order, parcel_id: str, move: tracking.Move, reading: Reading) -> tuple[Fact, ...]:
    parcel = fulfilling.parcel_of(order, parcel_id)
    started = () if move.rest else fulfilling.turn_back(order, parcel_id, reason=move.reason or parcel.intercept or "returned")
    if move.kind == "returned" and reading.trusts(parcel.vendor) and orders.outstanding(parcel):
        return (*started, *fulfilling.receive(orders.after(order, started, at=reading.now), parcel_id))
    return started


def _given_up(order: orders.Order, parcel_id: str, move: tracking.Move, reading: Reading) -> tuple[Fact, ...]:
    """The courier cancelled before it had the goods: because we asked, or by itself; then another one is asked.

    Where its word does not say whether it has them, nobody else is booked: two couriers with one parcel's papers are worse than a late one.
    """
    parcel = fulfilling.parcel_of(order, parcel_id)
    if move.vague:
        return trouble(order, parcel_id, VAGUE, f"{parcel.courier} cancelled it and does not say whether it was picked up.")
    reason = parcel.intercept or orders.ascertaining.CANCELLED
    return orders.ascertaining.home(order, parcel, reason=reason, now=reading.now, shun=not parcel.intercept)


Decide = Callable[[orders.Order, str, tracking.Move, Reading], tuple[Fact, ...]]
_MOVES: dict[str, Decide] = {
    "shipped":             lambda order, parcel, _, __: fulfilling.ship(order, parcel),
    "out_for_delivery":    lambda order, parcel, _, __: fulfilling.out(order, parcel),
    "delivery_failed":     lambda order, parcel, move, _: fulfilling.fail(order, parcel, reason=move.reason or "other", detail=move.detail),
    "delivered":           lambda order, parcel, move, _: fulfilling.deliver(order, parcel, collected=move.collected),
    "partially_delivered": _partly,
    "returning":           _back,
    "returned":            _back,
    "lost":                lambda order, parcel, move, _: fulfilling.lose(order, parcel, reason=move.reason or "lost"),
    "cancelled":           _given_up,
}  # fmt: skip


def trouble(order: orders.Order, parcel_id: str, cause: str, detail: str) -> tuple[Fact, ...]:
    """Somebody has to look; once for each parcel and cause."""
    if cause in fulfilling.parcel_of(order, parcel_id).doubts:
        return ()
    return (events.OrderShipmentDoubted(parcel_id, cause, detail[:300]),)
