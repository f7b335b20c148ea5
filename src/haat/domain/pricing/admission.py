"""What a rule must be before it is stored: everything that its type alone cannot say. Pure; the commands ask."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from haat.domain.pricing.promotion import Kinds
from haat.domain.pricing.rows import Coupon, FeeRate, Price, PriceList, PriceRule, PromotionRow, ShippingRate, TaxRate
from haat.domain.pricing.rules import understood
from haat.kernel.errors import Refused

Row = PriceList | PromotionRow | TaxRate | ShippingRate | FeeRate | PriceRule | Coupon


def key(row: Row) -> str:
    """The code that a rule is stored under. A tax rate has none of its own: class, zone and start name it."""
    if isinstance(row, TaxRate):
        start = row.starts_at.astimezone(UTC).isoformat().replace("+00:00", "Z") if row.starts_at else "*"
        return f"{row.tax_class}@{row.zone or '*'}@{start}"
    return row.code


def admit(rows: Sequence[Row], kinds: Kinds | None = None) -> list[tuple[str, str]]:
    """(code, document) of each row in the order of codes. Raises Refused «invalid_rule» naming the rule and what is wrong with it.

    Structs built in code were not checked on the way in, so each goes through its own decoder once. The document has no version:
    that is counted by the store.
    """
    found: dict[str, str] = {}
    for row in rows:
        code = key(row)
        _check(row, code, kinds)
        if code in found:
            raise _refused(code, "the same rule twice in one call")
        document = row if isinstance(row, Coupon) else msgspec.structs.replace(row, version=1)
        try:
            text = msgspec.json.encode(document)
            msgspec.json.decode(text, type=type(row))
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise _refused(code, str(error)) from error
        found[code] = text.decode()
    return sorted(found.items())


def admit_prices(rows: Sequence[Price]) -> list[Price]:
    """Prices in the order of their keys, each key once. Raises Refused «invalid_rule»."""
    found: dict[tuple[str, str, int, datetime | None], Price] = {}
    for row in rows:
        name = f"{row.sku}/{row.list}"
        _period(row.starts_at, row.ends_at, name)
        if not (0 <= row.amount <= 10**15 and 1 <= row.min_quantity <= 10**9 and row.sku):
            raise _refused(name, "an amount, a quantity or a SKU is out of range")
        if found.setdefault((row.sku, row.list, row.min_quantity, row.starts_at), row) is not row:
            raise _refused(name, "the same price twice in one call")
    return list(found.values())


def _check(row: Row, code: str, kinds: Kinds | None) -> None:
    _period(row.starts_at, row.ends_at, code) if not isinstance(row, PriceRule) else _dynamic(row)
    if isinstance(row, PromotionRow):
        if (row.funded_by == "shared") != (0 < row.vendor_share < 10_000):
            raise _refused(code, "vendor_share belongs to a shared discount, between 0 and 10,000")
        try:
            understood(row, kinds or {})
        except (KeyError, ValueError) as error:
            raise _refused(code, f"kind {row.kind}: {error}") from error
    elif isinstance(row, FeeRate) and bool(row.payment_method) == bool(row.service):
        raise _refused(code, "a fee belongs to a payment method or to a service")
    elif isinstance(row, ShippingRate) and bool(row.step_amount) != bool(row.step_g):
        raise _refused(code, "weight steps need both grams and an amount")
    elif isinstance(row, Coupon) and row.code != row.code.upper():
        raise _refused(code, "coupon codes are upper case")


def _dynamic(row: PriceRule) -> None:
    _period(row.starts_at, row.ends_at, row.code)
    if not row.bands or len({band.at_least for band in row.bands}) != len(row.bands):
        raise _refused(row.code, "a price rule has bands, each threshold once")


def _period(starts_at: datetime | None, ends_at: datetime | None, code: str) -> None:
    for instant in (starts_at, ends_at):
        if instant is not None and instant.tzinfo is None:
            raise _refused(code, "an instant needs an offset")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise _refused(code, "the period ends before it starts")


def _refused(code: str, detail: str) -> Refused:
    return Refused("invalid_rule", f"{code}: {detail}", rule=code)
