"""Where an order goes: the address as it was given, and the place that it was found to be.

An address is kept as the customer wrote it, in Bangla or in Latin letters, for the courier reads it too. A `Place` is
what the platform understood of it: codes that do not change with the spelling, and the zone that prices the parcel.
Both travel inside facts and are never looked up again, so a later change of the maps does not change an old order.
"""

from typing import Annotated, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=120)]
Phone = Annotated[str, msgspec.Meta(max_length=32)]
Code = Annotated[str, msgspec.Meta(max_length=80)]
Text = Annotated[str, msgspec.Meta(max_length=300)]
Postcode = Annotated[str, msgspec.Meta(max_length=12)]
Country = Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]

PostcodeCheck = Literal["absent", "agrees", "unknown", "disagrees"]


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """An address as given. Every part may be empty here; which must not be is a question for the rules.

    `country` is ISO 3166-1 alpha-2. In Bangladesh `upazila` also takes a metropolitan thana, and `union` a ward.
    Outside, `division` is the state or province and `district` the city.
    """

    recipient: Name = ""
    phone: Phone = ""
    alt_phone: Phone = ""
    country: Country = "BD"
    division: Code = ""
    district: Code = ""
    upazila: Code = ""
    union: Code = ""
    area: Code = ""
    line: Text = ""
    landmark: Text = ""
    postcode: Postcode = ""
    lat: Latitude | None = None
    lng: Longitude | None = None


class Place(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A place that is known. Codes are readable and stable: `dhaka`, `chattogram`, `gazipur.kaliakair`.

    `zone` prices the parcel: `dhaka`, `dhaka_suburb`, `outside`, or `intl` for every other country, where only
    `country` is set beside it. `upazila` is empty where the address names the district only.
    `postcode` is four ASCII digits in Bangladesh, and `postcode_check` says whether the maps put it in this district.
    """

    country: str
    zone: str
    division: str = ""
    district: str = ""
    upazila: str = ""
    postcode: str = ""
    postcode_check: PostcodeCheck = "absent"


class Unresolved(msgspec.Struct, frozen=True, omit_defaults=True):
    """An address that could not be placed: which part failed, what was read there, and what may have been meant.

    `reason` is a stable word: `country_unknown`, `district_missing`, `division_unknown`, `district_unknown`, `upazila_unknown`,
    `ambiguous`, `parts_disagree`. `suggestions` are names a person can choose from, the likeliest first.
    """

    reason: str
    field: str = ""
    value: str = ""
    suggestions: tuple[str, ...] = ()
