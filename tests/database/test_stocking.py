"""What the catalogue permits to be sold before it exists reaches the stock that sells it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from haat.domain import catalogue, inventory
from haat.engine.database import Database, Tx
from haat.flows import stocking
from haat.kernel.errors import Refused
from haat.kernel.ids import uuid7

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SOON = datetime(2026, 7, 1, tzinfo=UTC)


def sheet(sku: str, limit: int | None = None, **said: Any) -> catalogue.ProductSheet:
    permission = None if limit is None else catalogue.Backorder("backorder", limit, SOON)
    return catalogue.ProductSheet(**({"sku": sku, "vendor": "shop", "name_en": sku, "price": 50, "backorder": permission} | said))


async def terms(tx: Tx, sku: str) -> dict[str, int]:
    return {level.location: level.backorder_limit for level in await inventory.levels(tx, [sku])}


async def market(tx: Tx) -> None:
    await inventory.put_locations(
        tx,
        [
            inventory.Location("far", "Far", priority=20),
            inventory.Location("near", "Near", priority=10),
            inventory.Location("own", "Own", vendor="artisan", priority=90),
        ],
    )


async def test_permission_goes_to_the_first_place_of_the_marketplace(database: Database) -> None:
    async with database.transaction() as tx:
        await market(tx)
        await stocking.put_products(tx, [sheet("A", 5)], now=NOW)
        assert await terms(tx, "A") == {"near": 5}


async def test_a_vendors_own_place_goes_first_and_a_place_that_has_units_before_all(database: Database) -> None:
    async with database.transaction() as tx:
        await market(tx)
        await inventory.move(tx, [inventory.Movement(uuid7(1, 1), "KEPT", "far", 3, "receipt")], actor="test", now=NOW)
        await stocking.put_products(tx, [sheet("KEPT", 7), sheet("MADE", 2, vendor="artisan")], now=NOW)
        assert await terms(tx, "KEPT") == {"far": 7}
        assert await terms(tx, "MADE") == {"own": 2}


async def test_terms_set_by_hand_stay_until_the_product_says_otherwise(database: Database) -> None:
    async with database.transaction() as tx:
        await market(tx)
        await stocking.put_products(tx, [sheet("A", 5)], now=NOW)
        await inventory.put_terms(tx, [inventory.Terms("A", "far", 9, SOON, {"web": 2})])
        await stocking.put_products(tx, [sheet("A", 5, price=100)], now=NOW)
        assert await terms(tx, "A") == {"near": 5, "far": 9}
        await stocking.put_products(tx, [sheet("A", 6, price=100)], now=NOW)
        assert await terms(tx, "A") == {"near": 6, "far": 0}
        assert {level.location: level.safety for level in await inventory.levels(tx, ["A"])} == {"near": None, "far": {"web": 2}}


async def test_a_file_carries_permissions_too(database: Database) -> None:
    async with database.transaction() as tx:
        await market(tx)
        job = await catalogue.open_import(tx, catalogue.ImportOrder(id=uuid7(1, 2), format="ndjson", started_by="test"), now=NOW)
        reader = catalogue.reader("ndjson")
        line = b'{"sku":"A","vendor":"shop","name_en":"A","price":50,"backorder":{"kind":"backorder","limit":4}}\n'
        for batch in [*reader.feed(line), *reader.end()]:
            await stocking.import_products(tx, job.id, batch, now=NOW)
        assert await terms(tx, "A") == {"near": 4}


async def test_a_promise_without_a_place_to_send_it_from_is_refused(database: Database) -> None:
    with pytest.raises(Refused, match="no_location"):
        async with database.transaction() as tx:
            await stocking.put_products(tx, [sheet("A", 5)], now=NOW)
    async with database.reading() as tx:
        assert await catalogue.products(tx, ["A"]) == {}


async def test_in_a_file_such_a_promise_waits_and_its_neighbours_go_through(database: Database) -> None:
    async with database.transaction() as tx:
        job = await catalogue.open_import(tx, catalogue.ImportOrder(id=uuid7(1, 2), format="ndjson", started_by="test"), now=NOW)
        reader = catalogue.reader("ndjson")
        rows = b'{"sku":"A","vendor":"shop","name_en":"A","price":50,"backorder":{"kind":"backorder","limit":4}}\n'
        for batch in [*reader.feed(rows + b'{"sku":"B","vendor":"shop","name_en":"B","price":50}\n'), *reader.end()]:
            job = await stocking.import_products(tx, job.id, batch, now=NOW)
        assert (job.created, await terms(tx, "A")) == (2, {})


async def test_a_product_without_permission_touches_no_stock(database: Database) -> None:
    async with database.transaction() as tx:
        await stocking.put_products(tx, [sheet("A")], now=NOW)
        assert await terms(tx, "A") == {}
