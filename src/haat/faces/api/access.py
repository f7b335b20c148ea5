"""Who may see and do what with an order. One place, with a negative test per endpoint.

admin     everything
channel   the orders of its own channel
customer  their own orders, without what staff wrote
guest     the one order their link names, likewise
vendor    its own vendor orders only (vendor_orders.py): never another's lines, never the whole order
"""

from typing import Any

import msgspec

from haat.domain import orders
from haat.kernel.errors import Refused

ALL = frozenset({"admin", "channel", "customer", "guest"})
STAFF = frozenset({"admin"})
SELLERS = frozenset({"admin", "vendor"})
BUYERS = frozenset({"admin", "channel", "customer"})
READERS = SELLERS | BUYERS
OPERATORS = SELLERS | frozenset({"channel"})


def may_see(principal: Any, order: orders.Order) -> bool:
    """Whether this order exists as far as `principal` is concerned."""
    match principal.role:
        case "admin":
            return True
        case "channel":
            return bool(order.channel == principal.subject)
        case "customer":
            return bool(order.customer.id == principal.subject)
        case "guest":
            return bool(order.id == principal.subject)
        case _:
            return False


def seen_by(principal: Any, order: orders.Order) -> orders.Order:
    """The order as `principal` may see it; refused as missing where they may not: existence is nobody's business either."""
    if not may_see(principal, order):
        raise unknown()
    if principal.role == "admin":
        return order
    told = tuple(n for n in order.notes if n.audience == "customer") if order.notes else ()
    inside: dict[str, Any] = {"notes": told, "claims": (), "exceptions": (), "screening": "", "plan": "", "client": msgspec.UNSET}
    if principal.role == "channel":  # the shop that sold it works with its holds; only what staff wrote stays inside
        plain = told == order.notes and not order.claims and not order.exceptions and not order.screening and not order.client
        return order if plain else msgspec.structs.replace(order, **inside)
    holds = tuple(orders.Hold(h.id, "REVIEW", "under_review", since=h.since) for h in order.holds)
    return msgspec.structs.replace(order, **inside, holds=holds, basket=0)


def unknown() -> Refused:
    return Refused("unknown_order", "There is no such order.", kind="missing")
