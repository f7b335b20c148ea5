"""What couriers tell us without being asked: stored hooks become scans, scans become facts. Set-wise, repeatable.

    inbox (raw) ─► plugin.heard ─► scans ─► which parcels ─► locks ─ scans so far ─ facts ─ stored, done        one transaction

A hook may come before our own booking is committed, or name only our reference (the answer of the booking was lost: then the
hook is the answer). One that nobody knows comes again with a pause and at last lies there for somebody. A hint that money was
taken is confirmed by asking the courier before it counts.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from haat.domain import fulfilment, orders
from haat.engine.database import Collided, Lost, Tx
from haat.engine.flowing import House, table
from haat.engine.outside import inbox
from haat.flows.fulfilling import hearing
from haat.flows.fulfilling.deciding import CODE
from haat.flows.fulfilling.desk import Desk
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.facts import Fact, Origin
from haat.kernel.outside import Connection

couriers = fulfilment.courier
events = orders.events
fulfilling = orders.fulfilling
tracking = fulfilment.tracking

log = logging.getLogger("haat.fulfilling")
KIND = "courier"
AT_ONCE = 200
GIVEN_UP = ("", "cancelled")  # what a courier says of a booking that it does not carry out
CONFIRMED_WITHIN_S = 1.0  # all the hooks of a batch wait for it; who is slower is asked by its own step


class News(msgspec.Struct):
    """Scans of one hook; `problem` says why it cannot be dealt with yet."""

    id: str
    courier: str
    scans: list[couriers.Scan] = []
    problem: str = ""


class Heard(msgspec.Struct, frozen=True):
    """A scan of one shipment by `courier`. `earlier`: it is about a booking that was given up."""

    shipment: fulfilment.Shipment
    scan: couriers.Scan
    news: str
    source: str
    courier: str
    earlier: bool = False


async def listen(desk: Desk, house: House, *, limit: int = AT_ONCE) -> int:
    """Deal with the oldest hooks of couriers that are due; returns how many there were."""
    now = house.clock.now()
    async with house.database.transaction() as tx:
        arrived = await inbox.claim(tx, kind=KIND, now=now, limit=limit, lease=house.clock.during(inbox.LEASE_S))
    if not arrived:
        return 0
    news = [_read(desk, each) for each in arrived]
    async with house.database.reading() as tx:
        heard = await _whose(tx, news)
    confirmed, open_ = await _confirmed(desk, house, heard)
    await _apply_all(desk, house, news, [*heard, *confirmed], now)
    async with house.database.transaction() as tx:
        if open_:  # what only a hint says is asked about now, and not when its turn comes
            await table.hasten(tx, open_, CODE, "track", now=now, rested=timedelta())
        await inbox.done(tx, [n.id for n in news if not n.problem], now=now)
        await inbox.failed(tx, {n.id: n.problem for n in news if n.problem}, now=now)
    return len(arrived)


async def _apply_all(desk: Desk, house: House, news: Sequence[News], heard: Sequence[Heard], now: datetime) -> None:
    """All in one transaction; where that fails, each hook alone, so that one holds up nobody: what fails by itself has a problem."""
    try:
        await apply(desk, house, heard, now)
    except (*Lost, *Collided, Unavailable):
        raise
    except Exception as error:
        told = [n for n in news if any(h.news == n.id for h in heard)]
        if len(told) > 1:
            for each in told:
                mine = {h.shipment.id for h in heard if h.news == each.id}
                await _apply_all(
                    desk, house, [each], [h for h in heard if h.news == each.id or (not h.news and h.shipment.id in mine)], now
                )
        elif told:
            told[0].problem = _why(told[0], error)


async def apply(desk: Desk, house: House, heard: Sequence[Heard], now: datetime) -> None:
    """Store scans and change their orders, in one transaction; an order that refuses keeps its scans all the same."""
    if not heard:
        return
    reading = desk.reading(now)
    async with house.database.transaction() as tx:
        await house.journal.lock(tx, {h.shipment.order_id for h in heard})
        by_parcel = _by_parcel(_as_it_stands(heard, await fulfilment.shipments(tx, sorted({h.shipment.id for h in heard}))))
        heard = [each for found in by_parcel.values() for each in found]
        told = await fulfilment.scans(tx, sorted(by_parcel))
        asks = [
            orders.Change(found[0].shipment.order_id, _Deciding(desk, parcel, found, told.get(parcel, []), reading), now, _origin(found[0]))
            for parcel, found in sorted(by_parcel.items())
        ]
        changed = await house.change(tx, asks)
        for ask, outcome in zip(asks, changed, strict=True):
            if isinstance(outcome, Refused):
                log.warning("a courier's news was refused", extra={"order": ask.order_id, "why": outcome.code})
        said = [_said(h, _booking(h)) for h in heard]
        await fulfilment.hear(tx, said, now=now)
        after = await fulfilment.scans(tx, sorted(by_parcel))
        states = {c.after.id: c.after for c in changed if isinstance(c, orders.Changed)}
        known = [
            (states[found[0].shipment.order_id], parcel) for parcel, found in by_parcel.items() if found[0].shipment.order_id in states
        ]
        await say(tx, known, after, now)


def _by_parcel(heard: Sequence[Heard]) -> dict[str, list[Heard]]:
    by_parcel: dict[str, list[Heard]] = {}
    for each in heard:
        by_parcel.setdefault(each.shipment.id, []).append(each)
    return by_parcel


def _as_it_stands(heard: Sequence[Heard], stored: Mapping[str, fulfilment.Shipment]) -> list[Heard]:
    """The same with the shipments as they are now that nobody else changes them: another booking may have begun since they were read."""
    found: list[Heard] = []
    for each in heard:
        now = stored[each.shipment.id]
        found.append(msgspec.structs.replace(each, shipment=now, earlier=each.earlier or now.reference != each.shipment.reference))
    return found


async def say(tx: Tx, parcels: Sequence[tuple[orders.Order, str]], told: Mapping[str, Sequence[fulfilment.Told]], now: datetime) -> None:
    """Note what each courier said last of the booking that stands."""
    words: list[tuple[str, str]] = []
    for order, parcel_id in parcels:
        parcel = next((p for p in order.shipments if p.id == parcel_id), None)
        scans = fulfilment.shipment.present(told.get(parcel_id, []), parcel.consignment) if parcel is not None else []
        if scans:
            words.append((parcel_id, tracking.standing(scans).status))
    await fulfilment.say(tx, words, now=now)


class _Deciding:
    """The decision of one parcel's order on what was heard, made when its order is locked."""

    def __init__(self, desk: Desk, parcel: str, heard: Sequence[Heard], told: Sequence[fulfilment.Told], reading: hearing.Reading) -> None:
        self._desk = desk
        self._parcel = parcel
        self._heard = heard
        self._told = told
        self._reading = reading

    def __call__(self, order: orders.Order) -> tuple[Fact, ...]:
        booked = self._booked(order)
        state = orders.after(order, booked, at=self._reading.now)
        consignment = fulfilling.parcel_of(state, self._parcel).consignment
        scans = fulfilment.shipment.present(self._told, consignment)
        scans += [h.scan for h in self._heard if _booking(h) == consignment]
        facts = (*booked, *hearing.moved(state, self._parcel, scans, self._reading))
        return (*facts, *self._twice(orders.after(state, facts[len(booked) :], at=self._reading.now)))

    def _twice(self, order: orders.Order) -> tuple[Fact, ...]:
        """A courier that surely did not have it has it after all: somebody has to see which is which."""
        parcel = fulfilling.parcel_of(order, self._parcel)
        late = (h for h in self._heard if h.earlier or _given_back(parcel, h))
        other = next((h for h in late if h.scan.status not in GIVEN_UP and not self._is_history(parcel, h)), None)
        if other is None:
            return ()
        detail = f"{other.courier} has it as {other.scan.consignment} ({other.scan.reference}), too; here it is {parcel.status}."
        return hearing.trouble(order, self._parcel, "booked_twice", detail)

    def _is_history(self, parcel: orders.Parcel, heard: Heard) -> bool:
        """Whether this booking was given back, and nothing that its courier ever said of it means that it has the goods all the same."""
        if not _given_back(parcel, heard):
            return False
        names = {_booking(heard), heard.scan.consignment, heard.scan.reference} - {""}
        scans = [t.scan for t in self._told if t.consignment in names] + [h.scan for h in self._heard if _booking(h) in names]
        beside = [scan for scan in scans if scan.status not in GIVEN_UP]  # nothing that comes behind an ending would move anything
        return not tracking.advance(tracking.Parcel("booked"), beside).moves

    def _booked(self, order: orders.Order) -> tuple[Fact, ...]:
        """That the courier has it, where its answer to the booking was lost and this is the first we hear."""
        parcel = fulfilling.parcel_of(order, self._parcel)
        if parcel.consignment or parcel.status not in ("packed", "uncertain", "cancelled"):
            return ()
        named = next((h for h in self._heard if h.scan.consignment and h.scan.reference == h.shipment.reference), None)
        if named is None or _given_back(parcel, named):
            return ()
        there = named.shipment  # with the cash that the courier was told, whatever became of the order since
        booked = events.OrderShipmentBooked(parcel.id, there.courier, named.scan.consignment, cash=there.cash, fee=named.scan.fee or 0)
        return self._desk.brought(order, fulfilling.book(order, booked), self._reading.now)


def _read(desk: Desk, arrived: inbox.Arrived) -> News:
    news = News(arrived.id, arrived.code)
    try:
        connection, plugin = desk.courier(arrived.code)
        news.scans = list(plugin.heard(connection, arrived.hook, arrived.received_at))
    except Exception as error:
        news.problem = _why(news, error)
    return news


def _why(news: News, error: Exception) -> str:
    """What is wrong with a hook, for its row; a mistake of ours is also told to the log."""
    if not isinstance(error, HaatError):
        log.error("a courier's hook cannot be dealt with", exc_info=error, extra={"hook": news.id, "connection": news.courier})
    return str(error) or type(error).__name__


async def _whose(tx: Tx, news: Sequence[News]) -> list[Heard]:
    """The shipments that these scans speak of; a hook with a scan of which none is known has a problem."""
    found: list[Heard] = []
    missing: list[tuple[News, couriers.Scan]] = []
    for courier in sorted({n.courier for n in news}):
        mine = [n for n in news if n.courier == courier]
        consignments = [s.consignment for n in mine for s in n.scans if s.consignment and s.consignment.isprintable()]
        references = [s.reference for n in mine for s in n.scans if s.reference and s.reference.isprintable()]
        stored = await fulfilment.by_name(tx, courier, consignments=consignments, references=references)
        by_consignment = {s.consignment: s for s in stored if s.consignment}
        by_reference = {s.reference: s for s in stored if s.reference}
        for each in mine:
            for scan in each.scans:
                shipment = by_consignment.get(scan.consignment) or by_reference.get(scan.reference)
                if shipment is None:
                    missing.append((each, scan))
                else:
                    found.append(Heard(shipment, scan, each.id, "hook", courier))
    return [*found, *await _earlier(tx, missing)] if missing else found


async def _earlier(tx: Tx, missing: Sequence[tuple[News, couriers.Scan]]) -> list[Heard]:
    """What is said of bookings that were given up, for surely nobody had them. Of what is left nobody here knows anything."""
    names = {scan.reference for _, scan in missing if scan.reference and scan.reference.isprintable()}
    known = await fulfilment.by_earlier_name(tx, sorted(names)) if names else {}
    found: list[Heard] = []
    for each, scan in missing:
        if scan.reference in known:
            found.append(Heard(known[scan.reference], scan, each.id, "hook", each.courier, earlier=True))
        else:
            each.problem = "nobody here knows this consignment"
    return found


async def _confirmed(desk: Desk, house: House, heard: Sequence[Heard]) -> tuple[list[Heard], list[str]]:
    """What the courier itself says of parcels of which a mere hint says that money was taken; all are asked at once, and not for long.

    Beside it the orders of those parcels of which it said nothing.
    """
    hinted = {h.shipment.id: h.shipment for h in heard if h.scan.hint and not h.earlier and h.scan.status in couriers.PAID_AT_THE_DOOR}
    said = await asyncio.gather(*[_asked(desk, house, shipment) for shipment in hinted.values()])
    answered = list(zip(hinted.values(), said, strict=True))
    confirmed = [Heard(shipment, scan, "", "poll", shipment.courier) for shipment, scans in answered for scan in scans]
    return confirmed, [shipment.order_id for shipment, scans in answered if not scans]


async def _asked(desk: Desk, house: House, shipment: fulfilment.Shipment) -> Sequence[couriers.Scan]:
    connection: Connection
    try:
        connection, plugin = desk.courier(shipment.courier)
        if plugin.track is None or not shipment.consignment:
            return ()
        talk = plugin.track(connection, couriers.Known(shipment.consignment, shipment.reference), house.clock.now())
        async with asyncio.timeout(CONFIRMED_WITHIN_S):
            return await desk.outside.drive(connection, talk, subject=shipment.id)
    except (HaatError, TimeoutError) as error:  # it is asked again by its own step
        log.info("a courier could not confirm its own news", extra={"shipment": shipment.id, "why": str(error)})
        return ()


def _given_back(parcel: orders.Parcel, heard: Heard) -> bool:
    """Whether that booking was given back; it may have stood under our reference."""
    return any(name in parcel.given_back for name in (heard.scan.consignment, heard.scan.reference) if name)


def _booking(heard: Heard) -> str:
    """The booking that a scan is about: the one that stands where it names our reference, else by the courier's number.

    A booking that was found by our reference may stand under it until the courier's own number is heard.
    """
    scan, shipment = heard.scan, heard.shipment
    if heard.earlier:
        return scan.consignment or scan.reference
    if shipment.consignment and scan.reference and scan.reference == shipment.reference:
        return shipment.consignment
    return scan.consignment or shipment.consignment


def _said(heard: Heard, consignment: str) -> fulfilment.Said:
    s = heard.shipment
    return fulfilment.Said(s.id, s.order_id, heard.courier, consignment, heard.scan, heard.source, f"courier:{heard.courier}")


def _origin(heard: Heard) -> Origin:
    return Origin(f"courier:{heard.courier}", f"{heard.source}:{heard.courier}")
