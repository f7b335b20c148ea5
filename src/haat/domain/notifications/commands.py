"""Writing notifications down, claiming them, saying what became of them; and what operators and readers set. Verbs take many.

A sender takes rows with a lease and a claim of its own and says what became of them under that claim: a sender that was thought
dead and speaks after all cannot overwrite what another did since.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from haat.domain.notifications.notification import BAD_ENDS, Notification, Outcome, Resent, Status, check_resend, names_of, why_not
from haat.domain.notifications.preference import Manners, Preference, check_zone
from haat.domain.notifications.queries import COLUMNS, ENDED_BADLY, MATCHES, NEXT, Search, matching, notification_of, preferences
from haat.domain.notifications.telling import Channel
from haat.domain.notifications.template import Key
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Refused
from haat.kernel.ids import uuid7_floor
from haat.kernel.time import unix_ms

#: What processes keep a copy of: own texts and the shop's manners.
KIND = "notifications"
RESEND_PAGE = 500
_encode = msgspec.json.encode


async def record(tx: Tx, made: Sequence[Notification]) -> int:
    """Write them down; who was told of this fact on this channel is not told again. Returns how many were new."""
    if not made:
        return 0
    rows = await tx.fetch(
        """INSERT INTO notifications (id, order_id, version, event, role, party, channel, recipient, language, subject, body, parts, data,
             urgent, status, reason, due_at, fact_at, created_at, quiet)
           SELECT id, order_id, version, event, role, party, channel, recipient, language, subject, body, parts, data::json,
             urgent, status, reason, due_at, fact_at, created_at, quiet
           FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::text[], $12::int[], $13::text[], $14::bool[], $15::text[], $16::text[], $17::timestamptz[],
             $18::timestamptz[], $19::timestamptz[], $20::text[])
             AS t (id, order_id, version, event, role, party, channel, recipient, language, subject, body, parts, data, urgent, status,
               reason, due_at, fact_at, created_at, quiet)
           ON CONFLICT (order_id, version, role, recipient, channel, resend) DO NOTHING
           RETURNING 1""",
        *[[getattr(each, name) for each in made] for name in _BEFORE_DATA],
        [bytes(each.data).decode() for each in made],
        *[[getattr(each, name) for each in made] for name in _AFTER_DATA],
    )
    return len(rows)


_BEFORE_DATA = (
    "id", "order_id", "version", "event", "role", "party", "channel", "recipient", "language", "subject", "body", "parts",
)  # fmt: skip
_AFTER_DATA = ("urgent", "status", "reason", "due_at", "fact_at", "created_at", "quiet")


async def claim(
    tx: Tx, *, channel: Channel, recipient: str | None, connection: str, limit: int, claim_id: str, now: datetime, until: datetime
) -> list[Notification]:
    """Take what is due on a channel (to `recipient` only), urgent ones first; nobody else gets them until the lease ends.

    One recipient's own, a webhook's, leave in the order of facts, by an index of their own. (For all recipients that would sort what
    waits for the same morning, each time.)
    """
    whose, order = "$2::text IS NULL", "urgent DESC, due_at"
    if recipient is not None:
        whose, order = "channel = 'webhook' AND recipient = $2", "urgent DESC, due_at, fact_at, version"
    rows = await tx.fetch(
        f"""UPDATE notifications AS n
            SET status = 'sending', claim = $4, connection = $5, lease_until = $7, attempts = attempts + 1,
              first_try_at = coalesce(first_try_at, $6)
            FROM (SELECT id FROM notifications
                  WHERE status = 'due' AND channel = $1 AND due_at <= $6 AND {whose}
                    AND (NOT doubtful OR connection = $5)
                  ORDER BY {order} LIMIT $3 FOR UPDATE SKIP LOCKED) AS taken
            WHERE n.id = taken.id
            RETURNING {COLUMNS}""",
        channel,
        recipient,
        limit,
        claim_id,
        connection,
        now,
        until,
    )
    return sorted([notification_of(row) for row in rows], key=lambda each: (not each.urgent, each.due_at, each.fact_at, each.version))


async def put_off(tx: Tx, claimed: Sequence[tuple[Notification, datetime]]) -> None:
    """Give back what was claimed and is not to leave before its instant, as if nobody had taken it: it was no try."""
    if not claimed:
        return
    await tx.execute(
        """UPDATE notifications AS n
           SET status = 'due', due_at = t.until, claim = NULL, lease_until = NULL, attempts = attempts - 1,
             first_try_at = CASE WHEN attempts > 1 THEN first_try_at END, connection = CASE WHEN attempts > 1 THEN connection ELSE '' END
           FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS t (id, claim, until)
           WHERE n.id = t.id AND n.claim = t.claim AND n.status = 'sending'""",
        [each.id for each, _ in claimed],
        [each.claim for each, _ in claimed],
        [until for _, until in claimed],
    )


async def lapsed(tx: Tx, *, now: datetime, limit: int) -> list[Notification]:
    """Those whose sender did not come back in time, locked: what becomes of them is for the caller to settle."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM notifications AS n
            WHERE status = 'sending' AND lease_until <= $1 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED""",
        now,
        limit,
    )
    return [notification_of(row) for row in rows]


async def drop_late(tx: Tx, *, channel: Channel, before: datetime, limit: int) -> list[Status]:
    """Give up what was due before then and found nobody to take it; what may have arrived is unknown. Returns what became of each."""
    rows = await tx.fetch(
        """UPDATE notifications AS n
           SET status = CASE WHEN doubtful THEN 'unknown' ELSE 'failed' END,
             reason = concat_ws(': ', 'too late to be of use', nullif(n.reason, ''))
           FROM (SELECT id FROM notifications WHERE status = 'due' AND channel = $1 AND due_at < $2 LIMIT $3 FOR UPDATE SKIP LOCKED) AS late
           WHERE n.id = late.id RETURNING n.status""",
        channel,
        before,
        limit,
    )
    return [row[0] for row in rows]


async def settle(tx: Tx, outcomes: Sequence[Outcome], *, now: datetime) -> int:
    """Say what became of tries, each under its own claim. A late answer corrects `unknown`; returns how many were settled."""
    if not outcomes:
        return 0
    rows = await tx.fetch(
        """UPDATE notifications AS n
           SET status = t.status, reason = t.reason, doubtful = t.doubtful, lease_until = NULL, due_at = coalesce(t.again_at, n.due_at),
             reference = CASE WHEN t.reference = '' THEN n.reference ELSE t.reference END,
             sent_at = CASE WHEN t.status = 'sent' THEN $8 ELSE n.sent_at END
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bool[])
             AS t (id, claim, status, reason, reference, again_at, doubtful)
           WHERE n.id = t.id AND n.claim = t.claim AND n.status IN ('sending', 'unknown')
           RETURNING 1""",
        [each.id for each in outcomes],
        [each.claim for each in outcomes],
        [each.status for each in outcomes],
        [_storable(each.reason)[:500] for each in outcomes],
        [_storable(each.reference)[:200] for each in outcomes],
        [each.again_at for each in outcomes],
        [each.doubtful for each in outcomes],
        now,
    )
    return len(rows)


async def resend(tx: Tx, notification: str, *, new_id: str, by: str, now: datetime) -> Notification:
    """Tell the same thing to the same person again, at once. Refused while it is on its way, and where it is declined."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM notifications AS n JOIN notifications AS one USING (order_id, version, role, recipient, channel)
            WHERE one.id = $1 ORDER BY n.resend FOR UPDATE OF n""",
        notification,
    )
    if not rows:
        raise Refused("unknown_notification", "There is no such notification.", kind="missing")
    latest = check_resend([notification_of(row) for row in rows])
    row = await tx.fetchrow(
        f"""INSERT INTO notifications AS n (id, order_id, version, event, role, party, channel, recipient, resend, resent_from, asked_by,
              language, subject, body, parts, data, urgent, status, reason, due_at, fact_at, created_at)
            SELECT $2, order_id, version, event, role, party, channel, recipient, resend + 1, $1, $3, language, subject, body, parts, data,
              true, 'due', '', $4, fact_at, $4
            FROM notifications WHERE id = $5
            RETURNING {COLUMNS}""",
        notification,
        new_id,
        by,
        now,
        latest.id,
    )
    return notification_of(row)


async def resend_failed(
    tx: Tx, search: Search, *, after: str | None, limit: int, draw: Callable[[], str], by: str, now: datetime
) -> tuple[Resent, str | None]:
    """Tell again, `limit` at most, what ended badly, matches and was not told again since: a page behind the id `after`, the oldest first.

    Also where to go on; None: that was all. Unlike a single resend these disturb nobody at night: what can wait waits for the morning.
    Locks the rows of the page.
    """
    of_each = [
        f"""(SELECT n.id FROM notifications AS n
             WHERE n.status = '{status}' AND {MATCHES} AND n.id > $8 AND {NEXT} IS NULL ORDER BY n.id LIMIT $9)"""
        for status in sorted(BAD_ENDS)  # one status is one walk along the index
    ]
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM notifications AS n
            WHERE n.id = ANY (ARRAY (SELECT id FROM ({" UNION ALL ".join(of_each)}) AS page ORDER BY id LIMIT $9)) AND {ENDED_BADLY}
            ORDER BY n.id FOR UPDATE""",
        *matching(search),
        after or uuid7_floor(0),
        RESEND_PAGE,
    )
    found = [notification_of(row) for row in rows]
    said = await preferences(tx, sorted({name for each in found for name in names_of(each)}))
    whys = [why_not(each, [said[name][0] for name in names_of(each) if name in said]) for each in found]
    chosen = [each.id for each, why in zip(found, whys, strict=True) if not why][:limit]
    made = await tx.fetch(
        """INSERT INTO notifications (id, order_id, version, event, role, party, channel, recipient, resend, resent_from, asked_by,
             language, subject, body, parts, data, urgent, status, reason, due_at, fact_at, created_at, quiet)
           SELECT t.id, order_id, version, event, role, party, channel, recipient, resend + 1, n.id, $3, language, subject, body, parts,
             data, urgent, 'due', '', $4, fact_at, $4, quiet
           FROM unnest($1::uuid[], $2::uuid[]) AS t (was, id) JOIN notifications AS n ON n.id = t.was
           ON CONFLICT (order_id, version, role, recipient, channel, resend) DO NOTHING
           RETURNING id::text""",
        chosen,
        [draw() for _ in chosen],
        by,
        now,
    )
    refused = Counter(filter(None, whys))
    refused["under_way"] += len(chosen) - len(made)  # somebody else was faster
    return Resent(len(made), +refused, made[0][0] if made else ""), found[-1].id if len(found) == RESEND_PAGE else None


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """Drop what was written down before then, whatever became of it: addresses and texts are somebody's. Returns how many."""
    rows = await tx.fetch(
        """DELETE FROM notifications
           WHERE id IN (SELECT id FROM notifications WHERE id < $1 ORDER BY notifications.id LIMIT $2) RETURNING 1""",
        uuid7_floor(unix_ms(before)),
        limit,
    )
    return len(rows)


async def pace(tx: Tx, connection: str) -> datetime | None:
    """When the connection may be used again; its row stays locked until the transaction ends. None: never used."""
    await tx.execute("INSERT INTO notification_pace (connection, next_at) VALUES ($1, '-infinity') ON CONFLICT DO NOTHING", connection)
    found: datetime | None = await tx.fetchval(
        "SELECT nullif(next_at, '-infinity') FROM notification_pace WHERE connection = $1 FOR UPDATE", connection
    )
    return found


async def set_pace(tx: Tx, connection: str, next_at: datetime) -> None:
    """What `allowed` answered."""
    await tx.execute("UPDATE notification_pace SET next_at = $2 WHERE connection = $1", connection, next_at)


async def put_template(tx: Tx, key: Key, text: str, *, by: str, now: datetime, expected: int | None = None) -> int:
    """An operator's own text (checked by the caller), or "" for the one that Haat brings. Returns its version; every one is kept."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 17))", "/".join(key))
    version: int = await tx.fetchval(
        "SELECT coalesce(max(version), 0) FROM notification_templates WHERE (event, role, channel, language) = ($1, $2, $3, $4)", *key
    )
    _still(version, expected)
    await tx.execute("INSERT INTO notification_templates VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *key, version + 1, text, by, now)
    await changes.announce(tx, KIND, ["texts"])
    return version + 1


async def put_preference(tx: Tx, who: str, said: Preference, *, by: str, now: datetime, expected: int | None = None) -> int:
    """What `who` wants from now on. Returns the version."""
    check_zone(said.timezone)
    there = await tx.fetchval("SELECT version FROM notification_preferences WHERE who = $1 FOR UPDATE", who)
    _still(there or 0, expected)
    version: int = await tx.fetchval(
        """INSERT INTO notification_preferences AS p (who, preference, version, written_by, written_at)
           VALUES ($1, $2::text::json, 1, $3, $4)
           ON CONFLICT (who) DO UPDATE SET preference = excluded.preference, version = p.version + 1, written_by = $3, written_at = $4
           RETURNING version""",
        who,
        _encode(said).decode(),
        by,
        now,
    )
    return version


async def put_manners(tx: Tx, manners: Manners, *, by: str, now: datetime, expected: int | None = None) -> int:
    """How the shop tells things from now on. Returns the version."""
    check_zone(manners.timezone)
    there = await tx.fetchval("SELECT version FROM notification_manners FOR UPDATE")
    _still(there or 0, expected)
    version: int = await tx.fetchval(
        """INSERT INTO notification_manners AS m (manners, version, written_by, written_at) VALUES ($1::text::json, 1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET manners = excluded.manners, version = m.version + 1, written_by = $2, written_at = $3
           RETURNING version""",
        _encode(manners).decode(),
        by,
        now,
    )
    await changes.announce(tx, KIND, ["manners"])
    return version


def _storable(words: str) -> str:
    """What others wrote, without what PostgreSQL keeps in no text: U+0000 and halves of characters."""
    return words.replace("\0", "").encode("utf-8", "replace").decode()


def _still(version: int, expected: int | None) -> None:
    if expected is not None and version != expected:
        raise Refused("stale", f"Version {expected} was expected, {version} is stored.", kind="stale")
