"""What the flows of one process work with: connectors and the driver that speaks through them, and a desk for each story."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from haat.domain import fraud, fulfilment, notifications, payments
from haat.domain.fraud import models as fraud_models
from haat.domain.fraud import rules as fraud_rules
from haat.domain.fulfilment import couriers
from haat.domain.fulfilment.courier import Courier
from haat.domain.fulfilment.sourcing import strategies
from haat.domain.notifications import transports
from haat.domain.payments import gateways
from haat.engine import flowing, outside, plugins
from haat.engine.changes import Memory
from haat.engine.clock import Clock
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.settings import Settings
from haat.flows import allocating, fulfilling, paying, repairing, validating
from haat.flows.checkout import Market

Connectors = Mapping[str, Mapping[str, Any]]


class Outfit(msgspec.Struct, frozen=True):
    """Whom the flows speak with and how they behave, where that is not the usual: connectors found, policies."""

    connectors: Connectors | None = None
    payment_policy: paying.Policy = paying.Policy()
    fulfilment_policy: fulfilling.Policy = fulfilling.Policy()


USUAL = Outfit()


class Desks(msgspec.Struct):
    """The desks of one process."""

    outside: outside.Outside
    screening: validating.Desk
    paying: paying.Desk
    sourcer: allocating.Sourcer
    fulfilling: fulfilling.Desk

    def flows(self) -> list[flowing.Flow]:
        """Every flow, at its desk."""
        return [
            validating.flow(self.screening),
            paying.flow(self.paying),
            allocating.flow(self.sourcer),
            fulfilling.flow(self.fulfilling),
            repairing.flow(),
        ]


def connectors() -> Connectors:
    """Every gateway, courier and transport found, by kind."""
    return {
        "gateway": plugins.load(gateways, "GATEWAY", payments.Gateway),
        "courier": plugins.load(couriers, "COURIER", Courier),
        "transport": plugins.load(transports, "TRANSPORT", notifications.Transport),
    }


def opened(
    chosen: Settings,
    database: Database,
    memory: Memory,
    clock: Clock,
    draw: Draw,
    market: Market,
    *,
    secret: str,
    outfit: Outfit,
) -> Desks:
    """The desks of this process, their memory kept fresh from now on."""
    vault = outside.Vault([secret])
    speaking = outside.Outside(database, clock, outside.Book(memory, outfit.connectors or connectors(), vault), vault)
    marks = hashlib.blake2b(b"fraud marks", key=secret.encode()[:64]).digest()
    return Desks(
        speaking,
        validating.Desk(
            memory,
            rules=plugins.load(fraud_rules, "RULE", fraud.Rule),
            models=plugins.load(fraud_models, "MODEL", fraud.Model),
            key=marks,
        ),
        paying.Desk(speaking, memory, draw.uuid, public_url=chosen.address, policy=outfit.payment_policy),
        allocating.Sourcer(memory, plugins.load(strategies, "STRATEGY", fulfilment.sourcing.Strategy)),
        fulfilling.Desk(speaking, memory, clock, draw.uuid, lambda: market.parties.vendors, policy=outfit.fulfilment_policy),
    )
