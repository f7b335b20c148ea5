"""Signed names in links: whoever holds one is let in to one thing until it expires, and nothing is stored about it.

    prefix + base64url( id 16 B | expiry 5 B, Unix seconds | HMAC-SHA256 of purpose and both, 32 B )

Each kind of link has its own prefix, which people and logs see, and its own purpose, which is signed: a signature made for one kind
opens no other with the same secret. Secrets rotate: sign with the first, accept any.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

_ID_BYTES, _EXPIRY_BYTES, _MAC_BYTES = 16, 5, 32
_TEXT_LENGTH = 71  # of 53 bytes in base64 without padding


class Kind(NamedTuple):
    """A kind of link."""

    prefix: str
    purpose: bytes

    def sign(self, id: str, *, expires_at: datetime, secret: bytes) -> str:
        """The text that opens `id` (a UUID) until `expires_at` (whole seconds)."""
        body = uuid.UUID(id).bytes + int(expires_at.timestamp()).to_bytes(_EXPIRY_BYTES, "big")
        return self.prefix + _spelt(body + self._mac(body, secret))

    def open(self, text: str, *, secrets: Sequence[bytes], now: datetime) -> str | None:
        """The id that this text opens now, or None: forged, expired and garbled look alike. Compares in constant time."""
        bare = text.removeprefix(self.prefix)
        if bare == text or len(bare) != _TEXT_LENGTH or not bare.isascii():
            return None
        try:
            raw = base64.b64decode(bare + "=", altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        if _spelt(raw) != bare:  # a decoder takes other letters for the same bytes; a link has one spelling
            return None
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        genuine = False
        for secret in secrets:
            genuine |= hmac.compare_digest(self._mac(body, secret), mac)
        expires = int.from_bytes(body[_ID_BYTES:], "big")
        return str(uuid.UUID(bytes=body[:_ID_BYTES])) if genuine and now.timestamp() < expires else None

    def _mac(self, body: bytes, secret: bytes) -> bytes:
        return hmac.digest(secret, self.purpose + body, "sha256")


def _spelt(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
