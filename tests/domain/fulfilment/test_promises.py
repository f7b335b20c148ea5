"""The day that buyers are promised: cut-off, closed days, Fridays, and the last parcel of all."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from haat.domain import fulfilment

promise = fulfilment.promise
MONDAY = datetime(2026, 11, 2, 4, tzinfo=UTC)  # 10:00 in Dhaka
NEAR = promise.Leg("dhaka", "dhaka", handling_h=6)
EVENING_AT = 15  # 21:00 in Dhaka is 15:00 UTC


def day(found: fulfilment.promise.Promise | None) -> date:
    assert found is not None
    assert found.promised_at.hour == EVENING_AT
    return found.promised_at.date()


def test_within_dhaka_it_is_there_tomorrow_evening() -> None:
    assert day(promise.promise(MONDAY, [NEAR])) == date(2026, 11, 3)


def test_what_comes_behind_the_cut_off_begins_the_next_day() -> None:
    early = promise.Leg("dhaka", "dhaka", handling_h=6, cutoff=9 * 60)
    assert day(promise.promise(MONDAY, [early])) == date(2026, 11, 4)


def test_couriers_rest_on_fridays_and_holidays() -> None:
    thursday = MONDAY + timedelta(days=3)
    assert day(promise.promise(thursday, [NEAR])) == date(2026, 11, 7)
    assert day(promise.promise(thursday, [NEAR], idle=[date(2026, 11, 7)])) == date(2026, 11, 8)


def test_a_closed_vendor_hands_over_when_it_is_back() -> None:
    closed = promise.Leg("dhaka", "dhaka", handling_h=6, closed=((date(2026, 11, 1), date(2026, 11, 4)),))
    assert day(promise.promise(MONDAY, [closed])) == date(2026, 11, 7)  # Thursday out, Friday rests


def test_the_order_is_promised_for_its_last_parcel() -> None:
    far = promise.Leg("dhaka", "outside", handling_h=24)
    assert day(promise.promise(MONDAY, [NEAR, far])) == day(promise.promise(MONDAY, [far]))


def test_who_never_opens_promises_nothing() -> None:
    never = promise.Leg(weekly=frozenset(range(7)))
    assert promise.promise(MONDAY, [NEAR, never]) is None
    assert promise.promise(MONDAY, []) is None


def test_the_law_allows_five_days_in_one_city_and_ten_elsewhere() -> None:
    assert promise.legal_deadline(MONDAY, same_city=True) - MONDAY == timedelta(days=5)
    assert promise.legal_deadline(MONDAY, same_city=False) - MONDAY == timedelta(days=10)


@given(st.integers(0, 60 * 24 * 400), st.integers(1, 100), st.integers(0, 6), st.none() | st.integers(0, 1440))
def test_a_promise_is_never_before_the_work_is_done(minutes: int, hours: int, days: int, cutoff: int | None) -> None:
    now = MONDAY + timedelta(minutes=minutes)
    found = promise.promise(now, [promise.Leg(handling_h=hours, transit_days=days, cutoff=cutoff)])
    assert found is not None
    assert found.hand_over_at >= now + timedelta(hours=hours) or cutoff is not None
    assert found.promised_at.date() >= found.hand_over_at.date()
    later = promise.promise(now + timedelta(minutes=1), [promise.Leg(handling_h=hours, transit_days=days, cutoff=cutoff)])
    assert later is not None
    assert later.promised_at >= found.promised_at
