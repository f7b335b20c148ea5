"""A small open market for the tests of carts: two vendors, three fruits and a kit of two apples, with the API in front of it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.routing import Router

from haat import app
from haat.domain import catalogue, channels, inventory, people, pricing, vendors
from haat.engine import web
from haat.engine.clock import Hands
from haat.engine.settings import Secret, Settings
from haat.faces.api.gate import Gate

START = datetime(2026, 11, 3, 6, tzinfo=UTC)
ADDRESS = {
    "recipient": "Rahima Khatun", "phone": "01712345678", "division": "Dhaka", "district": "Dhaka", "upazila": "Mirpur",
    "line": "House 12, Road 5",
}  # fmt: skip


class CartMarket:
    """An open market and the keys to it. `clock` is turned by hand."""

    def __init__(self, parts: app.Parts, clock: Hands, client: httpx.AsyncClient) -> None:
        self.parts = parts
        self.clock = clock
        self.client = client
        self.keys: dict[str, str] = {}

    async def ask(self, method: str, path: str, body: object = None, *, by: str = "web", match: int | None = None) -> httpx.Response:
        """`by` is a name in `keys` or a token."""
        headers = {"authorization": f"Bearer {self.keys.get(by, by)}"}
        if match is not None:
            headers["if-match"] = f'"{match}"'
        return await self.client.request(method, path, json=body, headers=headers)

    async def cart(self, *lines: tuple[str, int], by: str = "web", **more: object) -> tuple[str, str]:
        """A new guest's cart: (its path, its token)."""
        wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        made = await self.ask("POST", "/v1/carts", {"lines": wanted, **more}, by=by)
        assert made.status_code == 201, made.text
        return made.headers["location"], made.json()["token"] or by

    async def ready(self, *lines: tuple[str, int], phone: str = "01712345678") -> tuple[str, str]:
        """A guest's cart with everything said that an order needs."""
        path, token = await self.cart(*lines)
        for noun, body in (("address", ADDRESS | {"phone": phone}), ("shipping", {"method": "standard"}), ("payment", {"method": "cod"})):
            said = await self.ask("PUT", f"{path}/{noun}", body, by=token)
            assert said.status_code == 200, said.text
        return path, token

    async def reprice(self, sku: str, price: int, **fields: object) -> None:
        async with self.parts.database.transaction() as tx:
            await catalogue.upsert(tx, [sheet(sku, price, **fields)], now=self.clock.now())
        await self.parts.memory.catch_up()

    async def stock(self, sku: str) -> tuple[int, int]:
        """(on hand, reserved)"""
        async with self.parts.database.reading() as tx:
            (level,) = await inventory.levels(tx, [sku])
            assert await inventory.drift(tx) == []
        return level.on_hand, level.reserved

    async def end_holds(self) -> int:
        async with self.parts.database.transaction() as tx:
            return await inventory.expire(tx, now=self.clock.now())

    async def orders(self) -> int:
        async with self.parts.database.reading() as tx:
            return int(await tx.fetchval("SELECT count(*) FROM orders"))


def sheet(sku: str, price: int, **fields: object) -> catalogue.ProductSheet:
    plain = {"sku": sku, "vendor": "anna" if sku < "M" else "badal", "name_en": sku.title(), "price": price, "weight_g": 300}
    return catalogue.ProductSheet(**(plain | fields))  # type: ignore[arg-type]


@asynccontextmanager
async def opened(dsn: str, directory: Path) -> AsyncIterator[CartMarket]:
    """The market, open, with ten of everything in stock."""
    clock = Hands(START)
    chosen = Settings(data_dir=directory, database_url=Secret(dsn), pool_size=5)
    async with app.open_parts(chosen, dsn, clock=clock) as parts:
        keys = await _seed(parts)
        await parts.memory.start()
        router = Router(
            web.routes(app.endpoints(parts), Gate(parts.database, parts.memory, clock, parts.seals.guest)), default=web.not_found
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=router), base_url="http://market") as client:
            market = CartMarket(parts, clock, client)
            market.keys = keys
            yield market
        await parts.memory.stop()


async def _seed(parts: app.Parts) -> dict[str, str]:
    keys = {}
    async with parts.database.transaction() as tx:
        await channels.upsert(tx, [channels.ChannelSheet(code=c, kind="web", name=c) for c in ("web", "shop")], now=START)
        codes = ["anna", "badal"]
        await vendors.upsert(tx, [vendors.VendorSheet(code=c, name_en=c.title(), city="Dhaka", zone="dhaka") for c in codes], now=START)
        for status in ("onboarding", "in_review", "approved"):
            await vendors.move(tx, [vendors.Move(c, status, "test") for c in codes], by="system", now=START)
        await inventory.put_locations(tx, [inventory.Location("DHK-1", "Tejgaon", district="dhaka")])
        await pricing.put_tax_rates(tx, [pricing.TaxRate("standard", 1500)], now=START)
        await pricing.put_shipping_rates(tx, [pricing.ShippingRate("all", "BDT", 6000)], now=START)
        await pricing.put_promotions(
            tx,
            [
                pricing.PromotionRow("EID", "percent", {"rate": 1000}, automatic=False),
                pricing.PromotionRow(
                    "BIG", "percent", {"rate": 500}, automatic=False, conditions=pricing.Conditions(minimum_total=900_000)
                ),
            ],
            app.promotion_kinds(),
            now=START,
        )
        await pricing.put_coupons(tx, [pricing.Coupon("EID10", "EID", uses=1), pricing.Coupon("BIG5", "BIG")], now=START)
        kit = (catalogue.KitPart("APPLE", 2),)
        goods = [sheet("APPLE", 10_000), sheet("MANGO", 20_000, quantity_max=8), sheet("PEAR", 5_000), sheet("BASKET", 18_000, kit=kit)]
        done = await catalogue.upsert(tx, goods, now=START)
        assert not done.refusals, done.refusals
        received = [inventory.Movement(parts.draw.uuid(), sku, "DHK-1", 10, "receipt") for sku in ("APPLE", "MANGO", "PEAR")]
        await inventory.move(tx, received, actor="system", now=START)
        for name, role in (
            ("web", "channel"),
            ("shop", "channel"),
            ("rahima", "customer"),
            ("karim", "customer"),
            ("admin", "admin"),
            ("anna", "vendor"),
        ):
            wanted = people.KeyOrder(id=parts.draw.uuid(), role=role, subject="" if role == "admin" else name, name=name)  # type: ignore[arg-type]
            keys[name] = (await people.issue_key(tx, wanted, entropy=os.urandom(32), by="system", now=START)).secret
    return keys
