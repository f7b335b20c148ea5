"""The desk: people of the marketplace who look at what is held, take back what comes home, and repair what is stuck.

Held orders are approved mostly; parcels that the courier brought back are received; exceptions are tried once more and otherwise
left for a person, which is what a simulation wants to see at its end.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from haat_world import parcels
from haat_world.players.market import Market
from haat_world.truth import Consignment
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
        await self._parts()
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
        async for each, true in self._parcels("returning"):
            if true.status in ("returned", "partially_delivered"):
                self._later(f"/v1/shipments/{each['id']}/receptions", {}, "received")

    async def _parts(self) -> None:
        """Of a parcel that was delivered in part no courier says which part: the desk rings the buyer up."""
        for status in ("shipped", "out_for_delivery", "attempt_failed"):
            async for each, true in self._parcels(status):
                if true.status == "partially_delivered":
                    self._later(f"/v1/shipments/{each['id']}/scans", await self._kept(each["id"], true.collected), "asked for the part")

    async def _kept(self, shipment: str, collected: int) -> dict[str, Any]:
        """Half of the first line was kept, at least one piece: such is the world."""
        reply = await self._market.ask(self._market.keys.admin, "GET", f"/v1/shipments/{shipment}")
        lines = reply.json()["lines"][:1] if reply.ok else []
        kept = [line | {"quantity": max(line["quantity"] // 2, 1)} for line in lines]
        return {"status": "partially_delivered", "reason": "item_mismatch", "collected": collected, "lines": kept}

    async def _parcels(self, status: str) -> AsyncIterator[tuple[dict[str, Any], Consignment]]:
        """Shipments that Haat has in this status and that have come to their end at their courier, each once."""
        books = self._world.truth.consignments
        async for page in self._market.pages(self._market.keys.admin, "/v1/shipments", status=status):
            for each in page:
                true = books.get((each.get("courier", ""), each.get("consignment", "")))
                if true is not None and true.status in parcels.FINAL and f"{each['id']} {true.status}" not in self._known:
                    if status == "returning" or true.status == "partially_delivered":
                        self._known.add(f"{each['id']} {true.status}")
                    yield each, true

    async def _exceptions(self) -> None:
        """The first page only: a desk does not look at a thousand cases at once."""
        async for page in self._market.pages(self._market.keys.admin, "/v1/exceptions"):
            for each in page:
                case = f"{each['order_id']} {each['step']} {each['subject']}"
                if "retry" in each["repairs"] and self._tries[case] < REPAIRS_MAX:
                    self._tries[case] += 1
                    await self._act(f"/v1/exceptions/{each['id']}/repairs", {"repair": "retry", "reason": "once more"}, "repaired")
            return

    def _later(self, path: str, body: dict[str, Any], word: str) -> None:
        async def act() -> None:
            await self._act(path, body, word)

        self._world.agenda.after(timedelta(seconds=self._world.dice.spread(self._pace_s, 1.6, "desk", path)), act)

    async def _act(self, path: str, body: dict[str, Any], word: str) -> None:
        reply = await self._market.ask(self._market.keys.admin, "POST", path, body)
        self.did[word if reply.ok else f"{word} {reply.status}"] += 1
