"""What follows from a fact of goods: facts in, steps out. Pure.

    offer ─► remind, lapse (timers) ─► prepare ─► pack, ship_by ─► choose ─► book ─► track … ─► complete
                                                       ▲             │ ├─ uncertain: look_up until known
                                                       └─ the rest   │ └─ declined: choose another
    recall: whatever was cancelled or asked back while a courier had it on its books, or in its hands

Nothing waits without a timer: a vendor's answer, a parcel to pack, a booking to be known, a parcel on the road, a return, a
promise. `Stop` takes back the timers of what has been answered.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders
from haat.engine.flowing import Compensate, Decision, Step, Stop
from haat.flows.fulfilling.overcoming import overcome
from haat.kernel.facts import Fact
from haat.kernel.time import spans

events = orders.events
fulfilling = orders.fulfilling

CODE = "fulfilment"
NOW = timedelta()
DOUBLED_MAX = 7
RETRY_MAX = timedelta(hours=1)
AFTERTHOUGHT = timedelta(minutes=1)  # within which a day that was agreed on may still change before anybody is told


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The marketplace's choices about goods.

    `remind_at`: the part of the vendor's time after which it is reminded. `tries_max` failed tries at the door, then it comes back.
    `ask_after`: how soon a booked parcel is asked about first, `ask_on_the_last_mile`: how often while a rider has it.
    `silent_after`: how long a courier may say nothing of a parcel. `returns_within`: how long a return to origin may take, the
    inspection of what came back included. `retry_after`: how long to wait with a courier that could not take a booking now.
    `late_by`: by how much a promise that was missed is put off at least.
    """

    remind_at: Annotated[float, Meta(ge=0.05, le=0.95)] = 0.5
    tries_max: Annotated[int, Meta(ge=1, le=20)] = 3
    ask_after: timedelta = timedelta(minutes=30)
    ask_on_the_last_mile: timedelta = timedelta(minutes=10)
    ask_at_most_each: timedelta = timedelta(hours=6)
    silent_after: timedelta = timedelta(days=5)
    returns_within: timedelta = timedelta(days=21)
    retry_after: timedelta = timedelta(seconds=30)
    settle_after: timedelta = timedelta(seconds=30)
    late_by: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        """Raises ValueError for a span that would never end, or begin anew all the time."""
        spans(
            self,
            ask_after=(timedelta(), timedelta(days=30)),
            ask_on_the_last_mile=(timedelta(seconds=10), timedelta(days=1)),
            ask_at_most_each=(timedelta(minutes=1), timedelta(days=7)),
            silent_after=(timedelta(hours=1), timedelta(days=90)),
            returns_within=(timedelta(hours=1), timedelta(days=365)),
            retry_after=(timedelta(seconds=10), timedelta(minutes=10)),
            settle_after=(timedelta(), timedelta(days=7)),
            late_by=(timedelta(hours=1), timedelta(days=30)),
        )


LISTENS: frozenset[type[Fact]] = frozenset(
    {
        events.OrderConfirmed,
        events.OrderInventoryAllocated,
        events.VendorOrderOffered,
        events.VendorOrderAccepted,
        events.VendorOrderRejected,
        events.OrderParcelPacked,
        events.OrderShipmentFailed,
        events.OrderShipmentBooked,
        events.OrderShipmentRecalled,
        events.OrderShipmentStrayed,
        events.OrderOutForDelivery,
        events.OrderDeliveryFailed,
        events.OrderInterceptAsked,
        events.OrderShipmentDoubted,
        events.OrderReturnStarted,
        events.OrderDelivered,
        events.OrderReturnReceived,
        events.OrderParcelLost,
        events.OrderLinesCancelled,
        events.OrderCancelled,
        events.OrderRejected,
        events.OrderExpired,
        events.OrderPromised,
        events.OrderPaymentProcessed,
        events.OrderPaymentWaived,
        events.OrderPaymentVoided,
        events.OrderRefunded,
        events.OrderCompleted,
    }
)
_ENDS = frozenset({events.OrderCancelled, events.OrderRejected, events.OrderExpired})
_ARRIVES = frozenset({events.OrderDelivered, events.OrderReturnReceived, events.OrderParcelLost})
_SETTLES = _ARRIVES | {
    events.OrderLinesCancelled,
    events.OrderPaymentProcessed,
    events.OrderPaymentWaived,
    events.OrderPaymentVoided,
    events.OrderRefunded,
}
#: Which of the questions below a fact answers; the others are about the road, and about ends.
_OF_VENDORS = frozenset(
    {
        events.OrderConfirmed,
        events.OrderInventoryAllocated,
        events.VendorOrderOffered,
        events.VendorOrderAccepted,
        events.VendorOrderRejected,
        events.OrderPromised,
    }
)
_OF_BOOKING = frozenset({events.OrderParcelPacked, events.OrderShipmentFailed, events.OrderShipmentBooked, events.OrderShipmentRecalled})
_TIMERS = ("remind", "lapse", "ship_by", "choose", "late")


def decider(policy: Callable[[], Policy]) -> "Decide":
    """The flow's `decide` under the policy of the moment."""
    return Decide(policy)


class Decide:
    """`decide(order, fact)`: the order is as it stands after all facts of the transaction."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    def __call__(self, order: orders.Order, fact: Fact) -> Sequence[Decision]:
        if type(fact) in _OF_VENDORS:
            decided = self._of_vendors(order, fact)
        elif type(fact) in _OF_BOOKING:
            decided = self._of_booking(order, fact)
        else:
            decided = self._of_road(order, fact)
        decided += self._of_ends(order, fact)
        return [*decided, *overcome(order, fact, CODE)] if order.exceptions else decided

    def _of_vendors(self, order: orders.Order, fact: Fact) -> list[Decision]:
        match fact:
            case events.OrderConfirmed():
                return [*_offers(order, [v.id for v in order.vendor_orders]), *_promised(order)]
            case events.OrderInventoryAllocated(parcels=parcels) if order.status in fulfilling.LIVING:
                return _offers(order, [p.vendor_order for p in parcels])
            case events.VendorOrderOffered(vendor_order=part, until=until) if until is not None:
                if fulfilling.part_of(order, part).answer != "offered":
                    return []
                left = max(until - order.updated_at, NOW)
                return [Step("remind", part, after=left * self._policy().remind_at), Step("lapse", part, after=left)]
            case events.VendorOrderAccepted(vendor_order=part):
                return [Stop("remind", part), Stop("lapse", part), Step("prepare", part)]
            case events.VendorOrderRejected(vendor_order=part, lines=lines):
                gone = [p for p in order.shipments if p.vendor_order == part and p.status == "cancelled"]
                ended: list[Decision] = [] if lines else [Stop("remind", part), Stop("lapse", part)]
                return [*ended, *(Stop("ship_by", p.id) for p in gone), *_recalls(gone)]
            case events.OrderPromised(parcel=parcel, agreed=agreed):
                return [*_promised(order), *(_told(order, parcel) if agreed else [])]
        return []

    def _of_booking(self, order: orders.Order, fact: Fact) -> list[Decision]:
        match fact:
            case events.OrderParcelPacked(parcel=parcel, rest=rest):
                more = [Step("prepare", fulfilling.parcel_of(order, rest).vendor_order)] if rest else []
                return [Stop("ship_by", parcel), Step("choose", parcel), *more]
            case events.OrderShipmentFailed(parcel=parcel, final=final):
                stopped = Stop("look_up", parcel)
                return [stopped, *self._next(order, parcel, at_once=final)]
            case events.OrderShipmentBooked(parcel=parcel, courier=courier):
                found = fulfilling.parcel_of(order, parcel)
                day = _told(order, parcel) if found.agreed else []
                return [Stop("look_up", parcel), *self._booked(order, found, courier), *day]
            case events.OrderShipmentRecalled(parcel=parcel):
                return [Stop("track", parcel), *self._next(order, parcel, at_once=True)]
        return []

    def _next(self, order: orders.Order, parcel_id: str, *, at_once: bool) -> list[Decision]:
        """Another booking for a parcel that is packed and has none."""
        parcel = fulfilling.parcel_of(order, parcel_id)
        if parcel.status != "packed" or order.status not in fulfilling.LIVING:
            return []
        pause = min(self._policy().retry_after * 2 ** min(max(parcel.declines - 1, 0), DOUBLED_MAX), RETRY_MAX)
        return [Stop("choose", parcel_id), Step("choose", parcel_id, after=None if at_once else pause)]

    def _booked(self, order: orders.Order, parcel: orders.Parcel, courier: str) -> list[Decision]:
        if parcel.settled and not parcel.astray:
            return []
        if courier == fulfilling.SELF:  # there is nobody to ask, but its vendor's silence is noticed
            return [Stop("ship_by", parcel.id), Step("track", parcel.id, after=self._policy().silent_after)]
        track = Step("track", parcel.id, after=self._policy().ask_after)  # it may leave all the same, and nobody else would tell
        return [Step("recall", parcel.id), track] if _unwanted(order, parcel) else [track]

    def _of_road(self, order: orders.Order, fact: Fact) -> list[Decision]:
        match fact:
            case events.OrderOutForDelivery(parcel=parcel):
                return self._last_mile(fulfilling.parcel_of(order, parcel))
            case events.OrderDeliveryFailed(parcel=parcel):
                found = fulfilling.parcel_of(order, parcel)
                return [Step("give_up", parcel)] if found.tries >= self._policy().tries_max and not found.intercept else []
            case events.OrderShipmentDoubted(parcel=parcel, cause=cause, detail=detail):
                return [Step("look_at", parcel, data={"cause": cause, "detail": detail})]
            case events.OrderInterceptAsked(parcel=parcel):
                found = fulfilling.parcel_of(order, parcel)
                back = Step("tell", parcel) if found.courier == fulfilling.SELF else Step("recall", parcel)
                return [] if found.status == "uncertain" else [back]
            case events.OrderShipmentStrayed(parcel=parcel):
                return self._strayed(fulfilling.parcel_of(order, parcel))
            case events.OrderReturnStarted(parcel=parcel) if not fulfilling.parcel_of(order, parcel).settled:
                return [Step("return_overdue", parcel, after=self._policy().returns_within)]
            case events.OrderDelivered() | events.OrderReturnReceived() | events.OrderParcelLost():
                return self._arrived(fulfilling.parcel_of(order, fact.parcel), fact)
        return []

    def _arrived(self, parcel: orders.Parcel, fact: Fact) -> list[Decision]:
        """It has arrived somewhere, or a part of it; the rest has its time to come back."""
        stray = _of_stray(parcel, fact)
        if parcel.settled:
            return [Stop("track", parcel.id), Stop("return_overdue", parcel.id), Stop("recall", parcel.id), *stray]
        if isinstance(fact, events.OrderDelivered):
            overdue = Step("return_overdue", parcel.id, after=self._policy().returns_within)
            return [Stop("return_overdue", parcel.id), overdue, *stray]
        return stray

    def _strayed(self, parcel: orders.Parcel) -> list[Decision]:
        """What was cancelled is on the road: it is not in the house any more, and its courier shall bring it back."""
        out: list[Decision] = [Step("take_out", parcel.id)]
        if parcel.settled or parcel.status == "returning":
            return out
        return [*out, Stop("recall", parcel.id), Step("recall", parcel.id), Stop("track", parcel.id),
                Step("track", parcel.id, after=self._policy().ask_on_the_last_mile)]  # fmt: skip

    def _last_mile(self, parcel: orders.Parcel) -> list[Decision]:
        """A rider has it: asked about soon, however long the pauses were before, as the hook that it arrived may be lost."""
        if parcel.status != "out_for_delivery" or parcel.courier == fulfilling.SELF:
            return []
        return [Stop("track", parcel.id), Step("track", parcel.id, after=self._policy().ask_on_the_last_mile)]

    def _of_ends(self, order: orders.Order, fact: Fact) -> list[Decision]:
        if type(fact) in _ENDS:
            booked = any(p.consignment for p in order.shipments)
            back: list[Decision] = [Compensate(getattr(fact, "reason", "") or order.status)] if booked else []
            return [*(Stop(name) for name in _TIMERS), *back]
        if isinstance(fact, events.OrderCompleted):
            return [Stop("late"), Stop("complete"), Stop("track")]
        decided: list[Decision] = []
        if isinstance(fact, events.OrderLinesCancelled):
            gone = [p for p in order.shipments if p.status == "cancelled"]
            decided = [*(Stop("ship_by", p.id) for p in gone), *_recalls(gone)]
        if type(fact) in _SETTLES and order.status in fulfilling.LIVING and orders.settled(order.lines):
            now = bool(fulfilling.complete(order))
            decided += [Stop("complete"), Step("complete", after=None if now else self._policy().settle_after)]
        return decided


def _of_stray(parcel: orders.Parcel, fact: Fact) -> list[Decision]:
    """What was cancelled is with its buyer: somebody decides. Or it is back in the house."""
    if not parcel.stray:
        return []
    if isinstance(fact, events.OrderDelivered):
        return [Step("strayed", parcel.id)]
    if isinstance(fact, events.OrderReturnReceived) and fact.sound:
        return [Step("take_in", parcel.id, data={"sound": [[x.line_no, x.quantity] for x in fact.sound]})]
    return []


def _offers(order: orders.Order, parts: Sequence[str]) -> list[Decision]:
    """Ask the vendors that have parcels to send; one that took its part already goes on."""
    planned = {p.vendor_order for p in order.shipments if p.status == "planned"}
    answers = {v.id: v.answer for v in order.vendor_orders}
    asked = [part for part in dict.fromkeys(parts) if part in planned]
    return [Step("prepare" if answers.get(part) == "accepted" else "offer", part) for part in asked]


def _recalls(parcels: Sequence[orders.Parcel]) -> list[Decision]:
    return [Step("recall", p.id) for p in parcels if p.consignment and p.courier != fulfilling.SELF]


def _unwanted(order: orders.Order, parcel: orders.Parcel) -> bool:
    """Whether a courier that is heard to have it shall give it back: it was asked back, or was cut while the courier was asked."""
    if parcel.stray or parcel.status not in orders.TO_BRING:
        return parcel.astray
    return bool(parcel.intercept or orders.stopping.overcharge(order, parcel, told=parcel.cash))


def _promised(order: orders.Order) -> list[Decision]:
    day = orders.promising.next_day(order.promised_at, order.shipments)
    if day is None or order.status not in fulfilling.LIVING:
        return []
    return [Stop("late"), Step("late", after=max(day - order.updated_at, NOW))]


def _told(order: orders.Order, parcel_id: str) -> list[Decision]:
    """Whoever has the parcel has to hear of the day that was agreed on; the last one, where another follows at once."""
    if not orders.promising.brought_by(fulfilling.parcel_of(order, parcel_id)):
        return []
    return [Stop("tell_day", parcel_id), Step("tell_day", parcel_id, after=AFTERTHOUGHT)]
