"""Several ways to pay for one order: what a request asks for, brought into the form in which everything else reads it. Pure.

    request ─ tendered ─► its payment_method is the one that leads ─ price ─ portions ─► what each method has to bring

A request without `tenders` is never brought here. Pricing comes before splitting, so a part without an amount takes what is left
of the price that is finally due.
"""

from typing import Any, TypeVar

import msgspec

from haat.domain import orders
from haat.flows.checkout.request import PAYMENT_METHOD, PlaceOrder, QuoteRequest, TenderShares
from haat.kernel.errors import Refused

Request = TypeVar("Request", QuoteRequest, PlaceOrder)


def tendered(request: Request) -> Request:
    """The request with the `payment_method` that its tenders make. Refused where they contradict it, themselves, or a channel's sale.

    Nobody can tell the default from the same word said, so the default is never a contradiction.
    """
    if not request.tenders:
        return request
    if isinstance(request, PlaceOrder) and request.external is not None:
        raise _refused("external_tenders", "What pays for a channel's own order stands in external.payments.", "/tenders")
    leading = orders.splitting.leading([(each.method, each.amount) for each in request.tenders])
    if request.payment_method not in (PAYMENT_METHOD, leading):
        detail = f"With these tenders the payment method is {leading}; leave it out."
        raise _refused("payment_method_disagrees", detail, "/payment_method", payment_method=leading)
    return msgspec.structs.replace(request, payment_method=leading)


def paid_by(request: PlaceOrder, tenders: TenderShares) -> PlaceOrder:
    """The request paid by these instead of the one way that it names; as it is where there are none."""
    return msgspec.structs.replace(request, payment_method=PAYMENT_METHOD, tenders=tenders) if tenders else request


def beside(request: QuoteRequest | PlaceOrder) -> tuple[str, ...]:
    """The methods that take a part beside the one that leads."""
    return tuple([each.method for each in request.tenders or () if each.method != request.payment_method])


def portions(request: QuoteRequest | PlaceOrder, total: int) -> tuple[orders.events.Portion, ...]:
    """What each method brings of this total. Refused where the amounts do not make it up."""
    return orders.splitting.split([(each.method, each.amount) for each in request.tenders], total) if request.tenders else ()


def _refused(code: str, detail: str, pointer: str, **figures: Any) -> Refused:
    return Refused(code, detail, errors=[{"pointer": pointer, "detail": detail}], **figures)
