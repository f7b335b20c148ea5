"""A whole guest checkout, as shops do it, in eight requests: carts a second, and how long each step takes.

    create ─ line ─ line ─ address ─ shipping ─ payment ─ read ─ complete          N shoppers, each does one after the other

Starts a PostgreSQL, a market and a server of its own; the shoppers run in this process, on the same machine as the server.
Every order is durable when it is answered, and at the end each that was answered is counted in the database.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench import market, serving

STEPS = ("create", "line 1", "line 2", "address", "shipping", "payment", "read", "complete")
_made = re.compile(rb'"id":"([0-9a-f-]{36})".*"token":"(hct_[\w-]+)"', re.DOTALL).search


class Line(asyncio.Protocol):
    """One keep-alive connection: one request at a time, answered by (status, body)."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer = data if not self._buffer else self._buffer + data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.find(b"content-length: ", 0, head)
        size = int(self._buffer[at + 16 : self._buffer.find(b"\r", at)]) if at >= 0 else 0
        end = head + 4 + size
        if len(self._buffer) >= end and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            answer, self._buffer = (int(self._buffer[9:12]), self._buffer[head + 4 : end]), self._buffer[end:]
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("the server hung up"))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Tally:
    """What was measured. Steps begun before `since` warm up and are not counted."""

    def __init__(self) -> None:
        self.since = float("inf")
        self.steps: list[list[float]] = [[] for _ in STEPS]
        self.whole: list[float] = []
        self.wrong: dict[str, int] = {}


def request(method: str, path: str, token: bytes, body: object = None) -> bytes:
    written = b"" if body is None else msgspec.json.encode(body)
    head = b"%s %s HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (method.encode(), path.encode(), token, len(written)) + written


def checkout(rng: random.Random, path: str, token: bytes) -> list[bytes]:
    """The seven requests after the first."""
    first, second = rng.sample(range(market.SKUS), 2)
    address = {
        "recipient": "Rahima Khatun", "phone": f"017{rng.randrange(10**8):08d}", "division": "Dhaka", "district": "Dhaka",
        "upazila": "Mirpur", "line": "House 12, Road 5", "postcode": "1216",
    }  # fmt: skip
    return [
        request("POST", path + "/lines", token, {"sku": market.sku(first), "quantity": rng.randint(1, 3)}),
        request("POST", path + "/lines", token, {"sku": market.sku(second), "quantity": 1}),
        request("PUT", path + "/address", token, address),
        request("PUT", path + "/shipping", token, {"method": "standard"}),
        request("PUT", path + "/payment", token, {"method": "cod"}),
        request("GET", path, token),
        request("POST", path + "/orders", token, {}),
    ]


async def shop(line: Line, key: bytes, rng: random.Random, tally: Tally, until: float) -> None:
    """One shopper, checkout after checkout."""
    create = request("POST", "/v1/carts", key, {"channel": "web"})
    clock = time.perf_counter
    while (began := clock()) < until:
        status, body = await line.ask(create)
        taken = [clock() - began]
        found = _made(body)
        if status != 201 or found is None:
            tally.wrong[f"create {status}"] = tally.wrong.get(f"create {status}", 0) + 1
            continue
        good = True
        for step, asked in enumerate(checkout(rng, "/v1/carts/" + found[1].decode(), found[2]), 1):
            at = clock()
            status, body = await line.ask(asked)
            taken.append(clock() - at)
            if status not in (200, 201):
                good = False
                name = f"{STEPS[step]} {status} {body[:200]!r}"
                tally.wrong[name] = tally.wrong.get(name, 0) + 1
                break
        if good and began >= tally.since and clock() <= until:
            tally.whole.append(clock() - began)
            for step, seconds in enumerate(taken):
                tally.steps[step].append(seconds)


async def load(ports: Sequence[int], key: bytes, shoppers: int, warm_s: float, seconds: float) -> Tally:
    """`shoppers`, spread over the servers, in a closed loop for `seconds`, after `warm_s` of warming up."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", ports[n % len(ports)]))[1] for n in range(shoppers)]
    tally = Tally()
    tally.since = time.perf_counter() + warm_s
    until = tally.since + seconds
    await asyncio.gather(*[shop(line, key, random.Random(n), tally, until) for n, line in enumerate(lines)])
    for line in lines:
        line.close()
    return tally


async def orders_in(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    counted = await connection.fetchval("SELECT count(*) FROM carts AS c JOIN orders AS o ON o.id::text = c.content->>'order_id'")
    await connection.close()
    return int(counted)


class Meter:
    """CPU seconds of the servers, PostgreSQL and this client, and of everybody else on the machine, since it was made."""

    def __init__(self, servers: Sequence[int], database: int | None) -> None:
        self._families = {"server": servers, "PostgreSQL": [] if database is None else [database], "client": [os.getpid()]}
        self._before = {name: self._spent(pids) for name, pids in self._families.items()}
        self._busy, self._began = self._machine(), time.perf_counter()

    def read(self) -> tuple[dict[str, float], float]:
        """(CPU seconds a second by family, cores that others kept busy meanwhile)."""
        seconds = time.perf_counter() - self._began
        spent = {name: (self._spent(pids) - self._before[name]) / seconds for name, pids in self._families.items()}
        return spent, max((self._machine() - self._busy) / seconds - sum(spent.values()), 0)

    def _spent(self, pids: Sequence[int]) -> float:
        roots = [psutil.Process(pid) for pid in pids]
        family = [member for root in roots for member in (root, *(root.children(recursive=True) if root.pid != os.getpid() else ()))]
        return sum(sum(member.cpu_times()[:2]) for member in family)

    def _machine(self) -> float:
        times = psutil.cpu_times()
        return float(times.user + times.system + times.nice + times.irq + times.softirq)


def at(values: list[float], part: float) -> str:
    ordered = sorted(values)
    return f"{ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000:.1f}" if ordered else "-"


def table(tally: Tally, asked: argparse.Namespace, shoppers: int) -> Table:
    rate = len(tally.whole) / asked.seconds
    shown = Table(
        title=f"{shoppers} shoppers, {asked.servers} server process(es): {rate:,.0f} checkouts/s, {rate * len(STEPS):,.0f} requests/s"
    )
    for name in ("step", "p50 ms", "p95 ms", "p99 ms"):
        shown.add_column(name, justify="left" if name == "step" else "right")
    for name, values in (*zip(STEPS, tally.steps, strict=True), ("whole checkout", tally.whole)):
        shown.add_row(name, at(values, 0.5), at(values, 0.95), at(values, 0.99))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shoppers", type=int, nargs="+", default=[1, 16, 64], help="how many at once, one measurement each")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--warm", type=float, default=2, help="seconds before counting begins")
    parser.add_argument("--servers", type=int, default=1, help="server processes")
    parser.add_argument("--dir", type=Path, default=None, help="where the market lives meanwhile (made anew)")
    asked = parser.parse_args()
    directory = asked.dir or Path(tempfile.mkdtemp(prefix="haat-bench-"))
    shutil.rmtree(directory, ignore_errors=True)
    console = Console()
    with serving.market(directory, market.seed) as running:
        servers = [running.serve() for _ in range(asked.servers)]
        measured = sum(measure(asked, shoppers, running, servers, console) for shoppers in asked.shoppers)
        kept = asyncio.run(orders_in(running.dsn))
        console.print(f"{kept:,} carts became orders; {measured:,} of them were measured")
        if kept < measured:
            raise SystemExit("an answered order is missing")
    shutil.rmtree(directory, ignore_errors=True)


def measure(asked: argparse.Namespace, shoppers: int, running: serving.Market, servers: Sequence[serving.Server], console: Console) -> int:
    """One measurement, printed; returns how many checkouts it counted."""
    meter = Meter([server.pid for server in servers], running.embedded.pid if running.embedded is not None else None)
    ports = [server.port for server in servers]
    tally = uvloop.run(load(ports, running.keys["web"].encode(), shoppers, asked.warm, asked.seconds))
    spent, others = meter.read()
    rate = max(len(tally.whole) / asked.seconds, 1e-9)
    console.print(table(tally, asked, shoppers))
    each = ", ".join(f"{name} {cores / rate * 1000:.2f} s" for name, cores in spent.items())
    console.print(f"CPU per 1,000 checkouts: {each}. Everybody else on this machine kept {others:.2f} of {psutil.cpu_count()} cores busy.")
    for what, times in tally.wrong.items():
        console.print(f"{times} × {what}", style="red", markup=False)
    return len(tally.whole)


if __name__ == "__main__":
    main()
