"""The demo market's reference data into its modules: everything that must stand before the first order.

Each part is an upsert that changes nothing when it is repeated; stock is received under ids made of what is received.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.domain import catalogue, channels, inventory, people, pricing, vendors
from haat.engine.database import Tx
from haat.faces.cli.demo.market import Market
from haat.faces.cli.house import Runtime
from haat.kernel import ids
from haat.kernel.errors import Broken
from haat.kernel.time import unix_ms

OPENED = timedelta(days=61)  # the market opened a day before its first order
BUYER = {
    "name": "Rahima Khatun",
    "phone": "+8801712345678",
    "reference": "demo-buyer",
}  # whom the README's order and the demo key belong to


async def stock(runtime: Runtime, demo: Market, kinds: Mapping[str, pricing.Promotion], began: datetime) -> dict[str, people.Customer]:
    """The market without its orders; returns its customers by phone."""
    opened = began - OPENED
    async with runtime.database.transaction(by="system") as tx:
        await _parties(tx, demo, opened)
    async with runtime.database.transaction(by="system") as tx:
        await _prices(tx, demo, kinds, opened)
    async with runtime.database.transaction() as tx:
        await _goods(tx, demo, opened)
    async with runtime.database.transaction() as tx:
        sheets = [
            people.CustomerSheet(
                id=runtime.draw.uuid(), name=row["name"], phone=row["phone"], reference=row["reference"], group=row.get("group") or None
            )
            for row in [*demo.customers, BUYER]
        ]
        found = await people.upsert_customers(tx, sheets, now=opened)
    return {customer.phone: customer for customer in found if customer.phone is not None}


async def _parties(tx: Tx, demo: Market, opened: datetime) -> None:
    await channels.upsert(tx, msgspec.convert(demo.channels, list[channels.ChannelSheet]), now=opened)
    await vendors.upsert(tx, msgspec.convert(demo.vendors, list[vendors.VendorSheet]), now=opened, initially="approved")
    await inventory.put_locations(tx, msgspec.convert(demo.locations, list[inventory.Location]))


async def _prices(tx: Tx, demo: Market, kinds: Mapping[str, pricing.Promotion], opened: datetime) -> None:
    await pricing.put_price_lists(tx, msgspec.convert(demo.price_lists, list[pricing.PriceList]), now=opened)
    await pricing.put_tax_rates(tx, msgspec.convert(demo.tax_rates, list[pricing.TaxRate]), now=opened)
    await pricing.put_shipping_rates(tx, msgspec.convert(demo.shipping_rates, list[pricing.ShippingRate]), now=opened)
    await pricing.put_fee_rates(tx, msgspec.convert(demo.fee_rates, list[pricing.FeeRate]), now=opened)
    await pricing.put_price_rules(tx, msgspec.convert(demo.price_rules, list[pricing.PriceRule]), now=opened)
    await pricing.put_promotions(tx, msgspec.convert(demo.promotions, list[pricing.PromotionRow]), kinds, now=opened)
    await pricing.put_coupons(tx, msgspec.convert(demo.coupons, list[pricing.Coupon]), now=opened)
    await pricing.put_prices(tx, msgspec.convert(demo.prices, list[pricing.Price]))


async def _goods(tx: Tx, demo: Market, opened: datetime) -> None:
    await catalogue.upsert_categories(tx, msgspec.convert(demo.categories, list[catalogue.CategorySheet]))
    sheets = msgspec.convert(demo.products, list[catalogue.ProductSheet])
    plain, kits = [sheet for sheet in sheets if not sheet.kit], [sheet for sheet in sheets if sheet.kit]
    for together in (plain, kits):
        done = await catalogue.upsert(tx, together, now=opened)
        if done.refusals:
            raise Broken(f"the demo's products are not in order: {done.refusals[0]}")
    received = [
        inventory.Movement(_receipt_id(row, opened), row["sku"], row["location"], row["quantity"], "receipt", "demo") for row in demo.stock
    ]
    await inventory.move(tx, received, actor="system", now=opened)
    first = demo.locations[0]["code"]
    terms = [
        inventory.Terms(sheet.sku, first, sheet.backorder.limit, sheet.backorder.expected_at)
        for sheet in plain
        if sheet.backorder is not None
    ]
    await inventory.put_terms(tx, terms)


def _receipt_id(row: dict[str, Any], opened: datetime) -> str:
    """The same receipt has the same id, so that it happens once."""
    digest = hashlib.blake2b(f"{row['sku']} {row['location']}".encode(), digest_size=10).digest()
    return ids.uuid7(unix_ms(opened), int.from_bytes(digest, "big") >> 6)
