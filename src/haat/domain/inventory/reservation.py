"""The life of a reservation, and which units of it are given back first. Pure.

HELD (a checkout's, ends by itself) -> COMMITTED (an order's) -> PICKED -> CONSUMED; RELEASED, EXPIRED, REASSIGNED.
"""

from collections.abc import Mapping, Sequence

import msgspec

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "HELD":       frozenset({"COMMITTED", "RELEASED", "EXPIRED", "REASSIGNED"}),
    "COMMITTED":  frozenset({"PICKED", "CONSUMED", "RELEASED", "REASSIGNED"}),
    "PICKED":     frozenset({"CONSUMED", "RELEASED", "REASSIGNED"}),
    "CONSUMED":   frozenset(),
    "RELEASED":   frozenset(),
    "EXPIRED":    frozenset(),
    "REASSIGNED": frozenset(),
}  # fmt: skip

#: These keep units away from others; the sum of what they hold equals `stock.reserved`, always.
HOLDING = ("HELD", "COMMITTED", "PICKED")


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """Units of an owner's line at a location. `quantity` − `released` − `consumed` is what it still holds."""

    owner: str
    line_no: int
    sku: str
    location: str
    quantity: int
    released: int
    backordered: int
    status: str
    consumed: int = 0

    @property
    def held(self) -> int:
        return self.quantity - self.released - self.consumed


class Release(msgspec.Struct, frozen=True, gc=False):
    """Give back `quantity` units of one reservation, `backordered` of them promised only."""

    owner: str
    line_no: int
    sku: str
    location: str
    quantity: int
    backordered: int


def releases(reservations: Sequence[Reservation], units: Mapping[tuple[str, int], tuple[int, int]]) -> list[Release]:
    """What to give back when `units` = {(owner, line): (cancelled now, left before)} of lines are cancelled.

    A plain line gives back as many units as were cancelled; a kit's components in proportion, exactly, because each
    component's reservation is a whole multiple of the kits that are left. Backordered units go first.
    """
    held: dict[tuple[str, int, str], int] = {}
    for r in reservations:
        key = (r.owner, r.line_no, r.sku)
        held[key] = held.get(key, 0) + r.held
    due: dict[tuple[str, int, str], int] = {}
    for (owner, line_no, sku), quantity in held.items():
        if (owner, line_no) in units:
            cancelled, left = units[owner, line_no]
            due[owner, line_no, sku] = quantity * cancelled // left if left else 0
    found: list[Release] = []
    for r in sorted(reservations, key=lambda r: (-r.backordered, r.location)):
        key = (r.owner, r.line_no, r.sku)
        quantity = min(due.get(key, 0), r.held)
        if quantity:
            due[key] -= quantity
            found.append(Release(r.owner, r.line_no, r.sku, r.location, quantity, min(r.backordered, quantity)))
    return found


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """`quantity` units of one reservation left the house."""

    owner: str
    line_no: int
    sku: str
    location: str
    quantity: int


def consumptions(
    reservations: Sequence[Reservation], shipped: Mapping[tuple[str, int, str], int], live: Mapping[tuple[str, int], int]
) -> list[Consumption]:
    """What leaves the stock when `shipped` = {(owner, line, location): units} go out of lines with `live` units not cancelled.

    A kit's components go in proportion. What is reserved elsewhere stays; a location that holds too little gives what it holds.
    """
    each = components(reservations, live)
    found: list[Consumption] = []
    for r in reservations:
        units = shipped.get((r.owner, r.line_no, r.location), 0)
        quantity = min(units * each.get((r.owner, r.line_no, r.sku), 0), r.held) if units else 0
        if quantity:
            found.append(Consumption(r.owner, r.line_no, r.sku, r.location, quantity))
    return found


def components(reservations: Sequence[Reservation], live: Mapping[tuple[str, int], int]) -> dict[tuple[str, int, str], int]:
    """Units of stock that one unit of a line is made of, by (owner, line, SKU): 1 for a plain line, more in a kit."""
    kept: dict[tuple[str, int, str], int] = {}
    for r in reservations:
        key = (r.owner, r.line_no, r.sku)
        kept[key] = kept.get(key, 0) + r.quantity - r.released
    return {key: max(quantity // live[key[0], key[1]], 1) for key, quantity in kept.items() if quantity and live.get((key[0], key[1]))}
