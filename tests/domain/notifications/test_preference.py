"""Whose word holds, and when nobody is disturbed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from haat.domain import notifications
from haat.domain.notifications import Decline, Manners, Preference, QuietHours
from haat.domain.notifications.preference import check_zone
from haat.kernel.errors import Refused

NIGHT = QuietHours(22 * 60, 8 * 60)
DHAKA = "Asia/Dhaka"


def dhaka(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(DHAKA)).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (dhaka(2, 21, 59), dhaka(2, 21, 59)), (dhaka(2, 22), dhaka(3, 8)), (dhaka(2, 23, 59), dhaka(3, 8)), (dhaka(3, 0), dhaka(3, 8)),
        (dhaka(3, 7, 59), dhaka(3, 8)), (dhaka(3, 8), dhaka(3, 8)), (dhaka(3, 12), dhaka(3, 12)),
    ],
)  # fmt: skip
def test_quiet_hours_pass_midnight(now: datetime, due: datetime) -> None:
    assert notifications.due_at(now, NIGHT, DHAKA) == due


def test_quiet_hours_may_lie_within_a_day_and_there_may_be_none() -> None:
    siesta = QuietHours(13 * 60, 15 * 60)
    assert notifications.due_at(dhaka(2, 14), siesta, DHAKA) == dhaka(2, 15)
    assert notifications.due_at(dhaka(2, 16), siesta, DHAKA) == dhaka(2, 16)
    assert notifications.due_at(dhaka(2, 14), QuietHours(0, 0), DHAKA) == dhaka(2, 14)


def test_the_night_is_the_readers_own() -> None:
    noon_in_dhaka = dhaka(2, 12)
    assert notifications.due_at(noon_in_dhaka, NIGHT, "America/Sao_Paulo") == datetime(2026, 11, 2, 11, tzinfo=UTC)


def test_where_clocks_are_turned_that_night_the_morning_is_on_the_wall() -> None:
    saturday = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # clocks in Berlin go forward at 01:00 UTC
    assert notifications.due_at(saturday, NIGHT, "Europe/Berlin") == datetime(2026, 3, 29, 6, tzinfo=UTC)


@given(
    st.integers(0, 5_000_000).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(0, 1439), st.integers(0, 1439), st.sampled_from([DHAKA, "UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo"]),
)  # fmt: skip
def test_due_is_never_past_never_more_than_a_day_away_and_never_quiet(now: datetime, begin: int, end: int, zone: str) -> None:
    quiet = QuietHours(begin, end)
    due = notifications.due_at(now, quiet, zone)
    assert now <= due <= now + timedelta(hours=25)
    assert notifications.due_at(due, quiet, zone) - due <= timedelta(hours=1), "only where the clock is turned at that very minute"


@given(
    st.integers(0, 200_000).map(lambda halves: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * halves)),
    st.integers(0, 150), st.integers(0, 47), st.integers(0, 47), st.sampled_from([DHAKA, "UTC", "America/Caracas"]),
)  # fmt: skip
def test_quiet_hours_hold_for_every_try_and_are_counted(since: datetime, halves: int, begin: int, end: int, zone: str) -> None:
    quiet = QuietHours(begin * 30, end * 30)
    kept = notifications.quiet_text(quiet, zone)
    moments = [since + timedelta(minutes=30 * n) for n in range(halves)]
    assert all(notifications.after_quiet(at, kept) == notifications.due_at(at, quiet, zone) for at in moments)
    silent = sum(notifications.after_quiet(at, kept) > at for at in moments)
    assert notifications.quiet_between(since, since + timedelta(minutes=30 * halves), kept) == timedelta(minutes=30 * silent)


def test_a_night_in_which_clocks_are_turned_is_as_long_as_it_is() -> None:
    since, until = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert notifications.quiet_between(since, until, notifications.quiet_text(NIGHT, "Europe/Berlin")) == timedelta(hours=9)


def test_every_no_holds_and_of_the_rest_the_most_personal_word() -> None:
    said = [
        Preference(declined=(Decline("order", "sms"),)),
        Preference(language="bn", quiet=QuietHours(0, 60)),
        Preference(language="en", declined=(Decline("payment", "email"),), timezone="Asia/Tokyo"),
    ]
    wish = notifications.wish_of(said, Manners(), language="en", timezone=DHAKA)
    assert wish.declined == {("order", "sms"), ("payment", "email")}
    assert (wish.language, wish.quiet, wish.timezone) == ("bn", QuietHours(0, 60), "Asia/Tokyo")


def test_who_said_nothing_is_told_as_the_shop_does() -> None:
    wish = notifications.wish_of([], Manners(language="bn"))
    assert (wish.language, wish.declined, wish.quiet, wish.timezone) == ("bn", frozenset(), NIGHT, DHAKA)
    assert notifications.wish_of([], Manners(language="bn"), language="en", timezone="Asia/Tokyo").timezone == "Asia/Tokyo"
    assert notifications.wish_of([], Manners(timezone="")).timezone == DHAKA, "somebody's hours always have a place"


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "../etc/passwd", "\0", "a" * 64])
def test_a_time_zone_that_there_is_not_is_refused(zone: str) -> None:
    with pytest.raises(Refused, match="unknown_timezone"):
        check_zone(zone)
