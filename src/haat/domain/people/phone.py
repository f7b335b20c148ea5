"""Phone numbers in one spelling, E.164: in this market the number is the customer's identity.

Buyers type `01712-345678`, `+880 1712 345678`, `০১৭১২৩৪৫৬৭৮` or `8801712345678` and mean one phone. Mobile numbers of
Bangladesh are decided by the numbering plan itself (`01[3-9]` and eight digits; the dead Citycell block 011 and the
unused 010 and 012 are refused, though libraries pass them). Every other number, of any country, is judged by
`phonenumbers`, Google's tables. The plain local spelling never reaches them: it is the hot path (about 1 µs).
"""

import re
from functools import lru_cache

import phonenumbers

from haat.kernel import text

HOME = "BD"
LENGTH_MAX = 40  # of what was typed, separators included

_LOCAL = re.compile(r"01[3-9][0-9]{8}").fullmatch
_BANGLADESH_MOBILE = re.compile(r"(?:\+?88)?(01[3-9][0-9]{8})").fullmatch
_BANGLADESH_MOBILE_SHAPE = re.compile(r"\+8801[0-9]{9}").fullmatch
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015\u00a0\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")


def e164(typed: str, country: str = HOME) -> str | None:
    """`typed` as E.164, or None where it is no number that can be called.

    `country` (ISO 3166-1 alpha-2) says where a number without `+` or `00` belongs. Bangla digits, blanks, dashes,
    dots and brackets are accepted. The same phone always gives the same text, so the answer is its own normal form.
    """
    if country == HOME and _LOCAL(typed):
        return "+88" + typed
    return _e164(typed, country) if len(typed) <= LENGTH_MAX else None


def local(number: str) -> str:
    """How couriers of Bangladesh want it: `01XXXXXXXXX` for +8801XXXXXXXXX; any other E.164 number stays as it is."""
    return number[3:] if number.startswith("+8801") else number


def masked(number: str) -> str:
    """A number that may be shown or logged: the country's beginning and the last two digits."""
    return f"{number[:5]}{'*' * max(0, len(number) - 7)}{number[-2:]}"


@lru_cache(maxsize=16_384)
def _e164(typed: str, country: str) -> str | None:
    plain = _SEPARATORS.sub("", text.ascii_digits(typed))
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if (country == HOME or plain.startswith("+88")) and (mobile := _BANGLADESH_MOBILE(plain)):
        return "+88" + mobile[1]
    if not plain.isascii() or not plain.removeprefix("+").isdigit():
        return None
    return _judged(plain, country)


def _judged(plain: str, country: str) -> str | None:
    """What the tables say. `8801…` typed at home without its plus is tried as the international number it is."""
    for spelling in (plain, "+" + plain) if not plain.startswith("+") else (plain,):
        try:
            number = phonenumbers.parse(spelling, country)
        except phonenumbers.NumberParseException:
            continue
        if not phonenumbers.is_valid_number(number):
            continue
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return None if _BANGLADESH_MOBILE_SHAPE(written) else written
    return None
