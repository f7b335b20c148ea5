"""The beginning of a payment: what is due, through whom, and the gateway told of it.

request, route: in the database. charge: outside, once per attempt. A gateway that does not take it is followed by the next one as
long as the buyer has not been sent anywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain import orders, payments
from haat.engine.database import Tx
from haat.engine.flowing import Dead, Done, Failed, House, Local, Outcome, Outside, Task
from haat.flows.paying.desk import Desk, Noted, found, observed
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.facts import Fact
from haat.kernel.outside import Unknown

OWNER = "payments"
CHARGES_MAX = 5


def request(desk: Desk) -> Local:
    """What is due by which method becomes an obligation; for what is paid ahead, a gateway is chosen at once."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house
        records = await desk.records(tx, now)
        noted = Noted()
        outcomes: list[Outcome] = []
        for task in tasks:
            facts, receipts = _requested(desk, task.order, records, now)
            noted.facts(task.order, facts, now, receipts)
            outcomes.append(Done(facts))
        await noted.write(tx)
        return outcomes

    return Local(run=run, title="ask for the money", title_bn="অর্থ চাওয়া", owner=OWNER, waits_for_holds=False)


def route(desk: Desk) -> Local:
    """An attempt through the next gateway; dead where nobody can take it, so that somebody sees it before the order expires."""

    async def run(house: House, tx: Tx, tasks: Sequence[Task], now: datetime) -> list[Outcome]:
        del house
        records = await desk.records(tx, now)
        noted = Noted()
        outcomes: list[Outcome] = []
        for task in tasks:
            order: orders.Order = task.order
            tender = orders.paying.tender_in(order, task.subject)
            moot = tender is None or order.status in orders.paying.ENDED or tender.owed <= tender.secured
            if tender is None or moot or any(a.status in orders.paying.OPEN for a in tender.attempts):
                outcomes.append(Done())
                continue
            facts, receipts = _attempted(desk, order, tender, records)
            noted.facts(order, facts, now, receipts)
            outcomes.append(Done(facts) if facts else Dead("no_gateway", f"Nobody here takes {tender.method} for this order."))
        await noted.write(tx)
        return outcomes

    return Local(run=run, title="choose a gateway", title_bn="গেটওয়ে বাছাই", owner=OWNER, waits_for_holds=False)


def charge(desk: Desk) -> Outside:
    """The gateway is told of the attempt and says where the buyer goes on."""

    async def call(house: House, task: Task) -> payments.Started | payments.Observation | None:
        order: orders.Order = task.order
        known = found(order, task.subject)
        if known is None or known[1].status != "attempted" or order.status in orders.paying.ENDED:
            return None
        attempt = known[1]
        connection, gateway = desk.gateway(attempt.gateway)
        now = house.clock.now()
        return await desk.outside.drive(connection, gateway.create(connection, desk.charge(order, attempt), now), subject=attempt.id)

    async def settle(house: House, tx: Tx, answers: Sequence[tuple[Task, object]], now: datetime) -> list[Outcome]:
        del house
        noted = Noted()
        outcomes: list[Outcome] = []
        for task, answer in answers:
            known = found(task.order, task.subject)
            if known is None:
                outcomes.append(Done())
                continue
            facts = _begun(desk, task, known, answer)
            noted.facts(task.order, facts or (), now)
            if isinstance(answer, payments.Observation):
                noted.signals.append(
                    payments.SignalRow(attempt=task.subject, source="call", observation=answer, counted=bool(facts), at=now)
                )
            unsaid = facts is None
            outcomes.append(Failed(str(answer)) if unsaid else Done(facts or ()))
        await noted.write(tx)
        return outcomes

    return Outside(
        call=call, settle=settle, party=_party, title="tell the gateway", title_bn="গেটওয়েকে জানানো", owner=OWNER, waits_for_holds=False,
        attempts_max=CHARGES_MAX,
    )  # fmt: skip


def _requested(
    desk: Desk, order: orders.Order, records: Mapping[str, payments.Record], now: datetime
) -> tuple[tuple[Fact, ...], dict[str, payments.Receipt]]:
    """One obligation for each way to pay. Nothing for what somebody vouches for, and nothing twice."""
    facts: list[Fact] = []
    receipts: dict[str, payments.Receipt] = {}
    for portion in orders.splitting.due(order):
        ahead = portion.method != orders.paying.CASH
        due_at = now + desk.policy().pay_within if ahead else None
        asked = orders.events.OrderPaymentRequested(desk.new_id(), portion.method, portion.amount, due_at)
        facts.append(asked)
        if ahead:
            tender = orders.Tender(asked.payment, portion.method, portion.amount, due_at=due_at)
            begun, chosen = _attempted(desk, order, tender, records)
            facts.extend(begun)
            receipts.update(chosen)
    return tuple(facts), receipts


def _attempted(
    desk: Desk, order: orders.Order, tender: orders.Tender, records: Mapping[str, payments.Record]
) -> tuple[tuple[Fact, ...], dict[str, payments.Receipt]]:
    amount = tender.owed - tender.secured
    receipt = desk.choose(order, tender, amount, records)
    if not receipt.gateway:
        return (), {}
    attempt = desk.new_id()
    begun = orders.events.OrderPaymentAttempted(tender.id, attempt, receipt.gateway, amount, receipt=attempt, instead_of=receipt.instead_of)
    return (begun,), {attempt: receipt}


def _begun(desk: Desk, task: Task, known: tuple[orders.Tender, orders.Attempt], answer: object) -> tuple[Fact, ...] | None:
    """What an answer to `charge` means; None where it is to be told again: the same attempt is the same payment over there."""
    order: orders.Order = task.order
    tender, attempt = known
    match answer:
        case payments.Started():
            url = answer.redirect_url or answer.handle
            another = attempt.reference not in ("", answer.reference)
            if another and (attempt.redirect_url or not url):  # a call that was made twice: the buyer has been sent to the other page
                return ()
            return (orders.events.OrderPaymentStarted(tender.id, attempt.id, answer.reference, url, answer.expires_at),)
        case payments.Observation():
            return orders.paying.learn(order, attempt.id, observed(answer))
        case None:  # it was not called: the order ended, or the attempt is further already
            ended = attempt.status == "attempted" and order.status in orders.paying.ENDED
            return (orders.events.OrderPaymentFailed(tender.id, attempt.id, "order_ended"),) if ended else ()
        case Unknown() if not _redirects(desk, attempt):
            if task.attempts < CHARGES_MAX:
                return None
            return orders.paying.learn(order, attempt.id, orders.paying.Observed(status="unknown", reason="create"))
        case Unknown() | Unavailable() | Refused():
            # The buyer has been sent nowhere, so nobody can have paid; should money come all the same, it counts.
            reason = "gateway_error" if not isinstance(answer, Refused) else answer.code
            seen = orders.paying.Observed(status="failed", reason=reason, soft=True, raw_code=str(answer)[:100])
            return orders.paying.learn(order, attempt.id, seen)
        case _:
            return None


def _redirects(desk: Desk, attempt: orders.Attempt) -> bool:
    try:
        return desk.gateway(attempt.gateway)[1].abilities.redirects
    except Refused:
        return True


def _party(task: Task) -> str:
    known = found(task.order, task.subject)
    return f"gateway:{known[1].gateway}" if known else "gateway"
