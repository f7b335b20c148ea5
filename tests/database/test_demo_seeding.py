"""The demo market in a real database: it stands after one seeding, and a second one changes nothing."""

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from haat import app
from haat.domain import inventory, people
from haat.engine import instance, settings
from haat.engine.database import Database
from haat.faces.cli import Runtime, demo
from haat.insight import auditing, recount


async def seeded(runtime: Runtime, place: Path, url: str = "http://haat.example") -> dict[str, Any]:
    """Seeds, and gives what `demo.json` says."""
    await demo.seed(runtime, app.promotion_kinds(), url)
    return dict(json.loads((place / demo.FILE).read_bytes()))


async def counts(database: Database) -> dict[str, int]:
    """How many rows there are of everything that a seeding writes."""
    tables = (
        "orders", "order_events", "stock_movements", "products", "customers", "reference_changes", "coupons", "api_keys", "shipments", "node_events",
        "fraud_detection_scores", "workflow_states",
    )  # fmt: skip
    async with database.reading() as tx:
        return {table: await tx.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def without_flows(runtime: Runtime) -> int:
    """How many orders the audit misses flows of."""
    streams = [each for each in app.invariants() if each.code == "streams"]
    return len(await auditing.audit(runtime.database, runtime.journal, runtime.flows, runtime.clock.now(), streams))


async def test_the_market_is_seeded_once_with_its_past_and_its_keys(dsn: str, tmp_path: Path) -> None:
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path})
    async with app.open_runtime(chosen, dsn) as runtime:
        told = await seeded(runtime, tmp_path)
        before = await counts(runtime.database)
        assert before["orders"] == 2_000
        async with runtime.database.reading() as tx:
            began = await instance.recall(tx, "demo_began")
            statuses = Counter(dict(await tx.fetch("SELECT status, count(*) FROM orders GROUP BY status")))
            span = await tx.fetchval("SELECT max(placed_at) - min(placed_at) FROM orders")
            late = await tx.fetchval("SELECT count(*) FROM order_events WHERE at > $1::text::timestamptz", began)
            causes = await tx.fetch("SELECT DISTINCT cause FROM order_events")
            assert await inventory.drift(tx) == []
            led_on = await tx.fetchval("SELECT count(*) FROM order_workflows")
            parcels = dict(await tx.fetch("SELECT status, count(*) FROM shipments GROUP BY status"))
            screened = await tx.fetchval("SELECT count(DISTINCT order_id) FROM fraud_detection_scores")
            nobody_holds = await tx.fetchval(
                """SELECT count(*) FROM order_reservations AS r JOIN orders AS o ON o.id = r.owner
                   WHERE o.status NOT IN ('placed', 'confirmed', 'processing') AND r.quantity > r.released + r.consumed"""
            )
            hashes = [people.hash_of(told["keys"][role]) for role in ("admin", "customer", "channel")]
            assert len(await people.keys_by_hash(tx, [digest for digest in hashes if digest])) == 3
        assert statuses["completed"] > 1_600 and statuses["cancelled"] > 90 and statuses["processing"] > 20 and statuses["expired"] > 5
        assert led_on == statuses["placed"] < 100
        assert nobody_holds == 0 and screened == 2_000 - led_on and set(parcels) > {"delivered", "returned", "lost"}
        assert 55 < span.days <= 60 and late == 0 and [row[0] for row in causes] == ["demo"]
        assert len(told["keys"]["vendors"]) == 14 and told["began"].endswith("Z")
        assert stat.S_IMODE((tmp_path / demo.FILE).stat().st_mode) == 0o600
        counted = await recount.count(runtime.database, runtime.journal, None, None)
        assert counted.orders == 2_000 and counted.differences == ()
        ended = sum(statuses[status] for status in ("completed", "cancelled", "expired"))
        assert await without_flows(runtime) == 2_000 - led_on - ended  # an order that had ended has no flows to miss

        again = await seeded(runtime, tmp_path, "http://elsewhere.example")
        assert await counts(runtime.database) == before
        assert again["keys"] == told["keys"] and again["url"] == "http://elsewhere.example"
        async with runtime.database.transaction() as tx:
            await tx.execute("DELETE FROM instance WHERE key = 'demo_seeded'")  # as if it had broken off at the very end
        await seeded(runtime, tmp_path)
        assert await counts(runtime.database) | {"reference_changes": 0} == before | {"reference_changes": 0}


async def test_where_the_keys_were_lost_new_ones_are_issued_and_the_old_ones_revoked(dsn: str, tmp_path: Path) -> None:
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path})
    async with app.open_runtime(chosen, dsn) as runtime:
        async with runtime.database.transaction() as tx:  # as if the orders stood already: keys are what is looked at here
            began = await instance.remember(tx, "demo_began", "2026-11-23T08:00:00Z")
            await demo.seeding.stocking.stock(
                runtime, demo.market(demo.seeding.time.parse(began)), app.promotion_kinds(), runtime.clock.now()
            )
            await instance.remember(tx, "demo_seeded", began)
        first = await seeded(runtime, tmp_path)
        (tmp_path / demo.FILE).unlink()
        second = await seeded(runtime, tmp_path)
        async with runtime.database.reading() as tx:
            found = await people.keys_by_hash(tx, [people.hash_of(told["keys"]["admin"]) or b"" for told in (first, second)])
        states = {key.revoked_at is None for key in found.values()}
        assert first["keys"]["admin"] != second["keys"]["admin"] and states == {True, False}
