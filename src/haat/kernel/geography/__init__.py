"""Bangladesh on one page: divisions, districts, upazilas and metropolitan thanas, post codes, courier areas.

`resolve` turns an address as people write it (Bangla or Latin letters, old or new spelling, any case and spacing) into a
`Place` with stable codes and a pricing zone, or says what it did not understand and what may have been meant. It never guesses
between two places. Other countries pass by their ISO 3166-1 code with generic checks only.

The data is one shipped file made by `ops/geography/build.py`; it is read once, at import.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import resources

import msgspec

from haat.kernel import text as words
from haat.kernel.geography import spelling
from haat.kernel.geography.address import Address, Place, PostcodeCheck, Unresolved

_DATA = resources.files(__package__).joinpath("geo_data")

HOME = "BD"
ZONE_ABROAD = "intl"
ZONES = ("dhaka", "dhaka_suburb", "outside", ZONE_ABROAD)
REMEMBERED_MAX = 8_192
SUGGESTIONS_MAX = 5
SIMILARITY_MIN = 0.6

#: ISO 3166-1 alpha-2, the 249 assigned codes.
COUNTRIES = frozenset(_DATA.joinpath("countries.txt").read_text(encoding="ascii").split())


class Division(msgspec.Struct, frozen=True, array_like=True):
    """One of the eight. `code` is stable, `aliases` are spellings still met."""

    code: str
    name: str
    name_bn: str
    aliases: tuple[str, ...]


class District(msgspec.Struct, frozen=True, array_like=True):
    """A zila. `zone` holds where the address says no more than the district."""

    code: str
    division: str
    name: str
    name_bn: str
    zone: str
    aliases: tuple[str, ...]


class Upazila(msgspec.Struct, frozen=True, array_like=True):
    """An upazila or, with `kind` `thana`, a metropolitan thana, which city addresses have in its stead."""

    code: str
    district: str
    name: str
    name_bn: str
    kind: str
    zone: str
    aliases: tuple[str, ...]


class Area(msgspec.Struct, frozen=True, array_like=True):
    """A delivery area of a courier. `courier_id` is RedX's own number; the post code is often unknown."""

    district: str
    name: str
    zone: str
    postcode: str
    courier_id: int


class Atlas(msgspec.Struct, frozen=True):
    """The shipped file as it stands. `postcodes` are (code, district, upazila or empty)."""

    divisions: tuple[Division, ...]
    districts: tuple[District, ...]
    upazilas: tuple[Upazila, ...]
    postcodes: tuple[tuple[str, str, str], ...]
    areas: tuple[Area, ...]


class _Index:
    """Names to codes: as written, then plain, then without the word for the kind, then by a skeleton that only one has."""

    __slots__ = ("_exact", "_skeletons")

    def __init__(self, named: Iterable[tuple[str, Iterable[str]]]) -> None:
        exact: dict[str, str] = {}
        skeletons: dict[str, set[str]] = defaultdict(set)
        for code, names in named:
            for name in names:
                key = spelling.plain(name)
                exact.setdefault(name, code)
                exact.setdefault(key, code)
                skeletons[spelling.skeleton(key)].add(code)
        self._exact = exact
        self._skeletons = {
            s: next(iter(codes)) for s, codes in skeletons.items() if len(codes) == 1 and len(s) >= spelling.SKELETON_LENGTH_MIN
        }

    def find(self, text: str) -> str | None:
        return self._exact.get(text) or self._find_slowly(text)

    def like(self, text: str) -> list[str]:
        """Codes whose names look like `text`, the likeliest first."""
        key = spelling.without_kind(spelling.plain(text))
        near = difflib.get_close_matches(key, self._exact, n=SUGGESTIONS_MAX * 2, cutoff=SIMILARITY_MIN)
        return list(dict.fromkeys(self._exact[name] for name in near))[:SUGGESTIONS_MAX]

    def _find_slowly(self, text: str) -> str | None:
        key = spelling.plain(text)
        bare = spelling.without_kind(key)
        return self._exact.get(key) or self._exact.get(bare) or self._skeletons.get(spelling.skeleton(bare))


def _names(place: Division | District | Upazila) -> tuple[str, ...]:
    return (place.name, place.name_bn, place.code.rpartition(".")[2], place.code, *place.aliases)


def _upazila_indexes(atlas: Atlas) -> Mapping[str, _Index]:
    """One index a district. The district's own name, and «Sadar» alone, mean the upazila of its seat."""
    members: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for upazila in atlas.upazilas:
        members[upazila.district].append((upazila.code, _names(upazila)))
    for district in atlas.districts:
        own = _names(district)
        seat_names = (*(f"{name} Sadar" for name in own), f"{district.name_bn} সদর")
        wanted = {spelling.plain(name) for name in seat_names}
        seat = [code for code, names in members[district.code] if any(spelling.plain(name) in wanted for name in names)]
        if len(seat) == 1:
            members[district.code].append((seat[0], (*own, "Sadar", "সদর", *seat_names)))
    return {code: _Index(named) for code, named in members.items()}


def _everywhere(atlas: Atlas) -> Mapping[str, tuple[Upazila, ...]]:
    """Plain name → all upazilas and thanas of the country that are called so."""
    found: dict[str, dict[str, Upazila]] = defaultdict(dict)
    for upazila in atlas.upazilas:
        for name in (upazila.name, upazila.name_bn, *upazila.aliases):
            found[spelling.plain(name)][upazila.code] = upazila
    return {name: tuple(by_code.values()) for name, by_code in found.items()}


def _area_zones(atlas: Atlas) -> Mapping[tuple[str, str], str]:
    """(district, plain area name) → zone. An area `Banasree (Dhaka)` counts by its whole name, its head and its hub.

    Names that the courier lists in two zones of one district decide nothing.
    """
    zones: dict[tuple[str, str], set[str]] = defaultdict(set)
    for area in atlas.areas:
        head, _, hub = area.name.partition("(")
        for name in {area.name, head, hub}:
            zones[area.district, spelling.plain(name)].add(area.zone)
    return {key: next(iter(found)) for key, found in zones.items() if len(found) == 1 and key[1]}


def _prefixes(atlas: Atlas) -> Mapping[str, frozenset[str]]:
    """First two digits of a post code → the districts that they belong to."""
    found: dict[str, set[str]] = defaultdict(set)
    for postcode, district, _ in atlas.postcodes:
        found[postcode[:2]].add(district)
    return {prefix: frozenset(codes) for prefix, codes in found.items()}


ATLAS = msgspec.json.decode(_DATA.joinpath("bangladesh.json").read_bytes(), type=Atlas)
DIVISIONS: Mapping[str, Division] = {division.code: division for division in ATLAS.divisions}
DISTRICTS: Mapping[str, District] = {district.code: district for district in ATLAS.districts}
UPAZILAS: Mapping[str, Upazila] = {upazila.code: upazila for upazila in ATLAS.upazilas}
POSTCODES: Mapping[str, tuple[str, str]] = {postcode: (district, upazila) for postcode, district, upazila in ATLAS.postcodes}

_DIVISION_INDEX = _Index((division.code, _names(division)) for division in ATLAS.divisions)
_DISTRICT_INDEX = _Index((district.code, _names(district)) for district in ATLAS.districts)
_UPAZILA_INDEXES = _upazila_indexes(ATLAS)
_EVERYWHERE = _everywhere(ATLAS)
_AREA_ZONES = _area_zones(ATLAS)
_POSTCODE_PREFIXES = _prefixes(ATLAS)
_BEFORE_2015 = {"mymensingh": "dhaka"}  # the four districts of Mymensingh were Dhaka's, and are still written so

_remembered: dict[tuple[str, str, str, str, str, str], Place] = {}


def resolve(address: Address) -> Place | Unresolved:
    """The place of an address, from country, division, district, upazila, area and post code; the other parts are not read.

    The district may be missing where the upazila has its name alone in the country, or where the post code is known. An area
    that the courier knows decides the zone, else the upazila does, else the district. Answers are remembered, 8,192 at most.
    """
    key = (address.country, address.division, address.district, address.upazila, address.area, address.postcode)
    place = _remembered.get(key)
    if place is not None:
        return place
    found = _resolve(address)
    if isinstance(found, Place):
        if len(_remembered) >= REMEMBERED_MAX:
            _remembered.clear()
        _remembered[key] = found
    return found


def upazilas_of(district: str) -> tuple[Upazila, ...]:
    """The upazilas and thanas of a district's code, for a form to choose from; empty for an unknown code."""
    return tuple(upazila for upazila in ATLAS.upazilas if upazila.district == district)


def districts_of(division: str) -> tuple[District, ...]:
    """The districts of a division's code."""
    return tuple(district for district in ATLAS.districts if district.division == division)


def _resolve(address: Address) -> Place | Unresolved:
    country = address.country.upper()
    if country != HOME:
        return _abroad(country, address)
    postcode = words.ascii_digits(address.postcode).strip()
    division = _DIVISION_INDEX.find(address.division) if address.division.strip() else ""
    if division is None:
        return Unresolved("division_unknown", "division", address.division, _titles(_DIVISION_INDEX.like(address.division)))
    upazila_text = address.upazila.strip()
    district = _DISTRICT_INDEX.find(address.district) if address.district.strip() else ""
    if not district:
        found = _district_elsewhere(address.district, upazila_text, division, postcode)
        if isinstance(found, Unresolved):
            return found
        district, upazila_text = found
    actual = DISTRICTS[district].division
    if division and division != actual and _BEFORE_2015.get(actual) != division:
        return Unresolved("parts_disagree", "division", address.division, (DIVISIONS[actual].name,))
    return _within(DISTRICTS[district], upazila_text, address.area, postcode)


def _abroad(country: str, address: Address) -> Place | Unresolved:
    if country not in COUNTRIES:
        return Unresolved("country_unknown", "country", address.country)
    if not (address.district.strip() or address.division.strip() or address.postcode.strip()):
        return Unresolved("district_missing", "district")
    return Place(country=country, zone=ZONE_ABROAD, postcode=address.postcode.strip())


def _district_elsewhere(text: str, upazila_text: str, division: str, postcode: str) -> tuple[str, str] | Unresolved:
    """The district where none is named that we know: by the upazila, alone or written into the district's field, else by post code."""
    for candidate in (upazila_text, text.strip()):
        places = _EVERYWHERE.get(spelling.plain(candidate), ()) if candidate else ()
        if division:
            places = tuple(place for place in places if DISTRICTS[place.district].division == division)
        if len(places) == 1 and not (candidate == upazila_text and text.strip()):
            return places[0].district, candidate
        if len(places) > 1 and not text.strip():
            return Unresolved(
                "ambiguous", "district", candidate, tuple(f"{p.name}, {DISTRICTS[p.district].name}" for p in places[:SUGGESTIONS_MAX])
            )
    if text.strip():
        return Unresolved("district_unknown", "district", text, _titles(_DISTRICT_INDEX.like(text)))
    known = POSTCODES.get(postcode)
    if known is not None:
        return known[0], upazila_text
    return Unresolved("district_missing", "district")


def _within(district: District, upazila_text: str, area: str, postcode: str) -> Place | Unresolved:
    index = _UPAZILA_INDEXES[district.code]
    area_zone = _AREA_ZONES.get((district.code, spelling.plain(area))) if area else None
    upazila: str | None = ""
    if upazila_text:
        upazila = index.find(upazila_text)
        if upazila is None:
            area_zone = area_zone or _AREA_ZONES.get((district.code, spelling.plain(upazila_text)))
            if area_zone is None and _DISTRICT_INDEX.find(upazila_text) != district.code:
                return Unresolved("upazila_unknown", "upazila", upazila_text, _upazila_suggestions(index, upazila_text))
    elif area:
        upazila = index.find(area)
    known = POSTCODES.get(postcode)
    if not upazila and known is not None and known[0] == district.code:
        upazila = known[1]
    zone = area_zone or (UPAZILAS[upazila].zone if upazila else district.zone)
    check = _check_postcode(postcode, district.code)
    return Place(HOME, zone, district.division, district.code, upazila or "", postcode, check)


def _check_postcode(postcode: str, district: str) -> PostcodeCheck:
    if not postcode:
        return "absent"
    known = POSTCODES.get(postcode)
    if known is not None:
        return "agrees" if known[0] == district else "disagrees"
    districts = _POSTCODE_PREFIXES.get(postcode[:2], frozenset()) if len(postcode) == 4 else frozenset()
    return "disagrees" if districts and district not in districts else "unknown"


def _upazila_suggestions(index: _Index, text: str) -> tuple[str, ...]:
    near = [UPAZILAS[code].name for code in index.like(text)]
    elsewhere = [f"{place.name}, {DISTRICTS[place.district].name}" for place in _EVERYWHERE.get(spelling.plain(text), ())]
    return tuple(dict.fromkeys([*elsewhere, *near]))[:SUGGESTIONS_MAX]


def _titles(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple((DISTRICTS.get(code) or DIVISIONS[code]).name for code in codes)
