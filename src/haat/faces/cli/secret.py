"""`haat secret …`: change the secret of an installation without losing what it sealed: new, restart, reseal, forget."""

import typer

from haat.engine import keyring
from haat.engine.settings import Settings
from haat.faces.cli import opening, show
from haat.faces.cli.house import Resealed, Runtime, house_of, operator
from haat.faces.cli.opening import DataDir
from haat.kernel.errors import Refused


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="The secret of this installation: a new one, and everything sealed with it.")
    group.command()(new)
    group.command()(reseal)
    group.command()(forget)
    cli.add_typer(group, name="secret")


def new(data_dir: DataDir = None) -> None:
    """Make a new secret in the data directory; the one of now is kept beside it until `forget`."""
    found = opening.chosen(data_dir=data_dir)
    with opening.telling():
        _kept_here(found)
        keyring.renew(found.data_dir)
    show.line("There is a new secret. Start every server and worker again, on every machine with both files, then `haat secret reseal`.")


def reseal(context: typer.Context, data_dir: DataDir = None) -> None:
    """Seal everything with the newest secret. Every process has to know it by now. Done again, it changes nothing."""

    async def task(runtime: Runtime) -> Resealed:
        async with runtime.database.transaction(by=operator()) as tx:
            return await runtime.reseal(tx)

    with opening.telling():
        done = opening.run(house_of(context), opening.chosen(data_dir=data_dir), task)
    show.line(f"{done.connections} connections and {done.tokens} tokens were sealed with the newest secret.")


def forget(context: typer.Context, data_dir: DataDir = None) -> None:
    """Seal what is left with the newest secret, then forget the former ones. Guests' links that they signed die."""
    found = opening.chosen(data_dir=data_dir)

    async def task(runtime: Runtime) -> Resealed:
        async with runtime.database.transaction(by=operator()) as tx:
            return await runtime.reseal(tx)

    with opening.telling():
        _kept_here(found)
        left = opening.run(house_of(context), found, task)
        if left.connections:
            show.say(f"{left.connections} connections were still sealed with a former secret.")
        count = keyring.forget(found.data_dir)
    show.line(f"{count} former secrets are forgotten. Start every server and worker again.")


def _kept_here(found: Settings) -> None:
    if found.secret is not None:
        raise Refused(
            "set_elsewhere",
            "The secret is set (HAAT_SECRET), not kept here: put a new one there, and this one before those of HAAT_FORMER_SECRETS.",
            kind="conflict",
        )
