"""What one installation remembers of itself, as words under keys: when its demo began, the key of its order numbers.

For a handful of facts that no module owns. Not for settings, which operators make, and not for state that changes.
"""

from haat.engine.database import Tx


async def remember(tx: Tx, key: str, value: str) -> str:
    """`value` stands under `key`, unless something stands there already; returns what stands."""
    await tx.execute("INSERT INTO instance (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", key, value)
    return str(await tx.fetchval("SELECT value FROM instance WHERE key = $1", key))


async def keep(tx: Tx, key: str, value: str) -> None:
    """`value` stands under `key` from now on, whatever stood there: for what is the same thing, only written differently."""
    await tx.execute("INSERT INTO instance (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)


async def recall(tx: Tx, key: str) -> str | None:
    """What stands under `key`."""
    value = await tx.fetchval("SELECT value FROM instance WHERE key = $1", key)
    return None if value is None else str(value)
