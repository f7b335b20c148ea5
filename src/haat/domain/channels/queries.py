"""Questions about channels. There are a few dozen: every process keeps all of them."""

from collections.abc import Sequence

from haat.domain.channels.channel import Channel
from haat.engine.database import Row, Tx


async def load_all(tx: Tx) -> dict[str, Channel]:
    """Every channel by code, active or not."""
    rows = await tx.fetch(
        """SELECT code, kind, name, currency, language, price_list, external_pricing, active, version, created_at, updated_at
           FROM channels
           ORDER BY code"""
    )
    return {row["code"]: _channel_of(row) for row in rows}


async def channels(tx: Tx, codes: Sequence[str]) -> dict[str, Channel]:
    """The channels among `codes` that exist."""
    rows = await tx.fetch(
        """SELECT code, kind, name, currency, language, price_list, external_pricing, active, version, created_at, updated_at
           FROM channels
           WHERE code = ANY($1::text[])
           ORDER BY code""",
        codes,
    )
    return {row["code"]: _channel_of(row) for row in rows}


async def channel(tx: Tx, code: str) -> Channel | None:
    return (await channels(tx, [code])).get(code)


def _channel_of(row: Row) -> Channel:
    return Channel(
        code=row["code"],
        kind=row["kind"],
        name=row["name"],
        currency=row["currency"],
        language=row["language"],
        price_list=row["price_list"],
        external_pricing=row["external_pricing"],
        active=row["active"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
