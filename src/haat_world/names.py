"""What the dice call the orders of this play: by their number in it, which the seed decides, and not by what Haat drew for them.

    Haat's order number   HT-2601-000017        →  order 17
    a parcel's reference  HT-2601-000017-1-2    →  order 17 parcel 1 booking 2    (what becomes of it at the door: order 17 parcel 1)
    a try to pay          its id, also short    →  order 17 payment 1 try 2

Whatever was not ordered by this play keeps its own name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHORT = re.compile(r"[0-9a-z]{25}")  # the same number as gateways take it


class Names:
    """Filled by the players as Haat answers them."""

    def __init__(self) -> None:
        self._orders: dict[str, str] = {}  # by number, as couriers are told it
        self._placed: dict[str, str] = {}  # by id
        self._tries: dict[int, str] = {}

    def placed(self, order: Mapping[str, Any], number: int) -> None:
        """Haat took the order of this number."""
        self._orders[_plain(str(order["number"]))] = self._placed[str(order["id"])] = f"order {number}"

    def tried(self, order: str, tenders: Sequence[Mapping[str, Any]]) -> None:
        """How an order of this id is paid, as Haat shows it: each part with its tries, oldest first."""
        if (name := self._placed.get(order)) is None:
            return
        for part, tender in enumerate(tenders, 1):
            for place, attempt in enumerate(tender.get("attempts", ()), 1):
                if (value := _value(str(attempt["id"]))) is not None:
                    self._tries[value] = f"{name} payment {part} try {place}"

    def order(self, order: str) -> str:
        """The order of this id; "" where it is none of this play."""
        return self._placed.get(order, "")

    def of(self, reference: str) -> str:
        """A parcel or a try to pay by its name here, or the reference itself."""
        return self._tries.get(_value(reference) or 0) or _joined(self._parcel(reference)) or reference

    def parcel(self, reference: str) -> str:
        """The parcel, whichever booking of it this is; "" where it is none of this play."""
        return _joined(self._parcel(reference)[:2])

    def _parcel(self, reference: str) -> tuple[str, ...]:
        parts = reference.split("-")
        for tail in (1, 2):
            if (order := self._orders.get("-".join(parts[:-tail]))) is not None:
                return (order, f"parcel {parts[-tail]}", *[f"booking {each}" for each in parts[len(parts) - tail + 1 :]])
        return ()


def attempt_in(reference: str) -> str:
    """The id of the try to pay that this may be, or ""."""
    value = _value(reference)
    whole = "" if value is None else f"{value:032x}"
    return f"{whole[:8]}-{whole[8:12]}-{whole[12:16]}-{whole[16:20]}-{whole[20:]}" if whole else ""


def _value(reference: str) -> int | None:
    low = reference.lower()
    if UUID.fullmatch(low):
        return int(low.replace("-", ""), 16)
    found = int(low, 36) if SHORT.fullmatch(low) else 0
    return found if 0 < found < 1 << 128 else None


def _joined(parts: Sequence[str]) -> str:
    return " ".join(parts)


def _plain(number: str) -> str:
    """As a reference writes it: capitals, digits, hyphens."""
    return "".join(each if each.isalnum() and each.isascii() else "-" for each in number.upper())
