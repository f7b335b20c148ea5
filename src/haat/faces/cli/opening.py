"""What every command begins with: settings in force, a database that is there and up to date, an event loop, plain errors.

A command may be run beside a running Haat: without DATABASE_URL it joins the embedded server of the data directory, and
starts it for as long as it needs it where nothing runs there.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvloop

from haat.engine import logs, migrate, postgres, settings
from haat.engine.settings import Settings
from haat.faces.cli import show
from haat.faces.cli.house import House, Runtime
from haat.kernel.errors import HaatError, Refused, Unavailable

DataDir = Annotated[Path | None, typer.Option(help="Where Haat keeps its database and its secret.", file_okay=False)]
Result = TypeVar("Result")
FAILED, MISUSED = 1, 2
LOOK_S = 1.0


def chosen(**given: object) -> Settings:
    """The settings in force with the options `given` (None: not given), logs configured; or an exit with every mistake named."""
    try:
        found = settings.load(os.environ, working_dir=Path.cwd(), given=given)
    except Refused as refused:
        for mistake in refused.data["mistakes"]:
            show.error(mistake)
        raise typer.Exit(MISUSED) from refused
    logs.configure(level=found.log_level, form=found.log_format)
    return found


@contextmanager
def database(found: Settings, *, migrated: bool = True, watched: bool = False) -> Iterator[str]:
    """The address of a database with the newest schema: the one of DATABASE_URL, or the embedded one, joined or started.

    `watched`: an embedded server that dies is started again, for commands that run until they are stopped.
    """
    with telling(), contextlib.ExitStack() as stack:
        if found.database_url is not None:
            address = found.database_url.reveal()
        else:
            server = stack.enter_context(postgres.Embedded(found.data_dir))
            address = server.dsn
            if watched:
                stack.enter_context(Reviver(server).watching())
        if migrated:
            migrate.migrate(address)
        yield address


class Reviver:
    """Starts an embedded server again when it died. `look` now and then, or let a thread do it (`watching`)."""

    def __init__(self, server: postgres.Embedded) -> None:
        self._server = server
        self._looked_at = time.monotonic()
        self._stop = threading.Event()

    def look(self) -> None:
        """At most once a second."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        if not self._server.alive():
            show.error("PostgreSQL is gone; starting it again")
            try:
                self._server.start()
            except HaatError as error:
                show.error(str(error))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A thread looks until the block ends."""
        thread = threading.Thread(target=self._watch, name="watch PostgreSQL", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()


@contextmanager
def telling() -> Iterator[None]:
    """What goes wrong as expected is said in one sentence, without a traceback."""
    try:
        yield
    except HaatError as error:
        show.error(error.detail if isinstance(error, Refused | Unavailable) else str(error))
        raise typer.Exit(FAILED) from error


def run(house: House, found: Settings, task: Callable[[Runtime], Awaitable[Result]]) -> Result:
    """Run `task` in an opened house, on a loop of its own."""

    async def opened(address: str) -> Result:
        async with house.open(found, address) as runtime:
            return await task(runtime)

    with database(found) as address, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(opened(address))
