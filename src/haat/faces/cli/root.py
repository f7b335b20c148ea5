"""`haat`: the commands, gathered."""

import typer

from haat.faces.cli import audit, bench, doctor, exceptions, importing, keys, notifications, orders, rebuild, secret, serving, world
from haat.faces.cli.house import House

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Haat (হাট): the order platform.")
for commands in (serving, importing, orders, exceptions, notifications, keys, secret, rebuild, doctor, audit, bench, world):
    commands.add_to(cli)


def main(house: House) -> None:
    """The entry point of the `haat` program, in the house that the roof hands down."""
    cli(obj=house)
