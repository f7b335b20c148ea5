"""From a basket to a quote: pure, a few microseconds, the same answer for the same question at any time.

    prices → item promotions → shipping → shipping promotions → tax per line → fees → totals

The order of lines and of coupons does not matter to any sum. Tax is taken from the discounted amount of a line, half up, once per line.
"""

from collections.abc import Mapping
from datetime import datetime

from haat.domain.pricing import delivery, prices, promoting
from haat.domain.pricing.basket import Basket, BasketLine, PricedItem
from haat.domain.pricing.draft import Draft, DraftLine, DraftParcel
from haat.domain.pricing.quoted import Quote, QuotedFee, QuotedLine, Receipt, Totals, VendorTotals
from haat.domain.pricing.rows import Coupon
from haat.domain.pricing.rules import Rules
from haat.domain.pricing.tax import Taxes
from haat.kernel.errors import Refused
from haat.kernel.money import AMOUNT_MAX

LINES_MAX = 1_000
QUANTITY_MAX = 1_000_000
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
    draft = Draft(basket, rules, now, without, coupons)
    _fill(draft, items)
    promoted = promoting.promote(draft)
    taxes = Taxes(rules, basket.zone, now, basket.external)
    lines, line_taxes = _lines(draft, taxes)
    vendors = tuple([_vendor(parcel, taxes, *line_taxes[parcel.position]) for parcel in draft.parcels])
    collected = 0
    for vendor in vendors:
        collected += vendor.total
    fees: tuple[QuotedFee, ...] = ()
    if not basket.external and (basket.services or basket.also_paid_by or basket.payment_method in rules.payment_fees):
        fees = delivery.fees(draft, taxes, collected)
    receipt = Receipt(rules.version, tuple(draft.adjustments), taxes.notes(), promoted.coupons, promoted.passed, basket.external)
    return Quote(basket.currency, lines, vendors, fees, _totals(vendors, fees, collected), promoted.claims, receipt)


def _fill(draft: Draft, items: Mapping[str, PricedItem]) -> None:
    """Priced lines in basket order, parcels in the order of their first line."""
    basket, lines, parcels = draft.basket, draft.lines, draft.parcels
    if not 0 < len(basket.lines) <= LINES_MAX:
        raise Refused("basket_size", f"a basket has 1 to {LINES_MAX} lines", lines=len(basket.lines))
    by_vendor: dict[str, DraftParcel] = {}
    shipped = bool(basket.shipping_method) and not basket.external
    for position, line in enumerate(basket.lines):
        item = items.get(line.sku)
        if item is None:
            raise Refused("unknown_sku", f"there is no product {line.sku}", line=position, sku=line.sku)
        quantity, freight = line.quantity, line.freight
        price = _unit_price(draft, item, line, position)
        fixed = line.unit_price is not None
        amount = price * quantity
        if not 0 <= amount <= AMOUNT_MAX or (freight is not None and not 0 <= freight <= AMOUNT_MAX):
            raise Refused("amount_out_of_range", "an amount is negative or too large", line=position, sku=line.sku)
        parcel = by_vendor.get(item.vendor)
        if parcel is None:
            parcel = by_vendor[item.vendor] = DraftParcel(item.vendor, len(parcels))
            parcels.append(parcel)
        parcel.items += amount
        if freight is not None:
            parcel.freight += freight
            parcel.amount += freight
        elif shipped:
            parcel.rated = True
            parcel.weight_g += item.weight_g * quantity
        lines.append(DraftLine(position, line, item, quantity, price, price if fixed else item.price, amount, parcel, fixed))


def _unit_price(draft: Draft, item: PricedItem, line: BasketLine, position: int) -> int:
    if not 0 < line.quantity <= QUANTITY_MAX:
        raise Refused("invalid_quantity", f"a quantity is 1 to {QUANTITY_MAX}", line=position, sku=line.sku)
    if line.unit_price is not None:
        return line.unit_price
    if draft.basket.external:
        raise Refused("price_missing", "an order with external prices brings each price", line=position, sku=line.sku)
    if item.prices or draft.rules.dynamic:
        return prices.choose(draft, item, line.quantity)
    if item.currency != draft.basket.currency:
        raise prices.mismatch(item, position, draft.basket.currency)
    return item.price


def _lines(draft: Draft, taxes: Taxes) -> tuple[tuple[QuotedLine, ...], list[list[int]]]:
    """The finished lines, and per vendor [tax, added tax]."""
    quoted: list[QuotedLine] = []
    sums = [[0, 0] for _ in draft.parcels]
    for line in draft.lines:
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
