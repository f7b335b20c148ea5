"""The desk: people of the marketplace who look at what is held, take back what comes home, and repair what is stuck.

Held orders are approved mostly; parcels that the courier brought back are received; exceptions are tried once more and otherwise
left for a person, which is what a simulation wants to see at its end.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from haat_world.players.market import Market
from haat_world.world import World

APPROVES = 0.85
REPAIRS_MAX = 3


class Desk:
    """`pace_s`: how long a case waits on the desk, median, in the world's time."""

    def __init__(self, world: World, market: Market, *, pace_s: float) -> None:
        self._world, self._market, self._pace_s = world, market, pace_s
        self._known: set[str] = set()
        self._tries: Counter[str] = Counter()
        self.did: Counter[str] = Counter()

    async def look(self) -> None:
        await self._reviews()
        await self._returns()
        await self._exceptions()

    async def _reviews(self) -> None:
        async for page in self._market.pages(self._market.keys.admin, "/v1/fraud-reviews"):
            for case in page:
                order = str(case["order_id"])
                if order not in self._known:
                    self._known.add(order)
                    approves = self._world.dice.chance(APPROVES, "approves", case["amount"], case["payment_method"])
                    body = {"decision": "approve" if approves else "reject", "reason": "called the buyer"}
                    self._later(f"/v1/fraud-reviews/{order}/decisions", body, body["decision"])

    async def _returns(self) -> None:
        """Parcels that the couriers' own books call returned stand at the door."""
        books = self._world.truth.consignments
        async for page in self._market.pages(self._market.keys.admin, "/v1/shipments", status="returning"):
            for each in page:
                parcel = books.get((each.get("courier", ""), each.get("consignment", "")))
                if parcel is not None and parcel.status in ("returned", "partially_delivered") and each["id"] not in self._known:
                    self._known.add(each["id"])
                    self._later(f"/v1/shipments/{each['id']}/receptions", {}, "received")

    async def _exceptions(self) -> None:
        """The first page only: a desk does not look at a thousand cases at once."""
        async for page in self._market.pages(self._market.keys.admin, "/v1/exceptions"):
            for each in page:
                key = str(each["id"])
                if "retry" in each["repairs"] and self._tries[key] < REPAIRS_MAX:
                    self._tries[key] += 1
                    await self._act(f"/v1/exceptions/{key}/repairs", {"repair": "retry", "reason": "once more"}, "repaired")
            return

    def _later(self, path: str, body: dict[str, Any], word: str) -> None:
        async def act() -> None:
            await self._act(path, body, word)

        self._world.agenda.after(timedelta(seconds=self._world.dice.spread(self._pace_s, 1.6, "desk", path)), act)

    async def _act(self, path: str, body: dict[str, Any], word: str) -> None:
        reply = await self._market.ask(self._market.keys.admin, "POST", path, body)
        self.did[word if reply.ok else f"{word} {reply.status}"] += 1
