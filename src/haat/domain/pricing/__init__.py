"""Pricing: what a basket costs, and why.

    basket + items + rules + now ──quote()──▶ quote: lines, vendors, totals, claims, receipt

`quote` is pure and fast: rules are compiled once when they change (`compile_rules`, `load_rules`) and only read afterwards.
Discounts, tax and funding are frozen to the unit (`share`), so that a refund is read off and never computed again. Counted limits
(uses, budgets) are not decided here but declared as `claims`, which the placing transaction admits. The receipt names each
rule with its version, and says of each coupon why it did not apply. A promotion kind is one file in `promotions/`.

`announce` words: «pricing» where rules changed, «prices» with the SKUs whose list prices did.
"""

from haat.domain.pricing.basket import Basket, BasketLine, PricedItem
from haat.domain.pricing.candidates import coupon_code
from haat.domain.pricing.commands import (
    CALCULATIONS,
    calculation_arguments,
    drop_prices,
    generate_coupons,
    put_coupons,
    put_fee_rates,
    put_price_lists,
    put_price_rules,
    put_prices,
    put_promotions,
    put_shipping_rates,
    put_tax_rates,
    record_calculations,
)
from haat.domain.pricing.promotion import Kinds, Part, Promotion
from haat.domain.pricing.queries import (
    Calculation,
    Former,
    Stored,
    batch,
    calculation,
    history,
    load_coupons,
    load_prices,
    load_rules,
    stored_rules,
)
from haat.domain.pricing.quote import quote
from haat.domain.pricing.quoted import (
    Adjustment,
    Claim,
    CouponOutcome,
    PassedOver,
    Quote,
    QuotedFee,
    QuotedLine,
    Receipt,
    Share,
    TaxNote,
    Totals,
    VendorTotals,
    share,
)
from haat.domain.pricing.rows import (
    Band,
    Conditions,
    Coupon,
    FeeRate,
    Hours,
    Price,
    PriceList,
    PriceRow,
    PriceRule,
    PromotionRow,
    ShippingRate,
    TaxRate,
)
from haat.domain.pricing.rules import Rules, compile_rules

__all__ = [
    "CALCULATIONS",
    "Adjustment",
    "Band",
    "Basket",
    "BasketLine",
    "Calculation",
    "Claim",
    "Conditions",
    "Coupon",
    "CouponOutcome",
    "FeeRate",
    "Former",
    "Hours",
    "Kinds",
    "Part",
    "PassedOver",
    "Price",
    "PriceList",
    "PriceRow",
    "PriceRule",
    "PricedItem",
    "Promotion",
    "PromotionRow",
    "Quote",
    "QuotedFee",
    "QuotedLine",
    "Receipt",
    "Rules",
    "Share",
    "ShippingRate",
    "Stored",
    "TaxNote",
    "TaxRate",
    "Totals",
    "VendorTotals",
    "batch",
    "calculation",
    "calculation_arguments",
    "compile_rules",
    "coupon_code",
    "drop_prices",
    "generate_coupons",
    "history",
    "load_coupons",
    "load_prices",
    "load_rules",
    "put_coupons",
    "put_fee_rates",
    "put_price_lists",
    "put_price_rules",
    "put_prices",
    "put_promotions",
    "put_shipping_rates",
    "put_tax_rates",
    "quote",
    "record_calculations",
    "share",
    "stored_rules",
]
