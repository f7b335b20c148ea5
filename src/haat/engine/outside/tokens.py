"""Access tokens that all processes share, because some parties block whoever asks for one too often (bKash: twice an hour).

Who needs a new one takes an advisory lock, looks again, writes down that it asks, and only then asks: of all processes one does,
and a grant whose answer got lost is counted as well. No transaction stands open while somebody outside is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import msgspec

from haat.engine.clock import Clock
from haat.engine.database import Database, Row, Tx
from haat.engine.outside.vault import Vault
from haat.kernel.errors import Broken, Unavailable
from haat.kernel.outside import Connection, Granted, Token

SPARE_S = 60  # a token is not used up to its last second
HOUR = timedelta(hours=1)


class _Held(msgspec.Struct, frozen=True):
    text: str
    refresh: str
    expires_at: datetime


class Tokens:
    """The tokens that one process knows."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._held: dict[tuple[str, str], _Held] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def get(self, connection: Connection, token: Token, grant: Callable[[str], Awaitable[Granted]]) -> str:
        """A token that holds and is not the refused one. `grant(refresh)` asks for one. Raises Unavailable above the hour's limit."""
        key = (connection.code, token.name)
        held = self._held.get(key)
        if self._good(held, token):
            assert held is not None
            return held.text
        async with self._locks.setdefault(key, asyncio.Lock()), self._database.reading() as tx, _alone(tx, f"{key[0]}:{key[1]}"):
            held = await self._granted(tx, key, token, grant)
        self._held[key] = held
        return held.text

    def forget(self, code: str) -> None:
        """Forget a connection's tokens: its credentials have changed."""
        for key in [key for key in self._held if key[0] == code]:
            del self._held[key]

    def _good(self, held: _Held | None, token: Token) -> bool:
        return held is not None and held.text != token.refused and held.expires_at > self._clock.now()

    async def _granted(self, tx: Tx, key: tuple[str, str], token: Token, grant: Callable[[str], Awaitable[Granted]]) -> _Held:
        row = await tx.fetchrow("SELECT token, expires_at, grants FROM outside_tokens WHERE connection = $1 AND name = $2", *key)
        kept = None if row is None else self._opened(row, key)
        if self._good(kept, token):
            assert kept is not None
            return kept
        now = self._clock.now()
        recent = [] if row is None else [each for each in row["grants"] if each > now - HOUR]
        if len(recent) >= token.grants_per_hour:
            wait = int((recent[0] + HOUR - now).total_seconds()) + 1
            raise Unavailable("token_limit", f"{key[0]}: no more than {token.grants_per_hour} grants an hour.", retry_after_s=wait)
        await tx.execute(_ASKED, *key, b"" if row is None else row["token"], now if row is None else row["expires_at"], [*recent, now])
        granted = await grant(kept.refresh if kept is not None else "")
        expires_at = now + timedelta(seconds=max(granted.expires_in_s - SPARE_S, granted.expires_in_s // 2))
        found = _Held(granted.text, granted.refresh, expires_at)
        sealed = self._vault.seal(msgspec.json.encode([found.text, found.refresh]), context=_context(*key))
        await tx.execute(
            "UPDATE outside_tokens SET token = $3, expires_at = $4 WHERE connection = $1 AND name = $2", *key, sealed, expires_at
        )
        return found

    def _opened(self, row: Row, key: tuple[str, str]) -> _Held | None:
        """What is kept; None where nothing is yet, or where it was sealed with a secret that is gone."""
        if not row["token"]:
            return None
        try:
            text, refresh = msgspec.json.decode(self._vault.open(row["token"], context=_context(*key)), type=tuple[str, str])
        except Broken:
            return None
        return _Held(text, refresh, row["expires_at"])


async def reseal(tx: Tx, vault: Vault) -> int:
    """Seal every token with the newest secret; returns how many were. One that no secret opens is asked for anew when it is needed."""
    anew: list[tuple[str, str, bytes]] = []
    for row in await tx.fetch("SELECT connection, name, token FROM outside_tokens WHERE length(token) > 0 FOR UPDATE"):
        with suppress(Broken):
            sealed = vault.anew(row["token"], context=_context(row["connection"], row["name"]))
            if sealed is not None:
                anew.append((row["connection"], row["name"], sealed))
    await tx.executemany("UPDATE outside_tokens SET token = $3 WHERE connection = $1 AND name = $2", anew)
    return len(anew)


def _context(connection: str, name: str) -> str:
    """What a token is bound to."""
    return f"token:{connection}:{name}"


async def drop(tx: Tx, code: str) -> None:
    """Forget a connection's tokens for all processes, not how often it was asked for one."""
    await tx.execute("UPDATE outside_tokens SET token = '', expires_at = 'epoch' WHERE connection = $1", code)


_ASKED = """
INSERT INTO outside_tokens (connection, name, token, expires_at, grants) VALUES ($1, $2, $3, $4, $5::timestamptz[])
ON CONFLICT (connection, name) DO UPDATE SET grants = excluded.grants
"""


@asynccontextmanager
async def _alone(tx: Tx, name: str) -> AsyncIterator[None]:
    """No other process asks under this name meanwhile. A connection that may still hold the lock afterwards is not used again."""
    free = False
    try:
        await tx.execute("SELECT pg_advisory_lock(hashtextextended($1, 7201))", name)
        try:
            yield
        finally:
            await tx.execute("SELECT pg_advisory_unlock(hashtextextended($1, 7201))", name)
            free = True
    finally:
        if not free:
            tx.terminate()
