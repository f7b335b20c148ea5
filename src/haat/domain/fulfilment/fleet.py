"""What is known of couriers beforehand: where they go, what they take, how their parcels fared, and an admin's rules. Pure values.

Coverage is told from the narrowest word to the widest: an area, its upazila, its district. A courier of whom no place was ever
written goes everywhere (it reads addresses itself). Records are sums of months; what is thin leans on what is wider:

    upazila ─► district ─► the courier everywhere ─► PRIOR        success = (delivered + PULL × wider) / (delivered + failed + PULL)
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.domain.fulfilment.courier import Area
from haat.kernel.money import half_up, permyriad

PRIOR = 8_500  # hundredths of a percent: of COD parcels 10–30 % come back (habit), until a courier has shown otherwise
PULL = 20  # parcels: a record of twenty counts as much as what is known of wider places
SURE = 10  # in ten thousandths: as near to never and always as any record comes
SAMPLE_LEAST = 30  # parcels: below it the days of a place say nothing about its slow tenth
DAYS_KEPT = 16
#: Days on the way, typical and late (of ten parcels one takes longer), by zone (habit; reference/couriers.md, 6).
DAYS_BY_ZONE: Mapping[str, tuple[int, int]] = {"dhaka": (1, 2), "dhaka_suburb": (2, 3), "outside": (3, 5), "intl": (10, 20)}

Minor = Annotated[int, Meta(ge=0, le=10**12)]
Grams = Annotated[int, Meta(ge=0, le=10_000_000)]
Days = Annotated[int, Meta(ge=0, le=90)]
Word = Annotated[str, Meta(min_length=1, max_length=80)]
Words = Annotated[tuple[Word, ...], Meta(max_length=200)]


class Coverage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place as a courier knows it. `upazila` and `area` empty: all of the wider one. `collects`: it takes cash there."""

    district: Annotated[str, Meta(min_length=1, max_length=80)]
    upazila: Annotated[str, Meta(max_length=80)] = ""
    area: Annotated[str, Meta(max_length=120)] = ""
    city_id: Annotated[str, Meta(max_length=40)] = ""
    zone_id: Annotated[str, Meta(max_length=40)] = ""
    area_id: Annotated[str, Meta(max_length=40)] = ""
    name: Annotated[str, Meta(max_length=120)] = ""
    delivers: bool = True
    collects: bool = True

    def ids(self) -> Area:
        return Area(self.city_id, self.zone_id, self.area_id, self.name)


class Tariff(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a courier takes into a zone («*»: any without its own), minor units; `cash_rate` in hundredths of a percent of the cash.

    `base` covers `upto_g`; every kilogram begun above costs `per_kg`. `days`: typical and late, None where it says nothing.
    """

    zone: Annotated[str, Meta(min_length=1, max_length=32)]
    base: Minor
    upto_g: Grams = 1_000
    per_kg: Minor = 0
    cash_fee: Minor = 0
    cash_rate: Annotated[int, Meta(ge=0, le=10_000)] = 0
    return_fee: Minor = 0
    days: tuple[Days, Days] | None = None

    def fee(self, *, weight_g: int, cash: int) -> int:
        """The way there and the cash; the rate of the cash half up."""
        more = -(-max(weight_g - self.upto_g, 0) // 1_000) * self.per_kg
        return self.base + more + (self.cash_fee + permyriad(cash, self.cash_rate) if cash else 0)


class CourierConditions(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that are set have to hold."""

    channels: Words = ()
    vendors: Words = ()
    locations: Words = ()
    zones: Words = ()
    districts: Words = ()
    cash: bool | None = None
    value_min: Minor | None = None
    value_max: Minor | None = None
    weight_min_g: Grams | None = None
    weight_max_g: Grams | None = None


class CourierRule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An admin's rule; the lowest `position` whose conditions hold decides, alone. `version` is counted by the server.

    `only`: no others; `forbid`: not these; `prefer`: one of these if it can at all; `daily`: so many parcels a day of a courier at the
    most, whatever the rule they were chosen by. `failure_cost` is what a parcel that comes back costs beyond the courier's fee,
    `day_cost` what a day on the way is worth; both in minor units.
    """

    code: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    position: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    title: Annotated[str, Meta(max_length=200)] = ""
    active: bool = True
    conditions: CourierConditions = CourierConditions()
    only: Words = ()
    forbid: Words = ()
    prefer: Words = ()
    daily: Annotated[dict[Word, Annotated[int, Meta(ge=0, le=10**9)]], Meta(max_length=200)] = {}
    failure_cost: Minor = 10_000
    day_cost: Minor = 500
    version: int = 0


#: Where no rule holds.
NO_RULE = CourierRule("default", title="The least that one delivered parcel is expected to cost")


class Record(Struct, frozen=True):
    """How parcels of a courier to a place fared. `days[n]`: delivered n days after hand-over, the last: that many and more."""

    courier: str
    district: str = ""
    upazila: str = ""
    delivered: int = 0
    returned: int = 0
    lost: int = 0
    days: tuple[int, ...] = ()


class Transit(Struct, frozen=True):
    """Days on the way: typical (the median), and late (nine of ten are faster). `basis` says what it was taken from."""

    typical: int
    late: int
    basis: Literal["upazila", "district", "courier", "tariff", "zone"]


class Fleet(Struct, frozen=True):
    """Everything that choosing looks up; made by `assemble`, then only read."""

    areas: Mapping[str, Mapping[tuple[str, str, str], Coverage]] = {}
    tariffs: Mapping[tuple[str, str], Tariff] = {}
    rules: tuple[CourierRule, ...] = ()
    records: Mapping[tuple[str, str, str], Record] = {}

    @property
    def counted(self) -> bool:
        """Whether any rule limits a courier's day, so that its parcels have to be counted."""
        return any(rule.daily for rule in self.rules)

    def coverage(self, courier: str, district: str, upazila: str, area: str) -> Coverage | None:
        """The narrowest that is written; a courier without a word goes everywhere; None where this one does not go."""
        known = self.areas.get(courier)
        if not known:
            return Coverage(district or "-")
        word = plain(area)
        for key in ((district, upazila, word), (district, "", word), (district, upazila, ""), (district, "", "")):
            found = known.get(key)
            if found is not None:
                return found if found.delivers else None
        return None

    def tariff(self, courier: str, zone: str) -> Tariff | None:
        return self.tariffs.get((courier, zone)) or self.tariffs.get((courier, "*"))

    def success(self, courier: str, district: str, upazila: str) -> int:
        """How many of ten thousand parcels are expected to be delivered; more deliveries never lower it."""
        chance = PRIOR
        for key in dict.fromkeys(((courier, "", ""), (courier, district, ""), (courier, district, upazila))):
            record = self.records.get(key)
            if record is not None:
                tried = record.delivered + record.returned + record.lost
                chance = half_up(record.delivered * 10_000 + PULL * chance, tried + PULL)
        return min(max(chance, SURE), 10_000 - SURE)

    def transit(self, courier: str, district: str, upazila: str, zone: str) -> Transit:
        """Out of past deliveries where there are enough of them, else what the tariff says, else what the zone usually takes."""
        tariff = self.tariff(courier, zone)
        bases: tuple[tuple[Literal["upazila", "district", "courier"], tuple[str, str, str]], ...] = (
            ("upazila", (courier, district, upazila)),
            ("district", (courier, district, "")),
        )
        for basis, key in bases if upazila else bases[1:]:
            record = self.records.get(key)
            if record is not None and sum(record.days) >= SAMPLE_LEAST:
                return Transit(quantile(record.days, 5_000), quantile(record.days, 9_000), basis)
        if tariff is not None and tariff.days is not None:
            return Transit(*tariff.days, "tariff")
        return Transit(*DAYS_BY_ZONE.get(zone, DAYS_BY_ZONE["outside"]), "zone")


def assemble(
    areas: Iterable[tuple[str, Coverage]], tariffs: Iterable[tuple[str, Tariff]], rules: Iterable[CourierRule], records: Iterable[Record]
) -> Fleet:
    """A fleet out of rows (courier, what is known). Records of a place also count for the wider ones. O(rows)."""
    known: dict[str, dict[tuple[str, str, str], Coverage]] = {}
    for courier, place in areas:
        known.setdefault(courier, {})[place.district, place.upazila, plain(place.area)] = place
    summed: dict[tuple[str, str, str], Record] = {}
    for record in records:
        keys = {(record.courier, "", ""), (record.courier, record.district, ""), (record.courier, record.district, record.upazila)}
        for key in keys:
            summed[key] = _sum(summed.get(key, Record(*key)), record)
    ordered = sorted((rule for rule in rules if rule.active), key=lambda rule: (rule.position, rule.code))
    return Fleet(known, {(courier, tariff.zone): tariff for courier, tariff in tariffs}, tuple(ordered), summed)


def quantile(days: tuple[int, ...], share: int) -> int:
    """The least number of days within which `share` of ten thousand arrived."""
    wanted, arrived = sum(days) * share, 0
    for day, parcels in enumerate(days):
        arrived += parcels * 10_000
        if arrived >= wanted:
            return day
    return len(days)


def plain(text: str) -> str:
    """An area's name as it is compared: without case and doubled spaces."""
    return " ".join(text.casefold().split())


def _sum(one: Record, other: Record) -> Record:
    length = max(len(one.days), len(other.days))
    days = tuple([sum(pair) for pair in zip(_padded(one.days, length), _padded(other.days, length), strict=True)])
    return Record(
        one.courier, one.district, one.upazila, one.delivered + other.delivered, one.returned + other.returned, one.lost + other.lost, days
    )


def _padded(days: tuple[int, ...], length: int) -> tuple[int, ...]:
    return days + (0,) * (length - len(days))
