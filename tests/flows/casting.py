"""Who takes part in the lives of orders, and the market on which they play: one process, its bank, its riders, its vendors.

A script is played for one order or for a herd of them at once. The bank and the riders keep their own books, which are the truth
that an order's facts are held against: they refuse to charge, to send back or to book the same thing twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from haat.app import desks
from haat.domain import fraud, fulfilment, inventory, orders, vendors
from haat.engine import flowing, policies
from haat.engine import outside as speaking
from haat.engine.outside import inbox
from haat.flows import fulfilling, paying
from haat.kernel.facts import Fact
from haat.kernel.outside import Connection, Conversation, Hook, Unknown
from tests.database import trading
from tests.flows import stage as staging
from tests.flows.moody_bank import Bank
from tests.flows.moody_courier import Books

courier = fulfilment.courier
events = orders.events
PLENTY = 10_000
FOR_EVER = ("unavailable",) * 10_000
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LAPSE = timedelta(minutes=6)  # by then the lease of a worker that died is over

Act = Callable[["Cast", Sequence[str]], Awaitable[None]]
Decide = Callable[[orders.Order], tuple[Fact, ...]]


class Riders(Books):
    """A courier; where it is `forgetful`, the answer to the first booking of each parcel is lost after it was made."""

    forgetful = False

    def _book(self, connection: Connection, it: courier.Consignment, now: Any) -> Conversation[courier.Booked | courier.Declined]:
        booked = yield from super()._book(connection, it, now)
        if self.forgetful:
            raise Unknown("outside_slow", "no answer in time")
        return booked


class Parties(msgspec.Struct):
    """Whom the market speaks with. They live on when one of its processes dies."""

    bank: Bank = msgspec.field(default_factory=Bank)
    riders: Riders = msgspec.field(default_factory=Riders)

    def connectors(self) -> desks.Connectors:
        return {"gateway": self.bank.gateways(), "courier": {"swift": self.riders.plugin("swift")}, "transport": {}}

    def truth(self, order: orders.Order) -> dict[str, Any]:
        """What the parties' own books say of an order."""
        attempts = [a for t in order.payments for a in t.attempts]
        accounts = [self.bank.accounts[a.id] for a in attempts if a.id in self.bank.accounts]
        booked = sorted(ref for ref in self.riders.booked if ref.startswith(order.number))
        return {
            "money": sorted((a.status, a.captured, sorted(a.refunds.values())) for a in accounts),
            "booked": [self.riders.booked[ref].cash for ref in booked],
            "cancelled": sum(f"cancel {ref}" in self.riders.calls for ref in booked),
        }


class Life(msgspec.Struct, frozen=True):
    """A story: what is ordered, what happens, and how it ends: (order, payment, fulfilment)."""

    name: str
    lines: Mapping[str, int]
    method: str
    script: tuple[Act | timedelta, ...]
    ends: tuple[str, str, str]
    told: tuple[str, ...] = ()  # facts that must be there, in this order
    takes: tuple[str, ...] = ()  # steps of which this life is the example, beside those that every life takes
    payment_policy: paying.Policy = paying.Policy()
    fraud_policy: fraud.PolicySheet | None = None
    closed: str = ""  # an operation of a gateway that does not work from the beginning
    tries_vary: bool = False  # how often something is tried is up to the dice of the back-off


class Cast(msgspec.Struct):
    """One process on the market, and everybody it speaks with."""

    stage: staging.Stage
    parties: Parties
    life: Life
    worker: Any = None  # another than the stage's
    placed: int = 0

    async def place(self) -> str:
        """An order at an address of its own, so that none looks like another's repetition."""
        self.placed += 1
        where = trading.ADDRESS | {"line": f"House {self.placed}, Road {self.stage.clock.now():%H%M%S}"}
        order = await self.stage.place(dict(self.life.lines), payment_method=self.life.method, ship_to=where)
        return order.id

    async def rest(self) -> None:
        """Everything that is due is done: calls, hooks, steps."""
        parts, worker = self.stage.parts, self.worker or self.stage.worker
        for _ in range(600):
            busy = await worker.lease()
            await worker.answered()
            busy += await self.hear()
            busy += await worker.step()
            if not busy:
                return
        raise AssertionError(f"{self.life.name} does not come to rest in {parts.settings.data_dir}")

    async def hear(self) -> int:
        """Deal with hooks that lie in the inbox."""
        at = self.stage.parts.desks
        return await at.counter.step() + await fulfilling.listen(at.fulfilling, self.stage.parts.house)

    async def play(self, ids: Sequence[str]) -> None:
        """The script for these orders. After each scene what was lost with a dead worker has had time to come back."""
        await self.pause()
        for scene in (*self.life.script, HOUR):
            await self.scene(scene, ids)
            await self.pause()

    async def scene(self, scene: Act | timedelta, ids: Sequence[str]) -> None:
        """Something happens, or time goes by."""
        if isinstance(scene, timedelta):
            self.stage.clock.turn_by(scene)
        else:
            await scene(self, ids)

    async def pause(self) -> None:
        """Everything comes to rest, also what a dead worker had taken."""
        await self.rest()
        self.stage.clock.turn_by(LAPSE)
        await self.rest()

    async def order(self, order_id: str) -> orders.Order:
        return await self.stage.order(order_id)

    async def keep(self, kind: str, code: str, hook: Hook) -> None:
        """A message arrives."""
        parts, now = self.stage.parts, self.stage.clock.now()
        async with parts.database.transaction() as tx:
            await inbox.keep(tx, [inbox.News(parts.draw.uuid(), kind, code, hook.body.decode(), hook, now)])


@asynccontextmanager
async def opened(
    dsn: str, place: Path, life: Life, *flows: flowing.Flow, parties: Parties | None = None, **more: Any
) -> AsyncIterator[Cast]:
    """The market with everybody in it; with `seed=False` one more process on the same market."""
    parties = parties or Parties()
    found = parties.connectors()
    outfit = desks.Outfit(found)
    async with staging.opened(dsn, place, *flows, outfit=outfit, **more) as stage:
        if more.get("seed", True):
            await _furnish(stage, life, found)
            if life.closed:
                parties.bank.mood(life.closed, *FOR_EVER)
            await sell_in_advance(stage)
            await stage.parts.memory.catch_up()
        yield Cast(stage, parties, life)


async def sell_in_advance(stage: staging.Stage) -> None:
    """«FEW» is not there, and will be in a week."""
    async with stage.parts.database.transaction() as tx:
        await inventory.put_terms(tx, [inventory.Terms("FEW", "DHK", PLENTY, stage.clock.now() + timedelta(days=7))])


async def _furnish(stage: staging.Stage, life: Life, found: desks.Connectors) -> None:
    """«shop-a» packs without a word, «shop-b» answers by hand; there is plenty of everything but «FEW», which is sold in advance."""
    parts, now = stage.parts, stage.clock.now()
    async with parts.database.transaction() as tx:
        sheets = {code: speaking.Sheet(kind="gateway", plugin=code) for code in ("acme", "cardly")}
        sheets["swift"] = speaking.Sheet(kind="courier", plugin="swift")
        await speaking.connections.put(tx, sheets, found, parts.desks.outside.vault, now=now)
        quick = vendors.Handling(auto_accept=True, auto_pack=True)
        ways = {"shop-a": quick, "shop-b": vendors.Handling()}
        await vendors.upsert(
            tx, [vendors.VendorSheet(code=c, name_en=c, city="Dhaka", zone="dhaka", handling=h) for c, h in ways.items()], now=now
        )
        await inventory.put_locations(tx, [inventory.Location("CTG", "Agrabad", district="chattogram", priority=200)])
        moved = [inventory.Movement(parts.draw.uuid(), sku, "DHK", PLENTY, "receipt") for sku in ("TEA", "CUP", "POT", "LAST")]
        moved.append(inventory.Movement(parts.draw.uuid(), "LAST", "CTG", PLENTY, "receipt"))
        moved.append(inventory.Movement(parts.draw.uuid(), "FEW", "DHK", -100, "adjustment"))
        await inventory.move(tx, moved, actor="system", now=now)
        await policies.put(tx, "payment", life.payment_policy, by="admin:test", now=now)
        if life.fraud_policy is not None:
            await fraud.put_policy(tx, "default", life.fraud_policy, expected=None, by="admin:test", now=now)
