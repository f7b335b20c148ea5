"""The journal: every order's facts, appended with expected versions, read in one gapless global order.

    writers ──► order_events ◄── followers, by position
                 (order, version) unique: two writers cannot both be next

Position = base + (transaction id << 16) + place in the transaction. A reader goes no further than the oldest transaction
that still writes (the horizon), so it never skips a fact that commits late, with any number of writers. Version order
within an order equals position order, because a writer takes the orders' advisory locks before its transaction has an id.
Technique and measurement: docs/decisions/001-positions.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import msgspec

from haat.engine import together
from haat.engine.arrays import instants, ints, texts
from haat.engine.database import Row, Tx
from haat.kernel.errors import Broken
from haat.kernel.facts import Fact, Origin, Recorded

FACTS_PER_TRANSACTION_MAX = (1 << 16) - 1
WAKE_CHANNEL = "haat_facts"

_encode = msgspec.json.Encoder().encode
_type_of: Callable[[type], str] = attrgetter("__name__")


class Append(msgspec.Struct, frozen=True):
    """Facts to add to one order's stream, right after `after_version` (0 for a new order)."""

    order_id: str
    after_version: int
    facts: tuple[Fact, ...]
    at: datetime
    origin: Origin


class RawFact(msgspec.Struct, frozen=True):
    """A fact as the feed shows it: `data` is the JSON as it was written."""

    position: int
    order_id: str
    version: int
    type: str
    at: datetime
    actor: str
    cause: str
    trace: str
    data: msgspec.Raw


class Since(msgspec.Struct):
    """Facts behind versions that somebody knows.

    `last`: when the fact of that version itself happened; orders that do not have it are absent. `committed`: the transaction
    that read this has written nothing, so all of it is there to stay.
    """

    streams: dict[str, list[Recorded]]
    last: dict[str, datetime]
    committed: bool


class Journal:
    """Appends and reads. `decode` turns the JSON of a fact into its struct, older shapes lifted."""

    def __init__(self, decode: Callable[[str], Fact], *, position_base: int = 0) -> None:
        self._decode = decode
        self._base = position_base

    async def lock(self, tx: Tx, order_ids: Iterable[str]) -> None:
        """Wait until no other writer holds these orders; held until the transaction ends.

        Must be the transaction's first act: the locks are taken in id order before the transaction has an id of its own.
        """
        written = await tx.fetchval(
            """SELECT pg_current_xact_id_if_assigned() IS NOT NULL FROM
               (SELECT count(pg_advisory_xact_lock(k)) FROM
                 (SELECT DISTINCT hashtextextended(id::text, 0) AS k FROM unnest($1::uuid[]) AS t (id) ORDER BY k) AS keys) AS held""",
            list(order_ids),
        )
        if written:
            raise Broken("orders are locked after the transaction wrote: version order could leave position order")

    async def append(self, tx: Tx, appends: Sequence[Append], *, offset: int = 0) -> None:
        """Write the facts of many orders. At most once per transaction, or with `offset` = those before.

        A version that exists already raises asyncpg's UniqueViolationError: somebody else was next.
        """
        await tx.execute(_APPEND, *self.append_arguments(appends, offset=offset))

    def append_arguments(self, appends: Sequence[Append], *, offset: int = 0) -> tuple[object, ...]:
        """The arguments of APPEND, for a statement that writes more than facts."""
        ids: list[str] = []
        versions: list[int] = []
        types: list[str] = []
        ats: list[datetime] = []
        actors: list[str] = []
        causes: list[str] = []
        traces: list[str] = []
        datas: list[bytes] = []  # as encoded: a text with Bangla in it would be widened and narrowed again
        for one in appends:
            origin = one.origin
            version = one.after_version
            for fact in one.facts:
                version += 1
                ids.append(one.order_id)
                versions.append(version)
                types.append(type(fact).__name__)
                ats.append(one.at)
                actors.append(origin.actor)
                causes.append(origin.cause)
                traces.append(origin.trace)
                datas.append(_encode(fact))
        if offset + len(ids) > FACTS_PER_TRANSACTION_MAX:
            raise Broken(f"{offset + len(ids)} facts in one transaction; the position has room for {FACTS_PER_TRANSACTION_MAX}")
        return (
            texts(ids),
            ints(versions),
            texts(types),
            instants(ats),
            texts(actors),
            texts(causes),
            texts(traces),
            datas,
            self._base + offset,
        )

    async def streams(self, tx: Tx, order_ids: Sequence[str], *, until: datetime | None = None) -> dict[str, list[Recorded]]:
        """The facts of these orders by version, each order under its id; orders without facts are absent."""
        return self._by_order(await tx.fetch(_STREAMS, order_ids, until))

    async def since(self, tx: Tx, versions: Mapping[str, int]) -> Since:
        """The facts of these orders behind these versions (0: all). One statement."""
        rows = await tx.fetch(_SINCE, list(versions), ints(list(versions.values())))
        last = {row[1]: row[3] for row in rows if row[7] is None}
        return Since(self._by_order([row for row in rows if row[7] is not None]), last, not rows or rows[0][8])

    def _by_order(self, rows: Sequence[Row]) -> dict[str, list[Recorded]]:
        found: dict[str, list[Recorded]] = {}
        decode = self._decode
        for row in rows:
            order_id = row[1]
            found.setdefault(order_id, []).append(Recorded(row[0], order_id, row[2], row[3], row[4], row[5], row[6], decode(row[7])))
        return found

    async def streams_between(self, tx: Tx, after: str | None, until: str | None) -> dict[str, list[Recorded]]:
        """The facts of all orders with `after` < id ≤ `until` (None: no bound), each order's by version."""
        return self._by_order(await tx.fetch(_STREAMS_BETWEEN, after, until))

    async def firsts(self, tx: Tx, order_ids: Sequence[str]) -> list[Recorded]:
        """The first fact of each of these orders."""
        rows = await tx.fetch(_FIRSTS, order_ids)
        return [Recorded(r[0], r[1], r[2], r[3], r[4], r[5], r[6], self._decode(r[7])) for r in rows]

    async def after(self, tx: Tx, position: int, limit: int, types: Sequence[str] | None = None) -> list[RawFact]:
        """The next facts of the global order (of these types), up to the horizon.

        Never misses one, never shows one that may yet roll back.
        """
        rows = await tx.fetch(_AFTER, position, limit, self._base, types)
        return [RawFact(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], msgspec.Raw(r[8].encode())) for r in rows]

    async def changed_after(self, tx: Tx, position: int, limit: int = 5000) -> list[tuple[str, int]]:
        """(order id, position) of the next facts, without what they say."""
        rows = await tx.fetch(
            """SELECT order_id::text, position FROM order_events
               WHERE position > $1 AND position < $3 + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 16)
               ORDER BY position LIMIT $2""",
            position,
            limit,
            self._base,
        )
        return [(row[0], row[1]) for row in rows]

    async def settled(self, tx: Tx) -> int:
        """Everything up to this position is there or never will be, whether or not there is a fact at it."""
        value = await tx.fetchval("SELECT $1 + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 16) - 1", self._base)
        return int(value)

    async def head(self, tx: Tx) -> int:
        """The last position that readers may see now, 0 for an empty journal."""
        value = await tx.fetchval(
            """SELECT coalesce(max(position), 0) FROM order_events
               WHERE position < $1 + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 16)""",
            self._base,
        )
        return int(value)


#: The facts of a transaction; wakes the followers when it commits.
APPEND: together.Piece = (
    ("head", "SELECT $9::bigint + (pg_current_xact_id()::text::bigint << 16) AS base"),
    ("woken", "SELECT pg_notify('haat_facts', '')"),
    (
        "facts",
        """INSERT INTO order_events (position, order_id, version, type, at, actor, cause, trace, data)
           SELECT head.base + f.n, f.order_id, f.version, f.type, f.at, f.actor, f.cause, f.trace, convert_from(f.data, 'UTF8')::json
           FROM head CROSS JOIN woken CROSS JOIN
             unnest($1::text::uuid[], $2::text::int[], $3::text::text[], $4::text::timestamptz[], $5::text::text[], $6::text::text[],
               $7::text::text[], $8::bytea[]) WITH ORDINALITY AS f (order_id, version, type, at, actor, cause, trace, data, n)""",
    ),
)
_APPEND = together.writes(APPEND)

_STREAMS = """
SELECT position, order_id::text, version, at, actor, cause, trace, data FROM order_events
WHERE order_id = ANY ($1::uuid[]) AND ($2::timestamptz IS NULL OR at <= $2)
ORDER BY order_id, version
"""

#: A transaction that has written something has an id.
_SINCE = """
SELECT e.position, e.order_id::text, e.version, e.at, e.actor, e.cause, e.trace, CASE WHEN e.version > k.version THEN e.data END,
  pg_current_xact_id_if_assigned() IS NULL
FROM unnest($1::uuid[], $2::text::int[]) AS k (order_id, version)
JOIN order_events AS e ON e.order_id = k.order_id AND e.version >= k.version
ORDER BY e.order_id, e.version
"""

_STREAMS_BETWEEN = """
SELECT position, order_id::text, version, at, actor, cause, trace, data FROM order_events
WHERE ($1::uuid IS NULL OR order_id > $1) AND ($2::uuid IS NULL OR order_id <= $2)
ORDER BY order_id, version
"""

_FIRSTS = """
SELECT position, order_id::text, version, at, actor, cause, trace, data FROM order_events
WHERE order_id = ANY ($1::uuid[]) AND version = 1
"""

_AFTER = """
SELECT position, order_id::text, version, type, at, actor, cause, trace, data FROM order_events
WHERE position > $1 AND position < $3 + (pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 16)
  AND ($4::text[] IS NULL OR type = ANY ($4))
ORDER BY position LIMIT $2
"""


async def position_base(tx: Tx) -> int:
    """The base of this database's positions; raised first where a restored cluster's transaction ids are too young.

    Called once at start. Two processes that start together agree, because the row is locked while it is judged.
    """
    async with tx.transaction():
        base = int(await tx.fetchval("SELECT value FROM instance WHERE key = 'position_base' FOR UPDATE"))
        last = int(await tx.fetchval("SELECT coalesce(max(position), 0) FROM order_events"))
        changed = int(await tx.fetchval("SELECT coalesce(max(position), 0) FROM reference_changes"))
        here = base + (int(await tx.fetchval("SELECT pg_current_xact_id()::text::bigint")) << 16)
        behind = max(last, changed) - here
        if behind > 0:
            base += (behind >> 16) + 1 << 16
            await tx.execute("UPDATE instance SET value = $1 WHERE key = 'position_base'", str(base))
        return base
