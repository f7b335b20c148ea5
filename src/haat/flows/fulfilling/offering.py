"""Steps between a vendor and its part of an order: asked, reminded, timed out, begun, packed, late. Local, set-wise."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, House, Local, Outcome, Step, Task
from haat.engine.flowing.step import RunMany
from haat.flows.fulfilling.desk import Desk, known
from haat.kernel.errors import Refused

events = orders.events
fulfilling = orders.fulfilling

Decide = Callable[[orders.Order, Task, datetime], Outcome]


def verbs(desk: Desk) -> dict[str, Local]:
    """The steps of this file by name."""
    offering = _Offering(desk)
    said: dict[str, tuple[Decide, str, str, bool]] = {
        "offer":   (offering.offer,   "Offer it to the vendor",            "বিক্রেতাকে প্রস্তাব",         True),
        "remind":  (offering.remind,  "Remind the vendor",                 "বিক্রেতাকে মনে করানো",      False),
        "lapse":   (offering.lapse,   "The vendor's time is over",         "বিক্রেতার সময় শেষ",          True),
        "prepare": (offering.prepare, "Begin to pick",                     "প্রস্তুতি শুরু",              True),
        "pack":    (offering.pack,    "Pack, or wait for who packs",       "প্যাকিং",                    True),
        "ship_by": (offering.ship_by, "It should have been packed or set out by now", "প্যাকিং বা রওনার সময় পেরিয়েছে", True),
    }  # fmt: skip
    return {
        name: Local(run=each(decide), title=title, title_bn=bn, owner="vendors", waits_for_holds=waits)
        for name, (decide, title, bn, waits) in said.items()
    }


class _Offering:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def offer(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        """Ask the vendor; its time runs from when it opens."""
        part = fulfilling.part_of(order, task.subject)
        handling, vendor = self._desk.handling(part.vendor), self._desk.vendor(part.vendor)
        opens = vendor.next_opening(now) if vendor is not None else now
        until = (opens or now) + timedelta(hours=handling.acceptance_hours)
        return Done(fulfilling.offer(order, part.id, until=until, accepts=handling.auto_accept, now=now))

    def remind(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        part = fulfilling.part_of(order, task.subject)
        if part.answer != "offered" or part.offered_until is None or order.status not in fulfilling.LIVING:
            return Done()
        if not any(p.vendor_order == part.id and p.status == "planned" for p in order.shipments):
            return Done()  # all of it was cancelled meanwhile
        return Done((events.VendorOrderReminded(part.id, part.offered_until),))

    def lapse(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        try:
            return Done(fulfilling.lapse(order, task.subject, now=now))
        except Refused as refused:  # what is planned would wait for nobody
            return Dead(refused.code, refused.detail)

    def prepare(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        """Begin every planned parcel of the part; what comes next depends on how the vendor works. One that did not take it is asked."""
        part = fulfilling.part_of(order, task.subject)
        if order.status not in fulfilling.LIVING:
            return Done()
        if part.answer != "accepted":
            return Done(steps=(Step("offer", part.id),))
        begun = [p.id for p in order.shipments if p.vendor_order == part.id and p.status == "planned"]
        return Done(tuple(events.OrderFulfillmentStarted(p) for p in begun), tuple(Step("pack", p) for p in begun))

    def pack(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        parcel = known(order, task.subject)
        if parcel is None or parcel.status != "picking" or order.status not in fulfilling.LIVING:
            return Done()
        handling = self._desk.handling(parcel.vendor)
        if handling.auto_pack:
            return Done(fulfilling.pack(order, parcel.id, rest_id=self._desk.new_id()))
        return Done(steps=(Step("ship_by", parcel.id, after=timedelta(hours=handling.handling_hours)),))

    def ship_by(self, order: orders.Order, task: Task, now: datetime) -> Outcome:
        parcel = known(order, task.subject)
        if parcel is None or order.status not in fulfilling.LIVING:
            return Done()
        if parcel.status == "picking":
            return Dead("late_to_pack", f"{parcel.vendor} has not packed it in time.")
        if parcel.status == "packed":
            brings = self._desk.handling(parcel.vendor).self_ship
            late = Dead("late_to_hand_over", f"{parcel.vendor} brings it itself, and has not set out in time.")
            return late if brings else Done(steps=(Step("choose", parcel.id),))
        return Done()


def each(decide: Decide) -> RunMany:
    """A verb that looks at one order after the other and needs nothing from the database. What the order refuses is moot."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house, tx
        return [_outcome(decide, task, now) for task in tasks]

    return run


def _outcome(decide: Decide, task: Task, now: datetime) -> Outcome:
    try:
        return decide(task.order, task, now)
    except Refused:
        return Done()
