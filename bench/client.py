"""The client of the benchmarks: one keep-alive connection each, no library between the socket and the measurement.

An answer that never came (the server died) is None, so that the caller can do what a shopper's program does: ask again
with the same Idempotency-Key.
"""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

Reply = tuple[int, bytes]
NET = (OSError, EOFError, asyncio.IncompleteReadError)


class Client:
    """One connection to 127.0.0.1:`port`, made anew after a loss."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self._key = key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", *, idempotency_key: str = "") -> Reply | None:
        """(status, body), or None where the connection was lost or refused."""
        head = f"{method} {path} HTTP/1.1\r\nhost: haat\r\nauthorization: Bearer {self._key}\r\ncontent-length: {len(body)}\r\n"
        if body:
            head += "content-type: application/json\r\n"
        if idempotency_key:
            head += f"idempotency-key: {idempotency_key}\r\n"
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
            assert self._reader is not None
            self._writer.write(head.encode() + b"\r\n" + body)
            return await self._reply(self._reader)
        except NET:
            self.close()
            return None

    async def _reply(self, reader: asyncio.StreamReader) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        begin = head.index(b"content-length:") + 15
        body = await reader.readexactly(int(head[begin : head.index(b"\r\n", begin)]))
        if b"connection: close" in head:
            self.close()
        return status, body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def end(self) -> None:
        """Close, and wait until it is closed."""
        writer = self._writer
        self.close()
        if writer is not None:
            with suppress(*NET):
                await writer.wait_closed()


async def until_answered(client: Client, body: bytes, key: str, *, patience_s: float = 60.0, other: Client | None = None) -> Reply:
    """POST /v1/orders until somebody says yes or no, always with the same key; through `other` as well where there is one."""
    deadline = time.monotonic() + patience_s
    turn = 0
    while time.monotonic() < deadline:
        asked = client if other is None or turn % 2 == 0 else other
        reply = await asked.ask("POST", "/v1/orders", body, idempotency_key=key)
        if reply is not None and reply[0] not in (500, 503):
            return reply
        if reply is not None and reply[0] == 500:
            raise AssertionError(f"a server broke: {reply[1]!r}")
        turn += 1
        await asyncio.sleep(0.05)
    raise AssertionError(f"nobody answered for {patience_s} seconds")


def order(lines: list[tuple[str, int]], phone: int, **more: Any) -> bytes:
    """The body of an order for buyer `phone` (eight digits)."""
    ship_to = {
        "recipient": "Rahima Khatun", "division": "Dhaka", "district": "Dhaka", "upazila": "Mirpur", "area": "Mirpur 10",
        "line": f"House {phone % 200}, Road 5", "landmark": "Beside the stadium", "postcode": "1216",
    }  # fmt: skip
    return json.dumps(
        {
            "channel": "web",
            "customer": {"name": "Rahima Khatun", "phone": f"017{phone:08d}"},
            "ship_to": ship_to,
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            "payment_method": "cod",
            **more,
        }
    ).encode()


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted `values` lie."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
