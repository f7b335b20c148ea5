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
NOTHING: Mapping[tuple[str, int, str], int] = {}


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


def releases(
    reservations: Sequence[Reservation],
    units: Mapping[tuple[str, int], tuple[int, int]],
    needed: Mapping[tuple[str, int, str], int] = NOTHING,
) -> list[Release]:
    """What to give back when `units` = {(owner, line): (cancelled now, left before)} of lines are cancelled.

    A plain line gives back as many units as were cancelled; a kit's components in proportion, exactly, because each
    component's reservation is a whole multiple of the kits that are left. Backordered units go first. A location keeps what
    parcels will still take from it: `needed` = {(owner, line, location): units}.
    """
    held: dict[tuple[str, int, str], int] = {}
    for r in reservations:
        key = (r.owner, r.line_no, r.sku)
        held[key] = held.get(key, 0) + r.held
    due: dict[tuple[str, int, str], int] = {}
    each: dict[tuple[str, int, str], int] = {}
    for (owner, line_no, sku), quantity in held.items():
        cancelled, left = units.get((owner, line_no), (0, 0))
        if left:
            due[owner, line_no, sku] = quantity * cancelled // left
            each[owner, line_no, sku] = quantity // left
    given: dict[int, int] = {}
    order = sorted([(n, r) for n, r in enumerate(reservations) if due.get((r.owner, r.line_no, r.sku))], key=_first_given)
    for sparing in (True, False):
        for n, r in order:
            key = (r.owner, r.line_no, r.sku)
            kept = each[key] * needed.get((r.owner, r.line_no, r.location), 0) if sparing else 0
            quantity = min(due[key], max(r.held - given.get(n, 0) - kept, 0))
            due[key] -= quantity
            given[n] = given.get(n, 0) + quantity
    return [Release(r.owner, r.line_no, r.sku, r.location, given[n], min(r.backordered, given[n])) for n, r in order if given[n]]


def _first_given(one: tuple[int, Reservation]) -> tuple[int, str]:
    return -one[1].backordered, one[1].location


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
