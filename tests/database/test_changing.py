"""Changes of placed orders on a real PostgreSQL: stock and limits follow the facts, and the rows are always their fold."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from haat import app
from haat.domain import inventory, orders, pricing
from haat.domain.orders import events
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin
from tests.database import trading
from tests.database.trading import assert_all_is_well, body, place

ADMIN = Origin("admin:1", "api", "1" * 32)


def asked(parts: app.Parts, order_id: str, verb: object, *, version: int | None = None) -> orders.Change:
    return orders.Change(order_id, verb, parts.clock.now(), ADMIN, version)  # type: ignore[arg-type]


def cancelling(quantities: dict[int, int] | None) -> object:
    return lambda order: orders.cancel(order, quantities, reason="changed_mind")


def noting(text: str) -> object:
    return lambda order: orders.note(order, text=text, audience="staff")


async def available(parts: app.Parts, sku: str) -> int:
    async with parts.database.reading() as tx:
        return sum(level.on_hand - level.reserved for level in await inventory.levels(tx, [sku]))


async def test_a_cancelled_order_gives_back_its_stock_and_its_coupon(dsn: str, tmp_path: Path) -> None:
    eid = pricing.PromotionRow("EID", "percent", {"rate": 1000}, automatic=False)
    async with trading.market(dsn, tmp_path, promotions=[eid], coupons=[pricing.Coupon("EID10", "EID", uses=1)]) as parts:
        order = (await place(parts, body({"BREAKFAST": 3, "LAST": 5}, coupons=["EID10"]))).order
        assert [await available(parts, sku) for sku in ("TEA", "CUP", "LAST")] == [94, 97, 0]
        changed = await parts.shop.changing.submit(asked(parts, order.id, cancelling(None)))
        assert changed.after.status == "cancelled"
        assert [await available(parts, sku) for sku in ("TEA", "CUP", "LAST")] == [100, 100, 5]
        again = await place(parts, body({"LAST": 5}, phone="01799999999", coupons=["EID10"]))
        assert again.order.coupons == ("EID10",)
        await assert_all_is_well(parts)


async def test_what_is_cancelled_of_a_limited_product_may_be_bought_again_and_what_is_kept_may_not(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"FEW": 3, "TEA": 1}))).order  # three at the most for each buyer
        with pytest.raises(Refused, match="purchase_limit"):
            await place(parts, body({"FEW": 1}))
        for line in (1, 2):
            await parts.shop.changing.submit(asked(parts, order.id, cancelling({line: 1})))
        again = (await place(parts, body({"FEW": 1}))).order
        with pytest.raises(Refused, match="purchase_limit"):
            await place(parts, body({"FEW": 1}))
        await parts.shop.changing.submit(asked(parts, order.id, cancelling(None)))
        assert (await place(parts, body({"FEW": 2}))).order.version
        with pytest.raises(Refused, match="purchase_limit"):
            await place(parts, body({"FEW": 1}))
        assert again.status == "placed"
        await assert_all_is_well(parts)


async def test_a_cancelled_kit_gives_back_its_parts(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"BREAKFAST": 3}))).order
        for left in (2, 1, 0):
            await parts.shop.changing.submit(asked(parts, order.id, cancelling({1: 1})))
            assert [await available(parts, sku) for sku in ("TEA", "CUP")] == [100 - 2 * left, 100 - left]
            await assert_all_is_well(parts)


async def test_many_who_cancel_the_same_units_at_once_cancel_them_once(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as one, trading.opened(dsn, tmp_path) as other:
        order = (await place(one, body({"TEA": 5}))).order
        found = await asyncio.gather(
            *[parts.shop.changing.submit(asked(parts, order.id, cancelling({1: 1}))) for parts in (one, other) * 4], return_exceptions=True
        )
        assert sum(isinstance(outcome, orders.Changed) for outcome in found) == 5
        assert sum(isinstance(outcome, Refused) for outcome in found) == 3
        assert await available(one, "TEA") == 100
        await assert_all_is_well(one)


async def test_who_believes_in_an_older_version_is_told(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}))).order
        found = await asyncio.gather(
            *[parts.shop.changing.submit(asked(parts, order.id, noting(str(n)), version=order.version)) for n in range(3)],
            return_exceptions=True,
        )
        assert [getattr(outcome, "code", "done") for outcome in found] == ["done", "stale", "stale"]
        assert found[1].data == {"version": order.version + 1}  # type: ignore[union-attr]


async def test_an_order_that_is_not_there_is_missing_and_its_neighbours_are_changed(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}))).order
        found = await asyncio.gather(
            parts.shop.changing.submit(asked(parts, parts.draw.uuid(), cancelling(None))),
            parts.shop.changing.submit(asked(parts, order.id, cancelling(None))),
            return_exceptions=True,
        )
        assert isinstance(found[0], Refused) and found[0].kind == "missing"
        assert isinstance(found[1], orders.Changed)


async def test_a_change_that_breaks_is_refused_alone(dsn: str, tmp_path: Path) -> None:
    def breaks(order: orders.Order) -> tuple[events.Fact, ...]:
        raise ZeroDivisionError

    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 3}))).order
        verbs = [cancelling({1: 1}), breaks, cancelling({1: 1})]
        found = await asyncio.gather(*[parts.shop.changing.submit(asked(parts, order.id, verb)) for verb in verbs], return_exceptions=True)
        assert [type(outcome) for outcome in found] == [orders.Changed, ZeroDivisionError, orders.Changed]
        await assert_all_is_well(parts)


async def test_a_line_that_cost_nothing_leaves_the_vendors_part_as_it_leaves_the_order(dsn: str, tmp_path: Path) -> None:
    free = pricing.PromotionRow("FREE", "percent", {"rate": 10_000}, conditions=pricing.Conditions(skus=("TEA",)))
    async with trading.market(dsn, tmp_path, promotions=[free]) as parts:
        order = (await place(parts, body({"TEA": 2, "CUP": 1}))).order
        assert order.lines[0].total == 0
        await parts.shop.changing.submit(asked(parts, order.id, cancelling({1: 1})))
        await assert_all_is_well(parts)


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_history_the_rows_are_the_fold_and_no_unit_is_lost(dsn: str, tmp_path: Path, seed: int) -> None:
    """Two processes place, cancel, hold, release and note at random, many at once."""
    random = Random(seed)
    tenth = pricing.PromotionRow("TENTH", "percent", {"rate": 1500}, uses=20)
    async with trading.market(dsn, tmp_path, promotions=[tenth]) as one, trading.opened(dsn, tmp_path) as other:
        known: list[str] = []

        async def somebody(n: int) -> None:
            parts = random.choice((one, other))
            if not known or random.random() < 0.3:
                wanted = {
                    sku: random.randint(1, 4)
                    for sku in random.sample(["TEA", "CUP", "POT", "LAST", "BREAKFAST", "GIFT"], random.randint(1, 3))
                }
                known.append((await place(parts, body(wanted, phone=f"017{n:08d}"), f"key-{n}")).order.id)
                return
            quantities = random.choice([None, {1: 1}, {1: 1, 2: 1}, {1: 2}])
            verb = random.choice([
                cancelling(quantities), noting("look"),
                lambda order: orders.hold(order, hold_id=f"h{n % 3}", kind="MANUAL", reason="look"),
                lambda order: orders.release(order, hold_id=f"h{n % 3}", reason="seen"),
            ])  # fmt: skip
            await parts.shop.changing.submit(asked(parts, random.choice(known), verb))

        for wave in range(8):
            found = await asyncio.gather(*[somebody(wave * 100 + n) for n in range(25)], return_exceptions=True)
            broken = [outcome for outcome in found if isinstance(outcome, Exception) and not isinstance(outcome, Refused)]
            assert not broken, broken
        await assert_all_is_well(one)
        async with one.database.reading() as tx:
            facts = await tx.fetch("SELECT order_id::text, array_agg(version ORDER BY position) FROM order_events GROUP BY 1")
        assert all(versions == list(range(1, len(versions) + 1)) for _, versions in facts)
