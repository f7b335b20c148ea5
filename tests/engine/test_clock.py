"""The clock that tests and the world in a box turn."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from haat.engine.clock import Clock, Fast, Hands, parse

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


def test_a_paced_clock_shows_the_same_instant_to_every_process_that_was_told_its_text() -> None:
    told = "2026-01-01T00:00:00Z@600/1700000000"
    one, other = parse(told), parse(str(parse(told)))
    wall = datetime.fromtimestamp(1_700_000_060, UTC)
    assert isinstance(one, Fast)
    assert isinstance(other, Fast)
    assert one.at(wall) == other.at(wall) == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_a_paced_clock_without_a_base_begins_now_and_stands_still_before_it() -> None:
    clock = parse("2026-01-01T18:00:00+06:00@60", wall=NOON)
    assert isinstance(clock, Fast)
    assert clock.at(NOON) == clock.at(NOON - timedelta(hours=1)) == NOON
    assert clock.at(NOON + timedelta(minutes=1)) == NOON + timedelta(hours=1)


@pytest.mark.parametrize("text", ["now", "2026-01-01@", "2026-01-01T00:00:00@60", "2026-01-01T00:00:00Z@0", "2026-01-01T00:00:00Z@60/soon"])
def test_a_clock_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"clock|offset|Invalid isoformat"):
        parse(text)


def test_without_a_text_it_is_the_systems_clock() -> None:
    assert type(parse("")) is Clock
