"""What the command line is handed by the roof: the ways to open the house, without knowing the house.

`app.py` builds one `House`; a command takes it from its context (`house_of`) and opens what it needs. So no command imports
the application, and a test can hand in a house of its own.
"""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
import typer

from haat.domain import orders, pricing
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.committer import Committer
from haat.engine.database import Database, Tx
from haat.engine.draw import Draw
from haat.engine.flowing import Flows
from haat.engine.front import Front
from haat.engine.journal import Journal
from haat.engine.settings import Settings
from haat.flows import validating
from haat.flows.checkout import Market, Placed, Prepared
from haat.insight.auditing import Invariant
from haat.kernel.errors import Refused


class Resealed(msgspec.Struct, frozen=True):
    """How much was sealed with the newest secret."""

    connections: int
    tokens: int


class Runtime(msgspec.Struct, frozen=True):
    """The running parts of one process that commands use: questions, and the same two committers that the API writes through."""

    settings: Settings
    database: Database
    memory: Memory
    clock: Clock
    draw: Draw
    journal: Journal
    market: Market
    placing: Committer[Prepared, Placed]
    changing: Committer[orders.Change, orders.Changed]
    change: Callable[[Tx, Sequence[orders.Change]], Awaitable[list[orders.Changed | Refused]]]
    flows: Flows
    screening: validating.Desk
    reseal: Callable[[Tx], Awaitable[Resealed]]


class House(msgspec.Struct, frozen=True):
    """How to open the house. `database_url` is handed beside the settings, because it may be that of the embedded server."""

    open: Callable[[Settings, str], AbstractAsyncContextManager[Runtime]]
    application: Callable[[Settings, str], Front]
    work: Callable[[Settings, str, asyncio.Event], Awaitable[None]]
    promotion_kinds: Callable[[], Mapping[str, pricing.Promotion]]
    followers: tuple[str, ...]
    invariants: Callable[[], Sequence[Invariant]]


def house_of(context: typer.Context) -> House:
    """The house that the running command was handed."""
    house = context.find_object(House)
    assert house is not None, "the command line is started with its house: cli(obj=house)"
    return house


def operator() -> str:
    """Who sits at the command line, as facts and records name them: `admin:` and their login's name, or its number where it has none."""
    try:
        return f"admin:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"admin:{os.getuid()}"
