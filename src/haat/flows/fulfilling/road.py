"""Steps while a parcel is on the road and behind it: asked about, given up, overdue, late, and the order's end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from haat.domain import fulfilment, orders
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, House, Local, Outcome, Outside, Step, Task
from haat.flows.fulfilling import hearing, listening
from haat.flows.fulfilling.desk import Desk, known
from haat.flows.fulfilling.offering import each
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.facts import Fact

couriers = fulfilment.courier
events = orders.events
fulfilling = orders.fulfilling

TOO_MANY_TRIES = "too_many_tries"
SOON = timedelta(seconds=10)  # nobody is asked about one parcel more often than that
_ON_THE_ROAD_S = 90 * 86_400.0  # a parcel may be asked about for a season


def verbs(desk: Desk) -> dict[str, Local | Outside]:
    """The steps of this file by name."""
    road = _Road(desk)
    return {
        "track": Outside(call=road.ask, settle=road.heard, prepare=references, party=_party,
                         title="Ask the courier", title_bn="কুরিয়ারকে জিজ্ঞাসা", owner="fulfilment",
                         waits_for_holds=False, age_limit_s=_ON_THE_ROAD_S, attempts_max=1_000_000,
                         backoff_s=60, backoff_max_s=6 * 3600, repairs=("retry", "skip")),
        "look_at": Local(run=each(_look_at), title="Look at what a courier says", title_bn="কুরিয়ারের কথা যাচাই",
                         owner="fulfilment", waits_for_holds=False, repairs=("skip",)),
        "tell": Local(run=each(_tell), title="Tell the vendor that it shall turn round", title_bn="বিক্রেতাকে ফিরতে বলা",
                      owner="fulfilment", waits_for_holds=False, repairs=("skip",)),
        "tell_day": Local(run=each(_tell_day), title="Tell who brings it the day that was agreed on", title_bn="ঠিক করা দিন জানানো",
                          owner="fulfilment", waits_for_holds=False, repairs=("skip",)),
        "give_up": Local(run=each(_give_up), title="Too many tries: bring it back", title_bn="বারবার ব্যর্থ: ফেরত আনা",
                         owner="fulfilment", waits_for_holds=False),
        "return_overdue": Local(run=each(_return_overdue), title="A return should be here by now", title_bn="ফেরত আসতে দেরি",
                                owner="fulfilment", waits_for_holds=False, repairs=("retry", "skip")),
        "late": Local(run=each(road.late), title="A promise was missed", title_bn="প্রতিশ্রুত দিন পেরিয়েছে", owner="fulfilment",
                      waits_for_holds=False),
        "complete": Local(run=each(road.complete), title="Complete the order", title_bn="অর্ডার সম্পূর্ণ", owner="payments",
                          waits_for_holds=False, age_limit_s=10 * 86_400, repairs=("retry", "skip")),
    }  # fmt: skip


async def references(house: House, tx: Tx, tasks: Sequence[Task]) -> Sequence[str]:
    """Our reference of each task's booking, "" where another one is on record by now, or none."""
    del house
    stored = await fulfilment.shipments(tx, sorted({task.subject for task in tasks}))
    rows = [(stored.get(task.subject), known(task.order, task.subject)) for task in tasks]
    return [row.reference if row and parcel and row.consignment == parcel.consignment else "" for row, parcel in rows]


class _Word(Struct, frozen=True):
    """What a courier said of one booking; the parcel may be another courier's by the time that it is read."""

    courier: str
    consignment: str
    scans: tuple[couriers.Scan, ...] = ()


class _Road:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, house: House, task: Task) -> Any:
        """What the courier knows of it now; nothing where nobody is to be asked."""
        parcel = known(task.order, task.subject)
        if parcel is None or (parcel.settled and not parcel.astray) or not parcel.consignment:
            return None
        nothing = _Word(parcel.courier, parcel.consignment)
        if parcel.courier == fulfilling.SELF:
            return nothing
        connection, courier = self._desk.courier(parcel.courier)
        if courier.track is None:
            return nothing
        talk = courier.track(connection, couriers.Known(parcel.consignment, task.prepared), house.clock.now())
        return replace(nothing, scans=tuple(await self._desk.outside.drive(connection, talk, subject=parcel.id)))

    async def heard(self, house: House, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        del house
        said: list[fulfilment.Said] = []
        for task, word in answers:
            if isinstance(word, _Word):
                said += [
                    fulfilment.Said(task.subject, task.order.id, word.courier, word.consignment, scan, "poll", f"courier:{word.courier}")
                    for scan in word.scans
                ]
        await fulfilment.hear(tx, said, now=now)
        parcels = sorted({task.subject for task, _ in answers})
        told, stored = await fulfilment.scans(tx, parcels), await fulfilment.shipments(tx, parcels)
        outcomes = [self._heard(task, answer, told.get(task.subject, []), stored.get(task.subject), now) for task, answer in answers]
        await listening.say(tx, [(task.order, task.subject) for task, _ in answers], told, now)
        return outcomes

    def _heard(
        self, task: Task, answer: Any, told: Sequence[fulfilment.Told], stored: fulfilment.Shipment | None, now: datetime
    ) -> Outcome:
        parcel = known(task.order, task.subject)
        if parcel is None or answer is None or (parcel.settled and not parcel.astray) or not parcel.consignment:
            return Done()
        if isinstance(answer, Unavailable | TimeoutError):
            return Again(self._pause(parcel, task, now), str(answer))
        if isinstance(answer, HaatError):
            return Failed(f"{type(answer).__name__}: {answer}"[:300])
        if isinstance(answer, Exception):
            return Dead("tracking_broken", repr(answer)[:300])
        reading = self._desk.reading(now)
        facts, then = hearing.read(task.order, parcel.id, fulfilment.shipment.present(told, parcel.consignment), reading)
        news = [t.received_at for t in told if t.consignment == parcel.consignment]  # the same said again is no news
        since = max(news) if news else stored.booked_at if stored is not None else None
        if not facts and since is not None and now - since > self._desk.policy().silent_after:
            silent = f"{parcel.courier} has said nothing new of it since {since:%Y-%m-%d}."
            facts = hearing.trouble(task.order, parcel.id, "courier_silent", silent)
            then = orders.after(task.order, facts, at=now)
        after = fulfilling.parcel_of(then, parcel.id)
        over = (after.settled and not after.astray) or not after.consignment
        return Done(facts) if over else Again(self._pause(after, task, now, since), facts=facts)

    def _pause(self, parcel: orders.Parcel, task: Task, now: datetime, since: datetime | None = None) -> timedelta:
        """More seldom the longer it takes, but always soon while a rider has it. A vendor that brings it itself is only missed."""
        policy = self._desk.policy()
        if parcel.courier == fulfilling.SELF:
            return max((since or now) + policy.silent_after - now, policy.ask_at_most_each)
        if parcel.status == "out_for_delivery":
            return policy.ask_on_the_last_mile
        return min(max((now - task.created_at) / 4, policy.ask_after, SOON), policy.ask_at_most_each)

    def late(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        """The day is over and goods are still missing: promise another one, later the longer it has taken.

        Of one parcel, where that one had a day of its own and others are still to come.
        """
        del task
        day = orders.promising.next_day(order.promised_at, order.shipments)
        if order.status not in fulfilling.LIVING or orders.settled(order.lines) or order.promised_at is None or day is None:
            return Done()
        if day > now:
            return Done(steps=(Step("late", after=day - now),))
        put_off = now + max(self._desk.policy().late_by, (now - order.placed_at) / 4)
        if order.promised_at <= now:
            return Done((events.OrderPromised(put_off, "late"),))
        late = next(p for p in order.shipments if p.coming and p.promised_at == day)
        return Done((events.OrderPromised(put_off, "late", late.id),))

    def complete(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        """End the order where nothing is left; what nobody will ever collect is waived first."""
        if order.status not in fulfilling.LIVING or not orders.settled(order.lines):
            return Done()
        facts: tuple[Fact, ...] = orders.collecting.uncollectable(order)
        done = fulfilling.complete(orders.after(order, facts, at=now))
        if done:
            return Done((*facts, *done))
        pause = min(max((now - task.created_at), timedelta(seconds=10)), timedelta(hours=6))
        return Again(pause, "a courier owes cash" if orders.collecting.shortfall(order) else "money is on its way", facts)


def _tell(order: orders.Order, task: Task, now: datetime) -> Outcome:
    """A vendor on the road with its own parcel hears of nothing by itself: a person tells it, and it reports the way back."""
    del now
    parcel = known(order, task.subject)
    if parcel is None or parcel.settled or parcel.status == "returning" or not parcel.intercept:
        return Done()
    return Dead("tell_the_vendor", f"{parcel.vendor} brings it itself and shall turn round: {parcel.intercept}.")


def _tell_day(order: orders.Order, task: Task, now: datetime) -> Outcome:
    """No courier takes another day by wire: a person tells it, or the vendor that brings it itself."""
    del now
    parcel = known(order, task.subject)
    who = orders.promising.brought_by(parcel) if parcel is not None else ""
    if parcel is None or parcel.promised_at is None or not who:
        return Done()
    day = parcel.promised_at.astimezone(fulfilment.sourcing.MARKET_TIME)
    name = parcel.vendor if who == fulfilling.SELF else who
    return Dead("tell_the_courier", f"{name} shall bring {parcel.consignment} on {day:%Y-%m-%d}: that was agreed on with the buyer.")


def _give_up(order: orders.Order, task: Task, now: datetime) -> Outcome:
    del now
    parcel = known(order, task.subject)
    if parcel is None or parcel.status != "attempt_failed":
        return Done()
    return Done(fulfilling.intercept(order, parcel.id, reason=TOO_MANY_TRIES))


def _look_at(order: orders.Order, task: Task, now: datetime) -> Outcome:
    """Nothing that a program may decide: a person looks, and says so by hand (a scan, a reception)."""
    del order, now
    return Dead(str(task.data.get("cause", "doubt")), str(task.data.get("detail", "")))


def _return_overdue(order: orders.Order, task: Task, now: datetime) -> Outcome:
    del now
    parcel = known(order, task.subject)
    if parcel is None or not orders.outstanding(parcel) or parcel.status not in ("returning", "partially_delivered"):
        return Done()
    return Dead("return_overdue", f"{parcel.courier} has not brought it back, or nobody has said what came back.")


def _party(task: Task) -> str:
    try:
        return f"courier:{fulfilling.parcel_of(task.order, task.subject).courier}"
    except Refused:
        return "courier:"
