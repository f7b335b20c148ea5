"""Order tokens: how a guest, who has no account, looks at one order and no other.

    hgt_ + base64url( order id 16 B | expiry 5 B, Unix seconds | HMAC-SHA256 of both, 32 B )

Nothing is stored. Whoever holds the link holds the order's view until it expires, so links are short-lived and carry
no right to change anything beyond what the face grants. Secrets rotate: sign with the first, accept any.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime

_PREFIX = "hgt_"
_PURPOSE = b"haat guest order token 1\0"  # a signature made for anything else with the same secret is worth nothing here
_ID_BYTES, _EXPIRY_BYTES, _MAC_BYTES = 16, 5, 32
SECRET_BYTES_MIN = 16


def order_token(order_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one order, good until `expires_at` (whole seconds)."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret needs {SECRET_BYTES_MIN} bytes or more")
    body = uuid.UUID(order_id).bytes + int(expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
    return _PREFIX + base64.urlsafe_b64encode(body + _mac(body, secret)).rstrip(b"=").decode()


def order_of_token(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The order that a token opens now, or None: forged, expired and garbled look alike. Compares in constant time."""
    raw = _decoded(token)
    if raw is None:
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    genuine = False
    for secret in secrets:
        genuine |= hmac.compare_digest(_mac(body, secret), mac)
    expires = int.from_bytes(body[_ID_BYTES:], "big")
    return str(uuid.UUID(bytes=body[:_ID_BYTES])) if genuine and now.timestamp() < expires else None


def _decoded(token: str) -> bytes | None:
    text = token.removeprefix(_PREFIX)
    if text == token or len(token) > 100 or not token.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _ID_BYTES + _EXPIRY_BYTES + _MAC_BYTES else None


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + body, "sha256")
