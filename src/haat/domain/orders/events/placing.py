"""Facts of placing and changing an order: created, validated, reserved, held, released, cut, cancelled, noted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from haat.kernel.facts import Asked, Fact
from haat.kernel.geography.address import Address, Place


class Customer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who buys. `phone` is E.164; `id` is set for registered customers."""

    name: str = ""
    phone: str = ""
    email: str = ""
    id: str = ""


class Client(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """From where an order came: an IP address in its short form, a device as the shop's own script calls it. For fraud rules only."""

    ip: str = ""
    device: str = ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line as sold. `total` = quantity × unit_price − discount (+ tax where it is not included).

    `unit_discounts`: runs of (units, discount of each), first unit first. `tax_rate` in hundredths of a percent.
    `vendor_funded`: the vendor's part of `discount`; the platform bears the rest.
    """

    line_no: int
    sku: str
    vendor: str
    name: str
    quantity: int
    unit_price: int
    total: int
    discount: int = 0
    tax: int = 0
    tax_rate: int = 0
    tax_class: str = ""
    tax_added: bool = False
    name_bn: str = ""
    list_price: int = 0
    unit_discounts: tuple[tuple[int, int], ...] = ()
    vendor_funded: int = 0
    weight_g: int = 0


class Share(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One vendor's part of the order, which becomes a vendor order of its own."""

    id: str
    vendor: str
    items: int
    discount: int
    shipping: int
    tax: int
    total: int


class Adjustment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named amount that changed the total: a discount (negative), a fee, a shipping charge. `version` is the rule's."""

    kind: str
    code: str
    amount: int
    title: str = ""
    version: int = 0
    vendor: str = ""


class Totals(msgspec.Struct, frozen=True, gc=False):
    """`grand` = items − discount + shipping + fees (+ tax that is not included in prices). `tax` is all tax, included or not."""

    items: int
    discount: int
    shipping: int
    tax: int
    fees: int
    grand: int


class Payment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Money that somebody else took and vouches for (a marketplace, an earlier system)."""

    method: str
    amount: int
    reference: str = ""
    installments: int = 0


class Portion(msgspec.Struct, frozen=True, gc=False):
    """So much of the total is to come by this method."""

    method: str
    amount: int


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A counted limit that this order used up (coupon, budget, purchases per customer): given back when it is cancelled."""

    key: str
    amount: int


class OrderCreated(Fact, frozen=True):
    """Somebody asked for these goods at these prices, and the prices were ours. `tenders`: how the total was split over several ways
    to pay; empty where all of it comes by `payment_method`."""

    number: str
    channel: str
    currency: str
    customer: Customer
    ship_to: Address
    lines: tuple[Line, ...]
    vendor_orders: tuple[Share, ...]
    totals: Totals
    payment_method: str
    basket: int
    place: Place | None = None
    adjustments: tuple[Adjustment, ...] = ()
    shipping_method: str = ""
    coupons: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    payments: tuple[Payment, ...] = ()
    external_id: str = ""
    external_status: str = ""
    note: str = ""
    promised_at: datetime | None = None
    placed_at: datetime | None = None  # where another system took the order earlier
    reorder_of: str = ""
    flows: Mapping[str, int] = {}  # the version of each flow that this order keeps, by flow; 1 where none is named
    client: Client | None = None
    tenders: tuple[Portion, ...] = ()


class Remark(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule that had something to say: its version, its stable reason, one sentence, the figures."""

    rule: str
    version: int
    reason: str
    detail: str
    kind: str = ""
    data: Mapping[str, Any] = {}


class OrderValidated(Fact, frozen=True):
    """These rules were asked, each in this version; those that did not simply pass stand in `remarks`."""

    passed: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Units of one line set aside at one location; `backordered` of them are yet to arrive. A kit's line reserves components."""

    line_no: int
    sku: str
    location: str
    quantity: int
    backordered: int = 0


class OrderStockReserved(Fact, frozen=True):
    """Every unit of the order is set aside (or promised from supply to come, `expected_at` at the latest)."""

    reservations: tuple[Reservation, ...]
    expected_at: datetime | None = None


class OrderHeld(Asked, frozen=True):
    """The order goes nowhere until this hold is released. `hold` is its id within the order."""

    hold: str
    kind: str
    reason: str
    detail: str = ""
    rule: str = ""
    version: int = 0
    data: Mapping[str, Any] = {}
    until: datetime | None = None


class OrderReleased(Fact, frozen=True):
    """A hold ended."""

    hold: str
    kind: str
    reason: str


class Cut(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Units taken off one line, with what they had cost: what the buyer no longer owes, or is owed."""

    line_no: int
    quantity: int
    items: int
    discount: int
    tax: int
    total: int


class ShippingCut(msgspec.Struct, frozen=True, gc=False):
    """The shipping charge of a vendor that has nothing left to send; `total` has the tax that stood beside it."""

    vendor: str
    shipping: int
    tax: int
    total: int


class OrderLinesCancelled(Asked, frozen=True):
    """Some units will not be delivered; the rest of the order goes on. `amount` is what is no longer owed."""

    cuts: tuple[Cut, ...]
    reason: str
    amount: int
    detail: str = ""
    shipping: tuple[ShippingCut, ...] = ()


class OrderCancelled(Asked, frozen=True):
    """Nothing of the order is left to do. `cuts` are the units that were still open; `amount` is what is no longer owed."""

    cuts: tuple[Cut, ...]
    reason: str
    amount: int
    detail: str = ""


class OrderNoted(Asked, frozen=True):
    """Somebody wrote something down. `audience`: `staff`, `vendor` or `customer`; each sees those before it in this list not."""

    text: str
    audience: str = "staff"
