"""Which sheets of an upsert are written, which change nothing, which are refused: decided from what is known of the rest.

One poisoned sheet is refused alone; its neighbours go through. The rules: a SKU belongs to its first vendor for good;
a category must exist; a kit is made of the same vendor's plain products, and nothing that is part of a kit becomes one.
Where one call names a SKU twice, the last sheet holds, as if they had come one after another.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from haat.domain.catalogue.entry import Entry
from haat.domain.catalogue.product import ProductSheet


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
    """An entry to be stored as `version`: only on top of the version before, else somebody was faster."""

    entry: Entry
    version: int


class Admission(Struct, frozen=True):
    writes: tuple[Write, ...]
    unchanged: dict[str, int]
    refusals: tuple[Refusal, ...]


def admit(
    entries: Sequence[Entry], around: Surroundings, *, vendor: str | None = None, expected: Mapping[str, int] | None = None
) -> Admission:
    """Decide every entry. `vendor`: the only one whose sheets are taken. `expected`: versions by SKU, 0 for «not there yet»."""
    last = {entry.sheet.sku: entry for entry in entries}
    writes: list[Write] = []
    unchanged: dict[str, int] = {}
    refusals: list[Refusal] = []
    kits: dict[str, Entry] = {}
    plain: dict[str, str] = {}
    for sku in sorted(last):
        entry = last[sku]
        known = around.products.get(sku)
        refused = _refusal(entry, known, around, vendor=vendor, expected=expected)
        if refused is not None:
            refusals.append(refused)
        elif entry.sheet.kit:
            kits[sku] = entry
        else:
            plain[sku] = entry.sheet.vendor
            _take(entry, known, writes, unchanged)
    for sku, entry in kits.items():
        refused = _kit_refusal(entry.sheet, around, plain, kits)
        if refused is not None:
            refusals.append(refused)
        else:
            _take(entry, around.products.get(sku), writes, unchanged)
    return Admission(tuple(writes), unchanged, tuple(refusals))


def _take(entry: Entry, known: Known | None, writes: list[Write], unchanged: dict[str, int]) -> None:
    if known is not None and known.digest == entry.digest:
        unchanged[entry.sheet.sku] = known.version
    else:
        writes.append(Write(entry, known.version + 1 if known else 1))


def _refusal(
    entry: Entry, known: Known | None, around: Surroundings, *, vendor: str | None, expected: Mapping[str, int] | None
) -> Refusal | None:
    sheet = entry.sheet
    if entry.problem is not None:
        return Refusal(sheet.sku, entry.problem.field, entry.problem.code, entry.problem.detail)
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


def _kit_refusal(sheet: ProductSheet, around: Surroundings, plain: Mapping[str, str], kits: Mapping[str, Entry]) -> Refusal | None:
    if sheet.sku in around.used_as_parts:
        return Refusal(sheet.sku, "kit", "part_of_a_kit", "it is a component of another kit; there are no kits of kits")
    for part in sheet.kit:
        known = around.products.get(part.sku)
        owner = plain.get(part.sku) or (known.vendor if known else None)
        if part.sku in kits or (part.sku not in plain and known is not None and known.kit):
            return Refusal(sheet.sku, "kit", "kit_of_a_kit", f"{part.sku} is a kit itself; there are no kits of kits")
        if owner is None:
            return Refusal(sheet.sku, "kit", "unknown_component", f"there is no product {part.sku}")
        if owner != sheet.vendor:
            return Refusal(sheet.sku, "kit", "component_of_other_vendor", f"{part.sku} belongs to another vendor")
    return None
