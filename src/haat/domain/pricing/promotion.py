"""The contract of a promotion kind: one file in `promotions/` that declares `PROMOTION = Promotion(…)`.

A kind is pure arithmetic. It sees the covered parts (lines, or parcels where `target` is «shipping») with what is still to be paid
for each, and answers how much to take off each of them, in their order. Parts come sorted, so that the order in which a
basket was filled never changes a discount; whatever a kind answers is clamped to 0 … amount.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct


class Part(Struct, frozen=True, gc=False):
    """A covered line: `amount` is what is still to be paid for all its units. Of a parcel: `sku` empty, `quantity` 1, the fee."""

    sku: str
    vendor: str
    categories: tuple[str, ...]
    quantity: int
    unit_price: int
    amount: int


def no_skus(args: Any) -> tuple[str, ...]:
    """For kinds whose arguments name no SKUs."""
    del args
    return ()


class Promotion(Struct, frozen=True):
    """`apply(args, parts)` returns one discount per part. `skus_of(args)`: SKUs of which a basket needs one for this to matter."""

    code: str
    title: str
    args: type[Struct]
    apply: Callable[[Any, Sequence[Part]], Sequence[int]]
    target: Literal["items", "shipping"] = "items"
    skus_of: Callable[[Any], tuple[str, ...]] = no_skus


#: Promotion kinds by code, as the plug-in finder brings them.
Kinds = Mapping[str, Promotion]
