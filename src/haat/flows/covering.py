"""Where couriers go: what a courier says of its places, matched with our maps and kept, so that choosing finds its ids.

    courier.areas ─► geography ─► rows by district, upazila and area;  what nobody could place is told, not guessed

Said again, nothing changes. What an operator wrote by hand stays unless the courier names the same place.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from haat.domain import fulfilment, orders
from haat.engine.outside import Outside
from haat.kernel import geography
from haat.kernel.errors import Refused

couriers, fleet = fulfilment.courier, fulfilment.fleet

TOLD_MAX = 200
#: Longer than a connection's limit, for which the steps of orders wait: a courier is asked once for each of its cities.
LIMIT_S = 300.0


class Covered(msgspec.Struct, frozen=True):
    """`places` that the courier named, `changed` rows of ours, and the first of those that our maps do not know."""

    places: int
    changed: int
    unplaced_count: int
    unplaced: list[str]


async def refresh(outside: Outside, code: str, *, by: str, now: datetime) -> Covered:
    """Ask a courier where it goes and keep it. Refused where it is not known or cannot be asked (`no_areas`)."""
    connection = outside.book.need(code)
    plugin = outside.book.plugin(connection)
    if connection.kind != "courier" or plugin.areas is None:
        raise Refused("no_areas", f"{connection.plugin} does not say where it goes; write its places.", kind="conflict")
    reaches = await outside.drive(connection, plugin.areas(connection), subject="areas", limit_s=LIMIT_S)
    placed, unplaced = matched(reaches)
    async with outside.database.transaction(by=by) as tx:
        changed = await fulfilment.put_coverage(tx, code, placed, now=now)
    return Covered(len(reaches), changed, len(unplaced), unplaced[:TOLD_MAX])


def matched(reaches: Iterable[couriers.Reach]) -> tuple[list[fleet.Coverage], list[str]]:
    """Rows for places that our maps know, and the names of the others. The first place within an upazila stands for all of it,
    unless one is called like the upazila itself."""
    rows: dict[tuple[str, str, str], fleet.Coverage] = {}
    unplaced: list[str] = []
    for reach in reaches:
        place = geography.resolve(
            orders.Address(
                division=reach.division, district=reach.district, upazila=reach.place, area=reach.place, postcode=_four(reach.postcode)
            )
        )
        if isinstance(place, orders.Unresolved):
            place = geography.resolve(orders.Address(district=reach.district, area=reach.place, postcode=_four(reach.postcode)))
        if isinstance(place, orders.Unresolved) or not place.district:
            unplaced.append(", ".join(part for part in (reach.place, reach.district or reach.division) if part))
            continue
        row = _row(reach, place, area=fleet.plain(reach.place))
        rows[row.district, row.upazila, row.area] = row
        if place.upazila and (fleet.plain(reach.place) in _names(place.upazila) or (row.district, row.upazila, "") not in rows):
            rows[row.district, row.upazila, ""] = _row(reach, place, area="")
    return [rows[key] for key in sorted(rows)], unplaced


def _row(reach: couriers.Reach, place: orders.Place, *, area: str) -> fleet.Coverage:
    ids = reach.area
    return fleet.Coverage(
        place.district, place.upazila, area, ids.city_id, ids.zone_id, ids.area_id, ids.name or reach.place, delivers=reach.delivers
    )


def _names(upazila: str) -> frozenset[str]:
    known = geography.UPAZILAS[upazila]
    return frozenset(fleet.plain(name) for name in (known.name, known.name_bn, *known.aliases))


def _four(postcode: str) -> str:
    return postcode if len(postcode) == 4 and postcode.isascii() and postcode.isdigit() else ""
