"""A vendor: its life on the marketplace, its hours, and what the law makes us know about it.

    INVITED ─ ONBOARDING ─ IN_REVIEW ─┬─ APPROVED ⇄ ON_LEAVE | RESTRICTED | SUSPENDED
                  ▲            │      └─ REJECTED ─ ONBOARDING (asks again)
                  └────────────┘  all but REJECTED may end TERMINATED, which is final

Restricted vendors fulfil what they have and take nothing new; suspended ones do neither until somebody decides.
Hours are the vendor's own, in its own time zone; a vendor without hours never closes.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from haat.kernel.errors import Refused

VendorStatus = Literal["invited", "onboarding", "in_review", "approved", "on_leave", "restricted", "suspended", "rejected", "terminated"]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Name = Annotated[str, Meta(max_length=300)]
Short = Annotated[str, Meta(max_length=100)]
Minute = Annotated[int, Meta(ge=0, le=1_440)]

TRANSITIONS: dict[VendorStatus, frozenset[VendorStatus]] = {
    "invited":    frozenset({"onboarding", "terminated"}),
    "onboarding": frozenset({"in_review", "terminated"}),
    "in_review":  frozenset({"approved", "rejected", "onboarding", "terminated"}),
    "approved":   frozenset({"on_leave", "restricted", "suspended", "terminated"}),
    "on_leave":   frozenset({"approved", "restricted", "suspended", "terminated"}),
    "restricted": frozenset({"approved", "suspended", "terminated"}),
    "suspended":  frozenset({"approved", "restricted", "terminated"}),
    "rejected":   frozenset({"onboarding"}),
    "terminated": frozenset(),
}  # fmt: skip


class Hours(Struct, frozen=True, array_like=True, gc=False):
    """Open on `weekday` (0 is Monday) from one minute of the day to another. `closes` ≤ `opens` reaches into the next day."""

    weekday: Annotated[int, Meta(ge=0, le=6)]
    opens: Minute
    closes: Minute


class Closure(Struct, frozen=True, array_like=True, gc=False):
    """Closed from the first day to the last, both included: Eid, stock-taking."""

    first: date
    last: date


class Handling(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """How the vendor works through its orders. Hours are hours of the clock; `cutoff` is a minute of its own day.

    `auto_accept`: takes every order that is offered to it at once. `auto_pack`: says nothing of packing, so it counts as done when it
    has begun. `self_ship`: brings the parcels itself, no courier is booked. What comes before `cutoff` is sent the same day.
    """

    auto_accept: bool = False
    auto_pack: bool = False
    self_ship: bool = False
    acceptance_hours: Annotated[int, Meta(ge=1, le=168)] = 24
    handling_hours: Annotated[int, Meta(ge=1, le=720)] = 48  # hand-over within 48 h: Digital Commerce Operation Guidelines 2021
    cutoff: Minute | None = None


class VendorSheet(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is said about a vendor. `zone` is the pricing zone that it ships from. Its status is not said but moved."""

    code: Code
    name_en: Name = ""
    name_bn: Name = ""
    city: Short = ""
    zone: Short = ""
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] = "BD"
    timezone: Short = "Asia/Dhaka"
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    holiday: bool = False
    hours: Annotated[tuple[Hours, ...], Meta(max_length=50)] = ()
    closures: Annotated[tuple[Closure, ...], Meta(max_length=50)] = ()
    handling: Handling = Handling()


class Vendor(Struct, frozen=True, kw_only=True):
    """A vendor as everybody may know it. `holiday` is the vendor's own switch: closed until it is turned off."""

    code: str
    name_en: str
    name_bn: str
    status: VendorStatus
    city: str
    zone: str
    country: str
    timezone: str
    phone: str | None
    email: str | None
    holiday: bool
    hours: tuple[Hours, ...]
    closures: tuple[Closure, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    handling: Handling = Handling()

    @property
    def sells(self) -> bool:
        """Whether the marketplace lets it take new orders, be it open at this hour or not."""
        return self.status == "approved"

    def open_at(self, now: datetime) -> bool:
        """Whether it takes orders at `now`: approved, not on holiday, within its hours."""
        if self.status != "approved" or self.holiday:
            return False
        if not self.hours and not self.closures:
            return True
        return self._within_hours(now.astimezone(ZoneInfo(self.timezone)))

    def next_opening(self, now: datetime) -> datetime | None:
        """The next instant (UTC) at which its hours begin, `now` if it is open, None if no hours bring it back within a year."""
        if self.open_at(now):
            return now
        if self.status != "approved" or self.holiday:
            return None
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        minutes = sorted({0} | {hours.opens for hours in self.hours})
        for ahead in range(366):
            day = today + timedelta(days=ahead)
            for minute in minutes:
                opening = (datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)).astimezone(UTC)
                if opening > now and self.open_at(opening):
                    return opening
        return None

    def _within_hours(self, here: datetime) -> bool:
        today, minute = here.date(), here.hour * 60 + here.minute
        if self._closed_on(today):
            return False
        if not self.hours:
            return True
        weekday, yesterday = today.weekday(), today - timedelta(days=1)
        for hours in self.hours:
            overnight = hours.closes <= hours.opens
            if hours.weekday == weekday and hours.opens <= minute and (overnight or minute < hours.closes):
                return True
            if overnight and hours.weekday == yesterday.weekday() and minute < hours.closes and not self._closed_on(yesterday):
                return True
        return False

    def _closed_on(self, day: date) -> bool:
        return any(closure.first <= day <= closure.last for closure in self.closures)


class Kyc(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What identifies a seller before the law (Digital Commerce Operation Guidelines 2021, DBID guideline 2022).

    It never shows in a log: its `repr` says only which numbers are there.
    """

    bin: Annotated[str, Meta(pattern=r"^([0-9]{9}-[0-9]{4})?$", description="Business identification number of the VAT office")] = ""
    tin: Annotated[str, Meta(pattern=r"^([0-9]{12})?$")] = ""
    trade_licence: Short = ""
    dbid: Short = ""
    nid: Annotated[str, Meta(pattern=r"^([0-9]{10}|[0-9]{13}|[0-9]{17})?$")] = ""

    def __repr__(self) -> str:
        present = ", ".join(name for name in self.__struct_fields__ if getattr(self, name))
        return f"Kyc({present or 'nothing'})"

    __str__ = __repr__


class Move(Struct, frozen=True):
    """A vendor goes over to `status`, with the reason that it will be told."""

    vendor: str
    status: VendorStatus
    reason: Annotated[str, Meta(max_length=1_000)] = ""


REASONED: frozenset[VendorStatus] = frozenset({"restricted", "suspended", "rejected", "terminated"})


def check_move(status: VendorStatus, move: Move) -> None:
    """Refuses a way that the table does not have, and a penalty without its reason."""
    if move.status not in TRANSITIONS[status]:
        raise Refused(
            "vendor_transition",
            f"{move.vendor} is {status} and cannot become {move.status}",
            kind="conflict",
            vendor=move.vendor,
            status=status,
            allowed=sorted(TRANSITIONS[status]),
        )
    if move.status in REASONED and not move.reason.strip():
        raise Refused("reason_required", f"a vendor is not {move.status} without a reason", vendor=move.vendor)


def check_sheet(sheet: VendorSheet) -> None:
    """Refuses what the types cannot say: no name, an unknown time zone, a closure that ends before it begins."""
    if not (sheet.name_en.strip() or sheet.name_bn.strip()):
        raise Refused("name_required", "a vendor needs a name in English or Bangla", vendor=sheet.code)
    try:
        ZoneInfo(sheet.timezone)
    except (KeyError, ValueError, OSError) as error:  # KeyError: not found; the others: not even the name of a file
        raise Refused("unknown_timezone", f"there is no time zone {sheet.timezone}", vendor=sheet.code) from error
    if any(closure.last < closure.first for closure in sheet.closures):
        raise Refused("bad_closure", "a closure ends before it begins", vendor=sheet.code)
