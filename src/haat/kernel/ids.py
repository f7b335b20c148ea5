"""Ids: UUIDv7 inside, a short number with a check digit for people.

`uuid7` composes an id from a time and random bits that the caller brings (the engine owns the randomness), so an id's
order is its time order and every index on it grows at its right-hand end.

An order's number is its serial behind a keyed permutation of 40 bits: nobody can guess a neighbour's number or count
the orders of a day, two serials never share a number, and the database needs an index on the serial only.
Eight symbols of Crockford's base 32 (no I, L, O, U) and one check symbol: `7KQ2-M9XF-4`.
"""

import hashlib
from typing import NewType

OrderId = NewType("OrderId", str)
VendorOrderId = NewType("VendorOrderId", str)

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {symbol: value for value, symbol in enumerate(SYMBOLS)} | {"O": 0, "I": 1, "L": 1}

SERIAL_BITS = 40
_HALF_BITS = 20
_HALF_MASK = (1 << _HALF_BITS) - 1
_ROUNDS = 4  # Luby and Rackoff (1988): four rounds of a keyed function are a strong permutation


def uuid7(unix_ms: int, random_74: int) -> str:
    """The UUIDv7 (RFC 9562, 5.7) of a millisecond and 74 random bits, in its text form."""
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7000 << 64 | 0b10 << 62
    value |= (random_74 >> 62 & 0xFFF) << 64 | random_74 & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_floor(unix_ms: int) -> str:
    """The smallest UUIDv7 of a millisecond: `id >= uuid7_floor(t)` means «made at t or later»."""
    return uuid7(unix_ms, 0)


def uuid7_ms(text: str) -> int:
    """The millisecond that a UUIDv7 was made in."""
    return int(text[:8] + text[9:13], 16)


def number_of(serial: int, key: bytes) -> str:
    """The order number of a serial below 2**40, `XXXX-XXXX-X`."""
    if not 0 <= serial < 1 << SERIAL_BITS:
        raise ValueError(f"serial {serial} is outside 40 bits")
    left, right = serial >> _HALF_BITS, serial & _HALF_MASK
    for turn in range(_ROUNDS):
        left, right = right, left ^ _round(right, turn, key)
    value = left << _HALF_BITS | right
    symbols = "".join(SYMBOLS[value >> shift & 31] for shift in (35, 30, 25, 20, 15, 10, 5, 0))
    return f"{symbols[:4]}-{symbols[4:]}-{SYMBOLS[_check(value)]}"


def serial_of(number: str, key: bytes) -> int | None:
    """The serial behind an order number however it was typed (case, spaces, dashes, O for 0), or None if mistyped."""
    try:
        values = [_VALUE[c] for c in number.upper() if c not in " -"]
    except KeyError:
        return None
    if len(values) != 9:
        return None
    value = 0
    for v in values[:8]:
        value = value << 5 | v
    if _check(value) != values[8]:
        return None
    left, right = value >> _HALF_BITS, value & _HALF_MASK
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ _round(left, turn, key), left
    return left << _HALF_BITS | right


def _round(half: int, turn: int, key: bytes) -> int:
    digest = hashlib.blake2s((half << 3 | turn).to_bytes(3, "big"), digest_size=3, key=key).digest()
    return int.from_bytes(digest, "big") & _HALF_MASK


def _check(value: int) -> int:
    """A weighted sum in GF(32), x^5 + x^2 + 1: finds every mistyped symbol and every pair of neighbours swapped."""
    check = 0
    for shift in (35, 30, 25, 20, 15, 10, 5, 0):
        check = check << 1 ^ (0x25 if check & 16 else 0) ^ (value >> shift & 31)
    return check << 1 ^ (0x25 if check & 16 else 0)
