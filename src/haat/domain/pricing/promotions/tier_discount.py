"""The more, the cheaper: the highest tier that the covered lines reach, by what they cost or by how many units they are."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.domain.pricing.promotion import Part, Promotion
from haat.kernel.money import apportion, permyriad


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """From `at_least` (minor units or units) on: `rate` in hundredths of a percent, plus `amount` minor units, off the whole."""

    at_least: Annotated[int, Meta(ge=0)]
    rate: Annotated[int, Meta(ge=0, le=10_000)] = 0
    amount: Annotated[int, Meta(ge=0)] = 0


class Args(Struct, frozen=True, forbid_unknown_fields=True):
    """«total» counts what is still to be paid when this promotion has its turn."""

    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=50)]
    by: Literal["total", "quantity"] = "total"


def apply(args: Args, parts: Sequence[Part]) -> list[int]:
    amounts = [part.amount for part in parts]
    total = sum(amounts)
    reached = total if args.by == "total" else sum([part.quantity for part in parts])
    tier = max((tier for tier in args.tiers if reached >= tier.at_least), key=lambda tier: tier.at_least, default=None)
    if tier is None:
        return [0] * len(parts)
    return apportion(min(permyriad(total, tier.rate) + tier.amount, total), amounts)


PROMOTION = Promotion("tier_discount", "Tier discount", Args, apply)
