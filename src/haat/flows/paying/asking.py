"""Asking gateways what became of an attempt: at growing intervals until it is known, and once more before an order expires.

What a gateway does not say changes nothing. An attempt that nobody can tell about for days becomes an exception; it never
becomes «failed» by itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.engine.flowing import Again, Dead, Done, Failed, House, Local, Outcome, Outside, Step, Task
from haat.flows.paying.deciding import SOON
from haat.flows.paying.desk import Desk, Noted, found, observed
from haat.kernel.errors import HaatError, Unavailable
from haat.kernel.facts import Fact
from haat.kernel.outside import Unknown

OWNER = "payments"
#: After this time behind its own expiry, an attempt that is still «pending» over there will not be paid any more.
FORGOTTEN_AFTER = timedelta(hours=24)
DECLINED_TRIES = 3  # of asking about what was declined, where the gateway is away
LAST_TRIES = 5  # of asking before an order expires without an answer; money that comes later is orphaned, never lost
#: By now a buyer whose browser never came back has agreed, or will not: what was agreed to is finished without it.
CONFIRMED_AFTER = timedelta(minutes=3)
#: Statuses of orders that money cannot bring back: what their buyers have agreed to is not finished, it would only go back.
GIVEN_UP = frozenset({"cancelled", "rejected"})
Answers = Mapping[str, payments.Observation | None]


def ask(desk: Desk) -> Outside:
    """What became of an attempt, until it is known."""

    async def call(house: House, task: Task) -> payments.Observation | None:
        known = found(task.order, task.subject)
        if known is None or known[1].status not in orders.paying.OPEN:
            return None
        now = house.clock.now()
        return await look(desk, task.order, known[1], now, confirm=now - task.created_at >= CONFIRMED_AFTER)

    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes = [_heard(desk, task, answer, now, noted) for task, answer in answers]
        await noted.write(tx)
        return outcomes

    return Outside(
        call=call, settle=settle, party=_party, title="ask the gateway", title_bn="গেটওয়েকে জিজ্ঞাসা", owner=OWNER,
        waits_for_holds=False, age_limit_s=3 * 86_400.0, attempts_max=50, repairs=("retry", "skip"),
    )  # fmt: skip


def expire(desk: Desk) -> Outside:
    """The time to pay is over: every gateway is asked a last time, then the order ends; its stock goes back with that fact.

    Also about attempts that failed, where the buyer had a page or a form: what was declined there once may have been paid since.
    Whoever asked for more time while the gateways were asked has it: of what was begun since then nobody has said anything.
    """

    async def call(house: House, task: Task) -> Answers:
        order: orders.Order = task.order

        async def ask_last(attempt: orders.Attempt) -> payments.Observation | None:
            try:
                return await look(desk, order, attempt, house.clock.now(), confirm=attempt.status != "failed")
            except HaatError:
                return None

        asked = (*_open(order), *_declined(order))
        return dict(zip([a.id for a in asked], await asyncio.gather(*[ask_last(a) for a in asked]), strict=True))

    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes: list[Outcome] = []
        for task, said in answers:
            heard: Answers = said if isinstance(said, dict) else {}
            facts, silent = _last_word(task, heard, now, noted)
            then = orders.after(task.order, facts, at=now)
            if (left := _time_left(then, now)) > timedelta():
                outcomes.append(Again(left, "there is time to pay", facts))
            elif then.status == "placed" and orders.paying.uncovered(then) and silent and task.attempts < LAST_TRIES:
                outcomes.append(Failed("a gateway did not say whether it has the money", facts))
            else:
                ends = orders.settling.expire(then)
                outcomes.append(Done((*facts, *ends)))
            noted.facts(task.order, facts, now)
        await noted.write(tx)
        return outcomes

    return Outside(
        call=call, settle=settle, party=lambda task: "expiry", title="end what nobody paid", title_bn="অপরিশোধিত অর্ডার শেষ", owner=OWNER,
        waits_for_holds=False, attempts_max=LAST_TRIES + 3, limit_s=90.0, concurrency=32,
    )  # fmt: skip


def mismatch() -> Local:
    """A gateway holds money that is not what was asked for. Only a person can say whose it is; what is open is asked about meanwhile."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house, tx, now
        outcomes: list[Outcome] = []
        for task in tasks:
            known = found(task.order, task.subject)
            outcomes.append(Done() if known is None else _strange(known[1]))
        return outcomes

    return Local(
        run=run, title="look at strange money", title_bn="অমিল অর্থ দেখা", owner=OWNER, waits_for_holds=False, repairs=("retry", "skip")
    )


async def look(desk: Desk, order: orders.Order, attempt: orders.Attempt, now: datetime, *, confirm: bool) -> payments.Observation:
    """What the gateway says now. `confirm` also finishes what the buyer has agreed to (bKash executes then), unless the order was
    cancelled or rejected. Raises as `drive` does."""
    connection, gateway = desk.gateway(attempt.gateway)
    operation = gateway.confirm if confirm and order.status not in GIVEN_UP else gateway.query
    return await desk.outside.drive(connection, operation(connection, desk.known(order, attempt), now), subject=attempt.id)


def _heard(desk: Desk, task: Task, answer: object, now: datetime, noted: Noted) -> Outcome:
    order: orders.Order = task.order
    known = found(order, task.subject)
    if known is None or known[1].status not in orders.paying.OPEN:
        return Done()
    pause = _pause(desk, task)
    match answer:
        case payments.Observation():
            facts = _learned(order, known[1], answer, now)
            noted.facts(order, facts, now)
            noted.signals.append(payments.SignalRow(attempt=task.subject, source="poll", observation=answer, counted=bool(facts), at=now))
            told = any(e.step == "mismatch" for e in order.exceptions)
            if answer.reason == "mismatch" and not facts and not told:
                return Done(steps=(Step("mismatch", task.subject), Step("ask", task.subject, after=desk.policy().ask_at_most_each)))
            then = found(orders.after(order, facts, at=now), task.subject)
            open_still = then is not None and then[1].status in orders.paying.OPEN
            return Again(pause, answer.status, facts) if open_still else Done(facts)
        case None:
            return Done()
        case Unavailable() | Unknown():
            return Again(pause, str(answer))
        case _:
            return Failed(str(answer))


def _learned(order: orders.Order, attempt: orders.Attempt, seen: payments.Observation, now: datetime) -> tuple[Fact, ...]:
    """A question that was not answered is no news; a session that is long over is."""
    if seen.status == "unknown" and seen.reason != "mismatch" and attempt.status == "pending":
        return ()
    over = attempt.expires_at or (attempt.at + FORGOTTEN_AFTER if attempt.at else now)
    if seen.status == "pending" and now > over + FORGOTTEN_AFTER:
        return orders.paying.learn(order, attempt.id, orders.paying.Observed(status="expired", reason="expired"))
    return orders.paying.learn(order, attempt.id, observed(seen))


def _last_word(task: Task, heard: Answers, now: datetime, noted: Noted) -> tuple[tuple[Fact, ...], bool]:
    """(facts, whether some gateway has not said). One that declined before is waited for a few times only."""
    order: orders.Order = task.order
    facts: tuple[Fact, ...] = ()
    silent = False
    for attempt in (*_waited_for(order), *_declined(order)):
        seen = heard.get(attempt.id)
        if attempt.status == "failed":
            silent |= seen is None and task.attempts < DECLINED_TRIES
        elif seen is None or seen.status == "unknown":
            silent = True
        if seen is not None:
            learned = orders.paying.learn(orders.after(order, facts, at=now), attempt.id, observed(seen))
            noted.signals.append(payments.SignalRow(attempt=attempt.id, source="poll", observation=seen, counted=bool(learned), at=now))
            facts += learned
    return facts, silent


def _open(order: orders.Order) -> list[orders.Attempt]:
    return [a for t in order.payments for a in t.attempts if a.status in ("pending", "uncertain")]


def _waited_for(order: orders.Order) -> list[orders.Attempt]:
    return [a for t in order.payments for a in t.attempts if a.status in orders.paying.OPEN]


def _time_left(order: orders.Order, now: datetime) -> timedelta:
    """How long the buyer was told that what is not paid yet may still be paid; nothing where an order needs no money any more."""
    if order.status != "placed":
        return timedelta()
    due = [t.due_at - now for t in order.payments if t.due_at is not None and t.method != orders.paying.CASH and t.owed > t.secured]
    return max(due, default=timedelta())


def _declined(order: orders.Order) -> list[orders.Attempt]:
    return [a for t in order.payments for a in t.attempts if a.status == "failed" and a.redirect_url]


def _strange(attempt: orders.Attempt) -> Outcome:
    if attempt.strange is not None:
        return Dead("payment_mismatch", f"{attempt.gateway} says that it holds {attempt.strange} where {attempt.amount} were asked for.")
    if attempt.status in orders.paying.OPEN:
        return Dead("payment_mismatch", f"{attempt.gateway} does not hold the {attempt.amount} that were asked for.")
    return Done()


def _pause(desk: Desk, task: Task) -> timedelta:
    """A quarter of the time it has taken so far, within bounds: often at first, seldom later."""
    return min(max((task.now - task.created_at) / 4, SOON), desk.policy().ask_at_most_each)


def _party(task: Task) -> str:
    known = found(task.order, task.subject)
    return f"gateway:{known[1].gateway}" if known else "gateway"
