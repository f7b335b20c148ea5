"""The day that a buyer is promised, before the basket is bought: how its vendors work, and who would carry it there.

    vendors of the basket ─► a leg each (hours, closures, cut-off, handling) + days on the way of the courier that would be chosen
                          ─► fulfilment.promise ─► the evening of a day

Nothing is stored and nobody is asked: vendors and couriers' past are in memory. What is late by supply begins when it arrives.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain import fulfilment, orders, vendors
from haat.flows.fulfilling.carriers import Carriers

promise = fulfilment.promise
ANY_DAY = frozenset(range(7))


def promised(
    carriers: Carriers,
    sellers: Sequence[vendors.Vendor],
    place: orders.Place,
    *,
    area: str = "",
    cash: int = 0,
    weight_g: int = 500,
    ready_at: Mapping[str, datetime],
    now: datetime,
) -> fulfilment.promise.Promise | None:
    """When everything of these vendors is there; None where one of them cannot be promised. `ready_at`: late supply, by vendor."""
    legs = []
    for vendor in sellers:
        need = fulfilment.choosing.Need(
            zone=place.zone,
            district=place.district,
            upazila=place.upazila,
            area=area,
            country=place.country,
            weight_g=weight_g,
            cash=cash,
            vendor=vendor.code,
        )
        days = promise.TRANSIT_DAYS.get((vendor.zone, place.zone)) if vendor.handling.self_ship else carriers.transit(need).late
        legs.append(leg(vendor, place.zone, days=days, ready_at=ready_at.get(vendor.code)))
    return promise.promise(now, legs)


def leg(vendor: vendors.Vendor, zone: str, *, days: int | None, ready_at: datetime | None = None) -> fulfilment.promise.Leg:
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
        ready_at=ready_at,
        transit_days=days,
    )
