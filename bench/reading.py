"""What it costs to read an order: anew from its first fact, and from where this process knows it (docs/decisions/005).

Orders are placed over HTTP and get as many facts as one has whose courier talks much. Each row of the table is a batch of them,
read again and again; the floor asks for their versions only.

    python -m bench.reading --orders 100 --facts 50
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench import life, market, serving
from bench.client import Client
from haat import app
from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.journal import Append
from haat.engine.settings import Secret, Settings
from haat.kernel.facts import Origin

ROUNDS = 30
VERSIONS = "SELECT id::text, version FROM orders WHERE id = ANY ($1::uuid[])"
Read = Callable[[Tx], Awaitable[Any]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, default=100, help="orders in a batch")
    options.add_argument("--facts", type=int, default=50, help="facts of each order")
    asked = options.parse_args()
    place = Path(tempfile.mkdtemp(prefix="haat-bench-"))
    try:
        with serving.market(place, market.seed) as running:
            server = running.serve()
            asyncio.run(_place(server.port, running.keys["web"], asked.orders))
            server.stop()
            costs = uvloop.run(_measured(place, running.dsn, asked.facts))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    table = Table(title=f"Reading {asked.orders} orders of {asked.facts} facts", title_justify="left")
    for column in ("how", "µs per order", "times the floor"):
        table.add_column(column, justify="left" if column == "how" else "right")
    for how, seconds in costs.items():
        table.add_row(how, f"{seconds / asked.orders * 1e6:,.0f}", f"{seconds / costs['floor: their versions only']:.1f}")
    Console().print(table)


async def _place(port: int, key: str, count: int) -> None:
    client = Client(port, key)
    for n in range(count):
        body = life.BODY % (n, n + 1, n % 90 + 1, n % market.SKUS, (n + market.VENDORS) % market.SKUS)
        reply = await client.ask("POST", "/v1/orders", body.encode(), idempotency_key=os.urandom(12).hex())
        assert reply is not None and reply[0] == 201, reply


async def _measured(place: Path, dsn: str, facts: int) -> Mapping[str, float]:
    """Seconds of a batch, the median of `ROUNDS`."""
    async with app.open_parts(Settings(data_dir=place, database_url=Secret(dsn)), dsn) as parts:
        async with parts.database.reading() as tx:
            ids = [row[0] for row in await tx.fetch("SELECT id::text FROM orders")]
        await _told(parts, ids, facts)
        journal, folded = parts.journal, orders.Folded(parts.journal)
        async with parts.database.reading() as tx:
            await folded.read(tx, ids)
        reads: dict[str, Read] = {
            "floor: their versions only": lambda tx: tx.fetch(VERSIONS, ids),
            "anew, from the first fact": lambda tx: orders.read(journal, tx, ids),
            "known, nothing new": lambda tx: folded.read(tx, ids),
        }
        found = {how: await _median(parts, read) for how, read in reads.items()}
        news = []
        for _ in range(ROUNDS):
            await _told(parts, ids, 0, more=2)
            news.append(await _timed(parts, reads["known, nothing new"]))
        return {**found, "known, two facts told since": statistics.median(news)}


async def _told(parts: app.Parts, ids: list[str], facts: int, *, more: int = 0) -> None:
    """Every order has so many facts, or so many more."""
    async with parts.database.transaction() as tx:
        versions = dict(await tx.fetch(VERSIONS, ids))
        last = {row[0]: row[1] for row in await tx.fetch("SELECT order_id::text, max(version) FROM order_events GROUP BY 1")}
        said = orders.events.OrderOutForDelivery
        notes = [
            Append(i, last[i], tuple(said("p") for _ in range(more or facts - last[i])), datetime.now(UTC), Origin("system", "bench"))
            for i in versions
        ]
        await parts.journal.append(tx, notes)


async def _median(parts: app.Parts, read: Read) -> float:
    return statistics.median([await _timed(parts, read) for _ in range(ROUNDS)])


async def _timed(parts: app.Parts, read: Read) -> float:
    async with parts.database.reading() as tx:
        began = time.perf_counter()
        await read(tx)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
