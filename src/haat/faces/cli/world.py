"""`haat world`: the world in a box beside a Haat that runs: simulated buyers, vendors, gateways and couriers.

It is another program (`haat_world`), which knows Haat by HTTP only. This process becomes it, and what follows the name is passed on.
"""

import os
import sys

import typer


def add_to(cli: typer.Typer) -> None:
    cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)(world)


def world(context: typer.Context) -> None:
    """Let simulated buyers, vendors, gateways and couriers play with a running Haat (`haat world --help`)."""
    os.execv(sys.executable, [sys.executable, "-m", "haat_world", *context.args])  # noqa: S606 a program of our own
