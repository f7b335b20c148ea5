"""Pay-again links: whoever holds one may pay for one order, and sees of it what is due and nothing else.

    hpl_ + base64url( order id 16 B | expiry 5 B, Unix seconds | HMAC-SHA256 of both, 32 B )

Nothing is stored. The link is sent to the buyer by SMS or e-mail after a failed payment; it ends with the time to pay.
Secrets rotate: sign with the first, accept any.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime

PREFIX = "hpl_"
_PURPOSE = b"haat pay link 1\0"  # a signature made for anything else with the same secret is worth nothing here
_ID_BYTES, _EXPIRY_BYTES, _MAC_BYTES = 16, 5, 32
_TEXT_LENGTH = 71  # of 53 bytes in base64 without padding


def pay_token(order_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one order, good until `expires_at` (whole seconds)."""
    body = uuid.UUID(order_id).bytes + int(expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
    return PREFIX + base64.urlsafe_b64encode(body + _mac(body, secret)).rstrip(b"=").decode()


def order_to_pay(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The order that a token lets one pay now, or None: forged, expired and garbled look alike. Compares in constant time."""
    text = token.removeprefix(PREFIX)
    if text == token or len(text) != _TEXT_LENGTH or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    genuine = False
    for secret in secrets:
        genuine |= hmac.compare_digest(_mac(body, secret), mac)
    expires = int.from_bytes(body[_ID_BYTES:], "big")
    return str(uuid.UUID(bytes=body[:_ID_BYTES])) if genuine and now.timestamp() < expires else None


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + body, "sha256")
