"""Vendors: who sells on the marketplace, whether they may, and whether they are open.

What is said about a vendor is a sheet; its status is not said but moved along TRANSITIONS, with a reason and a history.
`load_all` fills the copy in memory; `Vendor.open_at` answers the question that an order asks. The numbers that the law
wants (BIN, TIN, trade licence, DBID) are kept apart and are part of no view.
"""

from haat.domain.vendors.commands import KIND, keep_kyc, move, upsert
from haat.domain.vendors.queries import StatusChange, find, history, kyc, load_all, vendor, vendors
from haat.domain.vendors.vendor import TRANSITIONS, Closure, Handling, Hours, Kyc, Move, Vendor, VendorSheet, VendorStatus

__all__ = [
    "KIND",
    "TRANSITIONS",
    "Closure",
    "Handling",
    "Hours",
    "Kyc",
    "Move",
    "StatusChange",
    "Vendor",
    "VendorSheet",
    "VendorStatus",
    "find",
    "history",
    "keep_kyc",
    "kyc",
    "load_all",
    "move",
    "upsert",
    "vendor",
    "vendors",
]
