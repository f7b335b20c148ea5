"""A sheet made ready to be stored: in its one spelling, with its digest, its words and its row.

All the work on a sheet that needs no database is done here and only once, so an import can do it for the next batch
while PostgreSQL stores the last one.
"""

import hashlib
from datetime import UTC

import msgspec
from msgspec import Struct

from haat.domain.catalogue import words
from haat.domain.catalogue.product import Problem, ProductSheet, detail_json, problems
from haat.kernel.time import YEARS

_encode = msgspec.json.Encoder().encode


class Entry(Struct, frozen=True, gc=False):
    """`row` holds the values of the columns of `products` in the order of the upsert, up to and without `version`."""

    sheet: ProductSheet
    problem: Problem | None
    digest: bytes
    row: tuple[object, ...]


def entry(sheet: ProductSheet) -> Entry:
    """The sheet's entry. A sheet with a problem has no row."""
    sheet = _settled(sheet)
    # A tuple and not the struct: its encoding would depend on whether a default was spelled out.
    written = _encode(msgspec.structs.astuple(sheet))
    problem = next(problems(sheet), None)
    if problem is None and b"\\u0000" in written and _holds_nul(sheet):
        problem = Problem("", "nul_character", "texts must not hold the character U+0000")
    digest = hashlib.blake2b(written, digest_size=12).digest()
    return Entry(sheet, problem, digest, () if problem else _row(sheet, digest))


def _settled(sheet: ProductSheet) -> ProductSheet:
    """The one spelling of a sheet, so that what is read back and written again changes nothing."""
    if sheet.product and not sheet.kit and sheet.backorder is None:
        return sheet
    backorder = sheet.backorder
    if backorder is not None and (at := backorder.expected_at) is not None and at.tzinfo is not None and at.year in YEARS:
        backorder = msgspec.structs.replace(backorder, expected_at=at.astimezone(UTC))
    kit = tuple(sorted(sheet.kit, key=lambda part: part.sku))
    return msgspec.structs.replace(sheet, product=sheet.product or sheet.sku, kit=kit, backorder=backorder)


def _holds_nul(sheet: ProductSheet) -> bool:
    """PostgreSQL keeps no U+0000. Asked only where the JSON holds its escape, which may also be a backslash before `u0000`."""
    return any("\0" in text for text in _texts(msgspec.to_builtins(sheet)))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return []


def _row(sheet: ProductSheet, digest: bytes) -> tuple[object, ...]:
    limit, backorder, size = sheet.purchase_limit, sheet.backorder, sheet.size_mm
    said = [
        text for value in sheet.attributes.values() for text in (value if isinstance(value, list) else (value,)) if isinstance(text, str)
    ]
    return (
        sheet.sku,
        sheet.product,
        sheet.vendor,
        sheet.category,
        sheet.status,
        sheet.name_en,
        sheet.name_bn,
        sheet.tax_class,
        sheet.price,
        sheet.currency,
        sheet.weight_g,
        None if size is None else f"{{{size[0]},{size[1]},{size[2]}}}",
        _encode(list(sheet.options.items())).decode() if sheet.options else None,
        bool(sheet.kit),
        sheet.quantity_min,
        sheet.quantity_max,
        None if limit is None else limit.quantity,
        None if limit is None else limit.days,
        None if backorder is None else backorder.kind,
        None if backorder is None else backorder.limit,
        None if backorder is None else backorder.expected_at,
        sheet.images[0] if sheet.images else "",
        detail_json(sheet),
        words.index_text((sheet.name_en, sheet.name_bn, *sheet.options.values(), *said)),
        digest,
    )
