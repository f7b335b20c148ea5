"""All rules of a market in the form in which a quote asks for them: compiled once when they change, then only read.

`compile_rules` turns stored rows into dictionaries by what a basket knows (SKU, vendor, category, zone, class), so that a
quote looks at the few rules that can matter and not at all there are. `Rules` is immutable and shared by every quote.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, ValidationError, convert

from haat.domain.pricing.promotion import Kinds, Part, Promotion
from haat.domain.pricing.quoted import Reason
from haat.domain.pricing.rows import Conditions, Coupon, FeeRate, PriceList, PriceRule, PromotionRow, ShippingRate, TaxRate

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

Words = frozenset[str]
Key = TypeVar("Key")
Row = TypeVar("Row", TaxRate, ShippingRate, FeeRate)


class OpenList(Struct, frozen=True):
    """A price list, ready to ask."""

    code: str
    version: int
    priority: int
    currency: str
    channels: Words
    customer_groups: Words
    starts_at: datetime
    ends_at: datetime


class Target(Struct, frozen=True):
    """Which lines a rule covers. `everything` short-cuts the usual case."""

    everything: bool
    skus: Words
    categories: Words
    tags: Words
    vendors: Words
    excluded_skus: Words
    excluded_categories: Words

    def covers(self, sku: str, vendor: str, categories: tuple[str, ...], tags: tuple[str, ...]) -> bool:
        """Whether a line is meant. O(categories)."""
        if self.everything:
            return True
        if self.vendors and vendor not in self.vendors:
            return False
        if sku in self.excluded_skus or not self.excluded_categories.isdisjoint(categories):
            return False
        if not (self.skus or self.categories or self.tags):
            return True
        return sku in self.skus or not self.categories.isdisjoint(categories) or not self.tags.isdisjoint(tags)


class Window(Struct, frozen=True):
    """`Hours` with its zone found."""

    weekdays: frozenset[int]
    from_minute: int
    until_minute: int
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether the local time of `now` lies in the window."""
        local = now.astimezone(self.zone)
        minute, day = local.hour * 60 + local.minute, local.isoweekday()
        if self.from_minute < self.until_minute:
            inside = self.from_minute <= minute < self.until_minute
        else:
            inside = minute >= self.from_minute or minute < self.until_minute
            if minute < self.until_minute:
                day = (day - 2) % 7 + 1
        return inside and (not self.weekdays or day in self.weekdays)


class ActivePromotion(Struct, frozen=True):
    """A promotion, ready to ask. `rank` orders by priority (highest first), then code. `open`: covering
    a line is enough; `conditional`: the basket must pass
    conditions; those on plain fields are `asked`: (reason, field of the basket, answers that pass)."""

    rank: int
    code: str
    version: int
    row: PromotionRow
    args: Any
    apply: Callable[[Any, Sequence[Part]], Sequence[int]]
    shipping: bool
    target: Target
    starts_at: datetime
    ends_at: datetime
    open: bool
    conditional: bool
    asked: tuple[tuple[Reason, str, frozenset[str | bool | None]], ...]
    window: Window | None
    minimum_total: int
    minimum_quantity: int
    vendor_share: int
    limited: bool
    exclusive: bool
    group: str


class DynamicPrice(Struct, frozen=True):
    """A price rule, ready to ask. Bands are sorted from the highest threshold down."""

    rule: PriceRule
    target: Target
    channels: Words
    bands: tuple[tuple[int, int], ...]
    starts_at: datetime
    ends_at: datetime


class Rules(Struct, frozen=True):
    """Everything that quotes need but the items. `dormant` lists stored promotions whose kind or arguments are not understood here."""

    version: int
    lists: dict[str, OpenList]
    promotions: dict[str, ActivePromotion]
    general: tuple[ActivePromotion, ...]
    by_sku: dict[str, tuple[ActivePromotion, ...]]
    by_category: dict[str, tuple[ActivePromotion, ...]]
    by_vendor: dict[str, tuple[ActivePromotion, ...]]
    coupons: dict[str, Coupon]
    taxes: dict[tuple[str, str], tuple[TaxRate, ...]]
    shipping: dict[str, dict[tuple[str, str, str], tuple[ShippingRate, ...]]]
    payment_fees: dict[str, tuple[FeeRate, ...]]
    service_fees: dict[str, tuple[FeeRate, ...]]
    dynamic: tuple[DynamicPrice, ...]
    dormant: tuple[str, ...]


def compile_rules(  # noqa: PLR0913 one argument per kind of row
    *,
    version: int = 0,
    price_lists: Iterable[PriceList] = (),
    promotions: Iterable[PromotionRow] = (),
    coupons: Iterable[Coupon] = (),
    tax_rates: Iterable[TaxRate] = (),
    shipping_rates: Iterable[ShippingRate] = (),
    fee_rates: Iterable[FeeRate] = (),
    price_rules: Iterable[PriceRule] = (),
    kinds: Kinds | None = None,
) -> Rules:
    """Rules from rows; `kinds` are the promotion plug-ins found. A promotion that cannot be understood sleeps and blocks no sale."""
    active, dormant = _promotions(promotions, kinds or {})
    general, by_sku, by_category, by_vendor = _indexed([p for p in active if p.row.automatic and p.row.active], kinds or {})
    fees = sorted(fee_rates, key=lambda fee: fee.code)
    return Rules(
        version=version,
        lists={row.code: _open_list(row) for row in price_lists if row.active},
        promotions={p.code: p for p in active},
        general=general,
        by_sku=by_sku,
        by_category=by_category,
        by_vendor=by_vendor,
        coupons={row.code: row for row in coupons},
        taxes=_grouped(tax_rates, lambda row: (row.tax_class, row.zone)),
        shipping={
            vendor: _grouped(rows, lambda row: (row.currency, row.zone, row.method))
            for vendor, rows in _grouped(shipping_rates, lambda row: row.vendor).items()
        },
        payment_fees=_grouped((fee for fee in fees if fee.payment_method), lambda row: row.payment_method),
        service_fees=_grouped((fee for fee in fees if fee.service), lambda row: row.service),
        dynamic=_dynamic(price_rules),
        dormant=dormant,
    )


def valid(row: TaxRate | ShippingRate | FeeRate | Coupon, now: datetime) -> bool:
    """Whether `now` lies in the row's period."""
    return (row.starts_at is None or row.starts_at <= now) and (row.ends_at is None or now < row.ends_at)


def understood(row: PromotionRow, kinds: Kinds) -> Any:
    """The typed arguments of a stored promotion. Raises KeyError (no such kind), ValidationError, or ZoneInfoNotFoundError (a KeyError)."""
    if row.conditions.hours:
        ZoneInfo(row.conditions.hours.timezone)
    return convert(row.args, kinds[row.kind].args)


def _promotions(rows: Iterable[PromotionRow], kinds: Kinds) -> tuple[list[ActivePromotion], tuple[str, ...]]:
    active: list[ActivePromotion] = []
    dormant: list[str] = []
    for rank, row in enumerate(sorted(rows, key=lambda row: (-row.priority, row.code))):
        try:
            active.append(_active(rank, row, kinds[row.kind], understood(row, kinds)))
        except (KeyError, ValueError, ValidationError):
            dormant.append(row.code)
    return active, tuple(dormant)


def _active(rank: int, row: PromotionRow, kind: Promotion, args: Any) -> ActivePromotion:
    asked, hours = row.conditions, row.conditions.hours
    checks = tuple((reason, answer, frozenset(allowed)) for reason, answer, allowed in _asked(row, asked) if allowed)
    return ActivePromotion(
        rank=rank,
        code=row.code,
        version=row.version,
        row=row,
        args=args,
        apply=kind.apply,
        shipping=kind.target == "shipping",
        target=_target(asked),
        starts_at=row.starts_at or EARLIEST,
        ends_at=row.ends_at or LATEST,
        open=not (checks or hours or row.uses_per_customer or asked.minimum_total or asked.minimum_quantity) and row.active,
        conditional=bool(checks or hours or row.uses_per_customer or not row.active),
        asked=checks,
        window=Window(frozenset(hours.weekdays), hours.from_minute, hours.until_minute, ZoneInfo(hours.timezone)) if hours else None,
        minimum_total=asked.minimum_total,
        minimum_quantity=asked.minimum_quantity,
        vendor_share={"platform": 0, "vendor": 10_000, "shared": row.vendor_share}[row.funded_by],
        limited=row.uses is not None or row.uses_per_customer is not None or row.budget is not None,
        exclusive=row.stacking == "exclusive",
        group=row.group,
    )  # fmt: skip


def _asked(row: PromotionRow, asked: Conditions) -> tuple[tuple[Reason, str, Iterable[str | bool | None]], ...]:
    """(Reason, what the basket is asked, the answers that pass), in the order in which reasons are told."""
    return (
        ("wrong_currency", "currency", (row.currency,) if row.currency else ()),
        ("wrong_channel", "channel", asked.channels),
        ("wrong_group", "customer_group", asked.customer_groups),
        ("wrong_zone", "zone", asked.zones),
        ("wrong_payment_method", "payment_method", asked.payment_methods),
        ("wrong_shipping_method", "shipping_method", asked.shipping_methods),
        ("not_first_order", "first_order", (True,) if asked.first_order else ()),
    )


def _target(row: Conditions | PriceRule) -> Target:
    sets = {name: frozenset(getattr(row, name, ())) for name in Target.__struct_fields__[1:]}
    return Target(everything=not any(sets.values()), **sets)


Index = dict[str, tuple[ActivePromotion, ...]]


def _indexed(automatic: list[ActivePromotion], kinds: Kinds) -> tuple[tuple[ActivePromotion, ...], Index, Index, Index]:
    """Each promotion under the most telling words it names; a basket without any of these words cannot be covered by it."""
    general: list[ActivePromotion] = []
    by_sku: dict[str, list[ActivePromotion]] = {}
    by_category: dict[str, list[ActivePromotion]] = {}
    by_vendor: dict[str, list[ActivePromotion]] = {}
    for promotion in automatic:
        target = promotion.target
        named = kinds[promotion.row.kind].skus_of(promotion.args)
        if named:
            places = [(by_sku, word) for word in named]
        elif target.tags:
            places = []
        else:
            places = [(by_sku, word) for word in target.skus] + [(by_category, word) for word in target.categories]
            places = places or [(by_vendor, word) for word in target.vendors]
        for index, word in places:
            index.setdefault(word, []).append(promotion)
        if not places:
            general.append(promotion)
    frozen = [{word: tuple(found) for word, found in index.items()} for index in (by_sku, by_category, by_vendor)]
    return tuple(general), frozen[0], frozen[1], frozen[2]


def _open_list(row: PriceList) -> OpenList:
    return OpenList(
        row.code, row.version, row.priority, row.currency, frozenset(row.channels), frozenset(row.customer_groups),
        row.starts_at or EARLIEST, row.ends_at or LATEST,
    )  # fmt: skip


def _dynamic(rows: Iterable[PriceRule]) -> tuple[DynamicPrice, ...]:
    ordered = sorted((row for row in rows if row.active), key=lambda row: (-row.priority, row.code))
    return tuple(
        DynamicPrice(
            rule=row,
            target=_target(row),
            channels=frozenset(row.channels),
            bands=tuple(sorted(((band.at_least, band.change) for band in row.bands), reverse=True)),
            starts_at=row.starts_at or EARLIEST,
            ends_at=row.ends_at or LATEST,
        )
        for row in ordered
    )


def _grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, tuple[Row, ...]]:
    """Rows by key, the latest start first: where two periods overlap, the younger rate holds."""
    found: dict[Key, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.starts_at or EARLIEST, reverse=True):
        found.setdefault(key(row), []).append(row)
    return {key: tuple(group) for key, group in found.items()}
