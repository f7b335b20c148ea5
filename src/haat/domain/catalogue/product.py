"""A product as it is written (`ProductSheet`) and as it is sold (`Product`).

One SKU is one sheet. Variants of one thing carry the same `product` code and differ in `options`; so do the offers
that several vendors make for it. A sheet holds everything a vendor says about a SKU; a `Product` holds only what
pricing, validation and stock ask for, so that a million of them fit in memory: no dict, nothing for the garbage
collector to walk. What one field cannot say about itself (a maximum below its minimum) says `problems`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from haat.kernel import money
from haat.kernel.time import YEARS

Sku = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$", description="Stock keeping unit: letters, digits and `._:/-`, at most 64")
]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Name = Annotated[str, Meta(max_length=300)]
Prose = Annotated[str, Meta(max_length=20_000)]
Url = Annotated[str, Meta(pattern=r"^(https?://|/)[^\s\"<>\\]*$", max_length=2_000)]
Label = Annotated[str, Meta(min_length=1, max_length=80)]
Word = Annotated[str, Meta(max_length=2_000)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[int, Meta(ge=0, le=money.AMOUNT_MAX)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Grams = Annotated[int, Meta(ge=0, le=100_000_000)]
Millimetres = Annotated[int, Meta(ge=0, le=1_000_000)]
Size = tuple[Millimetres, Millimetres, Millimetres]
Status = Literal["active", "draft", "archived"]


class KitPart(Struct, frozen=True, gc=False):
    """So many units of a component in one unit of the kit."""

    sku: Sku
    quantity: Count


class PurchaseLimit(Struct, frozen=True, gc=False, omit_defaults=True):
    """At most `quantity` units for one customer: within any `days` days, or ever where that is None."""

    quantity: Count
    days: Annotated[int, Meta(ge=1, le=3_650)] | None = None


class Backorder(Struct, frozen=True, gc=False, omit_defaults=True):
    """Permission to sell up to `limit` units that are not in hand, and when they can be sent.

    A `preorder` is for what is not out yet and must name its release date; a `backorder` is for what comes back.
    """

    kind: Literal["backorder", "preorder"]
    limit: Count
    expected_at: datetime | None = None


class ProductSheet(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything that is said about one SKU. Price in minor units of `currency`; size is length, width, height."""

    sku: Sku
    vendor: Code
    name_en: Name = ""
    name_bn: Name = ""
    product: Sku | Literal[""] = ""
    options: Annotated[dict[Label, Label], Meta(max_length=10)] = {}
    category: Code | None = None
    status: Status = "active"
    tax_class: Code = "standard"
    price: Amount
    currency: Currency = "BDT"
    weight_g: Grams = 0
    size_mm: Size | None = None
    description_en: Prose = ""
    description_bn: Prose = ""
    attributes: Annotated[dict[Label, Word | int | float | bool | list[Word]], Meta(max_length=100)] = {}
    images: Annotated[tuple[Url, ...], Meta(max_length=30)] = ()
    kit: Annotated[tuple[KitPart, ...], Meta(max_length=50)] = ()
    quantity_min: Count = 1
    quantity_max: Count | None = None
    purchase_limit: PurchaseLimit | None = None
    backorder: Backorder | None = None


class Product(Struct, frozen=True, kw_only=True, gc=False):
    """One SKU as the write path knows it. `categories` runs from the root down to its own category, which is the last."""

    sku: str
    product: str
    vendor: str
    status: Status
    name_en: str
    name_bn: str
    categories: tuple[str, ...]
    tax_class: str
    price: int
    currency: str
    weight_g: int
    size_mm: tuple[int, int, int] | None
    options: tuple[tuple[str, str], ...]
    kit: tuple[KitPart, ...]
    quantity_min: int
    quantity_max: int | None
    purchase_limit: PurchaseLimit | None
    backorder: Backorder | None
    image: str
    version: int

    @property
    def category(self) -> str:
        """The product's own category, or "" where it has none."""
        return self.categories[-1] if self.categories else ""

    @property
    def sellable(self) -> bool:
        return self.status == "active"


class StoredSheet(Struct, frozen=True):
    """A sheet as it stands now. `version` counts its changes from 1 and is what `If-Match` compares with."""

    sheet: ProductSheet
    version: int
    created_at: datetime
    updated_at: datetime


class Problem(Struct, frozen=True):
    """What is wrong with one field of a sheet. `code` is a stable word; `detail` a sentence for people."""

    field: str
    code: str
    detail: str


def problems(sheet: ProductSheet) -> Iterator[Problem]:
    """What the types of the fields cannot say. Yields nothing for a sheet that may be stored."""
    if not (sheet.name_en.strip() or sheet.name_bn.strip()):
        yield Problem("name_en", "required", "a product needs a name in English or Bangla")
    if sheet.quantity_max is not None and sheet.quantity_max < sheet.quantity_min:
        yield Problem("quantity_max", "below_minimum", f"quantity_max {sheet.quantity_max} is below quantity_min {sheet.quantity_min}")
    limit = sheet.purchase_limit
    if limit is not None and limit.quantity < sheet.quantity_min:
        yield Problem("purchase_limit", "below_minimum", f"nobody could buy it: limit {limit.quantity}, quantity_min {sheet.quantity_min}")
    if sheet.backorder is not None:
        yield from _backorder_problems(sheet.backorder)
    if sheet.kit:
        yield from _kit_problems(sheet)


def _backorder_problems(backorder: Backorder) -> Iterator[Problem]:
    if backorder.kind == "preorder" and backorder.expected_at is None:
        yield Problem("backorder.expected_at", "required", "a pre-order needs its release date")
    if backorder.expected_at is not None and backorder.expected_at.tzinfo is None:
        yield Problem("backorder.expected_at", "no_offset", "an instant needs an offset")
    if backorder.expected_at is not None and backorder.expected_at.year not in YEARS:
        yield Problem("backorder.expected_at", "out_of_range", f"an instant lies between the years {YEARS[0]} and {YEARS[-1]}")


def _kit_problems(sheet: ProductSheet) -> Iterator[Problem]:
    skus = [part.sku for part in sheet.kit]
    if len(set(skus)) < len(skus):
        yield Problem("kit", "duplicate", "each component stands once, with its quantity")
    if sheet.sku in skus:
        yield Problem("kit", "contains_itself", "a kit cannot contain itself")
    if sheet.backorder is not None:
        yield Problem("backorder", "on_a_kit", "a kit has no stock of its own: give the permission to its components")


class Detail(Struct, frozen=True, omit_defaults=True):
    """What a product page shows and selling does not need; stored as one JSON document."""

    description_en: str = ""
    description_bn: str = ""
    attributes: dict[str, str | int | float | bool | list[str]] = {}
    images: tuple[str, ...] = ()


def detail_json(sheet: ProductSheet) -> str:
    """The JSON of the sheet's `Detail`, `{}` where nothing is said."""
    if not (sheet.description_en or sheet.description_bn or sheet.attributes or sheet.images):
        return "{}"
    detail = Detail(sheet.description_en, sheet.description_bn, sheet.attributes, sheet.images)
    return msgspec.json.encode(detail).decode()
