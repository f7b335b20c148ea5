"""Questions to the catalogue. `products` is the hot one: it fills the copy that every process keeps in memory."""

from collections.abc import Sequence

import asyncpg
import msgspec

from haat.domain.catalogue.category import Category
from haat.domain.catalogue.product import Backorder, Detail, KitPart, Product, ProductSheet, PurchaseLimit, StoredSheet
from haat.engine.database import Tx

_options = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_parts = msgspec.json.Decoder(tuple[KitPart, ...]).decode
_detail = msgspec.json.Decoder(Detail).decode


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


def product_of(row: asyncpg.Record) -> Product:
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
