"""Delivered by oneself: the vendor's or the marketplace's own riders, or any courier that is spoken with by telephone.

Nothing is asked and nothing is heard: booking gives our own reference back, and scans are written by hand (POST /v1/shipments/{id}/scans),
also that a parcel stayed at home (`cancelled`). That it shall turn round, or need not be fetched, a person tells the rider.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.fulfilment import courier
from haat.domain.fulfilment.courier import Booked, Capabilities, Consignment, Courier, Declined, Known, NotThere, Recalled
from haat.kernel.outside import Connection, Conversation


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`fee`: what one delivery costs, minor units. `tracking_url`: a page of one's own, with {consignment} in it."""

    fee: Annotated[int, Meta(ge=0, le=10**12)] = 0
    cash: bool = True
    tracking_url: Annotated[str, Meta(max_length=200)] = ""


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """None."""


def book(connection: Connection, it: Consignment, now: datetime) -> Conversation[Booked | Declined]:
    """Booked at once, under our own reference; to the paisa, as nobody else counts the cash."""
    del now
    yield from courier.silent()
    if it.cash and not connection.config.cash:
        return Declined("cash_not_allowed", "These riders take no cash.")
    return _booked(connection, it.reference)


def look_up(connection: Connection, reference: str, now: datetime) -> Conversation[Booked | NotThere]:
    """What was to be booked is booked: there is no answer that could have been lost."""
    del now
    yield from courier.silent()
    return _booked(connection, reference)


def _booked(connection: Connection, reference: str) -> Booked:
    return Booked(reference, connection.config.tracking_url.replace("{consignment}", reference), connection.config.fee)


def cancel(connection: Connection, known: Known, reason: str) -> Conversation[Recalled | Declined]:
    """Nobody but a person can tell a rider: so one is asked to, and scans tell the rest."""
    del connection, reason
    yield from courier.silent()
    return Declined("tell_the_rider", f"Tell whoever has {known.reference or known.consignment}, then report what became of it.")


def price(connection: Connection, it: Consignment) -> Conversation[courier.Price | Declined]:
    """The one fee."""
    del it
    yield from courier.silent()
    return courier.Price(connection.config.fee)


COURIER = Courier(
    code="own", title="Own delivery", title_bn="নিজস্ব ডেলিভারি", config=Config, secrets=Secrets,
    capabilities=Capabilities(lookup="reference", hooks=False, needs_phone=False, currencies=frozenset(), countries=frozenset()),
    book=book, look_up=look_up, cancel=cancel, price=price, verify=courier.no_hooks, heard=courier.nothing_heard,
)  # fmt: skip
