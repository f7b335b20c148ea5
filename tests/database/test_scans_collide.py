"""A person's report meets another writer over stock: it begins again, and counts once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from haat.domain import fulfilment, orders
from haat.domain.orders import events
from haat.engine import database
from haat.engine.database import Tx
from haat.faces.api import shipments
from haat.kernel.facts import Origin
from tests.database import trading
from tests.domain.orders.histories import NOW

PARCEL = "01a20000-0000-7000-8000-00000000000a"


@pytest.mark.parametrize("collisions", [0, 1, database.MEETINGS_MAX - 1])
async def test_a_report_that_collides_is_told_again_and_counts_once(dsn: str, tmp_path: Path, collisions: int) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await trading.place(parts, trading.body({"TEA": 1}))).order
        change, met = parts.shop.change, []

        async def colliding(tx: Tx, changes: Sequence[orders.Change]) -> Any:
            outcomes = await change(tx, changes)
            if len(met) < collisions:
                met.append(1)
                raise asyncpg.DeadlockDetectedError("chosen")
            return outcomes

        parts.shop.change = colliding
        scan = fulfilment.courier.Scan(NOW, "c-1", "r-1", "out_for_delivery")
        said = fulfilment.Said(PARCEL, order.id, "swift", "c-1", scan, "hand", "admin:1")
        asked = orders.Change(order.id, lambda _: (events.OrderNoted("seen"),), NOW, Origin("admin:1", "api"))
        desk = shipments._Desk(parts.shop, None, None)  # type: ignore[arg-type]  # neither is asked
        after = await desk._told(asked, said)
        assert after is not None
        assert [note.text for note in after.notes] == ["seen"]
        assert len(met) == collisions
        assert await desk._told(asked, said) is None  # said before, with all that followed
        async with parts.database.reading() as tx:
            assert (await orders.read(parts.journal, tx, [order.id]))[order.id] == after
