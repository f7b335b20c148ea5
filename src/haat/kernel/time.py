"""Instants: aware, UTC, and always an argument. The one clock that is read stands in `engine/clock.py`."""

from datetime import UTC, datetime, timedelta

import msgspec

#: Of an instant that somebody gives us: in any time zone, and after any wait, it stays within the calendar.
YEARS = range(1900, 2201)


def unix_ms(instant: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC, rounded down."""
    return int(instant.timestamp() * 1000)


def text(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`, microseconds kept."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse(value: str) -> datetime:
    """An RFC 3339 instant as aware UTC. Raises ValueError where it names no offset."""
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)


def spans(of: object, **bounds: tuple[timedelta, timedelta]) -> None:
    """Raise ValueError where a span that `of` has lies outside its bounds, both inclusive."""
    for name, (least, most) in bounds.items():
        if not least <= getattr(of, name) <= most:
            raise ValueError(f"{name}: from {msgspec.to_builtins(least)} to {msgspec.to_builtins(most)}")
