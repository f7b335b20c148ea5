"""Cart tokens: how a guest, who has no account, reaches one cart and no other.

    hct_ + base64url( cart id 16 B | expiry 5 B, Unix seconds | HMAC-SHA256 of both, 32 B )

Nothing is stored. A cart's id alone opens nothing: it stands in logs and addresses. Of a cart that was ordered the token shows
what became of it and changes nothing; merged into a customer's, it opens that cart no more. Secrets rotate: sign with the
first, accept any.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime

PREFIX = "hct_"
_PURPOSE = b"haat guest cart token 1\0"  # a signature made for anything else with the same secret is worth nothing here
_ID_BYTES, _EXPIRY_BYTES, _MAC_BYTES = 16, 5, 32
_TEXT_LENGTH = 71  # of 53 bytes in base64 without padding


def of(cart_id: str, *, expires_at: datetime, secret: bytes) -> str:
    """The token of one cart, good until `expires_at` (whole seconds)."""
    body = uuid.UUID(cart_id).bytes + int(expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
    return PREFIX + base64.urlsafe_b64encode(body + _mac(body, secret)).rstrip(b"=").decode()


def cart_of(token: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
    """The cart that a token opens now, or None: forged, expired and garbled look alike. Compares in constant time."""
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
    if not genuine or now.timestamp() >= expires:
        return None
    text = body[:_ID_BYTES].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + body, "sha256")
