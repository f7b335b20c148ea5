"""A bank with three gateways that do what the test says: answer, decline, lose their answer before or after the effect, fall silent.

Its connectors yield nothing: they read and write the bank's books, and raise what the driver would raise.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.domain import payments
from haat.domain.payments import gateway
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Unknown


class Nothing(msgspec.Struct, frozen=True):
    """No settings."""


class Setting(msgspec.Struct, frozen=True):
    """Money is set aside, unless the shop wants it at once."""

    authorise: bool = True


class Account(msgspec.Struct):
    """One payment in the bank's books."""

    attempt: str
    amount: int
    authorise: bool
    status: str = "pending"
    captured: int = 0
    refunds: dict[str, int] = {}


class Bank:
    """The books, by attempt, and the moods: what the next calls of an operation do beside their work."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.moods: dict[str, list[str]] = {}  # "acme.create" → "lost_before" | "lost_after" | "unavailable" | "declined" …
        self.calls: list[str] = []
        self.short = False  # it has nothing to give back with, so it refuses refunds; and again whatever it refused under a name
        self.refused: set[str] = set()
        self.sets_aside_for = timedelta(days=7)
        self.by_amount = False  # it knows refunds by amount alone, not by our names

    def gateways(self) -> Mapping[str, payments.Gateway]:
        return {"acme": self._gateway("acme"), "bolt": self._gateway("bolt", fee=200), "cardly": self._gateway("cardly", authorise=True)}

    def pay(self, attempt: str, status: str = "charged") -> None:
        """The buyer decides on the gateway's page. Who `agreed` has not paid before it is confirmed."""
        account = self.accounts[attempt]
        account.status = "authorized" if status == "charged" and account.authorise else status
        if account.status == "charged":
            account.captured = account.amount

    def mood(self, operation: str, *moods: str) -> None:
        self.moods.setdefault(operation, []).extend(moods)

    def _gateway(self, code: str, *, authorise: bool = False, fee: int = 100) -> payments.Gateway:
        own = _Own(self, code)
        return payments.Gateway(
            code=code, title=code.title(), methods=("online", "card"), config=Setting if authorise else Nothing, secrets=Nothing,
            abilities=payments.Abilities(
                limits={"BDT": (100, 10**9)}, authorise=authorise, capture="multiple" if authorise else "none", refund="multiple",
            ),
            fee=payments.Fee(permyriad=fee), create=own.create, confirm=own.look("confirm"), query=own.look("query"), verify=_verify,
            heard=_heard, callback=_callback, capture=own.capture if authorise else None, void=own.void if authorise else None,
            refund=own.refund, query_refund=own.query_refund,
        )  # fmt: skip


class _Own:
    """The operations of one gateway."""

    def __init__(self, bank: Bank, code: str) -> None:
        self._bank = bank
        self._code = code

    def _does(self, operation: str, effect: Callable[[], Any]) -> Any:
        name = f"{self._code}.{operation}"
        self._bank.calls.append(name)
        moods = self._bank.moods.get(name, [])
        mood = moods.pop(0) if moods else ""
        if mood == "unavailable":
            raise Unavailable("outside_unreachable", "nobody there")
        if mood == "no_lookup":
            raise Unknown("no_lookup", "it cannot be asked about that")
        if mood == "lost_before":
            raise Unknown("outside_lost", "it never arrived, but who knows")
        if mood == "missing":
            return payments.RefundObservation(status="unknown", reason="not_found")
        done = effect()
        if mood == "lost_after":
            raise Unknown("outside_lost", "it arrived, the answer did not")
        if mood == "declined":
            return gateway.failed("gateway_error", "busy")
        if mood == "strange":
            return payments.Observation(status="unknown", reason="mismatch", amount=777, currency="BDT", raw_code="?")
        if mood == "mute":
            return gateway.unknown("?")
        return done

    def create(
        self, connection: Connection, charge: payments.Charge, now: datetime
    ) -> Conversation[payments.Started | payments.Observation]:
        return self._does("create", lambda: self._begun(charge, now))
        yield

    def _begun(self, charge: payments.Charge, now: datetime) -> payments.Started:
        self._bank.accounts.setdefault(charge.attempt, Account(charge.attempt, charge.amount, charge.authorise))
        return payments.Started(f"ref-{charge.attempt[-6:]}", f"https://{self._code}.example/{charge.attempt}", now + timedelta(hours=1))

    def look(self, operation: str) -> gateway.Look:
        def look(connection: Connection, known: payments.Known, now: datetime) -> Conversation[payments.Observation]:
            return self._does(operation, lambda: self._executed(known, now) if operation == "confirm" else self._seen(known, now))
            yield

        return look

    def _executed(self, known: payments.Known, now: datetime) -> payments.Observation:
        account = self._bank.accounts.get(known.attempt)
        if account is not None and account.status == "agreed":
            self._bank.pay(known.attempt)
        return self._seen(known, now)

    def _seen(self, known: payments.Known, now: datetime) -> payments.Observation:
        account = self._bank.accounts.get(known.attempt)
        if account is None:
            return gateway.failed("not_found")
        amount = account.captured if account.status == "charged" else account.amount
        lapses = now + self._bank.sets_aside_for if account.status == "authorized" else None
        return payments.Observation(
            status="pending" if account.status == "agreed" else account.status, amount=amount, currency="BDT", reference=known.reference, transaction=f"trx-{known.attempt[-6:]}",
            lapses_at=lapses, soft=account.status == "failed", reason="declined" if account.status == "failed" else "",
        )  # type: ignore[arg-type]  # fmt: skip

    def capture(self, connection: Connection, take: payments.Capture, now: datetime) -> Conversation[payments.Observation]:
        return self._does("capture", lambda: self._taken(take, now))
        yield

    def _taken(self, take: payments.Capture, now: datetime) -> payments.Observation:
        account = self._bank.accounts[take.known.attempt]
        assert account.captured + take.amount <= account.amount, "nothing is taken twice"
        account.captured += take.amount
        account.status = "charged"
        return self._seen(take.known, now)

    def void(self, connection: Connection, known: payments.Known, now: datetime) -> Conversation[payments.Observation]:
        return self._does("void", lambda: self._let_go(known, now))
        yield

    def _let_go(self, known: payments.Known, now: datetime) -> payments.Observation:
        self._bank.accounts[known.attempt].status = "voided"
        return self._seen(known, now)

    def refund(self, connection: Connection, back: payments.Payback, now: datetime) -> Conversation[payments.RefundObservation]:
        return self._does("refund", lambda: self._given_back(back))
        yield

    def _given_back(self, back: payments.Payback) -> payments.RefundObservation:
        account = self._bank.accounts[back.known.attempt]
        if self._bank.short or back.refund in self._bank.refused:
            self._bank.refused.add(back.refund)
            return payments.RefundObservation(status="failed", reason="insufficient_funds", raw_code="E1")
        assert back.refund not in account.refunds, "no refund is sent twice"
        account.refunds[back.refund] = back.amount
        assert sum(account.refunds.values()) <= account.captured, "no more goes back than came"
        return payments.RefundObservation(status="succeeded", amount=back.amount, reference=f"back-{back.refund[-6:]}")

    def query_refund(self, connection: Connection, back: payments.Payback, now: datetime) -> Conversation[payments.RefundObservation]:
        return self._does("query_refund", lambda: self._refund_seen(back))
        yield

    def _refund_seen(self, back: payments.Payback) -> payments.RefundObservation:
        if back.refund in self._bank.refused:
            return payments.RefundObservation(status="failed", reason="insufficient_funds", raw_code="E1")
        sent = self._bank.accounts[back.known.attempt].refunds
        if self._bank.by_amount:
            named = [f"back-{name[-6:]}" for name, amount in sent.items() if amount == back.amount]
            name = next((name for name in named if name not in back.others), "")
            if name:
                return payments.RefundObservation(status="succeeded", amount=back.amount, reference=name)
        elif back.refund in sent:
            return payments.RefundObservation(status="succeeded", amount=back.amount, reference=f"back-{back.refund[-6:]}")
        return payments.RefundObservation(status="unknown", reason="not_found")


def _verify(connection: Connection, hook: Hook, now: datetime) -> Heard:
    if hook.header("x-secret") != "right":
        raise Refused("bad_signature", "The signature does not fit.", kind="forbidden")
    return Heard(hook.body.decode())


def _heard(connection: Connection, hook: Hook, now: datetime) -> Conversation[tuple[payments.Signal, ...]]:
    attempt, _, refund = hook.body.decode().partition(" ")
    if attempt == "named":
        return (payments.Signal(reference=refund),)
    return (payments.Signal(attempt=attempt, refund=refund),)
    yield


def _callback(connection: Connection, query: Mapping[str, str]) -> payments.Signal:
    return payments.Signal(attempt=gateway.attempt_in(query))
