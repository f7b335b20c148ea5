"""The books on disk, so that a demo's parcels and payments go on where they were when the demo was stopped.

Written as a whole to a new file that replaces the old one. What came to its end long ago is forgotten, so a demo may run for weeks.
"""

import asyncio
import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from haat_world.parcels import FINAL
from haat_world.truth import Consignment, Payment
from haat_world.world import World

KEPT = timedelta(days=3)
EACH_S = 15.0
Names = tuple[str | int, ...]


class Pages(msgspec.Struct):
    """What is written. `counts`: how often what was asked, on which ids and faults depend."""

    payments: list[Payment]
    consignments: list[Consignment]
    counts: list[tuple[Names, int]]


def read(world: World, path: Path) -> None:
    """The world's books are those of the file; nothing where there is none, or none that can be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        pages = msgspec.msgpack.decode(path.read_bytes(), type=Pages)
        for payment in pages.payments:
            world.truth.pay(payment)
        for parcel in pages.consignments:
            world.truth.book(parcel)
        world.counts.update(dict(pages.counts))


def write(world: World, path: Path) -> None:
    """The file holds the books as they are."""
    forget(world, world.now() - KEPT)
    truth = world.truth
    pages = Pages(list(truth.payments.values()), list(truth.consignments.values()), list(world.counts.items()))
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.msgpack.encode(pages))
    fresh.replace(path)


def forget(world: World, before: datetime) -> None:
    """Drop payments and parcels that began, and messages that came, before then; parcels still on their way stay."""
    truth = world.truth
    truth.keep(
        [payment for payment in truth.payments.values() if payment.created_at >= before],
        [each for each in truth.consignments.values() if each.created_at >= before or each.status not in FINAL],
        [message for message in truth.messages if message.at >= before],
    )


async def keep(world: World, path: Path) -> None:
    """Write again and again, and at the end."""
    try:
        while True:
            await asyncio.sleep(EACH_S)
            write(world, path)
    finally:
        write(world, path)
