"""`haat notifications …`: messages that ended badly, counted by their reason and told again by the thousand."""

from datetime import timedelta
from typing import Annotated, Literal

import typer

from haat.domain import notifications
from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of, operator
from haat.faces.cli.opening import DataDir
from haat.flows import notifying

Channel = Annotated[notifications.Channel | None, typer.Option("--channel", help="Only those of this channel.")]
Connection = Annotated[str | None, typer.Option("--connection", help="Only those that this connection took last.")]
Event = Annotated[str | None, typer.Option("--event", help="Only those that tell of this.")]
Status = Annotated[Literal["failed", "unknown"] | None, typer.Option("--status", help="Only those that ended so.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only those whose reason begins so.")]
Older = Annotated[float | None, typer.Option("--older-than", min=0, help="Only those written down so many minutes ago.")]


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Messages that ended badly.")
    group.command(name="failures")(failures)
    group.command(name="resend")(resend)
    cli.add_typer(group, name="notifications")


def failures(context: typer.Context, data_dir: DataDir = None) -> None:
    """How many messages failed or are of unknown fate, why, and since when; without those that were told again since."""

    async def ask(runtime: Runtime) -> list[notifications.Failure]:
        async with runtime.database.reading() as tx:
            return await notifications.failures(tx)

    with opening.telling():
        found = opening.run(house_of(context), opening.chosen(data_dir=data_dir), ask)
    rows = [
        (f.count, f.channel, f.connection, f.status, f.reason, f"{f.oldest:%Y-%m-%d %H:%M}", f"{f.newest:%Y-%m-%d %H:%M}") for f in found
    ]
    show.table("", ("count", "channel", "connection", "status", "reason", "oldest", "newest"), rows, right=(0,))


def resend(
    context: typer.Context,
    channel: Channel = None,
    connection: Connection = None,
    event: Event = None,
    status: Status = None,
    reason: Reason = None,
    older_than: Older = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100_000,
    data_dir: DataDir = None,
) -> None:
    """Tell again every message that ended badly and matches. The same again tells nothing twice."""
    if channel is None and connection is None and event is None and reason is None:
        raise typer.BadParameter("say which messages: --channel, --connection, --event or --reason")

    async def tell(runtime: Runtime) -> notifications.Resent:
        now = runtime.clock.now()
        search = notifications.Search(
            status=status, event=event, channel=channel, connection=connection, reason=reason,
            written_before=None if older_than is None else now - timedelta(minutes=older_than),
        )  # fmt: skip
        return await notifying.resend_all(runtime.database, notifying.Resending(search, limit, operator(), runtime.draw.uuid, now))

    with opening.telling():
        done = opening.run(house_of(context), opening.chosen(data_dir=data_dir), tell)
    refused = ", ".join(f"{count:,} {code}" for code, count in sorted(done.refused.items()))
    show.line(f"{done.resent:,} to be told again, {sum(done.refused.values()):,} refused{f': {refused}' if refused else ''}.")
