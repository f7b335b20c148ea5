"""Questions about notifications: which ones, the texts in force, what people want, how the shop tells things."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from haat.domain.notifications.notification import Notification, Status
from haat.domain.notifications.preference import Manners, Preference
from haat.domain.notifications.template import Key, Texts
from haat.engine.database import Row, Tx

#: Of the table under the name `n`.
COLUMNS = """n.id::text, n.order_id::text, n.version, n.event, n.role, n.party, n.channel, n.recipient, n.language, n.subject, n.body,
  n.parts, n.data, n.urgent, n.status, n.reason, n.due_at, n.fact_at, n.created_at, n.resend, n.resent_from::text, n.asked_by,
  n.connection, n.reference, n.attempts, n.doubtful, n.claim::text, n.first_try_at, n.sent_at, n.quiet"""
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


async def find(
    tx: Tx, *, order: str | None = None, status: Status | None = None, event: str | None = None, before: str | None = None, limit: int = 50
) -> list[Notification]:
    """Notifications, the newest first, older than the id `before`."""
    rows = await tx.fetch(
        f"""SELECT {COLUMNS} FROM notifications AS n
            WHERE ($1::uuid IS NULL OR n.order_id = $1) AND ($2::text IS NULL OR n.status = $2) AND ($3::text IS NULL OR n.event = $3)
              AND ($4::uuid IS NULL OR n.id < $4)
            ORDER BY n.id DESC LIMIT $5""",
        order,
        status,
        event,
        before,
        limit,
    )
    return [notification_of(row) for row in rows]


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
