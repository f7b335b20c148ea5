"""Which courier carries a parcel: the one that is expected to cost least per delivered parcel, within an admin's rules. Pure.

    expected = fee + chance of failure × (fee back + what a failure costs) + late days × what a day is worth

A cheap courier whose parcels come back is dear. Who cannot (place, weight, cash, currency), may not (rules), is full, refused this
parcel before or does not answer (breaker) is left out, each with its reason. Where nothing but its breaker keeps the best one away, its
declared fallback carries the parcel if it can, else the next best. The choice keeps all candidates as its receipt.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct, structs

from haat.domain.fulfilment.courier import Area, Capabilities
from haat.domain.fulfilment.fleet import NO_RULE, CourierConditions, CourierRule, Fleet, Transit
from haat.kernel.money import half_up
from haat.kernel.outside import stand_in

Hindrance = Literal[
    "", "inactive", "breaker_open", "refused_before", "full", "rule", "country", "currency", "no_cash", "cash_limit", "weight", "no_phone",
    "area_not_served", "no_cash_there", "area_unknown",
]  # fmt: skip


class Carrier(Struct, frozen=True, kw_only=True):
    """A courier account that may be chosen. `capacity`: parcels a day, None without limit; `taken` of them today.

    `answers` is False while its breaker is open: then `fallback` stands in for it. Lower `priority` wins a tie.
    """

    code: str
    capabilities: Capabilities
    active: bool = True
    answers: bool = True
    priority: int = 100
    capacity: int | None = None
    taken: int = 0
    fallback: str = ""


class Need(Struct, frozen=True, kw_only=True):
    """A parcel that wants a courier. `refused_by`: couriers that would not take it. Amounts in minor units."""

    zone: str
    district: str = ""
    upazila: str = ""
    area: str = ""
    country: str = "BD"
    currency: str = "BDT"
    weight_g: int = 500
    cash: int = 0
    value: int = 0
    phone: bool = True
    channel: str = ""
    vendor: str = ""
    location: str = ""
    refused_by: tuple[str, ...] = ()


class Candidate(Struct, frozen=True, omit_defaults=True):
    """A courier that was considered. `hindrance` says why not; `success` in ten thousandths; `expected` is what it was ranked by.

    `fee` is None where no tariff says: such a one ranks as if it were as dear as the dearest.
    """

    courier: str
    hindrance: Hindrance = ""
    fee: int | None = None
    success: int = 0
    typical_days: int = 0
    late_days: int = 0
    expected: int = 0
    preferred: bool = False


class Choice(Struct, frozen=True):
    """The courier, its name for the place, and the receipt: rule, version and all candidates, the chosen one first, then the best.

    Empty: nobody can. `instead_of`: the courier that would have been chosen, had it answered.
    """

    courier: str
    area: Area
    rule: str
    rule_version: int
    candidates: tuple[Candidate, ...]
    instead_of: str = ""

    @property
    def fee(self) -> int | None:
        """What the chosen one takes; None where no tariff says or nobody was chosen."""
        return next((each.fee for each in self.candidates if each.courier == self.courier), None)


def choose(fleet: Fleet, carriers: Sequence[Carrier], need: Need) -> Choice:
    """The best carrier for one parcel. The order of `carriers` does not matter. O(carriers)."""
    rule = next((rule for rule in fleet.rules if holds(rule.conditions, need)), NO_RULE)
    hindered = [Candidate(each.code, why) for each in carriers if (why := hindrance(fleet, each, need, rule))]
    out = {each.courier for each in hindered}
    able = [each for each in carriers if each.code not in out]
    ranked = _ranked(fleet, able, need, rule)
    best = ranked[0].courier if ranked else ""
    instead_of = _silenced(fleet, carriers, able, need, rule) if ranked else ""
    if instead_of:
        fallbacks = {each.code: each.fallback for each in carriers}
        best = stand_in(instead_of, lambda code: fallbacks.get(code, ""), {each.code for each in able}) or best
        ranked.sort(key=lambda each: each.courier != best)
    place = fleet.coverage(best, need.district, need.upazila, need.area) if best else None
    receipt = (*ranked, *sorted(hindered, key=lambda each: each.courier))
    return Choice(best, place.ids() if place else Area(), rule.code, rule.version, receipt, instead_of)


def choose_many(fleet: Fleet, carriers: Sequence[Carrier], needs: Sequence[Need]) -> list[Choice]:
    """One choice for each parcel, in their order; each takes its share of its courier's capacity before the next is looked at."""
    now = list(carriers)
    choices = []
    for need in needs:
        choice = choose(fleet, now, need)
        if fleet.counted or any(each.capacity is not None for each in now):
            now = [structs.replace(each, taken=each.taken + 1) if each.code == choice.courier else each for each in now]
        choices.append(choice)
    return choices


def transit(fleet: Fleet, carriers: Sequence[Carrier], need: Need) -> tuple[str, Transit]:
    """Who would carry it as things are, and how long that takes; for a promise before anything is bought («» where nobody can)."""
    chosen = choose(fleet, carriers, need).courier
    return chosen, fleet.transit(chosen, need.district, need.upazila, need.zone)


def holds(when: CourierConditions, need: Need) -> bool:
    """Whether a rule is meant for this parcel."""
    return (
        (not when.channels or need.channel in when.channels)
        and (not when.vendors or need.vendor in when.vendors)
        and (not when.locations or need.location in when.locations)
        and (not when.zones or need.zone in when.zones)
        and (not when.districts or need.district in when.districts)
        and (when.cash is None or when.cash == (need.cash > 0))
        and (when.value_min is None or need.value >= when.value_min)
        and (when.value_max is None or need.value <= when.value_max)
        and (when.weight_min_g is None or need.weight_g >= when.weight_min_g)
        and (when.weight_max_g is None or need.weight_g <= when.weight_max_g)
    )


def hindrance(fleet: Fleet, carrier: Carrier, need: Need, rule: CourierRule) -> Hindrance:
    """The first thing that keeps a carrier from this parcel; empty where nothing does."""
    return _of_its_own(carrier, need, rule) or _of_the_parcel(carrier.capabilities, need) or _of_the_place(fleet, carrier, need)


def _of_its_own(carrier: Carrier, need: Need, rule: CourierRule) -> Hindrance:
    if not carrier.active:
        return "inactive"
    if not carrier.answers:
        return "breaker_open"
    if carrier.code in need.refused_by:
        return "refused_before"
    limits = [limit for limit in (carrier.capacity, rule.daily.get(carrier.code)) if limit is not None]
    if limits and carrier.taken >= min(limits):
        return "full"
    return "rule" if carrier.code in rule.forbid or (rule.only and carrier.code not in rule.only) else ""


def _of_the_parcel(can: Capabilities, need: Need) -> Hindrance:
    checks: tuple[tuple[bool, Hindrance], ...] = (
        (bool(can.countries) and need.country not in can.countries, "country"),
        (bool(can.currencies) and need.currency not in can.currencies, "currency"),
        (need.cash > 0 and not can.cash, "no_cash"),
        (can.cash_max is not None and need.cash > can.cash_max, "cash_limit"),
        (can.weight_max_g is not None and need.weight_g > can.weight_max_g, "weight"),
        (can.needs_phone and not need.phone, "no_phone"),
    )
    return next((why for wrong, why in checks if wrong), "")


def _of_the_place(fleet: Fleet, carrier: Carrier, need: Need) -> Hindrance:
    place = fleet.coverage(carrier.code, need.district, need.upazila, need.area)
    if place is None:
        return "area_not_served"
    if need.cash > 0 and not place.collects:
        return "no_cash_there"
    return "area_unknown" if carrier.capabilities.needs_area and not place.area_id else ""


def _fee(fleet: Fleet, courier: str, need: Need) -> int | None:
    tariff = fleet.tariff(courier, need.zone)
    return None if tariff is None else tariff.fee(weight_g=need.weight_g, cash=need.cash)


def _silenced(fleet: Fleet, carriers: Sequence[Carrier], able: Sequence[Carrier], need: Need, rule: CourierRule) -> str:
    """The one that would be chosen, were its breaker not open; "" where the best one answers."""
    silent = [each for each in carriers if not each.answers and not hindrance(fleet, structs.replace(each, answers=True), need, rule)]
    if not silent:
        return ""
    best = _ranked(fleet, [*able, *silent], need, rule)[0].courier
    return best if any(each.code == best for each in silent) else ""


def _ranked(fleet: Fleet, able: Sequence[Carrier], need: Need, rule: CourierRule) -> list[Candidate]:
    """Those that can go, weighed, the best first."""
    fees = {each.code: _fee(fleet, each.code, need) for each in able}
    dearest = max((fee for fee in fees.values() if fee is not None), default=0)
    weighed = sorted(
        ((_weighed(fleet, each.code, need, rule, fee=fees[each.code], dearest=dearest), each.priority) for each in able),
        key=lambda pair: (not pair[0].preferred, pair[0].expected, pair[1], pair[0].courier),
    )
    return [candidate for candidate, _ in weighed]


def _weighed(fleet: Fleet, courier: str, need: Need, rule: CourierRule, *, fee: int | None, dearest: int) -> Candidate:
    tariff = fleet.tariff(courier, need.zone)
    success = fleet.success(courier, need.district, need.upazila)
    way = fleet.transit(courier, need.district, need.upazila, need.zone)
    back = (tariff.return_fee if tariff else 0) + rule.failure_cost
    expected = (dearest if fee is None else fee) + half_up((10_000 - success) * back, 10_000) + way.late * rule.day_cost
    return Candidate(courier, "", fee, success, way.typical, way.late, expected, courier in rule.prefer)
