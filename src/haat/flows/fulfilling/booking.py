"""Steps between a packed parcel and a courier: choose, book once, find out what became of a booking, take it back.

    choose (local)   whom to ask, written down with our reference before anybody hears of it
    book   (outside) the call; asked again only after the courier was asked whether it has it
    look_up(outside) a booking whose answer was lost, until it is known
    recall (outside) a booking that is not wanted any more, or a parcel that shall turn round

A booking that surely did not happen begins anew with `choose`, so a courier in trouble is passed over for another. So does one whose
cash is too much by now, as something was cut meanwhile: another sum is written down before anybody hears of it. A courier that heard the
old one is asked to give the booking back.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from haat.domain import fulfilment, orders
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, House, Local, Outcome, Outside, Step, Task, table
from haat.flows.fulfilling import hearing
from haat.flows.fulfilling.deciding import CODE
from haat.flows.fulfilling.desk import Desk, consignment, known, reference_of, weight
from haat.flows.fulfilling.shipments import row_of
from haat.flows.fulfilling.wish import Chosen, Wish
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.facts import Fact
from haat.kernel.outside import Conversation, Unknown

couriers = fulfilment.courier
events = orders.events
fulfilling = orders.fulfilling

WAITS_MAX = 30  # times that no courier could take it for now; with the pauses below about four hours
PAUSE_MAX = timedelta(minutes=10)
ANSWERED = timedelta(seconds=5)  # until a call that is under way is looked at again
LOOKS_S = (20, 60, 300, 900, 3600)  # pauses between questions about a booking, the last one repeated
Settle = Callable[[orders.Order, Task, Any, datetime], Outcome]

DECLINES_MAX = 8
SHRANK = "order_shrank"  # why a booking is taken back whose courier was told to collect too much


def verbs(desk: Desk) -> dict[str, Local | Outside]:
    """The steps of this file by name."""
    booking = _Booking(desk)
    return {
        "choose": Local(run=booking.choose, title="Choose a courier", title_bn="কুরিয়ার নির্বাচন", owner="fulfilment"),
        "book": Outside(call=booking.book, settle=_each(booking.booked), party=_party, title="Book the courier",
                        title_bn="কুরিয়ার বুকিং", owner="fulfilment"),
        "look_up": Outside(call=booking.look_up, settle=booking.looked, party=_party, title="Find out about a booking",
                           title_bn="বুকিং যাচাই", owner="fulfilment", waits_for_holds=False, age_limit_s=3 * 86_400,
                           repairs=("retry",)),
        "recall": Outside(call=booking.recall, settle=_each(booking.recalled), party=_party, title="Take a booking back",
                          title_bn="বুকিং ফেরত", owner="fulfilment", waits_for_holds=False, repairs=("retry", "skip")),
    }  # fmt: skip


class _Given(Struct, frozen=True):
    """What a courier answered when it was asked to give a booking back."""

    consignment: str
    word: couriers.Recalled | couriers.Declined


class _Booking:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def choose(self, house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> Sequence[Outcome]:
        del house
        outcomes: list[Outcome] = [self._brings_it_itself(task) for task in tasks]
        due = [(n, task, parcel) for n, task in enumerate(tasks) if (parcel := self._needs_courier(task)) is not None]
        for n, task, parcel in due:
            if self._declined_too_often(task, parcel):
                outcomes[n] = Dead("couriers_decline", f"{parcel.declines} bookings in a row were declined: {parcel.reason}")
        asked = await self._being_asked(tx, due)
        for n, task, parcel in due:
            if (task.order.id, parcel.id) in asked:
                outcomes[n] = Again(ANSWERED, "its courier is being asked")
        due = [each for each in due if isinstance(outcomes[each[0]], Done)]
        if not due:
            return outcomes
        wishes = [self._wish(task, parcel) for _, task, parcel in due]
        chosen = await self._desk.choose(tx, wishes, now)
        stored = await fulfilment.shipments(tx, [parcel.id for _, _, parcel in due])
        begun: list[tuple[fulfilment.Row, fulfilment.Begun]] = []
        for (n, task, parcel), wish, choice in zip(due, wishes, chosen, strict=True):
            if isinstance(choice, str):
                outcomes[n] = _wait(task, choice)
                continue
            before = stored.get(parcel.id)
            reference = reference_of(task.order, parcel, (before.bookings if before is not None else 0) + 1)
            begun.append((row_of(task.order, parcel), fulfilment.Begun(parcel.id, choice.courier, reference, wish.cash)))
            outcomes[n] = Done(steps=(Step("book", parcel.id, data=_data(choice, wish, reference)),))
        await fulfilment.begin(tx, begun, now=now)
        return outcomes

    async def _being_asked(self, tx: Tx, due: Sequence[tuple[int, Task, orders.Parcel]]) -> set[tuple[str, str]]:
        """(order, parcel) of those that were given back once while a courier is being asked for them: two bookings are one too many."""
        again = sorted({task.order.id for _, task, parcel in due if parcel.given_back})
        return await table.under_way(tx, again, CODE, "book") if again else set()

    def _brings_it_itself(self, task: Task) -> Done:
        """A vendor that brings its parcels itself has its time to set out; in any other case there is nothing to do but to choose."""
        parcel = known(task.order, task.subject)
        if parcel is None or parcel.status != "packed" or not (handling := self._desk.handling(parcel.vendor)).self_ship:
            return Done()
        return Done(steps=(Step("ship_by", parcel.id, after=timedelta(hours=handling.handling_hours)),))

    def _needs_courier(self, task: Task) -> orders.Parcel | None:
        """The packed parcel, None where nobody is to be asked: it is booked, gone, or the vendor brings it itself."""
        parcel = known(task.order, task.subject)
        if parcel is None or parcel.status != "packed" or task.order.status not in fulfilling.LIVING:
            return None
        return None if self._desk.handling(parcel.vendor).self_ship else parcel

    def _declined_too_often(self, task: Task, parcel: orders.Parcel) -> bool:
        """Nobody takes it and nobody says what is wrong with it: somebody looks. When they have looked, one more try is made at once."""
        return parcel.declines >= DECLINES_MAX and task.now - task.created_at >= self._desk.policy().retry_after

    def _wish(self, task: Task, parcel: orders.Parcel) -> Wish:
        """Of those that were busy, one that is left alone since then is for its fallback to stand in for."""
        order = task.order
        busy = [code for code in task.data.get("busy", ()) if not self._desk.outside.is_open(code)]
        return Wish(
            order=order,
            parcel=parcel,
            cash=orders.stopping.cash(order, parcel),
            weight_g=weight(order, parcel),
            shunned=(*parcel.refused_by, *busy),
        )

    async def book(self, house: House, task: Task) -> Any:
        """Ask for it, but for no cash that is too much by now. A second call for the same step asks first whether the first one arrived."""
        parcel = known(task.order, task.subject)
        if parcel is None or parcel.status != "packed":
            return None
        connection, courier = self._desk.courier(task.data["courier"])
        reference, cash, now, again = task.data["reference"], task.data["cash"], house.clock.now(), task.attempts > 1
        talk: Conversation[Any]
        if orders.stopping.overcharge(task.order, parcel, told=cash):
            if not again:
                return couriers.NotThere()
            talk = courier.look_up(connection, reference, now)
        else:
            area = msgspec.convert(task.data.get("area", {}), couriers.Area)
            asked = consignment(task.order, parcel, reference=reference, cash=cash, area=area)
            talk = couriers.booking(courier, connection, asked, now=now, again=again)
        return await self._desk.outside.drive(connection, talk, subject=parcel.id)

    def booked(self, order: orders.Order, task: Task, answer: Any, now: datetime) -> Outcome:
        parcel, courier = known(order, task.subject), task.data["courier"]
        if parcel is None:
            return Done()
        if answer is None:  # nobody was asked now; what an earlier call brought about of a parcel that was cancelled nobody else finds out
            lost = task.attempts > 1 and parcel.status == "cancelled" and not parcel.consignment
            return _uncertain(order, parcel, task) if lost else Done()
        match answer:
            case couriers.Booked():
                return Done(self._taken(order, parcel, task, answer, now))
            case couriers.NotThere():
                return Done(steps=(Step("choose", parcel.id),))
            case couriers.Declined(reason=reason, detail=detail, final=final):
                return Done(self._declined(order, parcel, courier, reason, detail, now, final=final))
            case Unavailable() if task.attempts <= 1:
                busy = [*task.data.get("busy", ()), courier]
                return _wait(task, str(answer), busy=busy)
            case Unknown() | TimeoutError() | Unavailable():  # an earlier call may have arrived, and now it cannot even be asked
                return _uncertain(order, parcel, task) if parcel.status in ("packed", "cancelled") else Done()
        return Dead("booking_broken", f"{type(answer).__name__}: {answer}"[:300])

    def _taken(self, order: orders.Order, parcel: orders.Parcel, task: Task, booked: couriers.Booked, now: datetime) -> tuple[Fact, ...]:
        if parcel.consignment == booked.consignment:
            return ()
        if booked.consignment in parcel.given_back:  # its hooks were faster than its answer
            return self._declined(order, parcel, task.data["courier"], "not_booked", "", now, final=False)
        fact = events.OrderShipmentBooked(
            parcel.id,
            task.data["courier"],
            booked.consignment,
            booked.tracking_url,
            task.data["cash"] if booked.cash is None else booked.cash,
            task.data.get("fee", 0) if booked.fee is None else booked.fee,
            task.data.get("instead_of", ""),
        )
        try:
            return self._desk.brought(order, fulfilling.book(order, fact), now)
        except Refused:  # another word of it came first, under another name: two bookings, and somebody has to see which is which
            return _booked_twice(order, parcel, fact.courier, fact.consignment)

    def _declined(
        self, order: orders.Order, parcel: orders.Parcel, courier: str, reason: str, detail: str, now: datetime, *, final: bool
    ) -> tuple[Fact, ...]:
        """It is surely at home: the next courier may be asked, or what was asked back meanwhile is cut."""
        if parcel.status not in ("packed", "uncertain"):
            return ()
        facts = fulfilling.refuse_booking(order, parcel.id, courier=courier, reason=reason, detail=detail[:300], final=final)
        if not parcel.intercept:
            return facts
        return (*facts, *orders.stopping.recalled(orders.after(order, facts, at=now), parcel, reason=parcel.intercept))

    async def look_up(self, house: House, task: Task) -> Any:
        parcel = known(task.order, task.subject)
        if parcel is None or parcel.status not in ("uncertain", "cancelled") or "courier" not in task.data:
            return None
        connection, courier = self._desk.courier(task.data["courier"])
        talk = courier.look_up(connection, task.data["reference"], house.clock.now())
        return await self._desk.outside.drive(connection, talk, subject=parcel.id)

    async def looked(self, house: House, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        """Each by itself. That a courier has nothing under a former name says nothing of the booking that is looked for now."""
        del house
        stored = await fulfilment.shipments(tx, sorted({task.subject for task, _ in answers}))
        outcomes: list[Outcome] = []
        for task, answer in answers:
            row, name = stored.get(task.subject), task.data.get("reference")
            former = row is not None and name is not None and row.reference != name
            outcomes.append(self._former(task, answer) if former else self.looked_up(task.order, task, answer, now))
        return outcomes

    def _former(self, task: Task, answer: Any) -> Outcome:
        """What a courier said under a name that was given up: that it has it after all is somebody's to see."""
        parcel, courier = known(task.order, task.subject), task.data["courier"]
        if parcel is None or not isinstance(answer, couriers.Booked) or answer.consignment in (parcel.consignment, *parcel.given_back):
            return Done()
        return Done(_booked_twice(task.order, parcel, courier, answer.consignment))

    def looked_up(self, order: orders.Order, task: Task, answer: Any, now: datetime) -> Outcome:
        parcel = known(order, task.subject)
        after_all = ("packed",) if isinstance(answer, couriers.Booked) else ()
        if parcel is None or answer is None or parcel.status not in ("uncertain", "cancelled", *after_all):
            return Done()
        asked = int((now - task.created_at).total_seconds())
        pause = timedelta(seconds=next((s for s in LOOKS_S if s > asked), LOOKS_S[-1]))
        match answer:
            case couriers.Booked():
                return Done(self._taken(order, parcel, task, answer, now))
            case couriers.NotThere():
                return Done(self._declined(order, parcel, task.data["courier"], "not_booked", "", now, final=False))
            case Unavailable():
                return Again(pause, str(answer))
            case Unknown() | TimeoutError():
                _, courier = self._desk.courier(task.data["courier"])
                mute = courier.capabilities.lookup == "hook" or getattr(answer, "code", "") == "no_lookup"
                left = courier.capabilities.lookup_wait_s - asked
                if mute and left < 0:
                    asked_for = f"{task.data['courier']} does not say whether it has {task.data['reference']}."
                    return Dead("booking_unknown", f"{asked_for} Ask it, then POST /v1/shipments/{parcel.id}/bookings.")
                return Again(min(pause, timedelta(seconds=left + 1)) if mute else pause, str(answer))
        return Failed(f"{type(answer).__name__}: {answer}"[:300])

    async def recall(self, house: House, task: Task) -> Any:
        parcel = known(task.order, task.subject)
        if parcel is None or not _recallable(task.order, parcel):
            return None
        connection, courier = self._desk.courier(parcel.courier)
        if courier.cancel is None:
            return couriers.Declined("cannot_cancel", "This courier takes no cancellations; ring it up.")
        async with house.database.reading() as tx:
            stored = await fulfilment.shipments(tx, [parcel.id])
        row = stored.get(parcel.id)
        reference = row.reference if row is not None and row.consignment == parcel.consignment else ""
        reason = parcel.intercept or str(task.data.get("reason", "")) or "cancelled"
        talk = courier.cancel(connection, couriers.Known(parcel.consignment, reference), reason)
        return _Given(parcel.consignment, await self._desk.outside.drive(connection, talk, subject=parcel.id))

    def recalled(self, order: orders.Order, task: Task, answer: Any, now: datetime) -> Outcome:
        parcel = known(order, task.subject)
        word = _of_what_stands(parcel, answer)
        if parcel is not None and not parcel.intercept and (over := _overcharge(order, parcel)):
            return self._lowered(order, parcel, over, word, now)
        if parcel is None or word is None or not _recallable(order, parcel):
            return Done()
        match word:
            case couriers.Recalled(asked=True):
                return Done()  # its scans will tell
            case couriers.Recalled() if parcel.status in ("booked", "cancelled"):
                return Done(orders.ascertaining.home(order, parcel, reason=parcel.intercept or "cancelled", now=now))
            case couriers.Recalled():
                return Done(fulfilling.turn_back(order, parcel.id, reason=parcel.intercept or "cancelled"))
            case couriers.Declined(reason=reason, detail=detail):
                return Dead("recall_declined", f"{reason}: {detail}"[:300])
            case HaatError() | TimeoutError():
                return Failed(str(word)[:300])
        return Dead("recall_broken", f"{type(word).__name__}: {word}"[:300])

    def _lowered(self, order: orders.Order, parcel: orders.Parcel, over: int, answer: Any, now: datetime) -> Outcome:
        """It collects `over` too much: it comes home and is booked anew. Where that is not sure, somebody sees to it before the door."""
        match answer:
            case None if parcel.status == "booked":
                return Done()
            case couriers.Recalled(asked=False) if parcel.status == "booked":
                return Done(orders.ascertaining.home(order, parcel, reason=SHRANK, now=now))
            case Exception() if parcel.status == "booked":
                return Failed(f"{type(answer).__name__}: {answer}"[:300])
            case couriers.Recalled(asked=True):
                why = "it was asked to give it back"
            case couriers.Declined(reason=reason, detail=detail):
                why = f"it does not give it back: {reason} {detail}"
            case _:
                why = f"the parcel is {parcel.status}"
        return Dead("collects_too_much", f"{parcel.courier} was told to collect {parcel.cash}, {over} too much by now; {why}."[:300])


def _booked_twice(order: orders.Order, parcel: orders.Parcel, courier: str, consignment: str) -> tuple[Fact, ...]:
    detail = f"{courier} also has it as {consignment}; here it is {parcel.status} as {parcel.consignment or 'nothing'}."
    return hearing.trouble(order, parcel.id, "booked_twice", detail)


def _of_what_stands(parcel: orders.Parcel | None, answer: Any) -> Any:
    """What was answered; None where the booking in question came home meanwhile: whoever has it now was not asked."""
    if not isinstance(answer, _Given):
        return answer
    return answer.word if parcel is not None and parcel.consignment == answer.consignment else None


def _recallable(order: orders.Order, parcel: orders.Parcel) -> bool:
    """Whether a courier has it on its books, and we do not want it there any more, or not with the cash that it was told to collect."""
    if not parcel.consignment or parcel.courier == fulfilling.SELF:
        return False
    if parcel.status == "booked" and _overcharge(order, parcel):
        return True
    return parcel.status == "cancelled" or (bool(parcel.intercept) and parcel.status in orders.TO_BRING)


def _overcharge(order: orders.Order, parcel: orders.Parcel) -> int:
    """What the courier that has it collects too much for it."""
    told = parcel.cash if parcel.status in orders.TO_BRING and parcel.courier != fulfilling.SELF else 0
    return orders.stopping.overcharge(order, parcel, told=told)


def _uncertain(order: orders.Order, parcel: orders.Parcel, task: Task) -> Done:
    """The courier may have it: it is asked until that is known."""
    step = Step("look_up", parcel.id, after=timedelta(seconds=LOOKS_S[0]), data=task.data)
    return Done(fulfilling.uncertain(order, parcel.id, courier=task.data["courier"]), (step,))


def _data(choice: Chosen, wish: Wish, reference: str) -> dict[str, Any]:
    return {
        "courier": choice.courier,
        "reference": reference,
        "cash": wish.cash,
        "fee": choice.fee,
        "area": msgspec.to_builtins(choice.area),
        "why": choice.why,
        "instead_of": choice.instead_of,
    }


def _wait(task: Task, why: str, busy: Sequence[str] = ()) -> Outcome:
    """Choose again after a while; those that were busy are passed over the next time, but not for ever."""
    waits = int(task.data.get("waits", 0)) + 1
    if waits > WAITS_MAX:
        return Dead("no_courier", why[:300])
    again = list(busy) if waits % 4 else []
    pause = timedelta() if busy and waits % 4 else min(timedelta(seconds=2**waits), PAUSE_MAX)
    return Done(steps=(Step("choose", task.subject, after=pause, data={"waits": waits, "busy": again}),))


def _party(task: Task) -> str:
    parcel = known(task.order, task.subject)
    return f"courier:{task.data.get('courier') or (parcel.courier if parcel is not None else '')}"


def _each(settle: Settle) -> Any:
    """A settle that looks at one answer after the other."""

    async def run(house: House, tx: Tx, answers: Sequence[tuple[Task, Any]], now: datetime) -> Sequence[Outcome]:
        del house, tx
        return [settle(task.order, task, answer, now) for task, answer in answers]

    return run
