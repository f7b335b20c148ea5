"""What the steps of fulfilment share: the couriers and vendors that this process knows, and the parcel as a courier is told of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from haat.domain import fulfilment, orders, vendors
from haat.engine.changes import Memory, Whole
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.outside import Outside
from haat.flows.fulfilling.deciding import Policy
from haat.flows.fulfilling.hearing import Reading
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection

couriers = fulfilment.courier

UNWEIGHED_G = 500
RECORDS_OF = timedelta(days=180)  # how far back the past of couriers counts


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that needs a courier. `shunned` are those that will not take it."""

    order: orders.Order
    parcel: orders.Parcel
    cash: int
    weight_g: int
    shunned: tuple[str, ...]


class Chosen(msgspec.Struct, frozen=True):
    """Who is asked to carry it. `area` is how that courier calls the place, `fee` what its tariff says; why, in one line."""

    courier: str
    area: couriers.Area = couriers.Area()
    fee: int = 0
    why: str = ""


Vendors = Callable[[], Mapping[str, vendors.Vendor]]


class Desk:
    """The fulfilment of one process. `known`: the vendors by code, as they are now."""

    def __init__(
        self, outside: Outside, memory: Memory, clock: Clock, new_id: Callable[[], str], known: Vendors, *, policy: Policy | None = None
    ) -> None:
        self.outside = outside
        self.policy = policy or Policy()
        self.new_id = new_id
        self._known = known
        self._clock = clock
        self._fleet: Whole[fulfilment.fleet.Fleet] = Whole({fulfilment.COURIERS}, self._load)
        memory.keep(self._fleet)

    async def _load(self, tx: Tx) -> fulfilment.fleet.Fleet:
        return await fulfilment.load_fleet(tx, since=(self._clock.now() - RECORDS_OF).date())

    def choose(self, wishes: Sequence[Wish]) -> list[Chosen | str]:
        """One courier for each wish, or in words why there is none now."""
        active = self.outside.book.active("courier")
        carriers = [self._carrier(connection) for connection in active]
        choices = fulfilment.choosing.choose_many(self._fleet.value, carriers, [_need(wish) for wish in wishes])
        found: list[Chosen | str] = []
        for choice in choices:
            tried = ", ".join(f"{c.courier}: {c.hindrance}" for c in choice.candidates if c.hindrance)
            why = f"{choice.rule}/{choice.rule_version} {tried}".strip()
            found.append(Chosen(choice.courier, choice.area, choice.fee or 0, why) if choice.courier else tried or "no courier is set up")
        return found

    def _carrier(self, connection: Connection) -> fulfilment.choosing.Carrier:
        plugin: couriers.Courier = self.outside.book.plugin(connection)
        return fulfilment.choosing.Carrier(
            code=connection.code,
            capabilities=plugin.capabilities,
            answers=not self.outside.is_open(connection.code),
            priority=connection.priority,
        )

    def handling(self, vendor: str) -> vendors.Handling:
        """How a vendor works; one that is not known works by the defaults."""
        found = self._known().get(vendor)
        return found.handling if found is not None else vendors.Handling()

    def vendor(self, code: str) -> vendors.Vendor | None:
        return self._known().get(code)

    def courier(self, code: str) -> tuple[Connection, couriers.Courier]:
        """A connection and what speaks through it. Raises Refused where it is gone."""
        connection = self.outside.book.need(code)
        plugin: couriers.Courier = self.outside.book.plugin(connection)
        return connection, plugin

    def reading(self, now: datetime) -> Reading:
        """How couriers' stories are read: what comes back to a vendor that packs without a word is taken as sound."""
        return Reading(now=now, new_id=self.new_id, trusts=lambda vendor: self.handling(vendor).auto_pack)


def weight(order: orders.Order, parcel: orders.Parcel) -> int:
    """What it weighs in grams: on the scales, else by its goods, else a guess that no courier refuses."""
    if parcel.weight_g:
        return parcel.weight_g
    each = {line.line_no: line.weight_g for line in order.lines}
    return sum(each.get(held.line_no, 0) * held.quantity for held in parcel.lines) or UNWEIGHED_G


def consignment(order: orders.Order, parcel: orders.Parcel, *, reference: str, cash: int, area: couriers.Area) -> couriers.Consignment:
    """The parcel as a courier is asked to take it."""
    to = order.ship_to
    names = {line.line_no: line.name for line in order.lines}
    return couriers.Consignment(
        reference=reference,
        recipient=couriers.Recipient(
            name=to.recipient or order.customer.name,
            phone=to.phone or order.customer.phone,
            line=to.line,
            landmark=to.landmark,
            area=to.area,
            upazila=to.upazila,
            district=to.district,
            postcode=to.postcode,
            alt_phone=to.alt_phone,
            country=to.country,
        ),
        cash=cash,
        value=orders.collecting.share(order, parcel),
        weight_g=weight(order, parcel),
        pieces=1,
        number=order.number,
        description=", ".join(f"{held.quantity} × {names.get(held.line_no, '')}" for held in parcel.lines),
        instruction=order.note,
        area=area,
        currency=order.currency,
    )


def _need(wish: Wish) -> fulfilment.choosing.Need:
    order, parcel = wish.order, wish.parcel
    place = order.place
    return fulfilment.choosing.Need(
        zone=place.zone if place is not None else "outside",
        district=place.district if place is not None else "",
        upazila=place.upazila if place is not None else "",
        area=order.ship_to.area,
        country=order.ship_to.country,
        currency=order.currency,
        weight_g=wish.weight_g,
        cash=wish.cash,
        value=orders.collecting.share(order, parcel),
        phone=bool(order.ship_to.phone or order.customer.phone),
        channel=order.channel,
        vendor=parcel.vendor,
        location=parcel.location,
        refused_by=wish.shunned,
    )


def place_of(order: orders.Order, parcel: orders.Parcel) -> int:
    """Which of the order's parcels it is, from 1: a part of our name for its bookings."""
    return next((n for n, p in enumerate(order.shipments, 1) if p.id == parcel.id), 0)


def reference_of(order: orders.Order, parcel: orders.Parcel, booking: int) -> str:
    """Our name for this booking."""
    return fulfilment.shipment.reference(order.number, place_of(order, parcel), booking)


def known(order: orders.Order, parcel_id: str) -> orders.Parcel | None:
    """The parcel, None where the order has none of that id: a step about it is moot."""
    try:
        return orders.fulfilling.parcel_of(order, parcel_id)
    except Refused:
        return None
