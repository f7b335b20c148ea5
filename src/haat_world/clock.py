"""The world's time. The same text gives the same instants here and in Haat (`haat.engine.clock`): they agree without talking.

`Paced` runs by itself: start + (wall − base) × pace. `Turned` moves when a test turns it. Nobody else here reads the time.
"""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta

PACED = re.compile(r"(?P<start>[^@/]+)@(?P<pace>[0-9.]+)(?:/(?P<base>[0-9.]+))?")
DHAKA = timedelta(hours=6)  # UTC+6 all year
FLOOR_S = 0.05


class Paced:
    """`start` at wall time `base` (seconds since 1970), and `pace` times as fast since."""

    def __init__(self, start: datetime, pace: float, base: float) -> None:
        self.start, self.pace, self.base = start, pace, base

    def now(self) -> datetime:
        return self.start + timedelta(seconds=max(time.time() - self.base, 0) * self.pace)

    def wall_s(self, until: datetime) -> float:
        """Seconds of the wall until it is `until` here; 0 when that has passed."""
        return max((until - self.now()).total_seconds() / self.pace, 0)

    async def pause(self, seconds: float, *, floor_s: float = FLOOR_S) -> None:
        """Wait so many seconds of this clock, and `floor_s` of the wall at least: looks over the network cannot come closer."""
        await asyncio.sleep(max(seconds / self.pace, floor_s))

    def __str__(self) -> str:
        return f"{self.start.isoformat().replace('+00:00', 'Z')}@{self.pace:g}/{self.base:.6f}"


class Turned(Paced):
    """A clock that stands still until `turn_to`."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start, 1, 0)
        self._now = start

    def now(self) -> datetime:
        return self._now

    def turn_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)


def parse(text: str) -> Paced:
    """`START@PACE/BASE`, or empty for the time on the wall. Raises ValueError for anything else."""
    if not text:
        return Paced(datetime.now(UTC), 1, time.time())
    found = PACED.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no clock: START@PACE/BASE, as in 2026-01-01T00:00:00Z@600/1700000000")
    base = float(found["base"]) if found["base"] else time.time()
    return Paced(datetime.fromisoformat(found["start"]).astimezone(UTC), float(found["pace"]), base)


def dhaka(instant: datetime, form: str) -> str:
    """The instant as a clock in Dhaka shows it: what the parties there write into their messages."""
    return (instant + DHAKA).strftime(form)
