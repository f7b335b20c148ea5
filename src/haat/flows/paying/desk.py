"""What the payment steps share: the gateways of this process, the rules between them, and translations between two vocabularies.

A gateway speaks of attempts (domain/payments), an order knows obligations and what they hold (domain/orders); this file turns
one into the other. It decides nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain import orders, payments
from haat.engine.changes import Memory, Whole
from haat.engine.database import Tx
from haat.engine.outside import Outside
from haat.flows.paying.deciding import Policy
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from haat.kernel.outside import Connection

#: Failures in which the buyer turned back: they say nothing about the gateway.
TURNED_BACK = frozenset({"cancelled", "cancelled_by_buyer", "expired", "order_ended"})
RECORDS_FOR_S = 30.0


class Desk:
    """The payments of one process. `public_url` is where buyers and gateways reach us."""

    def __init__(
        self, outside: Outside, memory: Memory, draw: Callable[[], str], *, public_url: str, policy: Callable[[], Policy] = Policy
    ) -> None:
        self.outside = outside
        self.policy = policy
        self.new_id = draw
        self._public_url = public_url.rstrip("/")
        self._routes: Whole[list[payments.Route]] = Whole({"payment routes"}, payments.routes)
        self._records: tuple[datetime, Mapping[str, payments.Record]] | None = None
        memory.keep(self._routes)

    def gateway(self, code: str) -> tuple[Connection, payments.Gateway]:
        """A connection and what speaks through it. Raises Refused where it is gone."""
        connection = self.outside.book.need(code)
        gateway: payments.Gateway = self.outside.book.plugin(connection)
        return connection, gateway

    def authorises(self, code: str) -> bool:
        """Whether money is only set aside through this connection until parcels leave."""
        connection = self.outside.book.get(code)
        return connection is not None and payments.sets_aside(self.outside.book.plugin(connection), connection)

    def takes_whole(self, code: str) -> bool:
        """Whether an authorisation of this connection can be taken once only."""
        connection = self.outside.book.get(code)
        return connection is None or payments.abilities_of(self.outside.book.plugin(connection), connection).capture != "multiple"

    def candidates(self) -> list[payments.Candidate]:
        """Every gateway that is set up, as routing looks at it."""
        book = self.outside.book
        ahead = [each for each in book.active("gateway") if book.plugin(each).code != orders.paying.CASH]
        codes = {each.code for each in ahead}
        found = []
        for connection in ahead:
            gateway: payments.Gateway = book.plugin(connection)
            methods = frozenset({connection.code, gateway.code, *gateway.methods})
            fee = getattr(connection.config, "fee", None) or gateway.fee  # the contract's own, where an operator has told it
            found.append(
                payments.Candidate(
                    code=connection.code,
                    methods=methods,
                    limits=gateway.abilities.limits,
                    fee=fee,
                    priority=connection.priority,
                    fallback=book.stand_in(connection.code, codes),
                )
            )
        return found

    def methods(self) -> frozenset[str]:
        """What a buyer may pay with here, cash on delivery included."""
        by_rule = {m for rule in self._routes.value if rule.active and rule.gateways for m in rule.methods}
        return frozenset({orders.paying.CASH} | by_rule).union(*(c.methods for c in self.candidates()))

    async def records(self, tx: Tx, now: datetime) -> Mapping[str, payments.Record]:
        """How gateways did lately, half a minute old at the most."""
        if self._records is None or (now - self._records[0]).total_seconds() > RECORDS_FOR_S:
            self._records = (now, await payments.records(tx, now=now))
        return self._records[1]

    def choose(self, order: orders.Order, tender: orders.Tender, amount: int, records: Mapping[str, payments.Record]) -> payments.Receipt:
        """The gateway for an obligation: by rule, cost and recent success; those that were tried for it come last.

        One that was asked in vain and is left alone since then counts as untried, so that its fallback stands in for it.
        """
        candidates = self.candidates()
        broken = {c.code for c in candidates if self.outside.is_open(c.code)}
        asked = payments.Asked(
            method=tender.method,
            channel=order.channel,
            amount=amount,
            currency=order.currency,
            district=order.place.district if order.place else "",
        )
        return payments.route(
            asked,
            candidates,
            self._routes.value,
            records,
            broken=broken,
            tried={a.gateway for a in tender.attempts if not (a.gateway in broken and a.reason == "gateway_error")},
        )

    def charge(self, order: orders.Order, attempt: orders.Attempt) -> payments.Charge:
        """What a gateway is told when an attempt begins."""
        ship_to = order.ship_to
        return payments.Charge(
            attempt=attempt.id,
            amount=attempt.amount,
            currency=order.currency,
            number=order.number,
            return_url=f"{self._public_url}/v1/hooks/gateway/{attempt.gateway}/returns?attempt={attempt.id}",
            hook_url=f"{self._public_url}/v1/hooks/gateway/{attempt.gateway}",
            authorise=self.authorises(attempt.gateway),
            buyer=payments.Buyer(
                name=order.customer.name or ship_to.recipient,
                phone=order.customer.phone,
                email=order.customer.email,
                line=ship_to.line,
                city=ship_to.district,
                postcode=ship_to.postcode,
                country=ship_to.country,
            ),
            items=sum([line.quantity for line in order.lines]),
            description=f"Order {order.number}",
        )

    def known(self, order: orders.Order, attempt: orders.Attempt) -> payments.Known:
        """What a gateway is asked about."""
        return payments.Known(
            attempt=attempt.id,
            amount=attempt.amount,
            currency=order.currency,
            reference=attempt.reference,
            transaction=attempt.transaction,
            authorise=bool(attempt.authorized) or self.authorises(attempt.gateway),
            captured=attempt.captured,
            began=attempt.at,
        )


def payback(order: orders.Order, attempt: orders.Attempt, asked: orders.Refund, known: payments.Known) -> payments.Payback:
    """What a gateway is told of money that is to go back."""
    return payments.Payback(
        known=known, refund=asked.name, amount=asked.amount, reason=asked.reason, reference=asked.reference,
        others=other_names(order, attempt, asked),
    )  # fmt: skip


def other_names(order: orders.Order, attempt: orders.Attempt, asked: orders.Refund) -> tuple[str, ...]:
    """What the gateway called the other refunds of this attempt, and this one when it refused it."""
    refunds = [r for r in order.refunds if r.attempt == attempt.id]
    refused = [name for r in refunds for name in r.refused_as]
    return (*[r.reference for r in refunds if r.id != asked.id and r.reference], *refused)


def observed(seen: payments.Observation) -> orders.paying.Observed:
    """A gateway's word in the order's vocabulary."""
    return orders.paying.Observed(
        status=seen.status,
        amount=seen.amount,
        currency=seen.currency,
        reference=seen.reference,
        transaction=seen.transaction,
        redirect_url=seen.redirect_url,
        reason=seen.reason,
        soft=seen.soft,
        review=seen.review,
        lapses_at=seen.lapses_at,
        raw_code=seen.raw_code,
    )


def contested(dispute: str, seen: payments.DisputeObservation) -> orders.paying.Contested:
    """A gateway's word about a dispute in the order's vocabulary."""
    return orders.paying.Contested(
        dispute=dispute, status=seen.status, amount=seen.amount, currency=seen.currency, reason=seen.reason, respond_by=seen.respond_by
    )


def found(order: orders.Order, attempt_id: str) -> tuple[orders.Tender, orders.Attempt] | None:
    """The attempt and its obligation; None where the order has none such."""
    try:
        return orders.paying.attempt_in(order, attempt_id)
    except Refused:
        return None


class Noted(msgspec.Struct):
    """What a batch of steps leaves in the rows about payments."""

    attempts: dict[str, payments.AttemptRow] = {}
    refunds: dict[str, payments.RefundRow] = {}
    signals: list[payments.SignalRow] = []

    def facts(
        self, order: orders.Order, facts: Sequence[Fact], now: datetime, receipts: Mapping[str, payments.Receipt] | None = None
    ) -> None:
        """Rows of the attempts and refunds that these facts are about. `order` is as it was before them."""
        if not facts:
            return
        then = orders.after(order, facts, at=now)
        touched = {getattr(fact, "attempt", "") for fact in facts}
        if any(isinstance(fact, orders.events.OrderReinstated) for fact in facts):  # its orphaned money is owed again
            touched |= {attempt.id for tender in then.payments for attempt in tender.attempts if attempt.captured}
        for tender in then.payments:
            for attempt in tender.attempts:
                if attempt.id in touched and attempt.gateway not in ("", orders.paying.CASH):
                    receipt = (receipts or {}).get(attempt.id)
                    self.attempts[attempt.id] = attempt_row(then, tender, attempt, now, receipt)
        refunds = {getattr(fact, "refund", "") for fact in facts}
        for refund in then.refunds:
            if refund.id in refunds:
                self.refunds[refund.id] = refund_row(then, refund, now)

    async def write(self, tx: Tx) -> None:
        """Write it all."""
        await payments.note_attempts(tx, [self.attempts[key] for key in sorted(self.attempts)])
        await payments.note_refunds(tx, [self.refunds[key] for key in sorted(self.refunds)])
        await payments.note_signals(tx, self.signals)


def attempt_row(
    order: orders.Order, tender: orders.Tender, attempt: orders.Attempt, now: datetime, receipt: payments.Receipt | None = None
) -> payments.AttemptRow:
    """The row of an attempt as it is now. Buyers who turned back count neither for nor against a gateway."""
    status = "given_up" if attempt.status == "failed" and attempt.reason in TURNED_BACK else attempt.status
    return payments.AttemptRow(
        id=attempt.id,
        order_id=order.id,
        tender=tender.id,
        gateway=attempt.gateway,
        method=tender.method,
        reference=payments.ours(attempt.id),
        gateway_reference=attempt.reference,
        status=status,
        amount=attempt.amount,
        captured=attempt.captured,
        refunded=attempt.refunded,
        currency=order.currency,
        started_at=attempt.at or now,
        settled_at=now if status in payments.SETTLED else None,
        receipt=receipt,
    )


def refund_row(order: orders.Order, refund: orders.Refund, now: datetime) -> payments.RefundRow:
    """The row of a refund as it is now."""
    return payments.RefundRow(
        id=refund.id,
        order_id=order.id,
        tender=refund.payment,
        attempt=refund.attempt,
        gateway=refund.gateway,
        amount=refund.amount,
        currency=order.currency,
        status=refund.status,
        reason=refund.reason,
        reference=refund.reference,
        asked_at=now,
        settled_at=now if refund.status in ("succeeded", "failed") else None,
    )
