"""Questions about orders: which ones (rows and their indexes), and what they are (the fold of their facts).

A list is two steps: the ids from the rows, newest first and after the cursor, then the orders themselves from their streams.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from haat.domain.orders.events import OrderCreated
from haat.domain.orders.order import Order, fold
from haat.engine.arrays import ints
from haat.engine.database import Tx
from haat.engine.journal import Journal
from haat.kernel.facts import Recorded

PAGE_MAX = 200
BASKET_SLOT_S = 300
FOLDED_MAX = 10_000  # some 8 kB each


class Filter(msgspec.Struct, frozen=True):
    """What a list of orders is narrowed to; every field that is set must hold."""

    status: str | None = None
    vendor: str | None = None
    channel: str | None = None
    phone: str | None = None
    customer: str | None = None
    serial: int | None = None
    external_id: str | None = None
    on_hold: bool = False
    placed_after: datetime | None = None


class StoredRows(msgspec.Struct):
    """The rows of one order as they stand, in the shapes of `order_row`, `line_rows` and `vendor_rows` (these two sorted)."""

    order: tuple[Any, ...] | None = None
    lines: list[tuple[Any, ...]] = []
    vendors: list[tuple[Any, ...]] = []


class VendorPart(msgspec.Struct, frozen=True):
    """A vendor order's id with its order's."""

    id: str
    order_id: str
    vendor: str
    status: str


async def streams(journal: Journal, tx: Tx, order_ids: Sequence[str], *, until: datetime | None = None) -> dict[str, list[Recorded]]:
    """The facts of these orders, each in version order."""
    return await journal.streams(tx, order_ids, until=until)


async def read(journal: Journal, tx: Tx, order_ids: Sequence[str], *, until: datetime | None = None) -> dict[str, Order]:
    """These orders, now or as they were at `until`; those that did not exist then are absent."""
    found: dict[str, Order] = {}
    for order_id, stream in (await journal.streams(tx, order_ids, until=until)).items():
        order = fold(stream)
        if order is not None:
            found[order_id] = order
    return found


class Folded:
    """Orders as one process folded them last: what was told since is folded on, so nobody reads a long story again from its beginning.

        known version ─► the facts from there on ─► order as it is now        one statement, whether an order is known or not

    What is known was committed, and is not taken on trust: streams are immutable, and the fact that was an order's last one then is
    compared with the one that stands there now. Where it is another (a database that was set back), all is read anew.
    The `size_max` orders used last are kept. For one event loop.
    """

    def __init__(self, journal: Journal, *, size_max: int = FOLDED_MAX) -> None:
        self._journal = journal
        self._size_max = size_max
        self._kept: OrderedDict[str, Order] = OrderedDict()

    async def read(self, tx: Tx, order_ids: Sequence[str]) -> dict[str, Order]:
        """These orders as `tx` sees them, by id and in its order; those that do not exist are absent."""
        if not order_ids:
            return {}
        kept = self._kept
        begun = {order_id: kept[order_id] for order_id in order_ids if order_id in kept}
        streams, committed = await self._behind(tx, order_ids, begun)
        found = {i: order for i, stream in streams.items() if (order := fold(stream, begun.get(i))) is not None}
        if committed:
            self.remember(found.values())
        return found

    async def streams(self, tx: Tx, before: Mapping[str, int]) -> dict[str, tuple[Order | None, list[Recorded]]]:
        """Of each order a state before this version (None: nothing is known of it), and all facts behind that state."""
        if not before:
            return {}
        kept = self._kept
        begun = {i: kept[i] for i, version in before.items() if i in kept and kept[i].version < version}
        streams, _ = await self._behind(tx, list(before), begun)
        return {order_id: (begun.get(order_id), stream) for order_id, stream in streams.items()}

    def remember(self, orders: Iterable[Order]) -> None:
        """Orders as they stand after a commit. Those that have ended are seldom asked for again and are the first to be forgotten."""
        kept = self._kept
        for order in orders:
            if order.id not in kept or kept[order.id].version <= order.version:
                kept[order.id] = order
                kept.move_to_end(order.id, last=not order.ended)
        while len(kept) > self._size_max:
            kept.popitem(last=False)

    async def _behind(self, tx: Tx, order_ids: Sequence[str], begun: dict[str, Order]) -> tuple[dict[str, list[Recorded]], bool]:
        """What stands behind the states in `begun`; those that do not fit the journal are taken out. Whether all is committed."""
        told = await self._journal.since(tx, {i: begun[i].version if i in begun else 0 for i in order_ids})
        wrong = [order_id for order_id, order in begun.items() if told.last.get(order_id) != order.updated_at]
        for order_id in wrong:
            del begun[order_id]
            self._kept.pop(order_id, None)
        streams = told.streams
        if wrong:
            streams |= (await self._journal.since(tx, dict.fromkeys(wrong, 0))).streams
        return {i: streams.get(i, []) for i in sorted(order_ids) if i in begun or i in streams}, told.committed


async def find(tx: Tx, wanted: Filter, *, before: str | None, placed_after_id: str | None, limit: int) -> list[str]:
    """Ids of matching orders, newest first, older than the id `before`. `placed_after_id` is the floor of `placed_after`."""
    statement = _BY_SERIAL if wanted.serial is not None else _BY_ORDER if wanted.vendor is None else _BY_VENDOR
    rows = await tx.fetch(
        statement,
        wanted.status,
        wanted.channel,
        wanted.phone,
        wanted.customer,
        wanted.external_id,
        wanted.on_hold,
        before,
        placed_after_id,
        min(limit, PAGE_MAX + 1),  # one more than a page, so that the caller sees whether there is a next one
        *(() if statement is _BY_ORDER else (wanted.vendor,)),
        *((wanted.serial,) if statement is _BY_SERIAL else ()),
    )
    return [row[0] for row in rows]


async def by_external_id(tx: Tx, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Ids of orders that stand under these (channel, the channel's own id)."""
    rows = await tx.fetch(
        """SELECT o.channel, o.external_id, o.id::text FROM unnest($1::text[], $2::text[]) AS t (channel, external_id)
           JOIN orders AS o ON o.channel = t.channel AND o.external_id = t.external_id""",
        [channel for channel, _ in names],
        [external_id for _, external_id in names],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def vendor_part(tx: Tx, vendor_order_id: str) -> VendorPart | None:
    """Whose vendor order this is."""
    row = await tx.fetchrow("SELECT id::text, order_id::text, vendor, status FROM vendor_orders WHERE id = $1", vendor_order_id)
    return None if row is None else VendorPart(*row)


async def vendor_parts(
    tx: Tx, *, vendor: str | None, status: str | None, order_id: str | None, before: tuple[str, str] | None, limit: int
) -> list[VendorPart]:
    """Vendor orders, the newest order first and within it by vendor, from behind (order id, vendor) `before`."""
    rows = await tx.fetch(
        """SELECT id::text, order_id::text, vendor, status FROM vendor_orders
           WHERE ($1::text IS NULL OR vendor = $1) AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR order_id = $3)
             AND ($4::uuid IS NULL OR order_id <= $4) AND ($4::uuid IS NULL OR order_id < $4 OR vendor > $5)
           ORDER BY vendor_orders.order_id DESC, vendor LIMIT $6""",
        vendor,
        status,
        order_id,
        before[0] if before is not None else None,
        before[1] if before is not None else None,
        limit,
    )
    return [VendorPart(*row) for row in rows]


async def has_ordered(tx: Tx, *, customer: str, phone: str) -> bool:
    """Whether this buyer (by customer id or E.164 phone, "" for unknown) has an order that was not cancelled."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM orders WHERE phone = $2 AND $2 <> '' AND status <> 'cancelled')
                 OR EXISTS (SELECT FROM orders WHERE customer_id = $1 AND $1 <> '' AND status <> 'cancelled')""",
            customer,
            phone,
        )
    )


def basket_key(fingerprint: int, at: datetime) -> int:
    """What `orders.basket` holds: the five-minute slot above the 40 bit fingerprint of buyer and basket."""
    return int(at.timestamp()) // BASKET_SLOT_S << 40 | fingerprint


def basket_keys(fingerprint: int, at: datetime, window_s: int) -> list[int]:
    """The keys under which the same basket could have been placed within the last `window_s` seconds."""
    slot = int(at.timestamp()) // BASKET_SLOT_S
    return [(slot - back) << 40 | fingerprint for back in range(window_s // BASKET_SLOT_S + 2)]


def basket_arguments(keys: Sequence[int], *, now: datetime, window_s: int) -> tuple[object, ...]:
    """The arguments of BASKETS."""
    return ints(keys), now - timedelta(seconds=window_s)


def found_baskets(answer: str) -> dict[int, str]:
    """What BASKETS answered."""
    return dict(_decode_baskets(answer))


#: Which of these baskets were placed lately and stand.
BASKETS = """
SELECT json_build_array(basket & ((1::bigint << 40) - 1), number) AS answer FROM orders
WHERE basket = ANY ($1::text::bigint[]) AND placed_at > $2 AND status <> 'cancelled' ORDER BY id
"""
_decode_baskets = msgspec.json.Decoder(list[tuple[int, str]]).decode


async def created(journal: Journal, tx: Tx, order_ids: Sequence[str]) -> dict[str, OrderCreated]:
    """How these orders began, without what happened to them later."""
    firsts = await journal.firsts(tx, order_ids)
    return {recorded.order_id: recorded.fact for recorded in firsts if isinstance(recorded.fact, OrderCreated)}


async def page_ends(tx: Tx, size: int) -> list[str]:
    """Every `size`-th order id, oldest first: what cuts all orders into pages of that many. One walk over the ids' index."""
    rows = await tx.fetch(
        "SELECT id::text FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM orders) AS o WHERE n % $1 = 0 ORDER BY id",
        size,
        timeout=600,
    )
    return [row[0] for row in rows]


async def stored_between(tx: Tx, after: str | None, until: str | None) -> dict[str, StoredRows]:
    """The rows of all orders with `after` < id ≤ `until` (None: no bound), read without looking at their facts."""
    found: dict[str, StoredRows] = {}
    for row in await tx.fetch(_STORED_ORDERS, after, until):
        found[row[0]] = StoredRows(tuple(row))
    for row in await tx.fetch(_STORED_LINES, after, until):
        found.setdefault(row[0], StoredRows()).lines.append(tuple(row))
    for row in await tx.fetch(_STORED_VENDORS, after, until):
        found.setdefault(row[1], StoredRows()).vendors.append(tuple(row))
    return found


_STORED_ORDERS = """
SELECT id::text, number, status, payment_status, fulfilment_status, holds::text, channel, external_id, customer_id, phone, basket,
  currency, items, discount, shipping, tax, fees, grand, version, placed_at, updated_at
FROM orders WHERE ($1::uuid IS NULL OR id > $1) AND ($2::uuid IS NULL OR id <= $2)
"""

_STORED_LINES = """
SELECT order_id::text, line_no, vendor, sku, quantity, unit_price, discount, tax, total, buckets FROM order_lines
WHERE ($1::uuid IS NULL OR order_id > $1) AND ($2::uuid IS NULL OR order_id <= $2) ORDER BY order_lines.order_id, line_no
"""

_STORED_VENDORS = """
SELECT id::text, order_id::text, vendor, status, items, discount, shipping, tax, total FROM vendor_orders
WHERE ($1::uuid IS NULL OR order_id > $1) AND ($2::uuid IS NULL OR order_id <= $2) ORDER BY vendor_orders.order_id, vendor
"""

_CONDITIONS = """($1::text IS NULL OR o.status = $1) AND ($2::text IS NULL OR o.channel = $2) AND ($3::text IS NULL OR o.phone = $3)
  AND ($4::text IS NULL OR o.customer_id = $4) AND ($5::text IS NULL OR o.external_id = $5) AND (NOT $6 OR o.holds <> '{}')
  AND ($7::uuid IS NULL OR o.id < $7) AND ($8::uuid IS NULL OR o.id >= $8)"""

# The order is qualified: a bare id would be the text in the answer, and every row would be sorted.
_BY_ORDER = f"SELECT o.id::text FROM orders AS o WHERE {_CONDITIONS} ORDER BY o.id DESC LIMIT $9"

# The range stands on both sides of the join, since PostgreSQL carries only equality across it.
_BY_VENDOR = f"""
SELECT o.id::text FROM vendor_orders AS v JOIN orders AS o ON o.id = v.order_id
WHERE v.vendor = $10 AND ($7::uuid IS NULL OR v.order_id < $7) AND ($8::uuid IS NULL OR v.order_id >= $8) AND {_CONDITIONS}
ORDER BY v.order_id DESC LIMIT $9
"""

_BY_SERIAL = f"""
SELECT o.id::text FROM orders AS o WHERE o.serial = $11 AND {_CONDITIONS}
  AND ($10::text IS NULL OR EXISTS (SELECT FROM vendor_orders AS v WHERE v.order_id = o.id AND v.vendor = $10)) LIMIT $9
"""
