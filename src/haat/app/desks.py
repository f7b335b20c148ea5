"""What the flows of one process work with: connectors and the driver that speaks through them, and a desk for each story."""

from collections.abc import Mapping
from typing import Any

import msgspec

from haat.app import sealing
from haat.domain import fraud, fulfilment, notifications, orders, payments
from haat.domain.fraud import models as fraud_models
from haat.domain.fraud import rules as fraud_rules
from haat.domain.fulfilment import couriers
from haat.domain.fulfilment.sourcing import strategies
from haat.domain.notifications import transports
from haat.domain.payments import gateways
from haat.engine import flowing, outside, plugins
from haat.engine.changes import Memory
from haat.engine.policies import Policies
from haat.engine.settings import Settings
from haat.flows import allocating, fulfilling, notifying, paying, repairing, validating
from haat.flows.checkout import Market

Connectors = Mapping[str, Mapping[str, Any]]


class Outfit(msgspec.Struct, frozen=True):
    """Whom the flows speak with, where that is not the usual: connectors found."""

    connectors: Connectors | None = None


USUAL = Outfit()
#: What an operator decides about, with the type that says its fields, bounds and beginnings.
POLICIES: Mapping[str, type[msgspec.Struct]] = {
    "orders": orders.Policy, "payment": paying.Policy, "allocation": allocating.Policy, "fulfilment": fulfilling.Policy,
}  # fmt: skip


class Desks(msgspec.Struct):
    """The desks of one process, and what stands behind them."""

    policies: Policies
    outside: outside.Outside
    screening: validating.Desk
    counter: paying.Counter
    paying: paying.Desk
    sourcer: allocating.Sourcer
    fulfilling: fulfilling.Desk
    teller: notifying.Teller
    sender: notifying.Sender
    strategies: Mapping[str, fulfilment.sourcing.Strategy]
    fraud_rules: Mapping[str, fraud.Rule]
    fraud_models: Mapping[str, fraud.Model]

    def flows(self) -> list[flowing.Flow]:
        """Every flow, at its desk."""
        return [
            validating.flow(self.screening),
            paying.flow(self.paying),
            allocating.flow(self.sourcer, self.policies.of("allocation", allocating.Policy)),
            fulfilling.flow(self.fulfilling),
            repairing.flow(),
        ]


def connectors() -> Connectors:
    """Every gateway, courier and transport found, by kind."""
    return {
        "gateway": plugins.load(gateways, "GATEWAY", payments.Gateway),
        "courier": plugins.load(couriers, "COURIER", fulfilment.courier.Courier),
        "transport": plugins.load(transports, "TRANSPORT", notifications.Transport),
    }


def client_of(order: orders.Order) -> tuple[str, str]:
    """From which device and IP address an order came, for the fraud rules."""
    client = order.client
    return ("", "") if isinstance(client, msgspec.UnsetType) else (client.device, client.ip)


def opened(
    chosen: Settings, memory: Memory, house: flowing.House, market: Market, policies: Policies, *, seals: sealing.Seals, outfit: Outfit
) -> Desks:
    """The desks of this process, their memory kept fresh from now on."""
    new_id = house.draw.uuid
    speaking = outside.Outside(
        house.database, house.clock, outside.Book(memory, outfit.connectors or connectors(), seals.vault), seals.vault
    )
    rules, models = plugins.load(fraud_rules, "RULE", fraud.Rule), plugins.load(fraud_models, "MODEL", fraud.Model)
    known = plugins.load(strategies, "STRATEGY", fulfilment.sourcing.Strategy)
    paid = paying.Desk(speaking, memory, new_id, public_url=chosen.address, policy=policies.of("payment", paying.Policy))
    links = notifying.Links(chosen.address, seals.guest[0], seals.guest[0])
    sourcer = allocating.Sourcer(memory, known)
    ruled = policies.of("fulfilment", fulfilling.Policy)
    desk = fulfilling.Desk(speaking, memory, house.clock, new_id, lambda: market.parties.vendors, policy=ruled)
    sourcer.reckon = desk.reckon
    return Desks(
        policies=policies,
        outside=speaking,
        screening=validating.Desk(memory, rules=rules, models=models, key=seals.marks, client=client_of),
        counter=paying.Counter(paid, house),
        paying=paid,
        sourcer=sourcer,
        fulfilling=desk,
        teller=notifying.Teller(house.journal, house.clock, new_id, speaking.book, memory, links),
        sender=notifying.Sender(house.database, house.clock, new_id, speaking, memory),
        strategies=known,
        fraud_rules=rules,
        fraud_models=models,
    )
