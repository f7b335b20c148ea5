"""Questions to the catalogue. `products` is the hot one: it fills the copy that every process keeps in memory."""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from haat.domain.catalogue import words
from haat.domain.catalogue.category import Category
from haat.domain.catalogue.importing import Import
from haat.domain.catalogue.intake import RowError
from haat.domain.catalogue.product import Backorder, Detail, KitPart, Product, ProductSheet, PurchaseLimit, Status, StoredSheet
from haat.engine.database import Row, Tx
from haat.kernel.errors import Refused

CANDIDATES_MAX = 2_000  # forty pages of fifty: further than anybody turns

_SKU_BEGINNING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{1,63}").fullmatch
_SEARCH_CURSOR = re.compile(r"([01]):([0-9]{1,5}):([A-Za-z0-9._:/-]{1,64})").fullmatch
_options = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_parts = msgspec.json.Decoder(tuple[KitPart, ...]).decode
_detail = msgspec.json.Decoder(Detail).decode
_errors = msgspec.json.Decoder(tuple[RowError, ...]).decode


async def products(tx: Tx, skus: Sequence[str]) -> dict[str, Product]:
    """The products among `skus` that exist, whatever their status."""
    rows = await tx.fetch(
        """SELECT p.sku, p.product, p.vendor, p.status, p.name_en, p.name_bn, c.path, p.tax_class, p.price, p.currency,
             p.weight_g, p.size_mm, p.options, p.quantity_min, p.quantity_max, p.purchase_limit, p.purchase_days,
             p.backorder, p.backorder_limit, p.expected_at, p.image, p.version,
             CASE WHEN p.kit THEN (
               SELECT json_agg(json_build_object('sku', part, 'quantity', quantity) ORDER BY part)
               FROM kit_parts WHERE kit_parts.kit = p.sku) END AS kit
           FROM products p
           LEFT JOIN categories c ON c.code = p.category
           WHERE p.sku = ANY($1::text[])""",
        skus,
    )
    return {row["sku"]: product_of(row) for row in rows}


async def product(tx: Tx, sku: str) -> Product | None:
    return (await products(tx, [sku])).get(sku)


def product_of(row: Row) -> Product:
    """A `Product` of a row with the columns of `products`, its category's `path`, and `kit` as JSON or null."""
    return Product(
        sku=row["sku"],
        product=row["product"],
        vendor=row["vendor"],
        status=row["status"],
        name_en=row["name_en"],
        name_bn=row["name_bn"],
        categories=tuple(row["path"] or ()),
        tax_class=row["tax_class"],
        price=row["price"],
        currency=row["currency"],
        weight_g=row["weight_g"],
        size_mm=None if row["size_mm"] is None else tuple(row["size_mm"]),
        options=() if row["options"] is None else _options(row["options"]),
        kit=() if row["kit"] is None else _parts(row["kit"]),
        quantity_min=row["quantity_min"],
        quantity_max=row["quantity_max"],
        purchase_limit=None if row["purchase_limit"] is None else PurchaseLimit(row["purchase_limit"], row["purchase_days"]),
        backorder=None if row["backorder"] is None else Backorder(row["backorder"], row["backorder_limit"], row["expected_at"]),
        image=row["image"],
        version=row["version"],
    )


async def sheets(tx: Tx, skus: Sequence[str]) -> dict[str, StoredSheet]:
    """The whole sheets among `skus` that exist: for a product's page, for an export, and for editing."""
    found = await products(tx, skus)
    rows = await tx.fetch(
        "SELECT sku, category, detail, version, created_at, updated_at FROM products WHERE sku = ANY($1::text[])", list(found)
    )
    return {
        row["sku"]: StoredSheet(
            _sheet_of(found[row["sku"]], row["category"], _detail(row["detail"])), row["version"], row["created_at"], row["updated_at"]
        )
        for row in rows
    }


async def sheet(tx: Tx, sku: str) -> StoredSheet | None:
    return (await sheets(tx, [sku])).get(sku)


def _sheet_of(sold: Product, category: str | None, detail: Detail) -> ProductSheet:
    return ProductSheet(
        sku=sold.sku,
        vendor=sold.vendor,
        name_en=sold.name_en,
        name_bn=sold.name_bn,
        product=sold.product,
        options=dict(sold.options),
        category=category,
        status=sold.status,
        tax_class=sold.tax_class,
        price=sold.price,
        currency=sold.currency,
        weight_g=sold.weight_g,
        size_mm=sold.size_mm,
        description_en=detail.description_en,
        description_bn=detail.description_bn,
        attributes=detail.attributes,
        images=detail.images,
        kit=sold.kit,
        quantity_min=sold.quantity_min,
        quantity_max=sold.quantity_max,
        purchase_limit=sold.purchase_limit,
        backorder=sold.backorder,
    )


class Filter(Struct, frozen=True, kw_only=True):
    """Which products are meant; None means any. `category` takes in everything below it."""

    vendor: str | None = None
    category: str | None = None
    status: Status | None = None
    product: str | None = None


class Page(Struct, frozen=True):
    """Some products in order, and the cursor that the next page begins after; None at the end."""

    products: tuple[Product, ...]
    after: str | None


async def find(tx: Tx, which: Filter, *, after: str = "", limit: int = 50) -> Page:
    """Products by SKU order, from behind the SKU `after`."""
    rows = await tx.fetch(
        """SELECT sku FROM products
           WHERE sku > $1
             AND ($2::text IS NULL OR vendor = $2)
             AND ($3::text IS NULL OR category IN (SELECT code FROM categories WHERE path @> ARRAY[$3::text]))
             AND ($4::text IS NULL OR status = $4)
             AND ($5::text IS NULL OR product = $5)
           ORDER BY sku
           LIMIT $6""",
        after,
        which.vendor,
        which.category,
        which.status,
        which.product,
        limit + 1,
    )
    skus = [row["sku"] for row in rows]
    return await _page(tx, skus[:limit], skus[limit - 1] if len(skus) > limit else None)


async def search(tx: Tx, asked: str, which: Filter = Filter(), *, after: str = "", limit: int = 50) -> Page:  # noqa: B008 - a frozen value
    """Products that hold all words of `asked` (the last one may be a beginning) or whose SKU begins with it.

    SKUs stand first, then the shorter descriptions, which say little else; then the SKU decides. A word that a large part
    of the catalogue carries is answered from its first `CANDIDATES_MAX` products: ranking a million alike helps nobody.
    """
    place, length, sku = _cursor(after)
    rows = await tx.fetch(
        """WITH begun AS (
             SELECT sku, 0 AS place, 0 AS length FROM products
             WHERE $1 <> '' AND (sku ^@ $1 OR sku ^@ upper($1) OR sku ^@ lower($1))
               AND ($3::text IS NULL OR vendor = $3)
               AND ($4::text IS NULL OR category IN (SELECT code FROM categories WHERE path @> ARRAY[$4::text]))
               AND ($5::text IS NULL OR status = $5)
               AND ($6::text IS NULL OR product = $6)
             LIMIT $7
           ), worded AS (
             SELECT sku, 1 AS place, length(words) AS length FROM products
             WHERE words @@ $2::tsquery
               AND ($3::text IS NULL OR vendor = $3)
               AND ($4::text IS NULL OR category IN (SELECT code FROM categories WHERE path @> ARRAY[$4::text]))
               AND ($5::text IS NULL OR status = $5)
               AND ($6::text IS NULL OR product = $6)
             LIMIT $7
           )
           SELECT sku, place, length FROM (
             SELECT * FROM begun
             UNION ALL
             SELECT * FROM worded WHERE NOT EXISTS (SELECT FROM begun WHERE begun.sku = worded.sku)
           ) AS found
           WHERE (place, length, sku) > ($8, $9, $10)
           ORDER BY place, length, sku
           LIMIT $11""",
        asked.strip() if _SKU_BEGINNING(asked.strip()) else "",
        words.query_text(asked),
        which.vendor,
        which.category,
        which.status,
        which.product,
        CANDIDATES_MAX,
        place,
        length,
        sku,
        limit + 1,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = None if last is None else f"{last['place']}:{last['length']}:{last['sku']}"
    return await _page(tx, [row["sku"] for row in rows[:limit]], cursor)


def _cursor(after: str) -> tuple[int, int, str]:
    match = _SEARCH_CURSOR(after)
    if after and match is None:
        raise Refused("bad_cursor", "the cursor is not one of ours", kind="malformed")
    return (int(match[1]), int(match[2]), match[3]) if match else (-1, 0, "")


async def _page(tx: Tx, skus: Sequence[str], after: str | None) -> Page:
    found = await products(tx, skus)
    return Page(tuple(found[sku] for sku in skus if sku in found), after)


async def categories(tx: Tx) -> dict[str, Category]:
    """The whole tree by code, parents before children, siblings in their order."""
    rows = await tx.fetch(
        "SELECT code, parent, path, name_en, name_bn, position, active FROM categories ORDER BY cardinality(path), position, code"
    )
    return {
        row["code"]: Category(
            code=row["code"],
            parent=row["parent"],
            path=tuple(row["path"]),
            name_en=row["name_en"],
            name_bn=row["name_bn"],
            position=row["position"],
            active=row["active"],
        )
        for row in rows
    }


async def product_import(tx: Tx, import_id: str) -> Import | None:
    row = await tx.fetchrow("SELECT *, id::text AS id_text FROM product_imports WHERE id = $1", import_id)
    return None if row is None else import_of(row)


async def product_imports(tx: Tx, *, vendor: str | None = None, limit: int = 50) -> list[Import]:
    """The latest imports first, without their errors. `vendor`: only those bound to that vendor."""
    rows = await tx.fetch(
        """SELECT id::text AS id_text, source, format, vendor, started_by, status, reason, bytes_total, bytes_done, lines_done, header,
             created, changed, unchanged, rejected, '[]' AS errors, started_at, updated_at, finished_at
           FROM product_imports
           WHERE $1::text IS NULL OR vendor = $1
           ORDER BY started_at DESC, id
           LIMIT $2""",
        vendor,
        limit,
    )
    return [import_of(row) for row in rows]


def import_of(row: Row) -> Import:
    """An `Import` of a row with the columns of `product_imports`, its id also as `id_text`."""
    return Import(
        id=row["id_text"],
        source=row["source"],
        format=row["format"],
        vendor=row["vendor"],
        started_by=row["started_by"],
        status=row["status"],
        reason=row["reason"],
        bytes_total=row["bytes_total"],
        bytes_done=row["bytes_done"],
        lines_done=row["lines_done"],
        header=None if row["header"] is None else tuple(row["header"]),
        created=row["created"],
        changed=row["changed"],
        unchanged=row["unchanged"],
        rejected=row["rejected"],
        errors=_errors(row["errors"]),
        started_at=row["started_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )
