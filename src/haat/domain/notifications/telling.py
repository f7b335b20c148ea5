"""Which fact tells whom, of what, and on which channels: one table, and the words that it is made of. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Role = Literal["customer", "vendor", "admin"]
Channel = Literal["email", "sms", "webhook"]
Language = Literal["en", "bn"]
Group = Literal["order", "payment", "delivery", "desk"]
ROLES: tuple[Role, ...] = ("customer", "vendor", "admin")
CHANNELS: tuple[Channel, ...] = ("email", "sms", "webhook")
LANGUAGES: tuple[Language, ...] = ("en", "bn")
#: Channels whose messages are written words; a webhook carries the data itself.
WRITTEN: frozenset[Channel] = frozenset({"email", "sms"})

#: Everything that is told, and the group under which a person may decline it.
EVENTS: Mapping[str, Group] = {
    "placed": "order",
    "payment_requested": "payment",
    "paid": "payment",
    "payment_failed": "payment",
    "confirmed": "order",
    "vendor_offered": "order",
    "vendor_reminded": "order",
    "vendor_accepted": "order",
    "backordered": "order",
    "promise_changed": "delivery",
    "shipped": "delivery",
    "out_for_delivery": "delivery",
    "delivered": "delivery",
    "delivery_failed": "delivery",
    "returned": "delivery",
    "partly_cancelled": "order",
    "cancelled": "order",
    "refunded": "payment",
    "held_for_review": "desk",
    "exception_raised": "desk",
    "exception_escalated": "desk",
}
#: Worth waking somebody for: the message is of no use in the morning.
URGENT = frozenset(
    {"payment_requested", "payment_failed", "out_for_delivery", "delivery_failed", "exception_raised", "exception_escalated"}
)


class Telling(Struct, frozen=True):
    """A fact tells `role` of `event`. `one`: on the first of the channels by which the person can be reached, else on each."""

    event: str
    role: Role
    channels: tuple[Channel, ...]
    one: bool = False


#: What a connection of webhooks names to hear of every event.
EVERYTHING = "*"

#: Type of fact → what it tells, always one event. Whether the telling applies to this very fact (a hold of what kind?) is for the flow
#: to say. `webhook`: what a webhook hears that asks for nothing else (`heard`).
TOLD: Mapping[str, tuple[Telling, ...]] = {
    "OrderCreated": (Telling("placed", "customer", ("email", "sms")),),
    "OrderPaymentRequested": (Telling("payment_requested", "customer", ("email", "sms")),),
    "OrderPaymentProcessed": (Telling("paid", "customer", ("email", "sms"), one=True),),
    "OrderPaymentFailed": (Telling("payment_failed", "customer", ("email", "sms")),),
    "OrderConfirmed": (Telling("confirmed", "customer", ("email", "sms"), one=True),),
    "VendorOrderOffered": (Telling("vendor_offered", "vendor", ("email", "sms")),),
    "VendorOrderReminded": (Telling("vendor_reminded", "vendor", ("email", "sms")),),
    "VendorOrderAccepted": (Telling("vendor_accepted", "vendor", ("email",)),),
    "OrderStockReserved": (Telling("backordered", "customer", ("email", "sms"), one=True),),
    "OrderAllocationFailed": (
        Telling("backordered", "customer", ("email", "sms"), one=True),
        Telling("backordered", "admin", ("email", "webhook")),
    ),
    "OrderPromised": (Telling("promise_changed", "customer", ("email", "sms"), one=True),),
    "OrderShipped": (Telling("shipped", "customer", ("email", "sms")),),
    "OrderOutForDelivery": (Telling("out_for_delivery", "customer", ("sms", "email"), one=True),),
    "OrderDelivered": (Telling("delivered", "customer", ("email", "sms"), one=True), Telling("delivered", "vendor", ("email",))),
    "OrderDeliveryFailed": (Telling("delivery_failed", "customer", ("sms", "email")),),
    "OrderReturnReceived": (Telling("returned", "customer", ("email", "sms"), one=True), Telling("returned", "vendor", ("email",))),
    "OrderLinesCancelled": (
        Telling("partly_cancelled", "customer", ("email", "sms"), one=True),
        Telling("partly_cancelled", "vendor", ("email",)),
    ),
    "OrderCancelled": (Telling("cancelled", "customer", ("email", "sms")), Telling("cancelled", "vendor", ("email", "sms"), one=True)),
    "OrderRejected": (Telling("cancelled", "customer", ("email", "sms")), Telling("cancelled", "vendor", ("email", "sms"), one=True)),
    "OrderExpired": (Telling("cancelled", "customer", ("email", "sms"), one=True),),
    "OrderRefunded": (Telling("refunded", "customer", ("email", "sms")),),
    "OrderHeld": (Telling("held_for_review", "admin", ("email", "webhook")),),
    "OrderExceptionRaised": (Telling("exception_raised", "admin", ("email", "webhook")),),
    "OrderExceptionEscalated": (Telling("exception_escalated", "admin", ("email", "webhook")),),
}


def heard(tellings: Sequence[Telling], role: Role, wanted: Collection[str] | None) -> bool:
    """Whether a webhook of `role` hears of a fact that tells this. `wanted`: the events that it asks for.

    The desk's hears of any event that it asks for, and of the desk's own where it asks for none; a vendor's of what vendors are told.
    """
    if wanted is not None and EVERYTHING not in wanted and tellings[0].event not in wanted:
        return False
    if role == "vendor":
        return any(each.role == "vendor" for each in tellings)
    return wanted is not None or any("webhook" in each.channels for each in tellings)


def written() -> list[tuple[str, Role, Channel]]:
    """Every (event, role, channel) that needs a text in each language."""
    found = {
        (telling.event, telling.role, channel)
        for tellings in TOLD.values()
        for telling in tellings
        for channel in telling.channels
        if channel in WRITTEN
    }
    return sorted(found)
