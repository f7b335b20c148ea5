"""Bring a database to the schema of this code: forward only, safe to call from many processes at once.

Every server and worker calls `migrate` when it starts. The first one does the work under an advisory lock, the others
wait and find nothing to do. A database newer than the code is refused: an old server would misread it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from haat.kernel import errors

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 0x6861_6174  # "haat"
WAIT_LIMIT = "15min"  # another process may be widening a table of millions of orders
TABLE_LOCK_LIMIT = "20s"  # while a revision waits for a table, every request waits behind it: better to fail and start again


def migrate(dsn: str) -> list[str]:
    """The schema is the newest; returns the revisions applied, oldest first (empty: it was already).

    Each revision commits with its own transaction. Raises Unavailable (permanent) when the database is newer than the code.
    """
    applied: list[str] = []

    def note(*, step: Any, **_: Any) -> None:
        applied.append(step.up_revision_id)

    config = _config()
    config.attributes["applied"] = note
    with _connected(dsn) as connection:
        # A lock of the session and not of a transaction: it must outlive the transaction of each revision.
        connection.exec_driver_sql(f"SET lock_timeout = '{WAIT_LIMIT}'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_KEY})")
        connection.exec_driver_sql(f"SET lock_timeout = '{TABLE_LOCK_LIMIT}'")
        connection.commit()
        _refuse_newer(config, MigrationContext.configure(connection).get_current_heads())
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return applied


def pending(dsn: str) -> list[str]:
    """The revisions that `migrate` would apply, oldest first. Changes nothing."""
    config = _config()
    script = ScriptDirectory.from_config(config)
    with _connected(dsn) as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    _refuse_newer(config, heads)
    return [revision.revision for revision in script.iterate_revisions("heads", heads)][::-1]


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn, connect_timeout=10), poolclass=NullPool)
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise errors.Unavailable("database_unavailable", f"the database cannot be reached: {error.orig}", retry_after_s=2) from error
    with connection:
        yield connection


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(config: Config, heads: tuple[str, ...]) -> None:
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if unknown := sorted(set(heads) - known):
        detail = f"this database has revision {unknown[0]}, which this version of Haat does not know: start a newer Haat"
        raise errors.Unavailable("database_is_newer", detail, permanent=True)
