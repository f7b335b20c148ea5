"""A small dump goes through the order desk whole: the books agree, what cannot be placed is named, and twice is once."""

from datetime import datetime
from pathlib import Path

from haat import app
from haat.domain import inventory, orders
from haat.engine import settings
from haat.faces.cli import Runtime, olist
from haat.insight import recount
from tests.domain.olist.dumps import ANA, LAMP, NOON, RUI, SOAP, Item, a_dump

LATER = datetime(2018, 1, 10, 8, 30)  # noqa: DTZ001 the files hold local times
ORDERS = [("o1", NOON, "delivered"), ("o2", LATER, "shipped"), ("o3", LATER, "canceled"), ("o4", NOON, "unavailable")]
ITEMS: list[Item] = [
    ("o1", 1, SOAP, ANA, 9.9, 7.39),
    ("o1", 2, SOAP, ANA, 9.9, 7.39),
    ("o1", 3, LAMP, RUI, 120.0, 15.11),
    ("o2", 1, SOAP, RUI, 10.5, 0.0),
    ("o3", 1, LAMP, RUI, 119.99, 15.12),
]
PAYMENTS = [
    ("o1", 1, "credit_card", 100.0),
    ("o1", 2, "voucher", 69.69),
    ("o2", 1, "boleto", 10.5),
    ("o3", 1, "boleto", 135.11),
    ("o4", 1, "boleto", 3.5),
]


def silently(done: int) -> None:
    del done


async def imported(runtime: Runtime, directory: Path) -> tuple[olist.Report, olist.Outcome]:
    """What `haat import olist` does, and the report that it prints."""
    dump = olist.open_dump(directory)
    await olist.parties(runtime, dump)
    await olist.goods(runtime, dump, silently)
    people = await olist.customers(runtime, dump, silently)
    standing = await olist.standing(runtime, dump)
    await olist.receive(runtime, dump, standing)
    await runtime.memory.catch_up()
    outcome = await olist.place_all(runtime, dump, standing, people, silently)
    unplaced = [olist.Unplaced(order.id, order.reason, order.status, order.payments) for order in dump.unplaceable]
    report = olist.compare(olist.expected(directory), await olist.figures(runtime, silently), [*unplaced, *outcome.refused])
    return report, outcome


async def test_a_dump_is_placed_at_its_own_prices_and_the_books_agree(dsn: str, tmp_path: Path) -> None:
    directory = a_dump(tmp_path, ORDERS, ITEMS, PAYMENTS)
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path / "haat"})
    async with app.open_runtime(chosen, dsn) as runtime:
        report, outcome = await imported(runtime, directory)
        assert report.agrees, olist.as_text(report)
        assert (outcome.placed, outcome.refused) == (3, [])
        assert [(order.id, order.reason) for order in report.unplaced] == [("o4", "no items")]
        async with runtime.database.reading() as tx:
            found = await orders.by_external_id(tx, [("olist", "o1")])
            order = (await orders.read(runtime.journal, tx, list(found.values())))[found["olist", "o1"]]
            levels = await inventory.levels(tx, [SOAP, LAMP])
        assert order.placed_at.isoformat() == "2017-06-01T15:00:00+00:00" and order.currency == "BRL"
        assert [(v.vendor, v.items, v.shipping) for v in order.vendor_orders] == [(ANA, 1_980, 1_478), (RUI, 12_000, 1_511)]
        assert order.totals.grand == 16_969 == sum(payment.amount for payment in order.payments)
        assert (order.payment_status, order.totals.tax) == ("paid", 0)
        assert all(level.on_hand == level.reserved for level in levels)


async def test_importing_twice_changes_nothing_and_a_longer_dump_adds_the_rest(dsn: str, tmp_path: Path) -> None:
    directory = a_dump(tmp_path, ORDERS, ITEMS, PAYMENTS)
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path / "haat"})
    async with app.open_runtime(chosen, dsn) as runtime:
        await imported(runtime, directory)
        tables = ("orders", "order_events", "customers", "stock_movements", "products", "vendors", "pricing_history")

        async def rows() -> list[tuple[object, ...]]:
            async with runtime.database.reading() as tx:
                return [tuple(row) for table in tables for row in await tx.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")]

        before = await rows()
        report, outcome = await imported(runtime, directory)
        assert report.agrees and (outcome.placed, outcome.standing) == (0, 3)
        assert await rows() == before

        longer = a_dump(tmp_path, [*ORDERS, ("o5", LATER, "delivered")], [*ITEMS, ("o5", 1, SOAP, ANA, 9.9, 1.0)], PAYMENTS)
        report, outcome = await imported(runtime, longer)
        assert report.agrees and (outcome.placed, outcome.standing) == (1, 3)


async def test_beside_a_market_with_taxes_and_promotions_a_channels_prices_stay_its_own(dsn: str, tmp_path: Path) -> None:
    directory = a_dump(tmp_path, ORDERS, ITEMS, PAYMENTS)
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path / "haat"})
    async with app.open_runtime(chosen, dsn) as runtime:
        async with runtime.database.transaction() as tx:
            await app.pricing.put_tax_rates(tx, [app.pricing.TaxRate("standard", 1_500)], now=runtime.clock.now())
        await runtime.memory.catch_up()
        report, _ = await imported(runtime, directory)
        assert report.agrees, olist.as_text(report)


async def test_a_row_that_does_not_say_what_the_facts_say_is_found(dsn: str, tmp_path: Path) -> None:
    chosen = settings.load({}, working_dir=tmp_path, given={"data_dir": tmp_path / "haat"})
    async with app.open_runtime(chosen, dsn) as runtime:
        await imported(runtime, a_dump(tmp_path, ORDERS, ITEMS, PAYMENTS))
        counted = await recount.count(runtime.database, runtime.journal, None, None)
        assert (counted.orders, counted.lines, counted.differences) == (3, 4, ())
        async with runtime.database.transaction() as tx:
            assert await recount.stock(tx) == []
            await tx.execute("UPDATE orders SET grand = grand + 1 WHERE external_id = 'o1'")
            await tx.execute("""UPDATE order_lines SET buckets = '{"reserved": 1}' WHERE quantity = 2""")
            await tx.execute("DELETE FROM vendor_orders USING orders WHERE order_id = orders.id AND external_id = 'o2'")
            await tx.execute("DELETE FROM orders WHERE external_id = 'o3'")
            await tx.execute("UPDATE stock SET reserved = reserved - 1 WHERE sku = $1", LAMP)
        counted = await recount.count(runtime.database, runtime.journal, None, None)
        assert sorted((d.table, d.column) for d in counted.differences) == [
            ("order_lines", "buckets"), ("orders", "(row)"), ("orders", "grand"), ("vendor_orders", "(row)"),
        ]  # fmt: skip
        async with runtime.database.reading() as tx:
            assert [(d.subject, d.stored, d.folded) for d in await recount.stock(tx)] == [(f"{LAMP} at olist", "1", "2")]
