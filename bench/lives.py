"""Patterns of orders for `growth.py`: real orders, made by the real code, with holes where two orders differ.

A pattern holds every row that the write path leaves behind for one order (facts, projection, reservations, receipt, words)
as text for COPY, with `%(name)s` for ids, number, buyer and instants. Filling a pattern is one formatting step, so millions
of orders are as consistent as the few thousand that were decided, priced and folded by the code itself.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from bench import market
from haat import app
from haat.domain import catalogue, channels, inventory, orders
from haat.engine.database import Database
from haat.faces.cli.demo import people as demo_people
from haat.flows import checkout
from haat.flows.checkout import preparing
from haat.insight import search
from haat.kernel.facts import Fact, Origin

SKUS = 5_000
VENDORS = 20
NAME, PHONE, HOUSE, EXTERNAL = "Zzname Zzfamily", "+8801799999999", "House 77777", "EXT-77777"
AT = datetime(2026, 11, 1, 8, 30, 7, 123457, tzinfo=UTC)
LATER = AT + timedelta(hours=3)
KINDS = (
    "Cotton",
    "Handmade",
    "Organic",
    "Premium",
    "Deshi",
    "Classic",
    "Smart",
    "Soft",
    "Royal",
    "Natok",
    "Jamdani",
    "Sundarban",
    "Padma",
    "Eid",
)
THINGS = (
    ("Panjabi", "পাঞ্জাবি"), ("Saree", "শাড়ি"), ("Honey", "মধু"), ("Tea", "চা"), ("Charger", "চার্জার"), ("Kettle", "কেটলি"), ("Notebook", "খাতা"),
    ("Lungi", "লুঙ্গি"), ("Sandal", "স্যান্ডেল"), ("Backpack", "ব্যাগ"), ("Lamp", "বাতি"), ("Rice", "চাল"), ("Lentils", "ডাল"), ("Ghee", "ঘি"),
    ("Blanket", "কম্বল"), ("Football", "ফুটবল"), ("Umbrella", "ছাতা"), ("Earphone", "ইয়ারফোন"), ("Toy", "খেলনা"), ("Novel", "উপন্যাস"),
)  # fmt: skip
COLOURS = ("Red", "Blue", "Green", "Black", "White", "Indigo", "Maroon", "Olive", "Golden", "Violet")

EVENTS, ORDERS, LINES, VENDOR_ORDERS, RESERVATIONS, CALCULATIONS, SEARCH = range(7)
TABLES = (
    ("order_events", ("position", "order_id", "version", "type", "at", "actor", "cause", "trace", "data")),
    ("orders", ("serial", *orders.ORDER_COLUMNS)),
    ("order_lines", orders.LINE_COLUMNS),
    ("vendor_orders", orders.VENDOR_COLUMNS),
    ("order_reservations", ("owner", "line_no", "sku", "location", "quantity", "released", "backordered", "status", "updated_at")),
    ("order_calculations", ("order_id", "rules_version", "receipt", "created_at")),
    ("order_search", ("order_id", "words")),
)


class Pattern(msgspec.Struct):
    """One order with holes. `rows` by table; `vendors` ids to draw; `held` (SKU, units) that stay reserved; `facts` of its stream."""

    rows: list[str]
    vendors: int
    held: list[tuple[str, int]]
    facts: int
    words: frozenset[str]
    external: bool
    fingerprint: int


async def more_goods(database: Database) -> None:
    """Beside the bench market: the other 4,000 SKUs with names that people search for, and two more channels."""
    now = datetime.now(UTC)
    random = Random(7)
    sheets = []
    for n in range(SKUS):
        thing_en, thing_bn = random.choice(THINGS)
        name = f"{random.choice(KINDS)} {thing_en} {random.choice(COLOURS)} {random.randint(1, 99)}"
        sheets.append(
            catalogue.ProductSheet(
                sku=market.sku(n), vendor=f"vendor-{n % VENDORS:02d}", name_en=name, name_bn=thing_bn, category=f"c{n % 10}",
                price=10_000 + n % 1000 * 100, weight_g=200 + n % 800,
            )
        )  # fmt: skip
    async with database.transaction() as tx:
        for begin in range(0, SKUS, 1000):
            done = await catalogue.upsert(tx, sheets[begin : begin + 1000], now=now)
            assert not done.refusals, done.refusals
        await channels.upsert(
            tx,
            [
                channels.ChannelSheet(code="app", kind="app", name="App"),
                channels.ChannelSheet(code="bazaar", kind="marketplace", name="Bazaar", external_pricing=True),
            ],
            now=now,
        )
        ids = [f"01a00000-0000-7000-8000-{n:012d}" for n in range(SKUS)]
        goods = [inventory.Movement(ids[n], market.sku(n), "DHK-1", market.STOCK, "receipt") for n in range(market.SKUS, SKUS)]
        await inventory.move(tx, goods, actor="system", now=now)


async def patterns(parts: app.Parts, count: int) -> list[Pattern]:
    """`count` orders of every sort, with the lives that orders have today."""
    random = Random(11)
    addresses = [customer["address"] for customer in demo_people.customers(Random(3))]
    await parts.market.know([market.sku(n) for n in range(SKUS)])
    await parts.memory.catch_up()
    serial = await parts.draw.serial()
    return [_pattern(parts, random, random.choice(addresses), n, serial) for n in range(count)]


def _request(random: Random, address: dict[str, Any], external: bool) -> checkout.PlaceOrder:
    ship_to = address | {"recipient": NAME, "phone": "", "line": HOUSE, "postcode": ""}
    lines: list[dict[str, Any]] = []
    for sku in {market.sku(random.randrange(SKUS)) for _ in range(random.choices((1, 2, 3, 5, 8), (40, 35, 15, 8, 2))[0])}:
        lines.append({"sku": sku, "quantity": random.choices((1, 2, 3, 10), (70, 20, 8, 2))[0]})
    body: dict[str, Any] = {
        "channel": random.choices(("web", "app"), (70, 30))[0],
        "customer": {"name": NAME, "phone": PHONE}, "ship_to": ship_to, "lines": lines,
        "payment_method": random.choices(("cod", "bkash", "card"), (70, 22, 8))[0],
    }  # fmt: skip
    if external:
        body |= {"channel": "bazaar", "external": {"id": EXTERNAL}, "payment_method": "prepaid"}
        body["lines"] = [line | {"unit_price": 12_300, "freight": 500} for line in lines]
    return msgspec.convert(body, checkout.PlaceOrder)


def _pattern(parts: app.Parts, random: Random, address: dict[str, Any], n: int, serial: Any) -> Pattern:
    external = n % 16 == 5
    request = _request(random, address, external)
    origin = Origin(f"channel:{request.channel}", "api", "%(t)s")
    prepared = checkout.prepare(request, parts.market, parts.draw, checkout.Errand(serial, origin, AT))
    demanded = sorted({sku for _, sku, _ in prepared.demands})
    levels = inventory.Levels([inventory.Level(sku, "DHK-1", market.STOCK, 0) for sku in demanded], {"DHK-1": 100})
    admitted = levels.admit(prepared.demands, request.channel)
    assert isinstance(admitted, inventory.Admitted)
    taken = tuple(orders.events.Reservation(t.line_no, t.sku, t.location, t.quantity, t.backordered) for t in admitted.takes)
    first = preparing.facts(prepared, prepared.verdict, orders.events.OrderStockReserved(taken), flows={})
    before = orders.begin(orders.NewOrder(prepared.ids.order_id, 0, first, AT, origin))
    later = _later(before, random.choices(("placed", "cancelled", "partly", "held", "noted"), (82, 9, 4, 2, 3))[0])
    after = orders.after(before, later, at=LATER, by="admin:1")
    cut = orders.cancelled_units(orders.Changed(before, after, later))
    reservations = [inventory.Reservation(before.id, t.line_no, t.sku, t.location, t.quantity, 0, 0, "COMMITTED") for t in admitted.takes]
    back = {(r.line_no, r.sku): r.quantity for r in inventory.releases(reservations, {(before.id, no): units for no, units in cut.items()})}
    created = first[0]
    assert isinstance(created, orders.events.OrderCreated)
    hole = _Holes(after, prepared.fingerprint)
    rows: list[list[Sequence[Any]]] = [
        [*_facts(first, before, AT, origin, 1), *_facts(later, before, LATER, Origin("admin:1", "api", "%(t)s"), before.version + 1)],
        [("%(s)s", *orders.order_row(after))],
        orders.line_rows(after),
        orders.vendor_rows(after),
        [_reservation(r, back.get((r.line_no, r.sku), 0)) for r in reservations],
        [(before.id, 4, preparing.receipt_json(prepared), AT)],
        [(before.id, "%(q)s")],
    ]
    own = {word.lower() for word in NAME.split()} | {PHONE[1:], PHONE[3:], before.number.replace("-", "").lower(), "ext", "77777"}
    return Pattern(
        ["".join(hole.text(row) for row in table) for table in rows],
        len(after.vendor_orders),
        [(r.sku, r.quantity - back.get((r.line_no, r.sku), 0)) for r in reservations],
        len(first) + len(later),
        frozenset(search.words_of(created).split()) - own,
        external,
        prepared.fingerprint,
    )


def _later(order: orders.Order, life: str) -> tuple[Fact, ...]:
    if life == "cancelled":
        return orders.cancel(order, None, reason="customer_request")
    if life == "partly" and (order.lines[0].quantity > 1 or len(order.lines) > 1):
        return orders.cancel(order, {order.lines[0].line_no: 1}, reason="damaged")
    if life == "held":
        return orders.hold(order, hold_id="h1", kind="MANUAL", reason="call_customer")
    if life == "noted":
        return orders.note(order, text="Customer asked for evening delivery.", audience="staff")
    return ()


def _facts(facts: Sequence[Fact], order: orders.Order, at: datetime, origin: Origin, version: int) -> list[Sequence[Any]]:
    return [
        (
            f"%(e{version + n})s",
            order.id,
            version + n,
            type(fact).__name__,
            at,
            origin.actor,
            origin.cause,
            origin.trace,
            msgspec.json.encode(fact).decode(),
        )
        for n, fact in enumerate(facts)
    ]


def _reservation(r: inventory.Reservation, released: int) -> Sequence[Any]:
    done = released == r.quantity
    return (r.owner, r.line_no, r.sku, r.location, r.quantity, released, 0, "RELEASED" if done else "COMMITTED", LATER if released else AT)


class _Holes:
    """Turns a row into a line of COPY text with holes where this order's own values stood."""

    def __init__(self, order: orders.Order, fingerprint: int) -> None:
        self._holes = [
            (order.id, "%(i)s"), (order.number, "%(n)s"), (NAME, "%(w)s"), (PHONE, "%(p)s"), (HOUSE, "%(h)s"), (EXTERNAL, "%(x)s"),
            (str(order.basket), "%(k)s"), *[(v.id, f"%(v{n})s") for n, v in enumerate(order.vendor_orders)],
        ]  # fmt: skip

    def text(self, row: Sequence[Any]) -> str:
        return "\t".join(self._field(value) for value in row) + "\n"

    def _field(self, value: Any) -> str:
        if value is None:
            return "\\N"
        if isinstance(value, datetime):
            return "%(d)s" if value == AT else "%(l)s"
        text = str(value)
        if text.startswith("%("):
            return text
        text = text.replace("\\", "\\\\").replace("%", "%%")
        for own, hole in self._holes:
            if own in text:
                text = text.replace(own, hole)
        return text
