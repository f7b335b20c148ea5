"""API keys: how they look, what is kept of them, and what a bearer may do.

    haat_vendor_4Qz…   role, then 32 random bytes in base 62

Only the SHA-256 of a key is stored: with 256 random bits there is nothing to guess, so a slow hash would cost every
request and protect nothing. The first characters are kept in clear, for people to tell their keys apart.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.kernel.errors import Refused

Role = Literal["admin", "vendor", "channel", "customer"]
Scope = Annotated[str, Meta(pattern=r"^(\*|[a-z_]+:(\*|[a-z_]+))$", description="`orders:read`, `orders:*`, or `*`")]

ENTROPY_BYTES = 32
ALL_SCOPES = ("*",)

#: What the people of one shop may do: a key for each of them, with no more than the job needs.
STAFF_SCOPES: dict[str, tuple[str, ...]] = {
    "owner": ALL_SCOPES,
    "desk": ("orders:*", "vendor_orders:*", "shipments:*", "stock:*", "products:read"),
    "shop": ("products:*", "stock:*", "orders:read"),
    "packer": ("vendor_orders:read", "shipments:*"),
    "books": ("orders:read", "vendor_orders:read", "payouts:read", "ledger:read"),
}

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = 43  # ceil(256 / log2(62))
_KEY = re.compile(r"haat_(?:admin|vendor|channel|customer)_[0-9A-Za-z]{43}").fullmatch


class Principal(Struct, frozen=True, gc=False):
    """Who speaks. `subject` is the vendor's or channel's code or the customer's id; empty for an admin."""

    role: Role
    subject: str
    scopes: tuple[str, ...]
    key_id: str

    @property
    def actor(self) -> str:
        """How facts name it: `vendor:<code>`, `customer:<id>`, `channel:<code>`, `admin:<key id>`."""
        return f"{self.role}:{self.subject or self.key_id}"

    def may(self, scope: str) -> bool:
        """Whether `noun:verb` is granted: by itself, by `noun:*`, or by `*`."""
        return "*" in self.scopes or scope in self.scopes or f"{scope.partition(':')[0]}:*" in self.scopes


class KeyOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wish for a key under the caller's `id` (UUIDv7). `rate_per_minute` None: no limit of its own."""

    id: str
    role: Role
    subject: Annotated[str, Meta(max_length=100)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=50)] = ALL_SCOPES
    rate_per_minute: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    expires_at: datetime | None = None


class Key(Struct, frozen=True, kw_only=True):
    """A key as it is kept. `used_at` may lag a minute behind."""

    id: str
    prefix: str
    name: str
    role: Role
    subject: str
    scopes: tuple[str, ...]
    rate_per_minute: int | None
    issued_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    @property
    def principal(self) -> Principal:
        return Principal(self.role, self.subject, self.scopes, self.id)


def check_order(order: KeyOrder, *, now: datetime) -> None:
    """Refuses a key without the one it speaks for, an admin key with one, and a key that has expired already."""
    if (order.role == "admin") is not (order.subject == ""):
        raise Refused("bad_subject", "an admin key speaks for nobody; every other key needs its subject", role=order.role)
    if order.expires_at is not None and order.expires_at <= now:
        raise Refused("already_expired", "the key would have expired already")


def compose(role: Role, entropy: bytes) -> str:
    """The key of `ENTROPY_BYTES` random bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key is made of {ENTROPY_BYTES} random bytes")
    value = int.from_bytes(entropy, "big")
    symbols = []
    for _ in range(_DIGITS):
        value, digit = divmod(value, 62)
        symbols.append(_BASE62[digit])
    return f"haat_{role}_{''.join(reversed(symbols))}"


def hash_of(key: str) -> bytes | None:
    """What a key is found by, or None where the text cannot be one: no need to ask the database then."""
    return hashlib.sha256(key.encode()).digest() if _KEY(key) else None


def prefix_of(key: str) -> str:
    """The part that may be shown: role and the first six random characters (36 of 256 bits)."""
    role, _, random = key.removeprefix("haat_").partition("_")
    return f"haat_{role}_{random[:6]}"


def check_usable(key: Key, *, now: datetime) -> Principal:
    """The principal of a key, or a refusal that says why it opens nothing any more."""
    if key.revoked_at is not None and key.revoked_at <= now:
        raise Refused("key_revoked", "this key was revoked", kind="unauthenticated")
    if key.expires_at is not None and key.expires_at <= now:
        raise Refused("key_expired", "this key has expired", kind="unauthenticated")
    return key.principal
