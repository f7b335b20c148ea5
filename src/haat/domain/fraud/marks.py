"""Marks: what identifies a buyer, as numbers that say nothing to who finds them.

A mark is the first 64 bits of BLAKE2b under a key of this installation, so that a stolen table of sightings cannot be turned
back into phones by trying all of them. Marks are equal exactly where the thing is; two things share one once in 10¹⁹ pairs.
Here also: one fingerprint for an address however it is abbreviated, and what is odd about an address. Pure.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

from haat.domain.fraud import names
from haat.kernel import text

UNKNOWN = 0
_PERSON = {kind: kind.encode() for kind in ("phone", "address", "device", "ip", "account", "name")}

#: Words for the same thing in an address; the empty ones say nothing.
_SAME = {
    unicodedata.normalize("NFC", word): same
    for same, words in {
        "road": "rd rod রোড রাস্তা সড়ক street st",
        "house": "h hs hse home holding বাড়ি বাড়ী বাসা হাউস হোল্ডিং",
        "flat": "f apt apartment ফ্ল্যাট ফ্লাট",
        "floor": "fl তলা",
        "block": "blk ব্লক",
        "sector": "sec সেক্টর",
        "lane": "ln লেন",
        "village": "vill গ্রাম",
        "": "no number নং নম্বর",
    }.items()
    for word in words.split()
}
_PLACE_WORDS = (frozenset(_SAME.values()) - {""}) | frozenset(
    unicodedata.normalize(
        "NFC",
        """mosque masjid bazar bazaar school college market hospital station stand more mor para mohalla union ward post office
        building tower মসজিদ বাজার স্কুল কলেজ মার্কেট হাসপাতাল মোড় পাড়া মহল্লা ইউনিয়ন ওয়ার্ড পোস্ট অফিস ভবন টাওয়ার""",
    ).split()
)
_TOKEN = re.compile(r"\d+|[^\W\d_](?:[^\W\d_]|[\u0980-\u0983\u09bc-\u09d7])*")
#: A letter four times, a syllable three times in a row, a word three times.
_REPEATED = tuple(re.compile(found) for found in (r"([^\W\d])\1{3}", r"([^\W\d]{2,4}?)\1\1", r"\b(\w{2,})(?: \1){2,}\b"))
_PHONE = re.compile(r"0 ?1 ?[3-9](?: ?\d){8}")
LETTERS_MIN = 10  # of what the buyer wrote beside the district and upazila


def key_of(secret: str) -> bytes:
    """The key of this installation's marks: derived, so that the main secret itself is not used. Another key forgets everybody."""
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"haat-fraud-marks").digest()


def mark(key: bytes, kind: str, value: str) -> int:
    """The mark of a phone, address, device, ip, account: a signed 64-bit number, 0 where `value` is empty."""
    if not value:
        return UNKNOWN
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8, key=key, person=_PERSON[kind]).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


@lru_cache(maxsize=16_384)
def name_marks(key: bytes, *given: str) -> tuple[int, ...]:
    """Marks (32 bits) of the sounds of these names, sorted."""
    heard = {sound for name in given for sound in names.sounds(name)}
    return tuple(sorted({mark(key, "name", sound) >> 32 for sound in heard}))


def address_of(*, place: str, area: str, line: str) -> str:
    """One text for an address however it is abbreviated, ordered or spaced; empty where it fits a whole quarter.

    `place` is the code of the district or upazila. Only an address with a number in it, or with four words, is one door: else
    everybody of «Mirpur 10» would look like one buyer.
    """
    own = _tokens(line)
    if len(own) < 4 and not any(token.isdigit() for token in own):
        return ""
    tokens = {_SAME.get(token, token) for token in (*own, *_tokens(area))} - {""}
    return "\x1f".join([place, *sorted(tokens)])


def address_signs(*, area: str, line: str, landmark: str, upazila_known: bool, home: bool) -> tuple[str, ...]:
    """What is odd about an address, as stable words: `short`, `repeated`, `aimless`, `nowhere`, `phone_inside`.

    `aimless` has neither a number nor any word that leads a rider to a door. `home`: whether it is in Bangladesh; the addresses of
    other countries are only looked at for `repeated`.
    """
    tokens = (*_tokens(line), *_tokens(area), *_tokens(landmark))
    written = " ".join(tokens)
    signs = []
    if home and len(written) - len(tokens) + 1 < LETTERS_MIN:
        signs.append("short")
    if any(pattern.search(written) for pattern in _REPEATED):
        signs.append("repeated")
    if home and not any(token.isdigit() or _SAME.get(token, token) in _PLACE_WORDS for token in tokens):
        signs.append("aimless")
    if home and not upazila_known:
        signs.append("nowhere")
    if home and _PHONE.search(written):
        signs.append("phone_inside")
    return tuple(signs)


@lru_cache(maxsize=4096)  # an order's own address is asked for twice
def _tokens(written: str) -> tuple[str, ...]:
    plain = written if written.isascii() else unicodedata.normalize("NFC", written)
    return tuple(_TOKEN.findall(text.ascii_digits(plain).casefold()))
