"""`haat rebuild --check`: every order's facts folded anew and compared with its rows, on all processors.

Pages of ids are dealt out to processes; each reads its pages as of one moment, so it may run beside a busy server. Ends with
exit code 1 and a table where anything differs.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated, TypeVar

import typer
import uvloop

from haat.domain import orders
from haat.engine.database import Database
from haat.engine.journal import Journal
from haat.faces.cli import opening, show
from haat.faces.cli.opening import DataDir
from haat.insight import recount
from haat.insight.recount import Count, Difference

PAGES_PER_TASK = 25
ALONE_TASKS = 4  # fewer are counted here: a new process needs two seconds to begin
SHOWN_MAX = 40
Result = TypeVar("Result")
Bounds = tuple[str | None, str | None]


def add_to(cli: typer.Typer) -> None:
    cli.command()(rebuild)


def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Compare only; nothing is written.")] = False,
    processes: Annotated[int, typer.Option(help="Processes that count; 0: one per processor.", min=0, max=64)] = 0,
    data_dir: DataDir = None,
) -> None:
    """Compare the rows of orders with the fold of their facts, stock with its reservations, buckets with quantities."""
    if not check:
        raise typer.BadParameter("Rows are written with their facts and need no rebuilding; say --check to have that proven.")
    found = opening.chosen(data_dir=data_dir)
    began = time.perf_counter()
    with opening.database(found) as address:
        counts, differences = _counted(address, processes or os.cpu_count() or 1)
    took = time.perf_counter() - began
    orders_counted = sum(c.orders for c in counts)
    differences += [difference for c in counts for difference in c.differences]
    show.line(
        f"{orders_counted:,} orders, {sum(c.lines for c in counts):,} lines, {sum(c.facts for c in counts):,} facts "
        f"in {took:.1f} s ({orders_counted / took:,.0f} orders/s)"
    )
    if not differences:
        show.line("Rows equal facts, stock equals its reservations, buckets sum to quantities: no differences.")
        return
    columns = ("order or SKU", "table", "column", "stored", "facts say")
    rows = [(d.subject, d.table, d.column, d.stored, d.folded) for d in differences[:SHOWN_MAX]]
    show.table(f"{len(differences):,} differences", columns, rows)
    if len(differences) > SHOWN_MAX:
        show.line(f"… and {len(differences) - SHOWN_MAX:,} more")
    raise typer.Exit(opening.FAILED)


def _counted(address: str, processes: int) -> tuple[list[Count], list[Difference]]:
    bounds, differences = _run(_overview(address))
    counts: list[Count] = []
    with show.progress() as bars:
        bar = bars.add_task("pages", total=len(bounds))
        for done in _dealt(address, bounds, processes):
            counts += done
            bars.advance(bar, len(done))
    return counts, differences


def _dealt(address: str, bounds: Sequence[Bounds], processes: int) -> Iterator[list[Count]]:
    tasks = [bounds[n : n + PAGES_PER_TASK] for n in range(0, len(bounds), PAGES_PER_TASK)]
    if processes == 1 or len(tasks) <= ALONE_TASKS:
        for task in tasks:
            yield _count_pages(address, task)
        return
    with ProcessPoolExecutor(min(processes, len(tasks)), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_count_pages, [address] * len(tasks), tasks)


async def _overview(address: str) -> tuple[list[Bounds], list[Difference]]:
    database = await Database.open(address, size=2)
    try:
        async with database.reading() as tx:
            return await recount.page_bounds(tx), await recount.stock(tx)
    finally:
        await database.close()


def _count_pages(address: str, bounds: Sequence[Bounds]) -> list[Count]:
    """In a process of its own."""
    return _run(_pages(address, bounds))


async def _pages(address: str, bounds: Sequence[Bounds]) -> list[Count]:
    database = await Database.open(address, size=2)
    journal = Journal(orders.events.decode)
    try:
        first, second = bounds[::2], bounds[1::2]  # while one page is being folded, PostgreSQL reads the other
        halves = await asyncio.gather(_in_turn(database, journal, first), _in_turn(database, journal, second))
        return [*halves[0], *halves[1]]
    finally:
        await database.close()


async def _in_turn(database: Database, journal: Journal, bounds: Sequence[Bounds]) -> list[Count]:
    return [await recount.count(database, journal, *page) for page in bounds]


def _run(task: Coroutine[None, None, Result]) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(task)
