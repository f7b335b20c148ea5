"""One PostgreSQL for the whole run, one fresh migrated database for each test that asks.

The server is the embedded one, as durable as in production. It starts when the first test wants it, a template is
migrated once, and each `dsn` is a copy of it (about 20 ms). In CI a test that cannot run is a failure (`tests/skips.py`).
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from haat.engine import migrate, postgres
from haat.engine.database import Database
from tests import skips

pytest_runtest_makereport = skips.pytest_runtest_makereport
pytest_make_collect_report = skips.pytest_make_collect_report

TEMPLATE = "market_template"
PLACE = "haat-test-"
YOUNG_S = 1800
#: Small: tests hold little data, and several runs may share one machine.
SMALL = {"shared_buffers": "64MB", "wal_buffers": "8MB", "max_wal_size": "512MB", "min_wal_size": "128MB", "autovacuum": "off"}

hypothesis.settings.register_profile("haat", deadline=None, derandomize=skips.IN_CI, print_blob=True)
hypothesis.settings.load_profile("haat")


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Embedded]:
    """The server of this run. Its directory goes with it, and so do those of runs that were killed."""
    _sweep()
    place = Path(tempfile.mkdtemp(prefix=PLACE))
    with postgres.Embedded(place, options=SMALL) as running:
        yield running
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: postgres.Embedded) -> str:
    """The name of a database with the newest schema and nothing in it. Nobody may stay connected to it."""
    with _maintenance(server.dsn) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate.migrate(_dsn_of(server.dsn, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def dsn(server: postgres.Embedded, template: str, _numbers: Iterator[int]) -> Iterator[str]:
    """The address of a fresh migrated database, dropped after the test whoever is still connected."""
    name = f"market_{next(_numbers)}"
    with _maintenance(server.dsn) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    yield _dsn_of(server.dsn, name)
    with _maintenance(server.dsn) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A pool on a fresh migrated database."""
    opened = await Database.open(dsn, size=10)
    yield opened
    await opened.close()


def _maintenance(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(_dsn_of(dsn, "postgres"), autocommit=True, connect_timeout=10)


def _dsn_of(dsn: str, database: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


def _sweep() -> None:
    """A run that was killed with -9 leaves its server behind: adopt it, stop it, remove it. Runs that go on are left alone."""
    for place in Path(tempfile.gettempdir()).glob(f"{PLACE}*"):
        found = place.lstat()
        if place.is_symlink() or found.st_uid != os.geteuid() or not (place / "postgres" / "PG_VERSION").exists():
            continue
        if time.time() - found.st_mtime < YOUNG_S:  # a run beside us may be starting it at this moment
            continue
        left = postgres.Embedded(place, options=SMALL)
        left.start()
        if left.stop():
            shutil.rmtree(place, ignore_errors=True)
