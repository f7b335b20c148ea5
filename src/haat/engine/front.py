"""The front door of a server process: lets in as many requests as it can hold, and says when it will hold no more.

Beyond `requests_max` in flight, and from the moment a stop was asked for (`drain`), a request is answered 503 with
Retry-After at once; what was let in is finished. Liveness answers as long as the process runs, readiness asks the database
and is over when draining begins.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from haat.engine import problems
from haat.engine.web import Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]
SECTION = len("/v1/")  # where the name of a section begins
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
NOT_READY = b'{"status":"fail","checks":{"accepting":"fail"}}'
_encode = msgspec.json.Encoder().encode


class Front:
    """The ASGI application that uvicorn runs. `life` opens and closes what the endpoints need."""

    def __init__(self, app: App, life: Callable[["Front"], AbstractAsyncContextManager[None]], *, requests_max: int) -> None:
        self._app = app
        self.exact: dict[str, App] = {}  # paths without parameters, found without asking one route after the other
        self.sections: dict[str, App] = {}  # the others by how they begin (`/v1/carts`), so that few routes are asked
        self._life = life
        self._requests_max = requests_max
        self.in_flight = 0
        self.draining = False
        self.ready: Callable[[], Awaitable[None]] | None = None
        self.on_drain: Callable[[], Awaitable[None]] | None = None  # ends what would never end by itself: live streams

    async def drain(self) -> None:
        """Let nobody in any more. What was let in goes on; who streams is let go."""
        self.draining = True
        if self.on_drain is not None:
            await self.on_drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        if self.draining or self.in_flight >= self._requests_max:
            if self.draining and scope["path"] == "/readyz":
                await _answer(send, NOT_READY, b"application/json")
                return
            if scope["path"] not in PROBES:
                await self._turn_away(send)
                return
        scope["front"] = self
        self.in_flight += 1
        try:
            await self._door(scope["path"])(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _door(self, path: str) -> App:
        door = self.exact.get(path)
        if door is None:
            end = path.find("/", SECTION)
            door = self.sections.get(path[:end] if end > 0 else path, self._app)
        return door

    async def _turn_away(self, send: Send) -> None:
        code, detail = ("stopping", "This server is stopping.") if self.draining else ("overloaded", "This server is full.")
        await _answer(send, _encode(problems.problem(503, code, detail, retryable=True)), problems.CONTENT_TYPE)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        opened: AbstractAsyncContextManager[None] | None = None
        try:
            opened = self._life(self)
            await opened.__aenter__()
        except BaseException as error:
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.draining = True
        await opened.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Send, body: bytes, content_type: bytes) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
