"""Cart tokens: how a guest, who has no account, reaches one cart and no other (kernel/links.py).

A cart's id alone opens nothing: it stands in logs and addresses. Of a cart that was ordered the token shows what became of it
and changes nothing; merged into a customer's, it opens that cart no more.
"""

from collections.abc import Sequence
from datetime import datetime

from haat.kernel import links

PREFIX = "hct_"
_CART = links.Kind(PREFIX, b"haat guest cart token 1\0")


def of(cart_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one cart, good until `expires_at` (whole seconds)."""
    return _CART.sign(cart_id, expires_at=expires_at, secret=secret)


def cart_of(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The cart that a token opens now, or None: forged, expired and garbled look alike. Compares in constant time."""
    return _CART.open(token, secrets=secrets, now=now)
