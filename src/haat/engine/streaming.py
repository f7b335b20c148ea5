"""Answers that go on: sent piece by piece until they end or the client is gone.

Servers swallow what is sent to a closed connection without a word, so the stream has to listen for the end by itself;
otherwise everybody who ever watched would keep a seat until the process stops.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def send_stream(
    receive: Receive, send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], stream: AsyncIterator[bytes]
) -> None:
    """Send the head and every piece; the stream is closed afterwards, whoever ended it."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    loop = asyncio.get_running_loop()
    flow, gone = loop.create_task(_pour(stream, send)), loop.create_task(_client_gone(receive))
    try:
        await asyncio.wait({flow, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not flow.done():
            flow.cancel()
        await asyncio.gather(flow, gone, return_exceptions=True)
        aclose = getattr(stream, "aclose", None)
        if aclose is not None:
            await aclose()
    if not flow.cancelled():
        flow.result()
        await send({"type": "http.response.body", "body": b""})


async def nothing() -> AsyncIterator[bytes]:
    """The stream of an answer to HEAD: it ends at once. The stream in its stead was never begun, so there is nothing to close."""
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


async def _pour(stream: AsyncIterator[bytes], send: Send) -> None:
    async for piece in stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
