"""Lists of orders: every filter that is given holds, newest first, and the database walks an index to find them."""

from pathlib import Path

import pytest

from haat import app
from haat.domain import orders
from haat.domain.orders import queries
from haat.engine.followers import Follower
from haat.insight import search
from tests.database import trading
from tests.database.trading import body, place


async def found(parts: app.Parts, limit: int = 50, before: str | None = None, **wanted: object) -> list[str]:
    async with parts.database.reading() as tx:
        return await orders.find(tx, orders.Filter(**wanted), before=before, placed_after_id=None, limit=limit)  # type: ignore[arg-type]


async def test_every_filter_that_is_given_holds(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        tea = (await place(parts, body({"TEA": 1}))).order
        last = (await place(parts, body({"LAST": 1}, phone="01799999999"))).order
        both = (await place(parts, body({"TEA": 1, "LAST": 1}))).order
        serial = parts.shop.serial_of(tea.number)
        assert await found(parts) == [both.id, last.id, tea.id]
        assert await found(parts, vendor="shop-b") == [both.id, last.id]
        assert await found(parts, vendor="shop-b", phone="+8801712345678") == [both.id]
        assert await found(parts, vendor="shop-b", channel="bazaar") == []
        assert (
            await found(parts, serial=serial)
            == await found(parts, serial=serial, vendor="shop-a", status="placed", channel="web")
            == [tea.id]
        )
        for other in ({"vendor": "shop-b"}, {"status": "cancelled"}, {"channel": "bazaar"}, {"phone": "+8801799999999"}, {"on_hold": True}):
            assert await found(parts, serial=serial, **other) == []
        assert await found(parts, before=last.id) == await found(parts, vendor="shop-a", before=last.id) == [tea.id]
        assert await found(parts, limit=2) == [both.id, last.id]


@pytest.mark.parametrize("statement", ["_BY_ORDER", "_BY_VENDOR"])
async def test_no_list_sorts_all_orders(dsn: str, tmp_path: Path, statement: str) -> None:
    async with trading.market(dsn, tmp_path) as parts, parts.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        wanted = [None, None, None, None, None, False, parts.draw.uuid(), None, 50] + ([] if statement == "_BY_ORDER" else ["shop-a"])
        plan = [row[0] for row in await tx.fetch("EXPLAIN " + getattr(queries, statement), *wanted)]
        assert not any("Sort" in step for step in plan), plan


@pytest.mark.parametrize("endings_max", [0, 1, 40])
async def test_a_beginning_finds_the_same_orders_however_many_words_it_may_become(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endings_max: int
) -> None:
    monkeypatch.setattr(search, "ENDINGS_MAX", endings_max)
    async with trading.market(dsn, tmp_path) as parts:
        tea, teapot, cup = [
            (await place(parts, body({sku: 1}, phone=f"0171111111{n}") | {"note": note})).order.id
            for n, (sku, note) in enumerate([("TEA", "gift"), ("POT", "teatime gift"), ("CUP", "gift")])
        ]
        assert await Follower(search.FOLLOWER, parts.database, parts.journal, search.deal).step() == 9
        expected = {
            "gift": [cup, teapot, tea], "gift te": [teapot, tea], "teat": [teapot], "rahima tea": [teapot, tea] if endings_max else [tea], "tea rahi": [tea],
            "tea cup": [], "zzz": [], "017111": [cup, teapot, tea], "0171111111": [cup, teapot, tea], "01711111110": [tea],
        }  # fmt: skip
        async with parts.database.reading() as tx:
            for typed, ids in expected.items():
                assert await search.find(tx, typed, orders.Filter(), None, None, 50) == ids, typed
            assert await search.find(tx, "gift te", orders.Filter(vendor="shop-b"), None, None, 50) == []
            assert await search.find(tx, "gift te", orders.Filter(), teapot, None, 50) == [tea]
