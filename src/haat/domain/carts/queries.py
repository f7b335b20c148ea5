"""Questions about carts."""

from collections.abc import Collection

import msgspec

from haat.domain.carts.document import Cart
from haat.engine.database import Tx

decode = msgspec.json.Decoder(Cart).decode


async def read(tx: Tx, ids: Collection[str]) -> dict[str, Cart]:
    """These carts as they stand now. Unknown ids are left out."""
    rows = await tx.fetch("SELECT content FROM carts WHERE id = ANY ($1::uuid[])", list(ids))
    found = [decode(row[0]) for row in rows]
    return {cart.id: cart for cart in found}


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
