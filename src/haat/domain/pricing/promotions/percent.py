"""A percentage off everything covered, at most `maximum` minor units. Rounded half up once, then apportioned to the parts."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.pricing.promotion import Part, Promotion
from haat.kernel.money import apportion, permyriad


class Args(Struct, frozen=True, forbid_unknown_fields=True):
    """`rate` in hundredths of a percent."""

    rate: Annotated[int, Meta(ge=1, le=10_000)]
    maximum: Annotated[int, Meta(ge=1)] | None = None


def apply(args: Args, parts: Sequence[Part]) -> list[int]:
    amounts = [part.amount for part in parts]
    discount = permyriad(sum(amounts), args.rate)
    if args.maximum is not None and discount > args.maximum:
        discount = args.maximum
    return apportion(discount, amounts)


PROMOTION = Promotion("percent", "Percentage off", Args, apply)
