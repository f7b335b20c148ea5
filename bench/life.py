"""`make bench-life`: whole lives of orders, from placed to delivered and completed, every step durable, on the cores of this machine.

Orders are placed over HTTP at a steady rate (Poisson, timed from when a request was due) while workers lead them on: screened,
charged, allocated, confirmed, offered, accepted, prepared, packed, a courier chosen, booked, shipped, delivered, completed. The
gateway and the courier answer at once (bench/prompt.py). A rate holds when no backlog is left growing at its end and placing kept its
p99. Beside it, in the same run, a durable-execution library with as many empty steps as these lives had: where it does a fifth of our
lives or more, we should own no engine, and this ends with exit code 1. What else was missed is said.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench import market, prompt, serving
from bench.client import Client, percentile
from haat.engine import keyring
from haat.engine.database import Database
from haat.engine.settings import Secret, Settings

DURABLE = Path(__file__).with_name("durable.py")
DRAIN_S = 90.0
GOAL_RATE = 1_500  # lives a second
GOAL_P99_MS = 80.0  # of placing beside them
GOAL_TIMES = 5  # as many lives as the library's
BODY = (
    '{"channel":"web","customer":{"name":"Rahima Khatun","phone":"017%08d"},"ship_to":{"recipient":"Rahima Khatun","division":"Dhaka",'
    '"district":"Dhaka","upazila":"Mirpur","area":"Mirpur 10","line":"House %d, Road %d","postcode":"1216"},'
    '"lines":[{"sku":"SKU-%04d","quantity":1},{"sku":"SKU-%04d","quantity":2}],"payment_method":"bkash"}'
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one rate showed: orders and lives a second, steps and facts a life, open orders in the middle and at the end of placing."""

    vendors: int
    rate: int
    placed: float
    completed: float
    lives: int
    steps: float
    facts: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    halfway: int
    left: int
    drained_s: float

    @property
    def keeps_up(self) -> bool:
        """What is left at the end is under way, not behind: less than two seconds of it, and not growing through the second half."""
        return self.left <= 2 * self.rate and self.left <= self.halfway + self.rate * 0.5

    @property
    def holds(self) -> bool:
        return self.keeps_up and self.p99_ms < GOAL_P99_MS

    @property
    def verdict(self) -> str:
        return "yes" if self.holds else "NO: p99" if self.keeps_up else "NO: backlog"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rates", type=int, nargs="*", default=[200, 400, 600, 800, 1000, 1500], help="orders placed per second")
    options.add_argument("--seconds", type=float, default=15.0, help="length of each rate")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--two-vendors", type=int, nargs="*", default=[300, 500], help="rates at which every order has two vendors")
    options.add_argument("--no-durable", action="store_true", help="without the durable-execution library")
    asked = options.parse_args()
    if not asked.rates and not asked.two_vendors:
        options.error("at least one rate")
    console = Console(width=170)
    place = Path(tempfile.mkdtemp(prefix="haat-bench-"))
    try:
        with serving.market(place, market.seed) as running:
            asyncio.run(_connect(running))
            server = running.serve()
            with workers(running, asked.workers) as pids:
                rows = uvloop.run(_rates(server, running, pids, asked, console))
            server.stop()
            library = None if asked.no_durable else _durable(running, place, asked.seconds, round(fastest(rows).steps), console)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    for line in goals(rows, library):
        console.print(line, highlight=False)
    if library is not None and not worth_owning(rows, library):
        raise SystemExit(1)


def fastest(rows: list[Row]) -> Row:
    """Of all rates, held or not, the one that led most lives to their end: the library, too, runs as fast as it can."""
    return max(rows, key=lambda row: row.completed)


def worth_owning(rows: list[Row], library: float) -> bool:
    return fastest(rows).completed >= GOAL_TIMES * library


def goals(rows: list[Row], library: float | None) -> list[str]:
    """Each goal, whether it was reached, and what was seen. `library`: its lives a second; None: it was not run."""
    held = max((row.rate for row in rows if row.holds), default=0)
    slowest = max((row for row in rows if row.keeps_up), key=lambda row: row.p99_ms, default=None)
    p99 = f"{slowest.p99_ms:.1f} ms at {slowest.rate:,}/s, the slowest without a backlog" if slowest else "none without a backlog"
    said = [
        _said(f"{GOAL_RATE:,} whole lives a second", held >= GOAL_RATE, f"{held:,} hold"),
        _said(f"placing beside them with p99 under {GOAL_P99_MS:.0f} ms", slowest is not None and slowest.holds, p99),
    ]
    if library is None:
        return [*said, f"not asked: {GOAL_TIMES} times the library's lives"]
    ours = fastest(rows).completed
    seen = f"{ours / library:.1f} times: {ours:,.1f} against {library:,.1f} a second"
    return [*said, _said(f"{GOAL_TIMES} times the library's lives", worth_owning(rows, library), seen)]


def _said(goal: str, reached: bool, seen: str) -> str:
    return f"{'reached' if reached else 'MISSED'}: {goal} ({seen})"


async def _connect(running: serving.Market) -> None:
    secret = keyring.secrets_of(Settings(data_dir=running.data_dir, database_url=Secret(running.dsn)))[0]
    database = await Database.open(running.dsn, size=2)
    await prompt.connect(database, secret)
    await prompt.hurry(database)
    await database.close()


@contextmanager
def workers(running: serving.Market, count: int) -> Iterator[list[int]]:
    """Worker processes that know the prompt parties."""
    environment = os.environ | {"DATABASE_URL": running.dsn, "HAAT_DATA_DIR": str(running.data_dir), "HAAT_LOG_LEVEL": "warning"}
    started = []
    for n in range(count):
        with (running.data_dir / f"work-{n}.log").open("ab") as log:
            started.append(subprocess.Popen([sys.executable, "-m", "bench.prompt"], env=environment, stdout=log, stderr=log))
    try:
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)
        for n in range(count):
            said = (running.data_dir / f"work-{n}.log").read_text()
            if said.strip():
                print(f"worker {n}: {said[-2000:]}", file=sys.stderr)


async def _rates(
    server: serving.Server, running: serving.Market, pids: list[int], asked: argparse.Namespace, console: Console
) -> list[Row]:
    port = server.port
    found = []
    database = await Database.open(running.dsn, size=2)
    await _load(port, running.keys["web"], 100, 3.0, vendors=2)  # warm
    await _drained(database)
    table = Table(title=f"Whole lives, {asked.workers} workers, one server, client and PostgreSQL on the same cores")
    for name in (
        "vendors",
        "placed/s",
        "completed/s",
        "steps/life",
        "facts/life",
        "place p50 ms",
        "p95 ms",
        "p99 ms",
        "left at the end",
        "drained in s",
        "CPU ms/life: server, workers, PostgreSQL",
        "holds",
    ):
        table.add_column(name, justify="right")
    for vendors, rates in ((1, asked.rates), (2, asked.two_vendors)):
        for rate in rates:
            before = _cpu(server, running, pids)
            row = await _rate(port, running.keys["web"], database, rate, asked.seconds, vendors=vendors)
            spent = [f"{(now - then) / row.lives * 1000:.1f}" for now, then in zip(_cpu(server, running, pids), before, strict=True)]
            found.append(row)
            table.add_row(
                str(vendors), f"{row.placed:,.0f}", f"{row.completed:,.0f}", f"{row.steps:.1f}", f"{row.facts:.1f}", f"{row.p50_ms:.1f}",
                f"{row.p95_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.left:,}", f"{row.drained_s:.1f}", ", ".join(spent), row.verdict,
            )  # fmt: skip
            if not row.keeps_up:
                break
    console.print(table)
    await database.close()
    return found


def _cpu(server: serving.Server, running: serving.Market, pids: list[int]) -> tuple[float, float, float]:
    placing, postgres = serving.cpu(server, running)
    return placing, sum([serving.tree_cpu(pid) for pid in pids]), postgres


async def _rate(port: int, key: str, database: Database, rate: int, seconds: float, *, vendors: int) -> Row:
    before = await _counts(database)
    halfway: list[dict[str, int]] = []

    async def look() -> None:
        await asyncio.sleep(seconds / 2)
        halfway.append(await _counts(database))

    looking = asyncio.create_task(look())
    began = time.perf_counter()
    taken = await _load(port, key, rate, seconds, vendors=vendors)
    took = time.perf_counter() - began
    await looking
    end = await _counts(database)
    drained = await _drained(database)
    after = await _counts(database)
    lives = after["completed"] - before["completed"]
    assert lives == len(taken), f"{len(taken) - lives} of {len(taken)} lives did not end: {await _stuck(database)}"
    p50, p95, p99 = (percentile(taken, share) * 1000 for share in (0.5, 0.95, 0.99))
    return Row(
        vendors=vendors, rate=rate, placed=len(taken) / took, completed=(end["completed"] - before["completed"]) / took, lives=lives,
        steps=(after["steps"] - before["steps"]) / lives, facts=(after["facts"] - before["facts"]) / lives,
        p50_ms=p50, p95_ms=p95, p99_ms=p99, halfway=halfway[0]["open"], left=end["open"], drained_s=drained,
    )  # fmt: skip


async def _load(port: int, key: str, rate: int, seconds: float, *, vendors: int) -> list[float]:
    """Place at this rate, Poisson; seconds from when each was due to its answer."""
    free: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(128):
        free.put_nowait(Client(port, key))
    taken: list[float] = []
    draw = random.Random(time.time_ns())

    async def one(due: float) -> None:
        client = await free.get()
        first = draw.randrange(market.SKUS)
        away = draw.randrange(1, market.SKUS // market.VENDORS) * market.VENDORS  # SKUs go round the vendors
        second = (first + away + (vendors - 1)) % market.SKUS
        body = BODY % (draw.randrange(10**8), draw.randrange(1, 10**6), draw.randrange(1, 100), first, second)
        reply = await client.ask("POST", "/v1/orders", body.encode(), idempotency_key=os.urandom(12).hex())
        assert reply is not None and reply[0] == 201, reply
        taken.append(time.perf_counter() - due)
        free.put_nowait(client)

    begin = due = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        while due - begin < seconds:
            due += draw.expovariate(rate)
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            tasks.create_task(one(due))
    return taken


async def _counts(database: Database) -> dict[str, int]:
    async with database.reading() as tx:
        row = await tx.fetchrow(
            """SELECT (SELECT count(*) FROM orders WHERE status = 'completed') AS completed,
                 (SELECT count(*) FROM orders WHERE status IN ('placed', 'confirmed', 'processing')) AS open,
                 (SELECT count(*) FROM workflow_states WHERE status = 'done') AS steps, (SELECT count(*) FROM order_events) AS facts"""
        )
    return dict(row)


async def _drained(database: Database) -> float:
    """Seconds until nothing is open any more; gives up after two minutes."""
    began = time.perf_counter()
    while time.perf_counter() - began < DRAIN_S:
        async with database.reading() as tx:
            if not await tx.fetchval("SELECT count(*) FROM orders WHERE status IN ('placed', 'confirmed', 'processing')"):
                break
        await asyncio.sleep(0.1)
    return time.perf_counter() - began


async def _stuck(database: Database) -> list[str]:
    async with database.reading() as tx:
        rows = await tx.fetch(
            """SELECT flow || ':' || step || ' ' || status || ' ' || coalesce(error, '') AS what, count(*) FROM workflow_states
               WHERE status NOT IN ('done', 'stopped') GROUP BY 1 ORDER BY 2 DESC LIMIT 5"""
        )
        statuses = await tx.fetch("SELECT status, payment_status, fulfilment_status, count(*) FROM orders GROUP BY 1, 2, 3")
    return [f"{r[1]} × {r[0]}" for r in rows] + [str(tuple(r)) for r in statuses]


def _durable(running: serving.Market, place: Path, seconds: float, steps: int, console: Console) -> float:
    """The library's lives a second with so many empty steps each, in an environment of its own, on the same PostgreSQL."""
    title = f"A durable-execution library (DBOS), {steps} empty steps a life, the same PostgreSQL"
    table = Table("together", "lives/s", "steps/s", title=title)
    home = place / "durable"
    venv.create(home, with_pip=True)
    subprocess.run([home / "bin/pip", "install", "--quiet", "dbos"], check=True)
    head, _, tail = running.dsn.partition("?")
    dsn = head.rsplit("/", 1)[0] + "/durable" + ("?" + tail if tail else "")
    best = 0.0
    for together in (4, 16):
        command = [home / "bin/python", DURABLE, dsn, "--steps", str(steps), "--seconds", str(seconds), "--together", str(together)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        table.add_row(str(together), f"{found['per_second']:,.1f}", f"{found['steps_per_second']:,.0f}")
        best = max(best, found["per_second"])
    console.print(table)
    return best


if __name__ == "__main__":
    main()
