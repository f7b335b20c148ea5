"""One wish, told twice: ids that follow from an Idempotency-Key, so that what it makes of an order bears the same name each time.

What an order holds is decided under its lock: there the second telling finds the first one's thing and changes nothing, also when
both came at once. The id tells the key (its first half) from the body (its last), so another wish under the same key is refused.
What makes nothing that has an id (a rejection, a reception, a note) leaves its own in the order: `once`.
"""

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from haat.domain import orders
from haat.engine.web import Call
from haat.faces.api.placing import key_in
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact

_KEY = 18  # characters of the id that come of the key, dashes included
Decide = Callable[[orders.Order], tuple[Fact, ...]]


class Wish(msgspec.Struct, frozen=True):
    """What somebody asked for under a key."""

    key: str
    body: str

    def id(self, n: int = 0) -> str:
        """The id of the nth thing that this wish makes, shaped as a UUIDv8, since no clock made it."""
        k = self.key
        return f"{k[:8]}-{k[8:12]}-8{k[12:15]}-a{n & 0xFFF:03x}-{self.body}"

    def granted(self, ids: Iterable[str]) -> bool:
        """Whether one of these came of this wish. Raises Refused where it came of another one under the same key."""
        mine = self.id()
        found = [each for each in ids if each[:_KEY] == mine[:_KEY]]
        if any(each[-12:] != self.body for each in found):
            raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")
        return bool(found)


def of(call: Call, subject: str) -> Wish | None:
    """The wish of this caller about `subject` (a thing, and what is asked of it: `<id>/rejections`); None where the request has no key.

    Raises Refused where it is none.
    """
    key = key_in(call)
    if key is None:
        return None
    told = f"{call.principal.actor}\n{subject}\n{key.key}".encode()
    return Wish(hashlib.blake2b(told, digest_size=8).hexdigest()[:15], hashlib.blake2b(call.body, digest_size=6).hexdigest())


def told(wish: Wish | None, order: orders.Order) -> bool:
    """Whether this order did it before. Raises Refused where it did something else under the same key."""
    return wish is not None and wish.granted(order.wishes or ())


def once(wish: Wish | None, decide: Decide) -> Decide:
    """The decision of a request, for its order's lock: the wish told again decides nothing, and what is decided bears its name.

    Facts of which none can bear it are such as come out the same however often they are told.
    """

    def decided(order: orders.Order) -> tuple[Fact, ...]:
        if wish is None:
            return decide(order)
        return () if told(wish, order) else orders.wished(decide(order), wish.id())

    return decided
