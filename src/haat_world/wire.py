"""How a party is served: a table of operations, each a plain function from call to answer, with the faults around it.

request ─► latency ─► hung up? ─► lost before? ─► the function (all its effects) ─► lost after? ─► answer

A lost call hangs for a while and its connection is cut; a reset is cut at once. The function neither waits nor knows. Who hung up before
the function began is served no more: seconds of a busy machine may be hours of the world, and nobody books a parcel for yesterday's call.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from haat_world import faults
from haat_world.world import World

TRANSPORT = "haat_world.transport"
JSON, HTML, TEXT = "application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Protocol(HttpToolsProtocol):
    """Uvicorn's, which also tells the application its transport, so that a fault can cut the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class Call(msgspec.Struct, frozen=True):
    """What was asked. `path` are the parts in braces."""

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises Malformed."""
        try:
            found = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError as error:
            raise Malformed(str(error)) from error
        if not isinstance(found, dict):
            raise Malformed("an object is expected")
        return found

    def form(self) -> dict[str, str]:
        """The body as form fields; the last of several with one name counts."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Malformed(Exception):
    """The request cannot be read."""


class Answer(msgspec.Struct, frozen=True):
    """What is answered: an object as JSON, or text."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}
    kind: str = JSON


class Operation(msgspec.Struct, frozen=True):
    """One row of a party's table. `key` finds our own reference in a call: what its faults depend on, by the name that it
    has in this world."""

    method: str
    path: str
    name: str
    do: Callable[[Call], Answer]
    key: Callable[[Call], str] = lambda call: ""
    faulty: bool = True


def routes(world: World, party: str, operations: Sequence[Operation]) -> list[BaseRoute]:
    """The operations of a party below its own prefix."""
    return [Route(f"/{party}{each.path}", _Door(world, party, each), methods=[each.method]) for each in operations]


class _Door:
    """One operation as an ASGI application, with the faults of its party."""

    def __init__(self, world: World, party: str, operation: Operation) -> None:
        self._world, self._party, self._operation = world, party, operation

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        world, name = self._world, self._operation.name
        request = Request(scope, receive)
        call = Call(request.method, request.path_params, dict(request.query_params), dict(request.headers), await request.body())
        if not self._operation.faulty:
            return await self._answer(self._done(call), scope, receive, send)
        try:
            key = self._operation.key(call)
        except (Malformed, KeyError):
            key = ""
        key = await world.acquainted(self._party, key)
        names = (self._party, name, key, world.count(self._party, name, key))
        kind = "out" if faults.out(world.faults, self._party, world.clock.now()) else faults.call(world.faults, world.dice, *names)
        world.truth.calls[f"{self._party} {name} {kind or 'well'}"] += 1
        if world.faults.latency_ms:
            await asyncio.sleep(world.dice.spread(world.faults.latency_ms, 1.8, "latency", *names) / 1_000)
        if (transport := scope.get(TRANSPORT)) is not None and transport.is_closing():
            return None
        answer = self._done(call) if kind == "" or kind in faults.AFTER else None
        match kind:
            case "lost_request" | "lost_answer":
                await asyncio.sleep(world.faults.hang_s)
                return await _cut(scope, receive)
            case "reset":
                return await _cut(scope, receive)
            case "error_before" | "error_after" | "out":
                answer = Answer("<html><body>Service Unavailable</body></html>", 503 if kind == "out" else 500, kind=HTML)
        assert answer is not None
        return await self._answer(answer, scope, receive, send)

    def _done(self, call: Call) -> Answer:
        try:
            return self._operation.do(call)
        except Malformed as error:
            return Answer({"message": f"Bad request: {error}"}, 400)

    async def _answer(self, answer: Answer, scope: Any, receive: Any, send: Any) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else msgspec.json.encode(answer.body)
        await Response(body, answer.status, dict(answer.headers), answer.kind)(scope, receive, send)


async def _cut(scope: Any, receive: Any) -> None:
    """End the connection without a word, and wait until the server has noticed: else it complains that nothing was answered."""
    transport = scope.get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("cut by the world")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
