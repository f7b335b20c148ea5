"""`haat audit`: every invariant asked of the whole database. Exit code 1 where one is broken, so that it may stand in a cron job.

Reads only, and may be run beside a busy server: every check and every page of orders is seen as of one moment.
"""

import time
from typing import Annotated

import typer

from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of
from haat.faces.cli.opening import DataDir
from haat.insight import auditing
from haat.insight.auditing import Finding

SHOWN_MAX = 100


def add_to(cli: typer.Typer) -> None:
    cli.command()(audit)


def audit(
    context: typer.Context,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only the invariant of this code; may be given several times.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Ask every invariant: stock, money, parcels, messages, steps, rows. Says what is broken, and who has to look at it."""
    house, found = house_of(context), opening.chosen(data_dir=data_dir)
    invariants = [each for each in house.invariants() if not only or each.code in only]
    if unknown := set(only or ()) - {each.code for each in invariants}:
        raise typer.BadParameter(f"There is no invariant {', '.join(sorted(unknown))}.")

    async def ask(runtime: Runtime) -> list[Finding]:
        return await auditing.audit(runtime.database, runtime.journal, runtime.flows, runtime.clock.now(), invariants)

    began = time.perf_counter()
    findings = opening.run(house, found, ask)
    counts = {each.code: 0 for each in invariants}
    for finding in findings:
        counts[finding.invariant] += 1
    rows = [("broken" if counts[each.code] else "holds", each.title, counts[each.code] or "") for each in invariants]
    show.table("", ("", "invariant", "findings"), rows, right=(2,))
    show.line(f"{len(invariants)} invariants, {len(findings)} findings, {time.perf_counter() - began:.1f} s")
    if findings:
        shown = [(f.invariant, f.owner, f.subject, f.detail) for f in findings[:SHOWN_MAX]]
        show.table("", ("invariant", "owner", "subject", "what is wrong"), shown)
        raise typer.Exit(opening.FAILED)
