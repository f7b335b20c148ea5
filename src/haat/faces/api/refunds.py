"""Refunds: money that an admin sends back, whatever is owed; what goes back by itself is listed beside it.

The same Idempotency-Key is the same refund, however often it is sent. A refund that no gateway can make (cash) is noted here once a
person has made it, and so is what somebody found out about one of which its gateway says nothing.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Annotated

import msgspec
from msgspec import Meta

from haat.domain import orders, payments
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, wishes
from haat.faces.api.orders import CancelLine, order_id_in
from haat.faces.api.shop import Shop
from haat.kernel.errors import Refused
from haat.kernel.facts import Fact, Origin

REFUND = {"amount": 5_000, "reason": "late_delivery"}
UNDER_WAY = ("requested", "uncertain", "failed")


class RefundRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` in minor units, or `lines`: what these units cost the buyer."""

    reason: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z0-9_]+$")]
    amount: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    lines: Annotated[list[CancelLine], Meta(min_length=1, max_length=500)] | None = None


class ReceiptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the money went back by hand: a receipt's number, a transfer's."""

    reference: Annotated[str, Meta(min_length=1, max_length=200)]


class FindingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway's own books say of a refund whose answer was lost: `found`, under their `reference`, by which it is
    asked from then on; or surely not, and how you know (`detail`): then it is sent again."""

    found: bool
    reference: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    detail: Annotated[str, Meta(max_length=300)] = ""


class RefundView(msgspec.Struct, frozen=True):
    """Money on its way back. `status`: requested, uncertain, succeeded or failed."""

    id: str
    payment: str
    attempt: str
    gateway: str
    amount: int
    currency: str
    status: str
    reason: str
    reference: str
    asked_at: datetime | None
    settled_at: datetime | None


class Refunds(msgspec.Struct, frozen=True):
    """`refundable`: what could still be asked back."""

    data: list[RefundView]
    refundable: int


def endpoints(shop: Shop) -> list[Endpoint]:
    desk = _Desk(shop)
    many = "/v1/orders/{id}/refunds"
    return [
        Endpoint("GET", many, "listRefunds", "What went back of an order, and what is on its way", desk.many, "Payments", access.ALL,
                 answers={200: Refunds}, problems=(404,)),
        Endpoint("POST", many, "refundOrder", "Give money back", desk.ask, "Payments", access.STAFF, RefundRequest,
                 answers={201: Refunds}, problems=(404, 409, 412, 413, 415, 422, 503), idempotent=True, example=REFUND),
        Endpoint("POST", many + "/{refund}/receipts", "noteRefund", "Note a refund that was made by hand", desk.note, "Payments",
                 access.STAFF, ReceiptRequest, answers={201: Refunds}, problems=(404, 409, 412, 413, 415, 422, 503),
                 example={"reference": "bank transfer 7731"}),
        Endpoint("POST", many + "/{refund}/findings", "findRefund", "Say what a gateway left unanswered", desk.find, "Payments",
                 access.STAFF, FindingRequest, answers={201: Refunds}, problems=(404, 409, 412, 413, 415, 422, 503),
                 example={"found": True, "reference": "RR-5521"}),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def many(self, call: Call) -> Answer:
        order = access.seen_by(call.principal, await self._order(order_id_in(call)))
        return await self._answer(200, order)

    async def ask(self, call: Call) -> Answer:
        asked: RefundRequest = call.data
        if (asked.amount is None) == (asked.lines is None):
            raise Refused("amount_or_lines", "Say an amount or lines, one of the two.")
        order_id = order_id_in(call)
        return await self._change(call, order_id, _asking(asked, wishes.of(call, order_id), self._shop.draw.uuid))

    async def note(self, call: Call) -> Answer:
        reference: str = call.data.reference
        return await self._change(call, order_id_in(call), _noting(call.path["refund"], reference))

    async def find(self, call: Call) -> Answer:
        return await self._change(call, order_id_in(call), _finding(call.path["refund"], call.data))

    async def _change(self, call: Call, order_id: str, decide: Callable[[orders.Order], tuple[Fact, ...]]) -> Answer:
        access.seen_by(call.principal, await self._order(order_id))
        origin = Origin(call.principal.actor, "api", call.trace)
        change = orders.Change(order_id, decide, self._shop.clock.now(), origin, conditions.expected(call))
        return await self._answer(201, (await self._shop.changing.submit(change)).after)

    async def _order(self, order_id: str) -> orders.Order:
        async with self._shop.database.reading() as tx:
            found = await self._shop.orders.read(tx, [order_id])
        if order_id not in found:
            raise access.unknown()
        return found[order_id]

    async def _answer(self, status: int, order: orders.Order) -> Answer:
        async with self._shop.database.reading() as tx:
            rows = {r.id: r for r in await payments.refunds_of(tx, order.id)}
        data = []
        for r in order.refunds:
            row = rows.get(r.id)
            asked_at, settled_at = (row.asked_at, row.settled_at) if row else (None, None)
            data.append(
                RefundView(
                    r.id, r.payment, r.attempt, r.gateway, r.amount, order.currency, r.status, r.reason, r.reference, asked_at, settled_at
                )
            )
        kept = sum(max(orders.settling.kept(order, a), 0) for t in order.payments for a in t.attempts if a.gateway)
        return Answer(status, Refunds(data, kept), [conditions.etag(order.version)])


def _asking(asked: RefundRequest, wish: wishes.Wish | None, draw: Callable[[], str]) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        if wish is not None and wish.granted([r.id for r in order.refunds]):
            return ()  # the same wish, told again
        quantities: dict[int, int] = {}
        for line in asked.lines or ():
            quantities[line.line_no] = quantities.get(line.line_no, 0) + line.quantity
        amount = asked.amount if asked.amount is not None else orders.settling.worth(order, quantities)
        ids = draw if wish is None else map(wish.id, count()).__next__
        return orders.settling.ask_back(order, amount, reason=asked.reason, new_id=ids)

    return decide


def _noting(refund_id: str, reference: str) -> Callable[[orders.Order], tuple[Fact, ...]]:
    def decide(order: orders.Order) -> tuple[Fact, ...]:
        refund = orders.ascertaining.refund_of(order, refund_id)
        if refund.status == "succeeded" and refund.reference == reference:
            return ()
        if refund.status not in UNDER_WAY:
            raise Refused("refunded_already", "This money went back already.", kind="conflict")
        return (orders.events.OrderRefunded(refund.id, refund.payment, refund.attempt, refund.amount, reference),)

    return decide


def _finding(refund_id: str, found: FindingRequest) -> Callable[[orders.Order], tuple[Fact, ...]]:
    if found.found and found.reference is None:
        raise Refused("reference_required", "Say under which name the gateway has it, or that it has not (`found`: false).")
    if not found.found and found.reference is not None:
        raise Refused("contradictory", "What was not found has no reference.")
    if not found.found and not found.detail.strip():
        raise Refused("reason_required", "Say how you know that the gateway never got it.")
    if found.reference is not None:
        return lambda order: orders.ascertaining.named(order, refund_id, found.reference or "")
    return lambda order: orders.ascertaining.unsent(order, refund_id, detail=found.detail)
