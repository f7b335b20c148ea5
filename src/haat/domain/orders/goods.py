"""The goods of an order: vendors' answers, parcels, and where the units of each line are. Folded from facts. Pure.

A unit moves with its parcel: planned = allocated, picking = picked, packed and booked = packed, then shipped, delivered,
returned or lost. So a line's buckets are the sum of what its parcels hold, plus what no parcel has yet, and always sum to what
was ordered. The status of a vendor's part is read off these buckets.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from haat.domain.orders.events import ParcelLine

#: Where the units of a line can be. They always sum to the quantity ordered.
BUCKETS = (
    "open", "reserved", "backordered", "allocated", "picked", "packed", "shipped", "delivered",
    "cancelled", "return_requested", "returned", "lost", "refunded_without_return",
)  # fmt: skip
#: Units that can still be stopped without a parcel being turned round, in the order in which they are given up.
STOPPABLE = ("open", "backordered", "reserved", "allocated", "picked", "packed")
#: Where a parcel's units are by its status, as long as it has not left.
AT_HOME = {"planned": "allocated", "picking": "picked", "packed": "packed", "uncertain": "packed", "booked": "packed"}
#: Parcels on their way to the buyer; with those that their courier has to fetch; in one direction or the other.
OUT = frozenset({"shipped", "out_for_delivery", "attempt_failed"})
TO_BRING = OUT | {"booked"}
UNDER_WAY = OUT | {"returning"}


class OrderLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line now. Amounts are of what is left of it; `quantity`, `tax_sold` and `vendor_funded` stay what they were at the sale."""

    line_no: int
    sku: str
    vendor: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    tax: int
    total: int
    buckets: dict[str, int]
    name_bn: str = ""
    tax_rate: int = 0
    tax_class: str = ""
    tax_added: bool = False
    list_price: int = 0
    unit_discounts: tuple[tuple[int, int], ...] = ()
    vendor_funded: int = 0
    weight_g: int = 0
    tax_sold: int = 0


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A place would not send units of a line. `attempt`: which rejection of the vendor's part that was."""

    location: str
    line_no: int
    attempt: int


class VendorOrder(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One vendor's part, with a fulfilment life of its own. `answer`: what the vendor said (offered, accepted, rejected).

    `rejections` counts all of them; `refusals` says who was asked in vain for what, of each line until more of it arrives.
    """

    id: str
    vendor: str
    status: str
    items: int
    discount: int
    shipping: int
    tax: int
    total: int
    answer: str = ""
    offered_until: datetime | None = None
    rejections: int = 0
    refusals: tuple[Refusal, ...] = ()


class Parcel(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one location sends of one vendor order. `lines` minus `delivered`, `returned` and `lost` is still out or at home.

    `cash` is to be collected at the door; `collected` was. `tries` counts failed attempts; `refused_by` are couriers that will
    not take it, `given_back` the consignments that couriers had on their books and gave back. `intercept` is why it was asked
    back, `asked` what of it (nothing: all). `doubts`: what its courier says that does not fit. `stray`: it was cancelled (or its
    vendor had said no), and left all the same: it moves no units of any line, but tells where its own are. `promised_at`: the day
    promised for it alone (None: the order's), `agreed` where that was with the buyer, `wishes` how often.
    """

    id: str
    vendor_order: str
    vendor: str
    location: str
    status: str
    lines: tuple[ParcelLine, ...]
    delivered: tuple[ParcelLine, ...] = ()
    returned: tuple[ParcelLine, ...] = ()
    courier: str = ""
    consignment: str = ""
    tracking_url: str = ""
    cash: int = 0
    fee: int = 0
    collected: int | None = None
    weight_g: int = 0
    tries: int = 0
    reason: str = ""
    intercept: str = ""
    asked: tuple[ParcelLine, ...] = ()
    doubts: tuple[str, ...] = ()
    stray: bool = False
    declines: int = 0  # bookings in a row that no courier took, for no reason of the parcel's
    refused_by: tuple[str, ...] = ()
    given_back: tuple[str, ...] = ()
    at: datetime | None = None
    promised_at: datetime | None = None
    agreed: bool = False
    wishes: int = 0

    @property
    def settled(self) -> bool:
        """Nothing more happens to it by itself."""
        if self.status in ("cancelled", "lost", "returned", "delivered"):
            return True
        return self.status == "partially_delivered" and units(self.delivered) + units(self.returned) >= units(self.lines)

    @property
    def astray(self) -> bool:
        """It was cancelled, and a courier has it on its books: it may leave, or have left, all the same."""
        return self.status == "cancelled" and bool(self.consignment)

    @property
    def coming(self) -> bool:
        """A buyer waits for it: it is neither there nor on its way back."""
        return not self.settled and not self.stray and self.status not in ("returning", "partially_delivered")


class Goods(msgspec.Struct):
    """What a fact of goods may change."""

    lines: tuple[OrderLine, ...]
    vendor_orders: tuple[VendorOrder, ...]
    parcels: tuple[Parcel, ...]

    def move(self, moved: Iterable[ParcelLine], source: str, target: str) -> None:
        """Move units between buckets; a line that has fewer in `source` moves those."""
        wanted = {m.line_no: m.quantity for m in moved}
        self.lines = tuple([_moved(line, wanted[line.line_no], source, target) if line.line_no in wanted else line for line in self.lines])

    def carry(self, parcel: Parcel, moved: Iterable[ParcelLine], source: str, target: str) -> None:
        """Move units that are in a parcel; those of a stray one are cancelled, and stay so."""
        if not parcel.stray:
            self.move(moved, source, target)

    def put(self, parcel: Parcel) -> None:
        self.parcels = tuple([parcel if p.id == parcel.id else p for p in self.parcels])


def units(lines: Iterable[ParcelLine]) -> int:
    return sum([line.quantity for line in lines])


def less(lines: Iterable[ParcelLine], taken: Iterable[ParcelLine]) -> tuple[ParcelLine, ...]:
    """`lines` without the units of `taken`; lines with none left are dropped."""
    gone: dict[int, int] = {}
    for t in taken:
        gone[t.line_no] = gone.get(t.line_no, 0) + t.quantity
    rest = [ParcelLine(line.line_no, line.quantity - gone.get(line.line_no, 0)) for line in lines]
    return tuple([line for line in rest if line.quantity > 0])


def outstanding(parcel: Parcel) -> tuple[ParcelLine, ...]:
    """The units of a parcel that are neither delivered nor back."""
    return less(less(parcel.lines, parcel.delivered), parcel.returned)


def shares(vendor_orders: tuple[VendorOrder, ...], lines: tuple[OrderLine, ...]) -> tuple[VendorOrder, ...]:
    """The vendors' parts with the statuses that their lines make."""
    found = []
    for v in vendor_orders:
        status = share_status(v, lines)
        found.append(v if status == v.status else msgspec.structs.replace(v, status=status))
    return tuple(found)


def share_status(share: VendorOrder, lines: Iterable[OrderLine]) -> str:
    live, sums = _sums([line for line in lines if line.vendor == share.vendor])
    delivered, shipped, packed = sums.get("delivered", 0), sums.get("shipped", 0), sums.get("packed", 0)
    back = sums.get("returned", 0) + sums.get("lost", 0)
    if live == 0:
        return "cancelled"
    if delivered + back == live:
        return "delivered" if delivered else "returned" if sums.get("returned") else "lost"
    if shipped + delivered + back:
        return "shipped" if shipped + delivered + back == live else "partially_shipped"
    if packed:
        return "packed" if packed == live else "preparing"
    return "preparing" if sums.get("picked") else share.answer or "placed"


def fulfilment_status(lines: Iterable[OrderLine]) -> str:
    """The order's fulfilment status: a function of where its units are."""
    live, sums = _sums(lines)
    delivered, shipped = sums.get("delivered", 0), sums.get("shipped", 0)
    returned, lost = sums.get("returned", 0), sums.get("lost", 0)
    if live == 0:
        return "cancelled"
    if delivered + returned + lost == live:
        if delivered:
            return "delivered" if delivered == live else "partially_delivered"
        return "returned" if returned else "lost"
    if delivered:
        return "partially_delivered"
    if shipped + returned + lost:
        return "shipped" if shipped + returned + lost == live else "partially_shipped"
    return "preparing" if sums.get("picked") or sums.get("packed") else "unfulfilled"


def settled(lines: Iterable[OrderLine]) -> bool:
    """Whether every unit that was not cancelled has arrived somewhere for good."""
    live, sums = _sums(lines)
    return sums.get("delivered", 0) + sums.get("returned", 0) + sums.get("lost", 0) + sums.get("refunded_without_return", 0) == live


def shrunk(parcels: tuple[Parcel, ...], lines: tuple[OrderLine, ...]) -> tuple[Parcel, ...]:
    """Parcels at home after a cut: none holds units that its line has no more. The least advanced lose theirs first."""
    has: dict[tuple[int, str], int] = {}
    for line in lines:
        for bucket in ("allocated", "picked", "packed"):
            has[line.line_no, bucket] = line.buckets.get(bucket, 0)
    kept: dict[str, Parcel] = {}
    for parcel in sorted([p for p in parcels if p.status in AT_HOME], key=lambda p: p.status in ("booked", "uncertain"), reverse=True):
        bucket = AT_HOME[parcel.status]
        held = []
        for one in parcel.lines:
            quantity = min(one.quantity, has[one.line_no, bucket])
            has[one.line_no, bucket] -= quantity
            if quantity:
                held.append(ParcelLine(one.line_no, quantity))
        if tuple(held) != parcel.lines:
            kept[parcel.id] = (
                msgspec.structs.replace(parcel, lines=tuple(held)) if held else msgspec.structs.replace(parcel, status="cancelled")
            )
    return tuple([kept.get(p.id, p) for p in parcels]) if kept else parcels


def _sums(lines: Iterable[OrderLine]) -> tuple[int, Mapping[str, int]]:
    """(units that were not cancelled, units by bucket)."""
    live = 0
    sums: dict[str, int] = {}
    for line in lines:
        for bucket, quantity in line.buckets.items():
            sums[bucket] = sums.get(bucket, 0) + quantity
        live += line.quantity
    return live - sums.get("cancelled", 0), sums


def _moved(line: OrderLine, quantity: int, source: str, target: str) -> OrderLine:
    has = line.buckets.get(source, 0)
    quantity = min(quantity, has)
    if not quantity:
        return line
    buckets = dict(line.buckets)
    if quantity == has:
        del buckets[source]
    else:
        buckets[source] = has - quantity
    buckets[target] = buckets.get(target, 0) + quantity
    return with_buckets(line, buckets)


def with_buckets(line: OrderLine, buckets: dict[str, int]) -> OrderLine:
    return OrderLine(
        line.line_no, line.sku, line.vendor, line.name, line.quantity, line.unit_price, line.discount, line.tax, line.total,
        buckets, line.name_bn, line.tax_rate, line.tax_class, line.tax_added, line.list_price, line.unit_discounts,
        line.vendor_funded, line.weight_g, line.tax_sold,
    )  # fmt: skip
