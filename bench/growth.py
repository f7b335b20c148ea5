"""What five million orders do to the next one, and to the lists that people look at.

    make bench-growth ARGS="--orders 5000000"

One PostgreSQL, two databases: one empty, one filled with orders that the real code made (bench/lives.py), a year of them.
Placing is measured on both in turns, so that whatever else the machine does hits both; then the lists, with random arguments.
Goals: placing on the full one costs at most 1.25 of the empty one; every list answers 95 of 100 requests within 50 ms.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import uvloop

from bench import client, lives, market, serving
from haat import app
from haat.domain import orders
from haat.engine import migrate
from haat.engine.database import Database
from haat.engine.draw import Draw
from haat.engine.settings import Secret, Settings
from haat.faces.cli.demo import people as demo_people
from haat.kernel import ids

OPTIONS = {"wal_level": "minimal", "max_wal_senders": "0", "maintenance_work_mem": "1GB"}
CHUNK = 1000
ORDERS_PER_TRANSACTION = 100
FIRST_TRANSACTION = 2000
FAMILY = (
    "Islam",
    "Hossain",
    "Rahman",
    "Ahmed",
    "Chowdhury",
    "Mia",
    "Sarkar",
    "Begum",
    "Akter",
    "Khatun",
    "Sultana",
    "Das",
    "Roy",
    "Saha",
    "Chakma",
)


async def seed(database: Database, draw: Draw) -> str:
    key = await market.seed(database, draw)
    await lives.more_goods(database)
    return key


def names(rng: random.Random) -> list[str]:
    """Twelve thousand buyers' names: those of the demo, and given names that nobody else has."""
    demo = [customer["name"] for customer in demo_people.customers(random.Random(5))]
    syllables = ("ra", "hi", "ma", "sa", "ki", "ta", "no", "ru", "mi", "fa", "ze", "ba", "lu", "ja", "shi", "po", "de", "ni", "ko", "an")
    made = ["".join(rng.choices(syllables, k=rng.randint(2, 4))).title() + " " + rng.choice(FAMILY) for _ in range(12_000)]
    return demo + made


def fill(dsn: str, patterns: list[lives.Pattern], count: int, key: bytes, until: datetime) -> None:
    """`count` orders of a year that ends at `until`. Indexes are dropped, rows copied, indexes built, statistics taken."""
    began = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as connection:
        rebuild = list(_drop_indexes(connection))
    with ExitStack() as stack:
        copies = []
        for table, columns in lives.TABLES:
            connection = stack.enter_context(psycopg.connect(dsn))
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("ALTER TABLE %s DISABLE TRIGGER USER" % table)  # noqa: UP031
            cursor.execute("TRUNCATE %s" % table)  # noqa: UP031
            cursor.execute("ALTER TABLE %s ENABLE TRIGGER USER" % table)  # noqa: UP031
            copies.append(stack.enter_context(cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FREEZE)")))  # type: ignore[arg-type]
        held = _copy(copies, patterns, count, key, until)
    print(f"  {count:,} orders copied in {time.monotonic() - began:.0f} s", flush=True)
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE stock SET reserved = %s WHERE sku = %s AND location = 'DHK-1'",
                [(units, sku) for sku, units in sorted(held.items())],
            )
        connection.execute("SELECT setval('order_serials', %s)", [(count // 1000 + 1) * 1000])
        for statement in rebuild:
            connection.execute(statement)  # type: ignore[call-overload]
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")
    print(f"  indexes and statistics after {time.monotonic() - began:.0f} s", flush=True)


def _drop_indexes(connection: psycopg.Connection[tuple[str, ...]]) -> Iterator[str]:
    tables = [table for table, _ in lives.TABLES]
    constraints = connection.execute(
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE contype IN ('p', 'u') AND conrelid = ANY (%s::regclass[])""",
        [tables],
    ).fetchall()
    for table, name, definition in constraints:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')  # type: ignore[call-overload]
        yield f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
    for name, definition in connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = ANY (%s::regclass[])", [tables]
    ).fetchall():
        connection.execute(f"DROP INDEX {name}")  # type: ignore[call-overload]
        yield definition


def _copy(copies: list[psycopg.Copy], patterns: list[lives.Pattern], count: int, key: bytes, until: datetime) -> Counter[str]:
    rng = random.Random(17)
    people = names(rng)
    held: Counter[int] = Counter()
    year_ms = 365 * 86_400_000
    first_ms = int(until.timestamp() * 1000) - year_ms
    for begin in range(0, count, CHUNK):
        buffers: list[list[str]] = [[] for _ in copies]
        for serial in range(begin, min(begin + CHUNK, count)):
            which = rng.randrange(len(patterns))
            pattern = patterns[which]
            held[which] += 1
            holes = _holes(pattern, serial, first_ms + serial * year_ms // count, rng, people, key)
            for buffer, row in zip(buffers, pattern.rows, strict=True):
                buffer.append(row % holes)
        for copy, buffer in zip(copies, buffers, strict=True):
            copy.write("".join(buffer))
        if begin % 250_000 == 0:
            print(f"  {begin:,}", flush=True)
    reserved: Counter[str] = Counter()
    for which, times in held.items():
        for sku, units in patterns[which].held:
            reserved[sku] += units * times
    return reserved


def _holes(pattern: lives.Pattern, serial: int, ms: int, rng: random.Random, people: list[str], key: bytes) -> dict[str, object]:
    """What is this order's own. Buyers come back: the phone decides the name, and small numbers are asked for more often."""
    bits = rng.getrandbits
    buyer = int(2_000_000 * rng.random() ** 2)
    name, phone, number = people[buyer % len(people)], f"+8801{3 + buyer % 7}{buyer * 37 % 100_000_000:08d}", ids.number_of(serial, key)
    at = datetime.fromtimestamp(ms / 1000, UTC)
    position = (FIRST_TRANSACTION + serial // ORDERS_PER_TRANSACTION << 16) + serial % ORDERS_PER_TRANSACTION * 8
    own = {*name.lower().split(), phone[1:], phone[3:], number.replace("-", "").lower()}
    external = f"BZ-{serial}" if pattern.external else ""
    words = pattern.words | own | ({"bz", str(serial)} if external else set())
    holes: dict[str, object] = {
        "i": ids.uuid7(ms, bits(74)), "n": number, "s": serial, "w": name, "p": phone, "h": f"House {buyer % 200}, Road {buyer % 27}",
        "x": external, "k": int(ms // 1000) // orders.queries.BASKET_SLOT_S << 40 | bits(40), "t": f"{bits(128):032x}",
        "d": at.isoformat(), "l": (at + timedelta(hours=3)).isoformat(), "q": "'" + "' '".join(words) + "'",
    }  # fmt: skip
    for n in range(pattern.vendors):
        holes[f"v{n}"] = ids.uuid7(ms, bits(74))
    for n in range(1, pattern.facts + 1):
        holes[f"e{n}"] = position + n
    return holes


async def check(parts: app.Parts, count: int) -> None:
    """Two hundred of the orders, read through the front: the fold of their facts is what their rows say."""
    serials = random.Random(23).sample(range(count), 200)
    async with parts.database.reading() as tx:
        rows = await tx.fetch(
            f"SELECT id::text, {', '.join(orders.ORDER_COLUMNS[1:])} FROM orders WHERE serial = ANY ($1::bigint[])",
            serials,
        )
        known = await orders.read(parts.journal, tx, [row[0] for row in rows])
    assert len(rows) == 200, len(rows)
    for row in rows:
        folded = list(orders.order_row(known[row[0]]))
        folded[5] = [kind for kind in str(folded[5]).strip("{}").split(",") if kind]
        assert list(row) == folded, (list(row), folded)


async def place(port: int, key: str, seconds: float, connections: int, tag: str) -> list[float]:
    """Place orders of two lines as fast as answers come; returns the milliseconds of each."""
    deadline = time.monotonic() + seconds
    took: list[float] = []

    async def buyer(n: int) -> None:
        rng = random.Random(f"{tag}-{n}")
        mine = client.Client(port, key)
        turn = 0
        while time.monotonic() < deadline:
            a, b = rng.sample(range(market.SKUS), 2)
            body = client.order([(market.sku(a), rng.randint(1, 3)), (market.sku(b), 1)], rng.randrange(100_000_000))
            began = time.perf_counter()
            reply = await mine.ask("POST", "/v1/orders", body, idempotency_key=f"{tag}-{n}-{turn}")
            assert reply is not None and reply[0] == 201, reply
            took.append((time.perf_counter() - began) * 1000)
            turn += 1
        await mine.end()

    await asyncio.gather(*(buyer(n) for n in range(connections)))
    return took


async def lists(port: int, key: str, dsn: str, count: int, times: int) -> dict[str, list[float]]:
    """Every kind of list, `times` requests each with arguments drawn from what is there; milliseconds of each request."""
    rng = random.Random(29)
    with psycopg.connect(dsn) as connection:
        serials = [rng.randrange(count) for _ in range(times)]
        rows = connection.execute(
            """SELECT o.id::text, number, phone, customer_name, coalesce(external_id, '') FROM orders AS o,
               LATERAL (SELECT data -> 'customer' ->> 'name' AS customer_name FROM order_events WHERE order_id = o.id AND version = 1) AS c
               WHERE serial = ANY (%s)""",
            [serials],
        ).fetchall()
        externals = connection.execute(
            "SELECT external_id FROM orders WHERE external_id IS NOT NULL AND serial > %s LIMIT %s", [count // 2, times]
        )
        external_ids = [row[0] for row in externals.fetchall()]
    found: dict[str, list[float]] = {}
    mine = client.Client(port, key)
    for title, path in _questions(rng, rows, external_ids):
        reply = await mine.ask("GET", f"/v1/orders?{path()}")
        assert reply is not None and reply[0] == 200, reply
        found[title] = []
        for _ in range(times):
            asked = path()
            began = time.perf_counter()
            reply = await mine.ask("GET", f"/v1/orders?{asked}")
            took = (time.perf_counter() - began) * 1000
            assert reply is not None and reply[0] == 200, (asked, reply)
            found[title].append(took)
            if took > 200:
                print(f"    {took:.0f} ms: {asked}", flush=True)
    await mine.end()
    return found


def _questions(rng: random.Random, rows: list[tuple[str, ...]], external_ids: list[str]) -> list[tuple[str, object]]:
    some = lambda n: rng.choice(rows)[n]  # noqa: E731
    cursor = lambda: f"&cursor={some(0)}" if rng.random() < 0.5 else ""  # noqa: E731
    vendor = lambda: f"vendor-{rng.randrange(market.VENDORS):02d}"  # noqa: E731
    thing = lambda: rng.choice(rng.choice(lives.THINGS))  # noqa: E731
    colour, kind = (lambda: rng.choice(lives.COLOURS)), (lambda: rng.choice(lives.KINDS))
    word = lambda *words: "q=" + quote(" ".join(words))  # noqa: E731
    return [
        ("newest", lambda: f"limit=50{cursor()}"),
        ("status placed", lambda: f"status=placed{cursor()}"),
        ("status cancelled", lambda: f"status=cancelled{cursor()}"),
        ("on hold", lambda: f"on_hold=true{cursor()}"),
        ("vendor", lambda: f"vendor={vendor()}{cursor()}"),
        ("vendor, cancelled", lambda: f"vendor={vendor()}&status=cancelled{cursor()}"),
        ("channel", lambda: f"channel={rng.choice(('web', 'app', 'bazaar'))}{cursor()}"),
        ("channel, cancelled", lambda: f"channel=bazaar&status=cancelled{cursor()}"),
        ("phone", lambda: "phone=" + quote(some(2))),
        ("number", lambda: "number=" + quote(rng.choice((str.lower, str))(some(1)))),
        ("external id", lambda: "external_id=" + quote(rng.choice(external_ids))),
        ("no such external id", lambda: f"external_id=NONE-{rng.randrange(10**6)}"),
        ("text: name", lambda: word(some(3))),
        ("text: one name", lambda: word(some(3).split()[0])),
        ("text: phone", lambda: word(some(2).replace("+88", ""))),
        ("text: number", lambda: word(some(1))),
        ("text: product", lambda: word(kind(), thing())),
        ("text: name and product", lambda: word(some(3), thing())),
        ("text: four words", lambda: word(some(3).split()[-1], thing(), colour(), "dhaka")),
        ("text: a beginning", lambda: word(some(3).lower()[:3])),
        ("text: two common, rare together", lambda: word("chakma", f"sku-{rng.randrange(lives.SKUS):04d}")),
        ("text: nothing", lambda: word(f"qqq{rng.randrange(10**6)}")),
        ("text, in a status", lambda: word(thing()) + "&status=cancelled"),
    ]


def report(found: dict[str, list[float]]) -> None:
    print(f"{'list':<34}{'p50':>9}{'p95':>9}{'p99':>9}{'worst':>9}  ms")
    for title, took in found.items():
        p50, p95, p99 = (client.percentile(took, share) for share in (0.5, 0.95, 0.99))
        print(f"{title:<34}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}{max(took):>9.1f}{'' if p95 < 50 else '   over the goal'}")


def measure_placing(m: serving.Market, empty: tuple[str, str], asked: argparse.Namespace) -> None:
    servers = {"empty": (m.serve(empty[0]), empty[1]), "full": (m.serve(), m.keys["web"])}
    rates: dict[str, list[float]] = {"empty": [], "full": []}
    took: dict[str, list[float]] = {"empty": [], "full": []}
    for name, (server, key) in servers.items():
        uvloop.run(place(server.port, key, 3, asked.connections, f"warm-{name}-{time.time()}"))
    for turn in range(asked.rounds):
        for name, (server, key) in servers.items():
            began = time.monotonic()
            done = uvloop.run(place(server.port, key, asked.seconds, asked.connections, f"{name}-{turn}-{time.time()}"))
            rates[name].append(len(done) / (time.monotonic() - began))
            took[name] += done
    print(f"{'placing':<10}{'orders/s':>10}{'p50':>9}{'p95':>9}{'p99':>9}  ms")
    for name in servers:
        p50, p95, p99 = (client.percentile(took[name], share) for share in (0.5, 0.95, 0.99))
        print(f"{name:<10}{statistics.median(rates[name]):>10.0f}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}")
    ratios = [a / b for a, b in zip(rates["empty"], rates["full"], strict=True)]
    print(f"ratio empty/full: {statistics.median(ratios):.3f} (by round: {', '.join(f'{r:.2f}' for r in ratios)}); goal 1.25 at the most")
    for server, _ in servers.values():
        server.stop()


def empty_market(m: serving.Market) -> tuple[str, str]:
    """A second database beside the full one, with the same goods and no orders: its DSN and its channel's key."""
    with psycopg.connect(m.dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS empty_market WITH (FORCE)")
        connection.execute("CREATE DATABASE empty_market")
    dsn = m.dsn.replace("/haat?", "/empty_market?")
    migrate.migrate(dsn)
    return dsn, asyncio.run(serving.goods(dsn, m.data_dir, seed))["web"]


async def prepare(data_dir: Path, dsn: str, count: int) -> tuple[list[lives.Pattern], bytes]:
    async with app.open_parts(Settings(data_dir=data_dir, database_url=Secret(dsn)), dsn) as parts:
        await parts.memory.start()
        made = await lives.patterns(parts, count)
        await parts.memory.stop()
        return made, parts.draw.number_key


async def checked(data_dir: Path, dsn: str, count: int) -> None:
    async with app.open_parts(Settings(data_dir=data_dir, database_url=Secret(dsn)), dsn) as parts:
        await check(parts, count)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=5_000_000)
    parser.add_argument("--patterns", type=int, default=3000)
    parser.add_argument("--dir", type=Path, default=Path(".tmp/growth"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--only", choices=("placing", "lists"), help="measure one of the two")
    parser.add_argument("--keep", action="store_true", help="leave the filled database for the next run, or use the one that was left")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    left = asked.dir / "filled"
    reuse = asked.keep and left.exists()
    if not reuse:
        shutil.rmtree(asked.dir, ignore_errors=True)
    with serving.market(asked.dir, seed, options=OPTIONS, keys=left if reuse else None) as m:
        if not reuse:
            made, key = asyncio.run(prepare(asked.dir, m.dsn, asked.patterns))
            fill(m.dsn, made, asked.orders, key, datetime.now(UTC))
            asyncio.run(checked(asked.dir, m.dsn, asked.orders))
            m.remember(left)
        with psycopg.connect(m.dsn) as connection:
            size = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
        print(f"{asked.orders:,} orders, {size[0] if size else '?'}; 200 of them checked: the projection is the fold", flush=True)
        if asked.only != "lists":
            measure_placing(m, empty_market(m), asked)
        if asked.only != "placing":
            server = m.serve()
            report(asyncio.run(lists(server.port, m.keys["admin"], m.dsn, asked.orders, asked.times)))
    if not asked.keep:
        shutil.rmtree(asked.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
