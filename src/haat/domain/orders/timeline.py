"""An order's story in words, English and Bangla: one sentence per fact, in the order in which they happened. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from haat.domain.orders.events import (
    OrderCancelled,
    OrderCreated,
    OrderHeld,
    OrderLinesCancelled,
    OrderNoted,
    OrderReleased,
    OrderStockReserved,
    OrderValidated,
)
from haat.kernel.facts import Fact, Recorded
from haat.kernel.money import decimal_text
from haat.kernel.text import bangla_digits


class Entry(msgspec.Struct, frozen=True):
    """One sentence of the story. `audience` is who may read it: everyone, or staff (and the vendor) only."""

    at: datetime
    type: str
    by: str
    text: str
    text_bn: str
    audience: str = "customer"


def timeline(stream: Iterable[Recorded]) -> list[Entry]:
    """The story of one order's facts."""
    entries: list[Entry] = []
    currency = ""
    for recorded in stream:
        fact = recorded.fact
        if isinstance(fact, OrderCreated):
            currency = fact.currency
        say = _SENTENCES.get(type(fact))
        english, bangla, audience = say(fact, currency) if say else (type(fact).__name__, type(fact).__name__, "staff")
        entries.append(Entry(recorded.at, type(fact).__name__, recorded.actor, english, bangla, audience))
    return entries


Sentence = tuple[str, str, str]


def _units(fact: Any) -> int:
    return sum(cut.quantity for cut in fact.cuts)


def _amount(minor: int, currency: str) -> tuple[str, str]:
    text = decimal_text(minor, currency)
    return f"{text} {currency}", ("৳ " + bangla_digits(text)) if currency == "BDT" else f"{bangla_digits(text)} {currency}"


def _created(f: OrderCreated, currency: str) -> Sentence:
    units = sum(line.quantity for line in f.lines)
    vendors = len(f.vendor_orders)
    english, bangla = _amount(f.totals.grand, currency)
    goods = f"{units} item{'s' * (units != 1)} from {vendors} vendor{'s' * (vendors != 1)}"
    goods_bn = f"{bangla_digits(str(vendors))} জন বিক্রেতার {bangla_digits(str(units))}টি পণ্য"
    return (
        f"Order {f.number} was placed through {f.channel}: {goods}, {english}, to be paid by {f.payment_method or 'agreement'}.",
        f"অর্ডার {f.number} দেওয়া হয়েছে ({f.channel}): {goods_bn}, মোট {bangla}।",
        "customer",
    )


def _validated(f: OrderValidated, currency: str) -> Sentence:
    del currency
    rules = len(f.passed)
    if not f.remarks:
        return f"All {rules} checks passed.", f"{bangla_digits(str(rules))}টি যাচাই উত্তীর্ণ হয়েছে।", "staff"
    names = ", ".join(f"{r.rule} v{r.version} ({r.reason})" for r in f.remarks)
    return f"{rules} checks passed; to look at: {names}.", f"{bangla_digits(str(rules))}টি যাচাই উত্তীর্ণ; দেখার বিষয়: {names}।", "staff"


def _reserved(f: OrderStockReserved, currency: str) -> Sentence:
    del currency
    units = sum(r.quantity for r in f.reservations)
    late = sum(r.backordered for r in f.reservations)
    places = ", ".join(sorted({r.location for r in f.reservations}))
    if late:
        due = f"{f.expected_at:%Y-%m-%d}" if f.expected_at else "a date to be told"
        return (
            f"{units - late} unit(s) set aside at {places}; {late} will follow, expected {due}.",
            f"{bangla_digits(str(units - late))}টি পণ্য সংরক্ষিত ({places}); আরও {bangla_digits(str(late))}টি পরে আসবে।",
            "customer",
        )
    return f"{units} unit(s) set aside at {places}.", f"{bangla_digits(str(units))}টি পণ্য সংরক্ষিত ({places})।", "customer"


def _held(f: OrderHeld, currency: str) -> Sentence:
    del currency
    return f"On hold for review ({f.kind}): {f.detail or f.reason}", f"পর্যালোচনার জন্য স্থগিত ({f.kind}): {f.detail or f.reason}", "staff"


def _released(f: OrderReleased, currency: str) -> Sentence:
    del currency
    return f"The hold {f.kind} was released: {f.reason}", f"স্থগিতাদেশ {f.kind} তুলে নেওয়া হয়েছে: {f.reason}", "staff"


def _lines_cancelled(f: OrderLinesCancelled, currency: str) -> Sentence:
    english, bangla = _amount(f.amount, currency)
    return (
        f"{_units(f)} unit(s) were cancelled ({f.reason}); {english} less to pay.",
        f"{bangla_digits(str(_units(f)))}টি পণ্য বাতিল হয়েছে ({f.reason}); {bangla} কম দিতে হবে।",
        "customer",
    )


def _cancelled(f: OrderCancelled, currency: str) -> Sentence:
    english, bangla = _amount(f.amount, currency)
    return (
        f"The order was cancelled ({f.reason}); {english} is no longer owed and its stock was released.",
        f"অর্ডারটি বাতিল হয়েছে ({f.reason}); {bangla} আর দিতে হবে না, পণ্য আবার বিক্রির জন্য ছাড়া হয়েছে।",
        "customer",
    )


def _noted(f: OrderNoted, currency: str) -> Sentence:
    del currency
    return f"Note: {f.text}", f"নোট: {f.text}", f.audience


_SENTENCES: Mapping[type[Fact], Callable[[Any, str], Sentence]] = {
    OrderCreated: _created,
    OrderValidated: _validated,
    OrderStockReserved: _reserved,
    OrderHeld: _held,
    OrderReleased: _released,
    OrderLinesCancelled: _lines_cancelled,
    OrderCancelled: _cancelled,
    OrderNoted: _noted,
}
