"""Requests that arrive in one turn of the event loop are prepared in a row.

A processor that goes from socket to header to price and back for each request finds nothing of what it needs in its caches;
prepared eight or twenty at a time, pricing and validation cost a third less (docs/decisions/011-in-a-row.md).
"""

import asyncio

from haat.engine.committer import Committer
from haat.engine.draw import Draw
from haat.flows.checkout.market import Market
from haat.flows.checkout.placing import Placed
from haat.flows.checkout.preparing import Errand, Prepared, prepare
from haat.flows.checkout.request import PlaceOrder
from haat.kernel.errors import Refused


class Unready(Exception):
    """An order that was turned away while it was prepared; `refusal` says why. What the desk refuses comes as it is."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Arrivals:
    """The entrance of one process's order desk."""

    def __init__(self, market: Market, draw: Draw, placing: Committer[Prepared, Placed]) -> None:
        self._market = market
        self._draw = draw
        self._placing = placing
        self._waiting: list[tuple[PlaceOrder, Errand, asyncio.Future[Placed]]] = []

    def place(self, request: PlaceOrder, errand: Errand) -> "asyncio.Future[Placed]":
        """Prepare the order with what else arrives now, and have it placed. What pricing asks must be known (`acquaint`)."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Placed] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._prepare)
        self._waiting.append((request, errand, future))
        return future

    def _prepare(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request, errand, future in waiting:
            if future.done():
                continue  # the asker went away
            try:
                self._placing.put(prepare(request, self._market, self._draw, errand), future)
            except Refused as refusal:
                future.set_exception(Unready(refusal))
            except Exception as error:
                future.set_exception(error)
