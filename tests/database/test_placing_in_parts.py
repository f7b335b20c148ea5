"""Placing with several ways to pay on a real PostgreSQL: what stands with the order, what is refused, what a dearer price does to a split."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haat.domain import orders, pricing
from haat.domain.orders.events import Portion
from haat.flows import checkout
from haat.flows.checkout import Placed
from haat.kernel.errors import Refused
from tests.database import trading
from tests.database.trading import assert_all_is_well, body, place, prepared

PARTS = [{"method": "bkash", "amount": 5_000}, {"method": "cod"}]
ONCE = pricing.PromotionRow("ONCE", "percent", {"rate": 1000}, uses=1)
COD_FEE = pricing.FeeRate("cod", "BDT", payment_method="cod", amount=1_000)


async def test_an_order_in_parts_is_its_facts_and_says_what_each_part_is(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}, tenders=PARTS), "k")).order
        assert order.tenders == (Portion("bkash", 5_000), Portion("cod", order.totals.grand - 5_000))
        assert (await place(parts, body({"TEA": 1}, tenders=PARTS), "k")).replayed
        async with parts.database.reading() as tx:
            assert (await orders.read(parts.journal, tx, [order.id]))[order.id] == order
        await assert_all_is_well(parts)


async def test_one_tender_is_the_usual_order_by_its_method(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}, tenders=[{"method": "bkash"}]))).order
        assert (order.payment_method, bool(order.tenders)) == ("bkash", False)


async def test_an_order_without_parts_says_and_keeps_nothing_of_them(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        asked = msgspec.convert(body({"TEA": 1}), checkout.PlaceOrder)
        assert b"tenders" not in msgspec.json.encode(asked), "its fingerprint in a batch is what it was"
        order = (await place(parts, body({"TEA": 1}))).order
        async with parts.database.reading() as tx:
            facts = await tx.fetchval("SELECT string_agg(data::text, '') FROM order_events")
        assert "tenders" not in facts and b"tenders" not in msgspec.json.encode(order)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tenders": [{"method": "bkash", "amount": 5_000}, {"method": "nagad"}], "payment_method": "nagad"}, "payment_method_disagrees"),
        ({"tenders": PARTS, "payment_method": "bkash"}, "payment_method_disagrees"),
        ({"tenders": PARTS, "channel": "bazaar", "external": {"id": "B-1"}}, "external_tenders"),
        ({"tenders": PARTS, "customer": {"phone": "+14155550100"}}, "phone_not_local_mobile"),
        ({"tenders": [{"method": "bkash", "amount": 16_001}]}, "tenders_do_not_sum"),
    ],
)
async def test_parts_that_contradict_the_rest_are_refused(dsn: str, tmp_path: Path, changed: dict[str, Any], code: str) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        with pytest.raises(Refused) as refused:
            await place(parts, body({"TEA": 1}) | changed)
        assert refused.value.code == code
        assert await trading.count(parts, "orders") == 0


async def test_the_limit_at_the_door_is_for_the_part_that_is_paid_there(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        dear = {"POT": 60}
        with pytest.raises(Refused, match="cod_ceiling"):
            await place(parts, body(dear))
        with pytest.raises(Refused, match="cod_ceiling"):
            await place(parts, body(dear, tenders=PARTS))
        order = (await place(parts, body(dear, tenders=[{"method": "bkash", "amount": 1_000_000}, {"method": "cod"}]))).order
        assert orders.splitting.at_the_door(order.tenders or ()) <= parts.market.policy().values.cod_max  # type: ignore[operator]


async def test_where_a_promotion_runs_out_meanwhile_the_open_part_bears_the_difference(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path, promotions=[ONCE]) as parts:
        ready = [await prepared(parts, body({"TEA": 1}, phone=f"0170000000{n}", tenders=PARTS)) for n in range(2)]
        found = await asyncio.gather(*[parts.shop.placing.submit(one) for one in ready])
        cheap, dear = [one.order for one in found]
        assert dear.totals.grand == cheap.totals.grand + 1_000
        assert [order.tenders for order in (cheap, dear)] == [
            (Portion("bkash", 5_000), Portion("cod", order.totals.grand - 5_000)) for order in (cheap, dear)
        ]
        await assert_all_is_well(parts)


async def test_where_every_amount_was_named_a_dearer_price_is_refused_alone(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path, promotions=[ONCE]) as parts:
        total = (await prepared(parts, body({"TEA": 1}))).basket.quote.totals.grand
        named = [{"method": "bkash", "amount": 5_000}, {"method": "cod", "amount": total - 5_000}]
        ready = [await prepared(parts, body({"TEA": 1}, phone=f"0170000000{n}", tenders=named)) for n in range(2)]
        first, second = await asyncio.gather(*[parts.shop.placing.submit(one) for one in ready], return_exceptions=True)
        assert isinstance(first, Placed)
        assert isinstance(second, Refused) and (second.code, second.data["total"]) == ("tenders_do_not_sum", total + 1_000)
        await assert_all_is_well(parts)


async def test_the_fee_for_cash_is_due_where_any_part_is_paid_at_the_door(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        async with parts.database.transaction() as tx:
            await pricing.put_fee_rates(tx, [COD_FEE], now=parts.clock.now())
        await parts.memory.catch_up()
        mixed = (await place(parts, body({"TEA": 1}, tenders=PARTS))).order
        ahead = (await place(parts, body({"TEA": 2}, tenders=[{"method": "bkash", "amount": 5_000}, {"method": "nagad"}]))).order
        assert (mixed.payment_method, mixed.totals.fees) == ("cod", 1_000)
        assert (ahead.payment_method, ahead.totals.fees) == ("bkash", 0)
