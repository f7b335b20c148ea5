"""A small market for pricing's tests: three vendors, Bangladesh's VAT, couriers, and any promotion a test brings."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import haat.domain.pricing.promotions
from haat.domain import pricing
from haat.engine import plugins

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)  # a Tuesday; 18:00 in Dhaka
KINDS: Mapping[str, pricing.Promotion] = plugins.load(haat.domain.pricing.promotions, "PROMOTION", pricing.Promotion)

ITEMS = {
    item.sku: item
    for item in (
        pricing.PricedItem("SHIRT", "rahim", 60_000, "BDT", "standard", 300, "shirts", ("shirts", "clothes")),
        pricing.PricedItem("SAREE", "rahim", 250_000, "BDT", "clothes", 700, "sarees", ("sarees", "clothes")),
        pricing.PricedItem("LAMP", "karim", 99_900, "BDT", "standard", 1_200, "lamps", ("lamps", "home")),
        pricing.PricedItem("RICE", "salma", 8_000, "BDT", "zero", 1_000, "rice", ("rice", "food")),
        pricing.PricedItem("IMPORT", "karim", 33_333, "BDT", "added", 500, "tools", ("tools", "home")),
    )
}

TAXES = (
    pricing.TaxRate("standard", 1_500),
    pricing.TaxRate("clothes", 750),
    pricing.TaxRate("zero", 0),
    pricing.TaxRate("added", 500, included=False),
    pricing.TaxRate("delivery", 1_500, included=False),
)
SHIPPING = (
    pricing.ShippingRate("dhaka", "BDT", 6_000, "courier", "dhaka", base_g=1_000, step_g=1_000, step_amount=2_000, free_above=500_000),
    pricing.ShippingRate("outside", "BDT", 12_000, "courier", "outside", base_g=1_000, step_g=500, step_amount=1_500, tax_class="delivery"),
    pricing.ShippingRate("salma-own", "BDT", 3_000, vendor="salma"),
)
FEES = (
    pricing.FeeRate("cod", "BDT", payment_method="cod", amount=500, rate=100, minimum=1_000, maximum=10_000),
    pricing.FeeRate("gift_wrap", "BDT", service="gift_wrap", amount=5_000, tax_class="added"),
)


def rules(*promotions: pricing.PromotionRow, **rows: Any) -> pricing.Rules:
    """The market's rules with these promotions; `rows` replace or add what `compile_rules` takes."""
    given: dict[str, Any] = {"version": 7, "tax_rates": TAXES, "shipping_rates": SHIPPING, "fee_rates": FEES, "kinds": KINDS} | rows
    compiled = pricing.compile_rules(promotions=promotions, **given)
    assert not compiled.dormant
    return compiled


def basket(*lines: tuple[str, int], **rest: Any) -> pricing.Basket:
    """A web order from Dhaka by courier."""
    given: dict[str, Any] = {"channel": "web", "currency": "BDT", "zone": "dhaka", "shipping_method": "courier"} | rest
    return pricing.Basket(lines=tuple(pricing.BasketLine(sku, quantity) for sku, quantity in lines), **given)


def percent(code: str, rate: int, **rest: Any) -> pricing.PromotionRow:
    return pricing.PromotionRow(code, "percent", {"rate": rate}, **rest)


def quoted(asked: pricing.Basket, known: pricing.Rules, **rest: Any) -> pricing.Quote:
    return pricing.quote(asked, ITEMS, known, NOW, **rest)


def adds_up(quote: pricing.Quote) -> bool:
    """Every level sums exactly to the next: units to lines, lines and adjustments to vendors, vendors and fees to totals."""
    for line in quote.lines:
        units = [pricing.share(line, first=n, units=1) for n in range(line.quantity)]
        for name in ("discount", "tax", "total", "vendor_funded"):
            assert sum(getattr(unit, name) for unit in units) == getattr(line, name), name
        assert all(unit.total >= 0 and 0 <= unit.discount <= line.unit_price for unit in units)
        assert sum(count for count, _ in line.unit_discounts) in (0, line.quantity)
        assert sum(count * each for count, each in line.unit_discounts) == line.discount
        assert line.total == line.quantity * line.unit_price - line.discount + (0 if line.tax_included else line.tax)
        assert 0 <= line.vendor_funded <= line.discount
    for vendor in quote.vendors:
        own = [line for line in quote.lines if line.vendor == vendor.vendor]
        assert vendor.items == sum(line.quantity * line.unit_price for line in own)
        assert vendor.discount == sum(line.discount for line in own)
        assert vendor.vendor_funded == sum(line.vendor_funded for line in own)
        assert vendor.tax == sum(line.tax for line in own) + vendor.shipping_tax
        assert vendor.total == sum(line.total for line in own) + vendor.shipping + (
            0 if vendor.shipping_tax_included else vendor.shipping_tax
        )
        assert vendor.shipping >= 0 and 0 <= vendor.shipping_funded <= vendor.shipping_discount
    totals = quote.totals
    for name in ("items", "discount", "shipping", "shipping_discount"):
        assert getattr(totals, name) == sum(getattr(vendor, name) for vendor in quote.vendors), name
    assert totals.tax == sum(vendor.tax for vendor in quote.vendors) + sum(fee.tax for fee in quote.fees)
    assert totals.tax == sum(note.tax for note in quote.receipt.taxes)
    assert totals.fees == sum(fee.amount for fee in quote.fees)
    assert totals.grand == sum(vendor.total for vendor in quote.vendors) + sum(fee.total for fee in quote.fees)
    assert totals.grand == totals.items - totals.discount + totals.shipping + totals.fees + totals.tax_added
    return True


def explains(quote: pricing.Quote) -> bool:
    """The receipt's adjustments account for every difference between base prices and what is paid before tax."""
    by_kind: dict[str, int] = {}
    for adjustment in quote.adjustments:
        by_kind[adjustment.kind] = by_kind.get(adjustment.kind, 0) + adjustment.amount
        assert not adjustment.shares or sum(part for _, part in adjustment.shares) == adjustment.amount
    moved = sum(line.quantity * (line.unit_price - line.list_price) for line in quote.lines)
    assert by_kind.get("price_list", 0) + by_kind.get("dynamic_price", 0) == moved
    assert by_kind.get("promotion", 0) == -quote.totals.discount
    assert by_kind.get("shipping_promotion", 0) == -quote.totals.shipping_discount
    if not quote.receipt.external:
        assert by_kind.get("shipping", 0) + by_kind.get("shipping_promotion", 0) == quote.totals.shipping
    assert by_kind.get("fee", 0) == quote.totals.fees
    return True
