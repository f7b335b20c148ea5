"""A shipment as lists, couriers and people with a label in hand ask for it: one parcel of an order, on one row. Pure.

The truth is the order's own facts; a row is their fold plus what only the courier's side knows: our reference for this booking,
what it said last and when.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from haat.domain.fulfilment.courier import Scan

BOOKINGS_MAX = 12  # so many of one parcel are looked for by an old name


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's facts say of one parcel."""

    parcel: str
    order_id: str
    number: str
    vendor_order: str
    vendor: str
    location: str
    district: str
    upazila: str
    status: str
    courier: str = ""
    consignment: str = ""
    tracking_url: str = ""
    cash: int = 0
    fee: int = 0
    weight_g: int = 0
    tries: int = 0
    reason: str = ""
    promised_at: datetime | None = None


class Shipment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shipment as the API shows it. `cash` is to be collected at the door; amounts are minor units of the order's currency."""

    id: str
    order_id: str
    number: str
    vendor_order: str
    vendor: str
    location: str
    status: str
    district: str = ""
    upazila: str = ""
    carrier_status: str = ""
    courier: str = ""
    reference: str = ""
    bookings: int = 0
    consignment: str = ""
    tracking_url: str = ""
    cash: int = 0
    fee: int = 0
    weight_g: int = 0
    tries: int = 0
    reason: str = ""
    booked_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    promised_at: datetime | None = None
    heard_at: datetime | None = None
    updated_at: datetime


class Begun(msgspec.Struct, frozen=True):
    """A booking that is about to be asked for: written down before the courier hears of it, with the cash that it is told to collect."""

    parcel: str
    courier: str
    reference: str
    cash: int = 0


class Said(msgspec.Struct, frozen=True):
    """A scan and whom it is about, as it is stored. `source`: hook, poll, hand or booking."""

    parcel: str
    order_id: str
    courier: str
    consignment: str
    scan: Scan
    source: str
    actor: str
    wish: str = ""

    @property
    def key(self) -> str:
        """Equal for the same saying said twice of one parcel: by what it says, or by the request (`wish`) that said it."""
        return self.wish or self.scan.key


class Told(msgspec.Struct, frozen=True):
    """A stored scan: which booking it is about, and when we heard it."""

    parcel: str
    consignment: str
    scan: Scan
    source: str
    actor: str
    received_at: datetime


class NodeEvent(msgspec.Struct, frozen=True):
    """What a node did with what it was given, as far as others judge it by that: rejected, short, late or handed_over."""

    location: str
    vendor: str
    order_id: str
    kind: str
    parcel: str = ""
    reason: str = ""
    units: int = 0


def reference(number: str, place: int, booking: int) -> str:
    """Our name for a booking: the order's number, which of its parcels, which try. A–Z, 0–9 and hyphens, unique by its parts."""
    plain = "".join(c if c.isalnum() and c.isascii() else "-" for c in number.upper())
    return f"{plain}-{place}" if booking == 1 else f"{plain}-{place}-{booking}"


def later(name: str) -> list[str]:
    """What bookings after the one of this name may be called: some of these are names of other parcels, so ask `follows`."""
    base, _, tail = name.rpartition("-")
    again = [f"{base}-{n}" for n in range(int(tail) + 1, BOOKINGS_MAX)] if tail.isdecimal() and len(tail) < 3 else []
    return [*[f"{name}-{n}" for n in range(2, BOOKINGS_MAX)], *again]


def follows(shipment: Shipment, name: str) -> bool:
    """Whether this is the name of an earlier booking of the shipment."""
    first = shipment.reference.removesuffix(f"-{shipment.bookings}")
    return shipment.bookings > 1 and name in (first, *[f"{first}-{n}" for n in range(2, shipment.bookings)])


def present(told: Sequence[Told], consignment: str) -> list[Scan]:
    """The scans of the booking that stands; what was said of an earlier one says nothing of this."""
    return [t.scan for t in told if t.consignment == consignment]
