"""Whole lives of orders, as scripts: what buyers, vendors, couriers, gateways and the staff do, and how much time goes by.

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
from haat.engine import flowing
from haat.engine import outside as speaking
from haat.engine.flowing.repairing import Search
from haat.engine.outside import inbox
from haat.flows import fulfilling, paying, repairing
from haat.kernel.facts import Fact, Origin
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
    payment_policy: paying.Policy = paying.Policy(authorises=frozenset({"cardly"}))
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
            await inbox.keep(tx, id=parts.draw.uuid(), kind=kind, code=code, key=hook.body.decode(), hook=hook, now=now)


@asynccontextmanager
async def opened(
    dsn: str, place: Path, life: Life, *flows: flowing.Flow, parties: Parties | None = None, **more: Any
) -> AsyncIterator[Cast]:
    """The market with everybody in it; with `seed=False` one more process on the same market."""
    parties = parties or Parties()
    found = parties.connectors()
    outfit = desks.Outfit(found, payment_policy=life.payment_policy)
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
        if life.fraud_policy is not None:
            await fraud.put_policy(tx, "default", life.fraud_policy, expected=None, by="admin:test", now=now)


def each(decide: Decide, *, actor: str = "admin:test") -> Act:
    """Somebody changes every order over the API."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        for order_id in ids:
            await cast.stage.ask(order_id, decide, actor)

    return act


async def pays(cast: Cast, ids: Sequence[str]) -> None:
    """The buyers pay on their gateway's page, and it calls."""
    for order_id in ids:
        attempt = (await cast.order(order_id)).payments[-1].attempts[-1]
        cast.parties.bank.pay(attempt.id)
        await cast.keep("gateway", attempt.gateway, Hook("POST", {}, {}, attempt.id.encode()))


def rides(*statuses: courier.Status, paid: bool = False, hooks: bool = True) -> Act:
    """What becomes of every parcel on the road, a minute apart; told by hooks, or only found out by asking."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        start = cast.stage.clock.now() - timedelta(minutes=len(statuses))
        for order_id in ids:
            number = (await cast.order(order_id)).number
            for reference, asked in cast.parties.riders.booked.items():
                if not reference.startswith(number):
                    continue
                for n, status in enumerate(statuses):
                    more = {"collected": asked.cash} if status == "delivered" and paid else {}
                    cast.parties.riders.says(reference, status, start + timedelta(minutes=n), **more)
                scans = cast.parties.riders.scans[f"C-{reference}"][-len(statuses) :]
                if hooks:
                    await cast.keep("courier", "swift", Hook(body=msgspec.json.encode(scans)))

    return act


def _part(order: orders.Order, vendor: str) -> orders.VendorOrder:
    return next(v for v in order.vendor_orders if v.vendor == vendor)


accepts = each(lambda o: orders.fulfilling.accept(o, _part(o, "shop-b").id), actor="vendor:shop-b")
rejects = each(lambda o: orders.fulfilling.reject(o, _part(o, "shop-b").id, reason="out_of_stock"), actor="vendor:shop-b")
cancels = each(lambda o: orders.stopping.stop(o, None, reason="changed_mind").facts)
approves = each(lambda o: orders.release(o, hold_id=o.holds[0].id, reason="called the buyer"))
holds = each(lambda o: orders.hold(o, hold_id="h", kind="MANUAL", reason="look"))
releases = each(lambda o: orders.release(o, hold_id="h", reason="seen"))


@each
def packs(order: orders.Order) -> tuple[Fact, ...]:
    parcel = next(p for p in order.shipments if p.vendor == "shop-b" and p.status == "picking")
    return orders.fulfilling.pack(order, parcel.id, rest_id=parcel.id)


def drops(line_no: int, quantity: int) -> Act:
    """The buyer wants so many units less."""
    return each(lambda o: orders.stopping.stop(o, {line_no: quantity}, reason="changed_mind").facts)


def receives(sku: str, units: int) -> Act:
    """Goods arrive, so many for each order."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        parts = cast.stage.parts
        async with parts.database.transaction() as tx:
            moved = [inventory.Movement(parts.draw.uuid(), sku, "DHK", units * len(ids), "receipt")]
            await inventory.move(tx, moved, actor="system", now=cast.stage.clock.now())

    return act


def loses(operation: str) -> Act:
    """The gateway's next answer to each of them is lost after it has acted."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        cast.parties.bank.mood(operation, *["lost_after"] * len(ids))

    return act


def closes(operation: str) -> Act:
    """From now on the gateway cannot be reached for this."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        cast.parties.bank.mood(operation, *FOR_EVER)

    return act


async def opens(cast: Cast, ids: Sequence[str]) -> None:
    """Every gateway works again."""
    cast.parties.bank.moods.clear()


def repairs(how: str, cause: str) -> Act:
    """The staff repairs whatever waits for this reason."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        parts, now = cast.stage.parts, cast.stage.clock.now()
        repair = repairing.Repair(how, "looked at it", Origin("admin:test", "api"))
        await repairing.repair_all(parts.database, parts.keeper.change, Search(cause=cause), repair, now=now)

    return act


async def forgets(cast: Cast, ids: Sequence[str]) -> None:
    """The riders' answers to bookings are lost from now on."""
    cast.parties.riders.forgetful = True


@each
def doubts(order: orders.Order) -> tuple[Fact, ...]:
    return (events.OrderShipmentDoubted(order.shipments[0].id, "two_stories", "delivered, and lost"),)


DELIVERED = rides("picked_up", "out_for_delivery", "delivered")
PAID_AT_THE_DOOR = rides("picked_up", "out_for_delivery", "delivered", paid=True)
WENT = ("OrderShipmentBooked", "OrderShipped", "OrderDelivered")

LIVES = (
    Life("prepaid", {"TEA": 2}, "acme", (pays, DELIVERED), ("completed", "paid", "delivered"),
         ("OrderPaymentRequested", "OrderPaymentStarted", "OrderPaymentProcessed", "OrderConfirmed", *WENT, "OrderCompleted"),
         takes=("validation:screen", "validation:confirm", "payment:request", "payment:charge", "payment:ask", "allocation:source",
                "fulfilment:offer", "fulfilment:prepare", "fulfilment:pack", "fulfilment:choose", "fulfilment:book")),
    Life("cash_two_vendors", {"TEA": 2, "LAST": 1}, "cod", (accepts, packs, PAID_AT_THE_DOOR), ("completed", "paid", "delivered"),
         ("OrderScreened", "OrderConfirmed", "VendorOrderAccepted", "VendorOrderAccepted", "OrderDelivered", "OrderDelivered", "OrderPaymentProcessed",
          "OrderCompleted"),
         takes=("payment:collect", "fulfilment:complete")),
    Life("cancelled_after_booking", {"TEA": 2}, "acme", (pays, cancels), ("cancelled", "refunded", "cancelled"),
         ("OrderPaymentProcessed", "OrderShipmentBooked", "OrderInterceptAsked", "OrderShipmentRecalled", "OrderCancelled",
          "OrderRefundRequested", "OrderRefunded"),
         takes=("fulfilment:recall", "payment:settle", "payment:refund", "payment:book_refund")),
    Life("refused_by_a_vendor", {"LAST": 1}, "cod", (rejects, accepts, packs, PAID_AT_THE_DOOR), ("completed", "paid", "delivered"),
         ("VendorOrderOffered", "VendorOrderRejected", "OrderInventoryAllocated", "VendorOrderOffered", "VendorOrderAccepted", *WENT,
          "OrderPaymentProcessed", "OrderCompleted")),
    Life("paid_late_and_reinstated", {"TEA": 2}, "acme", (timedelta(minutes=31), pays, DELIVERED), ("completed", "paid", "delivered"),
         ("OrderExpired", "OrderPaymentOrphaned", "OrderReinstated", "OrderConfirmed", *WENT, "OrderCompleted")),
    Life("paid_late_and_given_back", {"TEA": 2}, "acme", (timedelta(minutes=31), pays, HOUR), ("expired", "refunded", "cancelled"),
         ("OrderExpired", "OrderPaymentOrphaned", "OrderRefundRequested", "OrderRefunded"),
         payment_policy=paying.Policy(reinstates=False)),
    Life("paid_after_cancelling", {"TEA": 2}, "acme", (cancels, pays, HOUR), ("cancelled", "refunded", "cancelled"),
         ("OrderCancelled", "OrderPaymentOrphaned", "OrderRefundRequested", "OrderRefunded")),
    Life("three_tries_at_the_door", {"TEA": 1}, "cod",
         (rides("picked_up", "out_for_delivery", "delivery_failed", "out_for_delivery", "delivery_failed", "out_for_delivery",
                "delivery_failed"), rides("returning", "returned", hooks=False), timedelta(hours=7)),
         ("completed", "not_required", "returned"),
         ("OrderShipped", "OrderDeliveryFailed", "OrderDeliveryFailed", "OrderDeliveryFailed", "OrderInterceptAsked",
          "OrderReturnStarted", "OrderReturnReceived", "OrderCompleted"),
         takes=("fulfilment:give_up", "fulfilment:track")),
    Life("reviewed_and_approved", {"POT": 15}, "cod", (approves, PAID_AT_THE_DOOR), ("completed", "paid", "delivered"),
         ("OrderScreened", "OrderHeld", "OrderReleased", "OrderConfirmed", *WENT, "OrderCompleted"), fraud_policy=fraud.PolicySheet(review_at=200)),
    Life("reviewed_by_nobody", {"POT": 15}, "cod", (timedelta(hours=7),), ("rejected", "not_required", "cancelled"),
         ("OrderHeld", "OrderRejected"), fraud_policy=fraud.PolicySheet(review_at=200, overdue="reject"),
         takes=("validation:review_overdue",)),
    Life("partly_cancelled_after_paying", {"LAST": 3}, "acme",
         (pays, loses("acme.refund"), drops(1, 1), HOUR, accepts, packs, DELIVERED, HOUR),
         ("completed", "partially_refunded", "delivered"),
         ("OrderPaymentProcessed", "OrderLinesCancelled", "OrderRefundRequested", "OrderRefunded", "OrderDelivered", "OrderCompleted"),
         takes=("payment:ask_refund",)),
    Life("served_when_goods_arrive", {"FEW": 2, "TEA": 1}, "cod", (HOUR, receives("FEW", 2), timedelta(minutes=11), PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"),
         ("OrderConfirmed", "OrderBackorderArrived", "OrderInventoryAllocated", "OrderDelivered", "OrderDelivered", "OrderCompleted"),
         takes=("allocation:await_stock",)),
    Life("card_taken_as_parcels_leave", {"TEA": 2, "LAST": 1}, "cardly",
         (pays, DELIVERED, drops(2, 1), HOUR), ("completed", "paid", "delivered"),
         ("OrderPaymentAuthorized", "OrderShipped", "OrderPaymentProcessed", "OrderLinesCancelled", "OrderPaymentVoided"),
         takes=("payment:capture", "payment:void", "payment:missing")),
    Life("card_held_and_let_go", {"TEA": 2}, "cardly", (holds, pays, cancels, HOUR), ("cancelled", "voided", "cancelled"),
         ("OrderPaymentAuthorized", "OrderCancelled", "OrderPaymentVoided")),
    Life("card_taken_before_it_lapses", {"TEA": 2}, "cardly", (holds, pays, timedelta(days=6, hours=13), releases, DELIVERED),
         ("completed", "paid", "delivered"),
         ("OrderPaymentAuthorized", "OrderPaymentProcessed", "OrderReleased", *WENT, "OrderCompleted"),
         takes=("payment:renew", "fulfilment:late")),
    Life("a_silent_vendor", {"LAST": 1}, "cod",
         (timedelta(hours=13), timedelta(hours=12), accepts, timedelta(hours=50), timedelta(hours=25), packs, PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"),
         ("OrderNoted", "VendorOrderRejected", "VendorOrderAccepted", "OrderExceptionRaised", "OrderNoted", "OrderParcelPacked",
          "OrderExceptionResolved", "OrderCompleted"),
         takes=("fulfilment:remind", "fulfilment:lapse", "fulfilment:ship_by", "fulfilment:overcome", "exceptions:escalate")),
    Life("booked_without_an_answer", {"TEA": 1, "LAST": 1}, "cod", (forgets, accepts, packs, HOUR, PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"), ("OrderShipmentUncertain", "OrderShipmentBooked", "OrderDelivered", "OrderCompleted"),
         ("fulfilment:look_up",)),
    Life("lost_on_the_road", {"TEA": 2}, "acme", (pays, rides("picked_up", "in_transit", "lost"), HOUR),
         ("completed", "partially_refunded", "lost"), ("OrderShipped", "OrderParcelLost", "OrderRefunded", "OrderCompleted")),
    Life("a_gateway_that_stays_away", {"TEA": 2}, "acme", (MINUTE, MINUTE, MINUTE), ("expired", "not_required", "cancelled"),
         ("OrderPaymentFailed", "OrderPaymentAttempted", "OrderPaymentFailed", "OrderExpired"), ("payment:route", "payment:expire"),
         closed="acme.create"),
    Life("money_that_cannot_be_let_go_for_long", {"TEA": 2}, "cardly",
         (holds, pays, closes("cardly.void"), cancels, *[MINUTE * 10] * 7, opens, HOUR), ("cancelled", "voided", "cancelled"),
         ("OrderCancelled", "OrderExceptionRaised", "OrderExceptionResolved", "OrderPaymentVoided"), ("exceptions:heal",),
         tries_vary=True),
    Life("two_stories_of_a_parcel", {"TEA": 2}, "cod", (doubts, repairs("skip", "two_stories"), PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"), ("OrderShipmentDoubted", "OrderExceptionRaised", "OrderExceptionResolved", "OrderDelivered"),
         ("fulfilment:look_at",)),
    Life("a_return_that_takes_too_long", {"TEA": 1}, "cod",
         (rides("picked_up", "delivery_failed", "returning"), timedelta(days=21), rides("returned"), HOUR),
         ("completed", "not_required", "returned"),
         ("OrderReturnStarted", "OrderExceptionRaised", "OrderReturnReceived", "OrderExceptionResolved", "OrderCompleted"),
         ("fulfilment:return_overdue",)),
)  # fmt: skip
BY_NAME = {life.name: life for life in LIVES}
