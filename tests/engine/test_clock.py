"""The clock that tests and the world in a box turn."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from haat.engine.clock import Clock, Hands

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_systems_clock_speaks_utc() -> None:
    assert Clock().now().tzinfo is UTC


def test_hands_stand_still_until_they_are_turned() -> None:
    hands = Hands(NOON)
    assert (hands.now(), hands.now()) == (NOON, NOON)
    assert hands.turn_by(timedelta(days=1)) == hands.now() == NOON + timedelta(days=1)


def test_an_instant_of_another_offset_is_the_same_instant() -> None:
    dhaka = timezone(timedelta(hours=6))
    assert Hands(datetime(2026, 1, 1, 18, tzinfo=dhaka)).now() == NOON


def test_time_never_goes_back_and_always_names_its_offset() -> None:
    with pytest.raises(ValueError, match="is before"):
        Hands(NOON).turn_to(NOON - timedelta(seconds=1))
    with pytest.raises(ValueError, match="offset"):
        Hands(NOON.replace(tzinfo=None))
