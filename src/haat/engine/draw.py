"""Where new ids come from: the clock, the system's randomness, and blocks of serials from the database.

Randomness is drawn in pages, since a system call per id costs more than the id. Serials come a thousand at a time.
"""

import asyncio
import os
import random

from haat.engine.clock import Clock
from haat.engine.database import Database
from haat.kernel import ids
from haat.kernel.time import unix_ms

SERIALS_PER_BLOCK = 1000
NUMBERS_AHEAD = 100  # numbers are reckoned a hundred at a time: four keyed hashes each, half as dear when done in a row
_PAGE = 4096
_VARIANT = "89ab"
_DIGITS = 19  # hex digits of randomness that one id takes, the first of which gives two bits only


class Draw:
    """New ids and order numbers for one process."""

    def __init__(self, clock: Clock, database: Database, number_key: bytes) -> None:
        self._clock = clock
        self._database = database
        self.number_key = number_key
        self._page = ""
        self._used = 0
        self._next_serial = 0
        self._end_serial = 0
        self._ahead: list[tuple[int, str]] = []
        self._drawing = asyncio.Lock()

    @classmethod
    async def open(cls, clock: Clock, database: Database) -> "Draw":
        async with database.reading() as tx:
            key = await tx.fetchval("SELECT value FROM instance WHERE key = 'order_number_key'")
        return cls(clock, database, bytes.fromhex(key)[:32])

    def uuid(self, ms: int | None = None) -> str:
        """A new UUIDv7 of now (or of a millisecond), with 74 unguessable bits."""
        if self._used + _DIGITS > len(self._page):
            self._page = os.urandom(_PAGE).hex()
            self._used = 0
        i = self._used
        self._used = i + _DIGITS
        r = self._page[i : i + _DIGITS]
        t = f"{unix_ms(self._clock.now()) if ms is None else ms:012x}"
        return f"{t[:8]}-{t[8:]}-7{r[1:4]}-{_VARIANT[int(r[0], 16) & 3]}{r[4:7]}-{r[7:]}"

    async def serial(self) -> tuple[int, str]:
        """The next serial of this process's block and its order number; gaps are harmless, since numbers hide them."""
        while not self._ahead:
            if self._next_serial < self._end_serial:
                first, end = self._next_serial, min(self._next_serial + NUMBERS_AHEAD, self._end_serial)
                self._next_serial = end
                self._ahead = [(n, ids.number_of(n, self.number_key)) for n in range(end - 1, first - 1, -1)]
            else:
                await self._block()
        return self._ahead.pop()

    async def _block(self) -> None:
        async with self._drawing:
            if self._next_serial >= self._end_serial:  # somebody else may have drawn a block while we waited for our turn
                async with self._database.reading() as tx:
                    first = await tx.fetchval("SELECT nextval('order_serials')")
                self._next_serial, self._end_serial = first, first + SERIALS_PER_BLOCK


def trace_id() -> str:
    """32 hex digits for a trace that begins here. Not a secret, so not from the system's randomness."""
    return f"{random.getrandbits(128):032x}"
