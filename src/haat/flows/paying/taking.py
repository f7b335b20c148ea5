"""Authorised money: taken as parcels leave, taken before it lapses, let go when nobody needs it. Each asks before it repeats.

Gateways never give more than was set aside, and what they say they took is what counts (orders.paying.learn); so two captures
that cross each other end in the sum that the gateway names.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, Failed, House, Local, Outcome, Outside, Task
from haat.flows.paying.desk import Desk, Noted, found, observed
from haat.kernel.errors import Refused

OWNER = "payments"
Takings = Callable[[orders.Order], tuple[orders.settling.Taking, ...]]


class Taken(msgspec.Struct, frozen=True):
    """What the gateway said, and whether it was told just then that no more will be taken."""

    seen: payments.Observation
    final: bool = False


def capture(desk: Desk) -> Outside:
    """Take what has been earned by the parcels that left."""
    return _taking(desk, lambda order: orders.settling.takings(order, whole=desk.takes_whole), title="take the money", title_bn="অর্থ গ্রহণ")


def renew(desk: Desk) -> Outside:
    """Take what is still needed before the authorisation lapses. No gateway here renews one without its buyer."""

    def whole(order: orders.Order) -> tuple[orders.settling.Taking, ...]:
        if order.status in orders.paying.ENDED:
            return ()
        unneeded = set(orders.settling.superfluous(order))
        return tuple(
            [
                orders.settling.Taking(a.id, min(a.set_aside, t.owed - t.captured), True)
                for t in order.payments
                for a in t.attempts
                if a.set_aside and a.id not in unneeded
            ]
        )

    return _taking(desk, whole, title="take the money before it lapses", title_bn="মেয়াদের আগে অর্থ গ্রহণ")


def void(desk: Desk) -> Outside:
    """Let an authorisation go that nobody needs."""

    async def call(house: House, task: Task) -> payments.Observation | None:
        known = found(task.order, task.subject)
        if known is None or task.subject not in orders.settling.superfluous(task.order):
            return None
        connection, gateway = desk.gateway(known[1].gateway)
        about, now = desk.known(task.order, known[1]), house.clock.now()
        if gateway.void is None:
            raise Refused("cannot_void", f"{gateway.code} lets nothing go; it lapses by itself.")
        if task.attempts > 1:
            seen = await desk.outside.drive(connection, gateway.query(connection, about, now), subject=task.subject)
            known_already = seen.status == "charged" and seen.amount <= known[1].captured  # taken in part: the rest may still stand
            if seen.status != "authorized" and not known_already:
                return seen
        return await desk.outside.drive(connection, gateway.void(connection, about, now), subject=task.subject)

    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes: list[Outcome] = []
        for task, answer in answers:
            known = found(task.order, task.subject)
            if known is None or not known[1].set_aside or answer is None:
                outcomes.append(Done())
                continue
            tender, attempt = known
            if isinstance(answer, Refused) and answer.code == "cannot_void":
                outcomes.append(Done((orders.events.OrderPaymentVoided(tender.id, attempt.id, attempt.set_aside),)))
            elif isinstance(answer, payments.Observation) and answer.status in ("voided", "charged", "cancelled", "expired"):
                taken = answer.status == "charged" and answer.amount > attempt.captured
                seen = answer if taken else payments.Observation(status="voided", amount=answer.amount)
                facts = orders.paying.learn(task.order, attempt.id, observed(seen))
                noted.facts(task.order, facts, now)
                outcomes.append(Done(facts))
            else:
                outcomes.append(Failed(answer.raw_code or answer.status if isinstance(answer, payments.Observation) else str(answer)))
        await noted.write(tx)
        return outcomes

    return Outside(
        call=call, settle=settle, party=_party, title="let the money go", title_bn="অর্থ ছেড়ে দেওয়া", owner=OWNER, waits_for_holds=False,
        repairs=("retry", "skip"),
    )  # fmt: skip


def missing() -> Local:
    """An order that is under way has lost its authorisation: somebody has to talk with the buyer."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house, tx, now
        outcomes: list[Outcome] = []
        for task in tasks:
            tender = orders.paying.tender_in(task.order, task.subject)
            gone = tender is not None and tender.owed > tender.secured and task.order.status not in orders.paying.ENDED
            outcomes.append(Dead("authorization_lost", "The money that was set aside is gone.") if gone else Done())
        return outcomes

    return Local(run=run, title="money is missing", title_bn="অর্থ নেই", owner=OWNER)


def _taking(desk: Desk, takings: Takings, *, title: str, title_bn: str) -> Outside:
    async def call(house: House, task: Task) -> Taken | None:
        taking = next((t for t in takings(task.order) if t.attempt == task.subject), None)
        known = found(task.order, task.subject)
        if taking is None or known is None:
            return None
        connection, gateway = desk.gateway(known[1].gateway)
        if gateway.capture is None:
            raise Refused("cannot_capture", f"{gateway.code} takes nothing later.")
        about, now = desk.known(task.order, known[1]), house.clock.now()
        seen = await desk.outside.drive(connection, gateway.query(connection, about, now), subject=task.subject)
        target = known[1].captured + taking.amount
        had = seen.amount if seen.status == "charged" else 0
        if seen.status not in ("authorized", "charged") or had >= target:
            return Taken(seen)
        amount = (
            about.amount if payments.abilities_of(gateway, connection).capture == "full" else target - had
        )  # what is too much then goes back
        what = payments.Capture(known=about, amount=amount, key=f"{payments.ours(task.subject)}-{target}", final=taking.final)
        return Taken(await desk.outside.drive(connection, gateway.capture(connection, what, now), subject=task.subject), taking.final)

    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes: list[Outcome] = []
        for task, answer in answers:
            order: orders.Order = task.order
            if not isinstance(answer, Taken):
                outcomes.append(Done() if answer is None else Failed(str(answer)))
                continue
            seen = answer.seen
            facts = orders.paying.learn(order, task.subject, observed(seen)) if found(order, task.subject) else ()
            if seen.status == "charged":
                facts = orders.settling.taken(order, task.subject, facts, final=answer.final)
            noted.facts(order, facts, now)
            noted.signals.append(payments.SignalRow(attempt=task.subject, source="call", observation=seen, counted=bool(facts), at=now))
            well = seen.status in ("charged", "voided") or all(t.attempt != task.subject for t in takings(order))
            outcomes.append(Done(facts) if well else Failed(seen.raw_code or seen.status, facts))
        await noted.write(tx)
        return outcomes

    return Outside(
        call=call, settle=settle, party=_party, title=title, title_bn=title_bn, owner=OWNER, attempts_max=12, repairs=("retry", "skip"),
        waits_for_holds=False,
    )  # fmt: skip


def _party(task: Task) -> str:
    known = found(task.order, task.subject)
    return f"gateway:{known[1].gateway}" if known else "gateway"
