"""The verbs: rules and prices go in, set-wise and idempotent, and every process is told.

A rule that does not change keeps its version and nothing is announced. Writers of rules take turns on the one row of
`pricing_state`, so the version of all rules together has no gaps and names exactly one state of them.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from haat.domain.pricing.admission import admit, admit_prices
from haat.domain.pricing.promotion import Kinds
from haat.domain.pricing.rows import Coupon, FeeRate, Price, PriceList, PriceRule, PromotionRow, ShippingRate, TaxRate
from haat.engine import changes, together
from haat.engine.arrays import texts
from haat.engine.database import Tx
from haat.kernel.errors import Refused
from haat.kernel.ids import SYMBOLS

RULES = "pricing"
PRICES = "prices"
BATCH_MAX = 100_000
CODE_SYMBOLS = 10  # 50 random bits: a million codes are still one in a thousand million guesses

_PRICE_LISTS = """
  INSERT INTO price_lists AS t (code, rule, updated_at) SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_PROMOTIONS = """
  INSERT INTO promotions AS t (code, rule, updated_at) SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_TAX_RATES = """
  INSERT INTO tax_rates AS t (code, rule, updated_at) SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_SHIPPING_RATES = """
  INSERT INTO shipping_rates AS t (code, rule, updated_at)
  SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_FEE_RATES = """
  INSERT INTO fee_rates AS t (code, rule, updated_at) SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_PRICE_RULES = """
  INSERT INTO price_rules AS t (code, rule, updated_at) SELECT code, rule::jsonb, $3 FROM unnest($1::text[], $2::text[]) AS n (code, rule)
  ON CONFLICT (code) DO UPDATE SET rule = excluded.rule, version = t.version + 1, updated_at = $3 WHERE t.rule <> excluded.rule
  RETURNING code, version"""
_HISTORY = """
  INSERT INTO pricing_history (kind, code, version, rule, at)
  SELECT $1, code, version, rule::jsonb, $5 FROM unnest($2::text[], $3::integer[], $4::text[]) AS n (code, version, rule)"""


async def put_price_lists(tx: Tx, rows: Sequence[PriceList], *, now: datetime) -> dict[str, int]:
    """Store price lists; returns the new version of each that changed. A `version` in a row is ignored, here and below."""
    return await _put(tx, "price_lists", _PRICE_LISTS, admit(rows), now)


async def put_promotions(tx: Tx, rows: Sequence[PromotionRow], kinds: Kinds, *, now: datetime) -> dict[str, int]:
    """Store promotions whose kind and arguments are understood. One is ended by `active=False` or its period, never deleted."""
    return await _put(tx, "promotions", _PROMOTIONS, admit(rows, kinds), now)


async def put_tax_rates(tx: Tx, rows: Sequence[TaxRate], *, now: datetime) -> dict[str, int]:
    """Store tax rates. A class, a zone and a start name one: a new rate is a new start."""
    return await _put(tx, "tax_rates", _TAX_RATES, admit(rows), now)


async def put_shipping_rates(tx: Tx, rows: Sequence[ShippingRate], *, now: datetime) -> dict[str, int]:
    """Store shipping rates."""
    return await _put(tx, "shipping_rates", _SHIPPING_RATES, admit(rows), now)


async def put_fee_rates(tx: Tx, rows: Sequence[FeeRate], *, now: datetime) -> dict[str, int]:
    """Store fees."""
    return await _put(tx, "fee_rates", _FEE_RATES, admit(rows), now)


async def put_price_rules(tx: Tx, rows: Sequence[PriceRule], *, now: datetime) -> dict[str, int]:
    """Store dynamic price rules."""
    return await _put(tx, "price_rules", _PRICE_RULES, admit(rows), now)


async def put_coupons(tx: Tx, rows: Sequence[Coupon], *, now: datetime) -> tuple[str, ...]:
    """Store coupons with codes of our own choosing; returns the codes that are new or changed. Refused «unknown_promotion»."""
    admit(rows)
    await _turn(tx)
    await _promotions_exist(tx, [row.promotion for row in rows])
    rows = sorted(rows, key=lambda row: row.code)
    written = await tx.fetch(
        """INSERT INTO coupons AS t (code, promotion, uses, customer, batch, starts_at, ends_at, active, updated_at)
               SELECT code, promotion, uses, customer, batch, starts_at, ends_at, active, $9
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[],
                           $5::text[], $6::timestamptz[], $7::timestamptz[], $8::boolean[])
                 AS n (code, promotion, uses, customer, batch, starts_at, ends_at, active)
               ON CONFLICT (code) DO UPDATE
               SET (promotion, uses, customer, batch, starts_at, ends_at, active, updated_at) =
                   (excluded.promotion, excluded.uses, excluded.customer,
                    excluded.batch, excluded.starts_at, excluded.ends_at, excluded.active, $9)
               WHERE (t.promotion, t.uses, t.customer, t.batch, t.starts_at, t.ends_at, t.active) IS DISTINCT FROM
                   (excluded.promotion, excluded.uses, excluded.customer,
                    excluded.batch, excluded.starts_at, excluded.ends_at, excluded.active)
               RETURNING code""",
        [row.code for row in rows],
        [row.promotion for row in rows],
        [row.uses for row in rows],
        [row.customer for row in rows],
        [row.batch for row in rows],
        [row.starts_at for row in rows],
        [row.ends_at for row in rows],
        [row.active for row in rows],
        now,
    )
    await _changed(tx, bool(written))
    return tuple(row[0] for row in written)


async def generate_coupons(tx: Tx, like: Coupon, count: int, *, now: datetime) -> tuple[str, ...]:
    """`count` new unguessable codes that begin with `like.code` and share all else of it; returns them.

    `like.batch` names the batch and may not be empty. `uses` of None means each code works once. Nothing is announced: such codes
    are looked up when typed.
    """
    if not like.batch or not 0 < count <= BATCH_MAX:
        raise Refused("invalid_batch", f"a batch has a name and 1 to {BATCH_MAX} codes", count=count)
    admit([like])
    await _promotions_exist(tx, [like.promotion])
    made: list[str] = []
    while len(made) < count:
        codes = {like.code + "".join(secrets.choice(SYMBOLS) for _ in range(CODE_SYMBOLS)) for _ in range(count - len(made))}
        rows = await tx.fetch(
            """INSERT INTO coupons (code, promotion, uses, customer, batch, starts_at, ends_at, active, updated_at)
                   SELECT code, $2, $3, $4, $5, $6, $7, $8, $9 FROM unnest($1::text[]) AS n (code)
                   ON CONFLICT (code) DO NOTHING RETURNING code""",
            sorted(codes),
            like.promotion,
            like.uses or 1,
            like.customer,
            like.batch,
            like.starts_at,
            like.ends_at,
            like.active,
            now,
        )
        made += [row[0] for row in rows]
    return tuple(made)


async def put_prices(tx: Tx, rows: Sequence[Price]) -> int:
    """Store price-list rows by (SKU, list, quantity, start); returns how many are new or changed. Refused «unknown_price_list»."""
    rows = sorted(admit_prices(rows), key=lambda row: (row.sku, row.list, row.min_quantity))
    unknown = await tx.fetchval(
        """SELECT n.code FROM unnest($1::text[]) AS n (code)
           WHERE NOT EXISTS (SELECT FROM price_lists AS p WHERE p.code = n.code) ORDER BY n.code LIMIT 1""",
        sorted({row.list for row in rows}),
    )
    if unknown is not None:
        raise Refused("unknown_price_list", f"there is no price list {unknown}", price_list=unknown)
    written = await tx.fetch(
        """INSERT INTO prices AS t (sku, list, min_quantity, starts_at, ends_at, amount)
               SELECT sku, list, min_quantity, coalesce(starts_at, '-infinity'), ends_at, amount
               FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
                 AS n (sku, list, min_quantity, starts_at, ends_at, amount)
               ON CONFLICT (sku, list, min_quantity, starts_at) DO UPDATE SET ends_at = excluded.ends_at, amount = excluded.amount
               WHERE (t.ends_at, t.amount) IS DISTINCT FROM (excluded.ends_at, excluded.amount)
               RETURNING sku""",
        [row.sku for row in rows],
        [row.list for row in rows],
        [row.min_quantity for row in rows],
        [row.starts_at for row in rows],
        [row.ends_at for row in rows],
        [row.amount for row in rows],
    )
    await _announce_prices(tx, [row[0] for row in written])
    return len(written)


async def drop_prices(tx: Tx, price_list: str, skus: Sequence[str]) -> int:
    """Take SKUs out of a price list; returns how many rows went."""
    gone = await tx.fetch("DELETE FROM prices WHERE list = $1 AND sku = ANY ($2::text[]) RETURNING sku", price_list, list(skus))
    await _announce_prices(tx, [row[0] for row in gone])
    return len(gone)


async def record_calculations(tx: Tx, order_ids: Sequence[str], rules_version: int, receipts: Sequence[str], now: datetime) -> None:
    """Keep the receipts (JSON) of orders that are being placed, beside their ids."""
    await tx.execute(_CALCULATIONS, *calculation_arguments(order_ids, rules_version, receipts, now))


def calculation_arguments(order_ids: Sequence[str], rules_version: int, receipts: Sequence[str], now: datetime) -> tuple[object, ...]:
    """The arguments of CALCULATIONS."""
    return texts(order_ids), rules_version, receipts, now


#: The receipts of orders that are being placed.
CALCULATIONS: together.Piece = (
    (
        "new_calculations",
        """INSERT INTO order_calculations (order_id, rules_version, receipt, created_at)
           SELECT order_id, $2, receipt, $4 FROM unnest($1::text::uuid[], $3::json[]) AS n (order_id, receipt)""",
    ),
)
_CALCULATIONS = together.writes(CALCULATIONS)


async def _put(tx: Tx, kind: str, upsert: str, documents: Sequence[tuple[str, str]], now: datetime) -> dict[str, int]:
    await _turn(tx)
    rows = await tx.fetch(upsert, [code for code, _ in documents], [document for _, document in documents], now)
    versions: dict[str, int] = dict(rows)
    changed = [document for code, document in documents if code in versions]
    ordered = sorted(versions)
    await tx.execute(_HISTORY, kind, ordered, [versions[code] for code in ordered], changed, now)
    await _changed(tx, bool(versions))
    return versions


async def _promotions_exist(tx: Tx, codes: Sequence[str]) -> None:
    unknown = await tx.fetchval(
        """SELECT n.code FROM unnest($1::text[]) AS n (code)
           WHERE NOT EXISTS (SELECT FROM promotions AS p WHERE p.code = n.code) ORDER BY n.code LIMIT 1""",
        sorted(set(codes)),
    )
    if unknown is not None:
        raise Refused("unknown_promotion", f"there is no promotion {unknown}", promotion=unknown)


async def _turn(tx: Tx) -> None:
    await tx.execute("SELECT version FROM pricing_state FOR UPDATE")


async def _changed(tx: Tx, something: bool) -> None:
    if something:
        await tx.execute("UPDATE pricing_state SET version = version + 1")
        await changes.announce(tx, RULES, [changes.ALL])


async def _announce_prices(tx: Tx, skus: Sequence[str]) -> None:
    if skus:
        await changes.announce(tx, PRICES, sorted(set(skus)))
