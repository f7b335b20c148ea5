"""How long a text is as an SMS. One letter outside GSM-7 (3GPP TS 23.038) makes the whole message UCS-2: Bangla always is.

GSM-7: 160 characters in one part, 153 in each of several; UCS-2: 70 and 67. Characters of the extension table count twice, those
outside the basic plane likewise. A character is never cut in two by the end of a part, so parts may be left one short.
"""

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")
_SINGLE, _JOINED = {True: 160, False: 70}, {True: 153, False: 67}


def is_gsm_7(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension."""
    return all(letter in GSM_7 or letter in GSM_7_EXTENSION for letter in text)


def parts(text: str) -> int:
    """How many messages are paid for. An empty text is one. O(length)."""
    plain = is_gsm_7(text)
    widths = [_width(letter, plain) for letter in text]
    if sum(widths) <= _SINGLE[plain]:
        return 1
    count, room = 1, _JOINED[plain]
    for width in widths:
        if width > room:
            count, room = count + 1, _JOINED[plain]
        room -= width
    return count


def fit(text: str, parts_max: int) -> str:
    """The text, or as much of its beginning as fits into `parts_max` parts, cut between words and marked with «...»."""
    if parts(text) <= parts_max:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if parts(text[:middle].rstrip() + "...") <= parts_max:
            low = middle
        else:
            high = middle - 1
    cut = text[:low]
    between = cut.rfind(" ")
    return (cut[:between] if between > low // 2 else cut).rstrip() + "..."


def _width(letter: str, plain: bool) -> int:
    if plain:
        return 2 if letter in GSM_7_EXTENSION else 1
    return 2 if ord(letter) > 0xFFFF else 1
