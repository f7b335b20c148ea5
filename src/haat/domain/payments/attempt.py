"""Rows about payments: what finds an order when a gateway names an attempt, what went back, what each signal said. Values only."""

from datetime import datetime
from typing import Literal

import msgspec

from haat.domain.payments.gateway import Observation
from haat.domain.payments.routing import Receipt

Source = Literal["redirect", "hook", "poll", "call"]
#: Statuses of an attempt that came to an end, and those among them that got money.
SETTLED = frozenset({"authorized", "charged", "failed", "voided", "orphaned"})


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as hooks and statistics look for it. `reference` is ours as the gateway was told it, `gateway_reference` its own."""

    id: str
    order_id: str
    tender: str
    gateway: str
    method: str
    reference: str
    status: str
    amount: int
    currency: str
    started_at: datetime
    gateway_reference: str = ""
    captured: int = 0
    refunded: int = 0
    settled_at: datetime | None = None
    receipt: Receipt | None = None


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way back, as lists show it."""

    id: str
    order_id: str
    tender: str
    attempt: str
    gateway: str
    amount: int
    currency: str
    status: str
    reason: str
    asked_at: datetime
    reference: str = ""
    settled_at: datetime | None = None


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of an attempt, and whether it moved the order."""

    attempt: str
    source: Source
    observation: Observation
    counted: bool
    at: datetime
