"""All parties behind one port: the only file that knows each of them. `serve` runs them until it is cancelled."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import uvicorn
from starlette.routing import BaseRoute, Router

from haat_world import control, inboxes
from haat_world.clock import Turned
from haat_world.connections import Connection
from haat_world.couriers import generic, pathao, redx, steadfast
from haat_world.gateways import bkash, nagad, sslcommerz, stripe
from haat_world.wire import Operation, Protocol, routes
from haat_world.world import World

PARTIES: Mapping[str, Callable[[World], list[Operation]]] = {
    bkash.PARTY: bkash.operations,
    nagad.PARTY: nagad.operations,
    sslcommerz.PARTY: sslcommerz.operations,
    stripe.PARTY: stripe.operations,
    pathao.PARTY: pathao.operations,
    steadfast.PARTY: steadfast.operations,
    redx.PARTY: redx.operations,
    generic.PARTY: generic.operations,
    "sms": inboxes.sms_operations,
    "webhook": inboxes.webhook_operations,
}
TOLD = (bkash, nagad, sslcommerz, stripe, steadfast, pathao, redx, generic)


def connections(url: str, mail_port: int = 0) -> list[Connection]:
    """Every party as Haat has to be told of it, for a world that is reached at `url`."""
    return [*(party.connection(url) for party in TOLD), *inboxes.connections(url, mail_port)]


def application(world: World) -> Router:
    """The ASGI application. `world.url` has to be known: the parties write it into their answers."""
    found: list[BaseRoute] = [route for party, operations in PARTIES.items() for route in routes(world, party, operations(world))]
    return Router([*found, *control.routes(world, connections(world.url, world.mail_port))])


@contextlib.asynccontextmanager
async def served(world: World, *, host: str = "127.0.0.1", port: int = 0, mail: bool = False) -> AsyncIterator[str]:
    """The parties listen, the agenda runs (with a turned clock it waits for `turn_to`); yields the address.

    `mail`: with a mail server, on a free port of its own (`world.mail_port`).
    """
    with _listening(host, port) as listening:
        world.url = f"http://{host}:{listening.getsockname()[1]}"
        mails = await inboxes.mail_server(world, 0) if mail else None
        world.mail_port = 0 if mails is None else mails.sockets[0].getsockname()[1]
        server = _Quiet(uvicorn.Config(
            application(world), http=Protocol, ws="none", lifespan="off", log_level="critical", access_log=False,
            timeout_keep_alive=75, timeout_graceful_shutdown=1,
        ))  # fmt: skip
        serving = asyncio.create_task(server.serve([listening]))
        running = asyncio.create_task(world.agenda.run()) if not isinstance(world.clock, Turned) else None
        try:
            while not server.started:  # noqa: ASYNC110 uvicorn tells nobody
                await asyncio.sleep(0.005)
            yield world.url
        finally:
            server.should_exit = True
            if running is not None:
                running.cancel()
            await asyncio.gather(serving, *([running] if running is not None else []), return_exceptions=True)
            if mails is not None:
                mails.close()
            await world.line.close()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that says it speaks TCP: only then does asyncio send small answers at once."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, port))
    found.listen(1024)
    return found


class _Quiet(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
