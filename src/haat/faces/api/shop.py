"""What the API's handlers share: the running parts of one process, handed to each resource by `app.py`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import msgspec

from haat.domain import orders, pricing
from haat.engine.clock import Clock
from haat.engine.committer import Committer
from haat.engine.database import Database, Tx
from haat.engine.draw import Draw
from haat.engine.flowing import Flows
from haat.engine.journal import Journal
from haat.engine.live import Live
from haat.engine.outside import inbox
from haat.engine.settings import Settings
from haat.flows.checkout import Carted, CartWish, Completion, Glance, Market, Placed, Prepared
from haat.kernel import ids
from haat.kernel.errors import Refused

GUEST_TOKEN_DAYS = 30
#: (tx, text, filter, before, placed_after_id, limit) -> ids of orders that have all these words, newest first
Search = Callable[[Tx, str, orders.Filter, str | None, str | None, int], Awaitable[list[str]]]


#: Decides changes of orders and writes all that follows; a transaction's first act.
Change = Callable[[Tx, Sequence[orders.Change]], Awaitable[list[orders.Changed | Refused]]]


class Shop(msgspec.Struct):
    """The parts that a handler may need. One per process."""

    settings: Settings
    database: Database
    clock: Clock
    draw: Draw
    journal: Journal
    market: Market
    placing: Committer[Prepared, Placed]
    changing: Committer[orders.Change, orders.Changed]
    live: Live
    guest_secrets: list[bytes]  # the first signs, all of them open
    search: Search
    promotions: pricing.Kinds
    carting: Committer[CartWish, Carted]
    completing: Committer[Completion, Placed]
    looking: Committer[Glance, Carted | None]
    hearing: Committer[inbox.News, bool]
    change: Change
    flows: Flows
    orders: orders.Folded

    def serial_of(self, number: str) -> int | None:
        """The serial behind an order number as somebody typed it; None where it is mistyped."""
        return ids.serial_of(number, self.draw.number_key)

    @property
    def guest_secret(self) -> bytes:
        """What signs guests' tokens now."""
        return self.guest_secrets[0]

    def guest_until(self) -> timedelta:
        return timedelta(days=GUEST_TOKEN_DAYS)
