"""The days that are promised: of the order, and of parcels for which another one was. Pure.

The order's is the latest of what is still to come: of its parcels, and of goods that no parcel has yet.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from haat.domain.orders.events import OrderPromised
from haat.domain.orders.goods import TO_BRING, OrderLine, Parcel

_UNSENT = ("open", "reserved", "backordered")


def promised(
    day: datetime | None, parcels: tuple[Parcel, ...], lines: Iterable[OrderLine], f: OrderPromised, at: datetime
) -> tuple[datetime | None, tuple[Parcel, ...]]:
    """The order's day and its parcels after the fact. `day`: the order's until now.

    From the first day of a parcel's own on, the others keep the one they had. A day for all leaves alone what is still to come.
    """
    replace = msgspec.structs.replace
    if f.parcel:
        if not any(p.id == f.parcel and p.coming for p in parcels):
            return day, parcels
        parcels = tuple(
            [
                replace(p, promised_at=f.promised_at, agreed=f.agreed, wishes=p.wishes + f.agreed)
                if p.id == f.parcel
                else replace(p, promised_at=day)
                if p.coming and p.promised_at is None
                else p
                for p in parcels
            ]
        )
        return latest(day, parcels, lines), parcels
    parcels = tuple([replace(p, promised_at=None, agreed=False) if p.promised_at and p.promised_at <= at else p for p in parcels])
    return max([f.promised_at, *(p.promised_at for p in parcels if p.coming and p.promised_at)]), parcels


def latest(day: datetime | None, parcels: Iterable[Parcel], lines: Iterable[OrderLine]) -> datetime | None:
    """The order's day where parcels have days of their own; `day` as it is where none has, or nothing is to come."""
    coming = [p for p in parcels if p.coming]
    own = [p.promised_at for p in coming if p.promised_at is not None]
    if day is None or not own:
        return max(own, default=day)
    rest = len(own) < len(coming) or any(bucket in line.buckets for line in lines for bucket in _UNSENT)
    return max([*own, day]) if rest else max(own)


def next_day(day: datetime | None, parcels: Iterable[Parcel]) -> datetime | None:
    """The first day on which something is to be there."""
    days = [p.promised_at for p in parcels if p.coming and p.promised_at is not None]
    return min([*days, *([day] if day is not None else [])], default=None)


def brought_by(parcel: Parcel) -> str:
    """Who brings it and would come on another day than was agreed on, were nobody to say so: its courier, or «self» on the road."""
    return parcel.courier if parcel.coming and parcel.agreed and parcel.status in TO_BRING else ""
