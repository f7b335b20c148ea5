"""What became of each past order, told with the verbs of orders at the instants at which it would have happened. Pure.

    life(order, …) ─► changes, each with its instant; those after the market began have not happened yet

Every step asks the order as it then is, so the facts are those that flows, vendors and couriers would have written. The same order
has the same life: its dice are its key's, its ids are made of its own, and a step that was taken before is not taken again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random

import msgspec

from haat.domain import fraud, inventory, orders
from haat.kernel import ids
from haat.kernel.facts import Fact, Origin
from haat.kernel.time import unix_ms

events = orders.events
Decide = Callable[[orders.Order], tuple[Fact, ...]]
DHAKA = timedelta(hours=6)  # UTC+6 all year
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GATEWAYS = {"bkash": "bkash", "nagad": "nagad", "card": "sslcommerz"}
COURIERS = {"pathao": 40, "steadfast": 35, "redx": 25}
TRANSIT_DAYS = {"dhaka": (1, 1, 1, 2), "dhaka_suburb": (1, 2, 2), "outside": (2, 3, 3, 4)}
FEES = {"dhaka": 70_00, "dhaka_suburb": 100_00}
FEE_FAR = 130_00
UNPAID = 0.05  # of the prepaid
DAMAGED = 0.15  # of what comes back unsold
RIDERS = (9, 11)  # riders set out between these hours
TRIES = ("customer_unreachable", "not_at_home", "reschedule_asked")
SYSTEM, DESK = "system", "admin:demo"


class Step(msgspec.Struct, frozen=True):
    """Something that happened to an order, by whom."""

    at: datetime
    actor: str
    decide: Decide

    def change(self, order_id: str) -> orders.Change:
        """As a change that is made once: an order that is further already is left as it is."""
        return orders.Change(order_id, partial(_once, self), self.at, Origin(self.actor, "demo"))


def _once(step: Step, order: orders.Order) -> tuple[Fact, ...]:
    return () if order.updated_at >= step.at else step.decide(order)


class Plan(msgspec.Struct, frozen=True):
    """The parcels of an order and who carries each."""

    parcels: tuple[orders.events.PlannedParcel, ...]
    couriers: tuple[str, ...]


def life(
    key: str, outcome: str, order: orders.Order, kept: Sequence[inventory.Reservation], said: fraud.Screened | None, began: datetime
) -> list[Step]:
    """The steps of a past order until the market `began`, oldest first. `kept`: its reservations, `said`: what its screening said."""
    told = _Telling(key, order)
    if not told.checked(said) or not told.paid():
        return told.until(began)
    told.planned(kept)
    if outcome == "cancelled":
        told.cancelled()
    else:
        told.carried(outcome)
    return told.until(began)


def plan(order: orders.Order, kept: Sequence[inventory.Reservation], random: Random) -> Plan:
    """One parcel for each vendor and place where its goods are set aside; a kit goes from where most of it is."""
    held: dict[int, dict[str, int]] = {}
    for r in kept:
        places = held.setdefault(r.line_no, {})
        places[r.location] = places.get(r.location, 0) + r.quantity
    part_of = {v.vendor: v.id for v in order.vendor_orders}
    goods: dict[tuple[str, str], list[events.ParcelLine]] = {}
    for line in order.lines:
        places = held[line.line_no]
        if sum(places.values()) != line.quantity or len(places) == 1:
            places = {max(places, key=lambda place: places[place]): line.quantity}
        for place, quantity in sorted(places.items()):
            goods.setdefault((part_of[line.vendor], place), []).append(events.ParcelLine(line.line_no, quantity))
    parcels = [
        events.PlannedParcel(id_of(order, f"parcel {n}"), part, place, tuple(lines))
        for n, ((part, place), lines) in enumerate(sorted(goods.items()), 1)
    ]
    return Plan(tuple(parcels), tuple(random.choices(list(COURIERS), list(COURIERS.values()), k=len(parcels))))


def id_of(order: orders.Order, name: str) -> str:
    """An id within an order's life: always the same for the same name."""
    digest = hashlib.blake2b(f"{order.id} {name}".encode(), digest_size=10).digest()
    return ids.uuid7(unix_ms(order.placed_at), int.from_bytes(digest, "big") >> 6)


class _Telling:
    """Tells one life: `now` is where the story stands."""

    def __init__(self, key: str, order: orders.Order) -> None:
        self._order = order
        self._random = Random(key)  # noqa: S311 a demo wants repeatable dice
        self._now = order.placed_at
        self._steps: list[Step] = []
        self._plan = Plan((), ())
        self._parcel = ""

    def until(self, began: datetime) -> list[Step]:
        """What has happened by then, no two at one instant."""
        found: list[Step] = []
        for step in sorted(self._steps, key=lambda s: s.at):
            at = max(step.at, found[-1].at + timedelta(milliseconds=1)) if found else step.at
            if at < began:
                found.append(msgspec.structs.replace(step, at=at))
        return found

    def checked(self, said: fraud.Screened | None) -> bool:
        """Screened, and looked at by a person where that was wanted. Whether it may go on."""
        if said is None:
            self._then(6 * SECOND, _tell(events.OrderScreened("pass", 0)))
            return True
        findings = said.assessment.findings
        screened = events.OrderScreened(said.assessment.outcome, said.assessment.score, tuple(map(_remark, findings)))
        if said.assessment.outcome == "reject":
            self._then(6 * SECOND, partial(_rejected, screened))
            return False
        if not said.hold:
            self._then(6 * SECOND, _tell(screened))
            return True
        first = findings[0]
        held = events.OrderHeld(said.hold, "FRAUD_REVIEW", first.reason, first.detail, first.rule, first.version, until=said.until)
        self._then(6 * SECOND, _tell(screened, held))
        self._then(self._between(20, 180), partial(_released, said.hold), DESK)
        return True

    def paid(self) -> bool:
        """Asked for its money, which is there for what is prepaid. Whether it may go on."""
        order, method = self._order, self._order.payment_method
        payment, attempt, total = id_of(order, "payment"), id_of(order, "attempt"), order.totals.grand
        if method == "cod":
            self._then(SECOND, _tell(events.OrderPaymentRequested(payment, method, total)))
            return True
        gateway, due = GATEWAYS.get(method, method), self._now + 30 * MINUTE
        reference = hashlib.blake2b(attempt.encode(), digest_size=5).hexdigest().upper()
        asked = events.OrderPaymentRequested(payment, method, total, due)
        tried = events.OrderPaymentAttempted(payment, attempt, gateway, total)
        self._then(SECOND, _tell(asked, tried, events.OrderPaymentStarted(payment, attempt, reference, expires_at=due)))
        if self._random.random() < UNPAID:
            self._then(self._between(2, 9), _tell(events.OrderPaymentFailed(payment, attempt, "insufficient_funds", True)))
            self._then(max(due - self._now, SECOND), orders.settling.expire)
            self._then(SECOND, self._settle)
            return False
        taken = events.OrderPaymentProcessed(payment, attempt, total, gateway, method, reference)
        self._then(self._between(1, 6), _tell(taken))
        return True

    def planned(self, kept: Sequence[inventory.Reservation]) -> None:
        """Planned, confirmed, offered to its vendors."""
        self._plan = plan(self._order, kept, self._random)
        fact = events.OrderInventoryAllocated(
            id_of(self._order, "plan"), self._plan.parcels, "nearest", self._fee() * len(self._plan.parcels)
        )
        self._then(2 * SECOND, _tell(fact))
        self._then(SECOND, orders.checking.confirm)
        self._then(SECOND, partial(_offered, self._now + DAY))

    def cancelled(self) -> None:
        """The buyer thinks better of it before anything is packed."""
        decide = partial(orders.cancel, quantities=None, reason="customer_request", detail="Ordered by mistake")
        self._then(self._between(15, 240), decide, f"customer:{self._order.customer.id}")
        self._then(SECOND, self._settle)
        if self._order.payment_method != "cod":
            self._then(self._between(200, 2_000), _refunded)

    def carried(self, outcome: str) -> None:
        """Accepted, packed and on its way; every parcel comes to its end, and then the money."""
        offered, ends = self._now, []
        for part in self._order.vendor_orders:
            self._now = _in_hours(offered + self._between(8, 150))
            self._then(SECOND, partial(orders.fulfilling.accept, vendor_order=part.id), f"vendor:{part.vendor}")
            accepted = self._now
            for planned, courier in zip(self._plan.parcels, self._plan.couriers, strict=True):
                if planned.vendor_order == part.id:
                    self._now = accepted
                    self._sent(planned, courier, f"vendor:{part.vendor}")
                    ENDS[outcome](self, planned)
                    ends.append(self._now)
        self._now = max(ends)
        for decide in (self._settle, orders.collecting.uncollectable):
            self._then(SECOND, decide)
        self._then(SECOND, orders.fulfilling.complete)
        if self._order.payment_method != "cod" and outcome != "delivered":
            self._then(self._between(600, 3_000), _refunded)
            self._then(SECOND, orders.fulfilling.complete)

    def delivered(self, planned: orders.events.PlannedParcel) -> None:
        """At the door, paid where that was agreed."""
        self._ride(0)
        self._then(self._between(60, 420), partial(_handed_over, planned.parcel, id_of(self._order, "cash")))

    def refused(self, planned: orders.events.PlannedParcel) -> None:
        """The buyer does not take it."""
        self._ride(0)
        self._then(self._between(60, 420), partial(orders.fulfilling.fail, parcel_id=planned.parcel, reason="customer_refused"))
        self._brought_back(planned, "customer_refused")

    def returned(self, planned: orders.events.PlannedParcel) -> None:
        """Nobody is there, three times."""
        for n, reason in enumerate(TRIES):
            self._ride(min(n, 1))
            self._then(self._between(60, 420), partial(orders.fulfilling.fail, parcel_id=planned.parcel, reason=reason))
        self._brought_back(planned, "customer_unreachable")

    def lost(self, planned: orders.events.PlannedParcel) -> None:
        """It never comes out of a hub."""
        self._then(self._random.randint(8, 12) * DAY, partial(orders.fulfilling.lose, parcel_id=planned.parcel))

    def _sent(self, planned: orders.events.PlannedParcel, courier: str, vendor: str) -> None:
        """Picked, packed, booked, fetched, and brought to the town where it is to go."""
        parcel, goods = planned.parcel, {line.line_no: line.weight_g for line in self._order.lines}
        weight = sum(goods[held.line_no] * held.quantity for held in planned.lines) + self._random.randint(40, 160)
        number = f"{courier[:2].upper()}{self._now:%d%m%y}{hashlib.blake2b(parcel.encode(), digest_size=6).hexdigest().upper()}"
        self._now = _in_hours(self._now + self._between(5, 60))
        self._then(SECOND, partial(orders.fulfilling.start, parcel_id=parcel), vendor)
        self._then(self._between(10, 80), partial(orders.fulfilling.pack, parcel_id=parcel, rest_id="", weight_g=weight), vendor)
        self._then(20 * SECOND, partial(_booked, parcel, courier, number, self._fee()))
        fetched = _at_hour(self._now, 17, self._random)
        self._now = fetched if fetched > self._now else fetched + DAY
        self._then(SECOND, partial(orders.fulfilling.ship, parcel_id=parcel))
        self._parcel, days = parcel, self._random.choice(TRANSIT_DAYS.get(self._zone, TRANSIT_DAYS["outside"]))
        self._now += (days - 1) * DAY

    def _ride(self, days: int) -> None:
        """A rider sets out on the next morning, or `days` later."""
        self._now = _at_hour(self._now + (days or 1) * DAY, self._random.randint(*RIDERS), self._random)
        self._then(SECOND, partial(orders.fulfilling.out, parcel_id=self._parcel))

    def _brought_back(self, planned: orders.events.PlannedParcel, reason: str) -> None:
        self._then(self._between(300, 900), partial(orders.fulfilling.turn_back, parcel_id=planned.parcel, reason=reason))
        all_of_it = {line.line_no: line.quantity for line in planned.lines}
        bad = {min(all_of_it): 1} if self._random.random() < DAMAGED else {}
        good = {n: quantity - bad.get(n, 0) for n, quantity in all_of_it.items()}
        receive = partial(orders.fulfilling.receive, parcel_id=planned.parcel, sound=good, damaged=bad)
        self._then(self._random.randint(2, 4) * DAY, receive, f"vendor:{self._vendor(planned)}")

    def _settle(self, order: orders.Order) -> tuple[Fact, ...]:
        return orders.settling.settle(order, partial(id_of, order, "refund"))

    def _vendor(self, planned: orders.events.PlannedParcel) -> str:
        return next(v.vendor for v in self._order.vendor_orders if v.id == planned.vendor_order)

    @property
    def _zone(self) -> str:
        return self._order.place.zone if self._order.place is not None else "outside"

    def _fee(self) -> int:
        return FEES.get(self._zone, FEE_FAR)

    def _between(self, least: int, most: int) -> timedelta:
        """So many minutes."""
        return timedelta(seconds=self._random.randint(least * 60, most * 60))

    def _then(self, after: timedelta, decide: Decide, actor: str = SYSTEM) -> None:
        self._now += after
        self._steps.append(Step(self._now, actor, decide))


#: How a parcel ends, by the order's outcome.
ENDS: Mapping[str, Callable[[_Telling, orders.events.PlannedParcel], None]] = {
    "delivered": _Telling.delivered,
    "refused": _Telling.refused,
    "returned": _Telling.returned,
    "lost": _Telling.lost,
}


def _tell(*facts: Fact) -> Decide:
    """Facts that come as they are, whatever the order says."""

    def told(order: orders.Order) -> tuple[Fact, ...]:
        del order
        return facts

    return told


def _rejected(screened: orders.events.OrderScreened, order: orders.Order) -> tuple[Fact, ...]:
    return (screened, *orders.checking.reject(order, reason="screening"))


def _released(hold: str, order: orders.Order) -> tuple[Fact, ...]:
    return orders.release(order, hold_id=hold, reason="the buyer was called") if any(h.id == hold for h in order.holds) else ()


def _offered(until: datetime, order: orders.Order) -> tuple[Fact, ...]:
    return tuple(fact for part in order.vendor_orders for fact in orders.fulfilling.offer(order, part.id, until=until))


def _booked(parcel_id: str, courier: str, consignment: str, fee: int, order: orders.Order) -> tuple[Fact, ...]:
    cash = orders.stopping.cash(order, orders.fulfilling.parcel_of(order, parcel_id))
    return orders.fulfilling.book(order, events.OrderShipmentBooked(parcel_id, courier, consignment, "", cash, fee))


def _handed_over(parcel_id: str, attempt: str, order: orders.Order) -> tuple[Fact, ...]:
    """Delivered, and the cash of the door in the books."""
    facts = orders.fulfilling.deliver(order, parcel_id)
    after = orders.after(order, facts, at=order.updated_at, by=SYSTEM)
    return (*facts, *orders.paying.collect(after, attempt_id=attempt, parcel=parcel_id))


def _refunded(order: orders.Order) -> tuple[Fact, ...]:
    """What was to go back has gone back."""
    return tuple(
        events.OrderRefunded(r.id, r.payment, r.attempt, r.amount, r.id[-12:].upper()) for r in order.refunds if r.status == "requested"
    )


def _remark(f: fraud.Finding) -> orders.events.Remark:
    return events.Remark(f.rule, f.version, f.reason, f.detail, "", {"points": f.points, "detail_bn": f.detail_bn, **f.data})


def _at_hour(instant: datetime, hour: int, random: Random) -> datetime:
    """Some minute of that hour in Dhaka, on the day of `instant` there."""
    local = (instant + DHAKA).replace(hour=hour, minute=random.randrange(60), second=random.randrange(60), microsecond=0)
    return local - DHAKA


def _in_hours(instant: datetime) -> datetime:
    """The instant, or nine o'clock of the morning that follows where shops are closed."""
    local = instant + DHAKA
    if local.hour >= 21:
        local = (local + DAY).replace(hour=9)
    elif local.hour < 9:
        local = local.replace(hour=9)
    return local - DHAKA
