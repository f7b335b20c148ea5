"""Order tokens: how a guest, who has no account, looks at one order and no other (kernel/links.py).

Whoever holds the link holds the order's view until it expires, so links are short-lived and carry no right to change anything
beyond what the face grants.
"""

from collections.abc import Sequence
from datetime import datetime

from haat.kernel import links

_ORDER = links.Kind("hgt_", b"haat guest order token 1\0")
SECRET_BYTES_MIN = 16


def order_token(order_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one order, good until `expires_at` (whole seconds)."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret needs {SECRET_BYTES_MIN} bytes or more")
    return _ORDER.sign(order_id, expires_at=expires_at, secret=secret)


def order_of_token(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The order that a token opens now, or None: forged, expired and garbled look alike. Compares in constant time.

    The one padding sign of base64, which mail programs of others may keep, is nothing.
    """
    return _ORDER.open(token.removesuffix("="), secrets=secrets, now=now)
