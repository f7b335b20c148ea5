"""The market in memory: everything that a quote and a verdict ask for, as one process knows it.

Products and prices are loaded when first asked for, rules and parties whole; all of it is dropped when a change is announced
(engine/changes.py), so nothing here is older than a second. Reading it is a dictionary lookup.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from haat.domain import catalogue, channels, inventory, orders, people, pricing, vendors
from haat.engine.changes import Keyed, Memory, Whole
from haat.engine.database import Database, Lost, Tx
from haat.kernel.errors import HaatError

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


#: (tx, SKUs) -> {SKU: (units available, pace of sales with 10,000 = usual)}; None: nothing to count, nothing to compare
Signals = Callable[[Tx, Sequence[str]], Awaitable[Mapping[str, tuple[int | None, int | None]]]]
BUYERS_MAX = 100_000
SIGNALS_EACH_S = 1.0


class _Ruled(msgspec.Struct, frozen=True):
    """The rules, and what of a buyer they ask about at all."""

    rules: pricing.Rules
    groups: bool
    first_orders: bool


ByWhen = Callable[[tuple[str, ...], orders.Place, datetime], datetime | None]


class Market:
    """The copies of one process. `policy` says which orders are taken, at the moment of asking; `checks` are the rules that go by it."""

    def __init__(
        self,
        database: Database,
        memory: Memory,
        *,
        policy: Callable[[], orders.Policy],
        checks: orders.Rules,
        promotions: Mapping[str, pricing.Promotion],
        signals: Signals | None = None,
    ) -> None:
        self.database = database
        self.policy = policy
        self.checks = checks
        self._promotions = promotions
        self._items: Keyed[Item] = Keyed({"catalogue", "prices"}, self._load_items)
        self._signals = signals
        self._rules: Whole[_Ruled] = Whole({"pricing"}, self._load_rules)
        self._groups: Keyed[str] = Keyed({people.CUSTOMERS}, _load_groups, size_max=BUYERS_MAX)
        self._have_ordered: set[str] = set()
        self._parties: Whole[Parties] = Whole({"channels", "vendors", "locations", "people"}, _load_parties)
        #: The day by which a basket of these vendors would be there, None where nothing can be promised. Whoever fulfils says so.
        self.by_when: ByWhen = lambda sellers, place, now: None
        memory.keep(self._items, self._rules, self._parties, self._groups)

    async def know(self, skus: Iterable[str]) -> None:
        """Load what is not in memory yet; at once when everything is."""
        if not self.knows(skus):
            await self._items.ensure(self.database, set(skus))

    def knows(self, skus: Iterable[str]) -> bool:
        """Whether all of these are in memory."""
        return self._items.values.keys() >= set(skus)

    @property
    def curious(self) -> bool:
        """Whether any rule asks who the buyer is (`meet`)."""
        asked = self._rules.value
        return asked.groups or asked.first_orders

    async def meet(self, customer: str, phone: str) -> None:
        """Find out about a buyer what the rules ask: the customer's group, whether this would be a first order."""
        asked = self._rules.value
        if asked.groups and customer and customer not in self._groups.values:
            await self._groups.ensure(self.database, [customer])
        buyer = customer or phone
        if asked.first_orders and buyer and buyer not in self._have_ordered:
            async with self.database.reading() as tx:
                if await orders.has_ordered(tx, customer=customer, phone=phone):
                    if len(self._have_ordered) >= BUYERS_MAX:
                        self._have_ordered.clear()
                    self._have_ordered.add(buyer)

    def group_of(self, customer: str) -> str | None:
        """The group of a registered customer who was met."""
        return self._groups.values.get(customer) or None if customer else None

    def first_order(self, buyer: str) -> bool:
        """Whether an order of this buyer would be the first; somebody who was not met has not ordered."""
        return self._rules.value.first_orders and buyer not in self._have_ordered

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep the signals of dynamic prices fresh, each second, while there is a rule that asks for them."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SIGNALS_EACH_S)
            if self._signals is not None and self.rules.dynamic:
                with suppress(*Lost, HaatError):
                    await self._refresh_signals(self._signals)

    async def _refresh_signals(self, signals: Signals) -> None:
        values = self._items.values
        known = [sku for sku, item in values.items() if item is not None]
        async with self.database.reading() as tx:
            found = await signals(tx, known)
        for sku, (stock, demand) in found.items():
            item = values.get(sku)
            if item is not None and (item.priced.stock, item.priced.demand) != (stock, demand):
                values[sku] = msgspec.structs.replace(item, priced=msgspec.structs.replace(item.priced, stock=stock, demand=demand))

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
        return self._rules.value.rules

    @property
    def parties(self) -> Parties:
        return self._parties.value

    async def _load_rules(self, tx: Tx) -> _Ruled:
        rules = await pricing.load_rules(tx, self._promotions)
        conditions = [promotion.row.conditions for promotion in rules.promotions.values()]
        return _Ruled(
            rules,
            any(c.customer_groups for c in conditions) or any(price_list.customer_groups for price_list in rules.lists.values()),
            any(c.first_order for c in conditions),
        )

    async def _load_items(self, tx: Tx, skus: Sequence[str]) -> dict[str, Item]:
        products = await catalogue.products(tx, skus)
        prices = await pricing.load_prices(tx, skus)
        signals = await self._signals(tx, skus) if self._signals is not None and self.rules.dynamic else NO_SIGNALS
        return {sku: _item(product, prices.get(sku, ()), *signals.get(sku, (None, None))) for sku, product in products.items()}


NO_SIGNALS: Mapping[str, tuple[int | None, int | None]] = {}


async def _load_groups(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    found = await people.customers(tx, [i for i in ids if _UUID(i)])
    return {customer_id: customer.group or "" for customer_id, customer in found.items()}


_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch


def _item(product: catalogue.Product, prices: tuple[pricing.PriceRow, ...], stock: int | None, demand: int | None) -> Item:
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
        stock=stock,
        demand=demand,
    )
    parts = tuple((part.sku, part.quantity) for part in product.kit) or ((product.sku, 1),)
    return Item(product, priced, parts, product.name_en or product.name_bn)


async def _load_parties(tx: Tx) -> Parties:
    places = await inventory.locations(tx)
    return Parties(
        channels=await channels.load_all(tx),
        vendors=await vendors.load_all(tx),
        places={place.code: place.priority for place in places.values() if place.active},
        blocks=await people.load_blocks(tx),
    )
