"""What truly happened: money, parcels, messages and hooks, as the parties' own books have them.

The parties keep their state here, so the books cannot differ from what the parties did. Amounts are minor units. A test reads
them over `/_world` and compares: each taka, each consignment, each message, by the reference that Haat gave.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

Event = tuple[datetime, str, int]


class Payment(msgspec.Struct, kw_only=True):
    """One payment at one gateway. `reference` is ours, `id` theirs; `trx` is the id under which money moved.

    Invariant: 0 ≤ refunded ≤ captured, captured + voided ≤ authorized ≤ amount.
    """

    party: str
    id: str
    reference: str
    amount: int
    currency: str
    status: str
    created_at: datetime
    manual: bool = False  # authorised first, captured later
    trx: str = ""
    payer: str = ""
    approved: bool = False  # the payer said yes (bKash takes money only when we execute)
    authorized: int = 0
    captured: int = 0
    voided: int = 0
    refunded: int = 0
    refunds: dict[str, int] = {}  # our refund reference (or theirs, where we gave none) → amount
    more: dict[str, Any] = {}  # what this gateway's protocol needs beside
    history: list[Event] = []

    @property
    def held(self) -> int:
        """Set aside, neither taken nor let go."""
        return self.authorized - self.captured - self.voided

    def authorize(self, amount: int, now: datetime) -> None:
        self._moved("authorized", amount, now)
        self.authorized += amount
        assert self.authorized <= self.amount, self

    def capture(self, amount: int, now: datetime) -> None:
        """Take what is set aside."""
        assert 0 < amount <= self.held, self
        self._moved("captured", amount, now)
        self.captured += amount

    def charge(self, now: datetime) -> None:
        """Set aside and take all of it at once."""
        self.authorize(self.amount, now)
        self.capture(self.amount, now)

    def void(self, now: datetime) -> int:
        """Let go of what is set aside; says how much."""
        amount = self.held
        if amount:
            self._moved("voided", amount, now)
            self.voided += amount
        return amount

    def refund(self, reference: str, amount: int, now: datetime) -> None:
        """Give back. The caller has looked whether this reference was served before."""
        assert 0 < amount <= self.captured - self.refunded, self
        assert reference not in self.refunds, self
        self._moved("refunded", amount, now)
        self.refunded += amount
        self.refunds[reference] = amount

    def _moved(self, what: str, amount: int, now: datetime) -> None:
        self.history.append((now, what, amount))


class Consignment(msgspec.Struct, kw_only=True):
    """One parcel on one courier's books. `cash` is to be collected, `collected` was; `remitted` names the invoice that paid it out."""

    party: str
    id: str
    reference: str
    cash: int
    status: str  # in the one vocabulary of couriers: booked, picked_up, …, delivered, returned, lost
    created_at: datetime
    phone: str = ""
    fee: int = 0
    collected: int = 0
    reason: str = ""
    remitted: str = ""
    updated_at: datetime | None = None
    more: dict[str, Any] = {}
    history: list[Event] = []

    def scan(self, status: str, now: datetime, *, reason: str = "", collected: int = 0) -> None:
        self.status, self.reason, self.updated_at = status, reason, now
        self.collected += collected
        self.history.append((now, status, collected))


class Message(msgspec.Struct, kw_only=True):
    """An SMS, a mail or a web request that reached its receiver. `id` is the sender's, the same for each repetition."""

    kind: str
    to: str
    id: str
    text: str
    at: datetime
    headers: dict[str, str] = {}
    query: dict[str, str] = {}


class Truth(msgspec.Struct):
    """The books of all parties together."""

    payments: dict[tuple[str, str], Payment] = {}
    consignments: dict[tuple[str, str], Consignment] = {}
    messages: list[Message] = []
    calls: Counter[str] = msgspec.field(default_factory=Counter)  # "party operation fault" → how often
    hooks: Counter[str] = msgspec.field(default_factory=Counter)  # "party event outcome" → how often
    #: The same by our reference, and the ids of messages by kind: a world of ten thousand orders has no time to look through all.
    payments_for: dict[tuple[str, str], list[Payment]] = {}
    consignments_for: dict[tuple[str, str], list[Consignment]] = {}
    told: set[tuple[str, str]] = msgspec.field(default_factory=set)
    #: By the other names that a party gives its own: the bank's number of a payment, a parcel's tracking code.
    paid_as: dict[tuple[str, str], Payment] = {}
    booked_as: dict[tuple[str, str], Consignment] = {}

    def pay(self, payment: Payment) -> Payment:
        self.payments[payment.party, payment.id] = payment
        self.payments_for.setdefault((payment.party, payment.reference), []).append(payment)
        self.name(payment)
        return payment

    def name(self, payment: Payment) -> None:
        """A payment was given other names."""
        for name in (payment.trx, payment.more.get("val_id", "")):
            if name:
                self.paid_as[payment.party, name] = payment

    def book(self, consignment: Consignment) -> Consignment:
        self.consignments[consignment.party, consignment.id] = consignment
        self.consignments_for.setdefault((consignment.party, consignment.reference), []).append(consignment)
        if "code" in consignment.more:
            self.booked_as[consignment.party, consignment.more["code"]] = consignment
        return consignment

    def tell(self, message: Message) -> None:
        self.messages.append(message)
        self.told.add((message.kind, message.id))

    def paid_for(self, party: str, reference: str) -> list[Payment]:
        return list(self.payments_for.get((party, reference), ()))

    def booked_for(self, party: str, reference: str) -> list[Consignment]:
        return list(self.consignments_for.get((party, reference), ()))

    def keep(self, payments: Iterable[Payment], consignments: Iterable[Consignment], messages: Iterable[Message]) -> None:
        """Forget everything but these."""
        kept = list(payments), list(consignments), list(messages)
        for book in (self.payments, self.consignments, self.payments_for, self.consignments_for, self.paid_as, self.booked_as):
            book.clear()
        self.messages.clear()
        self.told.clear()
        for payment in kept[0]:
            self.pay(payment)
        for consignment in kept[1]:
            self.book(consignment)
        for message in kept[2]:
            self.tell(message)

    def histories(self, named: Callable[[str, str], str] = lambda _, reference: reference) -> dict[str, list[Any]]:
        """Everything that moved, by the names that the world has for it (`World.named`), without the parties' own ids and instants."""
        books: list[Payment | Consignment] = [*self.payments.values(), *self.consignments.values()]
        return {f"{each.party} {named(each.party, each.reference)}": [[what, sum_] for _, what, sum_ in each.history] for each in books}
