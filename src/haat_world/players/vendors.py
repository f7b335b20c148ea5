"""Vendors: they look into their list now and then, take most orders, refuse some, forget a few; then they pack.

Each vendor is quick or slow by nature. What one does with a part of an order depends on the vendor, the buyer and the goods.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from haat_world.players.market import Market
from haat_world.world import BLOCK, World

ANSWERS: Mapping[str, float] = {"accept": 94.5, "reject": 3.5, "forget": 2.0}
REASONS: Mapping[str, float] = {"out_of_stock": 7, "closed": 2, "other": 1}
SHORT = 0.01  # parcels into which less goes than was planned
PACE: Mapping[float, float] = {0.2: 50, 1.0: 35, 4.0: 15}  # quick, usual, slow


class Vendors:
    """All vendors of the market. `pace_s`: the median from an offer to its answer, in the world's time.

    They tend what was placed `since` then, and what this world's buyers placed before; a seeded past is left alone.
    """

    def __init__(self, world: World, market: Market, *, pace_s: float, since: datetime) -> None:
        self._world, self._market, self._pace_s, self._since = world, market, pace_s, since
        self._known: set[tuple[str, str]] = set()
        self.did: Counter[str] = Counter()

    async def look(self) -> None:
        """Whatever is new in the lists is answered or packed in its own time. The admin's list is all lists in one."""
        for status, act in (("offered", self._answer), ("preparing", self._pack)):
            async for page in self._market.pages(self._market.keys.admin, "/v1/vendor-orders", status=status):
                fresh = [part for part in page if (status, _state(part)) not in self._known]
                for part in fresh:
                    self._known.add((status, _state(part)))
                    if self._ours(part):
                        act(part)
                if not fresh:
                    break

    def _ours(self, part: dict[str, Any]) -> bool:
        return datetime.fromisoformat(part["placed_at"]) >= self._since or BLOCK in part["ship_to"].get("phone", "")

    def _answer(self, part: dict[str, Any]) -> None:
        dice, name = self._world.dice, _name(part)
        match dice.pick(ANSWERS, "answer", *name, part.get("rejections", 0)):
            case "accept":
                self._later(part, "acceptances", {})
            case "reject":
                self._later(part, "rejections", {"reason": dice.pick(REASONS, "reason", *name)})
            case _:
                self.did["forgotten"] += 1

    def _pack(self, part: dict[str, Any]) -> None:
        for parcel in part.get("shipments", ()):
            if parcel["status"] not in ("planned", "picking"):
                continue
            packed: dict[str, Any] = {"shipment": parcel["id"], "weight_g": self._world.dice.between(200, 2500, "weight", *_name(part))}
            most = max(parcel["lines"], key=lambda line: line["quantity"])
            if most["quantity"] > 1 and self._world.dice.chance(SHORT, "short", *_name(part)):
                packed["lines"] = [line | {"quantity": line["quantity"] - (line is most)} for line in parcel["lines"]]
            self._later(part, "shipments", packed)

    def _later(self, part: dict[str, Any], what: str, body: dict[str, Any]) -> None:
        dice, vendor = self._world.dice, part["vendor"]
        seconds = dice.spread(self._pace_s * dice.pick(PACE, "pace", vendor), 1.6, "when", what, *_name(part))
        key = self._market.keys.vendors.get(vendor, self._market.keys.admin)

        async def act() -> None:
            reply = await self._market.ask(key, "POST", f"/v1/vendor-orders/{part['id']}/{what}", body)
            self.did[what if reply.ok else f"{what} {reply.status}"] += 1

        self._world.agenda.after(timedelta(seconds=seconds), act)


def _state(part: dict[str, Any]) -> str:
    """Which of its states this is: offered anew after a rejection, or another parcel to pack."""
    parcels = ",".join(sorted(each["id"] for each in part.get("shipments", ()) if each["status"] in ("planned", "picking")))
    return f"{part['id']}/{part.get('rejections', 0)}/{parcels}"


def _name(part: dict[str, Any]) -> tuple[str, ...]:
    """What names this part in every run."""
    return (part["vendor"], part["ship_to"].get("phone", ""), ",".join(sorted(line["sku"] for line in part["lines"])))
