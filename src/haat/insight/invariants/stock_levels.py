"""Nothing is sold that is not there: no level below what may be promised, and `reserved` is what reservations hold."""

from collections.abc import Sequence

from haat.domain import inventory
from haat.engine.database import Tx
from haat.insight.auditing import FOUND_MAX, At, Invariant, Wrong


async def _check(tx: Tx, at: At) -> Sequence[Wrong]:
    del at
    rows = await tx.fetch(
        """SELECT sku, location, on_hand, reserved, backorder_limit FROM stock
           WHERE on_hand < 0 OR reserved < 0 OR on_hand - reserved < -backorder_limit LIMIT $1""",
        FOUND_MAX,
    )
    found = [Wrong(f"{r[0]} at {r[1]}", f"on hand {r[2]}, reserved {r[3]}, at most {r[4]} may be promised beyond that") for r in rows]
    for drift in await inventory.drift(tx, FOUND_MAX):
        found.append(Wrong(f"{drift.sku} at {drift.location}", f"reserved {drift.reserved}, reservations hold {drift.held}"))
    return found


INVARIANT = Invariant(
    code="stock_levels",
    title="Stock is never negative, and what is reserved is what reservations hold",
    title_bn="মজুত কখনো ঋণাত্মক নয়; সংরক্ষিত পরিমাণ সংরক্ষণের সমান",
    owner="operations",
    check=_check,
)
