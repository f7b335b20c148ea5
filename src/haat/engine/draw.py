"""Where new ids come from: the clock, the system's randomness, and blocks of serials from the database.

Randomness is drawn in pages, since a system call per id costs more than the id. Serials come a thousand at a time.
"""

import os
import random

from haat.engine.clock import Clock
from haat.engine.database import Database
from haat.kernel import ids
from haat.kernel.time import unix_ms

SERIALS_PER_BLOCK = 1000
_PAGE = 4096
_ID_BYTES = 10  # 80 bits, of which a UUIDv7 uses 74


class Draw:
    """New ids and order numbers for one process."""

    def __init__(self, clock: Clock, database: Database, number_key: bytes) -> None:
        self._clock = clock
        self._database = database
        self.number_key = number_key
        self._page = b""
        self._used = 0
        self._next_serial = 0
        self._end_serial = 0

    @classmethod
    async def open(cls, clock: Clock, database: Database) -> "Draw":
        async with database.reading() as tx:
            key = await tx.fetchval("SELECT value FROM instance WHERE key = 'order_number_key'")
        return cls(clock, database, bytes.fromhex(key)[:32])

    def uuid(self, ms: int | None = None) -> str:
        """A new UUIDv7 of now (or of a millisecond), unguessable."""
        if self._used + _ID_BYTES > len(self._page):
            self._page = os.urandom(_PAGE)
            self._used = 0
        bits = int.from_bytes(self._page[self._used : self._used + _ID_BYTES], "big") >> 6
        self._used += _ID_BYTES
        return ids.uuid7(unix_ms(self._clock.now()) if ms is None else ms, bits)

    async def serial(self) -> int:
        """The next serial of this process's block; gaps are harmless, since numbers hide them."""
        while self._next_serial >= self._end_serial:
            async with self._database.reading() as tx:
                first = await tx.fetchval("SELECT nextval('order_serials')")
            if self._next_serial >= self._end_serial:  # somebody else may have drawn a block while we waited
                self._next_serial, self._end_serial = first, first + SERIALS_PER_BLOCK
        serial = self._next_serial
        self._next_serial += 1
        return serial

    def number(self, serial: int) -> str:
        """The order number of a serial."""
        return ids.number_of(serial, self.number_key)


def trace_id() -> str:
    """32 hex digits for a trace that begins here. Not a secret, so not from the system's randomness."""
    return f"{random.getrandbits(128):032x}"  # noqa: S311
