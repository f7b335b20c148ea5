"""What may be asked of the goods of an order: every decision about vendors' answers and parcels. Pure.

    decide(order, parcel, …) -> facts | Refused        () where it is so already: couriers and people say things twice

`FROM` is the whole law of a parcel: a fact may only be decided where its parcel stands in one of these statuses. What was skipped
on the way (a courier that reports «delivered» and never «picked up») is told first, so that the story has no holes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from haat.domain.orders import quantities, settling
from haat.domain.orders.events import (
    OrderCompleted,
    OrderDelivered,
    OrderDeliveryFailed,
    OrderFulfillmentStarted,
    OrderInterceptAsked,
    OrderOutForDelivery,
    OrderParcelLost,
    OrderParcelPacked,
    OrderPromised,
    OrderReturnReceived,
    OrderReturnStarted,
    OrderShipmentBooked,
    OrderShipmentFailed,
    OrderShipmentRecalled,
    OrderShipmentStrayed,
    OrderShipmentUncertain,
    OrderShipped,
    ParcelLine,
    VendorOrderAccepted,
    VendorOrderOffered,
    VendorOrderRejected,
)
from haat.domain.orders.goods import OUT, TO_BRING, Parcel, VendorOrder, less, outstanding, settled
from haat.domain.orders.order import Order
from haat.domain.orders.paying import OPEN
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

Facts = tuple[Fact, ...]

#: Why a vendor may say no; `no_answer` is said by the clock.
REJECTIONS = ("out_of_stock", "closed", "wrong_price", "cannot_deliver", "other")
NO_ANSWER = "no_answer"
WISHES_MAX = 5  # other days for one parcel, when its buyer alone asks for them: each tells people and costs a message
#: The courier of a vendor that brings its parcels itself.
SELF = "self"
#: Orders whose goods may move at home.
LIVING = frozenset({"confirmed", "processing"})

_HOME = frozenset({"planned", "picking", "packed", "uncertain", "booked"})
#: fact -> the statuses of its parcel from which it may come
FROM: Mapping[type[Fact], frozenset[str]] = {
    OrderFulfillmentStarted: frozenset({"planned"}),
    OrderParcelPacked:       frozenset({"planned", "picking"}),
    OrderShipmentUncertain:  frozenset({"packed", "cancelled"}),
    OrderShipmentBooked:     frozenset({"packed", "uncertain", "cancelled"}),
    OrderShipmentFailed:     frozenset({"packed", "uncertain"}),
    OrderShipmentRecalled:   frozenset({"booked", "cancelled"}),
    OrderShipmentStrayed:    frozenset({"cancelled"}),
    OrderShipped:            frozenset({"booked"}),
    OrderOutForDelivery:     frozenset({"booked", "shipped", "attempt_failed"}),
    OrderDeliveryFailed:     TO_BRING,
    OrderDelivered:          frozenset({"booked", "returning"}) | OUT,
    OrderReturnStarted:      TO_BRING,
    OrderReturnReceived:     frozenset({"booked", "returning", "partially_delivered"}) | OUT,
    OrderParcelLost:         frozenset({"booked", "returning", "partially_delivered"}) | OUT,
    OrderInterceptAsked:     frozenset({"uncertain", "booked"}) | OUT,
}  # fmt: skip
#: What befalls a parcel that a courier has: one that was cancelled too, where a courier has it on its books.
_ROAD = frozenset({
    OrderOutForDelivery, OrderDeliveryFailed, OrderDelivered, OrderReturnStarted, OrderReturnReceived, OrderParcelLost,
})  # fmt: skip


def parcel_of(order: Order, parcel_id: str) -> Parcel:
    """The parcel of that id; refused as missing where the order has none."""
    for parcel in order.shipments:
        if parcel.id == parcel_id:
            return parcel
    raise Refused("unknown_shipment", "There is no such shipment.", kind="missing")


def part_of(order: Order, vendor_order: str) -> VendorOrder:
    """The vendor's part of that id; refused as missing where the order has none."""
    for part in order.vendor_orders:
        if part.id == vendor_order:
            return part
    raise Refused("unknown_vendor_order", "There is no such vendor order.", kind="missing")


def offer(order: Order, vendor_order: str, *, until: datetime, accepts: bool = False, now: datetime | None = None) -> Facts:
    """Ask a vendor to take its part; one that `accepts` by policy has taken it at once.

    Nothing where it took it, or was asked and its time is not over `now`.
    """
    part = part_of(order, vendor_order)
    asked = part.answer == "offered" and (now is None or part.offered_until is None or part.offered_until > now)
    if order.status not in LIVING or not _parcels(order, vendor_order, {"planned"}) or asked or part.answer == "accepted":
        return ()
    offered = VendorOrderOffered(vendor_order, until)
    return (offered, VendorOrderAccepted(vendor_order)) if accepts else (offered,)


def accept(order: Order, vendor_order: str) -> Facts:
    """The vendor takes its part."""
    part = part_of(order, vendor_order)
    _living(order)
    if part.answer == "accepted":
        return ()
    if part.answer != "offered":
        raise Refused("not_offered", "This vendor order is not on offer.", kind="conflict", status=part.status, answer=part.answer)
    return (VendorOrderAccepted(vendor_order),)


def reject(
    order: Order, vendor_order: str, *, reason: str, detail: str = "", location: str = "", lines: Mapping[int, int] | None = None
) -> Facts:
    """The vendor (or one node of it) will not send its part, or these units of it. What a courier was booked for stays: cancel that.

    Where another node still has some of the part, a node's refusal is one of its units: what the vendor answered holds for the rest.
    """
    part = part_of(order, vendor_order)
    _living(order)
    if part.answer not in ("offered", "accepted"):
        raise Refused("not_offered", "This vendor order is not on offer.", kind="conflict", status=part.status, answer=part.answer)
    at_home = [p for p in _parcels(order, vendor_order, _HOME) if location in ("", p.location)]
    free = [p for p in at_home if p.status in ("planned", "picking", "packed")]
    if len(free) < len(at_home):
        raise Refused("booked_already", "A courier is booked for it; cancel it instead (cancellations).", kind="conflict")
    if not free:
        raise Refused("nothing_to_reject", "Nothing of it is left to be sent.", kind="conflict", status=part.status)
    asked = quantities.asked(free, lines) if lines is not None else ()
    if location and any(p.vendor_order == vendor_order and p.location != location and not p.settled for p in order.shipments):
        asked = asked or quantities.joined(free)
    elif asked and not less(quantities.joined(free), asked):
        asked = ()  # all of it: the whole part
    return (VendorOrderRejected(vendor_order, reason, detail, location, part.rejections + 1, asked),)


def lapse(order: Order, vendor_order: str, *, now: datetime) -> Facts:
    """The vendor did not answer in time: what nobody has begun is taken back, the rest goes on. Nothing where it did, or has longer."""
    part = part_of(order, vendor_order)
    late = part.answer == "offered" and part.offered_until is not None and part.offered_until <= now
    planned = [p.id for p in _parcels(order, vendor_order, {"planned"})]
    if not late or order.status not in LIVING or not planned:
        return ()
    only = tuple(planned) if len(planned) < len(_parcels(order, vendor_order, _HOME)) else ()
    return (VendorOrderRejected(vendor_order, NO_ANSWER, attempt=part.rejections + 1, parcels=only),)


def start(order: Order, parcel_id: str) -> Facts:
    """Somebody begins to pick it."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status == "picking":
        return ()
    _living(order)
    _may(parcel, OrderFulfillmentStarted)
    if part_of(order, parcel.vendor_order).answer != "accepted":
        raise Refused("not_accepted", "The vendor has not taken this part of the order.", kind="conflict")
    return (OrderFulfillmentStarted(parcel_id),)


def pack(order: Order, parcel_id: str, *, rest_id: str, weight_g: int = 0, lines: Mapping[int, int] | None = None) -> Facts:
    """It is packed: whole, or with the units by line number that are there; the others become the parcel `rest_id`.

    A held order is not packed. Packing the same again changes nothing.
    """
    parcel = parcel_of(order, parcel_id)
    if parcel.status == "packed" and (lines is None or quantities.joined([parcel]) == quantities.lines(lines)):
        return ()
    _living(order)
    if order.holds:
        raise Refused("on_hold", "The order is on hold; nothing of it is packed.", kind="conflict")
    _may(parcel, OrderParcelPacked)
    begun = start(order, parcel_id) if parcel.status == "planned" else ()
    if lines is None:
        return (*begun, OrderParcelPacked(parcel_id, weight_g))
    held = quantities.asked([parcel], lines)
    if not less(parcel.lines, held):
        return (*begun, OrderParcelPacked(parcel_id, weight_g))
    return (*begun, OrderParcelPacked(parcel_id, weight_g, held, rest_id))


def uncertain(order: Order, parcel_id: str, *, courier: str) -> Facts:
    """The courier did not say whether it took the booking, which may have been cancelled while it was asked."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status not in FROM[OrderShipmentUncertain] or parcel.consignment or parcel.courier == courier:
        return ()
    return (OrderShipmentUncertain(parcel_id, courier),)


def book(order: Order, booked: OrderShipmentBooked) -> Facts:
    """A courier has it. The same consignment again changes nothing; another one for a booked parcel is refused.

    A parcel that was cancelled while the courier was asked notes its consignment too, so that it can be recalled.
    """
    parcel = parcel_of(order, booked.parcel)
    if parcel.courier == booked.courier and parcel.consignment == booked.consignment:
        return ()
    _may(parcel, OrderShipmentBooked)
    return (booked,)


def refuse_booking(order: Order, parcel_id: str, *, courier: str, reason: str, detail: str = "", final: bool) -> Facts:
    """The courier will not take it, for good (`final`) or for now."""
    parcel = parcel_of(order, parcel_id)
    _may(parcel, OrderShipmentFailed)
    if final and courier in parcel.refused_by:
        return ()
    return (OrderShipmentFailed(parcel_id, courier, reason, detail, final),)


def recall(order: Order, parcel_id: str, *, reason: str) -> Facts:
    """The booking was taken back; the goods never left."""
    parcel = parcel_of(order, parcel_id)
    if not parcel.consignment and parcel.status in ("packed", "cancelled"):
        return ()
    _may(parcel, OrderShipmentRecalled)
    return (OrderShipmentRecalled(parcel_id, reason),)


def ship(order: Order, parcel_id: str) -> Facts:
    """The courier has the goods, of a parcel that was cancelled as well."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status not in _HOME and parcel.status != "cancelled":
        return ()
    if parcel.astray:
        return (OrderShipmentStrayed(parcel_id),)
    _may(parcel, OrderShipped)
    return (OrderShipped(parcel_id),)


def hand_over(order: Order, parcel_id: str, *, reference: str, cash: int) -> Facts:
    """The vendor sets out with a packed parcel itself: booked with nobody, and shipped."""
    parcel = parcel_of(order, parcel_id)
    if parcel.courier == SELF and parcel.status not in _HOME:
        return ()
    _living(order)
    if order.holds:
        raise Refused("on_hold", "The order is on hold; nothing of it leaves.", kind="conflict")
    return (*book(order, OrderShipmentBooked(parcel_id, SELF, reference, cash=cash)), OrderShipped(parcel_id))


def out(order: Order, parcel_id: str) -> Facts:
    """A rider has it today."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status == "out_for_delivery":
        return ()
    _may(parcel, OrderOutForDelivery)
    return (*_left(parcel), OrderOutForDelivery(parcel_id))


def fail(order: Order, parcel_id: str, *, reason: str, detail: str = "") -> Facts:
    """A try at the door failed. Each call is one try: who hears twice of the same has to know (scans carry keys)."""
    parcel = parcel_of(order, parcel_id)
    _may(parcel, OrderDeliveryFailed)
    return (*_left(parcel), OrderDeliveryFailed(parcel_id, reason, detail))


def deliver(order: Order, parcel_id: str, *, lines: Mapping[int, int] | None = None, collected: int | None = None) -> Facts:
    """It is at the buyer's, or these units of it are and the others come back. A whole delivery collects its cash where nothing is said."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status in ("delivered", "partially_delivered"):
        return ()
    _may(parcel, OrderDelivered)
    kept = None if lines is None else quantities.asked([parcel], lines)
    if kept is None or not less(outstanding(parcel), kept):
        cash = parcel.cash if collected is None and parcel.cash else collected
        return (*_left(parcel), OrderDelivered(parcel_id, (), cash))
    return (*_left(parcel), OrderDelivered(parcel_id, kept, collected))


def turn_back(order: Order, parcel_id: str, *, reason: str) -> Facts:
    """It comes back without having been delivered."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status in ("returning", "returned", "partially_delivered"):
        return ()
    _may(parcel, OrderReturnStarted)
    return (*_left(parcel), OrderReturnStarted(parcel_id, reason))


def receive(order: Order, parcel_id: str, *, sound: Mapping[int, int] | None = None, damaged: Mapping[int, int] | None = None) -> Facts:
    """What was not delivered is back and was looked at; where nothing is said, all of it and sound. May come in parts."""
    parcel = parcel_of(order, parcel_id)
    left = outstanding(parcel)
    if not left and parcel.status in ("returned", "partially_delivered"):
        return ()
    _may(parcel, OrderReturnReceived)
    whole = sound is None and damaged is None
    good = left if whole else quantities.lines(sound or {})
    bad = quantities.lines(damaged or {})
    quantities.within(left, (*good, *bad))
    if not good and not bad:
        raise Refused("nothing_received", "Say how many units came back.")
    started = (
        () if parcel.status in ("returning", "partially_delivered") else turn_back(order, parcel_id, reason=parcel.reason or "returned")
    )
    return (*started, OrderReturnReceived(parcel_id, good, bad))


def lose(order: Order, parcel_id: str, *, reason: str = "lost") -> Facts:
    """The courier lost or destroyed what it still had of it."""
    parcel = parcel_of(order, parcel_id)
    if parcel.status == "lost":
        return ()
    if not outstanding(parcel):
        raise Refused("nothing_to_lose", "Every unit of it arrived somewhere.", kind="conflict", status=parcel.status)
    _may(parcel, OrderParcelLost)
    return (*_left(parcel), OrderParcelLost(parcel_id, reason))


def intercept(order: Order, parcel_id: str, *, reason: str, lines: tuple[ParcelLine, ...] = ()) -> Facts:
    """Ask for a parcel that a courier is booked for, or has, to be stopped."""
    parcel = parcel_of(order, parcel_id)
    if parcel.intercept:
        return ()
    _may(parcel, OrderInterceptAsked)
    return (OrderInterceptAsked(parcel_id, reason, lines),)


def reschedule(order: Order, parcel_id: str, *, to: datetime, now: datetime, reason: str, within: timedelta | None = None) -> Facts:
    """Another day was agreed with the buyer for a parcel that did not arrive yet.

    `within`: the buyer asks by themselves, for a later day that lies at most so far ahead (or a sooner one than they had asked for), a few
    times for each parcel. Less than a day's difference is none.
    """
    parcel = parcel_of(order, parcel_id)
    if not parcel.coming:
        raise Refused(
            "not_in_this_status", f"A shipment that is {parcel.status} has no day to come.", kind="conflict", status=parcel.status
        )
    if to <= now:
        raise Refused("in_the_past", "That day is over.")
    stands = parcel.promised_at or order.promised_at
    if within is not None:
        if to > now + within:
            raise Refused("too_far", f"A day within {within.days} days can be agreed on.", until=(now + within).isoformat())
        if stands is not None and abs(to - stands) < timedelta(days=1):
            return ()
        if stands is not None and to < stands and not (parcel.agreed and to > now + timedelta(days=1)):
            raise Refused("too_early", "It is promised for a later day; an earlier one cannot be asked for.")
        if parcel.wishes >= WISHES_MAX:
            raise Refused("too_often", "Its day was changed too often; please speak with the shop.", kind="conflict")
    return () if stands == to else (OrderPromised(to, reason, parcel_id, agreed=True),)


def complete(order: Order) -> Facts:
    """Every unit arrived somewhere for good and no money is on its way; nothing where that is not so yet."""
    if order.status not in LIVING or not settled(order.lines) or not money_rests(order):
        return ()
    return (OrderCompleted(),) if all(p.settled or not outstanding(p) for p in order.shipments) else ()


def money_rests(order: Order) -> bool:
    """Whether every obligation is met, nothing is set aside or asked about, and nothing is to go back or on its way back."""
    if any(r.status != "succeeded" for r in order.refunds) or not settling.settled(order):
        return False
    return all(
        tender.captured >= tender.owed and not any(a.set_aside or a.status in OPEN for a in tender.attempts) for tender in order.payments
    )


def _living(order: Order) -> None:
    if order.status not in LIVING:
        raise Refused(
            "not_in_this_status", f"This cannot be done to an order that is {order.status}.", kind="conflict", status=order.status
        )


def _may(parcel: Parcel, fact: type[Fact]) -> None:
    standing = "booked" if parcel.astray and fact in _ROAD else parcel.status
    if standing not in FROM[fact]:
        raise Refused(
            "not_in_this_status",
            f"This cannot be done to a shipment that is {parcel.status}.",
            kind="conflict",
            status=parcel.status,
            allowed=sorted(FROM[fact]),
        )


def _left(parcel: Parcel) -> Facts:
    """That it left the house, where nobody has said so."""
    if parcel.astray:
        return (OrderShipmentStrayed(parcel.id),)
    return (OrderShipped(parcel.id),) if parcel.status == "booked" else ()


def _parcels(order: Order, vendor_order: str, statuses: Iterable[str]) -> list[Parcel]:
    wanted = frozenset(statuses)
    return [p for p in order.shipments if p.vendor_order == vendor_order and p.status in wanted]
