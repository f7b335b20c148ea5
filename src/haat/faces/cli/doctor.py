"""`haat doctor`: is everything as it should be, and if not, what mends it. One line to a check; exit code 1 where one fails.

Reads only, and may be run beside a busy server at any time.
"""

import resource
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import typer

from haat.domain import inventory, notifications
from haat.engine import migrate, vitals
from haat.faces.cli import opening, show
from haat.faces.cli.house import House, Runtime, house_of
from haat.faces.cli.opening import DataDir

POSTGRES_MIN = 180_000
CLOCK_S, HORIZON_S, HORIZON_FAIL_S, BEHIND_S = 1.0, 10.0, 300.0, 30.0
BEHIND_FACTS = 10_000
FREE_WARN, FREE_FAIL = 5 * 2**30, 2**30
FILES_MIN = 10_000
FULL = 0.8
DAY = timedelta(days=1)

Verdict = Literal["pass", "warn", "fail"]
STYLES: dict[Verdict, str] = {"pass": "green", "warn": "yellow", "fail": "red"}


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: what was found, and what mends it where it is not right."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


class Findings(msgspec.Struct, frozen=True):
    """All that the checks look at, gathered in one go."""

    server: vitals.Server
    horizon: vitals.Horizon
    following: list[vitals.Following]
    drift: list[inventory.Drift]
    overdue: int
    now: datetime
    untold: list[notifications.Failure] = []  # of the last day


def add_to(cli: typer.Typer) -> None:
    cli.command()(doctor)


def doctor(context: typer.Context, data_dir: DataDir = None) -> None:
    """Look at the database, the followers, the stock and this machine; say what is wrong and what mends it."""
    house, found = house_of(context), opening.chosen(data_dir=data_dir)
    with opening.database(found, migrated=False) as address:
        pending = migrate.pending(address)
        checks = [_schema(pending)]
        if not pending:
            checks += list(judged(opening.run(house, found, lambda runtime: _gathered(runtime, house))))
    checks += list(_machine(found.data_dir))
    for check in checks:
        show.out.print(f"[{STYLES[check.verdict]}]{check.verdict:<4}[/]  ", end="")
        show.line(f"{check.name:<18} {check.found}" + (f"\n      → {check.mend}" if check.verdict != "pass" else ""))
    if any(check.verdict == "fail" for check in checks):
        raise typer.Exit(opening.FAILED)


async def _gathered(runtime: Runtime, house: House) -> Findings:
    now = runtime.clock.now()
    async with runtime.database.reading() as tx:
        return Findings(
            await vitals.server(tx),
            await vitals.horizon(tx),
            await vitals.following(tx, runtime.journal, house.followers),
            await inventory.drift(tx),
            await inventory.overdue(tx, now=now),
            now,
            await notifications.failures(tx, since=now - DAY),
        )


def judged(f: Findings) -> Iterator[Check]:
    """What the findings mean. Pure."""
    s = f.server
    version = f"PostgreSQL {s.version // 10_000}.{s.version % 10_000}"
    yield Check("database", "pass" if s.version >= POSTGRES_MIN else "fail", version, "Haat needs PostgreSQL 18 or newer")
    off = [
        f"{name} = {s.settings.get(name)}" for name in ("fsync", "synchronous_commit", "full_page_writes") if s.settings.get(name) == "off"
    ]
    mend = "turn them on: an order that was answered must be on disk"
    yield Check("durability", "fail" if off else "pass", ", ".join(off) or "fsync, synchronous_commit, full_page_writes are on", mend)
    mend = "turn it on: tables of stock and orders grow without it"
    yield Check("autovacuum", "pass" if s.settings.get("autovacuum") == "on" else "warn", str(s.settings.get("autovacuum")), mend)
    apart = abs((s.now - f.now).total_seconds())
    yield Check(
        "clocks", "pass" if apart < CLOCK_S else "warn", f"{apart:.3f} s apart", "let NTP keep the clocks of this machine and the database"
    )
    used = f"{s.connections} of {s.connections_max} connections"
    mend = "raise max_connections, or lower HAAT_POOL_SIZE"
    yield Check("connections", "pass" if s.connections < FULL * s.connections_max else "warn", used, mend)
    verdict: Verdict = "pass" if f.horizon.age_s < HORIZON_S else "warn" if f.horizon.age_s < HORIZON_FAIL_S else "fail"
    oldest = f"the oldest open writer is {f.horizon.age_s:.1f} s old{f' ({f.horizon.application})' if f.horizon.application else ''}"
    yield Check("horizon", verdict, oldest, "readers of the journal wait for it: end that transaction (pg_stat_activity shows it)")
    for follower in f.following:
        late = follower.behind > BEHIND_FACTS or (follower.behind > 0 and follower.age_s > BEHIND_S)
        state = f"{follower.behind:,} facts behind" if follower.behind else "has dealt with everything"
        yield Check(
            f"follower {follower.name}",
            "warn" if late else "pass",
            state,
            "is a worker running (`haat work`)? its log says what it fails on",
        )
    mend = "`haat rebuild --check` shows where; this is a bug of ours: please report it"
    yield Check("stock", "fail" if f.drift else "pass", f"{len(f.drift)} levels disagree with their reservations", mend)
    yield Check("holds", "warn" if f.overdue else "pass", f"{f.overdue} holds of stock are overdue", "is a worker running (`haat work`)?")
    yield _messages(f.untold)


def _messages(untold: list[notifications.Failure]) -> Check:
    count = sum(each.count for each in untold)
    most = f", most by {untold[0].channel}: {untold[0].reason}" if untold else ""
    mend = "`haat notifications failures` says why; when that is mended, `haat notifications resend` tells them again"
    return Check("messages", "warn" if count else "pass", f"{count:,} messages of the last day ended badly{most}", mend)


def _schema(pending: list[str]) -> Check:
    found = "newest" if not pending else f"{len(pending)} revision(s) missing: {', '.join(pending)}"
    return Check("schema", "fail" if pending else "pass", found, "run `haat migrate`")


def _machine(data_dir: Path) -> Iterator[Check]:
    place = next(folder for folder in (data_dir.absolute(), *data_dir.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    verdict: Verdict = "pass" if free > FREE_WARN else "warn" if free > FREE_FAIL else "fail"
    yield Check("disk", verdict, f"{free / 2**30:.1f} GiB free at {data_dir}", "make room: a full disk stops every order")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield Check(
        "file descriptors", "pass" if soft >= FILES_MIN else "warn", f"{soft:,}", f"ulimit -n {FILES_MIN}: every connection takes one"
    )
