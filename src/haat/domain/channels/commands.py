"""The channels' one verb: write what is said about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from haat.domain.channels.channel import Channel, ChannelSheet
from haat.domain.channels.queries import channels
from haat.engine import changes
from haat.engine.database import Tx
from haat.kernel.errors import Refused

KIND = "channels"


async def upsert(tx: Tx, sheets: Sequence[ChannelSheet], *, now: datetime, expected: Mapping[str, int] | None = None) -> dict[str, Channel]:
    """Afterwards the channels are as the sheets say; one that would not change keeps its version.

    A channel's currency stays what it was: its orders and its price list are counted in it (`currency_fixed`).
    `expected`: versions by code that must still stand; another one is refused as `stale`, and with it the whole call.
    """
    latest = {sheet.code: sheet for sheet in sheets}
    wanted = [latest[code] for code in sorted(latest)]
    rows = await tx.fetch(
        "SELECT code, version, currency FROM channels WHERE code = ANY($1::text[]) ORDER BY code FOR UPDATE", sorted(latest)
    )
    version = {row["code"]: row["version"] for row in rows}
    for code, awaited in (expected or {}).items():
        if version.get(code, 0) != awaited:
            raise Refused("stale", f"version {awaited} was expected, {version.get(code, 0)} is stored", kind="stale", channel=code)
    for row in rows:
        if latest[row["code"]].currency != row["currency"]:
            raise Refused("currency_fixed", f"{row['code']} is kept in {row['currency']}", kind="conflict", channel=row["code"])
    if wanted:
        await tx.execute(
            _UPSERT,
            now,
            [sheet.code for sheet in wanted],
            [sheet.kind for sheet in wanted],
            [sheet.name for sheet in wanted],
            [sheet.currency for sheet in wanted],
            [sheet.language for sheet in wanted],
            [sheet.price_list for sheet in wanted],
            [sheet.external_pricing for sheet in wanted],
            [sheet.active for sheet in wanted],
        )
        await changes.announce(tx, KIND, sorted(latest))
    return await channels(tx, sorted(latest))


_UPSERT = """
INSERT INTO channels (code, kind, name, currency, language, price_list, external_pricing, active, version, created_at, updated_at)
SELECT code, kind, name, currency, language, price_list, external_pricing, active, 1, $1, $1
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::boolean[])
  AS sheet (code, kind, name, currency, language, price_list, external_pricing, active)
ON CONFLICT (code) DO UPDATE SET
  kind = excluded.kind, name = excluded.name, language = excluded.language, price_list = excluded.price_list,
  external_pricing = excluded.external_pricing, active = excluded.active,
  version = channels.version + 1, updated_at = excluded.updated_at
WHERE (channels.kind, channels.name, channels.language, channels.price_list, channels.external_pricing, channels.active)
  IS DISTINCT FROM (excluded.kind, excluded.name, excluded.language, excluded.price_list, excluded.external_pricing, excluded.active)
"""
