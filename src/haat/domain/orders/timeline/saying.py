"""How a sentence is made: what it may know of the order, who may read it, and how amounts, days and parcels are named. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from haat.domain.orders.events import ParcelLine
from haat.domain.orders.goods import Parcel, VendorOrder, units
from haat.domain.orders.order import Order
from haat.domain.orders.tenders import Attempt, Refund, Tender
from haat.domain.orders.timeline import words
from haat.domain.orders.timeline.words import Both
from haat.kernel.facts import Fact
from haat.kernel.money import grouped_text
from haat.kernel.text import bangla_digits

Audience = Literal["customer", "vendor", "staff"]


class Said(msgspec.Struct, frozen=True):
    """A sentence in both languages and who may read it. `plain` is what a buyer reads instead, None where that is nothing."""

    en: str
    bn: str
    audience: Audience = "customer"
    plain: Both | None = None


class Scene(msgspec.Struct, frozen=True):
    """The order as it was and as it is after the fact, and the parcels by which its story counts them."""

    before: Order | None
    order: Order
    counted: tuple[str, ...]
    zone: str

    def money(self, minor: int) -> Both:
        """`1,23,456.50 BDT`, `৳ ১,২৩,৪৫৬.৫০`: taka grouped by hazar, lakh and crore, other currencies by thousands."""
        currency = self.order.currency
        text = grouped_text(minor, currency)
        return f"{text} {currency}", f"৳ {bangla_digits(text)}" if currency == "BDT" else f"{bangla_digits(text)} {currency}"

    def moment(self, instant: datetime) -> Both:
        """`Sat 14 Mar 16:30` on the reader's clock."""
        local = instant.astimezone(ZoneInfo(self.zone))
        (day, day_bn), (month, month_bn) = words.DAYS[local.weekday()], words.MONTHS[local.month - 1]
        return f"{day} {local.day} {month} {local:%H:%M}", bangla_digits(f"{day_bn} {local.day} {month_bn} {local:%H:%M}")

    def day(self, instant: datetime) -> Both:
        """`Sat 14 Mar`."""
        english, bangla = self.moment(instant)
        return english.rsplit(" ", 1)[0], bangla.rsplit(" ", 1)[0]

    def until(self, instant: datetime | None) -> Both:
        """`, until Sat 14 Mar 16:30`, nothing where there is no such instant."""
        if instant is None:
            return "", ""
        english, bangla = self.moment(instant)
        return f", until {english}", f", {bangla} পর্যন্ত"

    def parcel(self, parcel_id: str) -> Both:
        """`parcel 1 of 2` by its place in the order; `the parcel` where it is the only one."""
        if parcel_id not in self.counted:
            return "a parcel that was given up", "বাদ পড়া একটি পার্সেল"
        if len(self.counted) == 1:
            return "the parcel", "পার্সেল"
        n, of = self.counted.index(parcel_id) + 1, len(self.counted)
        return f"parcel {n} of {of}", bangla_digits(f"{of}টির মধ্যে {n} নম্বর পার্সেল")

    def parcel_in(self, parcel_id: str) -> Parcel | None:
        """The parcel as it was before the fact, or as it is."""
        for order in (self.before, self.order):
            for parcel in order.shipments if order is not None else ():
                if parcel.id == parcel_id:
                    return parcel
        return None

    def courier(self, parcel_id: str) -> Both:
        """Who carries it; `the courier` where that is not known."""
        parcel = self.parcel_in(parcel_id)
        return words.name(words.COURIERS, parcel.courier) if parcel is not None and parcel.courier else ("the courier", "কুরিয়ার")

    def part(self, vendor_order: str) -> VendorOrder | None:
        return next((v for v in self.order.vendor_orders if v.id == vendor_order), None)

    def vendor(self, vendor_order: str) -> Both:
        """Whose part it is."""
        part = self.part(vendor_order)
        return ("A vendor", "একজন বিক্রেতা") if part is None else words.name({}, part.vendor)

    def tender(self, payment: str) -> Tender | None:
        return next((t for t in self.order.payments if t.id == payment), None)

    def attempt(self, attempt: str) -> Attempt | None:
        return next((a for t in self.order.payments for a in t.attempts if a.id == attempt), None)

    def refund(self, refund: str) -> Refund | None:
        return next((r for r in self.order.refunds if r.id == refund), None)

    def payer(self, payment: str, attempt: str, gateway: str = "") -> Both:
        """By which gateway the money comes or goes: the one named, the attempt's, the method's."""
        tried, tender = self.attempt(attempt), self.tender(payment)
        code = gateway or (tried.gateway if tried is not None else "") or (tender.method if tender is not None else "")
        return words.name(words.PAYERS, code) if code else ("the channel", "চ্যানেল")

    def goods(self, lines: Iterable[ParcelLine]) -> Both:
        """`2 × Tea, 1 × Honey`, each in its own language."""
        by_no = {line.line_no: line for line in self.order.lines}
        named = [(x.quantity, by_no[x.line_no]) for x in lines if x.line_no in by_no]
        english = ", ".join(f"{quantity} × {line.name}" for quantity, line in named)
        return english, ", ".join(f"{bangla_digits(str(quantity))} × {line.name_bn or line.name}" for quantity, line in named)


#: What is said of one kind of fact.
Sentence = Callable[[Any, Scene], Said]
Sentences = Mapping[type[Fact], Sentence]


def items(quantity: int) -> Both:
    """`1 item`, `2 items`."""
    return f"{quantity} item{'s' * (quantity != 1)}", f"{bangla_digits(str(quantity))}টি পণ্য"


def held(lines: Iterable[ParcelLine]) -> Both:
    return items(units(lines))


def begun(text: str) -> str:
    """The words as a sentence begins, its first letter large; bKash stays bKash."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def digits(number: int) -> str:
    return bangla_digits(str(number))
