"""Parties that answer at once, without a wire: a gateway that charges, a courier that books, ships and delivers. And workers that know them.

`bench.life` measures what Haat costs, so whom it speaks with costs nothing. Everything else is as in production: the same desks,
the same steps, the same rows.

    python -m bench.prompt        a worker on DATABASE_URL, until SIGTERM
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from msgspec import Struct

from haat import app
from haat.app import desks
from haat.domain import payments, vendors
from haat.domain.fulfilment import courier
from haat.engine import logs, memory_tuning, outside, policies, settings
from haat.engine.database import Database
from haat.flows import fulfilling
from haat.kernel.money import AMOUNT_MAX
from haat.kernel.outside import Connection, Conversation


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Neither config nor secrets."""


def _charged(connection: Connection, known: Any, now: datetime) -> Conversation[Any]:
    del connection, now
    return payments.Observation(
        status="charged", amount=known.amount, currency=known.currency, reference=f"P-{known.attempt}", our_reference=known.attempt
    )
    yield


def _back(connection: Connection, query: Mapping[str, str]) -> payments.Signal:
    return payments.Signal()


GATEWAY = payments.Gateway(
    code="prompt", title="Prompt", methods=("bkash",), config=Nothing, secrets=Nothing,
    abilities=payments.gateway.Abilities(limits={"BDT": (1, AMOUNT_MAX)}, redirects=False),
    create=_charged, confirm=_charged, query=_charged, verify=payments.gateway.no_hooks, heard=payments.gateway.nothing_heard, callback=_back,
)  # fmt: skip


def _book(connection: Connection, it: courier.Consignment, now: datetime) -> Conversation[courier.Booked | courier.Declined]:
    yield from courier.silent()
    return courier.Booked(f"C-{it.reference}", "", 6000)


def _look_up(connection: Connection, reference: str, now: datetime) -> Conversation[courier.Booked | courier.NotThere]:
    yield from courier.silent()
    return courier.Booked(f"C-{reference}", "", 6000)


def _track(connection: Connection, known: courier.Known, now: datetime) -> Conversation[tuple[courier.Scan, ...]]:
    yield from courier.silent()
    moments = (("picked_up", 3), ("in_transit", 2), ("delivered", 1))
    return tuple(
        courier.Scan(consignment=known.consignment, reference=known.reference, status=status, at=now - timedelta(milliseconds=ms))
        for status, ms in moments
    )


COURIER = courier.Courier(
    code="prompt", title="Prompt", config=Nothing, secrets=Nothing, book=_book, look_up=_look_up, track=_track,
    capabilities=courier.Capabilities(lookup="reference", hooks=False, needs_phone=False, currencies=frozenset(), countries=frozenset()),
    verify=courier.no_hooks, heard=courier.nothing_heard,
)  # fmt: skip


def found() -> desks.Connectors:
    """All connectors, and the prompt ones."""
    every = desks.connectors()
    return {**every, "gateway": {**every["gateway"], "prompt": GATEWAY}, "courier": {**every["courier"], "prompt": COURIER}}


async def connect(database: Database, secret: str) -> None:
    """Connect the market with the prompt parties; its vendors take and pack everything by themselves."""
    now = datetime.now(UTC)
    sheets = {
        "prompt-pay": outside.Sheet(kind="gateway", plugin="prompt", title="Prompt", concurrency=64),
        "prompt-ride": outside.Sheet(kind="courier", plugin="prompt", title="Prompt", concurrency=64),
    }
    async with database.transaction() as tx:
        await outside.connections.put(tx, sheets, found(), outside.Vault([secret]), now=now)
        handling = vendors.Handling(auto_accept=True, auto_pack=True)
        known = await vendors.find(tx, limit=200)
        sheets_of = [vendors.VendorSheet(code=v.code, name_en=v.name_en, city=v.city, zone=v.zone, handling=handling) for v in known]
        await vendors.upsert(tx, sheets_of, now=now)


async def hurry(database: Database) -> None:
    """Couriers are asked about a parcel as soon as they have it."""
    async with database.transaction() as tx:
        await policies.put(tx, "fulfilment", fulfilling.Policy(ask_after=timedelta()), by="system", now=datetime.now(UTC))


async def work() -> None:
    """A worker, until SIGTERM."""
    chosen = settings.load(os.environ, working_dir=Path.cwd())
    logs.configure(level=chosen.log_level, form=chosen.log_format)
    assert chosen.database_url is not None
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    memory_tuning.settle()
    outfit = desks.Outfit(found())
    await app.work(chosen, chosen.database_url.reveal(), stop, outfit=outfit)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
