"""What is to be priced: the buyer's basket, and of each SKU what pricing must know of it.

Both are values that the caller brings; pricing asks nobody. Whatever only some market needs has a default.
"""

from msgspec import Struct

from haat.domain.pricing.rows import PriceRow


class PricedItem(Struct, frozen=True, gc=False):
    """A sellable SKU. `categories` holds its category and all ancestors; `price` is the base price of one unit.

    `stock` (units available) and `demand` (10,000 = usual pace) feed dynamic prices; None switches the signal off for this item.
    """

    sku: str
    vendor: str
    price: int
    currency: str
    tax_class: str = ""
    weight_g: int = 0
    category: str = ""
    categories: tuple[str, ...] = ()
    prices: tuple[PriceRow, ...] = ()
    stock: int | None = None
    demand: int | None = None


class BasketLine(Struct, frozen=True, gc=False):
    """`unit_price` and `freight` (of the whole line) are fixed from outside: a marketplace's sale, a B2B quote.

    A fixed price is neither chosen from lists nor discounted.
    """

    sku: str
    quantity: int
    unit_price: int | None = None
    freight: int | None = None
    tags: tuple[str, ...] = ()


class Basket(Struct, frozen=True, gc=False):
    """`customer` is the identity that per-customer limits count. `shipping_method` empty: nothing is shipped (pick-up, digital).

    `external`: the channel has already sold at its own prices; no promotions, shipping rates or fees apply, each line brings its
    price and freight, and tax is only ever contained in them, never added. `also_paid_by`: other methods that take a part of it;
    the fee of each is due, as if it took all, and a promotion of a method is for baskets that are paid by its methods only.
    """

    channel: str
    currency: str
    lines: tuple[BasketLine, ...]
    customer: str | None = None
    customer_group: str | None = None
    first_order: bool = False
    zone: str = ""
    coupons: tuple[str, ...] = ()
    payment_method: str = ""
    shipping_method: str = ""
    services: tuple[str, ...] = ()
    external: bool = False
    also_paid_by: tuple[str, ...] = ()
