"""What rests on the secrets of the installation, and how it goes over to a new one.

sealed    secrets of connections, tokens of gateways and couriers, the key of fraud marks: sealed anew by `reseal`
signed    links of guests and pay links: opened by every secret that is given, signed by the newest
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from haat.domain import fraud
from haat.engine import instance, keyring, outside
from haat.engine.database import Tx
from haat.engine.settings import Settings
from haat.faces.api.gate import guest_secrets
from haat.faces.cli.house import Resealed
from haat.kernel.errors import Broken, Refused

log = logging.getLogger("haat.app")
#: Under which name an installation keeps the key of its fraud marks, once its secret has been changed: marks cannot be made anew.
MARKS = "fraud marks"
Reseal = Callable[[Tx], Awaitable[Resealed]]


class Seals(msgspec.Struct, frozen=True):
    """What this process seals and signs with. `guest`: the first signs, all of them open; `marks`: by which buyers are recognised."""

    guest: list[bytes]
    vault: outside.Vault
    marks: bytes
    reseal: Reseal


async def opened(tx: Tx, chosen: Settings) -> Seals:
    """The seals of this installation; its first secret is made here."""
    secrets = keyring.secrets_of(chosen)
    vault = outside.Vault(secrets)
    marks = marks_key(await instance.recall(tx, MARKS), vault, secrets)
    return Seals(guest_secrets(secrets), vault, marks, resealing(vault, marks))


def marks_key(kept: str | None, vault: outside.Vault, secrets: Sequence[str]) -> bytes:
    """The key by which buyers are recognised: the one that was kept, else that of the oldest secret.

    One that no secret opens is no reason not to sell: buyers are recognised anew from now on, and the log says why.
    """
    if kept is not None:
        try:
            return vault.open(bytes.fromhex(kept), context=MARKS)
        except Broken as error:
            log.error("the key of fraud marks cannot be opened", extra={"why": str(error)})
    return fraud.key_of(secrets[-1])


def resealing(vault: outside.Vault, marks: bytes) -> Reseal:
    """Seals everything with the newest secret, in the caller's transaction. Refused (`closed`) where no secret opens something: most
    likely the secret before is missing, and nothing is changed then."""

    async def reseal(tx: Tx) -> Resealed:
        connections, closed = await outside.connections.reseal(tx, vault)
        if closed:
            detail = f"No secret that is given opens {', '.join(closed)}: give the former one as well (former_secrets), or theirs anew."
            raise Refused("closed", detail, kind="conflict", connections=closed)
        tokens = await outside.tokens.reseal(tx, vault)
        await instance.keep(tx, MARKS, vault.seal(marks, context=MARKS).hex())
        return Resealed(connections, tokens)

    return reseal
