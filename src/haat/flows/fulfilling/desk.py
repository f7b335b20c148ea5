"""What the steps of fulfilment share: the couriers and vendors that this process knows, and the parcel as a courier is told of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from haat.domain import fulfilment, orders, vendors
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.outside import Outside
from haat.flows.fulfilling.carriers import Carriers
from haat.flows.fulfilling.deciding import Policy
from haat.flows.fulfilling.hearing import Reading
from haat.flows.fulfilling.promising import promised
from haat.flows.fulfilling.wish import Chosen, Wish
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection

couriers = fulfilment.courier

UNWEIGHED_G = 500
NEVER_LATE: Mapping[str, datetime] = {}

ROUTES_KEPT = 20_000

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
        self._minute = 0
        self._by_when: dict[tuple[tuple[str, ...], str, str, str], datetime | None] = {}
        self.carriers = Carriers(memory, outside, clock)

    async def choose(self, tx: Tx, wishes: Sequence[Wish], now: datetime) -> Sequence[Chosen | str]:
        """One courier for each wish, or in words why there is none now."""
        return await self.carriers.choose(tx, wishes, now)

    def promised(
        self, sellers: Sequence[str], place: orders.Place, *, now: datetime, area: str = "", cash: int = 0, weight_g: int = 500,
        ready_at: Mapping[str, datetime] = NEVER_LATE,
    ) -> fulfilment.promise.Promise | None:  # fmt: skip
        """The day by which a basket of these vendors (codes) would be there; for a quote. None: nothing can be promised."""
        known = self._known()
        if not all(code in known for code in sellers):
            return None
        found = [known[code] for code in sellers]
        return promised(self.carriers, found, place, area=area, cash=cash, weight_g=weight_g, ready_at=ready_at, now=now)

    def by_when(self, sellers: tuple[str, ...], place: orders.Place, now: datetime) -> datetime | None:
        """`promised` for an ordinary basket, reckoned once a minute for each route: what every order and quote asks for."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute or len(self._by_when) > ROUTES_KEPT:
            self._minute, self._by_when = minute, {}
        route = (sellers, place.zone, place.district, place.upazila)
        if route not in self._by_when:
            found = self.promised(sellers, place, now=now)
            self._by_when[route] = None if found is None else found.promised_at
        return self._by_when[route]

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
        return Reading(now=now, trusts=lambda vendor: self.handling(vendor).auto_pack)


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
        pickup=parcel.location,
        currency=order.currency,
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
