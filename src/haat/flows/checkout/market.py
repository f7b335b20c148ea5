"""The market in memory: everything that a quote and a verdict ask for, as one process knows it.

Products and prices are loaded when first asked for, rules and parties whole; all of it is dropped when a change is announced
(engine/changes.py), so nothing here is older than a second. Reading it is a dictionary lookup.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from haat.domain import catalogue, channels, inventory, orders, people, pricing, vendors
from haat.engine.changes import Keyed, Memory, Whole
from haat.engine.database import Database, Tx

NO_COUPONS: Mapping[str, pricing.Coupon] = {}


class Item(msgspec.Struct, frozen=True):
    """A SKU as the catalogue sells it and as pricing knows it. `demand`: (component SKU, units) of one unit sold."""

    product: catalogue.Product
    priced: pricing.PricedItem
    demand: tuple[tuple[str, int], ...]
    name: str


class Parties(msgspec.Struct, frozen=True):
    """Who takes part: channels, vendors, places with their priority (active ones only), blocked buyers."""

    channels: Mapping[str, channels.Channel]
    vendors: Mapping[str, vendors.Vendor]
    places: Mapping[str, int]
    blocks: people.Blocks


class Market:
    """The copies of one process. `policy` and `checks` are settings of the market and fixed while it runs."""

    def __init__(
        self,
        database: Database,
        memory: Memory,
        *,
        policy: orders.Policy,
        checks: orders.Rules,
        promotions: Mapping[str, pricing.Promotion],
    ) -> None:
        self.database = database
        self.policy = policy
        self.external_policy = orders.for_external(policy)
        self.checks = checks
        self._promotions = promotions
        self._items: Keyed[Item] = Keyed({"catalogue", "prices"}, _load_items)
        self._rules: Whole[pricing.Rules] = Whole({"pricing"}, self._load_rules)
        self._parties: Whole[Parties] = Whole({"channels", "vendors", "locations", "people"}, _load_parties)
        memory.keep(self._items, self._rules, self._parties)

    async def know(self, skus: Iterable[str]) -> None:
        """Load what is not in memory yet; at once when everything is."""
        values = self._items.values
        if not all(sku in values for sku in skus):
            await self._items.ensure(self.database, set(skus))

    async def coupons(self, codes: Sequence[str]) -> Mapping[str, pricing.Coupon]:
        """Those of generated batches among `codes`: there may be millions, so they are looked up when somebody types one."""
        if not codes:
            return NO_COUPONS
        async with self.database.reading() as tx:
            return await pricing.load_coupons(tx, codes)

    def item(self, sku: str) -> Item | None:
        return self._items.values.get(sku)

    @property
    def rules(self) -> pricing.Rules:
        return self._rules.value

    @property
    def parties(self) -> Parties:
        return self._parties.value

    async def _load_rules(self, tx: Tx) -> pricing.Rules:
        return await pricing.load_rules(tx, self._promotions)


async def _load_items(tx: Tx, skus: Sequence[str]) -> dict[str, Item]:
    products = await catalogue.products(tx, skus)
    prices = await pricing.load_prices(tx, skus)
    return {sku: _item(product, prices.get(sku, ())) for sku, product in products.items()}


def _item(product: catalogue.Product, prices: tuple[pricing.PriceRow, ...]) -> Item:
    priced = pricing.PricedItem(
        sku=product.sku,
        vendor=product.vendor,
        price=product.price,
        currency=product.currency,
        tax_class=product.tax_class,
        weight_g=product.weight_g,
        category=product.category,
        categories=product.categories,
        prices=prices,
    )
    demand = tuple((part.sku, part.quantity) for part in product.kit) or ((product.sku, 1),)
    return Item(product, priced, demand, product.name_en or product.name_bn)


async def _load_parties(tx: Tx) -> Parties:
    places = await inventory.locations(tx)
    return Parties(
        channels=await channels.load_all(tx),
        vendors=await vendors.load_all(tx),
        places={place.code: place.priority for place in places.values() if place.active},
        blocks=await people.load_blocks(tx),
    )
