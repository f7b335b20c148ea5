"""The world plays with a served Haat on a bad day: a fifth of all calls fails, messages are lost, late, doubled and contradicted.

At the end no parcel is booked twice, no taka is unaccounted for at any gateway, and nobody was told the same twice. Of two fresh
Haats with one seed each tells the same history.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest
from psycopg import sql

from haat_world import app, audit, faults
from haat_world.clock import parse
from haat_world.dice import Dice
from haat_world.faults import moody
from haat_world.line import Line
from haat_world.parcels import FINAL
from haat_world.players import buyers
from haat_world.players.market import Keys, Market
from haat_world.players.play import Plan, Play, Score
from haat_world.world import HASTE, World
from tests.faces import served as serving

PACE = 30  # a minute of the world in two seconds
ORDERS = 25
PATIENCE_S = 20.0  # what is still under way then, waits for news that got lost


@contextmanager
def working(served: serving.Served, **settings: str) -> Iterator[None]:
    """A worker beside the server, until the end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAAT_")}
    environment |= {"DATABASE_URL": served.dsn, "HAAT_DATA_DIR": str(served.log.parent), "HAAT_PUBLIC_URL": served.url}
    environment |= {f"HAAT_{name.upper()}": text for name, text in settings.items()}
    with served.log.with_name("worker.log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "haat", "work"], env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def played(served: serving.Served, clock: str) -> tuple[World, Score, list[dict[str, Any]]]:
    """The world, how the play ended, and Haat's orders."""
    habits = msgspec.structs.replace(HASTE, leg_s=40.0, pay_s=20.0, refusal=0.1, absence=0.1, partial=0.0)
    world = World(seed=7, clock=parse(clock), line=Line(), faults=moody(0.2, latency_ms=5, hang_s=0.5), habits=habits)
    plan = Plan(orders=ORDERS, rate=20, pace_s=20, look_s=15, patience_s=PATIENCE_S)
    async with app.served(world, mail=True):
        keys = Keys(served.keys["admin"], served.keys["channel"], {})
        play = Play(world, Market(world.line, served.url, keys, "web"), plan)
        await play.prepare()
        score = await play.played()
        return world, score, await play.orders()


def test_on_a_bad_day_every_taka_and_every_parcel_is_accounted_for(dsn: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    clock = f"{now.isoformat()}@{PACE}/{now.timestamp()}"
    with serving.serve(dsn, tmp_path, clock=clock) as served, working(served, clock=clock):
        world, score, orders = asyncio.run(played(served, clock))
    assert score.problems == []
    assert score.did["buyers"]["placed"] > ORDERS / 2
    assert score.statuses["completed"] > 0, score
    assert score.books["doubled_bookings"] == 0
    assert {"sms", "mail"} <= {message.kind for message in world.truth.messages}
    wrong = audit.findings(world.truth, orders)
    assert [finding for finding in wrong if "is still kept" in finding or "which knows of none" in finding] == []


#: Half of them pay before, so that a short play has something to tell of each gateway.
METHODS = {"cod": 5, "bkash": 3, "nagad": 2, "card": 3}
FIRST = ("create", "session", "initialize")  # by which a try to pay begins
ENDED = frozenset({"Completed", "Success", "VALID", "succeeded", "Failed", "FAILED", "Cancelled", "CANCELLED", "Aborted"})
PARCELS = 5  # come to their ends at least
RESTS = 3  # looks in a row at which nothing moves any more


class Told(msgspec.Struct):
    """A history without ids and instants: what came to its end. `calls`: what befell each call about an order; the others are no part
    of it."""

    orders: dict[str, Any]
    payments: dict[str, list[tuple[str, int]]]
    parcels: dict[str, list[tuple[str, int]]]
    calls: dict[tuple[object, ...], str]

    def begun(self) -> set[tuple[object, ...]]:
        return {names for names in self.calls if names[1] in FIRST and names[3] == 0 and str(names[2]).endswith("try 1")}


@pytest.fixture
def other_dsn(dsn: str, template: str) -> Iterator[str]:
    """A second fresh database beside the first."""
    parts, name = urlsplit(dsn), f"{urlsplit(dsn).path[1:]}_other"
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        yield parts._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def befell(monkeypatch: pytest.MonkeyPatch) -> dict[Dice, dict[tuple[object, ...], str]]:
    """By the dice of each world: what befell each of its calls."""
    found: dict[Dice, dict[tuple[object, ...], str]] = {}
    decide = faults.call

    def call(chosen: faults.Faults, dice: Dice, *names: object) -> faults.Kind:
        kind = found.setdefault(dice, {})[names] = decide(chosen, dice, *names)
        return kind

    monkeypatch.setattr(faults, "call", call)
    monkeypatch.setattr(buyers, "METHODS", METHODS)
    return found


async def told(served: serving.Served, clock: str, seed: int, befell: dict[Dice, Any], **changed: Any) -> Told:
    """One play on an even worse day, as the world's own books tell it."""
    habits = msgspec.structs.replace(HASTE, leg_s=10.0, refusal=0.3, absence=0.3, loss=0.1)
    mishaps = msgspec.structs.replace(moody(0.2, latency_ms=2, hang_s=0.2), soft=0.3, hard=0.1, lateness_s=20.0)
    world = World(seed=seed, clock=parse(clock), line=Line(), faults=mishaps, habits=habits)
    plan = msgspec.structs.replace(Plan(orders=14, rate=30, pace_s=10, look_s=10, patience_s=80), **changed)
    found = Told({}, {}, {}, {})
    async with app.served(world, mail=True):
        play = Play(world, Market(world.line, served.url, Keys(served.keys["admin"], served.keys["channel"], {}), "web"), plan)
        await play.prepare()
        await _until_it_rests(play)
        for order in await play.orders():
            lines = sorted((line["sku"], line["quantity"]) for line in order["lines"])
            found.orders[world.names.order(order["id"])] = (order["ship_to"]["phone"], lines, [t["method"] for t in order["payments"]])
    for payment in world.truth.payments.values():
        name = f"{payment.party} {world.named(payment.party, payment.reference)}"
        if payment.status in ENDED:
            found.payments.setdefault(name, []).append((payment.status, payment.captured))
    for parcel in world.truth.consignments.values():
        if parcel.status in FINAL:
            found.parcels.setdefault(world.names.parcel(parcel.reference), []).append((parcel.status, parcel.collected))
    found.calls = {names: kind for names, kind in befell.get(world.dice, {}).items() if str(names[2]).startswith("order ")}
    return found


def test_the_same_seed_on_two_fresh_haats_is_the_same_history(
    dsn: str, other_dsn: str, tmp_path: Path, befell: dict[Dice, dict[tuple[object, ...], str]]
) -> None:
    start = datetime.now(UTC)

    def play(database: str, name: str, *seeds: int) -> list[Told]:
        (place := tmp_path / name).mkdir()
        clock = f"{start.isoformat()}@{PACE}/{datetime.now(UTC).timestamp():.3f}"
        with serving.serve(database, place, clock=clock) as served, working(served, clock=clock):
            first, *others = seeds
            return [
                asyncio.run(told(served, clock, first, befell)),
                *[asyncio.run(told(served, clock, seed, befell, orders=4, patience_s=1.0)) for seed in others],
            ]

    async def both() -> list[list[Told]]:
        return list(await asyncio.gather(asyncio.to_thread(play, dsn, "one", 7, 8), asyncio.to_thread(play, other_dsn, "two", 7)))

    (one, other), (again,) = asyncio.run(both())
    assert one.orders == again.orders
    assert one.begun() == again.begun()
    assert len(one.calls.keys() & again.calls.keys()) > 40
    assert _differ(one.calls, again.calls) == _differ(one.payments, again.payments) == _differ(one.parcels, again.parcels) == []
    assert len(one.payments.keys() & again.payments.keys()) >= 3
    assert len(one.parcels.keys() & again.parcels.keys()) >= PARCELS - 1
    assert {kind for kind in one.calls.values() if kind}
    assert other.orders and all(other.orders[name] != one.orders[name] for name in other.orders.keys() & one.orders.keys())


async def _until_it_rests(play: Play) -> None:
    """Some parcels have come to their ends, and the world has had nothing before it for a while; or its patience is over."""
    rested, still = asyncio.Event(), 0

    def look(_: Score) -> None:
        nonlocal still
        ended = sum(each.status in FINAL for each in play.world.truth.consignments.values())
        still = 0 if len(play.world.agenda) or ended < PARCELS else still + 1
        if still == RESTS:
            rested.set()

    playing, waiting = asyncio.create_task(play.played(look)), asyncio.create_task(rested.wait())
    await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (playing, waiting):
        task.cancel()
    await asyncio.gather(playing, waiting, return_exceptions=True)


def _differ(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
    """Where both tell of the same, and not the same of it."""
    return [(name, one[name], other[name]) for name in one.keys() & other.keys() if one[name] != other[name]]
