"""Customers: one person, one row, found by phone first because that is what people here are known by.

A customer of another system without a phone (an imported history, a marketplace that hides it) is known by `reference`,
the name it has there. E-mail is kept in lower case and may be shared: a family has one.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from haat.domain.people import phone
from haat.kernel.errors import Refused

E164 = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
Email = Annotated[str, Meta(max_length=254)]

_EMAIL = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]+\.[^\s@<>\"]{2,}").fullmatch


class CustomerSheet(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is said about a customer. `id` is used where the customer is new; an empty field leaves what is known."""

    id: str
    name: Annotated[str, Meta(max_length=300)] = ""
    phone: E164 | None = None
    reference: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    email: Email | None = None
    group: Annotated[str, Meta(max_length=64)] | None = None


class Customer(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    phone: str | None
    reference: str | None
    email: str | None
    group: str | None
    created_at: datetime
    updated_at: datetime


def email(typed: str) -> str | None:
    """An address in the spelling that we keep, or None where mail cannot go there. Gmail's dots are left alone."""
    plain = typed.strip().lower()
    return plain if len(plain) <= 254 and _EMAIL(plain) else None


def in_one_spelling(kind: str, typed: str) -> str | None:
    """A `phone` or an `email` as buyers are recognised by it, None where it is none; anything else as it is."""
    if kind == "phone":
        return phone.e164(typed)
    return email(typed) if kind == "email" else typed


def key_of(sheet: CustomerSheet) -> str:
    """What makes two sheets one customer. Refuses a sheet without phone and reference."""
    if sheet.phone is not None:
        return sheet.phone
    if sheet.reference is not None:
        return "=" + sheet.reference
    raise Refused("customer_unknown", "a customer needs a phone or a reference")


def one_each(sheets: Sequence[CustomerSheet]) -> dict[str, CustomerSheet]:
    """The last sheet of each customer by key. A reference that two phones claim goes to the one that comes last."""
    latest = {key_of(sheet): sheet for sheet in sheets}
    holder = {sheet.reference: key for key, sheet in latest.items() if sheet.reference is not None and sheet.phone is not None}
    return {
        key: sheet
        if sheet.phone is None or holder.get(sheet.reference or "", key) == key
        else msgspec.structs.replace(sheet, reference=None)
        for key, sheet in latest.items()
    }
