"""`make sim`: orders live through a bad day, and at its end every order, taka, unit, parcel and message is accounted for.

Real processes (PostgreSQL, a server, workers) and a seeded world of buyers, vendors, gateways and couriers, of whose calls a fifth
fail in every way, to the last one; hooks doubled, late, lost, contradicted; parties out of order for a while; servers and workers
killed with -9 and the database restarted at random instants. Then time runs faster until everything rests, and all books are compared.

    make sim                                    make sim ARGS="--orders 500 --seeds 1 2 3"
"""

import argparse
import asyncio
import random
import shutil
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench import simulated, verdict
from haat.engine import memory_tuning
from haat.engine.database import Database
from haat.engine.followers import SKIPPED
from haat_world import app as parties
from haat_world import audit, faults
from haat_world.clock import Paced
from haat_world.line import Line, Lost, Reply
from haat_world.players import buyers as buying
from haat_world.players import market as markets
from haat_world.players.buyers import Buyers
from haat_world.players.desk import Desk
from haat_world.players.vendors import Vendors
from haat_world.world import Habits, World

HABITS = Habits(pay_s=60.0, leg_s=450.0, remit_s=1800.0)
PATIENCE_S = 300.0
CONCURRENCY = {"gateway": 64, "courier": 64, "transport": 128}  # every tenth call hangs until its time is over
MANY = 1_000  # beyond that nobody counts what is overdue
LOOK_S = 2.0  # between two looks of vendors and of the desk into their lists
SETTLED_S = 1.5  # until who was killed last has been started again
NIGHT_HANG_S = 0.1
EVENING_S = 5.0  # what fell due within this last while is not waited for in the evening
NEVER = 32_503_680_000.0  # the year 3000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played. Seconds are the wall's; `pace` is that of the bad day, `fast` that of the time to rest, `rest` how long of it."""

    orders: int = 10_000
    seed: int = 1
    rate: float = 32.0  # orders a second
    faults: float = 0.2
    workers: int = 2
    server_kills: int = 6
    worker_kills: int = 10
    database_restarts: int = 2
    outages: int = 4
    pace: float = 60.0
    linger_s: float = 30.0
    calm_s: float = 900.0
    fast: float = 10_800.0
    rest: timedelta = timedelta(days=20)
    hang_s: float = 2.5
    limit_s: int = 2
    habits: Habits = HABITS


class Patient(markets.Market):
    """People who try again for as long as it takes Haat to come back: what they would do is not lost with a server."""

    async def ask(self, key: str, method: str, path: str, value: Any = None, *, once: str = "") -> Reply:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                reply = await super().ask(key, method, path, value, once=once)
            except Lost:
                if time.monotonic() > until:
                    raise
            else:
                if reply.status not in markets.BUSY or time.monotonic() > until:
                    return reply


class Sim:
    """One bad day."""

    def __init__(self, plan: Plan, haat: simulated.Haat) -> None:
        self.plan, self.haat = plan, haat
        self.did: dict[str, Counter[str]] = {}
        self.kills: Counter[str] = Counter()
        self.asked = verdict.Asked(faults=plan.faults)
        clock = Paced(haat.clock.start, haat.clock.pace, NEVER)
        mishaps = faults.moody(plan.faults, latency_ms=5, hang_s=plan.hang_s)
        self.world = World(seed=plan.seed, clock=clock, line=Line(connections=300), faults=mishaps, habits=plan.habits)
        self.market = Patient(self.world.line, haat.url, markets.Keys("", "", {}), "web")
        self.seconds: dict[str, float] = {}

    async def run(self, keys: Path) -> verdict.Verdict:
        """Play it to its rest and judge."""
        plan, began = self.plan, time.monotonic()
        demo = markets.read(keys)
        self.market = Patient(self.world.line, self.haat.url, demo.keys, demo.channel)
        async with parties.served(self.world, mail=True) as url:
            await asyncio.to_thread(self.haat.start)
            self._same_time()
            await self._introduced(url)
            goods = await buying.goods_on_sale(self.market)
            buyers = Buyers(self.world, self.market, goods, run="sim", count=max(plan.orders // 4, 50))
            vendors = Vendors(self.world, self.market, pace_s=150, since=self.world.now())
            desk = Desk(self.world, self.market, pace_s=300)
            self.did = {"buyers": buyers.did, "vendors": vendors.did, "desk": desk.did}
            looking = [asyncio.create_task(self._look(each)) for each in (vendors, desk)]
            self._mark("prepared", began)
            await self._bad_day(buyers)
            self._mark("bad day", began)
            await self._evening()
            self._mark("caught up", began)
            await self._night()
            await self._rest()
            self._mark("rested", began)
            for task in looking:
                task.cancel()
            belief = await self._believed()
            await asyncio.to_thread(self.haat.stop)
            self.asked.answered = buyers.did["placed"]
            judged = await verdict.judge(self.haat, self.world.truth, belief, self.asked)
            self._mark("judged", began)
            return judged

    def _mark(self, what: str, began: float) -> None:
        self.seconds[what] = time.monotonic() - began

    def _same_time(self) -> None:
        """The world's clock is Haat's."""
        ours, theirs = self.world.clock, self.haat.clock
        ours.start, ours.pace, ours.base = theirs.start, theirs.pace, min(theirs.base.timestamp(), NEVER)
        self.world.agenda.after(timedelta(), _nothing)  # it looks at the clock anew

    async def _introduced(self, url: str) -> None:
        """Haat knows every party, with short limits; the parties know where Haat listens."""
        reply = await self.world.line.send("GET", f"{url}/_world/connections")
        for each in reply.json():
            sheet = {name: each[name] for name in ("kind", "plugin", "config", "secrets")} | {
                "priority": each.get("priority", 100), "title": each["code"], "concurrency": CONCURRENCY[each["kind"]],
                "limit_s": self.plan.limit_s,
            }  # fmt: skip
            answer = await self.market.ask(self.market.keys.admin, "PUT", f"/v1/connections/{each['code']}", sheet)
            assert answer.ok, (each["code"], answer.body)
            if each["kind"] != "transport":
                self.world.hooks[each["code"]] = f"{self.haat.url}/v1/hooks/{each['kind']}/{each['code']}"

    async def _bad_day(self, buyers: Buyers) -> None:
        """Orders come at random over the time that their rate takes; then the faults go on for a while."""
        plan, span_s = self.plan, self.plan.orders / self.plan.rate
        for number in range(plan.orders):
            after = self.world.dice.roll("comes", number) * span_s * plan.pace
            self.world.agenda.after(timedelta(seconds=after), partial(self._buy, buyers, number))
        supervising = asyncio.create_task(self._supervise())
        chaos = asyncio.create_task(self._chaos(span_s + plan.linger_s))
        await asyncio.sleep(span_s + plan.linger_s)  # who is still at it goes on: the world is at rest when everybody is
        await chaos
        await asyncio.sleep(SETTLED_S)
        supervising.cancel()

    async def _buy(self, buyers: Buyers, number: int) -> None:
        with suppress(Lost):
            await buyers.buy(number)

    async def _look(self, player: Vendors | Desk) -> None:
        while True:
            with suppress(Lost):
                await player.look()
            await asyncio.sleep(LOOK_S)

    async def _chaos(self, span_s: float) -> None:
        """Everything that is done to Haat from outside, at instants that the seed draws."""
        plan, rng = self.plan, random.Random(f"chaos {self.plan.seed}")
        whats = ["server"] * plan.server_kills + ["worker"] * plan.worker_kills + ["outage"] * plan.outages
        whats += ["database killed", "database restarted"][: plan.database_restarts] * (self.haat.embedded is not None)
        began = time.monotonic()
        for at, what in sorted((rng.uniform(0.05, 0.9) * span_s, what) for what in whats):
            await asyncio.sleep(max(began + at - time.monotonic(), 0))
            self.kills[what] += 1
            if what == "outage":
                party = rng.choice(sorted(parties.PARTIES))
                outage = faults.Outage(party, self.world.now(), self.world.now() + timedelta(minutes=rng.randint(5, 40)))
                self.world.faults = msgspec.structs.replace(self.world.faults, outages=(*self.world.faults.outages, outage))
            elif what.startswith("database"):
                await asyncio.to_thread(self.haat.restart_database, killed=what.endswith("killed"))
            else:
                process = self.haat.server if what == "server" else rng.choice(self.haat.workers)
                await asyncio.to_thread(process.kill)

    async def _supervise(self) -> None:
        """Who died is started again, whoever killed it: one that comes up while the database is away ends by itself, as it should."""
        while True:
            await asyncio.sleep(0.5)
            for process in (self.haat.server, *self.haat.workers):
                if not process.alive:
                    self.kills["started again"] += 1
                    self.haat.revive(process)

    async def _evening(self) -> None:
        """Nobody is killed any more, calls fail as before; Haat catches up with what it was told, before time runs faster than it could."""
        until = time.monotonic() + self.plan.calm_s
        database = await Database.open(self.haat.dsn, size=2)
        while self.asked.behind and time.monotonic() < until:
            await asyncio.sleep(1.0)
            async with database.reading() as tx:
                self.asked.behind = await tx.fetchval(_BEHIND, self.world.now() - timedelta(seconds=EVENING_S * self.plan.pace))
        await database.close()

    async def _night(self) -> None:
        """Every process is started anew with a faster clock. Calls are lost as before, but nobody hangs: a second is two hours now."""
        await asyncio.to_thread(self.haat.stop)
        self._same_time()
        self.world.faults = msgspec.structs.replace(self.world.faults, hang_s=NIGHT_HANG_S)
        self.asked.night = self.world.now() - timedelta(seconds=EVENING_S * self.plan.pace)
        for process in (self.haat.server, *self.haat.workers):
            process.kill()
        await asyncio.to_thread(partial(self.haat.start, pace=self.plan.fast))
        self._same_time()

    async def _rest(self) -> None:
        """Until nothing is under way any more in the world or in Haat, and both books say the same; or the time for that is over.

        What Haat has not heard of because a message was lost, it finds out by asking, in its own time: so the books are waited for.
        """
        until = self.world.now() + self.plan.rest
        database = await Database.open(self.haat.dsn, size=2)
        try:
            while self.world.now() < until:
                await asyncio.sleep(1.0)
                if len(self.world.agenda):
                    continue
                async with database.reading() as tx:
                    busy = await tx.fetchval(_BUSY, self.world.now() - timedelta(seconds=2 * self.plan.fast))
                if not busy and not audit.compared(self.world.truth, await self._believed()).findings and not len(self.world.agenda):
                    self.asked.rested = True
                    return
        finally:
            await database.close()

    async def _believed(self) -> audit.Belief:
        """What Haat's API shows of all its orders."""
        orders, exceptions, shipments = [await self._all(path) for path in ("/v1/orders", "/v1/exceptions", "/v1/shipments")]
        return audit.Belief(orders, exceptions, shipments, over=True)

    async def _all(self, path: str) -> list[dict[str, Any]]:
        return [each async for page in self.market.pages(self.market.keys.admin, path) for each in page]


#: A follower whose facts do not come puts its place down once in `SKIPPED` positions: so much is no backlog. A message that is being
#: sent is somebody's until its lease ends, also where that somebody was killed.
_BEHIND = f"""
SELECT count(*) FROM (
  SELECT FROM hook_inbox WHERE status = 'waiting' AND due_at < $1
  UNION ALL SELECT FROM workflow_states WHERE status = 'due' AND due_at < $1
  UNION ALL SELECT FROM notifications WHERE status = 'sending' AND lease_until < $1
  UNION ALL SELECT FROM notifications WHERE status = 'due' AND due_at < $1
  UNION ALL SELECT FROM order_events WHERE at < $1 AND position > (SELECT min(position) + {SKIPPED} FROM order_event_streams)
  LIMIT {MANY}) AS behind
"""
_BUSY = """
SELECT (SELECT count(*) FROM orders AS o WHERE status IN ('placed', 'confirmed', 'processing')
    AND NOT EXISTS (SELECT FROM workflow_states AS w WHERE w.order_id = o.id AND w.status = 'dead'))
  + (SELECT count(*) FROM hook_inbox WHERE status = 'waiting') + (SELECT count(*) FROM notifications WHERE status IN ('due', 'sending'))
  + (SELECT count(*) FROM workflow_states WHERE status = 'due' AND due_at < $1)
  + (SELECT count(*) FROM workflow_states AS w WHERE status = 'due'
      AND (flow = 'payment' AND step <> 'renew' OR flow = 'fulfilment' AND step IN ('choose', 'book', 'look_up', 'recall', 'track'))
      AND NOT EXISTS (SELECT FROM workflow_states AS d WHERE d.order_id = w.order_id AND d.subject = w.subject AND d.status = 'dead'))
"""


async def _nothing() -> None:
    return None


def run(place: Path, plan: Plan, dsn: str | None = None) -> tuple[Sim, verdict.Verdict]:
    """One bad day in `place`, judged."""
    memory_tuning.settle()  # a world of ten thousand orders is much that the collector need not walk through again and again
    haat = simulated.Haat(place, workers=plan.workers, pace=plan.pace, dsn=dsn)
    try:
        keys = haat.prepare()
        sim = Sim(plan, haat)
        return sim, uvloop.run(sim.run(keys))
    finally:
        haat.close()


def table(sim: Sim, judged: verdict.Verdict) -> Table:
    """What happened, as people read it."""
    found = Table(title=f"A bad day, seed {sim.plan.seed}", title_justify="left")
    found.add_column("what")
    found.add_column("how often", justify="right")
    truth = sim.world.truth
    calls, hooks = Counter[str](), Counter[str]()
    for kind, fates in verdict.calls(truth).items():
        calls.update({f"{kind} {fate}": count for fate, count in fates.items()})
    for name, count in truth.hooks.items():
        hooks[name.rsplit(" ", 1)[1] if " answered " not in name else f"answered {name.rsplit(' ', 1)[1]}"] += count
    groups = {"orders": judged.statuses, "calls": calls, "hooks": hooks, "done to Haat": sim.kills, **sim.did, **judged.counts}
    for group, counts in groups.items():
        found.add_section()
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            found.add_row(f"{group}: {name}", f"{count:,}")
    found.add_section()
    for name, share in judged.shares.items():
        found.add_row(f"of the calls to {name} failed", f"{share:.1%}")
    for name, seconds in sim.seconds.items():
        found.add_row(f"{name} after", f"{seconds:.0f} s")
    found.add_row("FINDINGS", str(len(judged.findings)))
    return found


def main() -> None:
    usual = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=usual.orders)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--rate", type=float, default=usual.rate, help="orders a second of the wall")
    parser.add_argument("--faults", type=float, default=usual.faults, help="share of calls and messages that go wrong")
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--kills", type=float, default=1.0, help="how many times as many kills and outages as usual")
    parser.add_argument("--dir", type=Path, default=Path(".tmp/sim"))
    parser.add_argument("--keep", action="store_true", help="leave the database and the logs where they are")
    asked = parser.parse_args()
    console, wrong = Console(width=150), 0
    for seed in asked.seeds:
        shutil.rmtree(asked.dir, ignore_errors=True)
        kills = {
            name: round(getattr(usual, name) * asked.kills) for name in ("server_kills", "worker_kills", "outages", "database_restarts")
        }
        plan = Plan(orders=asked.orders, seed=seed, rate=asked.rate, faults=asked.faults, workers=asked.workers, **kills)
        sim, judged = run(asked.dir, plan)
        console.print(table(sim, judged))
        for finding in judged.findings:
            console.print(finding, markup=False, highlight=False)
        wrong += len(judged.findings)
    if wrong:
        raise SystemExit(1)
    if not asked.keep:
        shutil.rmtree(asked.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
