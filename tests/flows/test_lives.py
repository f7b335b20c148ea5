"""Whole lives of orders, told: what happens in which order, how each ends, and what the parties' own books say of it."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.flows import casting, lives


def in_order(told: tuple[str, ...], said: list[str]) -> bool:
    """Whether these words come one after the other among what was said."""
    rest = iter(said)
    return all(word in rest for word in told)


@pytest.mark.parametrize("life", lives.LIVES, ids=lambda life: life.name)
async def test_a_life_is_told_to_its_end(life: casting.Life, dsn: str, tmp_path: Path) -> None:
    async with casting.opened(dsn, tmp_path, life) as cast:
        order_id = await cast.place()
        await cast.play([order_id])
        order, said = await cast.order(order_id), await cast.stage.said(order_id)
        assert in_order(life.told, said), said
        assert (order.status, order.payment_status, order.fulfilment_status) == life.ends, said
        assert not order.exceptions


async def test_a_vendor_is_not_reminded_of_what_was_cancelled_meanwhile(dsn: str, tmp_path: Path) -> None:
    scenes = (lives.drops(2, 1), timedelta(hours=13))
    life = msgspec.structs.replace(lives.BY_NAME["cash_two_vendors"], script=scenes)
    async with casting.opened(dsn, tmp_path, life) as cast:
        order_id = await cast.place()
        await cast.play([order_id])
        assert (await cast.order(order_id)).status == "processing"
        assert "VendorOrderReminded" not in await cast.stage.said(order_id)
