"""The day that a buyer is promised: before the basket is bought, and anew where something was decided that may put it off.

    vendors of the basket ─► a leg each (hours, closures, cut-off, handling) + days on the way of the courier that would be chosen
                          ─► fulfilment.promise ─► the evening of a day
    a plan ─► the same legs from its places ─┐
    late goods with a date ─► from that day ─┼─► OrderPromised, where that is a day later than what the buyer knows
    a booking ─► that courier's days there  ─┘

Nothing is stored and nobody is asked: vendors and couriers' past are in memory. What is late by supply begins when it arrives.
An earlier day is not told: what was promised is kept all the same, and a plan that changes twice in a day cannot take a day back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain import fulfilment, orders, vendors
from haat.flows.fulfilling.carriers import Carriers

promise = fulfilment.promise
ANY_DAY = frozenset(range(7))


def promised(
    carriers: Carriers,
    known: Mapping[str, vendors.Vendor],
    starts: Sequence[fulfilment.promise.Start],
    place: orders.Place,
    *,
    area: str = "",
    cash: int = 0,
    weight_g: int = 500,
    now: datetime,
) -> fulfilment.promise.Promise | None:
    """When everything that sets out there has come; None where one of them cannot be promised. `known`: vendors by code."""
    legs = []
    for start in starts:
        vendor = known.get(start.vendor)
        if vendor is None:
            return None
        need = fulfilment.choosing.Need(
            zone=place.zone,
            district=place.district,
            upazila=place.upazila,
            area=area,
            country=place.country,
            weight_g=weight_g,
            cash=cash,
            vendor=vendor.code,
            location=start.location,
        )
        days = promise.transit_days(vendor.zone, place.zone) if vendor.handling.self_ship else carriers.transit(need).late
        legs.append(leg(vendor, place.zone, start, days=days + _farther(vendor, start, place)))
    return promise.promise(now, legs)


def leg(vendor: vendors.Vendor, zone: str, start: fulfilment.promise.Start, *, days: int) -> fulfilment.promise.Leg:
    """How a vendor works, as a promise asks for it. A vendor on holiday works on no day."""
    open_days = {hours.weekday for hours in vendor.hours} if vendor.hours else ANY_DAY
    return promise.Leg(
        origin=vendor.zone,
        destination=zone,
        handling_h=vendor.handling.handling_hours,
        cutoff=vendor.handling.cutoff,
        timezone=vendor.timezone,
        closed=tuple((closure.first, closure.last) for closure in vendor.closures),
        weekly=ANY_DAY if vendor.holiday else frozenset(ANY_DAY - open_days),
        ready_at=start.ready_at,
        transit_days=days,
        sent_from=start.sent_from,
    )


def brought(vendor: vendors.Vendor, place: orders.Place, *, days: int, now: datetime) -> datetime | None:
    """When a packed parcel of this vendor is there, with a courier that takes so many days; None where that cannot be said."""
    packed = msgspec.structs.replace(leg(vendor, place.zone, promise.Start(vendor.code), days=days), handling_h=0, cutoff=None)
    found = promise.promise(now, [packed])
    return None if found is None else found.promised_at


def put_off(was: datetime | None, day: datetime | None) -> bool:
    """Whether a buyer who was told `was` has to hear of `day`: it is a later day of the market's calendar."""
    market = fulfilment.sourcing.MARKET_TIME
    return was is not None and day is not None and day.astimezone(market).date() > was.astimezone(market).date()


def _farther(vendor: vendors.Vendor, start: fulfilment.promise.Start, place: orders.Place) -> int:
    """By how many days the way is longer from where it sets out than from the vendor's own zone."""
    if not start.zone or not vendor.zone or start.zone == vendor.zone:
        return 0
    return max(promise.transit_days(start.zone, place.zone) - promise.transit_days(vendor.zone, place.zone), 0)
