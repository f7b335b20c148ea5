"""Facts of money. One obligation (`payment`) per tender, many attempts at it, at most one of which holds money.

Amounts are minor units of the order's currency. `gateway` is the code of a connection; `reference` what the gateway calls it.
"""

from datetime import datetime

from haat.kernel.facts import Fact


class OrderPaymentRequested(Fact, frozen=True):
    """This much is due by this method. Cash on delivery is due at the door and has no `due_at`."""

    payment: str
    method: str
    amount: int
    due_at: datetime | None = None


class OrderPaymentAttempted(Fact, frozen=True):
    """A try to get it through a gateway has begun; written before the gateway hears of it.

    `instead_of`: the gateway that would have been asked, had it answered.
    """

    payment: str
    attempt: str
    gateway: str
    amount: int
    receipt: str = ""  # id of the routing receipt
    instead_of: str = ""


class OrderPaymentStarted(Fact, frozen=True):
    """The gateway knows the attempt by `reference`; the buyer goes on at `redirect_url` where there is one."""

    payment: str
    attempt: str
    reference: str
    redirect_url: str = ""
    expires_at: datetime | None = None


class OrderPaymentUncertain(Fact, frozen=True):
    """The gateway did not say what became of it (`during` which call). It is asked until it does; nothing is assumed."""

    payment: str
    attempt: str
    during: str


class OrderPaymentAuthorized(Fact, frozen=True):
    """The money is set aside for us until `lapses_at`; it is ours when captured."""

    payment: str
    attempt: str
    amount: int
    reference: str = ""
    lapses_at: datetime | None = None


class OrderPaymentProcessed(Fact, frozen=True):
    """This much is ours: charged, captured (a part, for a shipment) or collected at the door. Several add up."""

    payment: str
    attempt: str
    amount: int
    gateway: str = ""
    method: str = ""
    reference: str = ""
    parcel: str = ""


class OrderPaymentFailed(Fact, frozen=True):
    """The attempt got no money. `soft`: another gateway or another try may. The obligation stays due."""

    payment: str
    attempt: str
    reason: str
    soft: bool = False
    detail: str = ""


class OrderPaymentVoided(Fact, frozen=True):
    """Money that was set aside was let go (the rest of an authorisation, or all of it)."""

    payment: str
    attempt: str
    amount: int


class OrderPaymentWaived(Fact, frozen=True):
    """This obligation, or what is left of it, is due no more (the order shrank or ended)."""

    payment: str
    amount: int
    reason: str = ""


class OrderPaymentOrphaned(Fact, frozen=True):
    """Money came that nobody owes any more (the order had ended, or another attempt had paid). It goes back, or the order comes back."""

    payment: str
    attempt: str
    amount: int
    reference: str = ""


class OrderPaymentMismatched(Fact, frozen=True):
    """Of an attempt that had come to its end the gateway says that it holds `amount`, which is not what was asked for. Somebody looks."""

    payment: str
    attempt: str
    amount: int
    currency: str = ""
    reference: str = ""


class OrderPaymentDisputed(Fact, frozen=True):
    """The buyer's bank contests what the attempt captured, or says how that stands now: a dispute (chargeback), by the gateway's id of it.

    `status`: inquiry (no money has moved), needs_response, under_review, appealed, won, lost or withdrawn. `reason` is the bank's word.
    It moves no status of the order: what a lost dispute took is written off by somebody.
    """

    payment: str
    attempt: str
    dispute: str
    amount: int
    status: str
    reason: str = ""
    respond_by: datetime | None = None


class OrderRefundRequested(Fact, frozen=True):
    """Money is to go back the way it came. `refund` is its id; written before the gateway hears of it."""

    refund: str
    payment: str
    attempt: str
    amount: int
    reason: str
    gateway: str = ""


class OrderRefundUncertain(Fact, frozen=True):
    """The gateway did not say whether it gave the money back. It is asked until it does."""

    refund: str
    reference: str = ""


class OrderRefundNotFound(Fact, frozen=True):
    """Somebody found out that the gateway surely never got it (`detail`: how): it is sent again."""

    refund: str
    detail: str = ""


class OrderRefunded(Fact, frozen=True):
    """The money went back."""

    refund: str
    payment: str
    attempt: str
    amount: int
    reference: str = ""


class OrderRefundFailed(Fact, frozen=True):
    """The gateway refused to give it back, under this name of its own where it gave one; somebody has to find another way."""

    refund: str
    reason: str
    detail: str = ""
    reference: str = ""


class OrderRefundRetried(Fact, frozen=True):
    """Somebody wants a refused refund sent again. The gateway is told it as `sent_as`: under the old name it would answer as before."""

    refund: str
    sent_as: str
