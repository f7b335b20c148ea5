"""kill -9 at random moments, under load: the server, and PostgreSQL itself. No order lost, none doubled, no unit leaked.

    make bench-kill

Buyers place orders and cancel some, ask again with the same Idempotency-Key until they are answered, and remember the answers.
Afterwards everything is compared: the answers with the orders, the stock with the reservations, every row with its facts.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from bench import checks, client, market, serving


class Done(msgspec.Struct):
    """What came of it."""

    answered: dict[str, str] = {}
    cancelled: int = 0
    kills: int = 0
    database_kills: int = 0
    slowest_s: float = 0
    wrong: list[str] = []


async def _buyer(n: int, port: int, key: str, done: Done, going: Callable[[], bool], tag: str) -> None:
    rng = random.Random(f"{tag}-{n}")
    mine = client.Client(port, key)
    turn = 0
    while going():
        lines = [(market.sku(rng.randrange(40)), rng.randint(1, 3)) for _ in range(rng.randint(1, 3))]
        lines = list(dict(lines).items())
        name = f"{tag}-{n}-{turn}"
        began = time.monotonic()
        status, reply = await client.until_answered(mine, client.order(lines, rng.randrange(10**8)), name)
        done.slowest_s = max(done.slowest_s, time.monotonic() - began)
        assert status in (200, 201), (status, reply)
        done.answered[name] = json.loads(reply)["id"]
        if rng.random() < 0.15:
            body = json.dumps({"reason": "changed_mind", "lines": [{"line_no": 1, "quantity": 1}]}).encode()
            answer = await mine.ask("POST", f"/v1/orders/{done.answered[name]}/cancellations", body)
            done.cancelled += answer is not None and answer[0] == 201
        turn += 1
    await mine.end()


async def _killer(m: serving.Market, server: serving.Server, done: Done, kills: int, database_kills: int, seed: int) -> None:
    """Kill at random moments. Whoever runs servers starts them again; nobody does anything else."""
    rng = random.Random(seed)
    moments = [True] * database_kills + [False] * kills
    rng.shuffle(moments)
    for whole_database in moments:
        await asyncio.sleep(rng.uniform(0.05, 0.6))
        if whole_database and m.embedded is not None and m.embedded.pid is not None:
            os.kill(m.embedded.pid, signal.SIGKILL)
            await asyncio.to_thread(m.embedded.start)
            done.database_kills += 1
        else:
            server.kill()
            await asyncio.to_thread(server.start)
            done.kills += 1
    await asyncio.sleep(0.3)


def run(data_dir: Path, *, kills: int, database_kills: int, buyers: int, seed: int = 1, dsn: str | None = None) -> Done:
    """The whole walk, checked. `dsn`: a migrated empty database instead of a PostgreSQL of our own (which then is not killed)."""
    done = Done()
    with serving.market(data_dir, market.seed, dsn=dsn) as m:
        server = m.serve()
        tag = f"kill-{seed}"

        async def walk() -> None:
            killer = asyncio.get_running_loop().create_task(_killer(m, server, done, kills, database_kills, seed))
            await asyncio.gather(
                killer, *(_buyer(n, server.port, m.keys["web"], done, lambda: not killer.done(), tag) for n in range(buyers))
            )

        uvloop.run(walk())
        done.wrong += asyncio.run(checks.wrong(data_dir, m.dsn, done.answered))
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--database-kills", type=int, default=10)
    parser.add_argument("--buyers", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", type=Path, default=Path(".tmp/kill"))
    asked = parser.parse_args()
    shutil.rmtree(asked.dir, ignore_errors=True)
    done = run(asked.dir, kills=asked.kills, database_kills=asked.database_kills, buyers=asked.buyers, seed=asked.seed)
    print(
        f"{done.kills} kills of the server, {done.database_kills} of PostgreSQL; {len(done.answered):,} orders answered, {done.cancelled:,} cut"
    )
    print(f"the longest that a buyer waited for an answer: {done.slowest_s:.1f} s")
    print(
        "nothing lost, nothing doubled, nothing leaked; every row is its fold" if not done.wrong else "WRONG: " + "\n".join(done.wrong[:50])
    )
    if done.wrong:
        raise SystemExit(1)
    shutil.rmtree(asked.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
