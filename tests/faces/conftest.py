"""One served demo market for all tests of the faces: starting it costs seconds, and tests bring buyers of their own."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from haat.engine import postgres
from tests.faces import served as serving

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
