"""What couriers take in their fields: names, addresses, phones, whole taka, their clock. Pure, shared by the connectors.

A buyer writes what they like: Bangla, emoji, three hundred characters, nothing. A courier refuses a parcel for one character too
many, so everything is cut to its limits here, never inside a letter, and what tells the rider where to go is cut last.
"""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from haat.domain.fulfilment.courier import Recipient
from haat.kernel.money import half_up
from haat.kernel.text import ascii_digits

#: Bangladesh has no summer time. Couriers write local time without saying so.
DHAKA = timezone(timedelta(hours=6), "Asia/Dhaka")
NAMELESS = "Customer"
_TAKA_MAX = 10**12
_JOINERS = "\u200c\u200d"
_BMP_MAX = "\uffff"  # tables of couriers in the old MySQL encoding end here


def plain(text: str) -> str:
    """One line without emoji, controls and doubled spaces; Bangla with its joiners stays as it is."""
    kept = []
    for char in unicodedata.normalize("NFC", text):
        if char > _BMP_MAX or "\ufe00" <= char <= "\ufe0f":
            continue
        kind = unicodedata.category(char)
        if kind in ("Cc", "Zs", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in ("Cn", "Co", "Cs", "So") and (kind != "Cf" or char in _JOINERS):
            kept.append(char)
    return " ".join("".join(kept).split()).strip(_JOINERS + " ")


def cut(text: str, length: int) -> str:
    """The first `length` characters at the most, never between a letter and the signs that belong to it."""
    if len(text) <= length:
        return text
    end = length
    while end > 0 and (unicodedata.category(text[end]).startswith("M") or text[end] in _JOINERS or text[end - 1] in _JOINERS + "\u09cd"):
        end -= 1
    return text[: end or length].rstrip(_JOINERS + " ,")


def name(text: str, *, least: int, most: int) -> str:
    """A recipient's name within a courier's limits; a word stands in for one that is missing or too short."""
    found = plain(text)
    return cut(found if len(found) >= least else f"{NAMELESS} {found}".strip(), most)


def address(recipient: Recipient, *, most: int) -> str:
    """The address on one line. Where it is too long the line itself is cut: landmark, area and town find the house's street."""
    parts = [plain(each) for each in (recipient.landmark, recipient.area, recipient.upazila, recipient.district, recipient.postcode)]
    line = plain(recipient.line)
    town = ", ".join(dict.fromkeys(part for part in parts if part and part not in line))
    if not line or not town:
        return cut(line or town, most)
    room = most - len(town) - 2
    if room < most // 3:
        return cut(f"{cut(line, most // 3)}, {town}", most)
    return f"{cut(line, room)}, {town}"


def mobile(phone: str) -> str | None:
    """`+8801712345678` as couriers want it: `01712345678`. None where it is no Bangladeshi mobile."""
    digits = ascii_digits(phone).replace(" ", "").replace("-", "")
    local = "0" + digits.removeprefix("+").removeprefix("88").removeprefix("0")
    fits = len(local) == 11 and local.isascii() and local.isdigit() and local.startswith("01") and local[2] in "3456789"
    return local if fits else None


def taka(amount: int) -> int:
    """Minor units in whole taka, half up: nobody has paisa at the door. At most fifty of them are lost or won."""
    return half_up(amount, 100)


def paisa(value: Any) -> int | None:
    """A courier's amount in taka (a number or a text) in minor units, half up; None where it is none."""
    return _scaled(value, 100)


def permyriad_of(value: Any) -> int | None:
    """A courier's rate in hundredths of a percent. Below one it is written as a fraction (0.01), else in percent (1)."""
    fraction = _scaled(value, 10_000)
    return fraction if fraction is None or abs(fraction) < 10_000 else fraction // 100


def _scaled(value: Any, times: int) -> int | None:
    try:
        amount = Decimal(str(value).replace(",", "").strip())
    except InvalidOperation:
        return None
    return int((amount * times).to_integral_value(ROUND_HALF_UP)) if amount.is_finite() and abs(amount) < _TAKA_MAX else None


def said_at(value: Any) -> datetime | None:
    """A courier's time as an instant: with an offset as it says, without one in Dhaka's time. None where it is no time."""
    try:
        instant = datetime.fromisoformat(str(value).strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=DHAKA)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def segment(text: str) -> str:
    """Something of theirs as one segment of a path."""
    return quote(text, safe="")


def word(value: Any, length: int = 300) -> str:
    """Anything that a courier wrote, as a short text; empty where it wrote nothing."""
    if value is None or isinstance(value, dict | list):
        return ""
    return cut(plain(str(value)), length)
