"""People: who may speak to Haat, who buys, and whom we do not sell to.

A request brings an API key; what is found by its hash is a `Key`, and `check_usable` makes it a `Principal` with role,
subject and scopes. A guest brings an order token instead, which opens one order for a while and is stored nowhere.
A customer is known by phone (E.164, `phone.e164`) or by the reference of another system. A blocked buyer is recognised by phone,
e-mail, customer or address. Nothing here knows an order; what an order needs of this is passed to it as values.
"""

from haat.domain.people import guest, phone
from haat.domain.people.access import STAFF_SCOPES, Key, KeyOrder, Principal, Role, check_usable, compose, hash_of
from haat.domain.people.block import Block, BlockKind, BlockOrder, Blocks, Buyer, address_fingerprint
from haat.domain.people.commands import CUSTOMERS, KIND, IssuedKey, block, issue_key, lift, note_use, revoke_keys, upsert_customers
from haat.domain.people.customer import Customer, CustomerSheet, email, in_one_spelling
from haat.domain.people.queries import (
    cached_keys,
    customers,
    customers_by_phone,
    customers_by_reference,
    keys,
    keys_by_hash,
    load_blocks,
    standing_blocks,
)

__all__ = [
    "CUSTOMERS",
    "KIND",
    "STAFF_SCOPES",
    "Block",
    "BlockKind",
    "BlockOrder",
    "Blocks",
    "Buyer",
    "Customer",
    "CustomerSheet",
    "IssuedKey",
    "Key",
    "KeyOrder",
    "Principal",
    "Role",
    "address_fingerprint",
    "block",
    "cached_keys",
    "check_usable",
    "compose",
    "customers",
    "customers_by_phone",
    "customers_by_reference",
    "email",
    "guest",
    "hash_of",
    "in_one_spelling",
    "issue_key",
    "keys",
    "keys_by_hash",
    "lift",
    "load_blocks",
    "note_use",
    "phone",
    "revoke_keys",
    "standing_blocks",
    "upsert_customers",
]
