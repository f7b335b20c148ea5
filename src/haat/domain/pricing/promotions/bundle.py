"""Things that are cheaper together: for every complete set of `components` a price of its own, or a percentage off the set.

A set that would cost more than its parts gives nothing. The discount is apportioned to the components by their value in the sets.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.pricing.promotion import Part, Promotion
from haat.kernel.money import apportion, half_up, permyriad


class Component(Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a SKU in one set."""

    sku: str
    quantity: Annotated[int, Meta(ge=1, le=10_000)] = 1


class Args(Struct, frozen=True, forbid_unknown_fields=True):
    """Either `price` of one set in minor units, or `rate` off it in hundredths of a percent. `times`: at most so many sets."""

    components: Annotated[tuple[Component, ...], Meta(min_length=1, max_length=50)]
    price: Annotated[int, Meta(ge=0)] | None = None
    rate: Annotated[int, Meta(ge=0, le=10_000)] = 0
    times: Annotated[int, Meta(ge=1)] | None = None


def apply(args: Args, parts: Sequence[Part]) -> list[int]:
    wanted: dict[str, int] = {}
    for component in args.components:
        wanted[component.sku] = wanted.get(component.sku, 0) + component.quantity
    there = dict.fromkeys(wanted, 0)
    for part in parts:
        if part.sku in there:
            there[part.sku] += part.quantity
    sets = min(there[sku] // quantity for sku, quantity in wanted.items())
    if args.times is not None:
        sets = min(sets, args.times)
    if not sets:
        return [0] * len(parts)
    needed = {sku: quantity * sets for sku, quantity in wanted.items()}
    values: list[int] = []
    for part in parts:
        units = min(needed.get(part.sku, 0), part.quantity)
        if units:
            needed[part.sku] -= units
        values.append(half_up(part.amount * units, part.quantity))
    value = sum(values)
    discount = value - args.price * sets if args.price is not None else permyriad(value, args.rate)
    return apportion(max(discount, 0), values)


PROMOTION = Promotion("bundle", "Bundle", Args, apply, skus_of=lambda args: tuple(component.sku for component in args.components))
