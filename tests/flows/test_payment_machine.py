"""Any story of an order's money: several attempts, lines cut, people and clocks, and gateways' words stale, doubled and contradictory.

A rule is something that happens; after each, nothing may be covered twice, lost, or left without a step that looks at it. At the end
everything that waits is done with truthful gateways, and what is held is what is owed.
"""

import contextlib
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from haat.domain import orders
from haat.domain.orders import events
from haat.domain.orders.paying import Observed
from haat.engine.flowing import Step, Stop
from haat.flows import paying
from haat.flows.paying.deciding import decider
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact
from tests.domain.orders.histories import NOW, a_line, placed

DECIDE = decider(paying.Policy)
LATER = NOW + timedelta(hours=1)
GATEWAYS = ("bkash", "nagad", "cards")  # the last sets money aside first


class Money(RuleBasedStateMachine):
    """One order of three units; the truth of every attempt at its gateway; the steps that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.order = placed(a_line(1, 3, 10_000), fees=100)
        self.there: dict[str, Observed] = {}  # what each gateway would say
        self.said: dict[str, list[Observed]] = {}  # all it ever would have
        self.back: dict[str, int] = {}
        self.waiting: set[tuple[str, str]] = set()
        self.tell(events.OrderPaymentRequested("t-1", "online", self.order.totals.grand, LATER + timedelta(minutes=30)))
        for gateway in GATEWAYS:
            self.begin(gateway)

    # What happens

    @rule(gateway=st.sampled_from(GATEWAYS))
    def the_buyer_begins(self, gateway: str) -> None:
        self.begin(gateway)

    def begin(self, gateway: str) -> None:
        tender = orders.paying.tender_in(self.order, "t-1")
        assert tender is not None
        amount = tender.owed - tender.secured
        if self.order.status in orders.paying.ENDED or amount <= 0 or len(self.there) >= 5:
            return
        attempt = self.name("a")
        self.waiting.discard(("route", "t-1"))
        self.tell(events.OrderPaymentAttempted("t-1", attempt, gateway, amount))
        self.waiting.discard(("charge", attempt))
        self.tell(events.OrderPaymentStarted("t-1", attempt, f"ref-{attempt}", "https://pay.example"))
        self.says(attempt, Observed(status="pending"))

    @precondition(lambda self: self.there)
    @rule(data=st.data(), decision=st.sampled_from(["pays", "declines"]))
    def the_buyer_decides(self, data: st.DataObject, decision: str) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.there)))
        if self.there[attempt].status not in ("pending", "failed"):  # a page that declined once takes another card
            return
        known = orders.paying.attempt_in(self.order, attempt)[1]
        if decision == "declines":
            self.says(attempt, Observed(status="failed", reason="declined", soft=True))
        else:
            self.says(
                attempt, Observed(status="authorized" if known.gateway == "cards" else "charged", amount=known.amount, currency="BDT")
            )

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def the_gateway_is_heard(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.there)))
        self.learn(attempt, self.there[attempt])

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def an_old_word_is_heard(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.there)))
        self.learn(attempt, data.draw(st.sampled_from(self.said[attempt])))

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def the_gateway_does_not_say(self, data: st.DataObject) -> None:
        self.learn(data.draw(st.sampled_from(sorted(self.there))), Observed(status="unknown"))

    @rule(units=st.sampled_from([1, 1, 2, 3]))
    def something_is_cancelled(self, units: int) -> None:
        with contextlib.suppress(Refused):
            self.tell(*orders.cancel(self.order, {1: units} if units < 3 else None, reason="x"))

    @rule()
    def the_time_is_over(self) -> None:
        if ("expire", "") in self.waiting:
            self.waiting.discard(("expire", ""))
            for attempt in sorted(self.there):
                if orders.paying.attempt_in(self.order, attempt)[1].status in ("pending", "uncertain", "failed"):
                    self.learn(attempt, self.there[attempt])
            self.tell(*orders.settling.expire(self.order))

    @rule(amount=st.sampled_from([1, 5_000, 20_000]))
    def an_admin_gives_something_back(self, amount: int) -> None:
        with contextlib.suppress(Refused):
            self.tell(*orders.settling.ask_back(self.order, amount, reason="goodwill", new_id=lambda: self.name("r")))

    @rule()
    def a_step_is_done(self) -> None:
        ready = sorted(w for w in self.waiting if w[0] in ("refund", "void"))
        if ready:
            self.does(*ready[0])

    # What must hold

    @invariant()
    def nothing_is_covered_twice_and_nothing_lost(self) -> None:
        for tender in self.order.payments:
            assert tender.captured + sum(a.orphaned for a in tender.attempts) == sum(a.captured for a in tender.attempts)
            for attempt in tender.attempts:
                there = self.there[attempt.id]
                assert attempt.captured <= (there.amount if there.status == "charged" else 0)
                assert attempt.refunded == self.back.get(attempt.id, 0)
                asked = sum(r.amount for r in self.order.refunds if r.attempt == attempt.id)
                assert asked <= attempt.captured, "no more goes back than came"
                no = {"failed", "expired", "voided"} & {seen.status for seen in self.said[attempt.id]}
                assert attempt.status != "failed" or no, "unknown is never failed"
            assert tender.captured <= tender.amount, "never covered twice"

    @invariant()
    def everything_that_waits_has_a_step(self) -> None:
        superfluous = orders.settling.superfluous(self.order)
        for attempt in [a for t in self.order.payments for a in t.attempts]:
            if attempt.status in orders.paying.OPEN:
                assert ("ask", attempt.id) in self.waiting
            if attempt.id in superfluous or (attempt.set_aside and self.order.status in orders.paying.ENDED):
                assert ("void", attempt.id) in self.waiting
        for refund in self.order.refunds:
            assert refund.status == "succeeded" or ("refund", refund.id) in self.waiting
        assert not orders.settling.settle(self.order, str), "what is out of balance was settled at once"

    def teardown(self) -> None:
        for _ in range(30):
            ready = sorted(w for w in self.waiting if w[0] in ("ask", "refund", "void"))
            if not ready:
                break
            for step in ready:
                if step in self.waiting:
                    self.does(*step)
        self.nothing_is_covered_twice_and_nothing_lost()
        assert all(r.status == "succeeded" for r in self.order.refunds)
        held = sum(a.captured - a.refunded for t in self.order.payments for a in t.attempts)
        goodwill = sum(r.amount for r in self.order.refunds if r.reason == "goodwill")
        assert held <= orders.settling.owing(self.order)
        if self.order.status in orders.paying.ENDED:
            assert held == 0 and not any(a.set_aside for t in self.order.payments for a in t.attempts)
        paid = sum(a.captured for t in self.order.payments for a in t.attempts)
        assert paid - sum(r.amount for r in self.order.refunds) == held and goodwill <= paid

    # How

    def name(self, kind: str) -> str:
        self.n += 1
        return f"{kind}-{self.n:03d}"

    def says(self, attempt: str, seen: Observed) -> None:
        self.there[attempt] = seen
        self.said.setdefault(attempt, []).append(seen)

    def learn(self, attempt: str, seen: Observed) -> None:
        self.tell(*orders.paying.learn(self.order, attempt, seen))

    def does(self, name: str, subject: str) -> None:
        self.waiting.discard((name, subject))
        if name == "ask":
            if orders.paying.attempt_in(self.order, subject)[1].status in orders.paying.OPEN:
                if self.there[subject].status == "pending":
                    self.says(subject, Observed(status="expired", reason="expired"))
                self.learn(subject, self.there[subject])
        elif name == "void":
            if subject in orders.settling.superfluous(self.order):
                self.says(subject, Observed(status="voided"))
                self.learn(subject, self.there[subject])
        else:
            refund = next(r for r in self.order.refunds if r.id == subject)
            self.back[refund.attempt] = self.back.get(refund.attempt, 0) + refund.amount
            self.tell(events.OrderRefunded(refund.id, refund.payment, refund.attempt, refund.amount))

    def tell(self, *facts: Fact) -> None:
        """Facts of one transaction, the flow's decisions, and `settle` at once."""
        for fact in facts:
            self.order = orders.evolve(self.order, fact, order_id=self.order.id, version=self.order.version + 1, at=LATER, by="x")
        settle = False
        for fact in facts:
            decided = DECIDE(self.order, fact)
            for stop in [d for d in decided if isinstance(d, Stop)]:
                self.waiting = {w for w in self.waiting if w[0] != stop.name or stop.subject not in (None, w[1])}
            for step in [d for d in decided if isinstance(d, Step)]:
                settle |= step.name == "settle"
                self.waiting |= {(step.name, step.subject)} - {("settle", "")}
        if settle:
            self.tell(*orders.settling.settle(self.order, lambda: self.name("r")))


Money.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
test_any_story_of_money_keeps_it_whole = Money.TestCase
