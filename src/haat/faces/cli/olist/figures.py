"""What two books of the same orders must agree on: counts, quantities, and money per seller, per method, per status.

`Tally` adds orders up one by one, for whoever reads them out of Haat; `expected` fills the same `Figures` from the files.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec


class SellerFigures(msgspec.Struct, frozen=True, gc=False):
    """One seller's part: orders that it has a line in, pieces, goods and freight in centavos."""

    orders: int
    quantity: int
    goods: int
    freight: int


class Figures(msgspec.Struct, frozen=True):
    """The sums of a set of orders. Amounts in centavos; `methods` sums payments by method, `statuses` counts orders."""

    orders: int
    lines: int
    quantity: int
    goods: int
    freight: int
    payments: int
    payment_rows: int
    sellers: dict[str, SellerFigures]
    methods: dict[str, int]
    statuses: dict[str, int]


class Tally:
    """Adds orders up. Give each order once; `figures` may be asked at any time."""

    def __init__(self) -> None:
        self._orders = self._lines = self._payment_rows = 0
        self._sellers: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._methods: dict[str, int] = defaultdict(int)
        self._statuses: dict[str, int] = defaultdict(int)

    def add(self, status: str, lines: Iterable[tuple[str, int, int, int]], payments: Iterable[tuple[str, int]]) -> None:
        """One order: its lines as (seller, quantity, goods, freight) and its payments as (method, amount)."""
        self._orders += 1
        self._statuses[status] += 1
        seen: set[str] = set()
        for seller, quantity, goods, freight in lines:
            self._lines += 1
            sums = self._sellers[seller]
            sums[0] += seller not in seen
            sums[1] += quantity
            sums[2] += goods
            sums[3] += freight
            seen.add(seller)
        for method, amount in payments:
            self._payment_rows += 1
            self._methods[method] += amount

    def figures(self) -> Figures:
        sellers = {seller: SellerFigures(*sums) for seller, sums in sorted(self._sellers.items())}
        return Figures(
            orders=self._orders,
            lines=self._lines,
            quantity=sum(each.quantity for each in sellers.values()),
            goods=sum(each.goods for each in sellers.values()),
            freight=sum(each.freight for each in sellers.values()),
            payments=sum(self._methods.values()),
            payment_rows=self._payment_rows,
            sellers=sellers,
            methods=dict(sorted(self._methods.items())),
            statuses=dict(sorted(self._statuses.items())),
        )
