"""What Haat believes against what truly happened: every taka, every parcel, every message, in plain sentences.

`findings(truth, orders)` takes the parties' books and Haat's orders as its API shows them; no finding means that both agree. While
things are under way a difference may be news that still travels; at the end of a play it is a mistake of Haat's.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from haat_world.truth import Consignment, Payment, Truth

ENDED = frozenset({"cancelled", "rejected", "expired"})
CASH = "cod"  # collected by couriers: compared with their books, parcel by parcel
TAKA = 100  # couriers count whole taka, so their sums may differ by less than one
DELIVERED = frozenset({"delivered", "partially_delivered"})
ON_ITS_WAY = frozenset({"requested", "uncertain"})
Order = dict[str, Any]


def findings(truth: Truth, orders: Sequence[Order]) -> list[str]:
    """Every disagreement. `orders`: all orders of the play. O(payments + parcels + messages)."""
    return [*_money(truth, orders), *_parcels(truth, orders), *_messages(truth)]


def _money(truth: Truth, orders: Sequence[Order]) -> Iterator[str]:
    """The sums of each attempt, and that no ended order keeps money that is not on its way back."""
    books = {payment.id: payment for payment in truth.payments.values()}
    known: set[str] = set()
    for order in orders:
        kept = -sum(refund["amount"] for refund in order.get("refunds", ()) if refund.get("status", "requested") in ON_ITS_WAY)
        for tender in order.get("payments", ()):
            for attempt in tender.get("attempts", ()) if tender.get("method") != CASH else ():
                payment = books.get(attempt.get("reference", ""))
                known.add(attempt.get("reference", ""))
                kept += payment.captured - payment.refunded if payment is not None else 0
                yield from _attempt(order, attempt, payment)
        told = any(trouble["flow"] == "payment" for trouble in order.get("exceptions", ()))
        if kept > 0 and order["status"] in ENDED and not told:
            yield f"{order['number']} is {order['status']} and {kept} of its buyer's money is still kept"
    for payment in truth.payments.values():
        if payment.captured > payment.refunded and payment.id not in known:
            yield f"{payment.party} holds {payment.captured - payment.refunded} for {payment.reference}, of which no order knows"


def _attempt(order: Order, attempt: Order, payment: Payment | None) -> Iterator[str]:
    if payment is None:
        if attempt.get("captured"):
            yield f"{order['number']} believes in {attempt['captured']} from {attempt['gateway']}, which knows of none"
        return
    if any(trouble["flow"] == "payment" for trouble in order.get("exceptions", ())):
        return  # somebody was told that a gateway does not say what became of it
    doubtful = sum(r["amount"] for r in order.get("refunds", ()) if r["attempt"] == attempt["id"] and r.get("status") == "uncertain")
    for sum_ in ("captured", "refunded"):
        believed, true = attempt.get(sum_, 0), getattr(payment, sum_)
        if believed != true and not (sum_ == "refunded" and believed < true <= believed + doubtful):
            yield f"{order['number']}: {payment.party} {sum_} {true}, Haat believes {believed} ({payment.id})"
    held = max(attempt.get("authorized", 0) - attempt.get("captured", 0) - attempt.get("voided", 0), 0)
    if payment.manual and held != payment.held:
        yield f"{order['number']}: {payment.party} holds {payment.held} aside, Haat believes {held} ({payment.id})"


def _parcels(truth: Truth, orders: Sequence[Order]) -> Iterator[str]:
    """Each consignment booked once and known; where it is and what was collected the same in both books."""
    booked = Counter((each.party, each.reference) for each in truth.consignments.values())
    yield from (f"{party} has {count} consignments for {reference}" for (party, reference), count in booked.items() if count > 1)
    known: dict[str, tuple[Order, Order]] = {}
    for order in orders:
        known |= {parcel["consignment"]: (order, parcel) for parcel in order.get("shipments", ()) if parcel.get("consignment")}
    for consignment in truth.consignments.values():
        found = known.get(consignment.id) or known.get(consignment.reference)
        if found is not None:
            yield from _parcel(*found, consignment)
        elif consignment.status != "cancelled":
            yield f"{consignment.party} has {consignment.id} ({consignment.reference}, {consignment.status}), of which no order knows"


def _parcel(order: Order, parcel: Order, true: Consignment) -> Iterator[str]:
    if parcel.get("doubts") or any(trouble["flow"] == "fulfilment" for trouble in order.get("exceptions", ())):
        return  # what does not fit was shown to somebody
    name = f"{order['number']} {true.party} {true.id}"
    believed, status = parcel["status"], true.status
    if (status in DELIVERED) != (believed in DELIVERED):
        yield f"{name} is {status}, Haat believes {believed}"
    if status == "lost" and believed != "lost":
        yield f"{name} is lost, Haat believes {believed}"
    if abs(parcel.get("cash", 0) - true.cash) >= TAKA:
        yield f"{name} was to collect {true.cash}, Haat believes {parcel.get('cash', 0)}"
    if status in DELIVERED and abs((parcel.get("collected") or 0) - true.collected) >= TAKA:
        yield f"{name} collected {true.collected}, Haat believes {parcel.get('collected') or 0}"


def _messages(truth: Truth) -> Iterator[str]:
    """Nobody is told the same twice. A webhook may be, as its receiver sees by its id."""
    told = Counter((m.kind, m.to, m.id) for m in truth.messages if m.kind in ("sms", "mail") and m.id)
    yield from (f"{to} was told {key} {count} times by {kind}" for (kind, to, key), count in told.items() if count > 1)
