"""The one place that reads the time. Everywhere else `now` is an argument.

`app.py` makes one clock and hands it to the faces and the worker; tests and the world in a box hand them one they turn
themselves, so that a day of timers passes in a moment. Durations are measured with `time.perf_counter` where they are used.

Processes that share a paced clock (`2026-01-01T00:00:00Z@600/1700000000`) read the same instant without asking each other:
it is start + (wall time − base) × pace. The world in a box (`haat_world.clock`) reads it by the same formula.
"""

import re
from datetime import UTC, datetime, timedelta

_PACED = re.compile(r"(?P<start>[^@/]+)@(?P<pace>\d{1,9}(?:\.\d{1,6})?)(?:/(?P<base>\d{1,12}(?:\.\d{1,6})?))?")


class Clock:
    """The system's clock. `pace`: how many of its seconds pass in one of the wall's."""

    pace: float = 1.0

    def now(self) -> datetime:
        """This instant, aware, UTC."""
        return datetime.now(UTC)

    def during(self, seconds: float) -> timedelta:
        """How far this clock goes in `seconds` of the wall: for leases, whose holder works no faster however fast the clock runs."""
        return timedelta(seconds=seconds * self.pace)


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


class Fast(Clock):
    """A clock that was at `start` when the wall stood at `base`, and runs `pace` times as fast since. Before `base` it stands still."""

    def __init__(self, start: datetime, pace: float, base: datetime) -> None:
        if not 0 < pace < float("inf"):
            raise ValueError("a clock's pace is a positive number")
        self.start, self.pace, self.base = _aware(start), pace, _aware(base)

    def now(self) -> datetime:
        return self.at(datetime.now(UTC))

    def at(self, wall: datetime) -> datetime:
        """What this clock shows when the wall shows `wall`."""
        return self.start + max(_aware(wall) - self.base, timedelta()) * self.pace

    def __str__(self) -> str:
        """The text that `parse` reads, with its base: what a process hands to its children."""
        return f"{self.start.isoformat().replace('+00:00', 'Z')}@{self.pace:g}/{self.base.timestamp():.6f}"


def parse(text: str, *, wall: datetime | None = None) -> Clock:
    """The clock that a setting names: empty is the system's; `START@PACE/BASE` a paced one, BASE in seconds since 1970.

    Without BASE it starts at `wall` (now, where none is given), which only one process can mean: hand `str(clock)` on to others.
    Raises ValueError for anything else.
    """
    if not text:
        return Clock()
    found = _PACED.fullmatch(text)
    if found is None:
        raise ValueError("a clock is written START@PACE or START@PACE/BASE, as in 2026-01-01T00:00:00Z@600/1700000000")
    base = datetime.fromtimestamp(float(found["base"]), UTC) if found["base"] else wall or datetime.now(UTC)
    return Fast(datetime.fromisoformat(found["start"]), float(found["pace"]), base)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)
