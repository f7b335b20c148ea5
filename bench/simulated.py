"""A Haat of real processes in simulated time, for whoever wants to kill them: PostgreSQL, a server, workers, a market that is stocked.

All of them read one paced clock, so hours of timers pass in seconds. The clock goes on from where it was when its pace is changed:
every process is started anew then, as after a night.
"""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from haat import app
from haat.domain import inventory
from haat.engine import clock, migrate, postgres
from haat.engine.settings import Secret, Settings
from haat.faces.cli import Runtime
from haat.faces.cli.demo import keys, market, stocking

START = datetime(2026, 3, 2, 2, tzinfo=UTC)  # eight in the morning in Dhaka
READY_S = 90.0
RISE_S = 5.0  # until the processes that are started are at work; twice as long as it took the last time, on a busy machine
#: What may be logged in the middle of a day: an invariant that does not hold yet (at the end all are asked), and that a server came up
#: while the database was away, which it says and ends.
EXPECTED = (
    "an invariant is broken", "Unavailable: database_unavailable", "CannotConnectNowError: the database system is",
    "ConnectionRefusedError", "Application startup failed. Exiting.",
)  # fmt: skip
MORE = 5_000  # units of everything, beside what the demo's market has: nobody tests here how it is to be sold out


class Process:
    """One program of Haat, started, killed, started again."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name, self._arguments, self._log = name, list(arguments), log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "haat", *self._arguments]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        """As the kernel would: no goodbye."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """As an operator would. One that does not stop is killed, which is a finding of its own."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(45)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Haat:
    """The whole of it. `dsn`: a migrated empty database instead of a PostgreSQL of our own (which then is not killed)."""

    def __init__(self, place: Path, *, workers: int, pace: float, dsn: str | None = None) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.clock = clock.Fast(START, pace, datetime(9999, 1, 1, tzinfo=UTC))  # stands until `start`
        self.embedded = None if dsn is not None else postgres.Embedded(place, options={"max_connections": "150"})
        self.dsn = dsn or ""
        self._rise_s = RISE_S
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.server = Process("server", ["serve", "--port", str(self.port)], place / "serve.log")
        self.workers = [Process(f"worker {n}", ["work"], place / f"work-{n}.log") for n in range(1, workers + 1)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.place, database_url=Secret(self.dsn), public_url=self.url, clock=str(self.clock), log_level="error")

    def prepare(self) -> Path:
        """The market stands; returns where its keys are."""
        if self.embedded is not None:
            self.dsn = self.embedded.start()
            migrate.migrate(self.dsn)
        asyncio.run(self._stocked())
        return self.place / keys.FILE

    async def _stocked(self) -> None:
        house = app.house()
        async with house.open(self.settings, self.dsn) as runtime:
            await stocking.stock(runtime, market(START), house.promotion_kinds(), START)
            await _more(runtime)
            await runtime.memory.catch_up()
            await keys.keep_keys(runtime, self.url, began=runtime.clock.now(), entropy=lambda: os.urandom(32))

    def start(self, *, pace: float | None = None) -> None:
        """Everything runs, from the instant on at which the clock stood, at this pace. It stands until everybody is up: of a fast
        one, seconds without anybody at work would be half a day."""
        self.clock = clock.Fast(self.clock.now(), pace or self.clock.pace, datetime.now(UTC) + timedelta(seconds=self._rise_s))
        began = time.monotonic()
        for process in (self.server, *self.workers):
            process.start(self.environment)
        self.wait()
        self._rise_s = max(RISE_S, 2 * (time.monotonic() - began))

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.dsn, "HAAT_DATA_DIR": str(self.place), "HAAT_LOG_LEVEL": "warning", "HAAT_LOG_FORMAT": "json",
            "HAAT_PUBLIC_URL": self.url, "HAAT_CLOCK": str(self.clock),
        }  # fmt: skip

    def revive(self, process: Process) -> None:
        process.start(self.environment)

    def wait(self) -> None:
        """Until the server says that it is ready."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            with closing(asked), suppress(OSError, http.client.HTTPException):
                asked.request("GET", "/readyz")
                if asked.getresponse().status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the server does not get ready: {(self.place / 'serve.log').read_text()[-2000:]}")

    def restart_database(self, *, killed: bool) -> None:
        """PostgreSQL ends, at once or after its goodbyes, and comes back."""
        assert self.embedded is not None
        if self.embedded.pid is not None:
            os.kill(self.embedded.pid, signal.SIGKILL if killed else signal.SIGINT)
        until = time.monotonic() + READY_S
        while not killed and self.embedded.alive() and time.monotonic() < until:
            time.sleep(0.05)
        self.embedded.start()

    def stop(self) -> None:
        """The processes end; the database stays, and so does the time."""
        for process in (self.server, *self.workers):
            process.stop()
        self.clock = clock.Fast(self.clock.now(), self.clock.pace, datetime(9999, 1, 1, tzinfo=UTC))

    def close(self) -> None:
        self.stop()
        if self.embedded is not None:
            self.embedded.stop()

    def complaints(self) -> list[str]:
        """What the processes logged as an error of their own, each once."""
        found: dict[str, int] = {}
        for log in sorted(self.place.glob("*.log")):
            if log.name == "postgres.log":
                continue
            for line in log.read_text(errors="replace").splitlines():
                with suppress(msgspec.DecodeError, AttributeError):
                    said = msgspec.json.decode(line)
                    if said.get("level") == "error" and not str(said.get("event")).startswith(EXPECTED):
                        text = f"{said.get('event') or said.get('message')}: {str(said.get('exception') or said.get('error') or '')[-600:]}"
                        found[text] = found.get(text, 0) + 1
        return [f"{count} × {text}" for text, count in sorted(found.items(), key=lambda pair: -pair[1])]


async def _more(runtime: Runtime) -> None:
    """Plenty of everything that is sold from stock."""
    after = ("", "")
    async with runtime.database.transaction() as tx:
        while found := await inventory.levels_page(tx, after=after, limit=1000):
            after = (found[-1].sku, found[-1].location)
            received = [inventory.Movement(runtime.draw.uuid(), each.sku, each.location, MORE, "receipt", "more") for each in found]
            await inventory.move(tx, received, actor="system", now=START)
