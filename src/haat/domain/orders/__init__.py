"""Orders: an order is its facts, and this module is their words, their fold and what may be asked of them.

A customer's order holds one vendor order per vendor. Its stream begins with OrderCreated, OrderValidated and
OrderStockReserved, written together when it is placed; holds, cancellations and notes follow, and every later life of it.
`order.py` folds facts into the state that the API shows, `decisions.py` answers what is asked with facts or a refusal,
`projection.py` keeps the rows that lists search, `validation.py` and `rules/` are the checks (one file each), `geography.py`
knows where Bangladesh is, `timeline.py` tells the story in two languages. Quantities live in buckets that always sum to what
was ordered; amounts were frozen to units at the sale, so any sequence of partial steps gives back exactly what was charged.
"""

from haat.domain.orders import events, geography
from haat.domain.orders.address import Address, Place, Unresolved
from haat.domain.orders.commands import RECORD, Change, Changed, NewOrder, begin, cancelled_units, change, record_arguments
from haat.domain.orders.decisions import cancel, hold, note, release
from haat.domain.orders.order import BUCKETS, TRANSITIONS, Hold, Note, Order, OrderLine, VendorOrder, evolve, fold
from haat.domain.orders.projection import LINE_COLUMNS, ORDER_COLUMNS, VENDOR_COLUMNS, line_rows, order_row, vendor_rows
from haat.domain.orders.queries import (
    BASKETS,
    PAGE_MAX,
    Filter,
    StoredRows,
    VendorPart,
    basket_arguments,
    basket_key,
    basket_keys,
    by_external_id,
    created,
    find,
    found_baskets,
    has_ordered,
    page_ends,
    read,
    stored_between,
    streams,
    vendor_part,
    vendor_parts,
)
from haat.domain.orders.timeline import Entry, timeline
from haat.domain.orders.validation import (
    Block,
    Case,
    CaseLine,
    Policy,
    Rule,
    Rules,
    Verdict,
    compile_rules,
    fingerprint,
    for_external,
    validate,
)
from haat.kernel.facts import Recorded

__all__ = [
    "BASKETS",
    "BUCKETS",
    "LINE_COLUMNS",
    "ORDER_COLUMNS",
    "PAGE_MAX",
    "RECORD",
    "TRANSITIONS",
    "VENDOR_COLUMNS",
    "Address",
    "Block",
    "Case",
    "CaseLine",
    "Change",
    "Changed",
    "Entry",
    "Filter",
    "Hold",
    "NewOrder",
    "Note",
    "Order",
    "OrderLine",
    "Place",
    "Policy",
    "Recorded",
    "Rule",
    "Rules",
    "StoredRows",
    "Unresolved",
    "VendorOrder",
    "VendorPart",
    "Verdict",
    "basket_arguments",
    "basket_key",
    "basket_keys",
    "begin",
    "by_external_id",
    "cancel",
    "cancelled_units",
    "change",
    "compile_rules",
    "created",
    "events",
    "evolve",
    "find",
    "fingerprint",
    "fold",
    "for_external",
    "found_baskets",
    "geography",
    "has_ordered",
    "hold",
    "line_rows",
    "note",
    "order_row",
    "page_ends",
    "read",


    "record_arguments",
    "release",
    "stored_between",
    "streams",
    "timeline",
    "validate",
    "vendor_part",
    "vendor_parts",
    "vendor_rows",
]  # fmt: skip
