"""Payments: how gateways are spoken to, which of them a payment goes through, and what finds an order when one of them speaks.

The money of an order is facts of that order (domain/orders); this module knows gateways. `gateway.py` is the contract of a
connector (one file in `gateways/`, conversations without I/O), `routing.py` chooses one and says why, `attempt.py` has the rows
that lead from a gateway's word to an order, `link.py` the links by which a buyer pays again. What follows from what a gateway
says is decided in flows/paying. «payment routes» is announced when rules change.
"""

from haat.domain.payments.attempt import SETTLED, AttemptRow, RefundRow, SignalRow, Source
from haat.domain.payments.commands import note_attempts, note_refunds, note_signals, put_routes
from haat.domain.payments.gateway import (
    SOFT,
    Abilities,
    Buyer,
    Capture,
    Charge,
    DisputeObservation,
    Fee,
    Gateway,
    Gateways,
    Known,
    Observation,
    Payback,
    RefundObservation,
    Signal,
    Started,
    abilities_of,
    attempt_in,
    attempt_of,
    checked,
    failed,
    minor,
    ours,
    sets_aside,
    unknown,
)
from haat.domain.payments.link import order_to_pay, pay_token
from haat.domain.payments.queries import attempts, attempts_named, attempts_of, records, refunds_of, routes, signals_of
from haat.domain.payments.routing import Asked, Candidate, Look, Receipt, Record, Route, fee_of, route, success

__all__ = [
    "SETTLED",
    "SOFT",
    "Abilities",
    "Asked",
    "AttemptRow",
    "Buyer",
    "Candidate",
    "Capture",
    "Charge",
    "DisputeObservation",
    "Fee",
    "Gateway",
    "Gateways",
    "Known",
    "Look",
    "Observation",
    "Payback",
    "Receipt",
    "Record",
    "RefundObservation",
    "RefundRow",
    "Route",
    "Signal",
    "SignalRow",
    "Source",
    "Started",
    "abilities_of",
    "attempt_in",
    "attempt_of",
    "attempts",
    "attempts_named",
    "attempts_of",
    "checked",
    "failed",
    "fee_of",
    "minor",
    "note_attempts",
    "note_refunds",
    "note_signals",
    "order_to_pay",
    "ours",
    "pay_token",
    "put_routes",
    "records",
    "refunds_of",
    "route",
    "routes",
    "sets_aside",
    "signals_of",
    "success",
    "unknown",
]
