"""The parcel can get there: the address was found on the map, it is complete enough for a courier, and we deliver to it.

An address that nobody can place becomes a return that somebody pays for, so it is stopped here, with suggestions, while
the buyer is still looking at the form.
"""

from haat.domain.orders.validation import Case, Hold, Outcome, Policy, Refusal, Rule
from haat.kernel.geography.address import Address, Place, Unresolved


def check(case: Case, policy: Policy) -> Outcome | None:
    place = case.place
    if place is None:
        return None
    if isinstance(place, Unresolved):
        return _unresolved(place, policy)
    return _unserved(place, policy) or _incomplete(case.address, policy) or _doubtful(place, policy)


def _unresolved(place: Unresolved, policy: Policy) -> Outcome | None:
    if policy.unresolved_address == "accept":
        return None
    data = {"field": place.field, "value": place.value, "suggestions": list(place.suggestions)}
    if policy.unresolved_address == "hold":
        return Hold("ADDRESS", place.reason, "The address could not be placed on the map.", data)
    return Refusal(place.reason, "The address could not be placed on the map.", data)


def _unserved(place: Place, policy: Policy) -> Outcome | None:
    countries = policy.countries
    if countries is not None and place.country not in countries:
        return Refusal("country_not_served", f"We do not deliver to {place.country}.", {"country": place.country})
    if place.district in policy.districts_unserved or place.zone in policy.zones_unserved:
        return Refusal("area_not_served", "We do not deliver to this area yet.", {"district": place.district, "zone": place.zone})
    return None


def _incomplete(address: Address, policy: Policy) -> Outcome | None:
    if policy.recipient_required and not address.recipient.strip():
        return Refusal("recipient_missing", "The parcel needs the name of a person.", {"field": "recipient"})
    if policy.address_line_required and not (address.line.strip() or address.landmark.strip() or address.area.strip()):
        return Refusal("line_missing", "The courier needs a street, an area or a landmark.", {"field": "line"})
    return None


def _doubtful(place: Place, policy: Policy) -> Outcome | None:
    if place.postcode_check != "disagrees" or policy.postcode_disagrees == "accept":
        return None
    data = {"postcode": place.postcode, "district": place.district}
    if policy.postcode_disagrees == "hold":
        return Hold("ADDRESS", "postcode_disagrees", "The post code belongs to another district.", data)
    return Refusal("postcode_disagrees", "The post code belongs to another district.", data)


RULE = Rule("address_served", 1, "The address is known and served", check)
