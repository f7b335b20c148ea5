"""A market of its own for one benchmark: an embedded PostgreSQL, the schema, goods, keys, and server processes to kill.

with serving.market(place, seed) as m:      # PostgreSQL runs, the goods are there
    server = m.serve()                      # a real process; server.kill() is kill -9
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from haat import app
from haat.domain import people
from haat.engine import migrate, postgres
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.settings import Secret, Settings

READY_S = 60.0
Seed = Callable[[Database, Draw], Awaitable[str]]


class Server:
    """One server process on a port of its own."""

    def __init__(self, dsn: str, data_dir: Path, port: int, processes: int = 1) -> None:
        self.port = port
        self._dsn = dsn
        self._data_dir = data_dir
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self, *, wait: bool = True) -> None:
        """Start it (again)."""
        command = [
            sys.executable, "-m", "uvicorn", "haat.app:asgi", "--factory", "--port", str(self.port), "--loop", "uvloop",
            "--http", "httptools",
            "--no-access-log", "--no-proxy-headers", "--no-date-header", "--no-server-header", "--log-level", "warning",
            "--timeout-graceful-shutdown", "10", "--workers", str(self._processes), "--backlog", "4096",
        ]  # fmt: skip
        environment = os.environ | {"DATABASE_URL": self._dsn, "HAAT_DATA_DIR": str(self._data_dir), "HAAT_LOG_LEVEL": "error"}
        with (self._data_dir / f"serve-{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it says that it is ready."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                if self._process is not None and self._process.poll() is not None:
                    log = (self._data_dir / f"serve-{self.port}.log").read_text()[-2000:]
                    raise RuntimeError(f"the server ended at once: {log}") from None
                time.sleep(0.05)
        raise RuntimeError("the server does not get ready")

    def kill(self) -> None:
        """As the kernel would: no goodbye."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """As an operator would: SIGTERM, and wait. Returns its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(30)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


class Market:
    """The running market: its database, its keys, and the servers that were started on it."""

    def __init__(self, dsn: str, data_dir: Path, embedded: postgres.Embedded | None, keys: Mapping[str, str]) -> None:
        self.dsn = dsn
        self.data_dir = data_dir
        self.embedded = embedded
        self.keys = keys
        self._servers: list[Server] = []

    def serve(self, dsn: str | None = None, *, processes: int = 1) -> Server:
        """Start one more server process."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(dsn or self.dsn, self.data_dir, port, processes)
        self._servers.append(server)
        return server

    def remember(self, file: Path) -> None:
        """Write the keys down, for a later run that finds this market filled."""
        file.write_text(json.dumps(dict(self.keys)), encoding="utf-8")

    def close(self) -> None:
        for server in self._servers:
            server.stop()


@contextmanager
def market(
    data_dir: Path, seed: Seed, *, options: Mapping[str, str] | None = None, dsn: str | None = None, keys: Path | None = None
) -> Iterator[Market]:
    """A seeded market in `data_dir`, or in the migrated empty database `dsn`. Everything is stopped at the end.

    With `keys` (what `remember` wrote) it stands there already.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    embedded = None
    if dsn is None:
        embedded = postgres.Embedded(data_dir, options=options)
        dsn = embedded.start()
        migrate.migrate(dsn)
    running: Market | None = None
    try:
        running = Market(dsn, data_dir, embedded, json.loads(keys.read_text()) if keys else asyncio.run(goods(dsn, data_dir, seed)))
        yield running
    finally:
        if running is not None:
            running.close()
        if embedded is not None:
            embedded.stop()


async def goods(dsn: str, data_dir: Path, seed: Seed) -> dict[str, str]:
    """Seed a database; returns API keys by role: `web` (the channel's) and `admin`."""
    async with app.open_parts(Settings(data_dir=data_dir, database_url=Secret(dsn)), dsn) as parts:
        web = await seed(parts.database, parts.draw)
        order = people.KeyOrder(id=parts.draw.uuid(), role="admin", subject="", name="bench")
        async with parts.database.transaction() as tx:
            admin = await people.issue_key(tx, order, entropy=os.urandom(32), by="system", now=datetime.now(UTC))
    return {"web": web, "admin": admin.secret}


def cpu(server: Server, running: Market) -> tuple[float, float]:
    """Seconds of processor so far: (server with its children, PostgreSQL with all its backends)."""
    postmaster = running.embedded.pid if running.embedded is not None else None
    return tree_cpu(server.pid), tree_cpu(postmaster) if postmaster is not None else 0.0


def tree_cpu(pid: int) -> float:
    """Seconds of processor so far, of a process and all its children."""
    spent = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent
