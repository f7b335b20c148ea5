"""Amounts, days and reasons as people read them, in English and Bangla. The words stand in `templates/<language>/words.toml`.

English amounts in taka are written `Tk 1,234.50`, since ৳ would turn an SMS into UCS-2 and halve its length; Bangla has no such
scruples. Whole taka carry no decimals; taka are grouped by hazar, lakh and crore (3, then 2), other currencies by thousands.
"""

import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from haat.domain.notifications.telling import LANGUAGES, Language
from haat.kernel.money import decimal_text
from haat.kernel.text import bangla_digits

NAME_MAX = 60
Words = Mapping[str, Any]


def words(language: Language) -> Words:
    """The word list of a language."""
    return tomllib.loads((files("haat.domain.notifications") / "templates" / language / "words.toml").read_text(encoding="utf-8"))


def money(amount: int, currency: str, language: Language) -> str:
    """`amount` minor units: `Tk 12,34,567`, `৳ ১২,৩৪,৫৬৭.৫০`, `USD 1,234.50`."""
    whole, _, part = decimal_text(abs(amount), currency).partition(".")
    grouped = _grouped(whole, 2 if currency == "BDT" else 3)
    text = grouped if not part or (currency == "BDT" and part.strip("0") == "") else f"{grouped}.{part}"
    sign = "-" if amount < 0 else ""
    if currency == "BDT":
        return f"{sign}৳ {bangla_digits(text)}" if language == "bn" else f"{sign}Tk {text}"
    return f"{sign}{currency} {bangla_digits(text) if language == 'bn' else text}"


def day(instant: datetime, timezone: str, language: Language) -> str:
    """`Sat 14 Mar`, `শনি ১৪ মার্চ`: the day on the calendar of the reader."""
    local = instant.astimezone(ZoneInfo(timezone))
    names = _WORDS[language]["calendar"]
    text = f"{names['days'][local.weekday()]} {local.day} {names['months'][local.month - 1]}"
    return bangla_digits(text) if language == "bn" else text


def moment(instant: datetime, timezone: str, language: Language) -> str:
    """`Sat 14 Mar, 4:30 pm`."""
    local = instant.astimezone(ZoneInfo(timezone))
    names = _WORDS[language]["calendar"]
    clock = f"{(local.hour - 1) % 12 + 1}:{local.minute:02d} {names['am' if local.hour < 12 else 'pm']}"
    return f"{day(instant, timezone, language)}, {bangla_digits(clock) if language == 'bn' else clock}"


def said(word: str, about: str, language: Language) -> str:
    """A stable word (`customer_refused`) in plain words, from the list `about`; what the list says of any other where it is unknown."""
    known: Mapping[str, str] = _WORDS[language][about]
    return known.get(word, known["other"])


def filters(language: Language) -> dict[str, Callable[..., str]]:
    """What a template may do with the values that it is handed."""
    return {
        "money": lambda amount, currency: money(amount, currency, language),
        "day": lambda instant, timezone: day(instant, timezone, language),
        "moment": lambda instant, timezone: moment(instant, timezone, language),
        "said": lambda word, about: said(word, about, language),
        "digits": lambda value: bangla_digits(str(value)) if language == "bn" else str(value),
    }


def name(typed: str) -> str:
    """A person's or product's name fit for a message: one line, short, and no address that a reader could be led to."""
    return " ".join(word for word in typed.split() if "://" not in word and not word.lower().startswith("www."))[:NAME_MAX].strip()


def _grouped(digits: str, size: int) -> str:
    """The last three digits together, those before them by `size`."""
    head, tail = digits[:-3], digits[-3:]
    groups = [head[max(end - size, 0) : end] for end in range(len(head), 0, -size)]
    return ",".join([*reversed(groups), tail])


_WORDS: Mapping[Language, Words] = {language: words(language) for language in LANGUAGES}
