"""What is kept of each order that was screened, and what became of it. Values between the flow and the tables; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from haat.domain.fraud.case import Case
from haat.domain.fraud.screening import Assessment, Rulebook

#: How an order ended, as the sightings keep it. A higher one stands: what was refused once stays refused.
OUTCOMES: Mapping[str, int] = {"expired": 1, "cancelled": 2, "rejected": 3, "delivered": 4, "returned": 5, "refused": 6}


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """An order as it is recognised again. Marks are those of `marks.mark`, 0 = not known; `amount` in minor units.

    `late`: it has waited long enough for others that are being counted, and goes without them.
    """

    order_id: str
    channel: str
    currency: str
    amount: int
    cod: bool
    at: datetime
    phone: int = 0
    address: int = 0
    device: int = 0
    ip: int = 0
    account: int = 0
    names: tuple[int, ...] = ()
    late: bool = False


class Screened(msgspec.Struct, frozen=True):
    """An order with what was said of it, to be written down. `version` is the order's. `hold` and `until` where it is to be reviewed."""

    order_id: str
    version: int
    case: Case
    assessment: Assessment
    book: Rulebook
    at: datetime
    hold: str = ""
    until: datetime | None = None


class Score(msgspec.Struct, frozen=True):
    """One screening of an order with its receipt, as the API shows it."""

    order_id: str
    version: int
    channel: str
    score: int
    outcome: str
    policy_version: int
    at: datetime
    findings: list[dict[str, Any]]
    models: dict[str, int]
    inputs: dict[str, Any]
    rulebook: dict[str, Any]


class Review(msgspec.Struct, frozen=True):
    """An order that a person has to look at. `until`: when it is escalated or rejected by itself."""

    order_id: str
    hold: str
    channel: str
    score: int
    findings: list[dict[str, Any]]
    opened_at: datetime
    until: datetime | None


class Closed(msgspec.Struct, frozen=True):
    """How a review ended: `decision` is approve, reject, or what became of the order meanwhile."""

    order_id: str
    decision: str
    by: str
    reason: str
    at: datetime
