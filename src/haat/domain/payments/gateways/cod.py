"""Cash on delivery: a gateway that nobody has to be asked about. The courier collects, and the parcel's story brings the money.

It is here so that a tender paid at the door goes the same way as every other. Money given back does not go back through it.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from haat.domain.payments import gateway
from haat.domain.payments.gateway import Abilities, Charge, Fee, Gateway, Known, Observation, Signal, Started, attempt_in, ours
from haat.kernel.money import AMOUNT_MAX
from haat.kernel.outside import Connection, Conversation


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`fee`: what collecting costs (couriers take about 1 %)."""

    fee: Fee | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """There are none."""


def create(connection: Connection, charge: Charge, now: datetime) -> Conversation[Started | Observation]:
    del connection, now
    return Started(ours(charge.attempt))
    yield


def query(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """Due at the door until the courier says otherwise."""
    del connection, now
    return Observation(status="pending", amount=known.amount, currency=known.currency, reference=known.reference)
    yield


def void(connection: Connection, known: Known, now: datetime) -> Conversation[Observation]:
    """Nothing was collected, so nothing has to be given back."""
    del connection, now
    return Observation(status="voided", amount=known.amount, currency=known.currency, reference=known.reference)
    yield


def callback(connection: Connection, query: Mapping[str, str]) -> Signal:
    del connection
    return Signal(attempt=attempt_in(query), said="pending")


def check(connection: Connection, now: datetime) -> Conversation[str]:
    del connection, now
    return "Cash needs no credentials."
    yield


GATEWAY = Gateway(
    code="cod",
    title="Cash on delivery",
    title_bn="ক্যাশ অন ডেলিভারি",
    config=Config,
    secrets=Secrets,
    abilities=Abilities(limits={"BDT": (1, AMOUNT_MAX)}, redirects=False),
    fee=Fee(permyriad=100),
    create=create,
    confirm=query,
    query=query,
    void=void,
    verify=gateway.no_hooks,
    heard=gateway.nothing_heard,
    callback=callback,
    check=check,
)
