"""A dump's orders into Haat: through the same group commit as every other order, at the prices that the buyer was promised.

An order is known by the dump's id: where it stands already nothing happens, so an import that broke off goes on and a second
one changes nothing. Hundreds of orders are on their way at any moment, in the order of their purchase.
"""

from asyncio import Future
from collections import deque
from collections.abc import Callable, Mapping, Set
from typing import TypeAlias

import msgspec

from haat.domain import orders
from haat.engine import idempotency
from haat.faces.cli.house import Runtime
from haat.faces.cli.olist import stocking
from haat.faces.cli.olist.reader import COUNTRY, CURRENCY, Dump, Order
from haat.faces.cli.olist.report import Unplaced
from haat.flows import checkout
from haat.kernel.errors import Refused
from haat.kernel.facts import Origin

ON_THE_WAY_MAX = 1_024  # four full batches: one is being committed, the next ones are ready when it is
ORIGIN = Origin(f"channel:{stocking.CHANNEL}", "import:olist")
_encode = msgspec.json.Encoder().encode
OnTheWay: TypeAlias = "deque[tuple[Order, Future[checkout.Placed]]]"


class Outcome(msgspec.Struct):
    """How many orders are new, how many stood already, and those that were refused, with the reason."""

    placed: int = 0
    standing: int = 0
    refused: list[Unplaced] = []


async def place_all(
    runtime: Runtime, dump: Dump, standing: Set[str], customers: Mapping[str, str], advance: Callable[[int], None]
) -> Outcome:
    """Place what is not `standing`. `customers`: their ids by the dump's; `advance` is told how many orders are done."""
    outcome = Outcome(standing=len(standing))
    waiting: OnTheWay = deque()
    advance(len(standing))
    for page in stocking.pages(order for order in dump.orders() if order.id not in standing):
        await runtime.market.know({line.sku for order in page for line in order.lines})
        for order in page:
            while len(waiting) >= ON_THE_WAY_MAX:
                await _settle(waiting, outcome)
            try:
                waiting.append((order, await _submitted(runtime, order, customers[order.customer])))
            except Refused as refusal:
                outcome.refused.append(_unplaced(order, refusal))
        advance(len(page))
    while waiting:
        await _settle(waiting, outcome)
    return outcome


async def _submitted(runtime: Runtime, order: Order, customer: str) -> "Future[checkout.Placed]":
    request = request_of(order, customer)
    key = idempotency.Key(f"channel:{stocking.CHANNEL}", order.id, idempotency.fingerprint(_encode(request)))
    serial = await runtime.draw.serial()
    return runtime.placing.submit(
        checkout.prepare(request, runtime.market, runtime.draw, checkout.Errand(serial, ORIGIN, runtime.clock.now(), key))
    )


async def _settle(waiting: OnTheWay, outcome: Outcome) -> None:
    order, answer = waiting.popleft()
    try:
        placed = await answer
    except Refused as refusal:
        outcome.refused.append(_unplaced(order, refusal))
    else:
        if placed.replayed:
            outcome.standing += 1
        else:
            outcome.placed += 1


def request_of(order: Order, customer: str) -> checkout.PlaceOrder:
    """The order as the channel `olist` would send it: its own prices and freight, its payments, its instant."""
    payments = tuple(
        checkout.PaymentRecord(payment.method, payment.amount, str(payment.sequence), payment.installments) for payment in order.payments
    )
    return checkout.PlaceOrder(
        lines=tuple(
            checkout.LineRequest(line.sku, line.quantity, unit_price=line.unit_price, freight=line.freight) for line in order.lines
        ),
        customer=checkout.CustomerRequest(id=customer),
        ship_to=orders.Address(country=COUNTRY, division=order.state, district=order.city, postcode=order.zip_prefix),
        channel=stocking.CHANNEL,
        currency=CURRENCY,
        payment_method=payments[0].method if payments else "",
        external=checkout.External(order.id, order.status, order.placed_at, payments),
    )


def _unplaced(order: Order, refusal: Refused) -> Unplaced:
    return Unplaced(order.id, f"{refusal.code}: {refusal.detail}", order.status, sum(payment.amount for payment in order.payments))
