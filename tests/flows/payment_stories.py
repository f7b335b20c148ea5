"""One payment's story, told to the fold and to the flow's own `decide`: what happens outside, what is learned, which steps wait.

No engine and no gateway runs: a step that waits is an entry, and `drain` does what its verb would do with a truthful gateway.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

from haat.domain import orders, payments
from haat.domain.orders import events
from haat.engine.flowing import Step, Stop
from haat.flows import paying
from haat.flows.paying.deciding import decider
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.histories import a_line, placed
from tests.flows.gateway_wires import ATTEMPT, NOW, Truth, Wire

TENDER = "01a20000-0000-7000-8000-0000000000b1"
DECIDE = decider(paying.Policy)
LATER = NOW + timedelta(hours=1)
Look = Callable[[Truth, bool], payments.Observation]
_BEGUN: dict[str, tuple[orders.Order, frozenset[tuple[str, str]]]] = {}


class Story:
    """An order of 260 taka to be paid through one gateway; the buyer is at its page."""

    def __init__(self, wire: Wire, look: Look, *, stock: bool = True) -> None:
        self.look = look
        self.stock = stock
        self.waiting: set[tuple[str, str]] = set()
        self.before_expiry: orders.Order | None = None
        self.expired: events.OrderExpired | None = None
        self.ids: Iterator[str] = (f"01a20000-0000-7000-8000-{n:012d}" for n in count(1))
        self.back = 0  # given back by the gateway
        begun = _BEGUN.get(wire.code)
        if begun is not None:
            self.order, waiting = begun
            self.waiting = set(waiting)
        else:
            self.order = placed(a_line(1, 2, 10_000))
            grand = self.order.totals.grand
            self.append(events.OrderPaymentRequested(TENDER, wire.code, grand, LATER + timedelta(minutes=30)))
            self.append(events.OrderPaymentAttempted(TENDER, ATTEMPT, wire.code, grand))
            self.waiting -= {("charge", ATTEMPT), ("route", TENDER)}
            self.append(events.OrderPaymentStarted(TENDER, ATTEMPT, wire.reference, "https://pay.example/1"))
            _BEGUN[wire.code] = (self.order, frozenset(self.waiting))
        self.amount = self.order.totals.grand
        self.truth = Truth("pending", self.amount)

    # What the engine does

    def append(self, *facts: Fact) -> None:
        """Facts of one transaction, then what the flow decides; local steps run at once, as in a turn."""
        for fact in facts:
            order = orders.evolve(self.order, fact, order_id=self.order.id, version=self.order.version + 1, at=LATER, by="system")
            if isinstance(fact, events.OrderExpired):
                self.before_expiry, self.expired = self.order, fact
            self.order = order
        settle = False
        for fact in facts:
            decided = DECIDE(self.order, fact)
            for stop in [d for d in decided if isinstance(d, Stop)]:
                self.waiting = {w for w in self.waiting if w[0] != stop.name or stop.subject not in (None, w[1])}
            for step in [d for d in decided if isinstance(d, Step)]:
                settle |= step.name == "settle"
                self.waiting |= {(step.name, step.subject)} if step.name != "settle" else set()
        if settle:
            self._settle()

    def _settle(self) -> None:
        """The verb `settle` without its tables: reinstate where the stock is still there, then what the state asks for."""
        facts: tuple[Fact, ...] = ()
        late = self.order.status == "expired" and any(a.orphaned for t in self.order.payments for a in t.attempts)
        before, expired = self.before_expiry, self.expired
        if late and self.stock and before is not None and expired is not None and orders.settling.payable_again(self.order, before):
            again = [events.Reservation(c.line_no, f"SKU-{c.line_no}", "DHK", c.quantity) for c in expired.cuts]
            facts = orders.settling.reinstate(before, expired, again, reason="paid_late")
        then = self.order
        for fact in facts:
            then = orders.evolve(then, fact, order_id=then.id, version=then.version + 1, at=LATER, by="system")
        facts += orders.settling.settle(then, lambda: next(self.ids))
        if facts:
            self.append(*facts)

    # What happens

    def pays(self, status: str) -> None:
        """The buyer decides, over there."""
        self.truth = Truth(status, self.amount)

    def hear(self, *, confirm: bool = False) -> None:
        """A signal arrived: the gateway is asked, the answer learned."""
        self.learn(self.look(self.truth, confirm))

    def learn(self, seen: payments.Observation) -> None:
        facts = orders.paying.learn(self.order, ATTEMPT, paying.observed(seen))
        if facts:
            self.append(*facts)

    def cancel(self) -> None:
        try:
            self.append(*orders.cancel(self.order, None, reason="changed_mind"))
        except Refused:
            assert self.order.status in orders.paying.ENDED

    def expire(self) -> None:
        """The timer's verb, where the timer still waits: ask a last time, then end what nobody paid."""
        if ("expire", "") not in self.waiting:
            return
        self.waiting.discard(("expire", ""))
        if self.attempt.status in ("pending", "uncertain", "failed"):
            self.hear(confirm=self.attempt.status != "failed")
        ends = orders.settling.expire(self.order)
        if ends:
            self.append(*ends)

    def refund(self, amount: int) -> None:
        """An admin gives some of it back, whatever is owed."""
        try:
            self.append(*orders.settling.ask_back(self.order, amount, reason="goodwill", new_id=lambda: next(self.ids)))
        except Refused as refusal:
            assert refusal.code == "more_than_kept"

    def drain(self) -> None:
        """Every step that waits is done, with a gateway that answers truthfully. Timers of money that is held stay."""
        for _ in range(20):
            ready = sorted(w for w in self.waiting if w[0] not in ("expire", "renew", "capture"))
            if not ready:
                return
            for name, subject in ready:
                self.waiting.discard((name, subject))
                self._do(name, subject)
        raise AssertionError(f"it does not come to rest: {self.waiting}")

    def _do(self, name: str, subject: str) -> None:
        if name == "ask" and self.attempt.status in orders.paying.OPEN:
            self.hear()
        elif name == "void" and self.attempt.set_aside and subject in orders.settling.superfluous(self.order):
            self.truth = Truth("voided", self.amount)
            self.learn(payments.Observation(status="voided", amount=self.attempt.set_aside, currency="BDT"))
        elif name == "refund":
            refund = next(r for r in self.order.refunds if r.id == subject)
            assert refund.status == "requested", "no refund is sent twice"
            self.back += refund.amount
            self.append(events.OrderRefunded(refund.id, refund.payment, refund.attempt, refund.amount, "back"))

    # What is true

    @property
    def attempt(self) -> orders.Attempt:
        return orders.paying.attempt_in(self.order, ATTEMPT)[1]

    def assert_owned(self) -> None:
        """Nothing waits that no step will ever look at again."""
        names = self.waiting
        if self.attempt.status in orders.paying.OPEN:
            assert ("ask", ATTEMPT) in names, "an open attempt is asked about"
        for refund in self.order.refunds:
            if refund.status == "requested":
                assert ("refund", refund.id) in names, "money that is to go back is sent"
        if self.attempt.set_aside:
            wanted = ATTEMPT not in orders.settling.superfluous(self.order)
            assert (("renew" if wanted else "void"), ATTEMPT) in names, "what is set aside is taken in time, or let go"
        if self.order.status == "placed" and orders.paying.uncovered(self.order):
            assert ("expire", "") in names, "what is unpaid expires"

    def assert_conserved(self) -> None:
        """What the gateway took is what the order kept and what went or goes back; never covered twice, never more back than came."""
        attempt = self.attempt
        there = self.amount if self.truth.status == "paid" and not attempt.authorized else 0
        assert attempt.captured in (0, there)
        going = sum(r.amount for r in self.order.refunds if r.status == "requested")
        assert attempt.refunded == self.back
        assert attempt.captured == orders.settling.kept(self.order, attempt) + going + attempt.refunded
        assert 0 <= orders.settling.kept(self.order, attempt) <= self.amount
        assert 0 <= attempt.orphaned <= attempt.captured
