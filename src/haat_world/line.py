"""How the world itself speaks HTTP: to Haat's API, to Haat's hooks, and as the browser of a buyer. One pool for all.

A reply is a value; what did not arrive is `Lost`. Redirects are not followed by themselves: a browser's steps are told apart.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec


class Lost(Exception):
    """No answer came: refused, cut or too slow."""


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return msgspec.json.decode(self.body or b"null")


class Line:
    """Opened within a running loop; close it at the end."""

    def __init__(self, *, limit_s: float = 30.0, connections: int = 100) -> None:
        self._limit = aiohttp.ClientTimeout(total=limit_s)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """One request, one reply. Raises Lost."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections), timeout=self._limit, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with self._session.request(method, url, headers=headers, data=body or None, allow_redirects=False) as answered:
                return Reply(answered.status, {k.lower(): v for k, v in answered.headers.items()}, await answered.read())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Lost(f"{method} {url}: {type(error).__name__}") from error

    async def json(self, method: str, url: str, value: Any = None, **headers: str) -> Reply:
        """The value as JSON; `idempotency_key` in `headers` is sent as Idempotency-Key."""
        told = {name.replace("_", "-"): text for name, text in headers.items()} | {"content-type": "application/json"}
        return await self.send(method, url, headers=told, body=b"" if value is None else msgspec.json.encode(value))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
