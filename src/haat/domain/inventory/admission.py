"""Who gets the units: demands against levels, in arrival order, all of an order's lines or none. Pure.

The caller has locked the rows behind the levels, so what is admitted here is true when it commits. One hot SKU is a few
dictionary steps per order. The database refuses an oversale by itself (`stock_is_never_oversold`), should this be wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

#: (line number, SKU, quantity); a kit's line demands its components under its own number.
Demand = tuple[int, str, int]


class Level(msgspec.Struct, frozen=True, gc=False):
    """Stock of one SKU at one location. `safety` keeps units back by channel code ("*": every channel)."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    backorder_limit: int = 0
    expected_at: datetime | None = None
    safety: Mapping[str, int] | None = None

    def free(self, channel: str) -> int:
        """Units that `channel` may sell now: the one availability number, never below zero."""
        return max(self.on_hand - self.reserved - self.kept_back(channel), 0)

    def kept_back(self, channel: str) -> int:
        if self.safety is None:
            return 0
        return self.safety.get(channel, self.safety.get("*", 0))


class Take(msgspec.Struct, frozen=True, gc=False):
    """Units of a line set aside at a location; `backordered` of them do not exist yet."""

    line_no: int
    sku: str
    location: str
    quantity: int
    backordered: int = 0


class Short(msgspec.Struct, frozen=True, gc=False):
    """A line that cannot be served: what was asked and what this channel could still have."""

    line_no: int
    sku: str
    wanted: int
    available: int


class Admitted(msgspec.Struct, frozen=True, gc=False):
    takes: tuple[Take, ...]
    expected_at: datetime | None = None


class _Place:
    """A level while a batch is decided: `left` on hand and unreserved, below zero what was sold beyond that."""

    __slots__ = ("left", "level")

    def __init__(self, level: Level) -> None:
        self.level = level
        self.left = level.on_hand - level.reserved

    @property
    def late(self) -> int:
        """Units that may still be sold before they exist: what the database would permit at this moment."""
        return self.level.backorder_limit + min(self.left, 0)


class Levels:
    """The levels of a batch's SKUs, each SKU's places by priority, and what the batch has taken of them so far."""

    def __init__(self, levels: Iterable[Level], priority: Mapping[str, int]) -> None:
        self._places: dict[str, list[_Place]] = {}
        for level in levels:
            if level.location in priority:  # an inactive location serves nobody
                self._places.setdefault(level.sku, []).append(_Place(level))
        for places in self._places.values():
            if len(places) > 1:
                places.sort(key=lambda p: (priority[p.level.location], p.level.location))
        self.deltas: dict[tuple[str, str], int] = {}

    def give_back(self, sku: str, location: str, quantity: int) -> None:
        """Units that a hold of the same buyer had set aside and that are now free for this batch."""
        for place in self._places.get(sku, ()):
            if place.level.location == location:
                self._change(place, -quantity)
                return
        self.deltas[sku, location] = self.deltas.get((sku, location), 0) - quantity

    def admit(self, demands: Sequence[Demand], channel: str) -> Admitted | tuple[Short, ...]:
        """Take everything that is demanded, or nothing and say what is short."""
        takes: list[Take] = []
        undo: list[tuple[_Place, int]] = []
        shorts: list[Short] = []
        expected: datetime | None = None
        for line_no, sku, quantity in demands:
            left = quantity
            places = self._places.get(sku, ())
            for place in self._in_order(places, quantity, channel):
                level = place.level
                free = place.left - level.kept_back(channel) if level.safety is not None else place.left
                units = min(left, free) if free > 0 else 0
                if units:
                    self._change(place, units)
                    undo.append((place, units))
                    takes.append(Take(line_no, sku, level.location, units))
                    left -= units
                if not left:
                    break
            if left:
                left, late = self._backorder(line_no, sku, left, places, takes, undo)
                expected = late if expected is None or (late is not None and late > expected) else expected
            if left:
                shorts.append(Short(line_no, sku, quantity, quantity - left))
        if shorts:
            for place, units in undo:
                self._change(place, -units)
            return tuple(shorts)
        return Admitted(tuple(takes), expected)

    def _in_order(self, places: Sequence[_Place], quantity: int, channel: str) -> Sequence[_Place]:
        """By priority, but a place that can serve the whole quantity comes before those that would split it."""
        if len(places) < 2:
            return places
        for index, place in enumerate(places):
            if place.left - place.level.kept_back(channel) >= quantity:
                return [place] if index == 0 else [place, *places[:index], *places[index + 1 :]]
        return places

    def _backorder(
        self, line_no: int, sku: str, left: int, places: Sequence[_Place], takes: list[Take], undo: list[tuple[_Place, int]]
    ) -> tuple[int, datetime | None]:
        expected: datetime | None = None
        for place in places:
            units = min(left, place.late)
            if units <= 0:
                continue
            self._change(place, units)
            undo.append((place, units))
            location = place.level.location
            for index, take in enumerate(takes):
                if take.line_no == line_no and take.sku == sku and take.location == location:
                    takes[index] = Take(line_no, sku, location, take.quantity + units, take.backordered + units)
                    break
            else:
                takes.append(Take(line_no, sku, location, units, units))
            left -= units
            due = place.level.expected_at
            expected = due if expected is None or (due is not None and due > expected) else expected
            if not left:
                break
        return left, expected

    def _change(self, place: _Place, units: int) -> None:
        place.left -= units
        key = (place.level.sku, place.level.location)
        self.deltas[key] = self.deltas.get(key, 0) + units
