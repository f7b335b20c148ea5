"""How text becomes words that can be searched: the same cut for what is stored and for what is asked.

PostgreSQL's own parser cuts Bangla by the database's locale (vowel signs fall off in some, and the C locale lowers
only ASCII), so the words are cut here and the database only keeps them. A word is a run of letters, digits and the
marks that belong to them; Bangla digits count as ASCII ones; joiners vanish; case is folded; text is NFC, except that
য়, ড় and ঢ় stay decomposed as NFC itself demands (Unicode composition exclusions), however they were typed.
"""

import re
import unicodedata
from collections.abc import Iterable

from haat.kernel import text

WORD_MAX = 40  # characters; PostgreSQL refuses lexemes above 2 kB, and nobody types more
WORDS_MAX = 60  # of one product: names, SKU, options and the like; enough to be found by, small enough for the index
QUERY_WORDS_MAX = 8

# Letters, digits, and the marks that `\w` leaves out: of Latin, Hebrew, Arabic, the scripts of India (their blocks whole
# but for the danda and the taka signs) and Thai.
_WORD = re.compile(r"[\w\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u09f1\u09f4-\u0dff\u0e31-\u0e4e]+")
_ASCII_WORD = re.compile(r"[a-z0-9_]+")
_JOINERS = {0x200B: None, 0x200C: None, 0x200D: None, 0xFEFF: None}
_ODD = re.compile("[\u200b-\u200d\ufeff০-৯]").search  # translating costs more than looking whether there is anything to translate


def cut(value: str) -> list[str]:
    """The words of `value` in their order, repeated ones kept."""
    if value.isascii():
        return [word[:WORD_MAX] for word in _ASCII_WORD.findall(value.lower())]
    if _ODD(value):
        value = text.ascii_digits(value.translate(_JOINERS))
    return [word[:WORD_MAX] for word in _WORD.findall(unicodedata.normalize("NFC", value.casefold()))]


def index_text(values: Iterable[str]) -> str:
    """The text of a `tsvector` with the words of `values`: each once, without positions.

    Words hold no quote, backslash, colon or blank, so they need no quoting.
    """
    return " ".join(list(dict.fromkeys(cut(" ".join(values))))[:WORDS_MAX])


def query_text(value: str) -> str:
    """The text of a `tsquery` that asks for all words of `value`, the last one as a beginning; "" when there is none."""
    asked = list(dict.fromkeys(cut(value)))[:QUERY_WORDS_MAX]
    return " & ".join(asked) + ":*" if asked else ""
