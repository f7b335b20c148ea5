"""When a try follows a try, when it is too late, and how many may leave at once."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from haat.domain import notifications
from haat.domain.notifications.sending import ATTEMPTS_MAX, BACKOFF_S, BURST_S, JITTER, too_late

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)


@given(st.text(max_size=36), st.integers(1, 60), st.integers(0, 1_000))
def test_the_next_try_is_later_each_time_at_least_as_late_as_asked_and_always_the_same(name: str, attempts: int, asked: int) -> None:
    wait = (notifications.next_try(name, attempts, NOW, asked) - NOW).total_seconds()
    table = BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1]
    assert max(table, asked) <= wait <= max(table, asked) * (1 + JITTER) + 1e-3
    assert notifications.next_try(name, attempts, NOW, asked) - NOW == timedelta(seconds=wait)


def test_a_message_has_a_life_by_its_channel() -> None:
    for channel, life in notifications.LIFE.items():
        assert not too_late(channel, NOW, NOW + life, 1)
        assert too_late(channel, NOW, NOW + life + timedelta(seconds=1), 1)
        assert too_late(channel, NOW, NOW, ATTEMPTS_MAX)


def test_a_connection_without_a_pace_takes_all() -> None:
    assert notifications.allowed(None, NOW, None, 500)[0] == 500


@given(st.integers(1, 6_000), st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 200)), max_size=40))
def test_no_span_of_time_sees_more_than_the_pace_and_one_burst(per_minute: int, tries: list[tuple[int, int]]) -> None:
    next_at, now, left = None, NOW, []
    for wait_ms, wanted in tries:
        now += timedelta(milliseconds=wait_ms)
        count, next_at = notifications.allowed(next_at, now, per_minute, wanted)
        assert 0 <= count <= wanted
        left.append((now, count))
    burst = max(BURST_S * per_minute / 60, 1)
    for begin, (since, _) in enumerate(left):
        for until in range(begin, len(left)):
            span = (left[until][0] - since).total_seconds()
            assert sum(count for _, count in left[begin : until + 1]) <= burst + span * per_minute / 60 + 0.01


@given(st.integers(1, 6_000))
def test_who_waits_long_enough_gets_one(per_minute: int) -> None:
    _, next_at = notifications.allowed(None, NOW, per_minute, 10_000)
    count, _ = notifications.allowed(next_at, NOW + timedelta(seconds=60 / per_minute + 0.001), per_minute, 1)
    assert count == 1
