"""A flash sale in small: real server processes, real HTTP, more buyers than units. `make bench-flash` is the large one."""

import asyncio
from pathlib import Path

from bench import flash


async def test_every_sale_is_exact_even_where_a_server_dies_in_the_middle(dsn: str, tmp_path: Path) -> None:
    plan = flash.Plan(attempts=400, units=120, uses=30, buyers=32)
    sales = await asyncio.to_thread(flash.run, tmp_path, plan, dsn)
    assert {sale.name: sale.wrong for sale in sales if sale.wrong} == {}
    assert [sale.answers["sold"] for sale in sales if "kit" not in sale.name] == [120, 30, 120]
