"""The gate: who asks, and how often they may.

A bearer is an API key (`Authorization: Bearer haat_…`), the token of a guest's cart (`hct_…`) or of one order (`hgt_…`); a token
may come as `access_token` in the query, for a page that cannot set a header. Keys are remembered by their hash until a change is
announced. A key with a rate limit is counted per minute in this process; the answer carries RateLimit headers
(draft-ietf-httpapi-ratelimit-headers-10).
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

import limits
import msgspec

from haat.domain import carts, people
from haat.engine.changes import Keyed, Memory
from haat.engine.clock import Clock
from haat.engine.database import Database, Lost
from haat.engine.web import Limited
from haat.kernel.errors import HaatError, Refused

BEARERS_MAX = 100_000
USE_NOTED_EACH_S = 60.0
NO_HEADERS: Sequence[tuple[bytes, bytes]] = ()


class Guest(msgspec.Struct, frozen=True):
    """Somebody who holds the link of one order: `subject` is that order's id."""

    subject: str
    role: str = "guest"
    actor: str = "guest"
    key_id: str = ""

    def may(self, scope: str) -> bool:
        """The link is the permission: what a guest may do is a question of the role."""
        del scope
        return True


class Shopper(msgspec.Struct, frozen=True):
    """Somebody who holds the token of one guest's cart: `subject` is that cart's id."""

    subject: str
    role: str = "shopper"
    actor: str = "guest"
    key_id: str = ""

    def may(self, scope: str) -> bool:
        """The token is the permission: only the endpoints of carts know this role."""
        del scope
        return True


class Gate:
    """The gate of one process."""

    def __init__(self, database: Database, memory: Memory, clock: Clock, secrets: Sequence[bytes]) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._keys: Keyed[people.Key] = Keyed({people.KIND}, people.cached_keys, size_max=BEARERS_MAX)
        memory.keep(self._keys)
        self._lasting: dict[bytes, people.Principal] = {}  # by the header as it is sent: keys that neither end nor are counted
        self._lasting_since = self._keys.generation
        self._used: set[str] = set()
        self._limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())

    async def enter(
        self, headers: Mapping[bytes, bytes], query: Mapping[str, str]
    ) -> tuple[people.Principal | Guest | Shopper, Sequence[tuple[bytes, bytes]]]:
        """The principal behind the bearer, and headers for the answer. Raises Refused (unauthenticated, too_many)."""
        given = headers.get(b"authorization")
        if self._lasting_since != self._keys.generation:
            self._lasting.clear()
            self._lasting_since = self._keys.generation
        elif given in self._lasting:
            known = self._lasting[given]
            self._used.add(known.key_id)
            return known, NO_HEADERS
        if given is not None and given[:7].lower() == b"bearer ":
            token = given[7:]
            if token.startswith(b"haat_"):
                return await self._key(given, token)
        else:  # a key never travels in an address, where logs and histories would keep it
            token = query.get("access_token", "").encode()
        if token.startswith(b"hgt_"):
            order_id = people.guest.order_of_token(token.decode("latin-1"), secrets=self._secrets, now=self._clock.now())
            if order_id is not None:
                return Guest(order_id), NO_HEADERS
        if token.startswith(b"hct_"):
            cart_id = carts.token.cart_of(token.decode("latin-1"), secrets=self._secrets, now=self._clock.now())
            if cart_id is not None:
                return Shopper(cart_id), NO_HEADERS
        raise Refused("unauthenticated", "Send a valid key as «Authorization: Bearer …».", kind="unauthenticated")

    async def _key(self, header: bytes, token: bytes) -> tuple[people.Principal, Sequence[tuple[bytes, bytes]]]:
        name = "key:" + hashlib.sha256(token).hexdigest()
        values = self._keys.values
        if name not in values:
            await self._keys.ensure(self._database, [name])
        key = values.get(name)
        if key is None:
            raise Refused("unauthenticated", "This key is not known.", kind="unauthenticated")
        principal = people.check_usable(key, now=self._clock.now())
        self._used.add(key.id)
        if key.rate_per_minute is None:
            if key.expires_at is None and key.revoked_at is None and self._lasting_since == self._keys.generation:
                self._lasting[header] = principal
            return principal, NO_HEADERS
        return principal, self._count(key)

    async def note_use(self, stop: asyncio.Event) -> None:
        """Write down each minute which keys were used; `used_at` may lag as much behind."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), USE_NOTED_EACH_S)
            used, self._used = self._used, set()
            if used:
                now = self._clock.now()
                with suppress(*Lost, HaatError):
                    async with self._database.transaction() as tx:
                        await people.note_use(tx, dict.fromkeys(used, now))

    def _count(self, key: people.Key) -> Sequence[tuple[bytes, bytes]]:
        assert key.rate_per_minute is not None
        limit = limits.RateLimitItemPerMinute(key.rate_per_minute)
        taken = self._limiter.hit(limit, key.id)
        window = self._limiter.get_window_stats(limit, key.id)
        seconds = max(int(window.reset_time - self._clock.now().timestamp()), 0)
        headers = (
            (b"ratelimit-policy", b'"minute";q=%d;w=60' % key.rate_per_minute),
            (b"ratelimit", b'"minute";r=%d;t=%d' % (max(window.remaining, 0), seconds)),
        )
        if not taken:
            raise Limited("This key has used up its requests for this minute.", headers, retry_after_s=seconds + 1)
        return headers


def guest_secrets(secrets: Sequence[str]) -> list[bytes]:
    """The signing secrets of guest tokens, newest first: derived, so that the main secrets themselves sign nothing."""
    return [hashlib.blake2b(secret.encode(), digest_size=32, person=b"haat-guest-token").digest() for secret in secrets]
