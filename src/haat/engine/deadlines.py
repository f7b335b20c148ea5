"""By when somebody has to have an answer, handed down to whoever asks for it without naming it in every signature.

    with deadlines.within(30.0): …          left() ─► seconds that are left, None where nobody set a limit

Who waits sets it; who speaks with the outside ends in time by itself, so that it can still say how far it came: an operation that is cut
off from without says nothing, neither whether something was sent nor that the party was silent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: How long a step waits for somebody outside, if it does not say otherwise: seconds.
CALL_S = 30

_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Answers are wanted within this time; a limit that is nearer already stays."""
    until, before = time.monotonic() + seconds, _UNTIL.get()
    token = _UNTIL.set(until if before is None else min(before, until))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left() -> float | None:
    """Seconds until the limit, none below 0."""
    until = _UNTIL.get()
    return None if until is None else max(until - time.monotonic(), 0.0)
