"""One PostgreSQL for the whole run, one fresh migrated database for each test that asks.

The server is the embedded one, as durable as in production. It starts when the first test wants it, a template is
migrated once, and each `dsn` is a copy of it (about 20 ms). A suite that cannot run is a failure: where `CI` is set,
every skipped test fails unless it stands in `SKIPS_ALLOWED` with its reason.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from haat.engine import migrate, postgres
from haat.engine.database import Database

#: Node id (or its beginning) → why this test may be missing in CI.
SKIPS_ALLOWED: dict[str, str] = {}

IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
TEMPLATE = "market_template"
PLACE = "haat-test-"
#: Small: tests hold little data, and several runs may share one machine.
SMALL = {"shared_buffers": "64MB", "wal_buffers": "8MB", "max_wal_size": "512MB", "min_wal_size": "128MB", "autovacuum": "off"}

hypothesis.settings.register_profile("haat", deadline=None, derandomize=IN_CI, print_blob=True)
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and not item.nodeid.startswith(tuple(SKIPS_ALLOWED)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}. Make it run, or name it in SKIPS_ALLOWED with a reason."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped and not collector.nodeid.startswith(tuple(SKIPS_ALLOWED)):
        report.outcome = "failed"
        report.longrepr = (
            f"{collector.nodeid} was skipped in CI: {report.longrepr}. Make it run, or name it in SKIPS_ALLOWED with a reason."
        )
    return report


def _maintenance(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(_dsn_of(dsn, "postgres"), autocommit=True, connect_timeout=10)


def _dsn_of(dsn: str, database: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


def _sweep() -> None:
    """A run that was killed with -9 leaves its server behind: adopt it, stop it, remove it. Runs that go on are left alone."""
    for place in Path(tempfile.gettempdir()).glob(f"{PLACE}*"):
        if place.is_symlink() or place.lstat().st_uid != os.geteuid() or not (place / "postgres" / "PG_VERSION").exists():
            continue
        left = postgres.Embedded(place, options=SMALL)
        left.start()
        if left.stop():
            shutil.rmtree(place, ignore_errors=True)
