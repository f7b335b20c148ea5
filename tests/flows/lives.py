"""Whole lives of orders, as scripts: what buyers, vendors, couriers, gateways and the staff do, and how much time goes by."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from haat.domain import fraud, fulfilment, inventory, orders, vendors
from haat.engine.flowing.repairing import Search
from haat.flows import paying, repairing
from haat.kernel.facts import Fact, Origin
from haat.kernel.outside import Hook
from tests.flows.casting import FOR_EVER, HOUR, PLENTY, Act, Cast, Life

courier = fulfilment.courier
events = orders.events
MINUTE = timedelta(minutes=1)

Decide = Callable[[orders.Order], tuple[Fact, ...]]


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
breaks_off = each(lambda o: orders.cancel(o, None, reason="exception"))
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


def answers(operation: str, mood: str) -> Act:
    """From now on the gateway answers this in a strange way."""

    async def act(cast: Cast, ids: Sequence[str]) -> None:
        cast.parties.bank.mood(operation, *[mood] * PLENTY)

    return act


async def opens(cast: Cast, ids: Sequence[str]) -> None:
    """Every gateway works again."""
    cast.parties.bank.moods.clear()
    cast.parties.bank.short = False


def contests(status: str) -> Act:
    """The buyer's bank wants the money back, or has decided."""

    def contest(order: orders.Order) -> tuple[Fact, ...]:
        (tender,) = order.payments
        attempt = tender.attempts[0]
        return (events.OrderPaymentDisputed(tender.id, attempt.id, "dp-1", attempt.captured, status, "fraudulent"),)

    return each(contest, actor="system")


async def runs_short(cast: Cast, ids: Sequence[str]) -> None:
    """The gateways have nothing to give back with."""
    cast.parties.bank.short = True


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


async def drives_on(cast: Cast, ids: Sequence[str]) -> None:
    """The riders turn nothing round from now on."""
    cast.parties.riders.cancels = "no"


async def brings_itself(cast: Cast, ids: Sequence[str]) -> None:
    """«shop-b» books no courier from now on."""
    parts, handling = cast.stage.parts, vendors.Handling(self_ship=True)
    async with parts.database.transaction() as tx:
        sheet = vendors.VendorSheet(code="shop-b", name_en="shop-b", city="Dhaka", zone="dhaka", handling=handling)
        await vendors.upsert(tx, [sheet], now=cast.stage.clock.now())
    await parts.memory.catch_up()


sets_out = each(lambda o: orders.fulfilling.hand_over(o, o.shipments[0].id, reference=o.shipments[0].id, cash=0), actor="vendor:shop-b")
turns_round = each(lambda o: orders.fulfilling.turn_back(o, o.shipments[0].id, reason="changed_mind"), actor="vendor:shop-b")
waits = each(
    lambda o: orders.fulfilling.reschedule(
        o, o.shipments[0].id, to=o.updated_at + timedelta(days=4), now=o.updated_at, reason="reschedule_asked"
    ),
    actor="customer:test",
)
takes_back = each(lambda o: orders.fulfilling.receive(o, o.shipments[0].id), actor="admin:test")


@each
def books_cash(order: orders.Order) -> tuple[Fact, ...]:
    """Somebody has rung the courier up: it collected what it was told to."""
    parcel = order.shipments[0]
    return orders.paying.taken_beside(order, parcel.id, parcel.cash, attempt_id=parcel.id)


@each
def misses_refund(order: orders.Order) -> tuple[Fact, ...]:
    return orders.ascertaining.unsent(order, order.refunds[0].id, detail="rang them up")


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
         ("VendorOrderReminded", "VendorOrderRejected", "VendorOrderAccepted", "OrderExceptionRaised", "OrderExceptionEscalated",
          "OrderParcelPacked", "OrderExceptionResolved", "OrderCompleted"),
         takes=("fulfilment:remind", "fulfilment:lapse", "fulfilment:ship_by", "fulfilment:overcome", "exceptions:escalate")),
    Life("booked_without_an_answer", {"TEA": 1, "LAST": 1}, "cod", (forgets, accepts, packs, HOUR, PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"), ("OrderShipmentUncertain", "OrderShipmentBooked", "OrderDelivered", "OrderCompleted"),
         ("fulfilment:look_up",)),
    Life("lost_on_the_road", {"TEA": 2}, "acme", (pays, rides("picked_up", "in_transit", "lost"), HOUR),
         ("completed", "refunded", "lost"), ("OrderShipped", "OrderParcelLost", "OrderRefunded", "OrderCompleted")),
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
    Life("money_that_is_not_ours", {"TEA": 2}, "acme",
         (answers("acme.confirm", "strange"), HOUR, opens, pays, DELIVERED), ("completed", "paid", "delivered"),
         ("OrderPaymentUncertain", "OrderExceptionRaised", "OrderPaymentProcessed", "OrderExceptionResolved", "OrderShipped",
          "OrderDelivered", "OrderCompleted"),
         ("payment:mismatch", "payment:overcome"), payment_policy=paying.Policy(pay_within=timedelta(hours=5))),
    Life("a_refund_that_never_arrived", {"TEA": 2}, "acme",
         (pays, answers("acme.query_refund", "no_lookup"), answers("acme.refund", "lost_before"), cancels, HOUR, opens, misses_refund,
          HOUR),
         ("cancelled", "refunded", "cancelled"),
         ("OrderRefundRequested", "OrderRefundUncertain", "OrderExceptionRaised", "OrderRefundNotFound", "OrderRefunded")),
    Life("contested_by_the_bank_and_won", {"TEA": 2}, "acme", (pays, contests("needs_response"), contests("won"), DELIVERED),
         ("completed", "paid", "delivered"),
         ("OrderPaymentProcessed", "OrderPaymentDisputed", "OrderExceptionRaised", "OrderPaymentDisputed", "OrderExceptionResolved",
          "OrderCompleted"), ("payment:dispute",)),
    Life("a_refund_that_is_refused", {"TEA": 2}, "acme",
         (pays, runs_short, cancels, opens, repairs("retry", "refund_refused"), HOUR), ("cancelled", "refunded", "cancelled"),
         ("OrderRefundRequested", "OrderRefundFailed", "OrderExceptionRaised", "OrderExceptionResolved", "OrderRefundRetried",
          "OrderRefunded")),
    Life("delivered_after_it_was_cancelled", {"TEA": 2}, "cod",
         (drives_on, breaks_off, PAID_AT_THE_DOOR, repairs("skip", "delivered_after_cancel")), ("cancelled", "paid", "cancelled"),
         ("OrderShipmentBooked", "OrderCancelled", "OrderExceptionRaised", "OrderShipmentStrayed", "OrderDelivered",
          "OrderPaymentProcessed"), ("fulfilment:take_out", "fulfilment:strayed")),
    Life("taken_along_after_it_was_cancelled", {"TEA": 2}, "acme",
         (pays, drives_on, breaks_off, rides("picked_up"), rides("delivery_failed", "returning", "returned"), HOUR),
         ("cancelled", "refunded", "cancelled"),
         ("OrderShipmentBooked", "OrderCancelled", "OrderRefunded", "OrderShipmentStrayed", "OrderReturnStarted", "OrderReturnReceived"),
         ("fulfilment:take_in",)),
    Life("brought_by_its_vendor", {"LAST": 1}, "cod",
         (brings_itself, accepts, packs, timedelta(hours=49), sets_out, timedelta(days=6), cancels, turns_round, takes_back, HOUR),
         ("completed", "not_required", "returned"),
         ("OrderParcelPacked", "OrderExceptionRaised", "OrderShipped", "OrderExceptionResolved", "OrderShipmentDoubted",
          "OrderInterceptAsked", "OrderExceptionRaised", "OrderReturnStarted", "OrderExceptionResolved", "OrderReturnReceived",
          "OrderCompleted"), ("fulfilment:tell", "fulfilment:ship_by")),
    Life("another_day_is_agreed_on", {"TEA": 2}, "cod", (waits, timedelta(minutes=2), PAID_AT_THE_DOOR),
         ("completed", "paid", "delivered"),
         ("OrderShipmentBooked", "OrderPromised", "OrderExceptionRaised", "OrderDelivered", "OrderExceptionResolved", "OrderCompleted"),
         ("fulfilment:tell_day",)),
    Life("delivered_after_it_was_received", {"TEA": 2}, "cod",
         (rides("picked_up", "out_for_delivery"), takes_back, rides("delivered", paid=True), books_cash, repairs("skip", "cash_unbooked"),
          repairs("skip", "ended_otherwise")),
         ("completed", "paid", "returned"),
         ("OrderReturnReceived", "OrderCompleted", "OrderShipmentDoubted", "OrderExceptionRaised", "OrderCashTaken", "OrderPaymentProcessed",
          "OrderExceptionResolved"), ("fulfilment:look_at",)),
    Life("held_for_longer_than_a_day", {"TEA": 2}, "acme", (holds, pays, timedelta(hours=25), releases, DELIVERED),
         ("completed", "paid", "delivered"),
         ("OrderHeld", "OrderPaymentProcessed", "OrderExceptionRaised", "OrderReleased", "OrderExceptionResolved", "OrderConfirmed",
          "OrderCompleted"),
         ("validation:hold_overdue",)),
    Life("a_method_that_nobody_takes", {"TEA": 2}, "rocket", (timedelta(minutes=31),), ("expired", "not_required", "cancelled"),
         ("OrderExceptionRaised", "OrderExpired", "OrderExceptionResolved"), ("exceptions:outlive",)),
)  # fmt: skip
BY_NAME = {life.name: life for life in LIVES}
