"""A breaker opens for a party that is out, and not for calls made side by side of which some end badly together."""

from haat.engine.outside.breakers import FAILURES, Breakers
from haat.kernel.errors import Unavailable

SLOW = Unavailable("outside_slow", "no answer in time")


def begun(breakers: Breakers, calls: int) -> list[int]:
    """Calls that leave one after the other while the party lets them through; what `answered` said as each began."""
    since = []
    for _ in range(calls):
        with breakers.passing("bkash"):
            since.append(breakers.answered("bkash"))
    return since


def test_time_outs_that_began_and_ended_together_are_no_outage_where_others_were_answered_meanwhile() -> None:
    breakers = Breakers()
    lost = begun(breakers, 2 * FAILURES)
    breakers.note("bkash", None, since=begun(breakers, 1)[0])
    for since in lost:
        breakers.note("bkash", SLOW, since=since)
    assert not breakers.is_open("bkash")


def test_a_party_that_answers_nobody_is_left_alone_after_a_few_calls() -> None:
    breakers = Breakers()
    breakers.note("bkash", None, since=begun(breakers, 1)[0])
    for since in begun(breakers, FAILURES):
        assert not breakers.is_open("bkash")
        breakers.note("bkash", SLOW, since=since)
    assert breakers.is_open("bkash")
