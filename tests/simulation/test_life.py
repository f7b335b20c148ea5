"""What `make bench-life` makes of what it measured: which rate holds, which goals were reached, whether an engine is worth owning."""

import msgspec
import pytest

from bench import life

ROW = life.Row(
    vendors=1, rate=300, placed=301.0, completed=250.0, lives=4500, steps=11.0, facts=17.0, p50_ms=12.0, p95_ms=30.0, p99_ms=45.0,
    halfway=200, left=250, drained_s=1.0,
)  # fmt: skip
SLOW = msgspec.structs.replace(ROW, rate=400, p99_ms=80.0)
BEHIND = msgspec.structs.replace(ROW, rate=500, completed=260.0, left=1_100)


def test_a_rate_holds_that_leaves_no_backlog_and_places_within_its_p99() -> None:
    assert [(row.keeps_up, row.holds) for row in (ROW, SLOW, BEHIND)] == [(True, True), (True, False), (False, False)]


def test_a_backlog_that_grew_through_the_second_half_does_not_hold() -> None:
    assert not msgspec.structs.replace(ROW, halfway=100, left=251).holds


def test_each_goal_is_said_to_be_reached_or_missed() -> None:
    assert life.goals([ROW, SLOW, BEHIND], 40.0) == [
        "MISSED: 1,500 whole lives a second (300 hold)",
        "MISSED: placing beside them with p99 under 80 ms (80.0 ms at 400/s, the slowest without a backlog)",
        "reached: 5 times the library's lives (6.5 times: 260.0 against 40.0 a second)",
    ]
    fast = msgspec.structs.replace(ROW, rate=1_500)
    assert [line.partition(":")[0] for line in life.goals([fast], None)] == ["reached", "reached", "not asked"]


@pytest.mark.parametrize(("library", "worth"), [(52.0, True), (52.1, False)])
def test_an_engine_is_worth_owning_that_does_five_times_the_librarys_lives(library: float, worth: bool) -> None:
    assert life.worth_owning([ROW, BEHIND], library) is worth
