"""Who gets goods that arrived: those who wait for them, the oldest order first, as many units as there really are. Pure.

Really there = on hand, less what is reserved by those who do not wait. A unit serves where it is waited for, or by moving the
reservation to where it is, as far as that place may reserve more.
"""

from collections.abc import Iterable, Sequence

import msgspec

from haat.domain.inventory.admission import Level


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Units of a reservation that were promised before they existed. Owners are orders, whose ids are in order of time."""

    owner: str
    line_no: int
    sku: str
    location: str
    backordered: int


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """`quantity` units that an owner waited for at `location` are real, at `found` (often the same)."""

    owner: str
    line_no: int
    sku: str
    location: str
    found: str
    quantity: int


def arrivals(waiting: Sequence[Waiting], levels: Iterable[Level]) -> list[Arrival]:
    """What each may have now. O(waiting × places).

    `waiting`: everybody who waits for these SKUs; `levels`: of the places that may serve.
    """
    real: dict[str, dict[str, int]] = {}
    more: dict[tuple[str, str], int] = {}
    for level in levels:
        real.setdefault(level.sku, {})[level.location] = level.on_hand - level.reserved
        more[level.sku, level.location] = level.on_hand - level.reserved + level.backorder_limit
    for w in waiting:
        places = real.get(w.sku)
        if places is not None and w.location in places:
            places[w.location] += w.backordered
    found: list[Arrival] = []
    for w in sorted(waiting, key=lambda each: (each.owner, each.line_no, each.sku, each.location)):
        left = w.backordered
        places = real.get(w.sku, {})
        for place in sorted(places, key=lambda name: (name != w.location, name)):
            units = min(left, places[place])
            if place != w.location:
                units = min(units, more[w.sku, place])
            if units > 0:
                places[place] -= units
                if place != w.location:
                    more[w.sku, place] -= units
                found.append(Arrival(w.owner, w.line_no, w.sku, w.location, place, units))
                left -= units
            if not left:
                break
    return found
