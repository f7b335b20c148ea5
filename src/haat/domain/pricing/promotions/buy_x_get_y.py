"""Buy some, get some cheaper or free.

Without `gifts` the covered units form one pool: of every `buy + get` units the cheapest `get` of the whole pool are reduced. With
`gifts` (SKUs) only these are reduced, cheapest first, `get` for every `buy` units of the rest; a gift lies in the basket like any line.
The reduced value of a line is spread over all its units, so whoever sends one back is refunded its share and not nothing.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.pricing.promotion import Part, Promotion
from haat.kernel.money import half_up, permyriad

Units = Annotated[int, Meta(ge=1, le=10_000)]


class Args(Struct, frozen=True, forbid_unknown_fields=True):
    """`rate`: how much off the reduced units, in hundredths of a percent (10,000: free). `times`: at most so often per order."""

    buy: Units
    get: Units
    rate: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    gifts: tuple[str, ...] = ()
    times: Units | None = None


def apply(args: Args, parts: Sequence[Part]) -> list[int]:
    gifts = frozenset(args.gifts)
    reducible = [index for index, part in enumerate(parts) if not gifts or part.sku in gifts]
    if gifts:
        times = sum(part.quantity for part in parts if part.sku not in gifts) // args.buy
    else:
        times = sum(part.quantity for part in parts) // (args.buy + args.get)
    free = args.get * (times if args.times is None else min(times, args.times))
    discounts = [0] * len(parts)
    for index in sorted(reducible, key=lambda index: (parts[index].unit_price, index)):
        part = parts[index]
        units = min(free, part.quantity)
        free -= units
        discounts[index] = permyriad(half_up(part.amount * units, part.quantity), args.rate)
    return discounts


PROMOTION = Promotion("buy_x_get_y", "Buy X, get Y", Args, apply, skus_of=lambda args: args.gifts)
