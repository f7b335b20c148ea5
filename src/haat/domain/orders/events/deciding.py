"""Facts of checking and deciding: screened, confirmed, rejected, expired, reinstated, completed; and of flows that were repaired."""

from collections.abc import Mapping
from datetime import datetime

from haat.domain.orders.events.placing import Cut, Remark, Reservation, Share, Totals
from haat.kernel.facts import Fact


class OrderScreened(Fact, frozen=True):
    """The order was looked at for fraud. `outcome`: `pass`, `review` (a hold follows) or `reject` (OrderRejected follows).

    `score` in 0 … 1000; `reasons` are the rules that counted, with their points in `data["points"]`.
    """

    outcome: str
    score: int
    reasons: tuple[Remark, ...] = ()


class OrderConfirmed(Fact, frozen=True):
    """The order stands: it was checked, its money is secured or will be collected, and there is a plan that serves it."""


class OrderRejected(Fact, frozen=True):
    """We will not serve this order. Like a cancellation in what it gives back."""

    cuts: tuple[Cut, ...]
    reason: str
    amount: int
    detail: str = ""


class OrderExpired(Fact, frozen=True):
    """Nobody paid in time. Like a cancellation in what it gives back."""

    cuts: tuple[Cut, ...]
    reason: str
    amount: int
    detail: str = ""


class OrderReinstated(Fact, frozen=True):
    """Its money arrived after the order had ended, and all of its stock was still there: it goes on as it was sold.

    `cuts` are the units that return with what they cost, `reservations` what is set aside for them anew; `vendor_orders` and
    `totals` are the amounts from now on.
    """

    cuts: tuple[Cut, ...]
    reservations: tuple[Reservation, ...]
    vendor_orders: tuple[Share, ...]
    totals: Totals
    reason: str


class OrderCompleted(Fact, frozen=True):
    """Every unit was delivered, cancelled, returned or lost, and no money is on its way."""


class OrderPaused(Fact, frozen=True):
    """A person stopped every step of the order's flows; timers and outside calls wait too."""

    reason: str


class OrderResumed(Fact, frozen=True):
    """The flows go on from where they stood."""

    reason: str = ""


class OrderExceptionRaised(Fact, frozen=True):
    """A step could not be done and somebody has to look. `exception` is its id; `repairs` are those that are safe."""

    exception: str
    flow: str
    step: str
    cause: str
    owner: str
    subject: str = ""
    detail: str = ""
    repairs: tuple[str, ...] = ()


class OrderExceptionEscalated(Fact, frozen=True):
    """Nobody has repaired it for long, and its owner is reminded. It has been open `since` then; the rest is as it was raised."""

    exception: str
    flow: str
    step: str
    cause: str
    owner: str
    since: datetime | None = None
    repairs: tuple[str, ...] = ()


class OrderExceptionResolved(Fact, frozen=True):
    """Somebody repaired it: `retry`, `skip`, `cancel` … and why."""

    exception: str
    repair: str
    reason: str = ""


class OrderFlowMigrated(Fact, frozen=True):
    """A running order changed to another version of a flow, by a rule that says what becomes of its steps."""

    flow: str
    version: int
    steps: Mapping[str, str] = {}


class OrderPromised(Fact, frozen=True):
    """The day by which the goods are promised changed: of one `parcel`, or of all that no day of its own was promised for.

    `agreed`: with the buyer; whoever brings the parcel has to hear of it.
    """

    promised_at: datetime
    reason: str = ""
    parcel: str = ""
    agreed: bool = False
