"""What the database says of itself, as plain values: for those who judge its health (`haat doctor`, alerts).

Measures only; what is too much is said where it is judged.
"""

from datetime import datetime

import msgspec

from haat.engine.database import Tx
from haat.engine.journal import Journal

BEHIND_MAX = 1_000_000  # counting further would cost more than it tells


class Server(msgspec.Struct, frozen=True):
    """Version as PostgreSQL numbers it (180001), its clock, and settings that durability hangs on."""

    version: int
    now: datetime
    settings: dict[str, str]
    connections: int
    connections_max: int


class Horizon(msgspec.Struct, frozen=True):
    """The oldest transaction that has written and not ended: no reader of the journal sees beyond it. `age_s` 0 where none is."""

    age_s: float
    application: str


class Following(msgspec.Struct, frozen=True):
    """A follower's place, how many facts are behind it (at most BEHIND_MAX are counted), and the age of the oldest of them."""

    name: str
    position: int
    behind: int
    age_s: float


async def server(tx: Tx) -> Server:
    """The server behind this connection."""
    rows = await tx.fetch(
        """SELECT name, setting FROM pg_settings
           WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'autovacuum')"""
    )
    settings = {row[0]: row[1] for row in rows}
    version, now, connections = await tx.fetchrow(
        """SELECT current_setting('server_version_num')::int, clock_timestamp(),
             (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"""
    )
    return Server(version, now, settings, connections, int(settings.pop("max_connections")))


async def horizon(tx: Tx) -> Horizon:
    """How long readers of the journal have been waiting for the oldest writer."""
    row = await tx.fetchrow(
        """SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8, application_name FROM pg_stat_activity
           WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1"""
    )
    return Horizon(0.0, "") if row is None else Horizon(row[0], row[1])


async def following(tx: Tx, journal: Journal, names: tuple[str, ...]) -> list[Following]:
    """Where each of these followers stands; one that never ran stands at 0."""
    positions = dict(await tx.fetch("SELECT name, position FROM order_event_streams WHERE name = ANY ($1::text[])", list(names)))
    head = await journal.head(tx)
    found = []
    for name in names:
        position = positions.get(name, 0)
        behind, oldest = await tx.fetchrow(
            """SELECT count(*), extract(epoch FROM clock_timestamp() - min(at))::float8
               FROM (SELECT at FROM order_events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) AS f""",
            position,
            head,
            BEHIND_MAX,
        )
        found.append(Following(name, position, behind, oldest or 0.0))
    return found
