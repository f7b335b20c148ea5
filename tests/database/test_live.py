"""Live streams: who watches an order sees each fact once, and who goes away leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.routing import Router

from haat import app
from haat.domain import orders
from haat.engine import web
from haat.engine.live import Live
from haat.engine.web import Answer, Call, Endpoint
from haat.kernel.facts import Origin
from tests.database import trading
from tests.database.trading import body, place


async def note(parts: app.Parts, order_id: str, text: str) -> None:
    verb = lambda order: orders.note(order, text=text, audience="staff")  # noqa: E731
    await parts.shop.changing.submit(orders.Change(order_id, verb, parts.clock.now(), Origin("admin:1", "api", text)))


async def facts(stream: AsyncIterator[bytes], wanted: int) -> list[int]:
    """The versions of the next `wanted` facts of a stream."""
    seen: list[int] = []
    async with asyncio.timeout(10):
        while len(seen) < wanted:
            piece = await anext(stream)
            if piece.startswith(b"id:"):
                seen.append(msgspec.json.decode(piece.split(b"data: ")[1])["version"])
    return seen


async def test_who_watches_sees_what_was_and_what_happens_each_once(dsn: str, tmp_path: Path) -> None:
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}))).order
        live: Live = parts.shop.live
        live.start()
        whole, rest = live.watch(order.id, 0), live.watch(order.id, 2)
        assert await facts(whole, 3) == [1, 2, 3]
        assert await facts(rest, 1) == [3]
        for n in (4, 5, 6):
            await note(parts, order.id, str(n))
        assert await facts(whole, 3) == await facts(rest, 3) == [4, 5, 6]
        await whole.aclose()  # type: ignore[attr-defined]
        await rest.aclose()  # type: ignore[attr-defined]
        assert not live._watchers
        await live.stop()


async def test_who_goes_away_is_watched_for_no_longer(dsn: str, tmp_path: Path) -> None:
    """uvicorn drops what is sent to a closed connection without a word: the stream must hear of it by itself."""
    async with trading.market(dsn, tmp_path) as parts:
        order = (await place(parts, body({"TEA": 1}))).order

        async def watch(call: Call) -> Answer:
            return Answer(200, stream=parts.shop.live.watch(order.id, 0), content_type=b"text/event-stream")

        router = Router(routes=web.routes([Endpoint("GET", "/watch", "watch", "Watch", watch, "Test")], None))  # type: ignore[arg-type]
        sent: list[dict[str, Any]] = []
        leaving, reading = asyncio.Event(), asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 5:  # the head, the greeting, three facts
                reading.set()

        received = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            if (message := next(received, None)) is not None:
                return message
            await leaving.wait()
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": "GET", "path": "/watch", "query_string": b"", "headers": [], "root_path": ""}
        answering = asyncio.get_running_loop().create_task(router(scope, receive, send))
        await asyncio.wait_for(reading.wait(), 10)
        assert parts.shop.live._watchers
        leaving.set()
        await asyncio.wait_for(answering, 10)
        assert not parts.shop.live._watchers
