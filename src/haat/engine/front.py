"""The front door of a server process: lets in as many requests as it can hold, and says when it will hold no more.

Beyond `requests_max` in flight, and from the moment a stop was asked for, a request is answered 503 with Retry-After at
once; what was let in is finished. Liveness answers as long as the process runs, readiness asks the database.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from haat.engine import problems
from haat.engine.web import Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_encode = msgspec.json.Encoder().encode


class Front:
    """The ASGI application that uvicorn runs. `life` opens and closes what the endpoints need."""

    def __init__(self, app: App, life: Callable[["Front"], AbstractAsyncContextManager[None]], *, requests_max: int) -> None:
        self._app = app
        self._life = life
        self._requests_max = requests_max
        self.in_flight = 0
        self.draining = False
        self.ready: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        if self.draining or self.in_flight >= self._requests_max:
            if scope["path"] not in PROBES:
                await self._turn_away(send)
                return
        scope["front"] = self
        self.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _turn_away(self, send: Send) -> None:
        code, detail = ("stopping", "This server is stopping.") if self.draining else ("overloaded", "This server is full.")
        body = _encode(problems.problem(503, code, detail, retryable=True))
        headers = [
            (b"content-type", problems.CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

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
