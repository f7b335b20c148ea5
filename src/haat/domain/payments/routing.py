"""Which gateway a payment goes through: the first rule that fits, then cost and recent success. Pure, with a receipt.

    what is to be paid ─► those that can take it ─► the rule's order, or a score ─► choice + receipt (everyone looked at, and why not)

A gateway that was tried for this payment, or whose breaker is open, is passed over as long as another is left; so a soft decline
cascades. Where only its breaker keeps the most wanted one away, its declared fallback takes its place, else the next one.
The score of a gateway is what the payment costs us with it: its fee, plus what a payment that fails loses.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import msgspec

from haat.domain.payments.gateway import Fee
from haat.kernel.money import half_up
from haat.kernel.outside import stand_in

Words = tuple[str, ...]
WHOLE = 10_000
#: Tries that a gateway is credited with at `PRIOR` before any were seen: one bad minute after a quiet night sinks nobody.
FLOOR_TRIES = 20
PRIOR = 8_500
#: What a failed payment loses, in hundredths of a percent of its amount: half of the buyers who fail once do not try again, and a
#: marketplace keeps about a tenth of what they pay.
LOSS = 500
RULES_MAX = 200


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule: for payments like this, these gateways. Conditions that are empty do not matter; lower `priority` is asked first.

    `choose`: `order` takes them as listed, `best` by score. Without `gateways` everyone who can take it is meant.
    """

    code: str
    title: str = ""
    active: bool = True
    priority: int = 100
    methods: Words = ()
    channels: Words = ()
    currencies: Words = ()
    districts: Words = ()
    bins: Words = ()
    amount_min: int = 0
    amount_max: int | None = None
    gateways: Words = ()
    choose: Literal["order", "best"] = "best"
    version: int = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that looks for a gateway. `bin`: the first digits of a card, where the shop knows them."""

    method: str
    channel: str
    amount: int
    currency: str
    district: str = ""
    bin: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is set up: its connection's code, what it takes, what it keeps, who serves in its place (`fallback`)."""

    code: str
    methods: frozenset[str]
    limits: Mapping[str, tuple[int, int]]
    fee: Fee = Fee()
    priority: int = 100
    active: bool = True
    fallback: str = ""


class Record(msgspec.Struct, frozen=True):
    """How a gateway did lately: attempts that came to an end and those that got money, older ones counting less."""

    tried: int = 0
    succeeded: int = 0


class Look(msgspec.Struct, frozen=True, omit_defaults=True):
    """A candidate as it was judged. `why_not` is empty for those that could have been taken; `score` in minor units, less is better."""

    gateway: str
    why_not: str = ""
    fee: int = 0
    success: int = 0
    score: int = 0


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why this gateway: the rule and its version, everybody looked at, in the order in which they would have been taken.

    `instead_of`: the gateway that would have been taken, had its breaker not been open.
    """

    gateway: str
    rule: str = ""
    version: int = 0
    looked_at: tuple[Look, ...] = ()
    instead_of: str = ""


def route(
    asked: Asked,
    candidates: Sequence[Candidate],
    rules: Sequence[Route],
    records: Mapping[str, Record],
    *,
    broken: Collection[str] = (),
    tried: Collection[str] = (),
) -> Receipt:
    """The gateway for this payment, `""` where nobody can take it. `tried` come again only when nobody else is left.

    O(rules + candidates × log candidates). Ties: the connection's priority, then its code.
    """
    rule = next((r for r in sorted(rules, key=lambda r: (r.priority, r.code)) if _fits(r, asked)), None)
    looks: list[tuple[tuple[bool, int, int, int, str], Look]] = []
    for candidate in candidates:
        look = _look(candidate, asked, rule, records.get(candidate.code, Record()), broken)
        again = candidate.code in tried
        place = rule.gateways.index(candidate.code) if rule and rule.choose == "order" and candidate.code in rule.gateways else 0
        looks.append(((again, place, look.score, candidate.priority, candidate.code), look))
    looks.sort(key=lambda each: each[0])
    usable = [look for _, look in looks if not look.why_not]
    passed = [look for _, look in sorted(looks, key=lambda each: each[1].gateway) if look.why_not]
    chosen, instead_of = _chosen([look for _, look in looks], candidates, tried)
    usable.sort(key=lambda look: look.gateway != chosen)
    return Receipt(chosen, rule.code if rule else "", rule.version if rule else 0, tuple(usable + passed), instead_of)


def success(record: Record) -> int:
    """Hundredths of a percent of its payments that a gateway gets through, as if it had `FLOOR_TRIES` average ones before."""
    return half_up(WHOLE * record.succeeded + PRIOR * FLOOR_TRIES, record.tried + FLOOR_TRIES)


def fee_of(fee: Fee, amount: int) -> int:
    """What the gateway keeps of `amount`."""
    return half_up(amount * fee.permyriad, WHOLE) + fee.fixed


def _chosen(ranked: Sequence[Look], candidates: Sequence[Candidate], tried: Collection[str]) -> tuple[str, str]:
    """(who is taken, in whose place): the first; where its breaker is open who stands in for it, else the next.

    One that was tried stands in only where all that are left were.
    """
    usable = [look.gateway for look in ranked if not look.why_not]
    if not usable:
        return "", ""
    wanted = next(look.gateway for look in ranked if look.why_not in ("", "breaker_open"))
    if wanted == usable[0]:
        return wanted, ""
    fallbacks = {each.code: each.fallback for each in candidates}
    able = usable if usable[0] in tried else [code for code in usable if code not in tried]
    return stand_in(wanted, lambda code: fallbacks.get(code, ""), able) or usable[0], wanted


def _fits(rule: Route, asked: Asked) -> bool:
    return (
        rule.active
        and (not rule.methods or asked.method in rule.methods)
        and (not rule.channels or asked.channel in rule.channels)
        and (not rule.currencies or asked.currency in rule.currencies)
        and (not rule.districts or asked.district in rule.districts)
        and (not rule.bins or any(asked.bin.startswith(b) for b in rule.bins))
        and rule.amount_min <= asked.amount
        and (rule.amount_max is None or asked.amount <= rule.amount_max)
    )


def _look(candidate: Candidate, asked: Asked, rule: Route | None, record: Record, broken: Collection[str]) -> Look:
    rate = success(record)
    fee = fee_of(candidate.fee, asked.amount)
    lost = half_up(asked.amount * LOSS * (WHOLE - rate), WHOLE * WHOLE)
    return Look(candidate.code, _why_not(candidate, asked, rule, broken), fee, rate, fee + lost)


def _why_not(candidate: Candidate, asked: Asked, rule: Route | None, broken: Collection[str]) -> str:
    if not candidate.active:
        return "switched_off"
    if rule and rule.gateways and candidate.code not in rule.gateways:
        return "not_in_the_rule"
    if asked.method not in candidate.methods and not (rule and rule.gateways and rule.methods):
        return "other_methods"  # a rule that names both a method and gateways says itself who serves it
    least, most = candidate.limits.get(asked.currency, (0, -1))
    if not least <= asked.amount <= most:
        return "currency" if most < 0 else "amount"
    return "breaker_open" if candidate.code in broken else ""
