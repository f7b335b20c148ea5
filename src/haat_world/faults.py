"""What goes wrong, how often, and how: one frozen value, and three pure questions to it.

call(…)   what happens to this request: it is lost before its effect, its answer is lost after it, an error, a reset, or nothing
hook(…)   what happens to this message: it is lost, late, doubled, or contradicted by another one
decline() whether this payment is refused though the buyer would pay: softly (another try may succeed) or for good

Every decision is by name and occurrence, never by order of arrival; the n-th same call of a fault-free world stays fault-free.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from haat_world.dice import Dice

Kind = Literal["", "lost_request", "lost_answer", "error_before", "error_after", "reset"]
#: How failing calls fail. Half of them have had their effect when they do: that is what makes UNKNOWN an honest outcome.
KINDS: Mapping[Kind, float] = {"lost_request": 2, "lost_answer": 3, "error_before": 2, "error_after": 2, "reset": 1}
AFTER: frozenset[Kind] = frozenset({"lost_answer", "error_after"})
HOOKS: Mapping[str, float] = {"lost": 2, "late": 3, "doubled": 3, "contradicted": 2}


class Outage(msgspec.Struct, frozen=True):
    """A party (or `*`, all of them) that answers nobody from `since` until `until`."""

    party: str
    since: datetime
    until: datetime


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Rates in 0 … 1. `rate` is the share of calls that fail in some way, `hooks` that of messages; None: as `rate`."""

    rate: float = 0.0
    hooks: float | None = None
    soft: float = 0.0
    hard: float = 0.0
    latency_ms: float = 0.0  # median; the tail is long
    hang_s: float = 5.0  # seconds of the wall that a lost call hangs before its connection ends
    lateness_s: float = 600.0  # median lateness of a late hook, in the world's time
    by_party: Mapping[str, float] = {}  # rates of single parties, instead of `rate`
    kinds: Mapping[Kind, float] = msgspec.field(default_factory=lambda: KINDS)  # in which ways calls fail, and how often against each other
    fates: Mapping[str, float] = msgspec.field(default_factory=lambda: HOOKS)  # the same of messages
    outages: tuple[Outage, ...] = ()

    def rate_of(self, party: str) -> float:
        return self.by_party.get(party, self.rate)


def moody(rate: float, *, latency_ms: float = 30.0, hang_s: float = 5.0) -> Faults:
    """The faults of a bad day at this rate of failing calls: some payments declined as well."""
    return Faults(rate=rate, soft=rate / 4, hard=rate / 10, latency_ms=latency_ms, hang_s=hang_s)


def call(faults: Faults, dice: Dice, *names: object) -> Kind:
    """What happens to this request. `names`: party, operation, what our reference is called here, occurrence."""
    if not dice.chance(faults.rate_of(str(names[0])), "call", *names):
        return ""
    return dice.pick(faults.kinds, "call kind", *names)


def hook(faults: Faults, dice: Dice, *names: object) -> str:
    """What happens to this message: one of HOOKS or nothing. `names`: party, what our reference is called here, the event, occurrence."""
    rate = faults.rate_of(str(names[0])) if faults.hooks is None else faults.hooks
    return dice.pick(faults.fates, "hook kind", *names) if dice.chance(rate, "hook", *names) else ""


def decline(faults: Faults, dice: Dice, *names: object) -> Literal["", "soft", "hard"]:
    """Whether the payer's bank says no. `names`: party, what our reference is called here, which confirmation of it."""
    rolled = dice.roll("decline", *names)
    return "soft" if rolled < faults.soft else "hard" if rolled < faults.soft + faults.hard else ""


def lateness(faults: Faults, dice: Dice, *names: object) -> timedelta:
    """How late a late message is."""
    return timedelta(seconds=dice.spread(faults.lateness_s, 3, "late", *names))


def out(faults: Faults, party: str, now: datetime) -> bool:
    """Whether the party answers nobody now."""
    return any(each.party in (party, "*") and each.since <= now < each.until for each in faults.outages)
