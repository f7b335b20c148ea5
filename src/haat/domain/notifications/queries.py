"""Questions about notifications: which ones, which ended badly, the texts in force, what people want, how the shop tells things."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from haat.domain.notifications.notification import Notification, Status
from haat.domain.notifications.preference import Manners, Preference
from haat.domain.notifications.telling import Channel
from haat.domain.notifications.template import Key, Texts
from haat.engine.database import Row, Tx
from haat.kernel.ids import uuid7_floor, uuid7_ms
from haat.kernel.time import unix_ms

#: Of the table under the name `n`.
COLUMNS = """n.id::text, n.order_id::text, n.version, n.event, n.role, n.party, n.channel, n.recipient, n.language, n.subject, n.body,
  n.parts, n.data, n.urgent, n.status, n.reason, n.due_at, n.fact_at, n.created_at, n.resend, n.resent_from::text, n.asked_by,
  n.connection, n.reference, n.attempts, n.doubtful, n.claim::text, n.first_try_at, n.sent_at, n.quiet"""
#: A reason without the words that giving up puts before it.
_CAUSE = "regexp_replace(n.reason, '^too late to be of use: ', '')"
MATCHES = f"""($1::uuid IS NULL OR n.order_id = $1) AND ($2::text IS NULL OR n.status = $2) AND ($3::text IS NULL OR n.event = $3)
  AND ($4::text IS NULL OR n.channel = $4) AND ($5::text IS NULL OR n.connection = $5)
  AND ($6::text IS NULL OR starts_with(n.reason, $6) OR starts_with({_CAUSE}, $6)) AND ($7::uuid IS NULL OR n.id < $7)"""
ENDED_BADLY = "n.status IN ('failed', 'unknown')"
#: What became of the next telling of the same thing to the same person; null: there is none. Looked up row by row, never joined.
NEXT = """(SELECT l.status FROM notifications AS l
  WHERE (l.order_id, l.version, l.role, l.recipient, l.channel) = (n.order_id, n.version, n.role, n.recipient, n.channel)
    AND l.resend = n.resend + 1)"""
FAILURES_MAX, WAYS_MAX = 100_000, 200
_ASTRAY_MS = 300_000  # no request takes longer
_preference = msgspec.json.Decoder(Preference).decode
_manners = msgspec.json.Decoder(Manners).decode


class Voice(Struct, frozen=True):
    """How this shop speaks: its texts and its manners, as every process keeps them in memory."""

    texts: Texts
    manners: Manners


class OwnText(Struct, frozen=True):
    """One version of an operator's own text; empty: from then on Haat's again."""

    text: str
    version: int
    written_by: str
    written_at: datetime


class Search(Struct, frozen=True, kw_only=True):
    """Which notifications. None: any. `reason`: how it begins; `written_before`: as old as that."""

    order: str | None = None
    status: Status | None = None
    event: str | None = None
    channel: Channel | None = None
    connection: str | None = None
    reason: str | None = None
    written_before: datetime | None = None


ANYTHING = Search()


class Failure(Struct, frozen=True):
    """How many messages ended in the same way and for the same reason, and were not told again since. `reason`: its first words."""

    channel: Channel
    connection: str
    status: Status
    reason: str
    count: int
    oldest: datetime
    newest: datetime


async def find(tx: Tx, search: Search = ANYTHING, *, before: str | None = None, limit: int = 50) -> list[Notification]:
    """Notifications, the newest first, older than the id `before`."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM notifications AS n
            WHERE {MATCHES} AND ($8::uuid IS NULL OR n.id < $8) ORDER BY n.id DESC LIMIT $9""",
        *matching(search),
        before,
        limit,
    )
    return [notification_of(row) for row in rows]


async def failures(tx: Tx, *, since: datetime | None = None) -> list[Failure]:
    """What ended badly since then, the most first: of the newest `FAILURES_MAX` messages, in `WAYS_MAX` ways at most."""
    rows = await tx.fetch(
        f"""SELECT channel, connection, status, left(split_part({_CAUSE}, ':', 1), 80), count(*), min(created_at), max(created_at)
            FROM (SELECT channel, connection, status, reason, created_at FROM notifications AS n
                  WHERE {ENDED_BADLY} AND ($1::uuid IS NULL OR n.id >= $1) AND {NEXT} IS NULL
                  ORDER BY n.id DESC LIMIT $2) AS n
            GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 7 DESC, 1, 2, 3, 4 LIMIT $3""",
        None if since is None else uuid7_floor(unix_ms(since)),
        FAILURES_MAX,
        WAYS_MAX,
    )
    return [Failure(*row) for row in rows]


async def under_way(tx: Tx, search: Search) -> int:
    """How many of those that ended badly and match are being told again at this moment; `FAILURES_MAX` at most."""
    count: int = await tx.fetchval(
        f"""SELECT count(*) FROM (
              SELECT FROM notifications AS n
              WHERE {ENDED_BADLY} AND {MATCHES} AND {NEXT} IN ('due', 'sending') LIMIT $8) AS found""",
        *matching(search),
        FAILURES_MAX,
    )
    return count


async def resent_by(tx: Tx, one: str) -> int:
    """How many were told again by the request that told `one` again; 0 where there is none."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM notifications AS n JOIN notifications AS one USING (asked_by, created_at)
           WHERE one.id = $1 AND n.resent_from IS NOT NULL AND n.id BETWEEN $2 AND $3""",
        one,
        uuid7_floor(uuid7_ms(one) - _ASTRAY_MS),
        uuid7_floor(uuid7_ms(one) + _ASTRAY_MS),
    )
    return count


def matching(search: Search) -> tuple[object, ...]:
    """The arguments of MATCHES."""
    s, before = search, search.written_before
    oldest = None if before is None else uuid7_floor(unix_ms(before))
    return s.order, s.status, s.event, s.channel, s.connection, s.reason, oldest


async def notifications(tx: Tx, ids: Sequence[str]) -> dict[str, Notification]:
    """Those among `ids` that exist."""
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM notifications AS n WHERE n.id = ANY ($1::uuid[])", ids)
    return {row[0]: notification_of(row) for row in rows}


async def load_voice(tx: Tx) -> Voice:
    """All own texts in force, and the manners."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (event, role, channel, language) event, role, channel, language, text
           FROM notification_templates ORDER BY event, role, channel, language, version DESC"""
    )
    found = await manners(tx)
    return Voice(Texts({(row[0], row[1], row[2], row[3]): row[4] for row in rows if row[4]}), found[0])


async def manners(tx: Tx) -> tuple[Manners, int]:
    """How the shop tells things, and the version of that; 0 while nothing was said."""
    row = await tx.fetchrow("SELECT manners, version FROM notification_manners")
    return (Manners(), 0) if row is None else (_manners(row[0]), row[1])


async def own_texts(tx: Tx, key: Key) -> list[OwnText]:
    """Every version of an operator's own text, the newest first."""
    rows = await tx.fetch(
        """SELECT text, version, written_by, written_at FROM notification_templates
           WHERE (event, role, channel, language) = ($1, $2, $3, $4) ORDER BY version DESC LIMIT 100""",
        *key,
    )
    return [OwnText(*row) for row in rows]


async def preferences(tx: Tx, who: Sequence[str]) -> dict[str, tuple[Preference, int]]:
    """What those among `who` want who said anything, with the version of it."""
    if not who:
        return {}
    rows = await tx.fetch("SELECT who, preference, version FROM notification_preferences WHERE who = ANY ($1::text[])", who)
    return {row[0]: (_preference(row[1]), row[2]) for row in rows}


def notification_of(row: Row) -> Notification:
    """A row of COLUMNS."""
    found = dict(zip(Notification.__struct_fields__, row, strict=True))
    found["data"] = msgspec.Raw(row["data"].encode())
    return Notification(**found)
