"""Money as the parties here write it: a decimal string in taka. Inside, the world counts in paisa like everybody sane."""

from decimal import Decimal, InvalidOperation


def paisa(taka: object) -> int:
    """`"50.00"`, `50` or `"50"` as paisa. Raises ValueError for what is no amount, or finer than a paisa."""
    try:
        exact = Decimal(str(taka)) * 100
    except InvalidOperation as error:
        raise ValueError(f"{taka!r} is no amount") from error
    if exact != exact.to_integral_value():
        raise ValueError(f"{taka!r} is finer than a paisa")
    return int(exact)


def taka(amount: int) -> str:
    """Paisa as `"50.00"`."""
    return f"{amount // 100}.{amount % 100:02d}"
