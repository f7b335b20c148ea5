"""Secrets at rest: sealed with AES-256-GCM under keys derived from the installation's secret.

What is sealed is bound to its place (`context`), so that a row copied to another connection cannot be opened there. The first
secret seals, all of them open: an operator changes the secret by putting the new one before the old one.
"""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haat.kernel import errors

_NONCE = 12
_VERSION = b"\x01"


class Vault:
    """Seals and opens small texts."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("a vault needs a secret")
        self._keys = [AESGCM(hashlib.blake2b(each.encode(), digest_size=32, person=b"haat-vault").digest()) for each in secrets]

    def seal(self, clear: bytes, *, context: str) -> bytes:
        """`clear`, sealed for this context; never twice the same bytes."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._keys[0].encrypt(nonce, clear, context.encode())

    def anew(self, sealed: bytes, *, context: str) -> bytes | None:
        """The same, sealed by the newest secret; None where it is already. Raises Broken as `open` does."""
        clear = self.open(sealed, context=context)
        try:
            self._keys[0].decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], context.encode())
        except InvalidTag:
            return self.seal(clear, context=context)
        return None

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed. Raises Broken where it was not sealed here, for this context, by one of our secrets."""
        if sealed[:1] == _VERSION:
            nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
            for key in self._keys:
                try:
                    return key.decrypt(nonce, rest, context.encode())
                except InvalidTag:
                    continue
        raise errors.Broken(f"what is kept for {context} cannot be opened with this installation's secret")
