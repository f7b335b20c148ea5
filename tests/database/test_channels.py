"""Channels on a real PostgreSQL."""

from datetime import UTC, datetime

import pytest

from haat.domain import channels
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_sheet(code="web", **fields):
    return channels.ChannelSheet(**({"code": code, "kind": "web", "name": "Haat web"} | fields))


async def store(database, *sheets, **how):
    async with database.transaction() as tx:
        return await channels.upsert(tx, sheets, now=NOW, **how)


async def test_a_channel_comes_back_as_it_was_written(database):
    sheet = a_sheet("olist", kind="marketplace", currency="BRL", language="pt-BR", price_list="brazil", external_pricing=True, active=False)
    stored = (await store(database, sheet, a_sheet()))["olist"]
    assert (stored.kind, stored.currency, stored.price_list, stored.external_pricing, stored.active) == (
        "marketplace",
        "BRL",
        "brazil",
        True,
        False,
    )
    async with database.reading() as tx:
        everything = await channels.load_all(tx)
        assert await channels.channel(tx, "olist") == stored
    assert list(everything) == ["olist", "web"]


async def test_saying_the_same_again_keeps_the_version(database):
    await store(database, a_sheet())
    assert (await store(database, a_sheet()))["web"].version == 1
    assert (await store(database, a_sheet(active=False)))["web"].version == 2


async def test_a_channel_keeps_its_currency(database):
    await store(database, a_sheet())
    with pytest.raises(Refused, match="currency_fixed"):
        await store(database, a_sheet(currency="USD"))


async def test_a_channel_that_somebody_else_changed_is_stale(database):
    with pytest.raises(Refused, match="stale"):
        await store(database, a_sheet(), expected={"web": 3})
