"""An amount off: once per order, apportioned to the covered parts by what they cost, or off each unit."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.domain.pricing.promotion import Part, Promotion
from haat.kernel.money import apportion


class Args(Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` in minor units, of the promotion's currency."""

    amount: Annotated[int, Meta(ge=1, le=10**15)]
    per: Literal["order", "unit"] = "order"


def apply(args: Args, parts: Sequence[Part]) -> list[int]:
    if args.per == "unit":
        return [min(args.amount * part.quantity, part.amount) for part in parts]
    amounts = [part.amount for part in parts]
    return apportion(min(args.amount, sum(amounts)), amounts)


PROMOTION = Promotion("fixed_amount", "Amount off", Args, apply)
