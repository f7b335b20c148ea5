"""The catalogue: what is for sale, by whom, and under which conditions it may be sold.

One SKU is one `ProductSheet`: names in Bangla and English, price, VAT class, weight and size, category, options (a
variant is a SKU whose siblings share its `product` code), images, kit components, order limits, back-order permission.
`upsert` takes thousands of sheets in one statement, refuses bad ones alone, writes nothing that did not change, and
announces the rest; a file of a million comes through `reader` and `import_batch`, with progress that survives a killed
process. `products` gives the lean `Product`s that every process keeps in memory; `search` finds by words in both
languages and by the beginning of a SKU. The catalogue knows no stock, no discount and no buyer.
"""

from haat.domain.catalogue.admission import Refusal
from haat.domain.catalogue.category import Category, CategorySheet
from haat.domain.catalogue.commands import KIND, ImportOrder, Upserted, end_import, import_batch, open_import, upsert, upsert_categories
from haat.domain.catalogue.importing import Import
from haat.domain.catalogue.intake import Batch, Format, Position, Reader, RowError
from haat.domain.catalogue.offer import Offer, RankedOffer, ranked
from haat.domain.catalogue.product import Backorder, Detail, KitPart, Problem, Product, ProductSheet, PurchaseLimit, StoredSheet, problems
from haat.domain.catalogue.queries import (
    Filter,
    Page,
    categories,
    find,
    product,
    product_import,
    product_imports,
    products,
    search,
    sheet,
    sheets,
)
from haat.domain.catalogue.spreadsheet import reader

__all__ = [
    "KIND",
    "Backorder",
    "Batch",
    "Category",
    "CategorySheet",
    "Detail",
    "Filter",
    "Format",
    "Import",
    "ImportOrder",
    "KitPart",
    "Offer",
    "Page",
    "Position",
    "Problem",
    "Product",
    "ProductSheet",
    "PurchaseLimit",
    "RankedOffer",
    "Reader",
    "Refusal",
    "RowError",
    "StoredSheet",
    "Upserted",
    "categories",
    "end_import",
    "find",
    "import_batch",
    "open_import",
    "problems",
    "product",
    "product_import",
    "product_imports",
    "products",
    "ranked",
    "reader",
    "search",
    "sheet",
    "sheets",
    "upsert",
    "upsert_categories",
]
