"""Exceptions that life has overcome: what somebody should have looked at happened after all, so nobody has to any more.

a parcel is packed       «late to pack» is over           booked     nobody has to find a courier, or its vendor has set out
it surely has none       nobody has to ask any more       ended      everything of this flow
a parcel has arrived     whatever was unclear about it
another day, another try whoever brings it need not hear of the day before
"""

from collections.abc import Mapping

from haat.domain import orders
from haat.engine.flowing import Decision, Local, Step, overcoming
from haat.flows.fulfilling import hearing
from haat.kernel.facts import Fact

events = orders.events
STEP = "overcome"
#: fact -> the steps about its parcel that are moot from then on
OVERCOMES: Mapping[type[Fact], tuple[str, ...]] = {
    events.OrderParcelPacked: ("ship_by",),
    events.OrderShipmentBooked: ("choose", "book", "look_up", "ship_by"),
    events.OrderShipmentFailed: ("look_up",),
    events.OrderShipmentRecalled: ("recall", "look_up", "look_at", "track", "tell_day"),
    events.OrderShipmentStrayed: ("recall", "look_at"),
    events.OrderPromised: ("tell_day",),
    events.OrderDeliveryFailed: ("tell_day",),
    events.OrderReturnStarted: ("recall", "tell", "tell_day"),
    events.OrderDelivered: ("recall", "tell", "look_at", "track", "give_up", "return_overdue", "tell_day"),
    events.OrderReturnReceived: ("recall", "tell", "look_at", "track", "give_up", "return_overdue", "take_out"),
    events.OrderParcelLost: ("recall", "tell", "look_at", "track", "give_up", "return_overdue", "tell_day"),
}
_ENDS = (events.OrderCompleted, events.OrderCancelled, events.OrderRejected, events.OrderExpired)
#: One parcel has arrived, and the other courier still has a booking; or what is open is not about where the parcel is.
_LASTING = frozenset({"booked_twice", hearing.ENDED_OTHERWISE, hearing.CORRECTED, hearing.UNBOOKED, hearing.TAKEN_ALONG})
_NEVER = frozenset({"recall", "look_up"})  # an order that ended may still have a courier on its way with its goods, or to them


def overcome(order: orders.Order, fact: Fact, flow: str) -> list[Decision]:
    """The step that closes what this fact has overcome; nothing where nothing of this flow is open."""
    open_steps = {e.step for e in order.exceptions if e.flow == flow}
    if not open_steps:
        return []
    if isinstance(fact, _ENDS):
        moot = sorted(open_steps if isinstance(fact, events.OrderCompleted) else open_steps - _NEVER)
        return [Step(STEP, data={"steps": moot})] if moot else []
    if isinstance(fact, events.OrderReturnReceived) and not orders.fulfilling.parcel_of(order, fact.parcel).settled:
        return []  # only some of it is back: the rest is as unclear as before
    if isinstance(fact, events.OrderPromised) and not fact.agreed:
        return []
    moot = sorted(open_steps & set(OVERCOMES.get(type(fact), ())))
    return [Step(STEP, fact.parcel, data={"steps": moot})] if moot else []  # type: ignore[attr-defined]


def verbs(flow: str) -> dict[str, Local]:
    """The step of this file by name."""
    return {STEP: overcoming.closing(flow, _resolved, lasting=_LASTING)}


def _resolved(exception: str) -> Fact:
    return events.OrderExceptionResolved(exception, "skip", "overcome")
