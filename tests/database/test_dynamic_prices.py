"""What a price depends on beside the basket: the buyer's group and first order, the stock, the pace of sales."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec

from bench import market as goods
from haat import app
from haat.domain import people, pricing
from haat.engine.settings import Secret, Settings
from haat.flows import checkout
from haat.insight import signals
from haat.kernel.facts import Origin

NOW = datetime.now(UTC)
REQUEST = msgspec.convert(
    {
        "channel": "web",
        "customer": {"name": "Rahima Khatun", "phone": "01712345678"},
        "ship_to": {"recipient": "Rahima Khatun", "district": "Dhaka", "upazila": "Mirpur", "line": "House 12"},
        "lines": [{"sku": goods.sku(20), "quantity": 1}],
    },
    checkout.PlaceOrder,
)


async def unit_price(parts: app.Parts, request: checkout.PlaceOrder = REQUEST) -> int:
    coupons = await checkout.acquaint(request, parts.market)
    return checkout.price(request, parts.market, parts.clock.now(), coupons=coupons).quote.lines[0].unit_price


async def test_a_registered_customers_group_has_its_own_prices(dsn, tmp_path) -> None:
    async with app.open_parts(Settings(data_dir=tmp_path, database_url=Secret(dsn)), dsn) as parts:
        await goods.seed(parts.database, parts.draw)
        async with parts.database.transaction() as tx:
            await pricing.put_price_lists(tx, [pricing.PriceList("trade", "BDT", customer_groups=("wholesale",), priority=9)], now=NOW)
            await pricing.put_prices(tx, [pricing.Price(goods.sku(20), "trade", 7_000)])
            (buyer,) = await people.upsert_customers(
                tx, [people.CustomerSheet(id=parts.draw.uuid(), name="Trader", phone="+8801712345678", group="wholesale")], now=NOW
            )
        await parts.memory.start()
        assert await unit_price(parts) == 12_000
        registered = msgspec.structs.replace(REQUEST, customer=checkout.CustomerRequest(id=buyer.id))
        assert await unit_price(parts, registered) == 7_000
        await parts.memory.stop()


async def test_a_first_order_discount_is_given_once(dsn, tmp_path) -> None:
    async with app.open_parts(Settings(data_dir=tmp_path, database_url=Secret(dsn)), dsn) as parts:
        await goods.seed(parts.database, parts.draw)
        welcome = pricing.PromotionRow("WELCOME", "percent", {"rate": 5000}, conditions=pricing.Conditions(first_order=True))
        async with parts.database.transaction() as tx:
            await pricing.put_promotions(tx, [welcome], app.promotion_kinds(), now=NOW)
        await parts.memory.start()
        discounts = []
        for _ in range(2):
            coupons = await checkout.acquaint(REQUEST, parts.market)
            errand = checkout.Errand(await parts.draw.serial(), Origin("channel:web", "test"), parts.clock.now(), coupons=coupons)
            placed = await parts.shop.placing.submit(checkout.prepare(REQUEST, parts.market, parts.draw, errand))
            discounts.append(placed.order.lines[0].discount)
        assert discounts == [6_000, 0]
        await parts.memory.stop()


async def test_a_price_follows_stock_and_pace_within_a_second(dsn, tmp_path) -> None:
    async with app.open_parts(Settings(data_dir=tmp_path, database_url=Secret(dsn)), dsn) as parts:
        await goods.seed(parts.database, parts.draw, stock=50)
        scarce = pricing.PriceRule("SCARCE", "stock", (pricing.Band(0, 1000), pricing.Band(50, 0)), ceiling=12_000)
        hot = pricing.PriceRule("HOT", "demand", (pricing.Band(20_000, 500),), ceiling=12_000, skus=(goods.sku(21),), priority=5)
        async with parts.database.transaction() as tx:
            await pricing.put_price_rules(tx, [scarce, hot], now=NOW)
            week = [NOW - timedelta(days=day) for day in range(2, 9)]
            for hour, units in [(NOW, 10), *((day, 1) for day in week)]:
                await tx.execute("INSERT INTO sku_pace VALUES ($1, date_trunc('hour', $2::timestamptz), $3)", goods.sku(21), hour, units)
        await parts.memory.start()
        stop = asyncio.Event()
        watching = asyncio.get_running_loop().create_task(parts.market.watch(stop))
        assert await unit_price(parts) == 12_000
        busy = msgspec.structs.replace(REQUEST, lines=(checkout.LineRequest(goods.sku(21), 1),))
        assert await unit_price(parts, busy) == 12_705  # 12,100 and 5 %: ten times the usual pace and more
        errand = checkout.Errand(await parts.draw.serial(), Origin("channel:web", "test"), parts.clock.now())
        await parts.shop.placing.submit(checkout.prepare(REQUEST, parts.market, parts.draw, errand))
        async with asyncio.timeout(5):
            while await unit_price(parts) != 13_200:
                await asyncio.sleep(0)
        stop.set()
        await watching
        await parts.memory.stop()


async def test_what_was_ordered_counts_once_towards_the_pace(dsn, tmp_path) -> None:
    async with app.open_parts(Settings(data_dir=tmp_path, database_url=Secret(dsn)), dsn) as parts:
        await goods.seed(parts.database, parts.draw)
        await parts.memory.start()
        await checkout.acquaint(REQUEST, parts.market)
        errand = checkout.Errand(await parts.draw.serial(), Origin("channel:web", "test"), parts.clock.now())
        await parts.shop.placing.submit(checkout.prepare(REQUEST, parts.market, parts.draw, errand))
        follower = next(f for f in app.working.followers(parts.database, parts.journal, parts.desks) if f.name == signals.FOLLOWER)
        assert await follower.step() > 0
        assert await follower.step() == 0
        async with parts.database.reading() as tx:
            assert await tx.fetchval("SELECT sum(units) FROM sku_pace") == 1
        await parts.memory.stop()
