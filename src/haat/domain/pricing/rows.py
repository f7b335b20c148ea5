"""What an operator stores: price lists, promotions, coupons, tax rates, shipping rates, fees and dynamic price rules.

Rows are plain values with a readable `code` and a `version` that counts its changes, so that a receipt can name exactly the
rule that made a price. Amounts are minor units, rates are hundredths of a percent (permyriad), periods are half open:
`starts_at <= now < ends_at`, None is unbounded. An empty tuple in a condition means «any».
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[int, Meta(ge=0, le=10**15)]
Rate = Annotated[int, Meta(ge=0, le=10_000)]
Count = Annotated[int, Meta(ge=1, le=10**9)]
Words = tuple[str, ...]


class PriceList(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who sees a list of prices, and when. Of all lists that match, the highest `priority` decides."""

    code: Code
    currency: Currency
    title: str = ""
    channels: Words = ()
    customer_groups: Words = ()
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True
    version: int = 1


class PriceRow(Struct, frozen=True, omit_defaults=True):
    """The unit price of a SKU in the list `list`, from `min_quantity` units in one line on."""

    list: str
    amount: Amount
    min_quantity: Count = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Price(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A price row with its SKU, as it is written."""

    sku: str
    list: str
    amount: Amount
    min_quantity: Count = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Hours(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A weekly window in local time: ISO weekdays (1 Monday … 7 Sunday, empty: every day), `from_minute <= t < until_minute` of the day.

    A window whose end is not after its start runs over midnight and belongs to the day that it starts in.
    """

    weekdays: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = ()
    from_minute: Annotated[int, Meta(ge=0, le=1_439)] = 0
    until_minute: Annotated[int, Meta(ge=1, le=1_440)] = 1_440
    timezone: str = "Asia/Dhaka"


class Conditions(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When a promotion applies, and to which lines.

    `skus`, `categories` and `tags` are alternatives (a line of one of them is covered), `vendors` and the exclusions restrict them.
    `minimum_total` (before any discount) and `minimum_quantity` count covered lines only.
    """

    channels: Words = ()
    customer_groups: Words = ()
    zones: Words = ()
    payment_methods: Words = ()
    shipping_methods: Words = ()
    first_order: bool = False
    minimum_total: Amount = 0
    minimum_quantity: Annotated[int, Meta(ge=0)] = 0
    skus: Words = ()
    categories: Words = ()
    tags: Words = ()
    vendors: Words = ()
    excluded_skus: Words = ()
    excluded_categories: Words = ()
    hours: Hours | None = None


class PromotionRow(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A promotion as stored: a kind (plug-in) with its arguments, its conditions, limits and funding.

    `stacking`: «stackable» joins any other; «exclusive» competes with the exclusive ones of its `group`, the best deal for the buyer
    wins; exclusive without a group stands alone against all others. Stacked ones apply by `priority`, highest first, each on what
    the former left. `vendor_share`: the vendor's part of a «shared» discount.
    """

    code: Code
    kind: str
    args: dict[str, Any]
    title: str = ""
    automatic: bool = True
    conditions: Conditions = Conditions()
    priority: int = 0
    stacking: Literal["stackable", "exclusive"] = "stackable"
    group: str = ""
    currency: Literal[""] | Currency = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    uses: Count | None = None
    uses_per_customer: Count | None = None
    budget: Amount | None = None
    funded_by: Literal["platform", "vendor", "shared"] = "platform"
    vendor_share: Rate = 0
    active: bool = True
    version: int = 1


class Coupon(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A code that a buyer types; it opens `promotion`. `customer` binds it to one buyer. Codes are stored upper case."""

    code: Code
    promotion: Code
    uses: Count | None = None
    customer: str | None = None
    batch: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True


class TaxRate(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rate of a tax class while it is valid. A rate for the buyer's `zone` goes before the one for any zone (empty)."""

    tax_class: Code
    rate: Annotated[int, Meta(ge=0, le=100_000)]
    included: bool = True
    zone: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 1


class ShippingRate(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The fee for one vendor's parcel: `amount` up to `base_g` grams, then `step_amount` for every begun `step_g`.

    Free where the vendor's items after discount reach `free_above`. `vendor`, `zone` and `method` empty mean any;
    the vendor's own rate goes before the zone's, the zone's before the general one, the method's before any method's.
    """

    code: Code
    currency: Currency
    amount: Amount
    method: str = ""
    zone: str = ""
    vendor: str = ""
    base_g: Annotated[int, Meta(ge=0)] = 0
    step_g: Annotated[int, Meta(ge=0)] = 0
    step_amount: Amount = 0
    free_above: Amount | None = None
    tax_class: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 1


class FeeRate(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A fee for a way to pay or a service: `amount` plus `rate` of what is to be collected, within `minimum` and `maximum`.

    It falls due when `payment_method` or `service` (one of the two is set) is chosen. The base of `rate` is items − discount +
    shipping + added tax, before any fee.
    """

    code: Code
    currency: Currency
    payment_method: str = ""
    service: str = ""
    amount: Amount = 0
    rate: Rate = 0
    minimum: Amount = 0
    maximum: Amount | None = None
    channels: Words = ()
    tax_class: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 1


class Band(Struct, frozen=True, forbid_unknown_fields=True):
    """From `at_least` of the signal on, the price changes by `change` hundredths of a percent (negative: cheaper)."""

    at_least: int
    change: Annotated[int, Meta(ge=-10_000, le=100_000)]


class PriceRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A dynamic price: the highest band that the signal reaches moves the price, within guardrails.

    `signal`: «stock» is units available; «demand» is the recent pace of sales against the usual one, 10,000 = usual.
    `floor` and `ceiling` are hundredths of a percent of the price it starts from. The result is rounded half up to a multiple of
    `step` minor units where that stays within the guardrails. One rule moves an item: the highest priority that covers it.
    """

    code: Code
    signal: Literal["stock", "demand"]
    bands: tuple[Band, ...] = field(default=())
    floor: Annotated[int, Meta(ge=0, le=10_000)] = 8_000
    ceiling: Annotated[int, Meta(ge=10_000, le=100_000)] = 12_000
    step: Count = 1
    skus: Words = ()
    categories: Words = ()
    vendors: Words = ()
    channels: Words = ()
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True
    version: int = 1
