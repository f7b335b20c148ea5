"""What delivery and extra services cost: one shipping fee per vendor's parcel, and fees for ways to pay and for services.

Lookup goes from the particular to the general: the vendor's own rate for zone and method, its rate for any method, any zone, then
the same for all vendors. A market without shipping rates ships for nothing; where there are rates and none fits, the
basket is refused: we do not deliver there.
"""

from collections.abc import Iterable
from datetime import datetime

from haat.domain.pricing.basket import Basket
from haat.domain.pricing.draft import Draft
from haat.domain.pricing.quoted import Adjustment, QuotedFee
from haat.domain.pricing.rows import FeeRate, ShippingRate
from haat.domain.pricing.rules import valid
from haat.domain.pricing.tax import Taxes
from haat.kernel.errors import Refused
from haat.kernel.money import permyriad


def charge(draft: Draft) -> None:
    """Set every parcel's fee from its weight and its items after discount. May be asked again after the discounts changed."""
    for parcel in draft.parcels:
        parcel.amount = parcel.freight
        if not parcel.rated or not draft.rules.shipping:
            continue
        rate = parcel.rate or _rate(draft, parcel.vendor)
        parcel.rate = rate
        if rate.free_above is not None and parcel.items - parcel.discount >= rate.free_above:
            continue
        parcel.amount += rate.amount
        over_g = parcel.weight_g - rate.base_g
        if over_g > 0 and rate.step_g:
            parcel.amount += -(-over_g // rate.step_g) * rate.step_amount


def explain(draft: Draft) -> None:
    """Add what each parcel costs, and by which rate, to the receipt. Freight from outside has no rule: version 0."""
    adjustments = draft.adjustments
    for parcel in draft.parcels:
        if parcel.rate is not None:
            amount = parcel.amount - parcel.freight
            adjustments.append(Adjustment("shipping", parcel.rate.code, parcel.rate.version, amount, ((parcel.position, amount),)))
        if parcel.freight:
            adjustments.append(Adjustment("shipping", "freight", 0, parcel.freight, ((parcel.position, parcel.freight),)))


def fees(draft: Draft, taxes: Taxes, collected: int) -> tuple[QuotedFee, ...]:
    """The fees that fall due for these ways to pay and these services; `collected` is the base of percentage fees."""
    basket, rules, now = draft.basket, draft.rules, draft.now
    due: list[FeeRate] = []
    if basket.payment_method in rules.payment_fees:
        due += _due(rules.payment_fees[basket.payment_method], basket, now)
    for method in basket.also_paid_by:
        due += _due(rules.payment_fees.get(method, ()), basket, now)
    for service in dict.fromkeys(basket.services):
        found = _due(rules.service_fees.get(service, ()), basket, now)
        if not found:
            raise Refused("unknown_service", f"the service {service} is not offered here", service=service)
        due += found
    quoted: list[QuotedFee] = []
    for rate in due:
        amount = max(rate.amount + permyriad(collected, rate.rate), rate.minimum)
        if rate.maximum is not None:
            amount = min(amount, rate.maximum)
        tax, tax_rate, included = taxes.of(amount, rate.tax_class)
        quoted.append(QuotedFee(rate.code, amount, tax, amount if included else amount + tax, tax_rate, included))
        draft.adjustments.append(Adjustment("fee", rate.code, rate.version, amount))
    return tuple(quoted)


def _due(rates: Iterable[FeeRate], basket: Basket, now: datetime) -> list[FeeRate]:
    """The valid ones, each code once (its youngest row)."""
    found: dict[str, FeeRate] = {}
    for rate in rates:
        if rate.currency == basket.currency and (not rate.channels or basket.channel in rate.channels) and valid(rate, now):
            found.setdefault(rate.code, rate)
    return list(found.values())


def _rate(draft: Draft, vendor: str) -> ShippingRate:
    basket, now = draft.basket, draft.now
    currency, zone, method = basket.currency, basket.zone, basket.shipping_method
    for owner in (vendor, ""):
        rates = draft.rules.shipping.get(owner)
        if rates is None:
            continue
        for key in ((currency, zone, method), (currency, zone, ""), (currency, "", method), (currency, "", "")):
            for row in rates.get(key, ()):
                if valid(row, now):
                    return row
    raise Refused("no_shipping_rate", f"no delivery by {method} to {zone or 'this address'}", zone=zone, method=method, vendor=vendor)
