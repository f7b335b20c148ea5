"""Finding orders by words: names, phones, numbers, products, places, in Bangla and English.

A follower of the journal writes one row of words per order (`order_search`), off the write path, about a second behind.
A common word is answered by walking the newest orders, a rare one by the index: PostgreSQL chooses from its statistics.
Words are cut here, alike for what is stored and what is asked, and hold only letters, digits and their marks: nothing that
anybody types is ever read as a query language.
"""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from haat.domain import orders
from haat.engine.database import Tx
from haat.engine.journal import RawFact
from haat.kernel.text import ascii_digits

FOLLOWER = "search"
WORDS_MAX = 8  # of a question; more would only cost
WORD_MAX = 64
DIGITS_MIN = 6  # of a number or phone whose beginning is asked for
ENDINGS_MAX = 40  # of a beginning, beyond which it is a sieve
TYPES = ("OrderCreated",)  # facts that bring words
PREFIX_MIN = 2  # the last word may be a beginning, but one letter begins everything
_decode = msgspec.json.Decoder(orders.events.OrderCreated).decode
#: Letters, digits, and the marks of Bangla (vowel signs, hasanta, candrabindu), which `\\w` leaves out.
_WORD = re.compile(r"[\w\u0980-\u0983\u09bc-\u09d7\u09e2\u09e3\u09fe]+")
_JOINERS = {0x200B: None, 0x200C: None, 0x200D: None, 0xFEFF: None}
_TYPED_PHONE = re.compile(r"\+?[\d\u09e6-\u09ef][\d\u09e6-\u09ef\s()./-]{6,}[\d\u09e6-\u09ef]")
_NUMBER = re.compile(r"\b[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]\b")


async def deal(tx: Tx, facts: Sequence[RawFact]) -> None:
    """Write the words of the orders that were created. The same fact again changes nothing."""
    created = [(fact.order_id, words_of(_decode(fact.data))) for fact in facts if fact.type == "OrderCreated"]
    if not created:
        return
    await tx.execute(
        """INSERT INTO order_search (order_id, words)
           SELECT id, array_to_tsvector(string_to_array(words, ' ')) FROM unnest($1::uuid[], $2::text[]) AS t (id, words)
           ON CONFLICT (order_id) DO NOTHING""",
        [order_id for order_id, _ in created],
        [words for _, words in created],
    )
    await tx.execute(
        "INSERT INTO order_search_words (word) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
        sorted({word for _, words in created for word in words.split(" ") if word and not _has_digit(word)}),
    )


def words_of(created: orders.events.OrderCreated) -> str:
    """The distinct words of an order, separated by blanks. A phone is found whole and in its local form, a number without dashes."""
    c, a = created.customer, created.ship_to
    texts = [c.name, c.email, a.recipient, a.district, a.upazila, a.area, a.landmark, a.postcode, created.external_id, created.note]
    for line in created.lines:
        texts += (line.name, line.name_bn, line.vendor, line.sku)
    found = set(split(" ".join(texts)))
    found.add(created.number.replace("-", "").lower())
    for phone in (c.phone, a.phone):
        found.update(_phone_words(phone))
    return " ".join(sorted(found))


def words_asked(text: str) -> list[str]:
    """The distinct words that are asked for; phones and order numbers as one word each, however they were typed."""
    text = _TYPED_PHONE.sub(lambda typed: f" {_phone_words(typed[0])[-1]} ", text)
    text = _NUMBER.sub(lambda typed: typed[0].replace("-", ""), text)
    return list(dict.fromkeys(split(text)))[:WORDS_MAX]


def question(text: str) -> str:
    """The `tsquery` that asks for every word of `text`, the last one as a beginning; empty where it holds no word."""
    asked = words_asked(text)
    if not asked:
        return ""
    beginning = ":*" if len(asked[-1]) >= PREFIX_MIN else ""
    return " & ".join([*(f"'{word}'" for word in asked[:-1]), f"'{asked[-1]}'{beginning}"])


async def _question(tx: Tx, asked: Sequence[str]) -> tuple[str, str | None]:
    """What `question` says, so that it is fast at any size: the query for the index, and what its rows must hold beside.

    The index finds whole words at once and reads every posting of a beginning, so a beginning is replaced by the words that it
    may become: all of them, or where they are many and it is a word itself, that and the next ones. A beginning of many words
    that is none itself is a sieve over the rows that the other words find.
    """
    whole, last = [f"'{word}'" for word in asked[:-1]], asked[-1]
    if _has_digit(last):
        return " & ".join([*whole, f"'{last}'" + (":*" if len(last) >= DIGITS_MIN else "")]), None
    if len(last) < PREFIX_MIN:
        return " & ".join([*whole, f"'{last}'"]), None
    rows = await tx.fetch(
        "SELECT word FROM order_search_words WHERE word >= $1 AND word < $1 || chr(1114111) LIMIT $2", last, ENDINGS_MAX + 1
    )
    if len(rows) <= ENDINGS_MAX or rows[0][0] == last:
        endings = " | ".join(f"'{word}'" for word in sorted({last, *[row[0] for row in rows]}))
        return " & ".join([*whole, f"({endings})"]), None
    return (" & ".join(whole), f"'{last}':*") if whole else (f"'{last}':*", None)


async def find(tx: Tx, text: str, wanted: orders.Filter, before: str | None, placed_after_id: str | None, limit: int) -> list[str]:
    """Ids of orders that have every word of `text` (the last one as a beginning), newest first. Every other filter holds as well."""
    words = words_asked(text)
    if not words:
        return []
    asked, sieve = await _question(tx, words)
    of_words = (asked, before, placed_after_id, wanted.vendor, limit, sieve)
    of_rows = (wanted.status, wanted.channel, wanted.customer, wanted.phone, wanted.serial, wanted.external_id, wanted.on_hold)
    if any(condition is not None for condition in of_rows[:-1]) or wanted.on_hold:
        rows = await tx.fetch(_FIND_AMONG_ROWS, *of_words, *of_rows)
    else:
        rows = await tx.fetch(_FIND, *of_words)
    return [row[0] for row in rows]


def split(text: str) -> list[str]:
    """The words of a text in order: NFC, case folded, Bangla digits as ASCII ones, joiners gone, at most 64 characters each."""
    plain = unicodedata.normalize("NFC", ascii_digits(text.translate(_JOINERS)).casefold())
    return [word[:WORD_MAX] for word in _WORD.findall(plain)]


def _phone_words(phone: str) -> list[str]:
    """A phone with its country code and, for Bangladesh, as people write it: `8801712345678`, `01712345678`."""
    digits = re.sub(r"\D", "", ascii_digits(phone))
    if not digits:
        return []
    return [digits, digits.removeprefix("88")] if digits.startswith("8801") else [digits]


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)


# IS NOT FALSE keeps the sieve out of the index.
_WORDS = """s.words @@ $1::tsquery AND (s.words @@ $6::tsquery) IS NOT FALSE
  AND ($2::uuid IS NULL OR s.order_id < $2) AND ($3::uuid IS NULL OR s.order_id >= $3)
  AND ($4::text IS NULL OR EXISTS (SELECT FROM vendor_orders AS v WHERE v.order_id = s.order_id AND v.vendor = $4))"""

_FIND = f"SELECT s.order_id::text FROM order_search AS s WHERE {_WORDS} ORDER BY s.order_id DESC LIMIT $5"

# The range stands on both sides of the join, since PostgreSQL carries only equality across it.
_FIND_AMONG_ROWS = f"""
SELECT s.order_id::text FROM order_search AS s JOIN orders AS o ON o.id = s.order_id
WHERE {_WORDS} AND ($2::uuid IS NULL OR o.id < $2) AND ($3::uuid IS NULL OR o.id >= $3)
  AND ($7::text IS NULL OR o.status = $7) AND ($8::text IS NULL OR o.channel = $8) AND ($9::text IS NULL OR o.customer_id = $9)
  AND ($10::text IS NULL OR o.phone = $10) AND ($11::bigint IS NULL OR o.serial = $11)
  AND ($12::text IS NULL OR o.external_id = $12) AND (NOT $13 OR o.holds <> '{{}}')
ORDER BY s.order_id DESC LIMIT $5
"""
