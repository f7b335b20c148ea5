"""A vendor moves along its table only, and is open when it says so in its own time."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import vendors
from haat.domain.vendors.vendor import REASONED, check_move, check_sheet
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)  # Monday noon in Dhaka


def a_vendor(**fields):
    plain = vendors.Vendor(
        code="aarong", name_en="Aarong", name_bn="আড়ং", status="approved", city="dhaka", zone="dhaka", country="BD", timezone="Asia/Dhaka",
        phone=None, email=None, holiday=False, hours=(), closures=(), version=1, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


def dhaka(hour, minute=0, day=2):
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour - 6, minutes=minute)


@pytest.mark.parametrize(("status", "target"), list(product(vendors.TRANSITIONS, repeat=2)))
def test_a_vendor_moves_along_its_table_only(status, target):
    wanted = vendors.Move("aarong", target, "because")
    if target in vendors.TRANSITIONS[status]:
        check_move(status, wanted)
    else:
        with pytest.raises(Refused, match="vendor_transition"):
            check_move(status, wanted)


def test_a_terminated_vendor_never_comes_back():
    assert vendors.TRANSITIONS["terminated"] == frozenset()


@pytest.mark.parametrize("target", sorted(REASONED - {"rejected"}))
def test_a_penalty_needs_its_reason(target):
    with pytest.raises(Refused, match="reason_required"):
        check_move("approved", vendors.Move("aarong", target, " "))


@pytest.mark.parametrize("status", list(vendors.TRANSITIONS))
def test_only_an_approved_vendor_is_open(status):
    assert a_vendor(status=status).open_at(NOW) is (status == "approved")


def test_a_vendor_on_holiday_is_closed_whatever_its_hours():
    assert not a_vendor(holiday=True).open_at(NOW)


@pytest.mark.parametrize(("hour", "minute", "open_"), [(9, 59, False), (10, 0, True), (19, 59, True), (20, 0, False)])
def test_hours_are_the_vendors_own(hour, minute, open_):
    daily = tuple(vendors.Hours(weekday, 600, 1_200) for weekday in range(7))
    assert a_vendor(hours=daily).open_at(dhaka(hour, minute)) is open_


def test_an_evening_that_ends_after_midnight_belongs_to_the_day_it_began():
    night = a_vendor(hours=(vendors.Hours(0, 1_200, 120),))  # Monday 20:00 to Tuesday 02:00
    assert night.open_at(dhaka(23))
    assert night.open_at(dhaka(1, day=3))
    assert not night.open_at(dhaka(2, day=3))
    assert not night.open_at(dhaka(1))


def test_a_closure_covers_its_first_and_last_day_in_the_vendors_time():
    eid = a_vendor(closures=(vendors.Closure(date(2026, 3, 3), date(2026, 3, 4)),))
    assert [eid.open_at(dhaka(12, day=day)) for day in (2, 3, 4, 5)] == [True, False, False, True]
    assert not eid.open_at(dhaka(0, 5, day=3))


def test_the_next_opening_skips_weekend_and_closure():
    hours = tuple(vendors.Hours(weekday, 600, 1_200) for weekday in (6, 0, 1, 2, 3))  # Friday and Saturday closed
    shop = a_vendor(hours=hours, closures=(vendors.Closure(date(2026, 3, 8), date(2026, 3, 8)),))
    assert shop.next_opening(dhaka(20, 30, day=5)) == dhaka(10, day=9)
    assert shop.next_opening(dhaka(12)) == dhaka(12)
    assert a_vendor(holiday=True).next_opening(NOW) is None


@given(
    st.lists(st.builds(vendors.Hours, st.integers(0, 6), st.integers(0, 1_439), st.integers(0, 1_440)), min_size=1, max_size=5).map(tuple),
    st.integers(0, 20_000),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(hours, minutes):
    shop, now = a_vendor(hours=hours), NOW + timedelta(minutes=minutes)
    opening = shop.next_opening(now)
    assert opening is not None
    assert shop.open_at(opening)
    step = max(timedelta(minutes=1), (opening - now) / 50)
    between = now
    while between < opening:
        assert not shop.open_at(between)
        between += step


def test_the_numbers_for_the_law_do_not_show():
    kyc = vendors.Kyc(bin="123456789-0101", trade_licence="TRAD/DSCC/0001")
    assert repr(kyc) == str(kyc) == f"{kyc}" == "Kyc(bin, trade_licence)"
    assert "123456789" not in repr([kyc])


@pytest.mark.parametrize("bad", ["12345678-0101", "1234567890101", "abc"])
def test_a_bin_has_nine_digits_a_dash_and_four(bad):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"bin": bad}, vendors.Kyc)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name_en": ""}, "name_required"),
        ({"timezone": "Asia/Nowhere"}, "unknown_timezone"),
        ({"timezone": "../../etc/passwd"}, "unknown_timezone"),
        ({"timezone": ""}, "unknown_timezone"),
        ({"closures": (vendors.Closure(date(2026, 3, 4), date(2026, 3, 3)),)}, "bad_closure"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(fields, code):
    with pytest.raises(Refused, match=code):
        check_sheet(vendors.VendorSheet(**({"code": "aarong", "name_en": "Aarong"} | fields)))
