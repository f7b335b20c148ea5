"""Which sheets of an upsert are written, which change nothing, which are refused: decided from what is known of the rest.

One poisoned sheet is refused alone; its neighbours go through. The rules: a SKU belongs to its first vendor for good;
a category must exist; a kit is made of the same vendor's plain products, and nothing that is part of a kit becomes one.
Where one call names a SKU twice, the last sheet holds, as if they had come one after another.
"""

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC

import msgspec
from msgspec import Struct

from haat.domain.catalogue.product import ProductSheet, problems

_encode = msgspec.json.Encoder().encode


class Known(Struct, frozen=True, gc=False):
    """What is stored under a SKU already."""

    vendor: str
    version: int
    digest: bytes
    kit: bool


class Surroundings(Struct, frozen=True):
    """What the rules look at beside the sheets. `used_as_parts`: SKUs of the batch that stand in some stored kit."""

    products: Mapping[str, Known]
    categories: AbstractSet[str] = frozenset()
    used_as_parts: AbstractSet[str] = frozenset()


class Refusal(Struct, frozen=True):
    """Why one sheet was not taken. `field` is a path in the sheet; `code` a stable word."""

    sku: str
    field: str
    code: str
    detail: str


class Write(Struct, frozen=True, gc=False):
    """A sheet to be stored as `version`: only on top of the version before, else somebody was faster."""

    sheet: ProductSheet
    digest: bytes
    version: int


class Admission(Struct, frozen=True):
    writes: tuple[Write, ...]
    unchanged: dict[str, int]
    refusals: tuple[Refusal, ...]


def settled(sheet: ProductSheet) -> ProductSheet:
    """The one spelling of a sheet, so that what is read back and written again changes nothing."""
    if sheet.product and not sheet.kit and sheet.backorder is None:
        return sheet
    backorder = sheet.backorder
    if backorder is not None and backorder.expected_at is not None:
        backorder = msgspec.structs.replace(backorder, expected_at=backorder.expected_at.astimezone(UTC))
    kit = tuple(sorted(sheet.kit, key=lambda part: part.sku))
    return msgspec.structs.replace(sheet, product=sheet.product or sheet.sku, kit=kit, backorder=backorder)


def digest_of(sheet: ProductSheet) -> bytes:
    """Twelve bytes that differ when a settled sheet differs, and not with the way its defaults were spelled."""
    return hashlib.blake2b(_encode(msgspec.structs.astuple(sheet)), digest_size=12).digest()


def admit(
    sheets: Sequence[ProductSheet], around: Surroundings, *, vendor: str | None = None, expected: Mapping[str, int] | None = None
) -> Admission:
    """Decide every sheet. `vendor`: the only one whose sheets are taken. `expected`: versions by SKU, 0 for «not there yet»."""
    last = {sheet.sku: sheet for sheet in sheets}
    writes: list[Write] = []
    unchanged: dict[str, int] = {}
    refusals: list[Refusal] = []
    kits: dict[str, ProductSheet] = {}
    plain: dict[str, str] = {}
    for sku in sorted(last):
        sheet = last[sku]
        known = around.products.get(sku)
        refused = _refusal(sheet, known, around, vendor=vendor, expected=expected)
        if refused is not None:
            refusals.append(refused)
        elif sheet.kit:
            kits[sku] = sheet
        else:
            plain[sku] = sheet.vendor
            _take(sheet, known, writes, unchanged)
    for sku, sheet in kits.items():
        refused = _kit_refusal(sheet, around, plain, kits)
        if refused is not None:
            refusals.append(refused)
        else:
            _take(sheet, around.products.get(sku), writes, unchanged)
    return Admission(tuple(writes), unchanged, tuple(refusals))


def _take(sheet: ProductSheet, known: Known | None, writes: list[Write], unchanged: dict[str, int]) -> None:
    sheet = settled(sheet)
    digest = digest_of(sheet)
    if known is not None and known.digest == digest:
        unchanged[sheet.sku] = known.version
    else:
        writes.append(Write(sheet, digest, known.version + 1 if known else 1))


def _refusal(
    sheet: ProductSheet, known: Known | None, around: Surroundings, *, vendor: str | None, expected: Mapping[str, int] | None
) -> Refusal | None:
    for problem in problems(sheet):
        return Refusal(sheet.sku, problem.field, problem.code, problem.detail)
    if vendor is not None and sheet.vendor != vendor:
        return Refusal(sheet.sku, "vendor", "not_your_vendor", f"only products of {vendor} may be written here")
    if known is not None and known.vendor != sheet.vendor:
        return Refusal(sheet.sku, "vendor", "sku_taken", "this SKU belongs to another vendor, and stays with it")
    if sheet.category is not None and sheet.category not in around.categories:
        return Refusal(sheet.sku, "category", "unknown_category", f"there is no category {sheet.category}")
    if expected is not None and sheet.sku in expected:
        version = known.version if known else 0
        if version != expected[sheet.sku]:
            return Refusal(sheet.sku, "", "stale", f"version {expected[sheet.sku]} was expected, {version} is stored")
    return None


def _kit_refusal(sheet: ProductSheet, around: Surroundings, plain: Mapping[str, str], kits: Mapping[str, ProductSheet]) -> Refusal | None:
    if sheet.sku in around.used_as_parts:
        return Refusal(sheet.sku, "kit", "part_of_a_kit", "it is a component of another kit; there are no kits of kits")
    for part in sheet.kit:
        known = around.products.get(part.sku)
        owner = plain.get(part.sku) or (known.vendor if known else None)
        if owner is None:
            return Refusal(sheet.sku, "kit", "unknown_component", f"there is no product {part.sku}")
        if part.sku in kits or (part.sku not in plain and known is not None and known.kit):
            return Refusal(sheet.sku, "kit", "kit_of_a_kit", f"{part.sku} is a kit itself; there are no kits of kits")
        if owner != sheet.vendor:
            return Refusal(sheet.sku, "kit", "component_of_other_vendor", f"{part.sku} belongs to another vendor")
    return None
