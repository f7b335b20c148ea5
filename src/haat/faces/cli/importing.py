"""`haat import …`: what others have, into Haat. Progress is shown, every refusal is listed, and a second run changes nothing."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from haat.domain import catalogue
from haat.engine import memory_tuning
from haat.faces.cli import olist, opening, show
from haat.faces.cli.house import Runtime, house_of, operator
from haat.faces.cli.opening import DataDir
from haat.flows import stocking
from haat.kernel.errors import Refused

CHUNK = 1 << 20
ERRORS_SHOWN = 20
FORMATS: dict[str, catalogue.Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Bring in products, or another marketplace's history.")
    group.command(name="products")(products)
    group.command(name="olist")(olist_dump)
    cli.add_typer(group, name="import")


def olist_dump(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="The folder with the dump's parquet files.", exists=True, file_okay=False)],
    report: Annotated[Path | None, typer.Option(help="Write the whole report here, as JSON.", dir_okay=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Place every order of an Olist dump at its own prices, and compare the books to the centavo afterwards."""
    house, found = house_of(context), opening.chosen(data_dir=data_dir)
    with opening.telling(), show.progress() as bars:
        made = opening.run(house, found, lambda runtime: _import_olist(runtime, directory, bars))
    if report is not None:
        report.write_bytes(olist.as_json(made))
    show.line(olist.as_text(made))
    if not made.agrees:
        raise typer.Exit(opening.FAILED)


async def _import_olist(runtime: Runtime, directory: Path, bars: Progress) -> olist.Report:
    began = time.perf_counter()
    reading = bars.add_task("reading the dump", total=None)
    dump = olist.open_dump(directory)
    expected = olist.expected(directory)
    bars.update(reading, total=1, completed=1)
    read_s = time.perf_counter() - began
    total = len(dump.heads)

    def bar(name: str, of: int) -> olist.Advance:
        task = bars.add_task(name, total=of)
        return lambda done: bars.advance(task, done)

    await olist.parties(runtime, dump)
    await olist.goods(runtime, dump, bar("products", len(dump.offers)))
    people = await olist.customers(runtime, dump, bar("customers", len(dump.customers)))
    standing = await olist.standing(runtime, dump)
    await olist.receive(runtime, dump, standing)
    await runtime.memory.catch_up()
    memory_tuning.settle()  # the dump stays: the collector need not walk it again and again
    stocked_s = time.perf_counter() - began
    outcome = await olist.place_all(runtime, dump, standing, people, bar("orders", total))
    placed_s = time.perf_counter() - began - stocked_s
    actual = await olist.figures(runtime, bar("reading back", total))
    took = time.perf_counter() - began
    show.line(
        f"{outcome.placed:,} orders placed in {placed_s:.1f} s ({outcome.placed / placed_s:,.0f}/s), {outcome.standing:,} stood already."
    )
    show.line(
        f"The whole import took {took:.1f} s ({outcome.placed / took:,.0f} orders/s): reading {read_s:.1f}, vendors, products, customers "
        f"and stock {stocked_s - read_s:.1f}, placing {placed_s:.1f}, reading back {took - placed_s - stocked_s:.1f}.\n"
    )
    unplaced = [olist.Unplaced(order.id, order.reason, order.status, order.payments) for order in dump.unplaceable]
    return olist.compare(expected, actual, [*unplaced, *outcome.refused])


def products(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="NDJSON (.ndjson, .jsonl) or CSV (.csv), one SKU to a record.", exists=True, dir_okay=False)],
    vendor: Annotated[str | None, typer.Option(help="Take rows of this vendor only.")] = None,
    resume: Annotated[str | None, typer.Option(help="The id of an import that broke off: go on where it stands.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Upsert products from a file of any size. Bad rows are refused alone and listed; unchanged ones are left untouched."""
    house, found = house_of(context), opening.chosen(data_dir=data_dir)
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise typer.BadParameter(f"{file.name} is neither .ndjson, .jsonl nor .csv")
    with opening.telling(), show.progress() as bars:
        job = opening.run(house, found, lambda runtime: _import_products(runtime, file, kind, vendor, resume, bars))
    show.line(
        f"{job.source}: {job.created:,} created, {job.changed:,} changed, {job.unchanged:,} unchanged, {job.rejected:,} refused "
        f"(import {job.id})"
    )
    if job.rejected:
        rows = [(error.line, error.sku, error.field, error.code, error.detail) for error in job.errors[:ERRORS_SHOWN]]
        show.table(
            f"The first {len(rows)} of {job.rejected:,} refused rows", ("line", "SKU", "field", "reason", "detail"), rows, right=(0,)
        )
        raise typer.Exit(opening.FAILED)


async def _import_products(
    runtime: Runtime, file: Path, kind: catalogue.Format, vendor: str | None, resume: str | None, bars: Progress
) -> catalogue.Import:
    now = runtime.clock.now
    size = file.stat().st_size  # noqa: ASYNC240 nobody else waits for this loop
    order = catalogue.ImportOrder(
        id=resume or runtime.draw.uuid(), format=kind, started_by=operator(), source=file.name, vendor=vendor, bytes_total=size
    )
    async with runtime.database.transaction() as tx:
        job = await catalogue.open_import(tx, order, now=now())
    show.say(f"Import {job.id}; should it break off, go on with --resume {job.id}")
    bar = bars.add_task(file.name, total=size, completed=job.bytes_done)
    reader = catalogue.reader(job.format, job.resume_at)

    async def settle(batch: catalogue.Batch) -> None:
        async with runtime.database.transaction() as tx:
            after = await stocking.import_products(tx, job.id, batch, now=now())
        bars.update(bar, completed=after.bytes_done)

    try:
        with file.open("rb") as stream:  # a local file: reading it blocks for less than a commit does
            stream.seek(job.bytes_done)
            while chunk := stream.read(CHUNK):
                for batch in reader.feed(chunk):
                    await settle(batch)
            for batch in reader.end():
                await settle(batch)
    except Refused as refused:
        async with runtime.database.transaction() as tx:
            await catalogue.end_import(tx, job.id, status="failed", now=now(), reason=refused.detail)
        raise
    async with runtime.database.transaction() as tx:
        return await catalogue.end_import(tx, job.id, status="done", now=now())
