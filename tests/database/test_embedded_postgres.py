"""The embedded server in the lives it really has: shared, killed, orphaned, below a closed directory, with a long name."""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psycopg
import pytest

from haat.engine import migrate
from haat.engine.postgres import Embedded
from haat.kernel import errors

SMALL = {"shared_buffers": "32MB", "wal_buffers": "4MB", "max_wal_size": "128MB", "min_wal_size": "64MB"}
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that nobody else may enter, as a home directory often is."""
    with tempfile.TemporaryDirectory(prefix="haat-shut-") as closed:
        yield Path(closed) / "data"


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def start_and_die(place: Path) -> None:
    Embedded(place, options=SMALL).start()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_new_server_is_durable_and_closed_to_the_network(place: Path) -> None:
    with Embedded(place, options=SMALL) as server:
        told = {name: ask(server.dsn, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")}
    assert told == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": ""}


def test_two_share_a_directory_and_the_last_one_stops_it(place: Path) -> None:
    first, second = Embedded(place, options=SMALL), Embedded(place, options=SMALL)
    assert first.start() == second.start()
    assert first.stop() is False
    assert ask(second.dsn, "SELECT 1") == 1
    assert second.stop() is True
    assert not second.alive()


def test_what_was_committed_survives_kill_9_of_postgres(place: Path) -> None:
    server = Embedded(place, options=SMALL)
    ask(server.start(), "CREATE TABLE kept AS SELECT 7 AS answer")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ask(server.start(), "SELECT answer FROM kept") == 7
    server.stop()


def test_a_server_that_is_met_in_the_moment_of_its_death_is_started_anew(place: Path) -> None:
    server = Embedded(place, options=SMALL)
    ask(server.start(), "CREATE TABLE kept AS SELECT 7 AS answer")
    lines = (place / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    server.stop()
    dying = shutil.copy("/bin/sleep", place / "postgres-that-dies")  # it bears the name, stands in the place, and is never ready
    with subprocess.Popen([dying, "0.5"], cwd=place / "postgres") as process:
        told = [str(process.pid), *lines[1:-1], "starting"]
        (place / "postgres" / "postmaster.pid").write_text("\n".join(told) + "\n", encoding="utf-8")
        assert server.pid == process.pid
        assert ask(server.start(), "SELECT answer FROM kept") == 7
    server.stop()


def test_a_server_left_by_a_killed_process_is_adopted(place: Path) -> None:
    victim = SPAWN.Process(target=start_and_die, args=(place,))
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    heir = Embedded(place, options=SMALL)
    orphan = heir.pid
    heir.start()
    assert orphan is None or heir.pid == orphan
    assert heir.stop() is True


def test_a_pid_that_now_belongs_to_somebody_else_does_not_block_the_start(place: Path) -> None:
    server = Embedded(place, options=SMALL)
    server.start()
    lines = (place / "postgres" / "postmaster.pid").read_text(encoding="utf-8")
    server.stop()
    (place / "postgres" / "postmaster.pid").write_text(str(os.getpid()) + lines[lines.index("\n") :], encoding="utf-8")
    with server:
        assert server.alive()


def test_a_path_too_long_for_a_socket_still_works(place: Path) -> None:
    with Embedded(place / ("long" * 30), options=SMALL) as server:
        assert ask(server.dsn, "SELECT 1") == 1


def test_tcp_wants_the_password(place: Path) -> None:
    with Embedded(place, port=_free_port(), options=SMALL) as server:
        assert ask(server.tcp_dsn(), "SELECT 1") == 1
        without = server.tcp_dsn().replace(":", ":wrong", 2).replace("postgresql:wrong", "postgresql:", 1)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(without)


def test_processes_that_start_together_migrate_once(server: Embedded, dsn: str) -> None:
    empty = dsn.replace("/market_", "/empty_")
    name = empty.rsplit("/", 1)[0] and empty.split("/")[3].split("?")[0]
    ask(server.dsn, f"CREATE DATABASE {name}")
    with ProcessPoolExecutor(3, mp_context=SPAWN) as together:
        applied = list(together.map(migrate.migrate, [empty] * 3))
    assert sorted(map(bool, applied)) == [False, False, True]
    assert migrate.pending(empty) == []


def test_a_database_newer_than_the_code_is_refused(dsn: str) -> None:
    ask(dsn, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.Unavailable, match="start a newer Haat"):
        migrate.migrate(dsn)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
