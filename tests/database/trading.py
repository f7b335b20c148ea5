"""A small market that trades in tests: a few goods, kits, coupons and limits on a fresh database, placed through the real desk.

`opened(dsn, place)` opens one process's parts on it, as a server would; open it twice and two servers trade on one database.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from haat import app
from haat.domain import catalogue, channels, inventory, orders, people, pricing, vendors
from haat.engine import idempotency
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.settings import Secret, Settings
from haat.flows import checkout
from haat.flows.checkout import Placed
from haat.kernel.facts import Origin

SHOP = Origin("channel:web", "api", "0" * 32)
#: sku -> (vendor, price, units on hand)
GOODS = {"TEA": ("shop-a", 10_000, 100), "CUP": ("shop-a", 25_000, 100), "POT": ("shop-a", 90_000, 100), "LAST": ("shop-b", 5_000, 5)}
KITS = {"BREAKFAST": (("TEA", 2), ("CUP", 1)), "GIFT": (("TEA", 2), ("POT", 1))}
ADDRESS = {"recipient": "Rahima", "district": "Dhaka", "upazila": "Mirpur", "area": "Mirpur 10", "line": "House 1", "postcode": "1216"}


async def seed(
    database: Database, draw: Draw, *, promotions: Sequence[pricing.PromotionRow] = (), coupons: Sequence[pricing.Coupon] = ()
) -> str:
    """Make the market; returns an API key of channel «web»."""
    now = datetime.now(UTC)
    async with database.transaction() as tx:
        sheets = [channels.ChannelSheet(code="web", kind="web", name="Web shop")]
        sheets.append(channels.ChannelSheet(code="bazaar", kind="marketplace", name="Bazaar", external_pricing=True))
        await channels.upsert(tx, sheets, now=now)
        codes = ["shop-a", "shop-b"]
        await vendors.upsert(tx, [vendors.VendorSheet(code=c, name_en=c, city="Dhaka", zone="dhaka") for c in codes], now=now)
        for status in ("onboarding", "in_review", "approved"):
            await vendors.move(tx, [vendors.Move(c, status, "test") for c in codes], by="system", now=now)
        await inventory.put_locations(tx, [inventory.Location("DHK", "Tejgaon", district="dhaka")])
        await pricing.put_tax_rates(tx, [pricing.TaxRate("standard", 1500)], now=now)
        await pricing.put_shipping_rates(tx, [pricing.ShippingRate("any", "BDT", 6000)], now=now)
        await pricing.put_promotions(tx, promotions, app.promotion_kinds(), now=now)
        await pricing.put_coupons(tx, coupons, now=now)
        plain = [catalogue.ProductSheet(sku=sku, vendor=v, name_en=sku.title(), price=price) for sku, (v, price, _) in GOODS.items()]
        plain.append(
            catalogue.ProductSheet(sku="FEW", vendor="shop-a", name_en="Few", price=1000, purchase_limit=catalogue.PurchaseLimit(3))
        )
        done = await catalogue.upsert(tx, plain, now=now)
        assert not done.refusals, done.refusals
        kits = [
            catalogue.ProductSheet(
                sku=sku,
                vendor="shop-a",
                name_en=sku.title(),
                price=40_000,
                kit=tuple(catalogue.KitPart(part, units) for part, units in parts),
            )
            for sku, parts in KITS.items()
        ]
        done = await catalogue.upsert(tx, kits, now=now)
        assert not done.refusals, done.refusals
        stock = {sku: units for sku, (_, _, units) in GOODS.items()} | {"FEW": 100}
        await inventory.move(
            tx, [inventory.Movement(draw.uuid(), sku, "DHK", units, "receipt") for sku, units in stock.items()], actor="system", now=now
        )
        key = await people.issue_key(
            tx, people.KeyOrder(id=draw.uuid(), role="channel", subject="web", name="test"), entropy=os.urandom(32), by="system", now=now
        )
    return key.secret


@asynccontextmanager
async def opened(dsn: str, place: Path, **settings: Any) -> AsyncIterator[app.Parts]:
    """The parts of one process on a seeded database, its memory filled."""
    chosen = Settings(data_dir=place, database_url=Secret(dsn), pool_size=4, **settings)
    async with app.open_parts(chosen, dsn) as parts:
        await parts.memory.start()
        try:
            yield parts
        finally:
            await parts.memory.stop()


@asynccontextmanager
async def market(dsn: str, place: Path, **promoted: Any) -> AsyncIterator[app.Parts]:
    """A fresh seeded market and one process on it."""
    async with app.open_parts(Settings(data_dir=place, database_url=Secret(dsn), pool_size=4), dsn) as parts:
        await seed(parts.database, parts.draw, **promoted)
    async with opened(dsn, place) as parts:
        yield parts


def body(lines: Mapping[str, int], *, phone: str = "01712345678", **more: Any) -> dict[str, Any]:
    return {
        "channel": "web", "customer": {"name": "Rahima", "phone": phone}, "ship_to": ADDRESS, "payment_method": "cod",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()],
    } | more  # fmt: skip


def key_of(name: str, request: Mapping[str, Any]) -> idempotency.Key:
    return idempotency.Key("place:test", name, idempotency.fingerprint(msgspec.json.encode(request)))


async def prepared(parts: app.Parts, request: Mapping[str, Any], key: str = "") -> checkout.Prepared:
    """The request, priced and validated, ready for the desk."""
    asked = msgspec.convert(request, checkout.PlaceOrder)
    await parts.market.know([line.sku for line in asked.lines])
    coupons = await parts.market.coupons(asked.coupons)
    serial = await parts.draw.serial()
    settled = key_of(key, request) if key else None
    return checkout.prepare(asked, parts.market, parts.draw, checkout.Errand(serial, SHOP, parts.clock.now(), settled, coupons))


async def place(parts: app.Parts, request: Mapping[str, Any], key: str = "") -> Placed:
    """Place one order through the committer, as the API does."""
    return await parts.shop.placing.submit(await prepared(parts, request, key))


async def count(parts: app.Parts, table: str) -> int:
    async with parts.database.reading() as tx:
        return int(await tx.fetchval(f"SELECT count(*) FROM {table}"))


async def assert_rows_are_the_fold(parts: app.Parts) -> Mapping[str, orders.Order]:
    """Every row of an order, its lines and its vendors' parts is what its facts make of it; returns the orders by id."""
    async with parts.database.reading() as tx:
        stored = await tx.fetch(f"SELECT id::text, {', '.join(orders.ORDER_COLUMNS[1:])}, serial FROM orders")
        streams = await orders.streams(parts.journal, tx, [row[0] for row in stored])
        lines = await tx.fetch(f"SELECT order_id::text, {', '.join(orders.LINE_COLUMNS[1:])} FROM order_lines")
        shares = await tx.fetch(f"SELECT id::text, order_id::text, {', '.join(orders.VENDOR_COLUMNS[2:])} FROM vendor_orders")
        events = await tx.fetchval("SELECT count(DISTINCT order_id) FROM order_events")
    assert events == len(stored)
    folded: dict[str, orders.Order] = {}
    expected_lines, expected_shares = [], []
    for row in stored:
        order = orders.fold(streams[row[0]])
        assert order is not None
        folded[order.id] = order
        expected = list(orders.order_row(order))
        expected[5] = [kind for kind in str(expected[5]).strip("{}").split(",") if kind]
        expected[7], expected[8] = expected[7] or None, expected[8] or None
        assert list(row)[:-1] == expected
        expected_lines += [tuple(line) for line in orders.line_rows(order)]
        expected_shares += [tuple(share) for share in orders.vendor_rows(order)]
    assert sorted(tuple(row) for row in lines) == sorted(expected_lines)
    assert sorted(tuple(row) for row in shares) == sorted(expected_shares)
    return folded


async def assert_all_is_well(parts: app.Parts) -> None:
    """No stock leaked or oversold, reservations equal open demand, and every row is the fold of its facts. For orders not yet sent."""
    folded = await assert_rows_are_the_fold(parts)
    async with parts.database.reading() as tx:
        assert await inventory.drift(tx) == []
        held = await tx.fetch(
            """SELECT owner::text, line_no, sku, sum(quantity - released) FROM order_reservations
               WHERE status IN ('COMMITTED', 'PICKED') GROUP BY owner, line_no, sku"""
        )
    by_line: dict[tuple[str, int], dict[str, int]] = {}
    for owner, line_no, sku, units in held:
        by_line.setdefault((owner, line_no), {})[sku] = units
    for order in folded.values():
        for line in order.lines:
            left = line.quantity - line.buckets.get("cancelled", 0)
            wanted = {part: units * left for part, units in KITS.get(line.sku, ((line.sku, 1),))} if left else {}
            assert by_line.pop((order.id, line.line_no), {}) == wanted
    assert not by_line
