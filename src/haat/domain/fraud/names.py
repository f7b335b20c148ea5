"""Names as the ear keeps them, so that রহিমা খাতুন, Rahima Khatun and Rohima Khatoon are one person.

Bangla is spelt with Latin letters at will; what survives every spelling is, mostly, the row of consonants. Words that half the
country carries (Md, Mst, Mr …) say nothing and are dropped. Two names meet when they share one word: people leave out, add and
turn round the others. Nicknames and gifts make honest mismatches, so a mismatch alone is a small sign.
"""

import re
import unicodedata
from functools import lru_cache

#: Titles and the forms of Muhammad that stand before nearly every man's name.
_TITLES = frozenset(
    unicodedata.normalize(
        "NFC",
        """md mohd mohammad mohammed mohamed mohammod muhammad muhammed mohamad mst most mosammat mosammot mr mrs ms miss dr engr
        adv alhaj alhajj hazi haji sri shri late মো মোঃ মোহাম্মদ মুহাম্মদ মোহাম্মাদ মোসাঃ মোসা মোছাঃ মোছা মোসাম্মৎ মিসেস জনাব জনাবা
        ডা ডাঃ ডঃ হাজী আলহাজ্ব শ্রী মরহুম""",
    ).split()
)
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0980-\u0983\u09bc-\u09d7])*")
#: Bangla letters by sound. Vowel signs and marks are silent here; a vowel that stands for itself counts at the beginning.
_BANGLA = str.maketrans(
    dict(zip("কখগঘঙচছজঝঞটঠডঢণতথদধনপফবভমযরলশষসৎং", "kkggnCCjjnttddnttddnpfbbmjrlssstn", strict=True)) | dict.fromkeys("অআইঈউঊঋএঐওঔ", "A")
)
#: Letters that are two code points in NFC, and letters that are hardly heard below another: স্বপন, সত্য.
_BANGLA_PAIRS = (
    ("ড\u09bc", "র"), ("ঢ\u09bc", "র"), ("য\u09bc", ""), ("ক\u09cdষ", "ক"),
    ("ঙ\u09cdগ", "ঙ"), ("ংগ", "ং"), ("\u09cdয", ""), ("\u09cdব", ""),
)  # fmt: skip
#: Latin letter groups by the same sounds, applied in this order.
_LATIN = (
    ("chh", "C"), ("ch", "C"), ("ck", "k"), ("ph", "f"), ("bh", "b"), ("dh", "d"), ("gh", "g"), ("jh", "j"), ("kh", "k"),
    ("sh", "s"), ("th", "t"), ("ng", "n"), ("x", "ks"), ("q", "k"), ("c", "k"), ("v", "b"), ("z", "j"),
)  # fmt: skip
_OPEN = frozenset("Aaeiouyw")  # a vowel, or what is spelt like one
_SILENT = re.compile(r"[^A-Cbdfgjklmnprst]+")
_TWICE = re.compile(r"(.)\1+")
SOUND_LENGTH_MIN = 2  # one consonant meets half the country
WORDS_MAX = 6


@lru_cache(maxsize=16_384)
def sounds(name: str) -> frozenset[str]:
    """The sounds of a name's telling words; empty where it has none."""
    plain = unicodedata.normalize("NFC", name).casefold()
    words = [word for word in _WORD.findall(plain) if word not in _TITLES]
    return frozenset(sound for word in words[:WORDS_MAX] if len(sound := _sound(word)) >= SOUND_LENGTH_MIN)


def share_a_word(one: str, other: str) -> bool | None:
    """Whether two names may be one person's; None where either says nothing."""
    ours, theirs = sounds(one), sounds(other)
    return not ours.isdisjoint(theirs) if ours and theirs else None


def _sound(word: str) -> str:
    """The first letter's kind and the consonants: `chowdhury` and `চৌধুরী` → `Cdr`, `islam` and `ইসলাম` → `Aslm`."""
    groups, letters = (_LATIN, {}) if word.isascii() else (_BANGLA_PAIRS, _BANGLA)
    for group, sign in groups:
        word = word.replace(group, sign)
    sound = word.translate(letters)
    head = "A" if sound[:1] in _OPEN else sound[:1]
    return _TWICE.sub(r"\1", _SILENT.sub("", head + sound[1:].replace("A", "")))
