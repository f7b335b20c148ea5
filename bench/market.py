"""The market that benchmarks trade in: 20 vendors, 1,000 SKUs, endless stock, the rates and two promotions of a plain shop."""

import os
from datetime import UTC, datetime

from haat import app
from haat.domain import catalogue, channels, inventory, people, pricing, vendors
from haat.engine.database import Database
from haat.engine.draw import Draw

SKUS = 1000
VENDORS = 20
STOCK = 2_000_000_000
HOT_SKU = "SKU-0000"


def sku(n: int) -> str:
    return f"SKU-{n:04d}"


async def seed(database: Database, draw: Draw, *, stock: int = STOCK) -> str:
    """Make the market; returns a channel's API key for «web»."""
    now = datetime.now(UTC)
    async with database.transaction() as tx:
        await channels.upsert(tx, [channels.ChannelSheet(code="web", kind="web", name="Web shop")], now=now)
        codes = [f"vendor-{n:02d}" for n in range(VENDORS)]
        await vendors.upsert(tx, [vendors.VendorSheet(code=c, name_en=c.title(), city="Dhaka", zone="dhaka") for c in codes], now=now)
        for status in ("onboarding", "in_review", "approved"):
            await vendors.move(tx, [vendors.Move(c, status, "bench") for c in codes], by="system", now=now)
        await inventory.put_locations(tx, [inventory.Location("DHK-1", "Tejgaon", district="dhaka")])
    async with database.transaction() as tx:
        await pricing.put_tax_rates(tx, [pricing.TaxRate("standard", 1500), pricing.TaxRate("reduced", 500)], now=now)
        await pricing.put_shipping_rates(
            tx,
            [
                pricing.ShippingRate("dhaka", "BDT", 6000, zone="dhaka", base_g=1000, step_g=1000, step_amount=1500),
                pricing.ShippingRate("outside", "BDT", 12000, base_g=1000, step_g=1000, step_amount=2000),
            ],
            now=now,
        )
        await pricing.put_fee_rates(tx, [pricing.FeeRate("cod", "BDT", payment_method="cod", amount=1000)], now=now)
        await pricing.put_promotions(
            tx,
            [
                pricing.PromotionRow("TENOFF", "percent", {"rate": 1000}, conditions=pricing.Conditions(categories=("c1",))),
                pricing.PromotionRow("FREESHIP", "free_shipping", {}, conditions=pricing.Conditions(minimum_total=1_000_000)),
            ],
            app.promotion_kinds(),
            now=now,
        )
    async with database.transaction() as tx:
        await catalogue.upsert_categories(tx, [catalogue.CategorySheet(code=f"c{n}", name_en=f"Category {n}") for n in range(10)])
        sheets = [
            catalogue.ProductSheet(
                sku=sku(n), vendor=f"vendor-{n % VENDORS:02d}", name_en=f"Product {n}", name_bn=f"পণ্য {n}", category=f"c{n % 10}",
                price=10_000 + n * 100, weight_g=200 + n % 800,
            )
            for n in range(SKUS)
        ]  # fmt: skip
        done = await catalogue.upsert(tx, sheets, now=now)
        assert not done.refusals, done.refusals
    async with database.transaction() as tx:
        await inventory.move(
            tx, [inventory.Movement(draw.uuid(), sku(n), "DHK-1", stock, "receipt") for n in range(SKUS)], actor="system", now=now
        )
        key = await people.issue_key(
            tx, people.KeyOrder(id=draw.uuid(), role="channel", subject="web", name="bench"), entropy=os.urandom(32), by="system", now=now
        )
    return key.secret
