"""A quote while it is being made: the only mutable values of this module, they never leave `quote`.

A draft carries the question, its lines with their chosen prices and one parcel per vendor. Discounts are written to lines and parcels,
and what was done to the receipt's `adjustments`.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from haat.domain.pricing.basket import Basket, BasketLine, PricedItem
from haat.domain.pricing.quoted import Adjustment
from haat.domain.pricing.rows import Coupon, ShippingRate
from haat.domain.pricing.rules import Rules


class DraftParcel(Struct, gc=False):
    """What one vendor sends.

    `rated`: some line of it needs a shipping rate; `freight` is what the others brought along. `amount` is the fee, of which
    `taken` is given away and `funded` of that by the vendor. `left` is what a plan that is being tried has not yet taken off.
    """

    vendor: str
    position: int
    items: int = 0
    discount: int = 0
    vendor_funded: int = 0
    weight_g: int = 0
    rated: bool = False
    freight: int = 0
    amount: int = 0
    left: int = 0
    taken: int = 0
    funded: int = 0
    rate: ShippingRate | None = None


class DraftLine(Struct, gc=False):
    """A line with its price. `fixed`: the price came from outside and is not discounted. `left`, `taken`, `funded`: as of a parcel."""

    position: int
    line: BasketLine
    item: PricedItem
    quantity: int
    unit_price: int
    list_price: int
    amount: int
    parcel: DraftParcel
    fixed: bool
    left: int = 0
    taken: int = 0
    funded: int = 0


class Draft(Struct, gc=False):
    """The question and the work. `without` and `coupons` as in `quote`."""

    basket: Basket
    rules: Rules
    now: datetime
    without: frozenset[str]
    coupons: Mapping[str, Coupon]
    lines: list[DraftLine] = []
    parcels: list[DraftParcel] = []
    adjustments: list[Adjustment] = []
