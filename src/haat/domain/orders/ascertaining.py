"""What a person found out about a booking or a refund of which nobody says anything: it is there under this name, or surely is not. Pure.

    booked   OrderShipmentBooked, as if the courier had said so
    absent   OrderShipmentFailed, not for good: a courier is chosen anew and asked under a new name of ours
             OrderShipmentRecalled of one that its courier called cancelled without saying whether it ever had it: another one is asked
    of a parcel that was cancelled meanwhile: what the courier has is recalled, what it has not is off its books
    named    OrderRefundUncertain, by the gateway's name for it, by which it is asked from then on
    unsent   OrderRefundNotFound: the money is sent back again

Only what nobody knows is decided so. Told again they change nothing; what is known otherwise by then is refused.
"""

from datetime import datetime

from haat.domain.orders import fulfilling, stopping
from haat.domain.orders.events import (
    OrderRefundNotFound,
    OrderRefundUncertain,
    OrderShipmentBooked,
    OrderShipmentFailed,
    OrderShipmentRecalled,
)
from haat.domain.orders.goods import Parcel
from haat.domain.orders.order import Order, after
from haat.domain.orders.tenders import Refund
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

#: Why a booking did not come about, in the words of OrderShipmentFailed.
NOT_BOOKED = "not_booked"
#: A courier took a booking off its books; and the doubt about one that does not say whether it has the goods.
CANCELLED, CANCELLED_UNCLEAR = "courier_cancelled", "courier_cancelled_unclear"


def booked(order: Order, found: OrderShipmentBooked) -> tuple[Fact, ...]:
    """The courier has it under this name. Refused where it is known under another one, or nothing is unknown of it."""
    parcel = fulfilling.parcel_of(order, found.parcel)
    if (parcel.courier, parcel.consignment) == (found.courier, found.consignment):
        return ()
    _unknown(parcel)
    return fulfilling.book(order, found)


def absent(order: Order, parcel_id: str, *, courier: str, detail: str, now: datetime) -> tuple[Fact, ...]:
    """The courier surely does not have it. What was asked back of it meanwhile is cut: it is at home."""
    parcel = fulfilling.parcel_of(order, parcel_id)
    if (parcel.status, parcel.reason) in (("packed", NOT_BOOKED), ("packed", CANCELLED)) or (parcel.status, parcel.courier) == (
        "cancelled",
        "",
    ):
        return ()
    if parcel.status == "booked" and CANCELLED_UNCLEAR in parcel.doubts:
        return home(order, parcel, reason=parcel.intercept or CANCELLED, now=now, shun=not parcel.intercept)
    _unknown(parcel)
    if parcel.status == "cancelled":
        return (OrderShipmentRecalled(parcel_id, NOT_BOOKED),)
    failed = OrderShipmentFailed(parcel_id, courier, NOT_BOOKED, detail)
    if not parcel.intercept:
        return (failed,)
    then = after(order, [failed], at=now)
    return (failed, *stopping.recalled(then, parcel, reason=parcel.intercept))


def home(order: Order, parcel: Parcel, *, reason: str, now: datetime, shun: bool = False) -> tuple[Fact, ...]:
    """A booking that is taken back: the cut that waited for it, or (`shun`) that this courier is not asked again."""
    facts = fulfilling.recall(order, parcel.id, reason=reason)
    then = after(order, facts, at=now)
    if parcel.intercept and parcel.status in ("booked", "uncertain"):
        return (*facts, *stopping.recalled(then, parcel, reason=parcel.intercept))
    if shun and facts and fulfilling.parcel_of(then, parcel.id).status == "packed":
        return (*facts, *fulfilling.refuse_booking(then, parcel.id, courier=parcel.courier, reason=reason, final=True))
    return facts


def named(order: Order, refund_id: str, reference: str) -> tuple[Fact, ...]:
    """The gateway has the refund under this name."""
    refund = refund_of(order, refund_id)
    if refund.reference == reference:
        return ()
    _unsettled(refund)
    return (OrderRefundUncertain(refund_id, reference),)


def unsent(order: Order, refund_id: str, *, detail: str) -> tuple[Fact, ...]:
    """The gateway surely never got it. Nothing where it is being sent already; refused where the gateway has named it."""
    refund = refund_of(order, refund_id)
    if refund.status == "requested":
        return ()
    _unsettled(refund)
    if refund.reference:
        raise Refused("refund_known", "The gateway has this refund.", kind="conflict", status=refund.status, reference=refund.reference)
    return (OrderRefundNotFound(refund_id, detail),)


def refund_of(order: Order, refund_id: str) -> Refund:
    """The refund of that id; refused as missing where the order has none."""
    for refund in order.refunds:
        if refund.id == refund_id:
            return refund
    raise Refused("unknown_refund", "The order has no such refund.", kind="missing")


def _unsettled(refund: Refund) -> None:
    if refund.status not in ("requested", "uncertain"):
        raise Refused("refund_known", "It is known what became of this refund.", kind="conflict", status=refund.status)


def _unknown(parcel: Parcel) -> None:
    asked = parcel.status == "uncertain" or (parcel.status == "cancelled" and bool(parcel.courier))
    if not asked or parcel.consignment:
        raise Refused(
            "booking_known", "Nothing is unknown about a booking of this shipment.", kind="conflict", status=parcel.status,
            courier=parcel.courier, consignment=parcel.consignment,
        )  # fmt: skip
