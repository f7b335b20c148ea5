"""What must stand before the first order of a dump: its sellers, goods and people, and enough stock that nothing is short.

Each part looks at what is there and writes only what is missing, so a second import writes nothing. Prices are what was last
charged; orders bring their own. The dump knows no stock: what its orders took is received at one location of the channel.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar
from uuid import UUID

from haat.domain import catalogue, channels, inventory, orders, people, pricing, vendors
from haat.faces.cli.house import Runtime
from haat.faces.cli.olist.reader import COUNTRY, CURRENCY, Dump, Offer, Seller
from haat.kernel.errors import Broken

CHANNEL = "olist"
LOCATION = "olist"
TIMEZONE = "America/Sao_Paulo"
PAGE = 2_000
Item = TypeVar("Item")
Advance = Callable[[int], None]


def pages(items: Iterable[Item], size: int = PAGE) -> Iterator[list[Item]]:
    """The items, so many at a time."""
    walking = iter(items)
    while page := list(islice(walking, size)):
        yield page


async def parties(runtime: Runtime, dump: Dump) -> None:
    """The channel with its location, and the sellers as vendors, approved: they were selling."""
    now = runtime.clock.now()
    channel = channels.ChannelSheet(
        code=CHANNEL, kind="marketplace", name="Olist", currency=CURRENCY, language="pt-BR", external_pricing=True
    )
    async with runtime.database.transaction(by="system") as tx:
        await channels.upsert(tx, [channel], now=now)
        if LOCATION not in await inventory.locations(tx):
            await inventory.put_locations(tx, [inventory.Location(LOCATION, "Olist sellers", kind="warehouse", country=COUNTRY)])
    for page in pages(dump.sellers.values()):
        async with runtime.database.transaction() as tx:
            known = await vendors.vendors(tx, [seller.id for seller in page])
            fresh = [_vendor(seller) for seller in page if seller.id not in known]
            await vendors.upsert(tx, fresh, now=now, initially="approved")


async def goods(runtime: Runtime, dump: Dump, advance: Advance) -> None:
    """The offers as products. Their tax is in their prices and nobody's to reckon, so the rate of their class is nothing."""
    now = runtime.clock.now()
    names = sorted({offer.category for offer in dump.offers.values()})
    async with runtime.database.transaction() as tx:
        known = await catalogue.categories(tx)
        sheets = [catalogue.CategorySheet(code=_category(name), name_en=name.replace("_", " ").capitalize() or "Other") for name in names]
        if fresh := [sheet for sheet in sheets if sheet.code not in known]:
            await catalogue.upsert_categories(tx, fresh)
        if runtime.market.rules.taxes:  # where any rate stands every class needs one; where none does, one would be the only one
            await pricing.put_tax_rates(tx, [pricing.TaxRate(CHANNEL, 0)], now=now)
    for page in pages(dump.offers.values()):
        async with runtime.database.transaction() as tx:
            done = await catalogue.upsert(tx, [_sheet(offer) for offer in page], now=now)
        if done.refusals:
            raise Broken(f"an offer of the dump cannot be a product: {done.refusals[0]}")
        advance(len(page))


async def customers(runtime: Runtime, dump: Dump, advance: Advance) -> dict[str, str]:
    """The people, known by the dump's id for them; returns their ids by it."""
    found: dict[str, str] = {}
    for page in pages(dump.customers):
        async with runtime.database.transaction() as tx:
            known = await people.customers_by_reference(tx, [_reference(person) for person in page])
            fresh = [person for person in page if _reference(person) not in known]
            sheets = [people.CustomerSheet(id=runtime.draw.uuid(), reference=_reference(person)) for person in fresh]
            made = await people.upsert_customers(tx, sheets, now=runtime.clock.now())
        found.update((person, known[_reference(person)].id) for person in page if _reference(person) in known)
        found.update((person, customer.id) for person, customer in zip(fresh, made, strict=True))
        advance(len(page))
    return found


async def standing(runtime: Runtime, dump: Dump) -> set[str]:
    """The dump's ids of the orders that Haat has already."""
    found: set[str] = set()
    for page in pages(order.id for order in dump.heads):
        async with runtime.database.reading() as tx:
            found.update(external_id for _, external_id in await orders.by_external_id(tx, [(CHANNEL, order_id) for order_id in page]))
    return found


async def receive(runtime: Runtime, dump: Dump, placed: set[str]) -> None:
    """What the missing orders will take and is not free is received."""
    demand: dict[str, int] = {}
    for head in dump.heads:
        if head.id not in placed:
            for line in dump.lines[head.id]:
                demand[line.sku] = demand.get(line.sku, 0) + line.quantity
    now = runtime.clock.now()
    for page in pages(sorted(demand)):
        async with runtime.database.transaction() as tx:
            on_hand = {level.sku: (level.on_hand, level.on_hand - level.reserved) for level in await inventory.levels(tx, page, LOCATION)}
            moves = []
            for sku in page:
                there, free = on_hand.get(sku, (0, 0))
                if (short := demand[sku] - max(free, 0)) > 0:
                    moves.append(inventory.Movement(_receipt_id(sku, there, short), sku, LOCATION, short, "receipt", CHANNEL))
            if moves:
                await inventory.move(tx, moves, actor="system", now=now)


def _vendor(seller: Seller) -> vendors.VendorSheet:
    return vendors.VendorSheet(
        code=seller.id, name_en=f"Seller {seller.id[:8]}", city=seller.city.title(), zone=seller.state, country=COUNTRY, timezone=TIMEZONE
    )


def _sheet(offer: Offer) -> catalogue.ProductSheet:
    return catalogue.ProductSheet(
        sku=offer.sku,
        vendor=offer.seller,
        product=offer.product,
        name_en=offer.name,
        category=_category(offer.category),
        tax_class=CHANNEL,
        price=offer.price,
        currency=CURRENCY,
        weight_g=offer.weight_g or 0,
        size_mm=offer.size_mm,
    )


def _category(name: str) -> str:
    return f"{CHANNEL}-{name or 'other'}"


def _reference(person: str) -> str:
    return f"{CHANNEL}:{person}"


def _receipt_id(sku: str, on_hand: int, quantity: int) -> str:
    """Two imports at once that see the same shelf make the same receipt, which happens once."""
    digest = hashlib.blake2b(f"{sku} {on_hand} {quantity}".encode(), digest_size=16).hexdigest()
    return str(UUID(digest))
