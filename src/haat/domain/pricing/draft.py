"""A quote while it is being made: the only mutable values of this module, they never leave `quote`.

`draft` resolves SKUs, chooses each line's unit price and sorts the lines into one parcel per vendor.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from haat.domain.pricing import prices
from haat.domain.pricing.basket import Basket, BasketLine, PricedItem
from haat.domain.pricing.quoted import Adjustment
from haat.domain.pricing.rows import ShippingRate
from haat.domain.pricing.rules import Rules
from haat.kernel.errors import Refused
from haat.kernel.money import AMOUNT_MAX

LINES_MAX = 1_000
QUANTITY_MAX = 1_000_000


class DraftParcel(Struct):
    """What one vendor sends. `rated`: some line of it needs a shipping rate; `freight` is what the others brought along."""

    vendor: str
    position: int
    items: int = 0
    discount: int = 0
    vendor_funded: int = 0
    weight_g: int = 0
    rated: bool = False
    freight: int = 0
    amount: int = 0
    taken: int = 0
    funded: int = 0
    rate: ShippingRate | None = None


class DraftLine(Struct):
    """A line with its price. `fixed`: the price came from outside and is not discounted."""

    position: int
    line: BasketLine
    item: PricedItem
    quantity: int
    unit_price: int
    list_price: int
    amount: int
    parcel: DraftParcel
    fixed: bool
    taken: int = 0
    funded: int = 0


def draft(
    basket: Basket, items: Mapping[str, PricedItem], rules: Rules, now: datetime, adjustments: list[Adjustment]
) -> tuple[list[DraftLine], dict[str, DraftParcel]]:
    """Priced lines in basket order, parcels in the order of their first line. Raises Refused with the position of the bad line."""
    if not 0 < len(basket.lines) <= LINES_MAX:
        raise Refused("basket_size", f"a basket has 1 to {LINES_MAX} lines", lines=len(basket.lines))
    lines: list[DraftLine] = []
    parcels: dict[str, DraftParcel] = {}
    currency, shipped = basket.currency, bool(basket.shipping_method) and not basket.external
    for position, line in enumerate(basket.lines):
        item = items.get(line.sku)
        quantity, price = line.quantity, line.unit_price
        if item is None:
            raise Refused("unknown_sku", f"there is no product {line.sku}", line=position, sku=line.sku)
        if not 0 < quantity <= QUANTITY_MAX:
            raise Refused("invalid_quantity", f"a quantity is 1 to {QUANTITY_MAX}", line=position, sku=line.sku)
        if price is not None:
            fixed, list_price = True, price
        elif basket.external:
            raise Refused("price_missing", "an order with external prices brings each price", line=position, sku=line.sku)
        else:
            fixed, list_price, price = False, item.price, item.price
            if item.prices or rules.dynamic:
                price = prices.choose(item, quantity, position, basket, rules, now, adjustments)
            elif item.currency != currency:
                raise prices.mismatch(item, position, currency)
        freight = line.freight
        if not 0 <= price * quantity <= AMOUNT_MAX or (freight is not None and not 0 <= freight <= AMOUNT_MAX):
            raise Refused("amount_out_of_range", "an amount is negative or too large", line=position, sku=line.sku)
        parcel = parcels.get(item.vendor)
        if parcel is None:
            parcel = parcels[item.vendor] = DraftParcel(item.vendor, len(parcels))
        amount = price * quantity
        parcel.items += amount
        if freight is not None:
            parcel.freight += freight
        elif shipped:
            parcel.rated = True
            parcel.weight_g += item.weight_g * quantity
        lines.append(DraftLine(position, line, item, quantity, price, list_price, amount, parcel, fixed))
    return lines, parcels
