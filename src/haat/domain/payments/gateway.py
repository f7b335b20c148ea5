"""The contract of a payment gateway: one file in `gateways/` that declares `GATEWAY = Gateway(…)`.

Every operation is `(connection, what, now) -> Conversation[result]`: it yields requests, is sent replies (kernel/outside.py) and
never waits itself. What a gateway cannot do is None. Whatever a gateway says comes back in one vocabulary, `Observation`.

Redirect, hook and poll only *point* at an attempt (`Signal`); `confirm` or `query` then says what is true. All amounts are minor
units. `Unknown` and `Unavailable` are the driver's or `answered`'s; a lost answer is never «failed».
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Conversation, Heard, Hook

Status = Literal["pending", "authorized", "charged", "failed", "cancelled", "expired", "voided", "unknown"]
RefundStatus = Literal["pending", "succeeded", "failed", "unknown"]
#: `inquiry`: a question, no money has moved. `withdrawn`: it ended without a decision. `appealed`: what was decided is contested.
DisputeStatus = Literal["inquiry", "needs_response", "under_review", "appealed", "won", "lost", "withdrawn", "unknown"]
#: Why not, in one vocabulary for all gateways. `mismatch`: amount, currency, merchant or id is not ours; somebody has to look.
Reason = Literal[
    "", "insufficient_funds", "limit_exceeded", "declined", "authentication_failed", "invalid_account", "expired_card",
    "suspected_fraud", "cancelled_by_buyer", "expired", "duplicate", "already_done", "not_found", "invalid_request", "mismatch",
    "misconfigured", "maintenance", "gateway_error", "other",
]  # fmt: skip
#: After these another gateway or another try may succeed. The rest are hard: the buyer or somebody of ours has to act.
SOFT: frozenset[Reason] = frozenset({
    "insufficient_funds", "limit_exceeded", "declined", "authentication_failed", "expired", "maintenance", "gateway_error",
    "misconfigured",
})  # fmt: skip
#: Where a gateway is reached: the real one, its sandbox, or a simulated one.
Url = Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", max_length=200)]
Word = Annotated[str, Meta(min_length=1, max_length=4000)]
_DECIMAL = re.compile(r"(?P<whole>[0-9]{1,13})(?:\.(?P<part>[0-9]{0,9}))?").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
#: A UUID in base 36: the shortest of their limits is 30 characters (SSLCOMMERZ's tran_id).
OURS_LENGTH = 25


class Fee(Struct, frozen=True):
    """What the gateway keeps: `permyriad` (hundredths of a percent) of the amount, half up, and `fixed` minor units."""

    permyriad: int = 0
    fixed: int = 0


class Buyer(Struct, frozen=True):
    """What a gateway may know of who pays. `phone` in E.164."""

    name: str = ""
    phone: str = ""
    email: str = ""
    line: str = ""
    city: str = ""
    postcode: str = ""
    country: str = "BD"


class Charge(Struct, frozen=True, kw_only=True):
    """Money to be asked for. `return_url`: where the buyer's browser comes back; `hook_url`: where the gateway reports.

    `authorise`: set it aside only, capture later. `method`: what the shop's page has from the gateway (Stripe's payment method).
    `number` is the order's number, which the buyer may read on the statement; `items` how many units.
    """

    attempt: str
    amount: int
    currency: str
    number: str
    return_url: str = ""
    hook_url: str = ""
    authorise: bool = False
    buyer: Buyer = Buyer()
    items: int = 1
    description: str = ""
    method: str = ""


class Started(Struct, frozen=True):
    """The gateway knows the attempt by `reference`. The buyer goes on at `redirect_url`, or the shop's page with `handle`."""

    reference: str
    redirect_url: str = ""
    expires_at: datetime | None = None
    handle: str = ""


class Known(Struct, frozen=True, kw_only=True):
    """What we know of an attempt that is asked about. `reference` and `transaction` as the gateway said them («» where it did not)."""

    attempt: str
    amount: int
    currency: str
    reference: str = ""
    transaction: str = ""
    authorise: bool = False
    captured: int = 0
    began: datetime | None = None


class Capture(Struct, frozen=True, kw_only=True):
    """Take `amount` of an authorisation. `key` names this capture (a parcel's id): the same key twice takes it once."""

    known: Known
    amount: int
    key: str
    final: bool = True  # the rest may be let go


class Payback(Struct, frozen=True, kw_only=True):
    """Give `amount` back. `refund` is our id of it; `reference` what the gateway called it («» where it did not answer).

    `others`: what the gateway called the other refunds of this payment, so that a nameless one is not taken for one of them.
    """

    known: Known
    refund: str
    amount: int
    reason: str = ""
    reference: str = ""
    others: tuple[str, ...] = ()


class Observation(Struct, frozen=True, kw_only=True):
    """What a gateway says of an attempt, checked against what we asked for (`checked`).

    `amount`: of `authorized` what is set aside; of `charged` all that was ever taken (captures add up); of `voided` what was let go.
    `refunded`: of it given back, as far as the gateway says. `transaction`: its second name for it (bKash trxID, bank_tran_id),
    which refunds need. `review`: the money is there, but the gateway calls the payment risky: do not ship before somebody looked.
    `soft`: another gateway or another try may. `raw_code` is the gateway's own word, for people.
    """

    status: Status
    amount: int = 0
    currency: str = ""
    reference: str = ""
    transaction: str = ""
    our_reference: str = ""
    refunded: int = 0
    soft: bool = False
    reason: Reason = ""
    review: bool = False
    lapses_at: datetime | None = None
    redirect_url: str = ""
    raw_code: str = ""


class RefundObservation(Struct, frozen=True, kw_only=True):
    """What a gateway says of money going back. `failed` is final: another way has to be found.

    `unknown` for reason of `not_found`: the gateway knows of no such refund (yet); only where that lasts may it be asked for again.
    A gateway that cannot be asked about this refund raises Unknown with the code «no_lookup»: a person finds out.
    """

    status: RefundStatus
    amount: int = 0
    reference: str = ""
    reason: Reason = ""
    raw_code: str = ""


class DisputeObservation(Struct, frozen=True, kw_only=True):
    """What a gateway says of a dispute (chargeback), checked to be about our payment. `amount`: what is contested, in `currency`.

    `reason` and `raw_code` are the gateway's own words. `unknown`: it does not say, or the dispute is about another payment.
    """

    status: DisputeStatus
    amount: int = 0
    currency: str = ""
    reason: str = ""
    respond_by: datetime | None = None
    raw_code: str = ""


class Signal(Struct, frozen=True, kw_only=True):
    """Somebody says that something happened to an attempt. A hint where to look, never a proof.

    `attempt` is our id where the message carries it, else «» and `reference` tells. `said`: what it claims, in our words.
    `refund`: our id of a refund or the gateway's, where it is about one. `dispute`: the gateway's id of a chargeback.
    """

    attempt: str = ""
    reference: str = ""
    transaction: str = ""
    said: Status = "unknown"
    refund: str = ""
    dispute: str = ""
    raw_code: str = ""


class Abilities(Struct, frozen=True, kw_only=True):
    """What a gateway can do. `limits`: currency → (least, most) minor units; a currency that is not there is not taken.

    `authorise`: it can set money aside; whether a connection does is `authorise` of its config (`sets_aside`).
    `capture`: all of an authorisation, once a part (the rest is let go), or several parts. `session`: how long a started payment
    may be paid; `authorisation`: how long money stays set aside. `redirects`: the buyer leaves our page.
    """

    limits: Mapping[str, tuple[int, int]]
    authorise: bool = False
    capture: Literal["none", "full", "partial", "multiple"] = "none"
    refund: Literal["none", "full", "partial", "multiple"] = "none"
    redirects: bool = True
    session: timedelta | None = None
    authorisation: timedelta | None = None


Create: TypeAlias = Callable[[Connection, Charge, datetime], Conversation[Started | Observation]]
Look: TypeAlias = Callable[[Connection, Known, datetime], Conversation[Observation]]
Take: TypeAlias = Callable[[Connection, Capture, datetime], Conversation[Observation]]
GiveBack: TypeAlias = Callable[[Connection, Payback, datetime], Conversation[RefundObservation]]
Contested: TypeAlias = Callable[[Connection, Known, str, datetime], Conversation[DisputeObservation]]
Verify: TypeAlias = Callable[[Connection, Hook, datetime], Heard]
Read: TypeAlias = Callable[[Connection, Hook, datetime], Conversation[tuple[Signal, ...]]]
Return: TypeAlias = Callable[[Connection, Mapping[str, str]], Signal]
Check: TypeAlias = Callable[[Connection, datetime], Conversation[str]]


class Gateway(Struct, frozen=True, kw_only=True):
    """A payment gateway. `methods`: what buyers may pay with through it, beside its own code («card», «rocket»).

    `config` and `secrets` are the structs an operator fills in (frozen, unknown fields refused).

    `create` begins an attempt. `confirm` finishes it after the buyer came back, and may be called again at any time: it asks what
    became of it. `query` only asks. `capture`, `void`, `refund`, `query_refund`: None where it cannot. `capture` and `void` say how the
    attempt stands afterwards: still `authorized`, with a reason, means that they were refused.
    `verify` is pure: raises Refused for what is not from the gateway (constant-time comparison), else says how to answer.
    `heard` reads a stored hook; it may have to ask the gateway (a certificate, a subscription). `callback` reads the query
    string the buyer's browser brings back. `check` tries the credentials and says what it found. `query_dispute` asks about a
    dispute of this payment by the gateway's id of it. `able`: what it can do through this connection, where its config has a say.
    """

    code: str
    title: str
    title_bn: str = ""
    methods: tuple[str, ...] = ()
    config: type[Struct]
    secrets: type[Struct]
    abilities: Abilities
    fee: Fee = Fee()
    create: Create
    confirm: Look
    query: Look
    verify: Verify
    heard: Read
    callback: Return
    capture: Take | None = None
    void: Look | None = None
    refund: GiveBack | None = None
    query_refund: GiveBack | None = None
    query_dispute: Contested | None = None
    check: Check | None = None
    able: Callable[[Connection], Abilities] | None = None


#: Gateways by code, as the plug-in finder brings them.
Gateways = Mapping[str, Gateway]


def failed(reason: Reason, raw_code: str = "", *, reference: str = "") -> Observation:
    """The attempt got no money, for this reason; soft or hard as `SOFT` says."""
    return Observation(status="failed", reason=reason, soft=reason in SOFT, raw_code=raw_code, reference=reference)


def unknown(raw_code: str, *, reference: str = "", reason: Reason = "") -> Observation:
    """It said something that does not tell whether there is money."""
    return Observation(status="unknown", raw_code=raw_code[:100], reference=reference, reason=reason)


def checked(seen: Observation, known: Known) -> Observation:
    """`seen`, unless it claims money that is not what we asked for: then it is unknown for reason of a `mismatch`, never charged.

    What is compared: the currency and our own id; the amount of an authorisation has to be the one asked for, and what was taken
    has to be that amount (of an authorisation: at most that).
    """
    if seen.status not in ("authorized", "charged"):
        return seen
    partly = known.authorise and seen.status == "charged"
    fits = 0 < seen.amount <= known.amount if partly else seen.amount == known.amount
    same_id = not seen.our_reference or seen.our_reference in (known.attempt, ours(known.attempt))
    if fits and same_id and seen.currency == known.currency:
        return seen
    return Observation(
        status="unknown",
        reason="mismatch",
        amount=seen.amount,
        currency=seen.currency,
        reference=seen.reference,
        transaction=seen.transaction,
        our_reference=seen.our_reference,
        raw_code=seen.raw_code,
    )


def no_hooks(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`verify` of a gateway that sends none: whoever calls is somebody else."""
    del hook, now
    raise Refused("no_hooks", f"{connection.code}: nobody reports here.", kind="forbidden")


def nothing_heard(connection: Connection, hook: Hook, now: datetime) -> Conversation[tuple[Signal, ...]]:
    """`heard` of a gateway that sends no hooks."""
    del connection, hook, now
    return ()
    yield


def fee_of(gateway: Gateway, connection: Connection) -> Fee:
    """What this connection's contract says the gateway keeps, else what is usual."""
    agreed: Fee | None = getattr(connection.config, "fee", None)
    return agreed if agreed is not None else gateway.fee


def abilities_of(gateway: Gateway, connection: Connection) -> Abilities:
    """What the gateway can do through this connection."""
    return gateway.abilities if gateway.able is None else gateway.able(connection)


def sets_aside(gateway: Gateway, connection: Connection) -> bool:
    """Whether money is only set aside through this connection until parcels leave; with all others it is taken at once."""
    return abilities_of(gateway, connection).authorise and bool(getattr(connection.config, "authorise", False))


def attempt_in(query: Mapping[str, str]) -> str:
    """The attempt that our own return address named (`?attempt=`, even where a gateway put a second `?` behind it); «» where it is none."""
    given = query.get("attempt", "").partition("?")[0]
    return given if _UUID(given) else ""


def ours(attempt: str) -> str:
    """An attempt's id as gateways take it: 25 letters and digits, the same each time, `attempt_of` reads it back."""
    value = int(attempt.replace("-", ""), 16)
    text = ""
    while value:
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    return text.rjust(OURS_LENGTH, "0")


def attempt_of(text: str) -> str:
    """The attempt behind `ours(attempt)`, however the gateway wrote its letters; «» where it is none of ours."""
    low = text.strip().lower()
    if len(low) != OURS_LENGTH or any(each not in _DIGITS for each in low):
        return ""
    value = int(low, 36)
    if value >> 128:
        return ""
    whole = f"{value:032x}"
    return f"{whole[:8]}-{whole[8:12]}-{whole[12:16]}-{whole[16:20]}-{whole[20:]}"


def minor(text: object, places: int = 2) -> int:
    """A gateway's decimal amount («50», "50.00", 50.5) as minor units; -1 where it is none, so that it equals no amount of ours."""
    found = _DECIMAL(str(text).strip().replace(",", ""))
    if found is None:
        return -1
    part = (found["part"] or "").rstrip("0")
    if len(part) > places:
        return -1
    return int(found["whole"] + part.ljust(places, "0"))
