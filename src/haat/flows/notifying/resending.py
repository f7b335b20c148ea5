"""What ended badly is told again, all that a search finds: for a gateway that was out of credit for half a day.

Each resend is a row of its own that says who asked and of what it is the resend, so the same search again finds nothing to do until
that row has ended badly as well.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from haat.domain import notifications
from haat.engine.database import Database, Tx
from haat.kernel.errors import Refused

#: A search names at least one of these: age alone would find everything.
NARROW = ("order", "event", "channel", "connection", "reason")
Page: TypeAlias = Callable[[str | None, int], Awaitable[tuple[notifications.Resent, str | None]]]


class Resending(Struct, frozen=True):
    """Which are to be told again, at most how many (those that are refused do not count), and who asks. `draw` gives new ids."""

    search: notifications.Search
    limit: int
    by: str
    draw: Callable[[], str]
    now: datetime

    def __post_init__(self) -> None:
        if all(getattr(self.search, name) is None for name in NARROW):
            raise Refused("search_too_wide", "Say which messages: by order, event, channel, connection or reason.")


async def resend_within(tx: Tx, asked: Resending) -> notifications.Resent:
    """All in this transaction."""

    async def page(after: str | None, room: int) -> tuple[notifications.Resent, str | None]:
        return await _page(tx, asked, after, room)

    return await _pages(page, asked.limit, await notifications.under_way(tx, asked.search))


async def resend_all(database: Database, asked: Resending) -> notifications.Resent:
    """Some hundred at a time, each batch committed. Asked again it goes on."""

    async def page(after: str | None, room: int) -> tuple[notifications.Resent, str | None]:
        return await database.commit(lambda tx: _page(tx, asked, after, room))

    async with database.reading() as tx:
        waiting = await notifications.under_way(tx, asked.search)
    return await _pages(page, asked.limit, waiting)


async def _page(tx: Tx, asked: Resending, after: str | None, room: int) -> tuple[notifications.Resent, str | None]:
    return await notifications.resend_failed(tx, asked.search, after=after, limit=room, draw=asked.draw, by=asked.by, now=asked.now)


async def _pages(page: Page, limit: int, waiting: int) -> notifications.Resent:
    done, after, more = notifications.Resent(refused={"under_way": waiting} if waiting else {}), None, True
    while more and done.resent < limit:
        found, after = await page(after, limit - done.resent)
        done, more = done + found, after is not None
    return done
