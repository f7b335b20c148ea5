"""A node: a place that sends parcels, what it may be asked to do, and what that costs. Pure.

A node is a location of the stock with its settings (`NodeSettings`, written by an admin; the defaults hold where there are none).
`Day` is what is left of it at this moment: parcels it can still take, and by how many days it is late because of its cut-off time.
Amounts are minor units.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated

from msgspec import Meta, Struct, field

#: Hours of a node's day are those of the market.
MARKET_TIME = timezone(timedelta(hours=6), "Asia/Dhaka")
#: A node without room for so many days takes nothing more.
DAYS_AHEAD = 7

Amount = Annotated[int, Meta(ge=0, le=10_000_000)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]


class Rate(Struct, frozen=True, forbid_unknown_fields=True):
    """What a parcel costs us: `first` for the parcel, `per_kg` by weight (each unit rounded up to a whole minor unit)."""

    first: Amount
    per_kg: Amount = 0


#: Asked in this order: `same_district`, `same_division`, the zone of the destination, `*`. Couriers' list prices of 2026, rounded.
USUAL_RATES: Mapping[str, Rate] = {"same_district": Rate(6_000), "same_division": Rate(9_000), "intl": Rate(150_000), "*": Rate(12_000)}


class NodeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`capacity`: parcels a day, None for no limit. `cut_off`: «HH:MM» of the market; what is planned later leaves tomorrow.

    `handling` for each parcel, `handling_unit` for each unit in it. `version` is counted by the server.
    """

    location: Annotated[str, Meta(min_length=1, max_length=64)]
    active: bool = True
    capacity: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    cut_off: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    handling: Amount = 0
    handling_unit: Amount = 0
    rates: Annotated[Mapping[Annotated[str, Meta(min_length=1, max_length=32)], Rate], Meta(max_length=20)] | None = None
    lat: Latitude | None = None
    lng: Longitude | None = None
    version: int = 0


class Node(Struct, frozen=True):
    """A place with its settings. `vendor` "" = the marketplace's, which sends for everybody."""

    code: str
    vendor: str = ""
    district: str = ""
    division: str = ""
    priority: int = 100
    active: bool = True
    capacity: int | None = None
    cut_off: time | None = None
    handling: int = 0
    handling_unit: int = 0
    rates: Mapping[str, Rate] = field(default_factory=lambda: USUAL_RATES)
    lat: float | None = None
    lng: float | None = None
    zone: str = ""


class Room(Struct):
    """What a limited node can still do: parcels `left` on the day that it would send, `late` days from today."""

    day: date
    late: int
    left: int | None
    capacity: int


class Day:
    """The nodes' moment: room by node, only of those with a capacity or a cut-off. Changes while a batch is planned."""

    __slots__ = ("rooms",)

    def __init__(self, rooms: Mapping[str, Room] | None = None) -> None:
        self.rooms: dict[str, Room] = dict(rooms or {})

    def open(self, node: str) -> bool:
        """Whether it takes one more parcel."""
        room = self.rooms.get(node)
        return room is None or room.left is None or room.left > 0

    def late(self, node: str) -> int:
        room = self.rooms.get(node)
        return 0 if room is None else room.late

    def sends(self, node: str) -> date | None:
        """The day on which what it is given now leaves; None where nothing limits it."""
        room = self.rooms.get(node)
        return None if room is None else room.day

    def load(self, node: str) -> int:
        """Thousandths of the day's capacity that are taken; 0 where there is no limit."""
        room = self.rooms.get(node)
        if room is None or room.left is None or not room.capacity:
            return 0
        return 1000 - room.left * 1000 // room.capacity

    def take(self, node: str, parcels: int) -> None:
        """Parcels planned at a node; negative gives them back."""
        room = self.rooms.get(node)
        if room is not None and room.left is not None:
            room.left -= parcels


def limited(nodes: Iterable[Node]) -> list[Node]:
    """Those nodes whose day has to be looked at."""
    return [node for node in nodes if node.active and (node.capacity is not None or node.cut_off is not None)]


def day_of(nodes: Iterable[Node], used: Mapping[tuple[str, date], int], now: datetime) -> Day:
    """What is left of the limited nodes. `used`: parcels planned already, by node and day of sending."""
    local = now.astimezone(MARKET_TIME)
    rooms: dict[str, Room] = {}
    for node in limited(nodes):
        late = 1 if node.cut_off is not None and local.time() >= node.cut_off else 0
        if node.capacity is None:
            rooms[node.code] = Room(local.date() + timedelta(days=late), late, None, 0)
            continue
        for ahead in range(late, late + DAYS_AHEAD):
            day = local.date() + timedelta(days=ahead)
            left = node.capacity - used.get((node.code, day), 0)
            if left > 0:
                break
        rooms[node.code] = Room(day, ahead, max(left, 0), node.capacity)
    return Day(rooms)
