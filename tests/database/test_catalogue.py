"""The catalogue on a real PostgreSQL: what is written is found, what did not change is not written, races lose nothing."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haat.domain import catalogue
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def a_sheet(sku="SHIRT-1", **fields):
    return catalogue.ProductSheet(**({"sku": sku, "vendor": "aarong", "name_en": "Shirt", "price": 95_000} | fields))


RICH = a_sheet(
    "PANJABI-M",
    product="PANJABI",
    name_en="Cotton panjabi",
    name_bn="সুতি পাঞ্জাবি",
    options={"size": "M", "colour": "নীল"},
    category="panjabi",
    status="active",
    tax_class="reduced",
    weight_g=350,
    size_mm=(300, 200, 40),
    description_bn="গরমে আরাম",
    attributes={"brand": "Deshal", "washable": True, "threads": 80, "care": ["cold", "no bleach"]},
    images=("https://img.example/1.webp", "/2.webp"),
    quantity_min=2,
    quantity_max=10,
    purchase_limit=catalogue.PurchaseLimit(4, 30),
    backorder=catalogue.Backorder("preorder", 100, datetime(2026, 4, 14, tzinfo=UTC)),
)


@pytest.fixture
async def market(database):
    """A catalogue with a small tree of categories."""
    async with database.transaction() as tx:
        await catalogue.upsert_categories(
            tx,
            [
                catalogue.CategorySheet(code="panjabi", name_en="Panjabi", parent="men"),
                catalogue.CategorySheet(code="men", name_en="Men", name_bn="পুরুষ", parent="fashion"),
                catalogue.CategorySheet(code="fashion", name_en="Fashion"),
            ],
        )
    return database


async def store(database, *sheets, **limits):
    async with database.transaction() as tx:
        return await catalogue.upsert(tx, sheets, **({"now": NOW} | limits))


async def announced(database):
    async with database.reading() as tx:
        return await tx.fetchval("SELECT array_agg(key) FROM reference_changes, unnest(keys) AS key WHERE kind = 'catalogue'")


async def test_a_sheet_comes_back_as_it_was_written(market):
    await store(market, RICH)
    async with market.reading() as tx:
        stored = await catalogue.sheet(tx, "PANJABI-M")
        sold = await catalogue.product(tx, "PANJABI-M")
    assert stored == catalogue.StoredSheet(RICH, 1, NOW, NOW)
    assert (sold.categories, sold.category, sold.options) == (("fashion", "men", "panjabi"), "panjabi", (("size", "M"), ("colour", "নীল")))
    assert (sold.purchase_limit, sold.backorder, sold.image) == (RICH.purchase_limit, RICH.backorder, "https://img.example/1.webp")


async def test_writing_what_was_read_changes_and_announces_nothing(market):
    await store(market, RICH, a_sheet("SOAP"), a_sheet("GIFT", kit=(catalogue.KitPart("SOAP", 3),)))
    before = await announced(market)
    async with market.reading() as tx:
        stored = await catalogue.sheets(tx, ["PANJABI-M", "SOAP", "GIFT"])
    again = await store(market, *(each.sheet for each in stored.values()), now=LATER)
    assert (again.created, again.changed, set(again.unchanged)) == ((), (), {"PANJABI-M", "SOAP", "GIFT"})
    assert await announced(market) == before


async def test_a_change_raises_the_version_and_is_announced(market):
    await store(market, a_sheet())
    outcome = await store(market, a_sheet(price=1), a_sheet("NEW"), now=LATER)
    assert (outcome.created, outcome.changed, outcome.versions) == (("NEW",), ("SHIRT-1",), {"NEW": 1, "SHIRT-1": 2})
    assert set((await announced(market))[-2:]) == {"NEW", "SHIRT-1"}
    async with market.reading() as tx:
        stored = await catalogue.sheet(tx, "SHIRT-1")
    assert (stored.sheet.price, stored.created_at, stored.updated_at) == (1, NOW, LATER)


async def test_a_refused_sheet_leaves_its_neighbours_alone(market):
    outcome = await store(market, a_sheet(), a_sheet("BAD", category="nowhere"))
    assert [(refusal.sku, refusal.code) for refusal in outcome.refusals] == [("BAD", "unknown_category")]
    async with market.reading() as tx:
        assert set(await catalogue.products(tx, ["SHIRT-1", "BAD"])) == {"SHIRT-1"}


async def test_a_kit_can_be_changed_and_broken_up(market):
    parts = (catalogue.KitPart("SOAP", 2), catalogue.KitPart("TOWEL", 1))
    await store(market, a_sheet("SOAP"), a_sheet("TOWEL"), a_sheet("GIFT", kit=parts))
    async with market.reading() as tx:
        assert (await catalogue.product(tx, "GIFT")).kit == parts
    refused = await store(market, a_sheet("SOAP", kit=(catalogue.KitPart("TOWEL", 1),)))
    assert [refusal.code for refusal in refused.refusals] == ["part_of_a_kit"]
    await store(market, a_sheet("GIFT", kit=parts[:1]))
    await store(market, a_sheet("GIFT"))
    async with market.reading() as tx:
        assert (await catalogue.product(tx, "GIFT")).kit == ()
        assert await tx.fetchval("SELECT count(*) FROM kit_parts") == 0


async def test_two_who_make_kits_of_each_others_parts_at_once_cannot_nest_them(market):
    await store(market, a_sheet("A"), a_sheet("B"), a_sheet("C"))
    outcomes = await asyncio.gather(
        store(market, a_sheet("A", kit=(catalogue.KitPart("B", 1),))),
        store(market, a_sheet("B", kit=(catalogue.KitPart("C", 1),))),
    )
    assert sorted(len(outcome.refusals) for outcome in outcomes) == [0, 1]


async def test_of_many_who_write_one_product_at_once_none_is_lost(market):
    outcomes = await asyncio.gather(*(store(market, a_sheet(price=price), a_sheet("SOAP", price=price)) for price in range(1, 6)))
    versions = sorted(outcome.versions["SHIRT-1"] for outcome in outcomes)
    assert versions == [1, 2, 3, 4, 5]


async def test_of_two_who_expect_the_same_version_one_is_told_that_it_is_stale(market):
    await store(market, a_sheet())
    outcomes = await asyncio.gather(*(store(market, a_sheet(price=price), expected={"SHIRT-1": 1}) for price in (1, 2)))
    assert sorted(len(outcome.refusals) for outcome in outcomes) == [0, 1]


async def test_moving_a_category_moves_the_products_below_it(market):
    await store(market, RICH)
    async with market.transaction() as tx:
        await catalogue.upsert_categories(tx, [catalogue.CategorySheet(code="men", name_en="Men", parent=None)])
    async with market.reading() as tx:
        assert (await catalogue.product(tx, "PANJABI-M")).categories == ("men", "panjabi")
        assert list(await catalogue.categories(tx)) == ["fashion", "men", "panjabi"]
    assert (await announced(market))[-1] == "*"
    with pytest.raises(Refused, match="category_circle"):
        async with market.transaction() as tx:
            await catalogue.upsert_categories(tx, [catalogue.CategorySheet(code="men", name_en="Men", parent="panjabi")])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("পাঞ্জাবি", ["PANJABI-M"]),
        ("সুতি পাঞ্জা", ["PANJABI-M"]),
        ("COTTON pan", ["PANJABI-M"]),
        ("deshal", ["PANJABI-M"]),
        ("নীল", ["PANJABI-M"]),
        ("panj", ["PANJABI-M"]),
        ("shirt", ["SHIRT-1", "SHIRT-2"]),
        ("shirt-2", ["SHIRT-2"]),
        ("blue shirt", ["SHIRT-2"]),
        ("nothing like it", []),
        ("' & | ! :* \\", []),
        ("", []),
    ],
)
async def test_products_are_found_by_words_of_both_languages_and_by_sku(market, asked, found):
    await store(market, RICH, a_sheet(), a_sheet("SHIRT-2", name_en="Blue shirt"))
    async with market.reading() as tx:
        page = await catalogue.search(tx, asked)
    assert [product.sku for product in page.products] == found


async def test_pages_of_a_search_follow_one_another_without_gap_or_repetition(market):
    await store(market, *(a_sheet(f"S{n:02}", name_en="Shirt " + "long " * (n % 3)) for n in range(25)))
    seen, after = [], ""
    async with market.reading() as tx:
        while after is not None:
            page = await catalogue.search(tx, "shirt", after=after, limit=4)
            seen += [product.sku for product in page.products]
            after = page.after
    assert len(seen) == len(set(seen)) == 25
    assert seen[:2] == ["S00", "S03"], "those that say little else stand first"


async def test_a_forged_cursor_is_refused(market):
    with pytest.raises(Refused, match="bad_cursor"):
        async with market.reading() as tx:
            await catalogue.search(tx, "shirt", after="1:2")


async def test_products_are_listed_by_vendor_category_status_and_product(market):
    await store(
        market, RICH, a_sheet(), a_sheet("Y-1", vendor="yellow", status="draft"), a_sheet("PANJABI-L", product="PANJABI", category="men")
    )
    async with market.reading() as tx:

        async def listed(**which):
            return [product.sku for product in (await catalogue.find(tx, catalogue.Filter(**which))).products]

        assert await listed() == ["PANJABI-L", "PANJABI-M", "SHIRT-1", "Y-1"]
        assert await listed(vendor="yellow") == ["Y-1"]
        assert await listed(category="fashion") == ["PANJABI-L", "PANJABI-M"]
        assert await listed(category="panjabi") == ["PANJABI-M"]
        assert await listed(status="draft") == ["Y-1"]
        assert await listed(product="PANJABI") == ["PANJABI-L", "PANJABI-M"]
        first = await catalogue.find(tx, catalogue.Filter(), limit=3)
        rest = await catalogue.find(tx, catalogue.Filter(), after=first.after, limit=3)
        assert (len(first.products), [product.sku for product in rest.products], rest.after) == (3, ["Y-1"], None)


IMPORT = "01890a5d-ac96-774b-bcce-b302099a8057"


def a_file(rows):
    return b"".join(
        json.dumps({"sku": f"S{n}", "vendor": "aarong", "name_en": f"Thing {n}", "price": n}).encode() + b"\n" for n in range(rows)
    )


async def begin(database, raw, **fields):
    order = catalogue.ImportOrder(id=IMPORT, format="ndjson", started_by="admin:1", bytes_total=len(raw), **fields)
    async with database.transaction() as tx:
        return await catalogue.open_import(tx, order, now=NOW)


async def feed(database, job, raw, *, batches=None, batch_rows=10):
    """Settle the batches of a file from where the import stands; stop after so many, as a killed process would."""
    reader = catalogue.reader(job.format, job.resume_at, batch_rows=batch_rows)
    for batch in [*reader.feed(raw[job.bytes_done :]), *reader.end()][:batches]:
        async with database.transaction() as tx:
            job = await catalogue.import_batch(tx, job.id, batch, now=NOW)
    return job


async def finish(database):
    async with database.transaction() as tx:
        return await catalogue.end_import(tx, IMPORT, status="done", now=LATER)


async def test_an_import_that_was_killed_goes_on_where_its_rows_stand(market):
    raw = a_file(35)
    await feed(market, await begin(market, raw), raw, batches=2)
    with pytest.raises(Refused, match="import_incomplete"):
        await finish(market)
    job = await begin(market, raw)
    assert (job.created, job.lines_done) == (20, 20)
    job = await feed(market, job, raw)
    assert (job.created, job.changed, job.rejected, job.bytes_done) == (35, 0, 0, len(raw))
    done = await finish(market)
    assert (done.status, done.finished_at, done.accepted) == ("done", LATER, 35)
    assert await finish(market) == done


async def test_a_batch_that_arrives_twice_counts_once(market):
    raw = a_file(10)
    job = await begin(market, raw)
    for _ in range(2):
        (batch,) = catalogue.reader("ndjson", batch_rows=10).feed(raw)
        async with market.transaction() as tx:
            job = await catalogue.import_batch(tx, IMPORT, batch, now=NOW)
    assert (job.created, job.changed, job.unchanged) == (10, 0, 0)


async def test_a_batch_out_of_turn_is_refused(market):
    raw = a_file(20)
    await begin(market, raw)
    _, second = catalogue.reader("ndjson", batch_rows=10).feed(raw)
    with pytest.raises(Refused, match="import_gap"):
        async with market.transaction() as tx:
            await catalogue.import_batch(tx, IMPORT, second, now=NOW)


async def test_importing_a_file_again_changes_nothing(market):
    raw = a_file(20)
    await feed(market, await begin(market, raw), raw)
    async with market.transaction() as tx:
        job = await catalogue.open_import(tx, catalogue.ImportOrder(id=IMPORT[:-1] + "8", format="ndjson", started_by="admin:1"), now=NOW)
    job = await feed(market, job, raw)
    assert (job.created, job.changed, job.unchanged) == (0, 0, 20)


async def test_bad_rows_are_listed_with_line_field_and_reason(market):
    raw = (
        a_file(2)
        + b'{"sku":"X"}\n'
        + msgspec.json.encode(a_sheet("Y", category="nowhere"))
        + b"\n"
        + msgspec.json.encode(a_sheet("Z", vendor="yellow"))
    )
    job = await feed(market, await begin(market, raw, vendor="aarong"), raw, batch_rows=2)
    assert [(error.line, error.sku, error.field, error.code) for error in job.errors] == [
        (3, "X", "vendor", "required"),
        (4, "Y", "category", "unknown_category"),
        (5, "Z", "vendor", "not_your_vendor"),
    ]
    assert (job.accepted, job.rejected) == (2, 3)
    async with market.reading() as tx:
        assert await catalogue.product_import(tx, IMPORT) == job
        (listed,) = await catalogue.product_imports(tx, vendor="aarong")
    assert (listed.rejected, listed.errors) == (3, ())


async def test_a_row_that_a_later_one_replaces_counts_as_a_change(market):
    raw = b"\n".join(msgspec.json.encode(a_sheet(price=price)) for price in (1, 2, 3))
    job = await feed(market, await begin(market, raw), raw)
    assert (job.created, job.changed, job.accepted) == (1, 2, 3)


async def test_the_hot_questions_read_no_table_from_end_to_end(market):
    async with market.transaction() as tx:
        await catalogue.upsert(tx, [a_sheet(f"S{n:04}", name_en=f"Thing{n} shirt") for n in range(3_000)], now=NOW)
        await tx.execute("ANALYZE products")
        for statement in (
            "SELECT sku FROM products WHERE sku = ANY('{S0001,S0002}')",
            "SELECT sku FROM products WHERE words @@ 'thing77'::tsquery",
            "SELECT sku FROM products WHERE sku ^@ 'S000'",
        ):
            plan = "\n".join(row[0] for row in await tx.fetch("EXPLAIN " + statement))
            assert "Seq Scan" not in plan, plan
