"""`make bench-place`: placing orders over HTTP, durable, beside the floor of the same machine in the same minutes.

Closed loop (wrk, one thread) at 1 to 256 connections, uniform SKUs and one hot SKU, one server process and two; then an open
loop at 10,000 orders a minute (Poisson, timed from when a request was due), and one order at a time on an idle system.
Client, server and PostgreSQL share the machine. CPU is what the kernel accounted to server and PostgreSQL.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import floor, market, serving
from bench.client import Client

LUA = Path(__file__).with_name("place.lua")
STEADY_PER_MINUTE = 10_000
BODY = (
    '{"channel":"web","customer":{"name":"Rahima Khatun","phone":"017%08d"},"ship_to":{"recipient":"Rahima Khatun","division":"Dhaka",'
    '"district":"Dhaka","upazila":"Mirpur","area":"Mirpur 10","line":"House 12, Road 5","postcode":"1216"},'
    '"lines":[{"sku":"SKU-%04d","quantity":1},{"sku":"SKU-%04d","quantity":2}],"payment_method":"cod"}'
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=8, help="length of each closed-loop cell")
    options.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64, 256])
    options.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    options.add_argument("--no-floor", action="store_true")
    asked = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench-place needs wrk: apt-get install wrk")
    console = Console(width=170)
    place = Path(tempfile.mkdtemp(prefix="haat-bench-"))
    try:
        with serving.market(place, market.seed) as running:
            found = {} if asked.no_floor else floor.measure(running.dsn, seconds=asked.seconds)
            if found:
                console.print(_floor_table(found))
            for processes in asked.processes:
                server = running.serve(processes=processes)
                console.print(_closed(server, running, processes, asked, found))
                if processes == 1:
                    console.print(asyncio.run(_open(server.port, running.keys["web"])))
                server.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _floor_table(found: dict[str, float]) -> Table:
    table = Table("floor (pgbench, the same rows)", "orders/s", title="What PostgreSQL does with nothing in between")
    for name, rate in found.items():
        table.add_row(name + (" (16 clients)" if name.startswith("one") else f" of {floor.BATCH} (1 client)"), f"{rate:,.0f}")
    return table


def _closed(server: serving.Server, running: serving.Market, processes: int, asked: argparse.Namespace, found: dict[str, float]) -> Table:
    table = Table(title=f"POST /v1/orders, two lines, {processes} server process{'es' * (processes > 1)}")
    for name in (
        "SKUs",
        "connections",
        "orders/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "server CPU s/1,000",
        "PostgreSQL CPU s/1,000",
        "of batch floor",
        "× one-by-one floor",
    ):
        table.add_column(name, justify="right")
    _wrk(server.port, running.keys["web"], "uniform", 32, 3)  # warm
    for mode in ("uniform", "hot"):
        for connections in asked.connections:
            before = serving.cpu(server, running)
            done = _wrk(server.port, running.keys["web"], mode, connections, asked.seconds)
            after = serving.cpu(server, running)
            placed = done["requests"] - done["refused"]
            rate = placed / (done["duration_us"] / 1e6)
            assert not done["refused"] and not done["broken"], done
            table.add_row(
                mode, str(connections), f"{rate:,.0f}", *[f"{done[p] / 1000:.1f}" for p in ("p50", "p95", "p99")],
                *[f"{(a - b) / placed * 1000:.3f}" for a, b in zip(after, before, strict=True)],
                f"{rate / found[f'batch {mode}']:.2f}" if found else "", f"{rate / found[f'one {mode}']:.2f}" if found else "",
            )  # fmt: skip
    return table


def _wrk(port: int, key: str, mode: str, connections: int, seconds: int) -> dict[str, int]:
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "10", "-s", str(LUA), f"http://127.0.0.1:{port}",
        "--", mode, key, str(time.time_ns() // 1000 % 10**12),
    ]  # fmt: skip
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    for line in printed.splitlines():
        if line.startswith("RESULT "):
            result: dict[str, int] = json.loads(line[7:])
            return result
    raise RuntimeError(printed)


async def _open(port: int, key: str) -> Table:
    table = Table("load", "orders", "p50 ms", "p95 ms", "p99 ms", title="Latency, timed from when a request was due")
    table.add_row(f"steady {STEADY_PER_MINUTE:,}/min, Poisson", *await _steady(port, key, seconds=20))
    table.add_row("idle, one at a time", *await _idle(port, key, orders=300))
    return table


async def _steady(port: int, key: str, *, seconds: int) -> list[str]:
    free: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(64):
        free.put_nowait(Client(port, key))
    taken: list[float] = []
    draw = random.Random(7)

    async def one(due: float) -> None:
        client = await free.get()
        reply = await client.ask("POST", "/v1/orders", _body(draw), idempotency_key=os.urandom(12).hex())
        assert reply is not None and reply[0] == 201, reply
        taken.append(time.perf_counter() - due)
        free.put_nowait(client)

    begin = due = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        while due - begin < seconds:
            due += draw.expovariate(STEADY_PER_MINUTE / 60)
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            tasks.create_task(one(due))
    return _percentiles(taken)


async def _idle(port: int, key: str, *, orders: int) -> list[str]:
    client = Client(port, key)
    draw = random.Random(8)
    taken = []
    for _ in range(orders):
        begin = time.perf_counter()
        reply = await client.ask("POST", "/v1/orders", _body(draw), idempotency_key=os.urandom(12).hex())
        assert reply is not None and reply[0] == 201, reply
        taken.append(time.perf_counter() - begin)
        await asyncio.sleep(0.01)
    return _percentiles(taken)


def _body(draw: random.Random) -> bytes:
    first = draw.randrange(1000)
    return (BODY % (draw.randrange(10**8), first, (first + draw.randrange(1, 1000)) % 1000)).encode()


def _percentiles(taken: list[float]) -> list[str]:
    ordered = sorted(taken)
    return [f"{len(ordered):,}", *[f"{ordered[int(len(ordered) * p)] * 1000:.2f}" for p in (0.5, 0.95, 0.99)]]


if __name__ == "__main__":
    main()
