"""A flash sale: far more buyers than units, all at once. Exact, or it is broken.

    make bench-flash

Four sales: one SKU; two kits that share a part; a coupon with a number of uses; and one SKU again, sold by two server processes
of which one is killed (-9) in the middle while buyers ask again with the same key. Each must sell what there is and not one more.
"""

import argparse
import asyncio
import json
import shutil
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import uvloop

from bench import checks, client, market, serving
from haat import app
from haat.domain import catalogue, inventory, pricing
from haat.engine.database import Database
from haat.engine.draw import Draw


class Sale(msgspec.Struct):
    """What came of one sale."""

    name: str
    answers: Counter[str]
    seconds: float
    took: dict[str, list[float]]
    answered: dict[str, str]
    wrong: list[str]


class Plan(msgspec.Struct, frozen=True):
    attempts: int = 20_000
    units: int = 5_000
    uses: int = 1_000
    buyers: int = 256


def seed(plan: Plan) -> serving.Seed:
    """The bench market, and beside it what is on sale."""

    async def sow(database: Database, draw: Draw) -> str:
        key = await market.seed(database, draw)
        now = datetime.now(UTC)
        scarce = {"FLASH-1": plan.units, "FLASH-2": plan.units, "PART": plan.units, "PIN": market.STOCK, "BOX": market.STOCK}
        kits = {"KIT-A": (("PART", 1), ("PIN", 1)), "KIT-B": (("PART", 2), ("BOX", 1))}
        async with database.transaction() as tx:
            sheets = [catalogue.ProductSheet(sku=sku, vendor="vendor-00", name_en=sku, price=10_000) for sku in scarce]
            done = await catalogue.upsert(tx, sheets, now=now)
            sheets = [
                catalogue.ProductSheet(
                    sku=sku, vendor="vendor-00", name_en=sku, price=15_000, kit=tuple(catalogue.KitPart(*part) for part in parts)
                )
                for sku, parts in kits.items()
            ]
            more = await catalogue.upsert(tx, sheets, now=now)
            assert not done.refusals and not more.refusals
            moves = [inventory.Movement(draw.uuid(), sku, "DHK-1", units, "receipt") for sku, units in scarce.items()]
            await inventory.move(tx, moves, actor="system", now=now)
            await pricing.put_promotions(
                tx, [pricing.PromotionRow("DROP", "percent", {"rate": 1000}, automatic=False)], app.promotion_kinds(), now=now
            )
            await pricing.put_coupons(tx, [pricing.Coupon("DROP10", "DROP", uses=plan.uses)], now=now)
        return key

    return sow


async def sell(
    name: str, plan: Plan, bodies: list[bytes], clients: list[tuple[client.Client, client.Client | None]], halfway: object = None
) -> Sale:
    """Every body once, by as many buyers as there are clients; `halfway` is called when half of them are answered."""
    sale = Sale(name, Counter(), 0, {}, {}, [])
    waiting = list(enumerate(bodies))[::-1]

    async def buyer(mine: client.Client, other: client.Client | None) -> None:
        while waiting:
            n, body = waiting.pop()
            if callable(halfway) and len(waiting) == len(bodies) // 2:
                halfway()
            key = f"{name.replace(' ', '_')}-{n}"
            began = time.perf_counter()
            status, reply = await client.until_answered(mine, body, key, other=other)
            said = json.loads(reply)
            word = "sold" if status in (200, 201) else f"{status} {said['code']}"
            sale.answers[word] += 1
            sale.took.setdefault(word, []).append((time.perf_counter() - began) * 1000)
            if status in (200, 201):
                sale.answered[key] = said["id"]
        await mine.end()
        if other is not None:
            await other.end()

    began = time.monotonic()
    await asyncio.gather(*(buyer(mine, other) for mine, other in clients))
    sale.seconds = time.monotonic() - began
    return sale


def run(data_dir: Path, plan: Plan, dsn: str | None = None) -> list[Sale]:
    """The four sales on one market, each checked. `dsn`: a migrated empty database instead of a PostgreSQL of our own."""
    found: list[Sale] = []
    with serving.market(data_dir, seed(plan), dsn=dsn) as m:
        one = m.serve()
        answered: dict[str, str] = {}

        def sale(name: str, bodies: list[bytes], other: serving.Server | None = None, halfway: object = None) -> Sale:
            clients = [
                (client.Client(one.port, m.keys["web"]), client.Client(other.port, m.keys["web"]) if other else None)
                for _ in range(plan.buyers)
            ]
            if other is not None:
                clients = [(a, b) if n % 2 else (b, a) for n, (a, b) in enumerate(clients) if b is not None]
            done = uvloop.run(sell(name, plan, bodies, clients, halfway))
            answered.update(done.answered)
            found.append(done)
            return done

        n = plan.attempts
        done = sale("one SKU", [client.order([("FLASH-1", 1)], i) for i in range(n)])
        _expect(done, m, done.answers == {"sold": plan.units, "409 out_of_stock": n - plan.units}, "FLASH-1", plan.units)
        done = sale("two kits, one part", [client.order([("KIT-A" if i % 3 else "KIT-B", 1)], i) for i in range(n)])
        _expect(done, m, sum(done.answers.values()) == n, "PART", plan.units)
        done = sale("a coupon", [client.order([(market.sku(i % 500), 1)], i, coupons=["DROP10"]) for i in range(n // 4)])
        _expect(done, m, done.answers == {"sold": plan.uses, "409 coupon_used_up": n // 4 - plan.uses})
        other = m.serve()
        done = sale("two servers, one killed", [client.order([("FLASH-2", 1)], i) for i in range(n)], other, other.kill)
        _expect(done, m, done.answers == {"sold": plan.units, "409 out_of_stock": n - plan.units}, "FLASH-2", plan.units)
        found[-1].wrong += asyncio.run(checks.wrong(data_dir, m.dsn, answered))
    return found


def _expect(sale: Sale, m: serving.Market, answers_right: bool, sku: str = "", reserved: int = 0) -> None:
    if not answers_right:
        sale.wrong.append(f"answers: {dict(sale.answers)}")
    if sku:
        with psycopg.connect(m.dsn) as connection:
            row = connection.execute("SELECT reserved FROM stock WHERE sku = %s", [sku]).fetchone()
        if row != (reserved,):
            sale.wrong.append(f"{sku}: {row} reserved, {reserved} expected")


def report(sales: list[Sale]) -> None:
    print(f"{'sale':<26}{'answer':<22}{'times':>8}{'p50':>8}{'p95':>8}{'p99':>8}  ms{'attempts/s':>13}")
    for sale in sales:
        rate = f"{sum(sale.answers.values()) / sale.seconds:>13.0f}"
        for word, times in sorted(sale.answers.items(), key=lambda pair: pair[0] != "sold"):
            p50, p95, p99 = (client.percentile(sale.took[word], share) for share in (0.5, 0.95, 0.99))
            print(f"{sale.name:<26}{word:<22}{times:>8}{p50:>8.1f}{p95:>8.1f}{p99:>8.1f}    {rate}")
        print(f"{'':<26}{'exact' if not sale.wrong else 'WRONG: ' + '; '.join(sale.wrong)[:2000]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=20_000)
    parser.add_argument("--units", type=int, default=5_000)
    parser.add_argument("--uses", type=int, default=1_000)
    parser.add_argument("--buyers", type=int, default=256)
    parser.add_argument("--dir", type=Path, default=Path(".tmp/flash"))
    asked = parser.parse_args()
    shutil.rmtree(asked.dir, ignore_errors=True)
    sales = run(asked.dir, Plan(asked.attempts, asked.units, asked.uses, asked.buyers))
    shutil.rmtree(asked.dir, ignore_errors=True)
    report(sales)
    if any(sale.wrong for sale in sales):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
