"""The floor under `place.py`: the rows of one order, written by pgbench with nothing in between.

The tables are copies of the real ones with all their indexes and checks, in a schema of their own; the documents have the
sizes of real ones. `one` commits each order alone, `batch` commits 200 in one statement, as group commit does.
"""

import subprocess
import tempfile
from pathlib import Path

import psycopg

from haat.engine import programs

TABLES = ("orders", "order_lines", "vendor_orders", "order_events", "order_reservations", "order_calculations", "idempotency_keys", "stock")
BATCH = 200
CREATED, SMALL, RECEIPT = ('{"x": "' + "d" * size + '"}' for size in (1640, 180, 470))

SETUP = """
DROP SCHEMA IF EXISTS floor CASCADE; CREATE SCHEMA floor;
CREATE SEQUENCE floor.serials;
CREATE SEQUENCE floor.positions;
{tables}
INSERT INTO floor.stock (sku, location, on_hand) SELECT 'SKU-' || lpad(n::text, 4, '0'), 'DHK-1', 2000000000 FROM generate_series(0, 999) AS n;
"""

#: `size` orders in one statement; `pick` says which SKUs an order wants.
STATEMENT = """
WITH o AS MATERIALIZED (SELECT n, uuidv7() AS id, nextval('floor.serials') AS serial, {a} AS a, {b} AS b FROM generate_series(1, {size}) AS n),
i1 AS (INSERT INTO floor.orders (id, serial, number, status, payment_status, fulfilment_status, holds, channel, phone, basket, currency, items,
  discount, shipping, tax, fees, grand, version, placed_at, updated_at)
  SELECT id, serial, 'ABCD-EFGH-J', 'placed', 'awaiting', 'unfulfilled', '{{}}', 'web', '+88017' || lpad((serial * 7919 % 100000000)::text, 8, '0'),
    serial, 'BDT', 32400, 2020, 12000, 3962, 1000, 43380, 3, now(), now() FROM o),
i2 AS (INSERT INTO floor.order_lines (order_id, line_no, vendor, sku, quantity, unit_price, discount, tax, total, buckets)
  SELECT id, l, 'vendor-0' || l, 'SKU-' || lpad((CASE l WHEN 1 THEN a ELSE b END)::text, 4, '0'), l, 10100, 1010, 2371, 18180, '{{"reserved": 2}}'
  FROM o, generate_series(1, 2) AS l),
i3 AS (INSERT INTO floor.vendor_orders (id, order_id, vendor, status, items, discount, shipping, tax, total)
  SELECT uuidv7(), id, 'vendor-0' || l, 'placed', 20200, 2020, 6000, 2371, 24180 FROM o, generate_series(1, 2) AS l),
i4 AS (INSERT INTO floor.order_events (position, order_id, version, type, at, actor, cause, trace, data)
  SELECT nextval('floor.positions'), id, v, (ARRAY['OrderCreated', 'OrderValidated', 'OrderStockReserved'])[v], now(), 'channel-web', 'api',
    '0123456789abcdef0123456789abcdef', (CASE v WHEN 1 THEN '{created}' ELSE '{small}' END)::json FROM o, generate_series(1, 3) AS v),
i5 AS (INSERT INTO floor.order_reservations (owner, line_no, sku, location, quantity, status, updated_at)
  SELECT id, l, 'SKU-' || lpad((CASE l WHEN 1 THEN a ELSE b END)::text, 4, '0'), 'DHK-1', l, 'COMMITTED', now() FROM o, generate_series(1, 2) AS l),
i6 AS (INSERT INTO floor.order_calculations (order_id, rules_version, receipt, created_at) SELECT id, 1, '{receipt}', now() FROM o),
i7 AS (INSERT INTO floor.idempotency_keys (scope, key, fingerprint, subject, created_at)
  SELECT 'place-channel-web', id::text, '\\x0123456789abcdef0123456789abcdef', id, now() FROM o),
d AS (SELECT 'SKU-' || lpad(s::text, 4, '0') AS sku, sum(q)::bigint AS q FROM (SELECT a AS s, 1 AS q FROM o UNION ALL SELECT b, 2 FROM o) AS w GROUP BY 1),
l AS MATERIALIZED (SELECT s.sku, d.q FROM d JOIN floor.stock AS s ON s.sku = d.sku AND s.location = 'DHK-1' ORDER BY s.sku FOR NO KEY UPDATE OF s)
UPDATE floor.stock AS s SET reserved = s.reserved + l.q FROM l WHERE s.sku = l.sku AND s.location = 'DHK-1';
"""
PICK = {"uniform": ("(random() * 999)::int", "(random() * 999)::int"), "hot": ("0", "0")}


def measure(dsn: str, *, seconds: int) -> dict[str, float]:
    """Orders per second of each floor: `one uniform`, `one hot` (16 clients), `batch uniform`, `batch hot` (1 client)."""
    tables = "\n".join(f"CREATE TABLE floor.{t} (LIKE public.{t} INCLUDING ALL);" for t in TABLES)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SETUP.format(tables=tables))  # type: ignore[arg-type]
    found: dict[str, float] = {}
    for mode, (a, b) in PICK.items():
        for name, size, clients in (("one", 1, 16), ("batch", BATCH, 1)):
            statement = STATEMENT.format(a=a, b=b, size=size, created=CREATED, small=SMALL, receipt=RECEIPT)
            found[f"{name} {mode}"] = size * _pgbench(dsn, statement, clients, seconds)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA floor CASCADE")
    return found


def _pgbench(dsn: str, statement: str, clients: int, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(" ".join(statement.split()) + "\n")
        script.flush()
        command = [
            str(Path(programs.binaries()) / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
            "-T", str(seconds), "-f", script.name, dsn,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    for line in done.stdout.splitlines():
        if line.startswith("tps ="):
            return float(line.split()[2])
    raise RuntimeError(f"pgbench: {done.stderr[-800:]}")
