"""Blocked buyers: whom we do not sell to, why, and until when. Never for ever by machine: `until` is the rule.

Placing an order looks here thousands of times a second, so all standing blocks are kept in memory as one `Blocks`
and a look-up is four dictionary reads at the most. A block says what it was found by; it tells nobody else's data.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.kernel import text

BlockKind = Literal["phone", "email", "customer", "address"]

_NOT_LETTERS = re.compile(r"[\W_]+")


class BlockOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wish to block. `value`: E.164, lower-case e-mail, customer id, or the fingerprint of an address."""

    id: str
    kind: BlockKind
    value: Annotated[str, Meta(min_length=1, max_length=300)]
    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    until: datetime | None = None


class Block(Struct, frozen=True, kw_only=True):
    id: str
    kind: BlockKind
    value: str
    reason: str
    blocked_by: str
    created_at: datetime
    until: datetime | None


class Buyer(Struct, frozen=True, gc=False):
    """What a buyer can be recognised by; "" where it is not known."""

    phone: str = ""
    email: str = ""
    customer: str = ""
    address: str = ""


class Blocks(Struct, frozen=True):
    """All standing blocks, by what they block."""

    standing: Mapping[tuple[str, str], Block]

    def match(self, buyer: Buyer, *, now: datetime) -> Block | None:
        """The first block that meets this buyer: by phone, customer, e-mail, address in this order."""
        if not self.standing:
            return None
        marks = (("phone", buyer.phone), ("customer", buyer.customer), ("email", buyer.email), ("address", buyer.address))
        for mark in marks:
            block = self.standing.get(mark) if mark[1] else None
            if block is not None and (block.until is None or now < block.until):
                return block
        return None


def blocks_of(blocks: Iterable[Block]) -> Blocks:
    return Blocks({(block.kind, block.value): block for block in blocks})


def address_fingerprint(*parts: str) -> str:
    """Sixteen hex digits that stay the same however an address is punctuated, spaced, cased or its digits written.

    Pass the parts from large to small (country, district, upazila, area, line). What they mean is not understood here:
    «Road 5» and «Rd 5» differ.
    """
    plain = text.ascii_digits(unicodedata.normalize("NFC", "\n".join(parts)).casefold())
    letters = "\n".join(_NOT_LETTERS.sub("", line) for line in plain.split("\n"))
    return hashlib.blake2b(letters.encode(), digest_size=8).hexdigest()
