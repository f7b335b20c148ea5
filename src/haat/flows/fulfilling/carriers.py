"""Couriers as choosing sees them: the accounts that are active, whether they answer, and what is known of them, kept in memory.

    carriers.choose(tx, wishes, now)     one for each parcel that is packed
    carriers.consider(need)              the same question before there is a parcel, with the receipt

What limits a courier's day is counted out of the shipments, only where a rule sets such a limit; parcels that are chosen for in
two batches at the same moment may exceed it by those of one batch.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from haat.domain import fulfilment, orders
from haat.engine.changes import Memory, Whole
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.outside import Outside
from haat.flows.fulfilling.wish import Chosen, Wish

choosing, fleet = fulfilment.choosing, fulfilment.fleet

PAST = timedelta(days=180)  # half a year: long enough for a sample, short enough to forgive
DAY_BEGINS = timedelta(hours=6)  # of Dhaka, whose clock couriers go by


class Carriers:
    """The couriers of one process."""

    def __init__(self, memory: Memory, outside: Outside, clock: Clock) -> None:
        self._outside = outside
        self._clock = clock
        self._fleet: Whole[fleet.Fleet] = Whole({fulfilment.COURIERS}, self._load)
        memory.keep(self._fleet)

    async def choose(self, tx: Tx, wishes: Sequence[Wish], now: datetime) -> Sequence[Chosen | str]:
        """One courier for each wish, or in words why there is none."""
        known = self._fleet.value
        taken = await fulfilment.taken(tx, day_of(now)) if known.counted else {}
        carriers = self.carriers(taken)
        choices = choosing.choose_many(known, carriers, [need_of(wish) for wish in wishes])
        return [_chosen(choice) for choice in choices]

    def consider(self, need: choosing.Need) -> choosing.Choice:
        """What would be chosen as things are, with the receipt; nothing is taken."""
        return choosing.choose(self._fleet.value, self.carriers({}), need)

    def transit(self, need: choosing.Need) -> fleet.Transit:
        """How long it would take whoever would be chosen; for a promise."""
        return choosing.transit(self._fleet.value, self.carriers({}), need)[1]

    def late(self, courier: str, place: orders.Place) -> int:
        """Within how many days this courier brings nine of ten parcels there."""
        return self._fleet.value.transit(courier, place.district, place.upazila, place.zone).late

    def carriers(self, taken: dict[str, int]) -> list[choosing.Carrier]:
        """Every active courier account; `answers` as this process sees it."""
        book = self._outside.book
        active = book.active("courier")
        codes = {each.code for each in active}
        return [
            choosing.Carrier(
                code=each.code,
                capabilities=book.plugin(each).capabilities,
                answers=not self._outside.is_open(each.code),
                priority=each.priority,
                taken=taken.get(each.code, 0),
                fallback=book.stand_in(each.code, codes),
            )
            for each in active
        ]

    async def _load(self, tx: Tx) -> fleet.Fleet:
        return await fulfilment.load_fleet(tx, since=past(self._clock.now()))


def past(now: datetime) -> date:
    """From which month on the past counts."""
    return (now - PAST).date().replace(day=1)


def day_of(now: datetime) -> datetime:
    """When the courier's day began that `now` is in."""
    local = (now + DAY_BEGINS).astimezone(UTC)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) - DAY_BEGINS


def need_of(wish: Wish) -> choosing.Need:
    """A parcel as choosing looks at it."""
    order, parcel = wish.order, wish.parcel
    place = order.place
    return choosing.Need(
        zone=place.zone if place else "outside",
        district=place.district if place else "",
        upazila=place.upazila if place else "",
        area=order.ship_to.area,
        country=order.ship_to.country,
        currency=order.currency,
        weight_g=wish.weight_g,
        cash=wish.cash,
        value=orders.collecting.share(order, parcel),
        phone=bool(order.ship_to.phone or order.customer.phone),
        channel=order.channel,
        vendor=parcel.vendor,
        location=parcel.location,
        refused_by=wish.shunned,
    )


def _chosen(choice: choosing.Choice) -> Chosen | str:
    if not choice.courier:
        reasons = ", ".join(f"{each.courier}: {each.hindrance}" for each in choice.candidates)
        return f"No courier takes it ({reasons or 'none is set up'})."
    best, *others = choice.candidates
    beside = ", ".join(f"{each.courier} {each.hindrance or each.expected}" for each in others) or "nobody"
    why = f"rule {choice.rule}/{choice.rule_version}: expected {best.expected}, success {best.success}/10000; beside it {beside}"
    if choice.instead_of:
        why = f"in place of {choice.instead_of}, which does not answer; {why}"
    return Chosen(choice.courier, choice.area, choice.fee or 0, why=why[:500], instead_of=choice.instead_of)
