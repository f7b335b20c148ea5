"""Words in two languages, and digits in two scripts."""

_BANGLA_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
_ASCII_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


def ascii_digits(value: str) -> str:
    """`value` with Bangla digits (U+09E6 to U+09EF) as ASCII ones."""
    return value.translate(_BANGLA_DIGITS)


def bangla_digits(value: str) -> str:
    """`value` with ASCII digits as Bangla ones."""
    return value.translate(_ASCII_DIGITS)
