"""A parcel that needs a courier, and who is chosen to carry it: the words between booking and choosing."""

import msgspec

from haat.domain import fulfilment, orders

couriers = fulfilment.courier


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that needs a courier. `shunned` are those that will not take it."""

    order: orders.Order
    parcel: orders.Parcel
    cash: int
    weight_g: int
    shunned: tuple[str, ...]


class Chosen(msgspec.Struct, frozen=True):
    """Who is asked to carry it. `area` is how that courier calls the place, `fee` what its tariff says; why, in one line.

    `instead_of`: who would have been asked, had it answered.
    """

    courier: str
    area: couriers.Area = couriers.Area()
    fee: int = 0
    why: str = ""
    instead_of: str = ""
