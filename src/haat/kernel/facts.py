"""Facts: what happened, past tense, in the words of the trade.

A module's `events.py` declares its facts as frozen structs derived from `Fact`; the struct's name is the fact's type.
Around a fact stands `Recorded`, what the journal knows about it: where, when, by whom and because of what.
"""

from datetime import datetime

import msgspec


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=False, tag_field="type", tag=True):
    """Something that happened. Never edited; a new shape is a new class."""


class Asked(Fact, frozen=True, kw_only=True):
    """A fact that somebody may ask for under a key. `wish` names that request, so that the same one told again is known."""

    wish: str = ""


class Origin(msgspec.Struct, frozen=True):
    """Who caused a fact, and through what.

    `actor`: `customer:<id>`, `vendor:<code>`, `admin:<key id>`, `channel:<code>`, `guest`, `system`.
    `cause`: what led to it (`api`, `import:olist`, `rule:duplicate_order`, an event position …).
    `trace`: 32 hex digits of the W3C trace id, or empty.
    """

    actor: str
    cause: str
    trace: str = ""


class Recorded(msgspec.Struct, frozen=True):
    """A fact in the journal. `position` is its place in the global order, `version` in its order's own stream (from 1)."""

    position: int
    order_id: str
    version: int
    at: datetime
    actor: str
    cause: str
    trace: str
    fact: Fact
