"""Buyers: when they come, what they want, how they pay, and the ways in which they change their minds.

Order number n of a world is the same in every run: who buys, what, for where, by which method, whether they click twice, cancel,
or try again after a payment that failed. Few things sell often; evenings are busy (the hours of Dhaka).
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from haat_world import payers
from haat_world.clock import DHAKA
from haat_world.line import Lost
from haat_world.players.market import Market
from haat_world.world import BLOCK, World

HOURS = (3, 2, 1, 1, 1, 2, 4, 8, 14, 22, 30, 34, 32, 28, 26, 26, 30, 36, 42, 50, 58, 60, 40, 16)
METHODS: Mapping[str, float] = {"cod": 68, "bkash": 16, "nagad": 7, "card": 9}
SIZES: Mapping[int, float] = {1: 50, 2: 28, 3: 14, 4: 8}
MAILS = 0.3  # of the buyers gave an e-mail address, too
CANCELS, CLICKS_TWICE, TRIES_AGAIN = 0.03, 0.04, 0.7
AHEAD, AHEAD_SHARE = 100_00, 0.06  # what shops ask for before they send cash parcels, and how many of those buyers pay it
COD_MAX = 40_000_00
PAGE_LOOKS, PAGE_LOOK_S, PAGE_WITHIN = 40, 60.0, timedelta(minutes=40)  # how often and for how long a buyer waits for the pay page
ANSWER_LOOKS, ANSWER_LOOK_S = 100, 0.02  # of the wall: an answer that is on its way to us
ENDED = frozenset({"cancelled", "rejected", "expired"})
#: share, district, upazila, area
PLACES: Mapping[tuple[str, str, str], float] = {
    ("Dhaka", "Mirpur", "Section 10"): 20, ("Dhaka", "Uttara", "Sector 7"): 14, ("Dhaka", "Dhanmondi", "Jigatala"): 12,
    ("ঢাকা", "মোহাম্মদপুর", "ইকবাল রোড"): 10, ("Gazipur", "Tongi", "Cherag Ali"): 8, ("Chattogram", "Panchlaish", "Muradpur"): 10,
    ("Sylhet", "Sylhet Sadar", "Zindabazar"): 6, ("Khulna", "Sonadanga", "Boyra"): 6, ("Rajshahi", "Boalia", "Shaheb Bazar"): 6,
    ("Bogra", "Bogra Sadar", "Satmatha"): 4, ("Barisal", "Barisal Sadar", "Notun Bazar"): 4,
}  # fmt: skip
NAMES = ("Abdul Karim", "Fatema Begum", "Tanvir Rahman", "Nusrat Jahan", "রহিমা খাতুন", "Subrata Roy", "Imran Hossain", "Sharmin Akter")


class Goods(msgspec.Struct, frozen=True):
    """A thing that can be bought."""

    sku: str
    price: int
    least: int = 1


class Buyers:
    """All buyers of one run. `run` keeps the keys of two runs against one Haat apart."""

    def __init__(self, world: World, market: Market, goods: Sequence[Goods], *, run: str, count: int) -> None:
        self._world, self._market, self._goods, self._run, self._count = world, market, goods, run, count
        self._weights = {each: 1000 / (place + 8) for place, each in enumerate(goods)}
        self._asking = 0  # orders that were sent and not answered yet
        self.did: Counter[str] = Counter()

    async def buy(self, number: int) -> None:
        """Order number `number` from the click to the end of what its buyer does about it."""
        world, market, request = self._world, self._market, self.request(number)
        clicks = 2 if world.dice.chance(CLICKS_TWICE, "clicks twice", number) else 1
        once = f"world-{world.dice.seed}-{self._run}-{number}"
        asked = [market.ask(market.keys.channel, "POST", "/v1/orders", request, once=once) for _ in range(clicks)]
        self._asking += 1
        try:
            replies = [reply for reply in await asyncio.gather(*asked, return_exceptions=True) if not isinstance(reply, BaseException)]
        finally:
            self._asking -= 1
        done = next((reply for reply in replies if reply.ok), None)
        if done is None:
            self.did["lost" if not replies else f"refused {replies[0].json().get('code', replies[0].status)}"] += 1
            return
        order = done.json()
        world.names.placed(order, number)
        self.did["placed"] += 1
        if world.dice.chance(CANCELS, "cancels", number):
            pause = timedelta(seconds=world.dice.spread(world.habits.leg_s, 3, "cancels when", number))
            world.agenda.after(pause, partial(self.cancel, order["id"]))
        if request.get("payment_method") != "cod":
            await self.pay(order["id"], number, 0)

    async def pay(self, order: str, number: int, again: int) -> None:
        """Go to the page when there is one, decide there; after a failed payment most come back once."""
        world = self._world
        felt = payers.mood(world, "buyer", number, again)
        url = await self._page(order, felt.choice == "abandon")
        if url is None or felt.choice == "abandon":
            self.did["gave up paying"] += 1
            return

        async def press() -> None:
            await payers.decide(world.line, url, felt.choice)
            self.did[f"pressed {felt.choice}"] += 1
            if felt.choice in ("decline", "cancel") and not again and world.dice.chance(TRIES_AGAIN, "tries again", number):
                await self._market.ask(self._market.keys.channel, "POST", f"/v1/orders/{order}/payments", {})
                await self.pay(order, number, again + 1)

        world.agenda.after(felt.after, press)

    async def _page(self, order: str, soon: bool) -> str | None:
        """The address of the pay page, as soon as Haat knows it; None where it never does."""
        looks, until = 0, self._world.now() + PAGE_WITHIN
        while looks < PAGE_LOOKS or self._world.now() < until:
            try:
                reply = await self._market.ask(self._market.keys.channel, "GET", f"/v1/orders/{order}/payments")
            except Lost:
                return None
            answer = reply.json() if reply.ok else {}
            self._world.names.tried(order, answer.get("payments", ()))
            if not reply.ok or answer["order_status"] in ENDED or (answer["payments"] and not answer["due"]):
                return None
            if url := answer.get("redirect_url") or self._script(answer["payments"]):
                return str(url)
            if soon:
                return None
            looks += 1
            await self._world.clock.pause(min(looks, PAGE_LOOK_S))
        return None

    async def introduce(self, attempt: str) -> None:
        """Look up at Haat whose try to pay this is. A gateway may be told of it before Haat's answer to the buyer has arrived."""
        admin, names = self._market.keys.admin, self._world.names
        with contextlib.suppress(Lost):
            reply = await self._market.ask(admin, "GET", f"/v1/payments/{attempt}")
            if not reply.ok:
                return
            order = str(reply.json()["order_id"])
            for _ in range(ANSWER_LOOKS):
                if names.order(order) or not self._asking:
                    break
                await asyncio.sleep(ANSWER_LOOK_S)
            if names.order(order) and (reply := await self._market.ask(admin, "GET", f"/v1/orders/{order}/payments")).ok:
                names.tried(order, reply.json()["payments"])

    def _script(self, tenders: list[dict[str, Any]]) -> str:
        """Where a shop's page would load Stripe's script, our buyers use the page that this world has for it."""
        for tender in tenders:
            for attempt in tender.get("attempts", ()):
                if attempt.get("reference", "").startswith("pi_") and attempt["status"] not in ("failed", "voided"):
                    return f"{self._world.url}/stripe/pay/{attempt['reference']}"
        return ""

    async def cancel(self, order: str) -> None:
        reply = await self._market.ask(self._market.keys.channel, "POST", f"/v1/orders/{order}/cancellations", {"reason": "changed_mind"})
        self.did["cancelled" if reply.ok else "cancelled too late"] += 1

    def request(self, number: int) -> dict[str, Any]:
        """What the client sends. The same number is the same request."""
        dice = self._world.dice
        buyer = int(dice.roll("who", number) ** 2 * self._count)  # some buy often
        district, upazila, area = dice.pick(PLACES, "where", buyer)
        phone = f"01{dice.pick({'7': 5, '8': 3, '9': 2}, 'operator', buyer)}{BLOCK}{buyer:05d}"
        mail = {"email": f"buyer{buyer:05d}@buyers.example"} if dice.chance(MAILS, "has mail", buyer) else {}
        name = NAMES[dice.between(0, len(NAMES) - 1, "name", buyer)]
        line = f"House {dice.between(1, 90, 'house', buyer)}, Road {dice.between(1, 27, 'road', buyer)}"
        lines = self._lines(number)
        method = dice.pick(METHODS, "method", number)
        value = sum(each["quantity"] * each.pop("price") for each in lines)
        return {
            "channel": self._market.channel,
            "customer": {"name": name, "phone": phone, **mail},
            "ship_to": {
                "recipient": name,
                "phone": phone,
                "country": "BD",
                "district": district,
                "upazila": upazila,
                "area": area,
                "line": line,
            },
            "lines": lines,
            **self._paid(number, method, value),
        }

    def _paid(self, number: int, method: str, value: int) -> dict[str, Any]:
        """One way to pay, or a little ahead and the rest at the door."""
        if method == "cod" and value > 2 * AHEAD and self._world.dice.chance(AHEAD_SHARE, "pays ahead", number):
            ahead = self._world.dice.pick({"bkash": 3, "nagad": 1}, "pays ahead by", number)
            return {"tenders": [{"method": ahead, "amount": AHEAD}, {"method": "cod"}]}
        return {"payment_method": "bkash" if method == "cod" and value > COD_MAX else method}

    def _lines(self, number: int) -> list[dict[str, Any]]:
        dice = self._world.dice
        size = dice.pick(SIZES, "how many things", number)
        chosen = {goods.sku: goods for goods in (dice.pick(self._weights, "thing", number, place) for place in range(size))}
        return [
            {"sku": sku, "quantity": goods.least + (dice.roll("how much", number, sku) < 0.2), "price": goods.price}
            for sku, goods in chosen.items()
        ]


def arrivals(world: World, *, orders: int, days: float) -> list[timedelta]:
    """When each order comes, from now on: by the hours of Dhaka over so many days; evenly where they fit into one hour."""
    hours = max(round(days * 24), 1)
    first = (world.now() + DHAKA).hour
    weights = {hour: float(HOURS[(first + hour) % 24]) for hour in range(hours)}
    found = []
    for number in range(orders):
        hour = world.dice.pick(weights, "hour", number) if hours > 1 else 0
        found.append(timedelta(hours=(hour + world.dice.roll("minute", number)) * min(days * 24, 1.0 if hours == 1 else hours) / hours))
    return found


async def goods_on_sale(market: Market) -> list[Goods]:
    """Everything that a buyer may put into a basket without thinking: no preorders, no limits per buyer."""
    found: dict[str, Goods] = {}
    async for page in market.pages(market.keys.admin, "/v1/products", status="active"):
        for each in page:
            if not each.get("backorder") and not each.get("purchase_limit"):
                found[each["sku"]] = Goods(each["sku"], each["price"], each.get("quantity_min") or 1)
    return [found[sku] for sku in sorted(found)]
