"""The desk: people of the marketplace who look at what is held, take back what comes home, and repair what is stuck.

Held orders are approved mostly; parcels that the courier brought back are received; couriers are rung up about what they left
unsaid, and answer from their books; other exceptions are tried once more and otherwise left for a person, which is what a simulation
wants to see at its end.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

from haat_world import parcels
from haat_world.players.market import Market
from haat_world.truth import Consignment
from haat_world.world import World

APPROVES = 0.85
BACK = ("returning", "partially_delivered")  # what may stand at the door: a parcel, or what a buyer did not keep of one
#: Steps and causes of exceptions that end by asking the courier: it looks into its own books.
UNBOOKED, UNCLEAR = "booking_unknown", "courier_cancelled_unclear"
UNSAID = frozenset({UNCLEAR, "courier_silent", "courier_word_unknown", "courier_contradicts"})
BY_HAND = "pay_back_by_hand"
CORRECTED = "courier_corrects"  # of a part that was all there was: the desk has said so before
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
        await self._doubles()
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

    async def _doubles(self) -> None:
        """Orders that look like a second copy: the buyer is rung up, and most wanted both."""
        async for page in self._market.pages(self._market.keys.admin, "/v1/orders", on_hold="true"):
            for each in page:
                for hold in [h for h in each["holds"] if h["kind"] == "DUPLICATE" and f"{each['id']} {h['id']}" not in self._known]:
                    self._known.add(f"{each['id']} {hold['id']}")
                    if self._world.dice.chance(APPROVES, "wanted both", each["totals"]["grand"], each["ship_to"]["phone"]):
                        self._later(f"/v1/orders/{each['id']}/holds/{hold['id']}", None, "released", method="DELETE")
                    else:
                        self._later(f"/v1/orders/{each['id']}/cancellations", {"reason": "duplicate"}, "cancelled a copy")

    async def _returns(self) -> None:
        """Parcels that the couriers' own books call returned stand at the door."""
        for status in BACK:
            async for each, true in self._parcels(status):
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
        books = self._world.truth
        async for page in self._market.pages(self._market.keys.admin, "/v1/shipments", status=status):
            for each in page:
                courier = each.get("courier", "")
                true = books.consignments.get((courier, each.get("consignment", "")))  # or found by our reference, and known by that
                true = true or next(iter(books.booked_for(courier, each.get("reference", ""))), None)
                if true is not None and true.status in parcels.FINAL and f"{each['id']} {status}" not in self._known:
                    if status in BACK or true.status == "partially_delivered":
                        self._known.add(f"{each['id']} {status}")
                    yield each, true

    async def _exceptions(self) -> None:
        async for page in self._market.pages(self._market.keys.admin, "/v1/exceptions"):
            for each in page:
                case = f"{each['id']} {each['since']}"
                if each["cause"] in (UNBOOKED, *UNSAID):
                    if case not in self._known:
                        self._known.add(case)
                        self._after(case, partial(self._ring_up, each["subject"], each["cause"]))
                elif case in self._known or each["step"] == "ask_refund":  # who asked for days in vain is not asked again
                    continue
                elif each["cause"] == CORRECTED:
                    self._known.add(case)
                    settled = {"repair": "skip", "reason": "rang up: all of it was kept"}
                    self._later(f"/v1/exceptions/{each['id']}/repairs", settled, "settled")
                elif each["cause"] == BY_HAND:
                    self._known.add(case)
                    path = f"/v1/orders/{each['order_id']}/refunds/{each['subject']}/receipts"
                    self._later(path, {"reference": "paid back by hand"}, "paid back by hand")
                elif "retry" in each["repairs"] and self._tries[each["id"]] < REPAIRS_MAX:
                    self._known.add(case)
                    self._tries[each["id"]] += 1
                    await self._act(f"/v1/exceptions/{each['id']}/repairs", {"repair": "retry", "reason": "once more"}, "repaired")

    async def _ring_up(self, shipment: str, cause: str) -> None:
        """Tell Haat what the courier's own books say of a parcel; nothing while it is on its way."""
        reply = await self._market.ask(self._market.keys.admin, "GET", f"/v1/shipments/{shipment}")
        known = reply.json()["shipment"] if reply.ok else {}
        courier, reference = known.get("courier", ""), known.get("reference", "")
        true = next(iter(self._world.truth.booked_for(courier, reference)), None)
        path = f"/v1/shipments/{shipment}"
        absent = {"found": False, "reason": "Their desk has no such parcel.", "reference": reference}
        if cause == UNBOOKED:
            there = absent if true is None else {"consignment": true.id, "reference": reference}
            await self._act(f"{path}/bookings", there, "found none" if true is None else "found a booking")
        elif true is None:
            return
        elif cause == UNCLEAR and not any(what == "picked_up" for _, what, _ in true.history):
            await self._act(f"{path}/bookings", absent, "found it at home")
        elif true.status in ("returning", "returned"):
            await self._act(f"{path}/scans", {"status": "returning", "reason": "customer_refused"}, "rang up: returning")
        elif true.status in ("delivered", "lost"):
            told = {"status": true.status} | ({"collected": true.collected} if true.collected else {})
            await self._act(f"{path}/scans", told, f"rang up: {true.status}")

    def _later(self, path: str, body: dict[str, Any] | None, word: str, *, method: str = "POST") -> None:
        self._after(path, partial(self._act, path, body, word, method))

    def _after(self, name: str, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._world.agenda.after(timedelta(seconds=self._world.dice.spread(self._pace_s, 1.6, "desk", name)), act)

    async def _act(self, path: str, body: dict[str, Any] | None, word: str, method: str = "POST") -> None:
        reply = await self._market.ask(self._market.keys.admin, method, path, body)
        self.did[word if reply.ok else f"{word} {reply.status}"] += 1
