"""The way of a parcel: drawn at once when it is booked, walked by the world's clock, told to whoever listens.

    booked ─ pickup ─ hub ─ (second hub outside Dhaka) ─ last mile ─ rider ─┬─ delivered ─ remitted
                                                     up to three tries ─────┼─ partly delivered ─ the rest returns
                                                                            └─ refused or never met ─ returning ─ returned
Somewhere on the way a few are lost. The same parcel always has the same way; a recall turns it round at the next scan.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from haat_world.clock import dhaka
from haat_world.truth import Consignment
from haat_world.world import BLOCK, World

TRIES_MAX = 3
FINAL = frozenset({"delivered", "partially_delivered", "returned", "cancelled", "lost"})
WITH_BUYER = frozenset({"delivered", "partially_delivered"})
WITH_SELLER = frozenset({"booked", "pickup_requested", "pickup_failed"})
ABSENT = {"customer_unreachable": 5.0, "not_at_home": 3.0, "reschedule_asked": 2.0, "wrong_address": 1.0, "suspected_fake_attempt": 0.5}
REFUSED = {"customer_refused": 6.0, "cash_not_ready": 3.0, "item_mismatch": 1.0}
COD_FEE_PERMILLE = 10
DHAKA_WORDS = ("dhaka", "ঢাকা")


class Leg(msgspec.Struct, frozen=True):
    """One scan: so long after the one before. `collected` is cash taken at the door."""

    after: timedelta
    status: str
    reason: str = ""
    collected: int = 0


Tell = Callable[[Consignment, Leg], None]


def way(world: World, parcel: Consignment, *, address: str) -> list[Leg]:
    """All scans of this parcel. Buyers of one phone are alike: some refuse often."""
    dice, habits = world.dice, world.habits
    name = _name(parcel)
    statuses: list[tuple[str, str, int]] = [("pickup_requested", "", 0)]
    if dice.chance(0.03, "pickup fails", *name):
        statuses += [("pickup_failed", "seller_not_ready", 0), ("pickup_requested", "", 0)]
    statuses += [("picked_up", "", 0), ("in_transit", "", 0)]
    if not any(word in address.lower() for word in DHAKA_WORDS):
        statuses.append(("in_transit", "", 0))
    if dice.chance(habits.loss, "lost", *name):
        return _timed(world, name, [*statuses, ("lost", "lost", 0)])
    statuses.append(("at_destination_hub", "", 0))
    return _timed(world, name, statuses + _door(world, parcel))


def _door(world: World, parcel: Consignment) -> list[tuple[str, str, int]]:
    """What happens at the buyer's: up to three tries."""
    dice, habits = world.dice, world.habits
    name = _name(parcel)
    if habits.strangers and parcel.phone[3:6] != BLOCK:
        return [("out_for_delivery", "", 0), ("delivered", "", parcel.cash)]
    refusal = habits.refusal * (2.5 if dice.chance(0.2, "bad mood", parcel.phone) else 0.6) if parcel.cash else habits.refusal / 10
    tries: list[tuple[str, str, int]] = []
    for number in range(TRIES_MAX):
        tries.append(("out_for_delivery", "", 0))
        if dice.chance(refusal, "refused", *name):
            reason = dice.pick(REFUSED, "why refused", *name)
            return [*tries, ("delivery_failed", reason, 0), ("returning", reason, 0), ("returned", reason, 0)]
        if not dice.chance(habits.absence, "absent", *name, number):
            if parcel.cash and dice.chance(habits.partial, "partial", *name):
                half = parcel.cash // 200 * 100  # the rider corrects the amount to whole taka
                return [*tries, ("partially_delivered", "item_mismatch", half)]
            return [*tries, ("delivered", "", parcel.cash)]
        tries.append(("delivery_failed", dice.pick(ABSENT, "why absent", *name, number), 0))
    return [*tries, ("returning", "customer_unreachable", 0), ("returned", "customer_unreachable", 0)]


def _name(parcel: Consignment) -> tuple[str, str]:
    """What the way hangs on. A parcel of this play meets the same people whoever carries it, and however often it was booked."""
    fate = parcel.more.get("fate", "")
    return ("parcel", fate) if fate else (parcel.party, parcel.reference)


def _timed(world: World, name: tuple[str, str], statuses: list[tuple[str, str, int]]) -> list[Leg]:
    seconds = [world.dice.spread(world.habits.leg_s, 1.5, "leg", *name, place) for place in range(len(statuses))]
    return [Leg(timedelta(seconds=s), *status) for s, status in zip(seconds, statuses, strict=True)]


def start(world: World, parcel: Consignment, tell: Tell, *, address: str) -> None:
    """The parcel is booked and begins its way."""
    world.truth.book(parcel)
    parcel.more |= {"address": address, "name": world.names.of(parcel.reference), "fate": world.names.parcel(parcel.reference)}
    parcel.scan("booked", world.now())
    _Walk(world, parcel, tell, way(world, parcel, address=address)).next()


def resume(world: World, party: str, tell: Tell) -> None:
    """Parcels in the books that are on their way go on from where they were."""
    for parcel in world.truth.consignments.values():
        if parcel.party == party and parcel.status in WITH_BUYER and parcel.cash and not parcel.remitted:
            world.agenda.after(timedelta(seconds=world.habits.remit_s), _Walk(world, parcel, tell, []).remit)
        if parcel.party != party or parcel.status in FINAL:
            continue
        legs = way(world, parcel, address=parcel.more["address"])[len(parcel.history) - 1 :]
        if parcel.status == "returning" and [leg.status for leg in legs] != ["returned"]:  # it was called back
            legs = [Leg(timedelta(seconds=world.habits.leg_s), "returned", parcel.reason)]
        _Walk(world, parcel, tell, legs).next()


def recall(world: World, parcel: Consignment) -> bool:
    """Whether it was cancelled at once: the courier did not have it yet. Else it turns round at its next scan, unless it is delivered."""
    if parcel.status in WITH_SELLER:
        parcel.scan("cancelled", world.now(), reason="recalled")
        return True
    if parcel.status not in FINAL:
        parcel.more["recalled"] = True
    return False


class _Walk:
    """One parcel and what is still before it."""

    def __init__(self, world: World, parcel: Consignment, tell: Tell, legs: list[Leg]) -> None:
        self._world, self._parcel, self._tell, self._legs = world, parcel, tell, legs

    def next(self) -> None:
        if self._legs:
            self._world.agenda.after(self._legs[0].after, self.step)

    async def step(self) -> None:
        """The next scan has come."""
        parcel, leg = self._parcel, self._legs.pop(0)
        if parcel.status in FINAL:
            return
        if parcel.more.pop("recalled", False) and leg.status not in ("returning", "returned", "lost"):
            pace = timedelta(seconds=self._world.habits.leg_s)
            leg, self._legs = Leg(leg.after, "returning", "recalled"), [Leg(pace, "returned", "recalled")]
        parcel.scan(leg.status, self._world.now(), reason=leg.reason, collected=leg.collected)
        self._tell(parcel, leg)
        if leg.status in WITH_BUYER and parcel.cash:
            self._world.agenda.after(timedelta(seconds=self._world.habits.remit_s), self.remit)
        self.next()

    async def remit(self) -> None:
        """The courier passes the cash on, with all that it delivered that day."""
        self._parcel.remitted = f"{self._parcel.party.upper()}-{dhaka(self._world.now(), '%y%m%d')}"
        self._tell(self._parcel, Leg(timedelta(), "remitted"))


def invoices(world: World, party: str) -> dict[str, list[Consignment]]:
    """Remittances of a courier, by their number."""
    found: dict[str, list[Consignment]] = {}
    for parcel in world.truth.consignments.values():
        if parcel.party == party and parcel.remitted:
            found.setdefault(parcel.remitted, []).append(parcel)
    return found


def kept(parcel: Consignment) -> int:
    """What the courier keeps of a parcel's cash: the way's fee and its share of what was collected."""
    return parcel.fee + parcel.collected * COD_FEE_PERMILLE // 1000


def fee(address: str, weight_g: int) -> int:
    """By zone and weight, in paisa. Habit, of no price list: 60 and 120 taka for the first kilogram, 15 for each further one."""
    first = 6_000 if any(word in address.lower() for word in DHAKA_WORDS) else 12_000
    return first + 1_500 * max(-(-weight_g // 1000) - 1, 0)
