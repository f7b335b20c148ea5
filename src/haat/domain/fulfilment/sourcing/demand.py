"""What has to be sent (a vendor's part of an order) and what there is to send it from. Pure.

A line sold is `parts` of stock: one SKU once, or a kit's components; a kit is packed in one place, but the kits of a line may be
packed in several. `Stock` is what nobody has reserved; what an order has reserved is its own (`Demand.own`) and stays so unless
its plan gives it back.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct

Units = Mapping[tuple[str, str], int]
NOTHING: Units = {}


class DemandLine(Struct, frozen=True, gc=False):
    """`quantity` units of a line to send; each takes `parts` = (SKU, units) from the shelf and weighs `weight_g`."""

    line_no: int
    quantity: int
    parts: tuple[tuple[str, int], ...]
    weight_g: int = 0


class Destination(Struct, frozen=True, gc=False):
    """Where it goes: codes of the geography, and coordinates where the buyer gave some."""

    district: str = ""
    division: str = ""
    zone: str = ""
    lat: float | None = None
    lng: float | None = None


class Demand(Struct, frozen=True, dict=True):
    """A vendor's part of an order. `key`: the vendor order. `standing`: the one place where all of it is reserved, else "".

    `excluded` are nodes that have refused it. `value` in minor units.
    """

    key: str
    order_id: str
    vendor: str
    lines: tuple[DemandLine, ...]
    destination: Destination = Destination()
    channel: str = ""
    payment_method: str = ""
    value: int = 0
    own: Units = NOTHING
    standing: str = ""
    excluded: frozenset[str] = frozenset()

    @cached_property
    def units(self) -> int:
        return sum([line.quantity for line in self.lines])

    @cached_property
    def needs(self) -> Mapping[str, int]:
        """Units of each SKU that the whole takes from the shelf."""
        found: dict[str, int] = {}
        for line in self.lines:
            for sku, each in line.parts:
                found[sku] = found.get(sku, 0) + each * line.quantity
        return found

    def taken(self, parcels: Iterable[tuple[str, Iterable[tuple[int, int]]]]) -> dict[tuple[str, str], int]:
        """Units by SKU and place that these parcels = (node, (line number, quantity)…) take from the shelf."""
        parts = {line.line_no: line.parts for line in self.lines}
        found: dict[tuple[str, str], int] = {}
        for node, lines in parcels:
            for line_no, quantity in lines:
                for sku, each in parts[line_no]:
                    found[sku, node] = found.get((sku, node), 0) + each * quantity
        return found


class Stock:
    """Units that nobody has reserved, by SKU and place. Changes while a batch is planned; never says more than there is.

    What is promised beyond what is on hand counts as none. `left` falls below zero where a demand gave its own away and is asked
    once more. `safety`: units kept back by channel ("*": every other channel).
    """

    __slots__ = ("left", "safety")

    def __init__(self, free: Units, safety: Mapping[tuple[str, str], Mapping[str, int]] | None = None) -> None:
        self.left: dict[tuple[str, str], int] = {key: units for key, units in free.items() if units > 0}
        self.safety = safety or {}

    def available(self, demand: Demand, sku: str, place: str) -> int:
        """What this demand can have there: its own, and what its channel may take of the free units."""
        key = (sku, place)
        free = self.left.get(key, 0)
        if free > 0 and key in self.safety:
            free = max(free - self.kept_back(key, demand.channel), 0)
        return max(demand.own.get(key, 0) + free, 0)

    def kept_back(self, key: tuple[str, str], channel: str) -> int:
        """Free units that this channel has to leave."""
        kept = self.safety.get(key)
        return 0 if kept is None else kept.get(channel, kept.get("*", 0))

    def hand(self, demand: Demand, taken: Units) -> None:
        """The demand takes these, and gives back what it had reserved elsewhere."""
        self._move(demand, taken, 1)

    def undo(self, demand: Demand, taken: Units) -> None:
        """The opposite of `hand`."""
        self._move(demand, taken, -1)

    def _move(self, demand: Demand, taken: Units, sign: int) -> None:
        left = self.left
        for key, units in taken.items():
            left[key] = left.get(key, 0) - sign * units
        for key, units in demand.own.items():
            left[key] = left.get(key, 0) + sign * units
