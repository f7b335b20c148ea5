"""One server process: uvicorn with a way to stop that loses nothing.

    SIGTERM ─► readiness fails, new requests get 503 with Retry-After ─► what was accepted is finished ─► the socket closes

The drain lasts `DRAIN_S` at least, so that a balancer notices before connections are refused. A second signal skips it.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from haat.engine.front import Front
from haat.engine.settings import Settings
from haat.engine.wire import Wire

DRAIN_S = 1.0
BACKLOG = 8192


class Server(uvicorn.Server):
    """`front` is what it serves."""

    def __init__(self, front: Front, found: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                front, host=found.host, port=found.port, loop="uvloop", http=Wire, ws="none", lifespan="on", interface="asgi3",
                access_log=False, log_config=None, log_level="warning", server_header=False, date_header=False, proxy_headers=False,
                backlog=BACKLOG, timeout_graceful_shutdown=max(int(found.shutdown_grace_s), 1),
            )
        )  # fmt: skip
        self._front = front
        self._grace_s = found.shutdown_grace_s
        self._asked_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the drain, the second one ends it."""
        del sig, frame
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._asked_at is not None:
            if not self._front.draining:
                await self._front.drain()
            waited = time.monotonic() - self._asked_at
            if waited >= self._grace_s or (waited >= DRAIN_S and not self._front.in_flight):
                return True
        return await super().on_tick(counter)


def serve(front: Front, found: Settings, *, share_port: bool, tied: bool) -> None:
    """Serve until told to stop. `share_port`: siblings listen on it, too. `tied`: stop when standard input ends."""
    server = Server(front, found)
    if tied:
        when_input_ends(lambda: server.handle_exit(0, None))
    server.run(sockets=[listening(found.host, found.port, share=share_port)])


def listening(host: str, port: int, *, share: bool) -> socket.socket:
    """A bound socket. With `share`, the kernel spreads connections evenly over all that share the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def when_input_ends(then: Callable[[], None]) -> None:
    """Call `then` when standard input ends, which is when the process that holds its other end dies, however it dies."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        then()

    threading.Thread(target=watch, name="watch the parent", daemon=True).start()
