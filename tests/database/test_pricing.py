"""Pricing's verbs and questions on a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

import haat.domain.pricing.promotions
from haat.domain import pricing
from haat.engine import plugins
from haat.engine.database import Database
from haat.kernel.errors import Refused

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KINDS = plugins.load(haat.domain.pricing.promotions, "PROMOTION", pricing.Promotion)
ORDER = "01932d5c-0000-7000-8000-000000000001"
EID = pricing.PromotionRow(
    "EID10",
    "percent",
    {"rate": 1_000},
    automatic=False,
    conditions=pricing.Conditions(channels=("web",), hours=pricing.Hours((5, 6), 600, 1_320)),
    uses=1_000,
    starts_at=NOW,
)


async def announced(tx: object) -> list[tuple[str, list[str]]]:
    rows = await tx.fetch("SELECT kind, keys FROM reference_changes ORDER BY position")  # type: ignore[attr-defined]
    return [(row[0], row[1]) for row in rows]


async def store_all(tx: object) -> None:
    await pricing.put_price_lists(tx, [pricing.PriceList("vip", "BDT", customer_groups=("vip",))], now=NOW)
    await pricing.put_promotions(tx, [EID], KINDS, now=NOW)
    await pricing.put_coupons(tx, [pricing.Coupon("EID", "EID10", uses=5, ends_at=NOW + timedelta(days=9))], now=NOW)
    await pricing.put_tax_rates(tx, [pricing.TaxRate("standard", 1_500)], now=NOW)
    await pricing.put_shipping_rates(tx, [pricing.ShippingRate("dhaka", "BDT", 6_000, zone="dhaka", free_above=100_000)], now=NOW)
    await pricing.put_fee_rates(tx, [pricing.FeeRate("cod", "BDT", payment_method="cod", rate=100)], now=NOW)
    await pricing.put_price_rules(tx, [pricing.PriceRule("scarce", "stock", (pricing.Band(0, 500), pricing.Band(10, 0)))], now=NOW)


async def test_rules_come_back_as_they_were_stored_each_with_its_version(database: Database) -> None:
    async with database.transaction() as tx:
        await store_all(tx)
    async with database.reading() as tx:
        stored = await pricing.stored_rules(tx)
        rules = await pricing.load_rules(tx, KINDS)
    assert stored.promotions == (EID,)
    assert stored.coupons == (pricing.Coupon("EID", "EID10", uses=5, ends_at=NOW + timedelta(days=9)),)
    assert stored.price_lists == (pricing.PriceList("vip", "BDT", customer_groups=("vip",)),)
    assert stored.price_rules[0].bands == (pricing.Band(0, 500), pricing.Band(10, 0))
    assert rules.version == 7
    assert not rules.dormant


async def test_storing_the_same_again_changes_no_version_and_tells_nobody(database: Database) -> None:
    async with database.transaction() as tx:
        await store_all(tx)
        before = await announced(tx)
        await store_all(tx)
        assert await announced(tx) == before
        assert (await pricing.stored_rules(tx)).version == 7


async def test_a_changed_rule_gets_the_next_version_and_the_former_one_can_still_be_read(database: Database) -> None:
    async with database.transaction() as tx:
        await store_all(tx)
        dearer = msgspec.structs.replace(EID, args={"rate": 500}, version=77)
        assert await pricing.put_promotions(tx, [dearer], KINDS, now=NOW) == {"EID10": 2}
        former = await pricing.history(tx, "promotions", "EID10")
        assert [each.version for each in former] == [2, 1]
        assert msgspec.json.decode(former[1].rule, type=pricing.PromotionRow).args == {"rate": 1_000}
        assert (await announced(tx))[-1] == ("pricing", ["*"])


@pytest.mark.parametrize(
    "row",
    [
        msgspec.structs.replace(EID, kind="magic"),
        msgspec.structs.replace(EID, args={"rate": 0}),
        msgspec.structs.replace(EID, args={"rate": 100, "colour": "red"}),
        msgspec.structs.replace(EID, ends_at=NOW - timedelta(days=1)),
        msgspec.structs.replace(EID, starts_at=datetime(2026, 1, 1)),  # noqa: DTZ001 that is the point
        msgspec.structs.replace(EID, conditions=pricing.Conditions(hours=pricing.Hours(timezone="Asia/Atlantis"))),
        msgspec.structs.replace(EID, funded_by="shared"),
        msgspec.structs.replace(EID, code="no spaces please"),
    ],
    ids=lambda row: "",
)
async def test_a_promotion_that_nobody_could_apply_is_refused_before_it_is_stored(database: Database, row: pricing.PromotionRow) -> None:
    async with database.transaction() as tx:
        with pytest.raises(Refused, match="invalid_rule"):
            await pricing.put_promotions(tx, [row], KINDS, now=NOW)
        assert (await pricing.stored_rules(tx)).promotions == ()


async def test_a_generated_batch_has_as_many_different_codes_as_asked_and_is_found_however_typed(database: Database) -> None:
    async with database.transaction() as tx:
        await store_all(tx)
        codes = await pricing.generate_coupons(tx, pricing.Coupon("GIFT-", "EID10", batch="press", customer="c1"), 500, now=NOW)
        found = await pricing.load_coupons(tx, [f" {codes[0].lower()} ", "NO-SUCH"])
        rules = await pricing.load_rules(tx, KINDS)
        first = await pricing.batch(tx, "press", limit=300)
        rest = await pricing.batch(tx, "press", after=first[-1].code)
    assert len(set(codes)) == 500
    assert found == {codes[0]: pricing.Coupon(codes[0], "EID10", uses=1, customer="c1", batch="press")}
    assert set(rules.coupons) == {"EID"}, "codes of a batch are not kept in every process"
    assert sorted(codes) == [coupon.code for coupon in first + rest]


async def test_a_coupon_or_a_price_without_its_rule_is_refused(database: Database) -> None:
    with pytest.raises(Refused, match="unknown_promotion"):
        async with database.transaction() as tx:
            await pricing.put_coupons(tx, [pricing.Coupon("X", "NONE")], now=NOW)
    with pytest.raises(Refused, match="unknown_promotion"):
        async with database.transaction() as tx:
            await pricing.generate_coupons(tx, pricing.Coupon("X", "NONE", batch="b"), 2, now=NOW)
    with pytest.raises(Refused, match="unknown_price_list"):
        async with database.transaction() as tx:
            await pricing.put_prices(tx, [pricing.Price("A", "none", 100)])


async def test_prices_are_found_by_sku_and_their_changes_name_the_skus(database: Database) -> None:
    later = NOW + timedelta(days=1)
    async with database.transaction() as tx:
        await store_all(tx)
        rows = [pricing.Price("A", "vip", 900), pricing.Price("A", "vip", 800, 10, later), pricing.Price("B", "vip", 50)]
        assert await pricing.put_prices(tx, rows) == 3
        assert await pricing.put_prices(tx, rows) == 0
        assert await pricing.load_prices(tx, ["A", "Z"]) == {
            "A": (pricing.PriceRow("vip", 900), pricing.PriceRow("vip", 800, 10, later)),
        }
        assert (await announced(tx))[-1] == ("prices", ["A", "B"])
        assert await pricing.drop_prices(tx, "vip", ["A"]) == 2
        assert await pricing.load_prices(tx, ["A"]) == {}


async def test_the_receipt_of_an_order_is_read_as_it_was_written(database: Database) -> None:
    items = {"A": pricing.PricedItem("A", "v", 1_000, "BDT", "standard")}
    async with database.transaction() as tx:
        await store_all(tx)
        rules = await pricing.load_rules(tx, KINDS)
        basket = pricing.Basket("web", "BDT", (pricing.BasketLine("A", 3),), coupons=("eid", "nope"), payment_method="cod")
        quote = pricing.quote(basket, items, rules, NOW)
        await pricing.record_calculations(tx, [ORDER], rules.version, [msgspec.json.encode(quote.receipt).decode()], NOW)
        read = await pricing.calculation(tx, ORDER)
        assert await pricing.calculation(tx, ORDER.replace("1", "2")) is None
    assert read == pricing.Calculation(ORDER, rules.version, quote.receipt, NOW)


async def test_prices_of_a_basket_are_read_by_index_among_very_many(database: Database) -> None:
    async with database.transaction() as tx:
        await store_all(tx)
        await tx.execute(
            "INSERT INTO prices (sku, list, min_quantity, amount) SELECT 'S' || n, 'vip', 1, n FROM generate_series(1, 20000) n"
        )
        await tx.execute("ANALYZE prices")
        plan = await tx.fetch("EXPLAIN SELECT sku, list, amount FROM prices WHERE sku = ANY ($1::text[])", ["S5", "S7"])
    assert not any("Seq Scan" in row[0] for row in plan)
