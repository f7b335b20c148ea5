"""One served demo market for all tests of the faces: starting it costs seconds, and tests bring buyers of their own."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from haat.domain import orders
from haat.engine import postgres
from haat.kernel.facts import Fact, Origin
from tests.database import trading
from tests.faces import served as serving
from tests.faces.parcels import Tell

NAME = "market_served"


@pytest.fixture(scope="session")
def served(server: postgres.Embedded, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    """The market, served by a process of its own."""
    place: Path = tmp_path_factory.mktemp("served")
    dsn = urlsplit(server.dsn)._replace(path=f"/{NAME}").geturl()
    with psycopg.connect(urlsplit(server.dsn)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(NAME), sql.Identifier(template)))
    with serving.serve(dsn, place) as running:
        yield running


@pytest.fixture
def tell(served: serving.Served, tmp_path: Path) -> Tell:
    """Facts of other parties (the plan, a courier), told by a process beside the server."""

    def told(order_id: str, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> None:
        async def ask() -> None:
            async with trading.opened(served.dsn, tmp_path) as parts:
                now = parts.clock.now()
                await parts.shop.changing.submit(orders.Change(order_id, decide, now, Origin("system", "test")))

        asyncio.run(ask())

    return told
