"""An order's story in words, English and Bangla: one sentence per fact, in the order in which they happened. Pure.

    stream ─ fold, fact by fact ─► scene (before, after) ─► sentence ─► who may read it

`words.py` has the stable words in plain ones, `saying.py` names amounts, days and parcels; the other files have the sentences, one
for each kind of fact of the file of events that has the same name. Buyers read what concerns them in their own words: that an
order «is being checked», never why; where goods lie, what a screening found and what broke are for staff.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from haat.domain.orders.order import Order, evolve
from haat.domain.orders.timeline import deciding, fulfilling, paying, placing, words
from haat.domain.orders.timeline.paying import HUSHED
from haat.domain.orders.timeline.saying import Audience, Said, Scene, Sentences
from haat.kernel.facts import Recorded

Reader = Literal["staff", "customer"]
#: One sentence for every kind of fact.
SENTENCES: Sentences = {**placing.SENTENCES, **deciding.SENTENCES, **paying.SENTENCES, **fulfilling.SENTENCES}

#: Reasons that buyers are told as they stand, why something ended or was not delivered; any other was typed by somebody for staff.
TOLD = frozenset({*words.ENDINGS, *words.DELIVERIES})


class Entry(msgspec.Struct, frozen=True):
    """One sentence of the story. `audience` is who may read these words: everyone, the vendor and staff, or staff only."""

    at: datetime
    type: str
    by: str
    text: str
    text_bn: str
    audience: Audience = "customer"
    version: int = 0


def timeline(stream: Iterable[Recorded], *, reader: Reader = "staff", zone: str = "Asia/Dhaka") -> list[Entry]:
    """The story of one order's facts, days on the clock of `zone`. Staff read one entry per fact, buyers those that are for them."""
    told: list[Entry] = []
    for recorded, scene in _scenes(list(stream), zone):
        said = SENTENCES[type(recorded.fact)](recorded.fact, scene)
        entry = _entry(recorded, said, reader)
        if entry is not None:
            told.append(entry)
    return told


def _entry(recorded: Recorded, said: Said, reader: Reader) -> Entry | None:
    about = (recorded.at, type(recorded.fact).__name__)
    if reader == "staff":
        return Entry(*about, recorded.actor, said.en, said.bn, said.audience, recorded.version)
    if said.plain is not None:
        return Entry(*about, "", *said.plain, "customer", recorded.version)
    return Entry(*about, "", said.en, said.bn, "customer", recorded.version) if said.audience == "customer" else None


def _scenes(stream: list[Recorded], zone: str) -> Iterable[tuple[Recorded, Scene]]:
    """Each fact with the order before and after it. Parcels are counted as the story ends, so that a number means one parcel all along."""
    states: list[Order] = []
    order: Order | None = None
    for r in stream:
        order = evolve(order, r.fact, order_id=r.order_id, version=r.version, at=r.at, by=r.actor)
        states.append(order)
    if order is None:
        return
    counted = tuple(p.id for p in order.shipments if p.status != "cancelled") or tuple(p.id for p in order.shipments)
    before: Order | None = None
    for r, after in zip(stream, states, strict=True):
        yield r, Scene(before, after, counted, zone)
        before = after


__all__ = ["HUSHED", "SENTENCES", "TOLD", "Entry", "Reader", "timeline", "words"]
