"""Haat as its users see it: an address, a key for each role, and answers that may get lost on the way.

A call is repeated where its answer was lost or Haat is busy, as a decent client does: reads and whatever carries an Idempotency-Key
or says the same twice without harm.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from haat_world.connections import Connection
from haat_world.line import Line, Lost, Reply

TRIES, PAUSE_S, PAUSE_MAX_S = 8, 0.1, 5.0
BUSY = frozenset({429, 502, 503, 504})
PAGE = 200


class Keys(msgspec.Struct, frozen=True):
    """Secrets by role."""

    admin: str
    channel: str
    vendors: Mapping[str, str]
    customer: str = ""


class Demo(msgspec.Struct, frozen=True):
    """What `demo.json` tells. `began`: what was placed earlier is the market's made-up past."""

    url: str
    keys: Keys
    channel: str = "web"
    began: datetime | None = None


def read(path: Path) -> Demo:
    return msgspec.json.decode(path.read_bytes(), type=Demo)


class Market:
    """One Haat. `counts` says what was answered how often."""

    def __init__(self, line: Line, url: str, keys: Keys, channel: str) -> None:
        self.url, self.keys, self.channel = url.rstrip("/"), keys, channel
        self.counts: Counter[str] = Counter()
        self._line = line

    async def ask(self, key: str, method: str, path: str, value: Any = None, *, once: str = "") -> Reply:
        """The answer, after as many tries as it takes; `once` is the Idempotency-Key. Raises Lost where Haat cannot be reached."""
        headers = {"authorization": f"Bearer {key}"} | ({"idempotency_key": once} if once else {})
        for number in range(TRIES):
            try:
                reply = await self._line.json(method, self.url + path, value, **headers)
            except Lost:
                self.counts["lost"] += 1
                if number == TRIES - 1:
                    raise
            else:
                if reply.status not in BUSY or number == TRIES - 1:
                    self.counts[str(reply.status)] += 1
                    return reply
                self.counts["busy"] += 1
            await asyncio.sleep(min(PAUSE_S * 2**number, PAUSE_MAX_S))
        raise AssertionError("the last try answers or raises")

    async def pages(self, key: str, path: str, **query: str) -> AsyncIterator[list[dict[str, Any]]]:
        """The pages of a list, one after the other."""
        cursor: str | None = None
        while True:
            asked = query | {"limit": str(PAGE)} | ({"cursor": cursor} if cursor else {})
            reply = await self.ask(key, "GET", f"{path}?{urlencode(asked)}")
            if not reply.ok:
                return
            answer = reply.json()
            yield answer["data"]
            cursor = (answer.get("page") or {}).get("next")
            if not cursor:
                return

    async def connect(self, connections: list[Connection]) -> list[str]:
        """Haat knows every party afterwards; those that it would not take are named with its reason."""
        refused = []
        for each in connections:
            sheet = {
                "kind": each.kind,
                "plugin": each.plugin,
                "title": f"{each.code} (simulated)",
                "priority": each.priority,
                "config": each.config,
                "secrets": each.secrets,
            }
            reply = await self.ask(self.keys.admin, "PUT", f"/v1/connections/{each.code}", sheet)
            if not reply.ok:
                refused.append(f"{each.code}: {reply.status} {reply.body[:200].decode('utf-8', 'replace')}")
        return refused
