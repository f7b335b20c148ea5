"""What the steps of fulfilment share: the couriers and vendors that this process knows, and the parcel as a courier is told of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from haat.domain import fulfilment, orders, vendors
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.outside import Outside
from haat.flows.fulfilling import promising
from haat.flows.fulfilling.carriers import Carriers
from haat.flows.fulfilling.deciding import Policy
from haat.flows.fulfilling.hearing import Reading
from haat.flows.fulfilling.wish import Chosen, Wish
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from haat.kernel.outside import Connection

couriers = fulfilment.courier
events = orders.events
Start = fulfilment.promise.Start

UNWEIGHED_G = 500
NEVER_LATE: Mapping[str, datetime] = {}

ROUTES_KEPT = 20_000

Route = tuple[tuple[fulfilment.promise.Start, ...], str, str, str, str]
Vendors = Callable[[], Mapping[str, vendors.Vendor]]


class Desk:
    """The fulfilment of one process. `known`: the vendors by code, as they are now."""

    def __init__(
        self,
        outside: Outside,
        memory: Memory,
        clock: Clock,
        new_id: Callable[[], str],
        known: Vendors,
        *,
        policy: Callable[[], Policy] = Policy,
    ) -> None:
        self.outside = outside
        self.policy = policy
        self.new_id = new_id
        self._known = known
        self._minute = 0
        self._by_when: dict[Route, datetime | None] = {}
        self.carriers = Carriers(memory, outside, clock)

    async def choose(self, tx: Tx, wishes: Sequence[Wish], now: datetime) -> Sequence[Chosen | str]:
        """One courier for each wish, or in words why there is none now."""
        return await self.carriers.choose(tx, wishes, now)

    def promised(
        self, sellers: Sequence[str], place: orders.Place, *, now: datetime, area: str = "", cash: int = 0, weight_g: int = 500,
        ready_at: Mapping[str, datetime] = NEVER_LATE,
    ) -> fulfilment.promise.Promise | None:  # fmt: skip
        """The day by which a basket of these vendors (codes) would be there; for a quote. None: nothing can be promised."""
        starts = [Start(code, ready_at=ready_at.get(code)) for code in sellers]
        return promising.promised(self.carriers, self._known(), starts, place, area=area, cash=cash, weight_g=weight_g, now=now)

    def by_when(self, sellers: tuple[str, ...], place: orders.Place, now: datetime) -> datetime | None:
        """`promised` for an ordinary basket: what every order and quote asks for."""
        return self._reckoned(tuple([Start(code) for code in sellers]), place, now)

    def reckon(self, order: orders.Order, starts: Sequence[Start], reason: str, now: datetime) -> tuple[Fact, ...]:
        """That the order's day is put off by how these goods set out; nothing where it stands, or none was promised and no goods are late.

        As ordinary a basket as the promise before: which courier it really is, its booking says.
        """
        if order.place is None or (order.promised_at is None and not any(start.ready_at for start in starts)):
            return ()
        day = self._reckoned(tuple(starts), order.place, now)
        first = order.promised_at is None and day is not None
        return (events.OrderPromised(day, reason),) if day is not None and (first or promising.put_off(order.promised_at, day)) else ()

    def brought(self, order: orders.Order, facts: tuple[Fact, ...], now: datetime) -> tuple[Fact, ...]:
        """These facts of an order, and that a parcel's day is put off where the courier that has it by one of them takes longer."""
        booked = [fact for fact in facts if isinstance(fact, events.OrderShipmentBooked)]
        return (*facts, *[later for fact in booked for later in self._later(order, fact, now)]) if booked else facts

    def _later(self, order: orders.Order, fact: orders.events.OrderShipmentBooked, now: datetime) -> tuple[Fact, ...]:
        parcel = known(order, fact.parcel)
        if parcel is None or not parcel.coming or order.place is None or fact.courier == orders.fulfilling.SELF:
            return ()
        vendor, was = self.vendor(parcel.vendor), parcel.promised_at or order.promised_at
        if vendor is None or was is None:
            return ()
        day = promising.brought(vendor, order.place, days=self.carriers.late(fact.courier, order.place), now=now)
        return (events.OrderPromised(day, "courier", parcel.id),) if day is not None and promising.put_off(was, day) else ()

    def _reckoned(self, starts: tuple[Start, ...], place: orders.Place, now: datetime) -> datetime | None:
        """By when it would all be there, reckoned once a minute for each route."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute or len(self._by_when) > ROUTES_KEPT:
            self._minute, self._by_when = minute, {}
        route = (starts, place.country, place.zone, place.district, place.upazila)
        if route not in self._by_when:
            found = promising.promised(self.carriers, self._known(), starts, place, now=now)
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
