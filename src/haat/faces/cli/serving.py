"""`haat up`, `serve`, `work`, `migrate`: processes that run until they are told to stop."""

import asyncio
import contextlib
import http.client
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer
import uvloop

from haat.engine import migrate, postgres
from haat.engine.settings import Settings
from haat.faces.cli import demo, opening, server, show
from haat.faces.cli.children import Child, Signals, look_after
from haat.faces.cli.house import House, house_of
from haat.faces.cli.opening import DataDir

Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Processes = Annotated[int, typer.Option(help="Server processes; they share the port.", min=1, max=64)]
Tied = Annotated[bool, typer.Option("--tied", hidden=True, help="Stop when standard input ends.")]
READY_S = 60.0
PORT_MAX = 65_535
WORLD_HOST = "127.0.0.1"  # where the world listens; it is for this machine only


def add_to(cli: typer.Typer) -> None:
    cli.command()(up)
    cli.command()(serve)
    cli.command()(work)
    cli.command(name="migrate")(migrate_schema)


def up(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    processes: Processes = 1,
    with_demo: Annotated[
        bool, typer.Option("--demo", help="Seed a demo market, once, and write demo.json into the data directory.")
    ] = False,
    with_world: Annotated[
        bool,
        typer.Option(
            "--world/--no-world",
            help="Beside a demo: simulated buyers, vendors, gateways and couriers, gently, on the next port where that is free. "
            "--no-world leaves the demo to you: nobody buys or packs, and no gateway or courier is connected.",
        ),
    ] = True,
) -> None:
    """Everything on one machine: the embedded PostgreSQL (or that of DATABASE_URL), migrated, served, with a worker beside it."""
    house, found = house_of(context), opening.chosen(host=host, port=port, data_dir=data_dir)
    with Signals().heeded() as signals, opening.telling():
        try:
            with _reserved(found) as at, _postgres(at) as (address, watch):
                if done := migrate.migrate(address):
                    show.say(f"Schema: {len(done)} revision(s) applied")
                if with_demo:
                    _seed(house, at, address)
                _run_up(at, processes, signals, watch, with_demo=with_demo, with_world=with_demo and with_world)
        except KeyboardInterrupt:
            show.say("Stopped before it was up.")


def _run_up(found: Settings, processes: int, signals: Signals, watch: Callable[[], None], *, with_demo: bool, with_world: bool) -> None:
    """The children, from start to stop. They join an embedded server, so whoever of us leaves last stops it."""
    environment = _environment(found)
    listening = ["--host", found.host, "--port", str(found.port)]
    children = [Child("The server", ["serve", *listening, "--processes", str(processes), "--share-port"], environment)]
    children.append(Child("The worker", ["work"], environment))
    beside = port_beside(found.port) if with_world else 0
    if beside:
        children.append(Child("The world", _world(found, beside), environment))
    url, began, told = url_of(found), time.monotonic(), False

    def meanwhile() -> None:
        nonlocal told
        watch()
        if not told and _ready(found):
            told = True
            show.line(f"Haat is at {url}")
            show.say(
                f"API: {url}/docs   keys: {found.data_dir / demo.FILE}   stop: Ctrl+C" if with_demo else f"API: {url}/docs   stop: Ctrl+C"
            )
            if beside:
                show.say(f"World: http://{WORLD_HOST}:{beside}/_world (pay pages, gateways, couriers)   without it: --no-world")
        elif not told and time.monotonic() - began > READY_S:
            told = True
            show.error(f"Still not ready after {READY_S:.0f} s; going on.")

    look_after(children, signals, grace_s=found.shutdown_grace_s + 10, meanwhile=meanwhile)


def port_beside(port: int) -> int:
    """The next port, so that a world's addresses (pay pages, gateways) stand from one run to the next; a free one where it is taken."""
    with contextlib.suppress(OSError):
        if port < PORT_MAX:
            server.listening(WORLD_HOST, port + 1, share=False).close()
            return port + 1
    with server.listening(WORLD_HOST, 0, share=False) as free:
        return int(free.getsockname()[1])


def _world(found: Settings, port: int) -> list[str]:
    """The command line of a gentle world beside this demo; it waits until we answer."""
    keys = found.data_dir / demo.FILE
    books = ["--books", str(keys.with_name("world.books"))]
    return [
        "world",
        "play",
        "--gentle",
        "--url",
        _address(_from_here(found.host), found.port),
        "--keys",
        str(keys),
        "--port",
        str(port),
        *books,
    ]


def _seed(house: House, found: Settings, address: str) -> None:
    async def task() -> None:
        async with house.open(found, address) as runtime:
            await demo.seed(runtime, house.promotion_kinds(), url_of(found))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(task())


@contextlib.contextmanager
def _reserved(found: Settings) -> Iterator[Settings]:
    """The port is ours until we stop: refused at once where somebody listens there, chosen where it is 0."""
    try:
        server.listening(found.host, found.port, share=False).close()
        held = server.listening(found.host, found.port, share=True)
    except OSError as error:
        show.error(f"Port {found.port} of {found.host} cannot be used: {error.strerror or error}. Choose another one with --port.")
        raise typer.Exit(opening.FAILED) from error
    with held:
        yield msgspec.structs.replace(found, port=held.getsockname()[1])


@contextlib.contextmanager
def _postgres(found: Settings) -> Iterator[tuple[str, Callable[[], None]]]:
    """The database's address, and what to call again and again so that an embedded server is revived."""
    if found.database_url is not None:
        yield found.database_url.reveal(), lambda: None
        return
    with postgres.Embedded(found.data_dir) as embedded:
        yield embedded.dsn, opening.Reviver(embedded).look


def _ready(found: Settings) -> bool:
    asked = http.client.HTTPConnection(_from_here(found.host), found.port, timeout=1)
    try:
        asked.request("GET", "/readyz")
        return asked.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def _from_here(host: str) -> str:
    """Where this machine itself reaches whoever listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def url_of(found: Settings) -> str:
    """How this Haat is reached, as far as we know."""
    return found.public_url or _address(found.host, found.port)


def serve(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    processes: Processes = 1,
    share_port: Annotated[bool, typer.Option("--share-port", hidden=True)] = False,
    tied: Tied = False,
) -> None:
    """Serve the API. Scale out with --processes, or on many machines over one DATABASE_URL."""
    house, found = house_of(context), opening.chosen(host=host, port=port, data_dir=data_dir)
    with opening.database(found, watched=not tied) as address:
        try:
            if processes == 1:
                server.serve(house.application(found, address), found, share_port=share_port, tied=tied)
                return
            _serve_many(found, processes, tied=tied)
        except OSError as error:
            show.error(f"Port {found.port} of {found.host} cannot be used: {error.strerror or error}")
            raise typer.Exit(opening.FAILED) from error


def _environment(found: Settings) -> dict[str, str]:
    """What children are told beside what we were told ourselves: where it lies, and how the world reaches us (gateways call back)."""
    return os.environ | {"HAAT_DATA_DIR": str(found.data_dir.absolute()), "HAAT_PUBLIC_URL": url_of(found)}


def _serve_many(found: Settings, processes: int, *, tied: bool) -> None:
    arguments = ["serve", "--host", found.host, "--port", str(found.port), "--share-port"]
    with Signals().heeded() as signals:
        if tied:
            server.when_input_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
        children = [Child(f"Server {number}", arguments, _environment(found)) for number in range(1, processes + 1)]
        look_after(children, signals, grace_s=found.shutdown_grace_s + 5, meanwhile=lambda: None)


def work(context: typer.Context, data_dir: DataDir = None, tied: Tied = False) -> None:
    """Run a worker: followers of the journal, holds that end, keys that are forgotten. Several at once are safe."""
    house, found = house_of(context), opening.chosen(data_dir=data_dir)

    async def until_told(address: str) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if tied:
            server.when_input_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
        await house.work(found, address, stop)

    with opening.database(found, watched=not tied) as address, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_told(address))


def migrate_schema(data_dir: DataDir = None) -> None:
    """Bring the database to the newest schema. Forward only; safe beside running servers."""
    found = opening.chosen(data_dir=data_dir)
    with opening.database(found, migrated=False) as address:
        done = migrate.migrate(address)
    show.line(f"applied: {', '.join(done)}" if done else "up to date")
