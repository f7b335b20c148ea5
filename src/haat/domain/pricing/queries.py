"""The questions: all rules as one consistent snapshot, prices and coupons by key, and why an order cost what it did."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from haat.domain.pricing.candidates import coupon_code
from haat.domain.pricing.promotion import Kinds
from haat.domain.pricing.quoted import Receipt
from haat.domain.pricing.rows import Coupon, FeeRate, PriceList, PriceRow, PriceRule, PromotionRow, ShippingRate, TaxRate
from haat.domain.pricing.rules import Rules, compile_rules
from haat.engine.database import Tx


class Stored(Struct, frozen=True):
    """Every rule as it is stored, each with its version. `version` is that of all together."""

    version: int = 0
    price_lists: tuple[PriceList, ...] = ()
    promotions: tuple[PromotionRow, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    shipping_rates: tuple[ShippingRate, ...] = ()
    fee_rates: tuple[FeeRate, ...] = ()
    price_rules: tuple[PriceRule, ...] = ()


class Calculation(Struct, frozen=True):
    """The receipt of an order, and the version of the rules that it was quoted with."""

    order_id: str
    rules_version: int
    receipt: Receipt
    created_at: datetime


class Former(Struct, frozen=True):
    """A rule as it once was: its document and since when it held."""

    version: int
    rule: msgspec.Raw
    at: datetime


async def stored_rules(tx: Tx) -> Stored:
    """Everything but the codes of generated batches. One statement, hence one snapshot, whatever is being written meanwhile."""
    found = await tx.fetchval(
        """SELECT jsonb_build_object(
             'version', (SELECT version FROM pricing_state),
             'price_lists', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM price_lists), '[]'),
             'promotions', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM promotions), '[]'),
             'coupons', coalesce((SELECT jsonb_agg(to_jsonb(c) - 'updated_at') FROM coupons AS c WHERE batch = ''), '[]'),
             'tax_rates', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM tax_rates), '[]'),
             'shipping_rates', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM shipping_rates), '[]'),
             'fee_rates', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM fee_rates), '[]'),
             'price_rules', coalesce((SELECT jsonb_agg(rule || jsonb_build_object('version', version)) FROM price_rules), '[]')
           )::text"""
    )
    return msgspec.json.decode(found, type=Stored)


async def load_rules(tx: Tx, kinds: Kinds) -> Rules:
    """The stored rules, compiled; `kinds` are the promotion plug-ins found."""
    stored = await stored_rules(tx)
    return compile_rules(
        version=stored.version,
        price_lists=stored.price_lists,
        promotions=stored.promotions,
        coupons=stored.coupons,
        tax_rates=stored.tax_rates,
        shipping_rates=stored.shipping_rates,
        fee_rates=stored.fee_rates,
        price_rules=stored.price_rules,
        kinds=kinds,
    )


async def load_prices(tx: Tx, skus: Sequence[str]) -> dict[str, tuple[PriceRow, ...]]:
    """Price-list rows by SKU; SKUs without any are left out."""
    rows = await tx.fetch(
        """SELECT sku, list, amount, min_quantity, nullif(starts_at, '-infinity') AS starts_at, ends_at
           FROM prices WHERE sku = ANY ($1::text[]) ORDER BY sku, list, min_quantity, prices.starts_at""",
        list(skus),
    )
    found: dict[str, list[PriceRow]] = {}
    for sku, *values in rows:
        found.setdefault(sku, []).append(PriceRow(*values))
    return {sku: tuple(prices) for sku, prices in found.items()}


async def load_coupons(tx: Tx, codes: Sequence[str]) -> dict[str, Coupon]:
    """Coupons by code, generated ones too, however the codes were typed. Unknown codes are left out."""
    rows = await tx.fetch(
        """SELECT code, promotion, uses, customer, batch, starts_at, ends_at, active FROM coupons WHERE code = ANY ($1::text[])""",
        sorted({coupon_code(code) for code in codes}),
    )
    return {row[0]: Coupon(*row) for row in rows}


async def batch(tx: Tx, name: str, *, after: str = "", limit: int = 10_000) -> tuple[Coupon, ...]:
    """The codes of a generated batch, in order, from behind `after` on."""
    rows = await tx.fetch(
        """SELECT code, promotion, uses, customer, batch, starts_at, ends_at, active FROM coupons
           WHERE batch = $1 AND code > $2 ORDER BY code LIMIT $3""",
        name,
        after,
        limit,
    )
    return tuple(Coupon(*row) for row in rows)


async def calculation(tx: Tx, order_id: str) -> Calculation | None:
    """Why this order cost what it did; None where nothing was calculated."""
    row = await tx.fetchrow(
        """SELECT order_id::text, rules_version, receipt, created_at FROM order_calculations WHERE order_id = $1""", order_id
    )
    return Calculation(row[0], row[1], msgspec.json.decode(row[2], type=Receipt), row[3]) if row else None


async def history(tx: Tx, kind: str, code: str, *, limit: int = 100) -> tuple[Former, ...]:
    """All that the rule `code` of a table (`kind`: promotions, tax_rates, …) ever was, the newest first."""
    rows = await tx.fetch(
        """SELECT version, rule::text, at FROM pricing_history WHERE kind = $1 AND code = $2 ORDER BY version DESC LIMIT $3""",
        kind,
        code,
        limit,
    )
    return tuple(Former(row[0], msgspec.Raw(row[1].encode()), row[2]) for row in rows)
