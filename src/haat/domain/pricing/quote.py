"""From a basket to a quote: pure, a few microseconds, the same answer for the same question at any time.

    prices → item promotions → shipping → shipping promotions → tax per line → fees → totals

The order of lines and of coupons does not matter to any sum. Tax is taken from the discounted amount of a line, half up, once per line.
"""

from collections.abc import Mapping
from datetime import datetime

from haat.domain.pricing import delivery, promoting
from haat.domain.pricing.basket import Basket, PricedItem
from haat.domain.pricing.draft import DraftLine, DraftParcel, draft
from haat.domain.pricing.quoted import Adjustment, Quote, QuotedFee, QuotedLine, Receipt, Totals, VendorTotals
from haat.domain.pricing.rows import Coupon
from haat.domain.pricing.rules import Rules
from haat.domain.pricing.tax import Taxes
from haat.kernel.errors import Refused
from haat.kernel.money import AMOUNT_MAX

NOTHING: frozenset[str] = frozenset()
NO_COUPONS: Mapping[str, Coupon] = {}


def quote(
    basket: Basket,
    items: Mapping[str, PricedItem],
    rules: Rules,
    now: datetime,
    *,
    without: frozenset[str] = NOTHING,
    coupons: Mapping[str, Coupon] = NO_COUPONS,
) -> Quote:
    """Price a basket.

    `without`: promotions (or coupons) that are known to be used up. `coupons`: those of generated batches, which `rules` does not
    hold (see `load_coupons`). Raises Refused: basket_size, unknown_sku, invalid_quantity, price_missing, currency_mismatch,
    amount_out_of_range (these with `line`), too_many_coupons, no_tax_rate, no_shipping_rate, unknown_service. A coupon that does
    not apply is no refusal: the receipt says why.
    """
    adjustments: list[Adjustment] = []
    lines, by_vendor = draft(basket, items, rules, now, adjustments)
    parcels = list(by_vendor.values())
    promoted = promoting.promote(lines, parcels, basket, rules, now, without, coupons, adjustments)
    taxes = Taxes(rules, basket.zone, now, basket.external, {}, {})
    quoted, line_taxes = _lines(lines, taxes, len(parcels))
    vendors = tuple([_vendor(parcel, taxes, *line_taxes[parcel.position]) for parcel in parcels])
    collected = 0
    for vendor in vendors:
        collected += vendor.total
    fees: tuple[QuotedFee, ...] = ()
    if not basket.external and (basket.services or basket.payment_method in rules.payment_fees):
        fees = delivery.fees(basket, rules, now, collected, taxes, adjustments)
    receipt = Receipt(rules.version, tuple(adjustments), taxes.notes(), promoted.coupons, promoted.passed, basket.external)
    return Quote(basket.currency, quoted, vendors, fees, _totals(vendors, fees, collected), promoted.claims, receipt)


def _lines(lines: list[DraftLine], taxes: Taxes, vendors: int) -> tuple[tuple[QuotedLine, ...], list[list[int]]]:
    """The finished lines, and per vendor [tax, added tax]."""
    quoted: list[QuotedLine] = []
    sums = [[0, 0] for _ in range(vendors)]
    for line in lines:
        item, taken = line.item, line.taken
        total = line.amount - taken
        tax, rate, included = taxes.of(total, item.tax_class)
        tally = sums[line.parcel.position]
        tally[0] += tax
        if not included:
            tally[1] += tax
            total += tax
        units = _runs(taken, line.quantity) if taken else ()
        quoted.append(
            QuotedLine(
                item.sku, item.vendor, line.quantity, line.unit_price, line.list_price, taken, tax, total,
                item.tax_class, rate, included, units, line.funded,
            )
        )  # fmt: skip
    return tuple(quoted), sums


def _runs(discount: int, quantity: int) -> tuple[tuple[int, int], ...]:
    """A discount spread over units as evenly as minor units allow; the first units bear the remainder."""
    each, more = divmod(discount, quantity)
    if not more:
        return ((quantity, each),)
    return ((more, each + 1), (quantity - more, each))


def _vendor(parcel: DraftParcel, taxes: Taxes, tax: int, added: int) -> VendorTotals:
    shipping = parcel.amount - parcel.taken
    shipping_tax, rate, included = taxes.of(shipping, parcel.rate.tax_class) if parcel.rate else (0, 0, True)
    if not included:
        added += shipping_tax
    return VendorTotals(
        parcel.vendor, parcel.items, parcel.discount, shipping, tax + shipping_tax, parcel.items - parcel.discount + shipping + added,
        parcel.vendor_funded, parcel.taken, parcel.funded, shipping_tax, rate, included, parcel.weight_g,
    )  # fmt: skip


def _totals(vendors: tuple[VendorTotals, ...], fees: tuple[QuotedFee, ...], collected: int) -> Totals:
    items = discount = shipping = tax = shipping_discount = 0
    for vendor in vendors:
        items += vendor.items
        discount += vendor.discount
        shipping += vendor.shipping
        tax += vendor.tax
        shipping_discount += vendor.shipping_discount
    added = collected - items + discount - shipping
    charged = 0
    for fee in fees:
        charged += fee.amount
        tax += fee.tax
        added += fee.total - fee.amount
        collected += fee.total
    if collected > AMOUNT_MAX:
        raise Refused("amount_out_of_range", "the order's total is too large")
    return Totals(items, discount, shipping, tax, charged, collected, added, shipping_discount)
