"""What an order takes of counted limits, as it stands. Pure.

    a coupon's uses, a promotion's budget   whole, as long as anything of the order lives
    purchases of a product per customer     so many units as the buyer keeps: what was cancelled, lost or came back may be bought again

Nothing once the order ended. Whoever keeps the limits compares what was taken before a change with what is taken after it.
"""

from collections.abc import Mapping

from haat.domain.orders.order import Order
from haat.domain.orders.paying import ENDED

PURCHASE = "purchase"
_NOT_KEPT = ("cancelled", "lost", "returned")


def taken(order: Order) -> Mapping[str, int]:
    """Amounts by the key of the limit."""
    if not order.claims or order.status in ENDED:
        return {}
    kept: dict[str, int] = {}
    for line in order.lines:
        kept[line.sku] = kept.get(line.sku, 0) + line.quantity - sum([line.buckets.get(bucket, 0) for bucket in _NOT_KEPT])
    found: dict[str, int] = {}
    for claim in order.claims:
        found[claim.key] = found.get(claim.key, 0) + _units(claim.key, claim.amount, kept)
    return found


def _units(key: str, amount: int, kept: Mapping[str, int]) -> int:
    if not key.startswith(f"{PURCHASE}:"):
        return amount
    sku = next((sku for sku in kept if key.startswith(f"{PURCHASE}:{sku}:")), None)
    return amount if sku is None else min(amount, kept[sku])
