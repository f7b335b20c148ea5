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
from haat.domain.catalogue.commands import KIND, Upserted, upsert, upsert_categories
from haat.domain.catalogue.product import Backorder, Detail, KitPart, Problem, Product, ProductSheet, PurchaseLimit, StoredSheet, problems
from haat.domain.catalogue.queries import categories, product, products, sheet, sheets

__all__ = [
    "KIND",
    "Backorder",
    "Category",
    "CategorySheet",
    "Detail",
    "KitPart",
    "Problem",
    "Product",
    "ProductSheet",
    "PurchaseLimit",
    "Refusal",
    "StoredSheet",
    "Upserted",
    "categories",
    "problems",
    "product",
    "products",
    "sheet",
    "sheets",
    "upsert",
    "upsert_categories",
]
