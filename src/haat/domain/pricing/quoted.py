"""What pricing answers: a quote, frozen to the unit, and its receipt.

    units → line → vendor → totals       every level sums exactly to the next

`tax` always counts all tax; the part of it that is not already inside the prices is added to the totals (`tax_added`).
    line.total    = quantity × unit_price − discount + added tax
    vendor.total  = items − discount + shipping + added tax
    totals.grand  = items − discount + shipping + fees + tax_added = Σ vendor.total + Σ fee.total
`shipping` is what the buyer pays, after `shipping_discount`.
"""

from typing import Literal

from msgspec import Struct


class QuotedLine(Struct, frozen=True, gc=False):
    """`unit_discounts` are runs (units, discount of each), first unit first; empty where nothing is discounted.

    `vendor_funded` is the vendor's part of `discount`, the platform bears the rest. `list_price` is the base price, before lists,
    dynamic rules and promotions.
    """

    sku: str
    vendor: str
    quantity: int
    unit_price: int
    list_price: int
    discount: int
    tax: int
    total: int
    tax_class: str
    tax_rate: int
    tax_included: bool
    unit_discounts: tuple[tuple[int, int], ...]
    vendor_funded: int


class VendorTotals(Struct, frozen=True, gc=False):
    """One vendor's part of the order. `tax` contains `shipping_tax`; `shipping_funded` is what the vendor bears of `shipping_discount`."""

    vendor: str
    items: int
    discount: int
    shipping: int
    tax: int
    total: int
    vendor_funded: int = 0
    shipping_discount: int = 0
    shipping_funded: int = 0
    shipping_tax: int = 0
    shipping_tax_rate: int = 0
    shipping_tax_included: bool = True
    weight_g: int = 0


class QuotedFee(Struct, frozen=True, gc=False):
    """A fee of the order as a whole. `total` is what is paid: `amount`, and the tax where it is not included."""

    code: str
    amount: int
    tax: int
    total: int
    tax_rate: int = 0
    tax_included: bool = True


class Totals(Struct, frozen=True, gc=False):
    """Sums of the order; see the module's head for how they hang together."""

    items: int
    discount: int
    shipping: int
    tax: int
    fees: int
    grand: int
    tax_added: int = 0
    shipping_discount: int = 0


class Claim(Struct, frozen=True, gc=False):
    """A counted limit to be taken at commit: `amount` of `key`, never beyond `cap` in all.

    A refused claim with a `coupon` refuses the order; without one the promotion was automatic and the caller quotes again
    `without` it.
    """

    key: str
    amount: int
    cap: int
    promotion: str = ""
    coupon: str = ""


class Adjustment(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a rule did to the sum: `amount` is signed as the buyer feels it, `shares` are its parts by position.

    Positions count lines, for `shipping` and `shipping_promotion` vendors (in the order of `Quote.vendors`).
    """

    kind: Literal["price_list", "dynamic_price", "promotion", "shipping", "shipping_promotion", "fee"]
    code: str
    version: int
    amount: int
    shares: tuple[tuple[int, int], ...] = ()
    coupon: str = ""
    vendor_funded: int = 0


Reason = Literal[
    "unknown", "inactive", "not_started", "expired", "other_customer", "needs_customer", "not_first_order",
    "wrong_channel", "wrong_group", "wrong_zone", "wrong_payment_method", "wrong_shipping_method", "wrong_currency", "wrong_time",
    "no_eligible_line", "minimum_total", "minimum_quantity", "no_effect", "better_deal", "used_up", "already_applied", "external_prices",
]  # fmt: skip


class CouponOutcome(Struct, frozen=True, omit_defaults=True, gc=False):
    """`amount` is what the coupon took off; `reason` is empty where it applied.

    `missing` is how much is still wanted for a minimum; `winner` names the promotion that was the better deal.
    """

    code: str
    promotion: str = ""
    amount: int = 0
    reason: Literal[""] | Reason = ""
    missing: int = 0
    winner: str = ""


class PassedOver(Struct, frozen=True, omit_defaults=True, gc=False):
    """An automatic promotion that covered something in the basket and yet did not apply: a minimum was missed, or a better deal won."""

    code: str
    version: int
    reason: Reason
    missing: int = 0
    winner: str = ""


class TaxNote(Struct, frozen=True, omit_defaults=True, gc=False):
    """A tax rate that was used, and all the tax that came of it."""

    tax_class: str
    rate: int
    version: int
    tax: int
    added: bool = False


class Receipt(Struct, frozen=True, omit_defaults=True, gc=False):
    """Why the sums are what they are. Together with the basket and the rules of that version it replays to the same quote."""

    rules: int
    adjustments: tuple[Adjustment, ...] = ()
    taxes: tuple[TaxNote, ...] = ()
    coupons: tuple[CouponOutcome, ...] = ()
    passed: tuple[PassedOver, ...] = ()
    external: bool = False


class Quote(Struct, frozen=True, gc=False):
    """A priced basket: lines in the basket's order, vendors in the order of their first line."""

    currency: str
    lines: tuple[QuotedLine, ...]
    vendors: tuple[VendorTotals, ...]
    fees: tuple[QuotedFee, ...]
    totals: Totals
    claims: tuple[Claim, ...]
    receipt: Receipt

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """Those of the receipt."""
        return self.receipt.adjustments


class Share(Struct, frozen=True, gc=False):
    """The money of some units of a line."""

    amount: int
    discount: int
    tax: int
    total: int
    vendor_funded: int


def share(line: QuotedLine, *, first: int, units: int) -> Share:
    """What units `first` … `first + units − 1` (counted from 0) of a line cost; never recomputed from rules.

    Shares of disjoint ranges that cover the line sum to the line, to the minor unit: each is the difference of two running sums
    (tax and funding: half up of the running discounted amount). O(runs).
    """
    if first < 0 or units < 0 or first + units > line.quantity:
        raise ValueError(f"units {first}+{units} are outside a line of {line.quantity}")
    low, high = _running(line, first), _running(line, first + units)
    return Share(*(end - start for start, end in zip(low, high, strict=True)))


def _running(line: QuotedLine, units: int) -> tuple[int, int, int, int, int]:
    amount = units * line.unit_price
    discount, left = 0, units
    for count, each in line.unit_discounts:
        taken = min(count, left)
        discount += taken * each
        left -= taken
    paid, paid_whole = amount - discount, line.quantity * line.unit_price - line.discount
    tax = (2 * line.tax * paid + paid_whole) // (2 * paid_whole) if paid_whole else 0
    funded = (2 * line.vendor_funded * discount + line.discount) // (2 * line.discount) if line.discount else 0
    return amount, discount, tax, paid if line.tax_included else paid + tax, funded
