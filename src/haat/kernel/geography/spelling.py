"""One name, many spellings: what a place's name is when case, spaces, marks and the habit of the hand are taken away.

`plain` makes «Cox’s Bazar», «COXSBAZAR» and «cox's bazar» one; it loses nothing that tells two places apart.
`skeleton` goes further and keeps what the ear keeps, mostly consonants: Jhalokati = Jhalakathi, Kaliakoir = Kaliakair.
Skeletons may meet, so they count only where just one place of a district has it.
"""

import re
import unicodedata

_DROPPED = str.maketrans(dict.fromkeys(" \t\r\n\xa0\u200b\u200c\u200d\ufeff.,;:'’‘`\"()[]{}-–—_/\\&+|।*#", ""))

#: Words that say what kind of place it is and not which one; the longer stand before those that they contain.
_KINDS = (
    "metropolitan",
    "upazilla",
    "upazila",
    "upozilla",
    "upozila",
    "district",
    "division",
    "zilla",
    "bibhag",
    "thana",
    "jela",
    "zila",
    "উপজেলা",
    "জেলা",
    "বিভাগ",
    "থানা",
    "মহানগর",
)

#: Latin letter groups that Bangla names are spelt with at will, applied in this order.
_LATIN = (
    ("gonj", "gnj"),
    ("ganj", "gnj"),
    ("gang", "gng"),
    ("chh", "6"),
    ("ch", "6"),
    ("ck", "k"),
    ("c", "k"),
    ("sh", "s"),
    ("ph", "f"),
    ("bh", "b"),
    ("dh", "d"),
    ("gh", "g"),
    ("jh", "j"),
    ("kh", "k"),
    ("th", "t"),
    ("v", "b"),
    ("z", "j"),
    ("x", "ks"),
    ("q", "k"),
    ("w", ""),
    ("h", ""),
)
_VOWELS = str.maketrans(dict.fromkeys("aeiouy", ""))
_TWICE = re.compile(r"(.)\1+")

#: Bangla signs that sound alike to most writers, and marks often left out.
_BANGLA = str.maketrans({"ী": "ি", "ূ": "ু", "ণ": "ন", "ষ": "শ", "স": "শ", "ঁ": None, "্": None, "়": None, "ঙ": "ং"})

SKELETON_LENGTH_MIN = 3  # a shorter one meets too many others


def plain(text: str) -> str:
    """`text` without case, spaces and marks. Bangla is brought to NFC, so য় is the same in one code point or two."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.translate(_DROPPED).casefold()


def without_kind(key: str) -> str:
    """A plain key without the word for its kind: `khulnadistrict` → `khulna`. The key itself if nothing would be left."""
    for word in _KINDS:
        if key.endswith(word) and len(key) > len(word):
            return key[: -len(word)]
    return key


def skeleton(key: str) -> str:
    """What the ear keeps of a plain key: the first letter and the consonants of Latin, Bangla with like signs made one."""
    if not key.isascii():
        return key.translate(_BANGLA)
    text = key
    for group, sign in _LATIN:
        text = text.replace(group, sign)
    head = "a" if text[:1] in ("a", "o", "u", "e", "i") else text[:1]
    return _TWICE.sub(r"\1", head + text[1:].translate(_VOWELS))
