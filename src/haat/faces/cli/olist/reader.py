"""Reads an Olist dump into what Haat speaks: sellers, offers, customers, orders with lines, prices and freight of their own.

SKUs. The dump sells one product through several sellers (862 of 26,895), Haat's SKU has one vendor. The seller who sold a
product first (by purchase time, then order id, then item number) keeps the bare `product_id`; every other seller's offer is
`<product_id>-<first 8 of seller_id>`. A longer dump of the same history keeps all SKUs as they were.
Lines. The dump has a row per piece. Rows of one order are one line where product, seller, price and freight are equal.
Amounts. Centavos. The files hold binary floats that were decimals once: their shortest text is that decimal, and is rounded
half up to centavos where it has more than two places; no arithmetic on floats anywhere.
Times. Local time of São Paulo without a zone. It was UTC−3, and UTC−2 in the summers of `SUMMERS`; the hour that came twice
when a summer ended is taken as the first one, the hour that never was when one began as if the clocks still stood back.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from haat.faces.cli.olist import tables

CURRENCY = "BRL"
COUNTRY = "BR"

#: Decrees 6,558/2008 and 8,112/2013, 9,242/2017: local times between which the clocks of São Paulo stood an hour ahead.
SUMMERS = (
    (datetime(2016, 10, 16, 1), datetime(2017, 2, 19)),  # noqa: DTZ001 local times on purpose
    (datetime(2017, 10, 15, 1), datetime(2018, 2, 18)),  # noqa: DTZ001
    (datetime(2018, 11, 4, 1), datetime(2019, 2, 17)),  # noqa: DTZ001
)
WINTER_OFFSET, SUMMER_OFFSET = timedelta(hours=3), timedelta(hours=2)


class Seller(msgspec.Struct, frozen=True, gc=False):
    """A vendor. The dump has no names."""

    id: str
    city: str
    state: str
    zip_prefix: str


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A product as one seller sells it. `price` is the last one charged, `units` all pieces in orders that can be placed."""

    sku: str
    product: str
    seller: str
    category: str
    name: str
    price: int
    units: int
    weight_g: int | None
    size_mm: tuple[int, int, int] | None


class Customer(msgspec.Struct, frozen=True, gc=False):
    """A person, by `customer_unique_id`, with the address of the first order in the file. No name, phone or street is known."""

    id: str
    city: str
    state: str
    zip_prefix: str


class Line(msgspec.Struct, frozen=True, gc=False):
    """`unit_price` is of one piece, `freight` of the whole line (pieces × their equal freight)."""

    sku: str
    seller: str
    product: str
    quantity: int
    unit_price: int
    freight: int


class Payment(msgspec.Struct, frozen=True, gc=False):
    """One payment row; an order may have several (vouchers). `method` as in the dump."""

    sequence: int
    method: str
    installments: int
    amount: int


class Order(msgspec.Struct, frozen=True):
    """An order that can be placed. Lines in the order of their first piece, payments by sequence."""

    id: str
    customer: str
    city: str
    state: str
    zip_prefix: str
    status: str
    placed_at: datetime
    approved_at: datetime | None
    handed_over_at: datetime | None
    delivered_at: datetime | None
    estimated_at: datetime | None
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]


class Unplaceable(msgspec.Struct, frozen=True, gc=False):
    """An order of the files that Haat cannot take, and why. `payments` in centavos."""

    id: str
    status: str
    reason: str
    payments: int


class Dump(msgspec.Struct, frozen=True):
    """A dump, read. Orders are built as they are asked for: `orders()` may be walked again and gives the same each time."""

    sellers: Mapping[str, Seller]
    offers: Mapping[str, Offer]
    customers: Mapping[str, Customer]
    unplaceable: tuple[Unplaceable, ...]
    unsold: int  # products that no order names: they have no seller, hence no offer
    heads: tuple["_Head", ...]
    lines: Mapping[str, tuple[Line, ...]]
    payments: Mapping[str, tuple[Payment, ...]]

    def orders(self) -> Iterator[Order]:
        """The orders that can be placed, by purchase time, then id."""
        for head in self.heads:
            person = head.address
            yield Order(
                head.id,
                person.id,
                person.city,
                person.state,
                person.zip_prefix,
                head.status,
                head.placed_at,
                *head.times,
                self.lines[head.id],
                self.payments.get(head.id, ()),
            )


class _Head(msgspec.Struct, frozen=True):
    id: str
    status: str
    placed_at: datetime
    times: tuple[datetime | None, datetime | None, datetime | None, datetime | None]
    address: Customer


class _Known(NamedTuple):
    sellers: Set[str]
    products: Set[str]


class _Piece(msgspec.Struct, frozen=True, gc=False):
    number: int
    product: str
    seller: str
    price: int
    freight: int


def centavos(value: float) -> int:
    """A float that was written as a decimal, as whole centavos: its shortest text, rounded half away from zero."""
    whole, _, part = repr(value).partition(".")
    if len(part) <= 2 and part.isdigit() and whole.isdigit():
        return int(whole) * 100 + int(part.ljust(2, "0"))
    return int((Decimal(repr(value)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def utc(local: datetime) -> datetime:
    """A local time of São Paulo as aware UTC."""
    summer = any(start <= local < end for start, end in SUMMERS)
    return (local + (SUMMER_OFFSET if summer else WINTER_OFFSET)).replace(tzinfo=UTC)


def sku_of(product: str, seller: str, first_sellers: Mapping[str, str]) -> str:
    """The SKU of a seller's offer of a product; see the head of this file."""
    return product if first_sellers.get(product) == seller else f"{product}-{seller[:8]}"


def open_dump(directory: Path) -> Dump:
    """Reads the dump in `directory`. 80,000 orders take 3 s and 250 MB. Raises `Refused` where files or the extra are missing."""
    tables.check(directory)
    sellers = {row[0]: Seller(row[0], row[2], row[3], row[1]) for row in tables.rows(directory, "sellers", _SELLER)}
    products = {row[0]: row[1:] for row in tables.rows(directory, "products", _PRODUCT)}
    pieces = _pieces(directory)
    payments = _payments(directory)
    heads, unplaceable = _heads(directory, pieces, payments, _Known(sellers.keys(), products.keys()))
    first_sellers: dict[str, str] = {}
    for head in heads:
        for piece in pieces[head.id]:
            first_sellers.setdefault(piece.product, piece.seller)
    lines = {head.id: _lines(pieces[head.id], first_sellers) for head in heads}
    return Dump(
        sellers=sellers,
        offers=_offers(heads, lines, products),
        customers={head.address.id: head.address for head in reversed(heads)},
        unplaceable=tuple(unplaceable),
        unsold=len(products.keys() - first_sellers.keys()),
        heads=tuple(heads),
        lines=lines,
        payments=payments,
    )


_SELLER = ("seller_id", "seller_zip_code_prefix", "seller_city", "seller_state")
_PRODUCT = ("product_id", "product_category_name", "product_weight_g", "product_length_cm", "product_height_cm", "product_width_cm")
_ITEM = ("order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value")
_PAYMENT = ("order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value")
_CUSTOMER = ("customer_id", "customer_unique_id", "customer_city", "customer_state", "customer_zip_code_prefix")
_ORDER = (
    "order_id",
    "customer_id",
    "order_status",
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
)


def _pieces(directory: Path) -> dict[str, list[_Piece]]:
    pieces: dict[str, list[_Piece]] = defaultdict(list)
    for order, number, product, seller, price, freight in tables.rows(directory, "items", _ITEM):
        pieces[order].append(_Piece(number, product, seller, centavos(price), centavos(freight)))
    for mine in pieces.values():
        mine.sort(key=lambda piece: piece.number)
    return dict(pieces)


def _payments(directory: Path) -> dict[str, tuple[Payment, ...]]:
    payments: dict[str, list[Payment]] = defaultdict(list)
    for order, sequence, method, installments, value in tables.rows(directory, "payments", _PAYMENT):
        payments[order].append(Payment(sequence, method, installments, centavos(value)))
    return {order: tuple(sorted(mine, key=lambda payment: payment.sequence)) for order, mine in payments.items()}


def _heads(
    directory: Path, pieces: Mapping[str, list[_Piece]], payments: Mapping[str, tuple[Payment, ...]], known: _Known
) -> tuple[list[_Head], list[Unplaceable]]:
    """Orders without their lines, by purchase time and id; and those that cannot be placed."""
    addresses = {row[0]: Customer(*row[1:]) for row in tables.rows(directory, "customers", _CUSTOMER)}
    heads: list[_Head] = []
    unplaceable: list[Unplaceable] = []
    for order, customer, status, bought, *later in tables.rows(directory, "orders", _ORDER):
        mine = pieces.get(order, [])
        reason = _obstacle(mine, known) if customer in addresses else "customer unknown"
        if reason:
            unplaceable.append(Unplaceable(order, status, reason, sum(payment.amount for payment in payments.get(order, ()))))
            continue
        approved, handed_over, delivered, estimated = (None if time is None else utc(time) for time in later)
        heads.append(_Head(order, status, utc(bought), (approved, handed_over, delivered, estimated), addresses[customer]))
    heads.sort(key=lambda head: (head.placed_at, head.id))
    unplaceable.sort(key=lambda each: (each.reason, each.id))
    return heads, unplaceable


def _obstacle(pieces: Sequence[_Piece], known: _Known) -> str:
    """Why an order with these pieces cannot be placed; empty if it can."""
    if not pieces:
        return "no items"
    if any(piece.seller not in known.sellers for piece in pieces):
        return "seller unknown"
    if any(piece.product not in known.products for piece in pieces):
        return "product unknown"
    if any(piece.price < 0 or piece.freight < 0 for piece in pieces):
        return "negative amount"
    return ""


def _lines(pieces: Sequence[_Piece], first_sellers: Mapping[str, str]) -> tuple[Line, ...]:
    quantities: dict[tuple[str, str, int, int], int] = {}
    for piece in pieces:
        key = (piece.product, piece.seller, piece.price, piece.freight)
        quantities[key] = quantities.get(key, 0) + 1
    return tuple(
        Line(sku_of(product, seller, first_sellers), seller, product, quantity, price, freight * quantity)
        for (product, seller, price, freight), quantity in quantities.items()
    )


def _offers(
    heads: Sequence[_Head], lines: Mapping[str, tuple[Line, ...]], products: Mapping[str, tuple[str | int | None, ...]]
) -> dict[str, Offer]:
    """What was sold, by SKU in the order of the first sale. The name is the category and the head of the id: the dump has none."""
    units: dict[str, int] = {}
    last: dict[str, Line] = {}
    for head in heads:
        for line in lines[head.id]:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
            last[line.sku] = line
    return {sku: _offer(sku, last[sku], count, products[last[sku].product]) for sku, count in units.items()}


def _offer(sku: str, line: Line, units: int, product: tuple[str | int | None, ...]) -> Offer:
    category = str(product[0] or "")
    weight, *sides = (int(value) if value is not None else None for value in product[1:])
    length, height, width = (None if side is None else side * 10 for side in sides)
    return Offer(
        sku=sku,
        product=line.product,
        seller=line.seller,
        category=category,
        name=f"{category.replace('_', ' ').capitalize() or 'Produto'} {line.product[:8]}",
        price=line.unit_price,
        units=units,
        weight_g=weight,
        size_mm=None if length is None or height is None or width is None else (length, height, width),
    )
