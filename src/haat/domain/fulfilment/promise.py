"""The day by which goods will be there: known before the basket is bought, kept afterwards. Pure.

    now ─ cut-off ─► the node works (hours, closed days) ─► hand-over ─► transit by zones (working days) ─► evening of that day

Every parcel has a promise of its own, and the order is promised for the last of them. What the law allows at the most stands
beside it: 5 days within one city, 10 elsewhere, for what was paid in full (Digital Commerce Operation Guidelines 2021, §3.3.2).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

EVENING = time(21, 0)  # riders of all couriers we know are home by then
FRIDAY = 4
LEGAL_DAYS = (5, 10)  # same city, elsewhere
_HORIZON = 400  # days: a node that is closed for longer promises nothing

#: Working days on the way, by zone of the node and zone of the buyer; None stands for any other pair (habit, not law).
TRANSIT_DAYS: dict[tuple[str, str] | None, int] = {
    ("dhaka", "dhaka"): 1,
    ("dhaka", "dhaka_suburb"): 2,
    ("dhaka_suburb", "dhaka"): 2,
    ("dhaka_suburb", "dhaka_suburb"): 2,
    None: 3,
}


class Leg(msgspec.Struct, frozen=True):
    """One parcel to promise: how its node works, and how far it is from there to the buyer.

    `handling_h` hours of the clock from acceptance to hand-over; `cutoff` the minute of the node's day behind which work begins
    the next day; `closed` the days (first, last) on which it does not work; `weekly` its closed weekdays (0 is Monday).
    Nothing leaves before `sent_from`.
    """

    origin: str = ""
    destination: str = ""
    handling_h: int = 24
    cutoff: int | None = None
    timezone: str = "Asia/Dhaka"
    closed: tuple[tuple[date, date], ...] = ()
    weekly: frozenset[int] = frozenset()
    ready_at: datetime | None = None  # goods that are yet to arrive
    transit_days: int | None = None  # where the courier's own figure is known
    sent_from: date | None = None


class Start(msgspec.Struct, frozen=True):
    """Goods of a vendor that are to set out: from a location and its zone (none: the vendor's own), not before `sent_from`.

    `ready_at`: they are yet to arrive there.
    """

    vendor: str
    location: str = ""
    zone: str = ""
    sent_from: date | None = None
    ready_at: datetime | None = None


class Promise(msgspec.Struct, frozen=True):
    """`hand_over_at` is when the last parcel leaves, `promised_at` the evening on which the last one is there."""

    hand_over_at: datetime
    promised_at: datetime


def promise(now: datetime, legs: Sequence[Leg], *, idle: Iterable[date] = (), idle_weekdays: Iterable[int] = (FRIDAY,)) -> Promise | None:
    """The promise for all legs together; None where one of them cannot be promised. Couriers rest on idle days."""
    rest, weekdays = frozenset(idle), frozenset(idle_weekdays)
    kept = [_leg(now, leg, rest, weekdays) for leg in legs]
    if not kept or any(each is None for each in kept):
        return None
    found = [each for each in kept if each is not None]
    return Promise(max(p.hand_over_at for p in found), max(p.promised_at for p in found))


def transit_days(origin: str, destination: str) -> int:
    """Working days on the way between two zones, by habit."""
    return TRANSIT_DAYS.get((origin, destination), TRANSIT_DAYS[None])


def legal_deadline(paid_at: datetime, *, same_city: bool) -> datetime:
    """Until when an order that was paid in full must be delivered by law."""
    return paid_at + timedelta(days=LEGAL_DAYS[0] if same_city else LEGAL_DAYS[1])


def _leg(now: datetime, leg: Leg, idle: frozenset[date], weekdays: frozenset[int]) -> Promise | None:
    zone = ZoneInfo(leg.timezone)
    start = (max(now, leg.ready_at) if leg.ready_at is not None else now).astimezone(zone)
    if leg.cutoff is not None and start.hour * 60 + start.minute >= leg.cutoff:
        start = _morning(start.date() + timedelta(days=1), zone)
    handed = _worked(start, leg, zone)
    if handed is None:
        return None
    leaves = _working(max(handed.date(), leg.sent_from or handed.date()), 0, idle, weekdays)
    days = leg.transit_days if leg.transit_days is not None else transit_days(leg.origin, leg.destination)
    arrives = None if leaves is None else _working(leaves, days, idle, weekdays)
    if leaves is None or arrives is None:
        return None
    left = handed if leaves == handed.date() else _morning(leaves, zone)
    return Promise(left.astimezone(UTC), datetime.combine(arrives, EVENING, zone).astimezone(UTC))


def _worked(start: datetime, leg: Leg, zone: ZoneInfo) -> datetime | None:
    """When `handling_h` hours of open days are over. O(days)."""
    left = timedelta(hours=leg.handling_h)
    at = start
    for _ in range(_HORIZON):
        midnight = _morning(at.date() + timedelta(days=1), zone)
        if not _shut(at.date(), leg):
            if left <= midnight - at:
                return at + left
            left -= midnight - at
        at = midnight
    return None


def _shut(day: date, leg: Leg) -> bool:
    return day.weekday() in leg.weekly or any(first <= day <= last for first, last in leg.closed)


def _working(day: date, count: int, idle: frozenset[date], weekdays: frozenset[int]) -> date | None:
    """The first working day from `day` on, and `count` working days further."""
    for ahead in range(_HORIZON):
        at = day + timedelta(days=ahead)
        if at in idle or at.weekday() in weekdays:
            continue
        if count == 0:
            return at
        count -= 1
    return None


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)
