"""Facts of goods: the plan, the vendors' answers, the parcels and what couriers say of them.

A `parcel` is what one node sends of one vendor order: planned, prepared, packed, booked, shipped, delivered or returned.
"""

from datetime import datetime

import msgspec

from haat.kernel.facts import Asked, Fact


class ParcelLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    line_no: int
    quantity: int


class PlannedParcel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one location is to send of one vendor order."""

    parcel: str
    vendor_order: str
    location: str
    lines: tuple[ParcelLine, ...]


class OrderInventoryAllocated(Fact, frozen=True):
    """There is a plan: who sends what from where. The units of its parcels are allocated; `plan` has the alternatives considered.

    Parcels of a later plan (after a rejection, or when late goods arrived) stand beside those that live.
    """

    plan: str
    parcels: tuple[PlannedParcel, ...]
    strategy: str = ""
    cost: int = 0
    promised_at: datetime | None = None


class OrderAllocationFailed(Fact, frozen=True):
    """No place can send these now; they wait (backordered) or somebody decides."""

    lines: tuple[ParcelLine, ...]
    reason: str


class OrderBackorderArrived(Fact, frozen=True):
    """Units that were promised from supply to come are on hand now and reserved."""

    lines: tuple[ParcelLine, ...]
    location: str = ""


class VendorOrderOffered(Fact, frozen=True):
    """The vendor is asked to take its part, until then."""

    vendor_order: str
    until: datetime | None = None


class VendorOrderReminded(Fact, frozen=True):
    """The vendor has not answered yet and is reminded to, before its time is over at `until`."""

    vendor_order: str
    until: datetime | None = None


class VendorOrderAccepted(Fact, frozen=True):
    vendor_order: str


class VendorOrderRejected(Asked, frozen=True):
    """The vendor (or the node `location`) will not send it. Its parcels at home are undone; `attempt` counts rejections.

    `lines` where it is these units only: they leave their parcels, and the vendor keeps the rest. `parcels` where it is these only.
    """

    vendor_order: str
    reason: str
    detail: str = ""
    location: str = ""
    attempt: int = 1
    lines: tuple[ParcelLine, ...] = ()
    parcels: tuple[str, ...] = ()


class OrderFulfillmentStarted(Fact, frozen=True):
    """A parcel is being picked."""

    parcel: str


class OrderParcelPacked(Asked, frozen=True):
    """It is packed and weighed. `lines` where it holds less than was planned: the rest becomes the parcel `rest`."""

    parcel: str
    weight_g: int = 0
    lines: tuple[ParcelLine, ...] = ()
    rest: str = ""


class OrderShipmentUncertain(Fact, frozen=True):
    """The courier did not say whether it took the booking; it is looked up by our reference (the parcel) before anything else."""

    parcel: str
    courier: str


class OrderShipmentBooked(Asked, frozen=True):
    """A courier has it on its books as `consignment`. `cash` is to be collected at the door, `fee` is what the courier takes.

    `instead_of`: the courier that would have been asked, had it answered.
    """

    parcel: str
    courier: str
    consignment: str
    tracking_url: str = ""
    cash: int = 0
    fee: int = 0
    instead_of: str = ""


class OrderShipmentFailed(Fact, frozen=True):
    """The courier will not take it; `final` where no other try with it is worth it."""

    parcel: str
    courier: str
    reason: str
    detail: str = ""
    final: bool = False


class OrderShipmentRecalled(Asked, frozen=True):
    """The booking was taken back before the courier had the goods."""

    parcel: str
    reason: str = ""


class OrderShipmentStrayed(Asked, frozen=True):
    """The courier has the goods of a parcel that was cancelled. Its units stay cancelled, whatever becomes of them from here."""

    parcel: str


class OrderShipped(Asked, frozen=True):
    """The courier has the goods."""

    parcel: str


class OrderOutForDelivery(Asked, frozen=True):
    """A rider has it today."""

    parcel: str


class OrderDeliveryFailed(Asked, frozen=True):
    """A try at the door failed. `reason` is of the one vocabulary (customer_refused, customer_unreachable, …)."""

    parcel: str
    reason: str
    detail: str = ""


class OrderDelivered(Asked, frozen=True):
    """It is at the buyer's. `lines` where the buyer kept less than was sent; `collected` is the cash taken at the door."""

    parcel: str
    lines: tuple[ParcelLine, ...] = ()
    collected: int | None = None


class OrderReturnStarted(Asked, frozen=True):
    """It is on its way back without having been delivered (return to origin): `lines` where only a part is."""

    parcel: str
    reason: str


class OrderReturnReceived(Asked, frozen=True):
    """What was not delivered is back. `sound` units return to stock, the rest is written off."""

    parcel: str
    sound: tuple[ParcelLine, ...] = ()
    damaged: tuple[ParcelLine, ...] = ()


class OrderParcelLost(Asked, frozen=True):
    """The courier lost or destroyed it."""

    parcel: str
    reason: str = "lost"


class OrderCashTaken(Asked, frozen=True):
    """Cash was taken at the door beside the price of the goods: for bringing the parcel back, or for what is back or lost here.

    That is what it costs: `amount` is owed and paid.
    """

    parcel: str
    amount: int


class OrderShipmentDoubted(Fact, frozen=True):
    """What the courier says of it does not fit what we know, and guessing would be wrong: somebody looks. Once for each `cause`."""

    parcel: str
    cause: str
    detail: str = ""


class OrderInterceptAsked(Asked, frozen=True):
    """The buyer cancelled what is under way: the courier is asked to turn it round; `lines` are what was asked for."""

    parcel: str
    reason: str
    lines: tuple[ParcelLine, ...] = ()
