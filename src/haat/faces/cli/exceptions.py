"""`haat exceptions …` and `haat flows …`: what is stuck and why, repaired one by one or by the thousand; flows drawn."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from haat.engine.flowing import Flow, drawing, repairing
from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of, operator
from haat.faces.cli.opening import DataDir
from haat.flows import migrating
from haat.flows import repairing as mending
from haat.kernel.facts import Origin

Cause = Annotated[str | None, typer.Option("--cause", help="Only those with this cause.")]
FlowName = Annotated[str | None, typer.Option("--flow", help="Only those of this flow.")]
StepName = Annotated[str | None, typer.Option("--step", help="Only this step.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Only those that this owner has to look at.")]
Older = Annotated[float | None, typer.Option("--older-than", help="Only those unchanged for so many minutes.")]
Result = TypeVar("Result")
How = Literal["retry", "skip", "cancel_order"]


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Steps that wait for somebody.")
    group.command(name="list")(list_exceptions)
    group.command(name="causes")(list_causes)
    group.command(name="repair")(repair)
    cli.add_typer(group, name="exceptions")
    flows = typer.Typer(no_args_is_help=True, help="The flows of an order's life.")
    flows.command(name="draw")(draw)
    flows.command(name="list")(list_steps)
    flows.command(name="migrate")(migrate)
    cli.add_typer(flows, name="flows")


def _search(cause: str | None, flow: str | None, step: str | None, owner: str | None, older: float | None) -> repairing.Search:
    return repairing.Search(cause, flow, step, owner, None, None if older is None else timedelta(minutes=older))


def list_causes(context: typer.Context, data_dir: DataDir = None) -> None:
    """How many steps wait for which reason, and since when the oldest."""

    async def ask(runtime: Runtime) -> list[tuple[str, str, str, str, int, datetime]]:
        async with runtime.database.reading() as tx:
            return list(await repairing.causes(tx))

    rows = _run(context, data_dir, ask)
    found = [(r[4], r[0], r[1], r[2], r[3], f"{r[5]:%Y-%m-%d %H:%M}") for r in rows]
    show.table("", ("count", "flow", "step", "cause", "owner", "oldest"), found, right=(0,))


def list_exceptions(
    context: typer.Context,
    cause: Cause = None,
    flow: FlowName = None,
    step: StepName = None,
    owner: Owner = None,
    older_than: Older = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data_dir: DataDir = None,
) -> None:
    """Steps that wait for somebody, with their cause and age."""

    async def ask(runtime: Runtime) -> list[repairing.Stuck]:
        async with runtime.database.reading() as tx:
            return await repairing.stuck(tx, _search(cause, flow, step, owner, older_than), runtime.clock.now(), limit=limit)

    found = _run(context, data_dir, ask)
    rows = [(f"{s.order_id}:{s.id}", f"{s.flow}:{s.step}", s.cause, s.owner, f"{s.since:%Y-%m-%d %H:%M}", s.detail[:60]) for s in found]
    show.table("", ("exception", "step", "cause", "owner", "since", "detail"), rows)


def repair(
    context: typer.Context,
    how: Annotated[How, typer.Argument(help="What to do about them.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in each order's story.")],
    cause: Cause = None,
    flow: FlowName = None,
    step: StepName = None,
    owner: Owner = None,
    older_than: Older = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100_000,
    data_dir: DataDir = None,
) -> None:
    """Repair every exception that matches. The same again changes nothing."""
    search = _search(cause, flow, step, owner, older_than)
    if cause is None and flow is None and step is None and owner is None:
        raise typer.BadParameter("say which exceptions: --cause, --flow, --step or --owner")

    async def mend(runtime: Runtime) -> mending.Repaired:
        how_ = mending.Repair(how, reason, Origin(operator(), "cli"))
        return await mending.repair_all(runtime.database, runtime.change, search, how_, now=runtime.clock.now(), limit=limit)

    done = _run(context, data_dir, mend)
    show.line(f"{done.repaired:,} repaired, {done.unchanged:,} were not open any more, {len(done.refused):,} refused.")
    for refusal in done.refused[:10]:
        show.line(f"  {refusal}")


def draw(
    context: typer.Context, into: Annotated[Path, typer.Argument(help="The folder for the pictures.")], data_dir: DataDir = None
) -> None:
    """Draw every flow from its code: its picture in Mermaid and its steps, one Markdown file each."""

    async def flows(runtime: Runtime) -> list[Flow]:
        return list(runtime.flows.newest.values())

    into.mkdir(parents=True, exist_ok=True)
    for flow in _run(context, data_dir, flows):
        (into / f"{flow.code}.md").write_text(drawing.page(flow), encoding="utf-8")
        show.line(f"{into / flow.code}.md")


def list_steps(context: typer.Context, data_dir: DataDir = None) -> None:
    """Every step of every flow: who does it, how often it is tried, what may be done about it."""

    async def flows(runtime: Runtime) -> list[Flow]:
        return list(runtime.flows.newest.values())

    rows = [row for flow in _run(context, data_dir, flows) for row in drawing.steps(flow)]
    show.table("", ("flow", *drawing.STEP_COLUMNS), rows)


def migrate(context: typer.Context, code: Annotated[str, typer.Argument(help="The flow.")], data_dir: DataDir = None) -> None:
    """Bring every order under way to the newest version of a flow. The same again changes nothing."""

    async def bring(runtime: Runtime) -> migrating.Migrated:
        origin = Origin(operator(), "cli")
        return await migrating.migrate(runtime.database, runtime.change, runtime.flows, code, origin, now=runtime.clock.now())

    done = _run(context, data_dir, bring)
    show.line(f"{done.migrated:,} orders migrated, {done.stayed:,} keep a version from which no way is declared.")


def _run(context: typer.Context, data_dir: Path | None, task: Callable[[Runtime], Awaitable[Result]]) -> Result:
    with opening.telling():
        return opening.run(house_of(context), opening.chosen(data_dir=data_dir), task)
