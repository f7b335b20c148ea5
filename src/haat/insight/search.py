"""Finding orders by words: names, phones, numbers, products, places, in Bangla and English.

A follower of the journal writes one row of words per order (`order_search`), off the write path, about a second behind.
A common word is answered by walking the newest orders, a rare one by the index: PostgreSQL chooses from its statistics.
"""

import re
from collections.abc import Sequence

import msgspec

from haat.domain import orders
from haat.domain.orders import events
from haat.engine.database import Tx
from haat.engine.journal import RawFact
from haat.kernel.text import ascii_digits

FOLLOWER = "search"
WORDS_MAX = 8
_decode = msgspec.json.Decoder(events.OrderCreated).decode
_WORD = re.compile(r"[\w\u0980-\u09ff]+", re.UNICODE)


async def deal(tx: Tx, facts: Sequence[RawFact]) -> None:
    """Write the words of the orders that were created. The same fact again changes nothing."""
    created = [(fact.order_id, words_of(_decode(fact.data))) for fact in facts if fact.type == "OrderCreated"]
    if created:
        await tx.execute(
            """INSERT INTO order_search (order_id, words)
               SELECT id, array_to_tsvector(string_to_array(words, ' ')) FROM unnest($1::uuid[], $2::text[]) AS t (id, words)
               ON CONFLICT (order_id) DO NOTHING""",
            [order_id for order_id, _ in created],
            [words for _, words in created],
        )


def words_of(created: events.OrderCreated) -> str:
    """The distinct words of an order, separated by blanks. A phone is found whole and in its local form, a number without dashes."""
    c, a = created.customer, created.ship_to
    texts = [c.name, c.email, a.recipient, a.district, a.upazila, a.area, a.landmark, created.external_id, created.note]
    for line in created.lines:
        texts += (line.name, line.name_bn, line.vendor)
    found = set(_split(" ".join(texts)))
    found.update(line.sku.lower() for line in created.lines)
    found.add(created.number.replace("-", "").lower())
    if c.phone:
        found.update((c.phone.removeprefix("+"), c.phone[3:] if c.phone.startswith("+880") else c.phone.removeprefix("+")))
    return " ".join(sorted(found))


async def find(tx: Tx, text: str, wanted: orders.Filter, before: str | None, placed_after_id: str | None, limit: int) -> list[str]:
    """Ids of orders that have every word of `text` (the last one as a beginning), newest first. Other filters hold as well."""
    asked = _split(text.replace("-", "") if not text.replace("-", "").isalpha() else text)[:WORDS_MAX]
    if not asked:
        return []
    query = " & ".join([f"'{word}'" for word in asked[:-1]] + [f"'{asked[-1]}'" + (":*" if len(asked[-1]) >= 3 else "")])
    rows = await tx.fetch(
        """SELECT s.order_id::text FROM order_search AS s JOIN orders AS o ON o.id = s.order_id
           WHERE s.words @@ $1::tsquery AND ($2::uuid IS NULL OR s.order_id < $2) AND ($3::uuid IS NULL OR s.order_id >= $3)
             AND ($4::text IS NULL OR o.status = $4) AND ($5::text IS NULL OR o.channel = $5) AND ($6::text IS NULL OR o.customer_id = $6)
             AND ($7::text IS NULL OR o.phone = $7) AND (NOT $8 OR o.holds <> '{}')
           ORDER BY s.order_id DESC LIMIT $9""",
        query,
        before,
        placed_after_id,
        wanted.status,
        wanted.channel,
        wanted.customer,
        wanted.phone,
        wanted.on_hold,
        limit,
    )
    return [row[0] for row in rows]


def _split(text: str) -> list[str]:
    return [word[:64] for word in _WORD.findall(ascii_digits(text).lower())]
