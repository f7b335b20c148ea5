"""Questions about carts."""

from collections.abc import Collection

import msgspec

from haat.domain.carts.document import Cart
from haat.engine.database import Tx

decode = msgspec.json.Decoder(Cart).decode


async def read(tx: Tx, cart_id: str) -> Cart | None:
    """A cart as it stands now."""
    content = await tx.fetchval("SELECT content FROM carts WHERE id = $1::uuid", cart_id)
    return None if content is None else decode(content)


async def open_of(tx: Tx, whose: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The id of the open cart of each of these (owner, channel) that has one."""
    pairs = sorted(whose)
    rows = await tx.fetch(
        """SELECT c.owner, c.channel, c.id::text FROM unnest($1::text[], $2::text[]) AS t (owner, channel)
           JOIN carts AS c ON c.owner = t.owner AND c.channel = t.channel AND c.open AND c.owner <> ''""",
        [owner for owner, _ in pairs],
        [channel for _, channel in pairs],
    )
    return {(row[0], row[1]): row[2] for row in rows}
