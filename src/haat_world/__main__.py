"""`python -m haat_world`: `serve` runs the parties only, `play` everybody. SIGTERM, Ctrl+C or, with `--tied`, the end of its input end it.

`haat world` is the same by another name; a demo runs it gently (`haat_world.gentle`).
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.live import Live
from rich.table import Table

from haat_world import app, books, clock, faults
from haat_world.line import Line, Lost
from haat_world.players import market, play
from haat_world.players.play import Plan, Play, Score
from haat_world.world import HASTE, Habits, World

GENTLE = Plan(orders=0, rate=6, pace_s=5, look_s=4, buyers=400)
#: A demo shows that faults are dealt with, but keeps nobody waiting: no message is lost, and couriers that cannot be asked by our
#: reference (a lost answer waits half an hour there for a hook) answer always.
GENTLE_FAULTS = faults.Faults(
    rate=0.02, hooks=0.05, fates={"late": 3, "doubled": 3, "contradicted": 2}, by_party={"pathao": 0, "redx": 0}, latency_ms=60, hang_s=3,
    lateness_s=8,
)  # fmt: skip
WAIT_S = 120


def options() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser("haat world", description="The world in a box: simulated gateways, couriers, buyers and vendors.")
    found.add_argument("what", choices=("play", "serve"), nargs="?", default="play", help="everybody, or the parties' servers only")
    found.add_argument("--url", default="", help="where Haat is; without it, as --keys says")
    found.add_argument("--keys", type=Path, default=Path("haat-data/demo.json"), help="demo.json of that Haat")
    found.add_argument(
        "--seed",
        type=int,
        default=7,
        help="the same seed is the same history: orders, what came of each try to pay and each parcel, faults (docs/world.md)",
    )
    found.add_argument("--run", default="", help="keeps two plays with one seed against one Haat apart")
    found.add_argument("--orders", type=int, default=1000, help="how many; 0: for ever")
    found.add_argument("--rate", type=float, default=0, help="orders a minute; 0: spread over --days")
    found.add_argument("--days", type=float, default=1, help="days of the world over which the orders come")
    found.add_argument("--faults", type=float, default=0, help="share of calls and messages that go wrong, 0 to 1")
    found.add_argument("--clock", default="", help="START@PACE/BASE, the same as Haat's; none: the time on the wall")
    found.add_argument("--host", default="127.0.0.1")
    found.add_argument("--port", type=int, default=9000, help="where the parties listen; 0: a free port")
    found.add_argument("--payers", choices=("hand", "auto"), default="hand", help="serve: whether payers press their buttons themselves")
    found.add_argument("--leg", type=float, help="seconds of the world between two scans of a parcel, median; usually four hours")
    found.add_argument("--haste", action="store_true", help="parcels reach their buyers within two minutes")
    found.add_argument("--gentle", action="store_true", help="a demo's world: six orders a minute, in haste, for ever")
    found.add_argument(
        "--patience", type=float, default=600, help="seconds of the wall to wait for the last order to end, once it has come"
    )
    found.add_argument("--books", type=Path, help="a file that keeps the parties' books from one run to the next")
    found.add_argument("--tied", action="store_true", help=argparse.SUPPRESS)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when every order came to its end and Haat believes what truly happened."""
    asked = options().parse_args(arguments)
    if not 0 <= asked.faults <= 1 or asked.rate < 0 or asked.days <= 0 or asked.orders < 0:
        print("--faults is a share from 0 to 1; --rate, --days and --orders are not negative", file=sys.stderr)  # noqa: T201
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_told(asked))
    except Lost as lost:
        print(lost, file=sys.stderr)  # noqa: T201
        return 1


async def _until_told(asked: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(_serve(asked) if asked.what == "serve" else _play(asked))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if asked.tied:
        threading.Thread(target=_when_input_ends, args=(loop, task), daemon=True).start()
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return 0


def _when_input_ends(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[int]") -> None:
    while os.read(sys.stdin.fileno(), 1024):  # not through its buffer, whose lock would outlive us
        pass
    loop.call_soon_threadsafe(task.cancel)


def _world(asked: argparse.Namespace) -> World:
    habits = HASTE if asked.haste or asked.gentle else Habits(payers=asked.payers if asked.what == "serve" else "hand")
    if asked.leg:
        habits = msgspec.structs.replace(habits, leg_s=asked.leg, remit_s=asked.leg * 6)
    mishaps = GENTLE_FAULTS if asked.gentle else faults.moody(asked.faults) if asked.faults else faults.Faults()
    return World(seed=asked.seed, clock=clock.parse(asked.clock), line=Line(), faults=mishaps, habits=habits)


async def _serve(asked: argparse.Namespace) -> int:
    async with app.served(_world(asked), host=asked.host, port=asked.port, mail=True) as url:
        print(f"The world is at {url} (books: {url}/_world)", flush=True)  # noqa: T201
        await asyncio.Event().wait()
    return 0


async def _play(asked: argparse.Namespace) -> int:
    world = _world(asked)
    if asked.books:
        books.read(world, asked.books)
    demo = market.read(asked.keys)
    run = asked.run or (f"{time.time():.0f}" if asked.gentle else "1")
    plan = Plan(orders=asked.orders, rate=asked.rate, days=asked.days, run=run, patience_s=asked.patience)
    if asked.haste:
        plan = msgspec.structs.replace(plan, pace_s=GENTLE.pace_s, look_s=1.0)
    if asked.gentle:
        plan = Plan(orders=0, rate=asked.rate or GENTLE.rate, run=run, buyers=GENTLE.buyers, pace_s=GENTLE.pace_s, look_s=GENTLE.look_s)
    async with app.served(world, host=asked.host, port=asked.port, mail=True) as url:
        playing = Play(world, market.Market(world.line, asked.url or demo.url, demo.keys, demo.channel), plan, began=demo.began)
        await _haat_is_there(playing)
        await playing.prepare()
        print(f"The world is at {url} (books: {url}/_world)", flush=True)  # noqa: T201
        for problem in playing.score.problems:
            print(f"not connected: {problem}", file=sys.stderr)  # noqa: T201
        keeping = asyncio.create_task(books.keep(world, asked.books)) if asked.books else None
        try:
            score = await _shown(playing, quiet=asked.gentle)
        finally:
            if keeping is not None:
                keeping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeping
    for finding in score.findings:
        print(finding, file=sys.stderr)  # noqa: T201
    return 1 if score.findings or any(score.statuses[status] for status in play.GOING) else 0


async def _haat_is_there(playing: Play) -> None:
    """Wait until Haat answers, so that both may be started together."""
    until = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(Lost):
            if (await playing.world.line.send("GET", f"{playing.market.url}/readyz")).ok:
                return
        if time.monotonic() > until:
            raise Lost(f"nobody answers at {playing.market.url}")
        await asyncio.sleep(0.5)


async def _shown(playing: Play, *, quiet: bool) -> Score:
    """A table that lives in a terminal, and once more at the end."""
    console = Console()
    if quiet or not console.is_terminal:
        score = await playing.played()
    else:
        with Live(console=console, refresh_per_second=2) as live:
            score = await playing.played(lambda now: live.update(table(now)))
    console.print(table(score))
    return score


def table(score: Score) -> Table:
    """The score as people read it."""
    found = Table(title="The world in a box", title_justify="left")
    found.add_column("what")
    found.add_column("how often", justify="right")
    found.add_row("orders that came", str(score.placed))
    groups = score.did | {"Haat answered": score.answers, "orders": score.statuses}
    groups |= {name: score.books[name] for name in ("payments", "money", "parcels", "cash", "messages") if name in score.books}
    for group, counts in groups.items():
        found.add_section()
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            shown = f"{count / 100:,.2f} BDT" if group in ("money", "cash") else f"{count:,}"
            found.add_row(f"{group}: {name}", shown)
    return found


if __name__ == "__main__":
    sys.exit(main())
