"""Who may see and do what with an order. One place, with a negative test per endpoint.

admin     everything, and alone the facts as they were recorded (events, stream, feed)
channel   the orders of its own channel, without what the marketplace keeps for itself
customer  their own orders, likewise, and without how the marketplace and its vendors deal with each other
guest     the one order their link names, likewise
vendor    its own vendor orders only (vendor_orders.py): never another's lines, never the whole order

Everybody but an admin reads the story of an order in the sentences that are for them (orders.timeline): that is the one place that
says who may know of which fact. What is left out here of the state is what those sentences keep silent about.
"""

from typing import Any

import msgspec

from haat.domain import orders
from haat.kernel.errors import Refused

ALL = frozenset({"admin", "channel", "customer", "guest"})
STAFF = frozenset({"admin"})
SELLERS = frozenset({"admin", "vendor"})
BUYERS = frozenset({"admin", "channel", "customer"})
READERS = SELLERS | BUYERS
OPERATORS = SELLERS | frozenset({"channel"})
#: What the marketplace keeps for itself: how an order was screened, planned and worked on, from which device it came, what it used up.
KEPT: dict[str, Any] = {
    "claims": (), "exceptions": (), "screening": "", "plan": "", "paused": False, "flows": {}, "client": msgspec.UNSET,
    "wishes": msgspec.UNSET,
}  # fmt: skip
FRAUD = "FRAUD_REVIEW"


def may_see(principal: Any, order: orders.Order) -> bool:
    """Whether this order exists as far as `principal` is concerned."""
    match principal.role:
        case "admin":
            return True
        case "channel":
            return bool(order.channel == principal.subject)
        case "customer":
            return bool(order.customer.id == principal.subject)
        case "guest":
            return bool(order.id == principal.subject)
        case _:
            return False


def seen_by(principal: Any, order: orders.Order) -> orders.Order:
    """The order as `principal` may see it; refused as missing where they may not: existence is nobody's business either."""
    if not may_see(principal, order):
        raise unknown()
    return shown_to(principal.role, order)


def shown_to(role: str, order: orders.Order) -> orders.Order:
    """The order as somebody of this role reads it who may see it."""
    if role == "admin":
        return order
    return _to_channel(order) if role == "channel" else _to_buyer(order)


def parcel_to_vendor(parcel: orders.Parcel) -> orders.Parcel:
    """A parcel without what the marketplace and its couriers have between them: price, refusals, doubts."""
    if not (parcel.fee or parcel.refused_by or parcel.doubts or parcel.declines or parcel.given_back):
        return parcel
    return msgspec.structs.replace(parcel, fee=0, refused_by=(), doubts=(), declines=0, given_back=())


def _to_channel(order: orders.Order) -> orders.Order:
    """The shop that sold it works with its holds; only what staff wrote and what was suspected stays inside."""
    replace = msgspec.structs.replace
    changed: dict[str, Any] = {}
    if any(getattr(order, name) for name in KEPT):
        changed |= KEPT
    if order.notes:
        changed["notes"] = tuple([replace(n, by="") for n in order.notes if n.audience == "customer"])
    if order.holds:
        changed["holds"] = tuple([_hushed(h) if h.kind == FRAUD else h for h in order.holds])
    if order.shipments:
        changed["shipments"] = tuple([_sent(p) for p in order.shipments])
    if any(part.refusals for part in order.vendor_orders):
        changed["vendor_orders"] = tuple([replace(part, refusals=()) for part in order.vendor_orders])
    if order.payments:
        changed["payments"] = _payments(order)
    if order.refunds:
        changed["refunds"] = tuple([replace(r, reason=_reason(r.reason), detail="", sent_as="", refused_as=()) for r in order.refunds])
    return replace(order, **changed) if changed else order


def _to_buyer(order: orders.Order) -> orders.Order:
    replace = msgspec.structs.replace
    return replace(
        _to_channel(order), basket=0, holds=tuple([_hushed(h) for h in order.holds]),
        lines=tuple([replace(line, vendor_funded=0) if line.vendor_funded else line for line in order.lines]),
        vendor_orders=tuple([replace(part, answer="", offered_until=None, rejections=0, refusals=()) for part in order.vendor_orders]),
    )  # fmt: skip


def _hushed(hold: orders.Hold) -> orders.Hold:
    return orders.Hold(hold.id, "REVIEW", "under_review", since=hold.since)


def _payments(order: orders.Order) -> tuple[orders.Tender, ...]:
    """The tries to pay in the words that buyers are told: a bank's suspicion and our own faults are none of them."""
    replace = msgspec.structs.replace

    def said(a: orders.Attempt) -> orders.Attempt:
        return replace(a, reason=orders.HUSHED.get(a.reason, a.reason), soft=False, strange=None, disputes=())

    return tuple([replace(t, attempts=tuple([said(a) for a in t.attempts])) for t in order.payments])


def _sent(parcel: orders.Parcel) -> orders.Parcel:
    """A parcel without where the goods lay, and why only where that is a word for everybody."""
    return msgspec.structs.replace(
        parcel_to_vendor(parcel), location="", reason=_reason(parcel.reason), intercept=_reason(parcel.intercept, "cancelled")
    )


def _reason(said: str, instead: str = "") -> str:
    """A reason as it stands where buyers are told it; what somebody typed is for staff."""
    return said if said in orders.TOLD or not said else instead


def unknown() -> Refused:
    return Refused("unknown_order", "There is no such order.", kind="missing")
