"""Quantities that somebody names by line number: which units are meant, refused where there are not so many. Pure."""

from collections.abc import Iterable, Mapping

from haat.domain.orders.events import ParcelLine
from haat.domain.orders.goods import Parcel, outstanding
from haat.kernel.errors import Refused


def lines(quantities: Mapping[int, int]) -> tuple[ParcelLine, ...]:
    """As lines, those with no units left out."""
    if any(quantity < 0 for quantity in quantities.values()):
        raise Refused("invalid", "Quantities are not negative.")
    return tuple(ParcelLine(n, quantity) for n, quantity in sorted(quantities.items()) if quantity)


def joined(parcels: Iterable[Parcel]) -> tuple[ParcelLine, ...]:
    """What these parcels still hold, in all."""
    sums: dict[int, int] = {}
    for parcel in parcels:
        for line in outstanding(parcel):
            sums[line.line_no] = sums.get(line.line_no, 0) + line.quantity
    return lines(sums)


def asked(parcels: Iterable[Parcel], quantities: Mapping[int, int]) -> tuple[ParcelLine, ...]:
    """Those units, refused where the parcels have fewer or none are meant."""
    meant = lines(quantities)
    within(joined(parcels), meant)
    if not meant:
        raise Refused("no_units", "No units are meant.")
    return meant


def within(has: Iterable[ParcelLine], meant: Iterable[ParcelLine]) -> None:
    """Refused where more is meant of a line than there is."""
    there = {line.line_no: line.quantity for line in has}
    for line in meant:
        there[line.line_no] = there.get(line.line_no, 0) - line.quantity
        if there[line.line_no] < 0:
            raise Refused(
                "more_than_there_is", f"Line {line.line_no} has fewer units than that in it.", line_no=line.line_no, asked=line.quantity
            )
