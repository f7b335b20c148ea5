"""Placing on a real PostgreSQL: many at once, each whole or not at all, and whatever can go wrong in a batch."""

import asyncio
from collections import Counter
from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from haat import app
from haat.domain import inventory, orders, pricing
from haat.engine import quotas
from haat.engine.database import Rejected
from haat.flows import checkout
from haat.flows.checkout import Placed
from haat.kernel.errors import Refused
from tests.database import trading
from tests.database.trading import assert_all_is_well, body, count, place, prepared


async def outcomes(parts: app.Parts, requests: list[dict[str, object]], keys: list[str] | None = None) -> list[Placed | BaseException]:
    """What came of requests that arrive at one moment."""
    ready = [await prepared(parts, request, key) for request, key in zip(requests, keys or [""] * len(requests), strict=True)]
    return await asyncio.gather(*[parts.shop.placing.submit(one) for one in ready], return_exceptions=True)


def told(outcome: Placed | BaseException) -> str:
    return outcome.code if isinstance(outcome, Refused) else "placed" if isinstance(outcome, Placed) else repr(outcome)


async def test_an_order_leaves_its_facts_rows_reservations_and_receipt(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        placed = await place(parts, body({"TEA": 2, "BREAKFAST": 1}), "k1")
        assert not placed.replayed
        async with parts.database.reading() as tx:
            found = await orders.read(parts.journal, tx, [placed.order.id])
            receipt = await pricing.calculation(tx, placed.order.id)
        assert found[placed.order.id] == placed.order
        assert receipt is not None
        assert {table: await count(parts, table) for table in ("orders", "order_events", "order_reservations", "idempotency_keys")} == {
            "orders": 1, "order_events": 3, "order_reservations": 3, "idempotency_keys": 1,
        }  # fmt: skip
        await assert_all_is_well(parts)


async def test_the_last_units_go_to_exactly_as_many_orders_as_there_are_units(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        found = await outcomes(parts, [body({"LAST": 1}, phone=f"017000000{n:02d}") for n in range(40)])
        assert Counter(map(told, found)) == {"placed": 5, "out_of_stock": 35}
        assert [told(one) for one in found[:5]] == ["placed"] * 5
        await assert_all_is_well(parts)


async def test_two_processes_sell_the_last_units_once(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as one, trading.opened(dsn, tmp_path) as other:
        halves = await asyncio.gather(
            *[
                outcomes(parts, [body({"LAST": 1, "TEA": 1}, phone=f"017{p}00000{n:02d}") for n in range(30)])
                for p, parts in enumerate((one, other))
            ]
        )
        assert Counter(told(outcome) for half in halves for outcome in half) == {"placed": 5, "out_of_stock": 55}
        await assert_all_is_well(one)


async def test_kits_that_share_a_part_sell_it_once(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        wanted = [body({"BREAKFAST" if n % 2 else "GIFT": 1}, phone=f"017000000{n:02d}") for n in range(60)]
        assert Counter(map(told, await outcomes(parts, wanted))) == {"placed": 50, "out_of_stock": 10}
        await assert_all_is_well(parts)


async def test_a_refusal_says_which_line_is_short_and_how_many_could_be_had(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        with pytest.raises(Refused) as refusal:
            await place(parts, body({"TEA": 1, "LAST": 6}))
        assert refusal.value.data["lines"] == [{"line_no": 2, "sku": "LAST", "component": "LAST", "wanted": 6, "available": 5}]
        assert await count(parts, "orders") == await count(parts, "order_events") == 0
        await assert_all_is_well(parts)


@pytest.mark.parametrize(
    "name", ['"', "\\", "{a,b}", "NULL", "a\nb\tc", "'; DROP TABLE orders; --", "%s %(x)s $1", "রহিমা 🫖", "\u202e", '\\"']
)
async def test_whatever_people_are_called_it_comes_back_as_they_wrote_it(dsn: str, tmp_path: Path, name: str) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        odd = body({"TEA": 1}) | {"customer": {"name": name, "phone": "01712345678", "email": name, "id": name}, "note": name}
        plain = body({"TEA": 1}, phone="01799999999")
        found = await outcomes(parts, [plain, odd, plain], ["k1", "".join(c for c in name if "!" <= c <= "~") or "k2", "k3"])
        assert list(map(told, found)) == ["placed"] * 3
        async with parts.database.reading() as tx:
            (order,) = (await orders.read(parts.journal, tx, [found[1].order.id])).values()  # type: ignore[union-attr]
        assert (order.customer.name, order.customer.id, order.note) == (name, name, name)
        await assert_all_is_well(parts)


async def test_one_poisoned_order_is_refused_alone(dsn: str, tmp_path: Path) -> None:
    """An amount beyond what the database can hold, in the middle of a batch."""
    async with trading.market(dsn, tmp_path) as parts:
        wanted = [body({"TEA": 1}, phone=f"017000000{n:02d}") for n in range(9)]
        ready = [await prepared(parts, request) for request in wanted]
        ready[4].created = msgspec.structs.replace(ready[4].created, basket=2**70)  # type: ignore[type-var]
        found = await asyncio.gather(*[parts.shop.placing.submit(one) for one in ready], return_exceptions=True)
        assert [told(one) for n, one in enumerate(found) if n != 4] == ["placed"] * 8
        assert isinstance(found[4], Exception)
        await assert_all_is_well(parts)


async def test_the_same_order_of_a_marketplace_is_the_same_order_whatever_key_it_comes_with(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        sold = body({"TEA": 1}, channel="bazaar", external={"id": "BZ-7"}, payment_method="prepaid")
        sold["lines"] = [{"sku": "TEA", "quantity": 1, "unit_price": 9_000}]
        first = await place(parts, sold, "k1")
        again = await place(parts, sold, "k2")
        assert (again.order.id, again.replayed) == (first.order.id, True)
        found = await outcomes(parts, [sold | {"external": {"id": "BZ-8"}}] * 3, ["k3", "k4", "k5"])
        assert {one.order.id for one in found if isinstance(one, Placed)} != {first.order.id}
        assert [told(one) for one in found] == ["placed"] * 3
        assert await count(parts, "orders") == 2
        await assert_all_is_well(parts)


@pytest.mark.parametrize(
    ("placed_at", "outcome"),
    [
        ("9999-12-31T23:59:59Z", "placed_at"),
        ("1969-12-31T23:59:59Z", "placed_at"),
        ("2026-01-01T00:00:00", "placed_at"),
        ("2026-01-01T06:00:00+06:00", "placed"),
    ],
)
async def test_what_was_sold_elsewhere_was_sold_in_the_past(dsn: str, tmp_path: Path, placed_at: str, outcome: str) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        sold = body({}, channel="bazaar", external={"id": "BZ-7", "placed_at": placed_at}, payment_method="prepaid")
        sold["lines"] = [{"sku": "TEA", "quantity": 1, "unit_price": 9_000}]
        try:
            order = (await place(parts, sold)).order
        except Refused as refused:
            assert refused.code == outcome
        else:
            assert outcome == "placed" and order.placed_at.astimezone(UTC).isoformat() == "2026-01-01T00:00:00+00:00"


FIRST_COME = [
    pricing.PromotionRow("GRAND", "percent", {"rate": 5000}, stacking="exclusive", group="opening", uses=1),
    pricing.PromotionRow("SMALL", "percent", {"rate": 1000}, stacking="exclusive", group="opening", uses=2),
]


async def test_where_the_best_promotion_is_used_up_the_next_best_is_counted_too(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path, promotions=FIRST_COME) as parts:
        found = await outcomes(parts, [body({"TEA": 1}, phone=f"017000000{n:02d}") for n in range(6)])
        assert [one.order.totals.discount for one in found if isinstance(one, Placed)] == [5000, 1000, 1000, 0, 0, 0]
        async with parts.database.reading() as tx:
            used = dict(await tx.fetch("SELECT key, used FROM quotas"))
        assert used == {"promotion:GRAND:uses": 1, "promotion:SMALL:uses": 2}
        await assert_all_is_well(parts)


async def test_dearer_than_the_buyer_was_shown_is_refused_when_the_promotion_runs_out(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path, promotions=FIRST_COME[:1]) as parts:
        shown = (await prepared(parts, body({"TEA": 1}))).basket.quote.totals.grand
        found = await outcomes(parts, [body({"TEA": 1}, phone=f"0170000000{n}", expected_total=shown) for n in range(3)])
        assert [told(one) for one in found] == ["placed", "total_changed", "total_changed"]
        await assert_all_is_well(parts)


async def test_a_coupon_is_used_as_often_as_it_may_be(dsn: str, tmp_path: Path) -> None:
    eid = pricing.PromotionRow("EID", "percent", {"rate": 1000}, automatic=False)
    async with trading.market(dsn, tmp_path, promotions=[eid], coupons=[pricing.Coupon("EID10", "EID", uses=10)]) as parts:
        found = await outcomes(parts, [body({"TEA": 1}, phone=f"017000000{n:02d}", coupons=["EID10"]) for n in range(25)])
        assert Counter(map(told, found)) == {"placed": 10, "coupon_used_up": 15}
        await assert_all_is_well(parts)


async def test_an_order_that_finds_no_stock_takes_no_coupon(dsn: str, tmp_path: Path) -> None:
    eid = pricing.PromotionRow("EID", "percent", {"rate": 1000}, automatic=False)
    async with trading.market(dsn, tmp_path, promotions=[eid], coupons=[pricing.Coupon("EID10", "EID", uses=1)]) as parts:
        wanted = [body({"LAST": 6}, phone="01700000001", coupons=["EID10"]), body({"TEA": 1}, phone="01700000002", coupons=["EID10"])]
        assert list(map(told, await outcomes(parts, wanted))) == ["out_of_stock", "placed"]


async def test_one_customer_buys_so_many_and_no_more_however_the_orders_come(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        found = await outcomes(parts, [body({"FEW": 1}) for _ in range(5)] + [body({"FEW": 3}, phone="01799999999")])
        assert Counter(map(told, found)) == {"placed": 4, "purchase_limit": 2}
        await assert_all_is_well(parts)


async def test_the_same_basket_a_moment_later_is_placed_and_held(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        found = await outcomes(parts, [body({"TEA": 1}), body({"TEA": 1})])
        assert [len(one.order.holds) for one in found if isinstance(one, Placed)] == [0, 1]
        assert (await place(parts, body({"TEA": 1}))).order.holds[0].kind == "DUPLICATE"
        assert not (await place(parts, body({"TEA": 2}))).order.holds
        await assert_all_is_well(parts)


async def test_the_database_itself_refuses_an_oversale(dsn: str, tmp_path: Path) -> None:
    """Were admission ever wrong, the constraint behind it would not be."""
    async with trading.market(dsn, tmp_path) as parts:
        with pytest.raises(Rejected, match="stock_is_never_oversold"):
            async with parts.database.transaction() as tx:
                take = inventory.Take(1, "LAST", "DHK", 6)
                await inventory.reserve(tx, [(parts.draw.uuid(), [take])], {("LAST", "DHK"): 6}, now=parts.clock.now())
        await assert_all_is_well(parts)


async def test_what_a_limit_counts_is_never_more_than_what_was_sold(dsn: str, tmp_path: Path) -> None:
    """A budget of 25.00 and a tenth off each order of 100.00: two full discounts, and the rest goes without."""
    budget = pricing.PromotionRow("TENTH", "percent", {"rate": 1000}, budget=2_500)
    async with trading.market(dsn, tmp_path, promotions=[budget]) as parts:
        found = await outcomes(parts, [body({"TEA": 1}, phone=f"0170000000{n}") for n in range(4)])
        assert [one.order.totals.discount for one in found if isinstance(one, Placed)] == [1000, 1000, 0, 0]
        async with parts.database.reading() as tx:
            assert await tx.fetchval("SELECT used FROM quotas WHERE key = 'promotion:TENTH:budget'") == 2000


def test_claims_of_one_order_are_taken_all_or_none() -> None:
    used = {"a": 1, "b": 0}
    assert quotas.admit(used, [quotas.Claim("a", 1, 2), quotas.Claim("b", 2, 1)]) == quotas.Claim("b", 2, 1)
    assert used == {"a": 1, "b": 0}
    assert quotas.admit(used, [quotas.Claim("a", 1, 3), quotas.Claim("a", 1, 3)]) is None
    assert used["a"] == 3


def test_the_desks_face_has_what_a_caller_needs() -> None:
    assert set(checkout.__all__) >= {"Desk", "Placed", "Prepared", "PlaceOrder", "prepare", "price"}
