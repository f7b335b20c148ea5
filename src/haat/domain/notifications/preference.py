"""What a person wants to be told, in which language, and when not to be disturbed. Pure.

A person is known by several names at once (customer, phone, e-mail), and each may have said something: a no of any of them holds,
and of the rest what the most personal one said (customer, then phone, then e-mail). Quiet hours are minutes of the day in the
person's own time zone; from 22:00 to 08:00 passes midnight.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from haat.domain.notifications.telling import Channel, Group, Language
from haat.kernel.errors import Refused

Minute = Annotated[int, Meta(ge=0, lt=1440)]
Zone = Annotated[str, Meta(max_length=64)]
Who = Annotated[str, Meta(pattern=r"^(customer|phone|email|vendor):[^\s\x00]{1,254}$")]


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True):
    """Minutes since midnight. `begin` = `end`: never quiet."""

    begin: Minute
    end: Minute


class Decline(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing of this group by this channel."""

    group: Group
    channel: Channel


class Preference(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one name of a person has said. None: nothing said, the shop's manner holds."""

    language: Language | None = None
    declined: Annotated[tuple[Decline, ...], Meta(max_length=50)] = ()
    quiet: QuietHours | None = None
    timezone: Zone = ""


class Wish(Struct, frozen=True):
    """What holds for one person: the sum of their preferences and the shop's manner."""

    language: Language
    declined: frozenset[tuple[Group, Channel]]
    quiet: QuietHours
    timezone: str


Mails = Annotated[tuple[Annotated[str, Meta(max_length=254)], ...], Meta(max_length=20)]


class Manners(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this shop tells things. `owners`: who is told of an exception, by its owner (payments, fulfilment …).

    `muted`: tellings nobody wants, as `event/role/channel`. `links`: addresses of the shop's own pages with `{public}`, `{order}`,
    `{number}` and `{token}` (a guest's view of this one order, or the right to pay it) filled in.
    """

    name: Annotated[str, Meta(min_length=1, max_length=40)] = "Haat"
    language: Language = "en"
    timezone: Zone = "Asia/Dhaka"
    quiet: QuietHours = QuietHours(22 * 60, 8 * 60)
    quiet_channels: tuple[Channel, ...] = ("sms",)
    sms_parts_max: Annotated[int, Meta(ge=1, le=10)] = 6
    desk: Mails = ()
    owners: Annotated[Mapping[Annotated[str, Meta(max_length=64)], Mails], Meta(max_length=50)] = {}
    muted: Annotated[frozenset[Annotated[str, Meta(max_length=120)]], Meta(max_length=200)] = frozenset()
    order_link: Annotated[str, Meta(max_length=300)] = "{public}/orders/{token}"
    pay_link: Annotated[str, Meta(max_length=300)] = "{public}/pay/{token}"


def wish_of(said: Sequence[Preference], manners: Manners, *, language: Language | None = None, timezone: str = "") -> Wish:
    """What holds for a person whose names have `said` this, the most personal first. `language`, `timezone`: where they bought, live."""
    return Wish(
        next((each.language for each in said if each.language), language or manners.language),
        frozenset((no.group, no.channel) for each in said for no in each.declined),
        next((each.quiet for each in said if each.quiet is not None), manners.quiet),
        next((each.timezone for each in said if each.timezone), "") or timezone or manners.timezone or Manners().timezone,
    )


def due_at(now: datetime, quiet: QuietHours, timezone: str) -> datetime:
    """`now`, or the end of the quiet hours that it lies in. The end is a time on the wall, also where clocks are turned that night."""
    if quiet.begin == quiet.end:
        return now
    local = now.astimezone(ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    passes_midnight = quiet.begin > quiet.end
    is_quiet = (minute >= quiet.begin or minute < quiet.end) if passes_midnight else quiet.begin <= minute < quiet.end
    if not is_quiet:
        return now
    day = local.date() + timedelta(days=1) if passes_midnight and minute >= quiet.begin else local.date()
    return max(_on_the_wall(day, quiet.end, timezone), now)


def quiet_text(quiet: QuietHours, timezone: str) -> str:
    """A person's quiet hours as a notification keeps them: `1320-480 Asia/Dhaka`, empty where there are none."""
    return "" if quiet.begin == quiet.end else f"{quiet.begin}-{quiet.end} {timezone}"


def after_quiet(at: datetime, kept: str) -> datetime:
    """`at`, or the end of the quiet hours (`quiet_text`) that it lies in."""
    return due_at(at, *_read(kept)) if kept else at


def quiet_between(since: datetime, until: datetime, kept: str) -> timedelta:
    """How much of the time from `since` to `until` is quiet. O(days)."""
    found = timedelta()
    if not kept:
        return found
    quiet, timezone = _read(kept)
    day, last = (at.astimezone(ZoneInfo(timezone)).date() for at in (since - timedelta(days=1), until))
    while day <= last:
        end = day + timedelta(days=1) if quiet.begin > quiet.end else day
        found += max(min(_on_the_wall(end, quiet.end, timezone), until) - max(_on_the_wall(day, quiet.begin, timezone), since), timedelta())
        day += timedelta(days=1)
    return found


def check_zone(timezone: str) -> None:
    """Refuses a time zone that there is not."""
    if timezone:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as error:
            raise Refused("unknown_timezone", f"There is no time zone {timezone}.") from error


def _on_the_wall(day: date, minute: int, timezone: str) -> datetime:
    return datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _read(kept: str) -> tuple[QuietHours, str]:
    hours, _, timezone = kept.partition(" ")
    begin, _, end = hours.partition("-")
    return QuietHours(int(begin), int(end)), timezone
