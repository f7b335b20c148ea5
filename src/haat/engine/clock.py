"""The one place that reads the time. Everywhere else `now` is an argument.

`app.py` makes one clock and hands it to the faces and the worker; tests and the world in a box hand them one they turn
themselves, so that a day of timers passes in a moment. Durations are measured with `time.perf_counter` where they are used.
"""

from datetime import UTC, datetime, timedelta


class Clock:
    """The system's clock."""

    def now(self) -> datetime:
        """This instant, aware, UTC."""
        return datetime.now(UTC)


class Hands(Clock):
    """A clock that somebody turns. It never goes back, as no part of Haat expects time to."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        return self._now

    def turn_to(self, instant: datetime) -> None:
        """It is `instant` now. Raises ValueError when that lies in the past."""
        if _aware(instant) < self._now:
            raise ValueError(f"{instant.isoformat()} is before {self._now.isoformat()}")
        self._now = _aware(instant)

    def turn_by(self, span: timedelta) -> datetime:
        """`span` later; returns the new instant."""
        self.turn_to(self._now + span)
        return self._now


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)
