"""Money: integer minor units beside an ISO 4217 code. No float, no Decimal, anywhere near an amount.

Inside one order there is one currency, so amounts travel as plain `int` named in the docstring or the field
(`unit_price`, `total`), and the currency stands once on the document. Every division names its rounding.
"""

from collections.abc import Sequence

#: Decimal places by ISO 4217 code; everything else has two (ISO 4217:2015, list one).
EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "UGX": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}

#: No amount above this enters the system: sums of a thousand such lines still fit PostgreSQL's bigint.
AMOUNT_MAX = 10**15


def exponent(currency: str) -> int:
    """Decimal places of `currency`'s minor unit: 2 for BDT."""
    return EXPONENTS.get(currency, 2)


def half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded half away from zero. `denominator` is positive."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((2 * -numerator + denominator) // (2 * denominator))


def permyriad(amount: int, rate: int) -> int:
    """`rate` hundredths of a percent of `amount`, half up: permyriad(10_000, 1_500) is 15 % = 1_500."""
    return half_up(amount * rate, 10_000)


def included(gross: int, rate: int) -> int:
    """The tax contained in `gross` at `rate` hundredths of a percent, half up: gross × r / (100 % + r)."""
    return half_up(gross * rate, 10_000 + rate)


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` over `weights` so that the parts sum to it exactly (largest remainder, earlier part wins a tie).

    Weights are not negative; where all are zero the parts are as equal as can be. O(n log n).
    """
    if len(weights) == 1:
        return [total]
    if not weights:
        if total:
            raise ValueError("nothing to apportion an amount to")
        return []
    weight_sum = sum(weights)
    if weight_sum == 0:
        weights, weight_sum = [1] * len(weights), len(weights)
    if len(weights) == 2:  # the usual basket: of two remainders the larger is at least half, the earlier wins the tie
        first = half_up(total * weights[0], weight_sum)
        return [first, total - first]
    sign = -1 if total < 0 else 1
    whole = abs(total)
    parts = [whole * w // weight_sum for w in weights]
    missing = whole - sum(parts)
    if missing:
        order = sorted(range(len(weights)), key=lambda i: (-(whole * weights[i] % weight_sum), i))
        for i in order[:missing]:
            parts[i] += 1
    return [sign * p for p in parts]


def decimal_text(amount: int, currency: str) -> str:
    """`amount` in major units with a point and no grouping: decimal_text(123450, "BDT") == "1234.50"."""
    places = exponent(currency)
    if places == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def grouped_text(minor: int, currency: str) -> str:
    """`1,23,456.50`: taka grouped by hazar, lakh and crore, other currencies by thousands."""
    whole, _, part = decimal_text(abs(minor), currency).partition(".")
    sign = "-" if minor < 0 else ""
    return f"{sign}{_grouped(whole, 2 if currency == 'BDT' else 3)}{'.' * bool(part)}{part}"


def _grouped(whole: str, size: int) -> str:
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(end - size, 0) : end] for end in range(len(head), 0, -size)]
    return ",".join([*reversed(groups), tail])
