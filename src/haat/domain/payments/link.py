"""Pay-again links: whoever holds one may pay for one order, and sees of it what is due and nothing else.

The link (kernel/links.py) is sent to the buyer by SMS or e-mail after a failed payment; it ends with the time to pay.
"""

from collections.abc import Sequence
from datetime import datetime

from haat.kernel import links

_PAY = links.Kind("hpl_", b"haat pay link 1\0")


def pay_token(order_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one order, good until `expires_at` (whole seconds)."""
    return _PAY.sign(order_id, expires_at=expires_at, secret=secret)


def order_to_pay(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The order that a token lets one pay now, or None: forged, expired and garbled look alike. Compares in constant time."""
    return _PAY.open(token, secrets=secrets, now=now)
