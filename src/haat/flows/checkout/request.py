"""What may be asked: a basket to be priced, an order to be placed. Bounded in every direction before anything looks at it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders
from haat.kernel.money import AMOUNT_MAX

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(max_length=2000)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
LINES_MAX = 500
PAYMENT_METHOD = "cod"


class LineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a SKU. `expected_unit_price` is what the buyer was shown; `unit_price` and `freight` (of the whole line)
    are the channel's own and allowed only in an external order."""

    sku: Code
    quantity: Quantity
    expected_unit_price: Amount | None = None
    unit_price: Amount | None = None
    freight: Amount | None = None


class CustomerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who buys: a phone number as typed, or an id of a registered customer."""

    name: Annotated[str, Meta(max_length=120)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    id: Annotated[str, Meta(max_length=64)] = ""


class ClientRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where the buyer ordered, as the shop saw it: only fraud rules look at it, and nobody but staff is shown it.

    `device` is an id that the shop's own script keeps on the buyer's device.
    """

    ip: Annotated[str, Meta(max_length=45, pattern="^[0-9A-Fa-f:.]*$")] = ""
    device: Annotated[str, Meta(max_length=128, pattern=r"^[\x21-\x7e]*$")] = ""


class PaymentRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that the channel took already."""

    method: Code
    amount: Amount
    reference: Annotated[str, Meta(max_length=128)] = ""
    installments: Annotated[int, Meta(ge=0, le=1000)] = 0


class TenderShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the total by one method. One of them may leave its amount out: it takes the rest."""

    method: Code
    amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)] | None = None


#: Left out of what is encoded where nobody names them, so that a request without them keeps its fingerprint.
TenderShares = Annotated[tuple[TenderShare, ...], Meta(min_length=1, max_length=orders.paying.TENDERS_MAX)] | msgspec.UnsetType


class External(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that a channel sold at its own prices. `id` is the channel's; the same id again is the same order."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    status: Annotated[str, Meta(max_length=64)] = ""
    placed_at: datetime | None = None
    payments: Annotated[tuple[PaymentRecord, ...], Meta(max_length=100)] = ()


class QuoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A basket to be priced. Nothing is stored and nothing is reserved. With `tenders` the answer says what each method would bring."""

    lines: Annotated[tuple[LineRequest, ...], Meta(min_length=1, max_length=LINES_MAX)]
    channel: Code = "web"
    currency: Currency = "BDT"
    customer: CustomerRequest = CustomerRequest()
    ship_to: orders.Address | None = None
    coupons: Annotated[tuple[Code, ...], Meta(max_length=20)] = ()
    payment_method: Code = PAYMENT_METHOD
    shipping_method: Annotated[str, Meta(max_length=64)] = "standard"
    services: Annotated[tuple[Code, ...], Meta(max_length=10)] = ()
    tenders: TenderShares = msgspec.UNSET


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order to be placed, whole or not at all.

    `expected_total` is what the buyer was shown: a dearer quote is refused with both figures. `cart` names a cart whose held
    stock becomes this order's. A kit is ordered by its own SKU. `tenders` split the total over several methods, in place of
    `payment_method`: their amounts are the order's total, or one of them names none and takes the rest.
    """

    lines: Annotated[tuple[LineRequest, ...], Meta(min_length=1, max_length=LINES_MAX)]
    customer: CustomerRequest
    ship_to: orders.Address | None = None
    channel: Code = "web"
    currency: Currency = "BDT"
    coupons: Annotated[tuple[Code, ...], Meta(max_length=20)] = ()
    payment_method: Code = PAYMENT_METHOD
    shipping_method: Annotated[str, Meta(max_length=64)] = "standard"
    services: Annotated[tuple[Code, ...], Meta(max_length=10)] = ()
    expected_total: Amount | None = None
    external: External | None = None
    note: Text = ""
    client: ClientRequest | None = None
    tenders: TenderShares = msgspec.UNSET
