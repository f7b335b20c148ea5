"""What Haat believes against what truly happened: every taka, every parcel, every message, in plain sentences.

    Belief (orders, open exceptions, shipments, as Haat's API shows them) ─┐
    Truth (the parties' own books) ────────────────────────────────────────┴─► compared(…) ─► Books: findings, and what was excused

While things are under way a difference may be news that still travels; at the end of a play it is a mistake of Haat's. An open
exception excuses what it says that it does not know, of that one payment, refund or parcel, and nothing else (UNKNOWN); each use is
counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from haat_world.parcels import FINAL
from haat_world.truth import Consignment, Payment, Truth

ENDED = frozenset({"cancelled", "rejected", "expired"})
CASH = "cod"  # collected by couriers: compared with their books, parcel by parcel
TAKA = 100  # couriers count whole taka, so their sums may differ by less than one
DELIVERED = frozenset({"delivered", "partially_delivered"})
ON_ITS_WAY = frozenset({"requested", "uncertain"})
BACK = frozenset({"returned", "cancelled"})
Order = dict[str, Any]

#: What an open exception says that nobody knows, by flow, step and cause ("" for any cause): of its subject only.
#: `existence`: whether a courier has it at all · `end`: where it ended and what was collected · `sums`: what a gateway took and gave
#: back · `refund`: whether this refund arrived · `held`: what is still set aside
UNKNOWN: Mapping[tuple[str, str, str], str] = {
    ("fulfilment", "look_up", "booking_unknown"): "existence",
    ("fulfilment", "look_at", "courier_silent"): "end",
    ("fulfilment", "look_at", "courier_word_unknown"): "end",
    ("fulfilment", "look_at", "courier_contradicts"): "end",
    ("fulfilment", "look_at", "ended_otherwise"): "end",
    ("fulfilment", "look_at", "courier_corrects"): "end",
    ("fulfilment", "look_at", "courier_cancelled_unclear"): "end",
    ("fulfilment", "look_at", "partial_delivery_unclear"): "end",
    ("fulfilment", "track", ""): "end",
    ("fulfilment", "recall", ""): "end",
    ("fulfilment", "return_overdue", ""): "end",
    ("payment", "ask", ""): "sums",
    ("payment", "mismatch", ""): "sums",
    ("payment", "refund", ""): "refund",
    ("payment", "ask_refund", ""): "refund",
    ("payment", "void", ""): "held",
    ("payment", "capture", ""): "held",
    ("payment", "renew", ""): "held",
}


class Belief(msgspec.Struct, frozen=True):
    """What Haat says: all orders of the play, its open exceptions (`GET /v1/exceptions`) and its shipments (`GET /v1/shipments`).

    `over`: nothing is under way any more, so every parcel has to have come to its end in both books.
    """

    orders: Sequence[Order]
    exceptions: Sequence[dict[str, Any]] = ()
    shipments: Sequence[dict[str, Any]] = ()
    over: bool = False


class Books(msgspec.Struct):
    """`findings`: every disagreement. `excused`: those that an open exception explains, by its cause and what it does not know."""

    findings: list[str]
    excused: Counter[str]


def findings(truth: Truth, orders: Sequence[Order]) -> list[str]:
    """Every disagreement, where nothing is excused by an exception."""
    return compared(truth, Belief(orders)).findings


def compared(truth: Truth, belief: Belief) -> Books:
    """Both books side by side. O(payments + parcels + messages)."""
    audit = _Audit(truth, belief)
    return Books([*audit.money(), *audit.parcels(), *_units(belief.orders), *_messages(truth)], audit.excused)


class _Audit:
    """One comparison, and what it excused so far."""

    def __init__(self, truth: Truth, belief: Belief) -> None:
        self._truth, self._belief = truth, belief
        self.excused: Counter[str] = Counter()
        self._open: dict[tuple[str, str], str] = {}  # (what is unknown, subject) → cause
        for each in belief.exceptions:
            what = UNKNOWN.get((each["flow"], each["step"], each["cause"])) or UNKNOWN.get((each["flow"], each["step"], ""))
            if what is not None:
                self._open[what, each["subject"]] = each["cause"]

    def _excuses(self, what: str, subject: str) -> bool:
        cause = self._open.get((what, subject))
        if cause is not None:
            self.excused[f"{cause}: {what}"] += 1
        return cause is not None

    # Money

    def money(self) -> Iterator[str]:
        """The sums of each attempt, and that no ended order keeps money that is not on its way back."""
        books = {payment.id: payment for payment in self._truth.payments.values()}
        known: set[str] = set()
        for order in self._belief.orders:
            kept = 0
            for tender in order.get("payments", ()):
                for attempt in tender.get("attempts", ()) if tender.get("method") != CASH else ():
                    payment = books.get(attempt.get("reference", ""))
                    known.add(attempt.get("reference", ""))
                    kept += payment.captured - payment.refunded if payment is not None else 0
                    yield from self._attempt(order, attempt, payment)
            if kept > 0 and order["status"] in ENDED and kept > (back := self._coming_back(order)):
                yield f"{order['number']} is {order['status']} and {kept - back} of its buyer's money is still kept"
        for payment in self._truth.payments.values():
            if payment.captured > payment.refunded and payment.id not in known:
                yield f"{payment.party} holds {payment.captured - payment.refunded} for {payment.reference}, of which no order knows"

    def _coming_back(self, order: Order) -> int:
        """What an ended order still has to give back, and is about to, or somebody was told that it did not work."""
        back = 0
        for refund in order.get("refunds", ()):
            if refund.get("status", "requested") in ON_ITS_WAY or self._excuses("refund", refund["id"]):
                back += refund["amount"]
        for tender in order.get("payments", ()):
            for attempt in tender.get("attempts", ()):
                back += attempt.get("captured", 0) if self._excuses("sums", attempt["id"]) else 0
        return back

    def _attempt(self, order: Order, attempt: Order, payment: Payment | None) -> Iterator[str]:
        name = attempt.get("id", "")
        if payment is None:
            if attempt.get("captured"):
                yield f"{order['number']} believes in {attempt['captured']} from {attempt['gateway']}, which knows of none"
            return
        captured, refunded = attempt.get("captured", 0), attempt.get("refunded", 0)
        if captured != payment.captured and not self._excuses("sums", name):
            yield f"{order['number']}: {payment.party} captured {payment.captured}, Haat believes {captured} ({payment.id})"
        if refunded != payment.refunded:
            of_it = [r for r in order.get("refunds", ()) if r["attempt"] == name]
            doubtful = sum(r["amount"] for r in of_it if r.get("status") == "uncertain" or self._excuses("refund", r["id"]))
            if not refunded < payment.refunded <= refunded + doubtful:
                yield f"{order['number']}: {payment.party} refunded {payment.refunded}, Haat believes {refunded} ({payment.id})"
        held = max(attempt.get("authorized", 0) - captured - attempt.get("voided", 0), 0)
        if payment.manual and held != payment.held and not (self._excuses("held", name) or self._excuses("sums", name)):
            yield f"{order['number']}: {payment.party} holds {payment.held} aside, Haat believes {held} ({payment.id})"

    # Parcels

    def parcels(self) -> Iterator[str]:
        """Each consignment booked once and known; where it is and what was collected the same in both books."""
        books = self._truth.consignments
        booked = Counter((each.party, each.reference) for each in books.values())
        yield from (f"{party} has {count} consignments for {reference}" for (party, reference), count in booked.items() if count > 1)
        yield from self._two_couriers()
        known: dict[str, tuple[Order, Order]] = {}
        for order in self._belief.orders:
            known |= {parcel["consignment"]: (order, parcel) for parcel in order.get("shipments", ()) if parcel.get("consignment")}
        asked = {(each.get("courier", ""), each.get("reference", "")): each["id"] for each in self._belief.shipments}
        for consignment in books.values():
            found = known.get(consignment.id) or known.get(consignment.reference)
            if found is not None:
                yield from self._parcel(*found, consignment)
                continue
            subject = asked.get((consignment.party, consignment.reference), "")
            if consignment.status != "cancelled" and not self._excuses("existence", subject):
                name = f"{consignment.id} ({consignment.reference}, {consignment.status})"
                yield f"{consignment.party} has {name}, of which no order knows"
        true = {each.id for each in books.values()} | {each.reference for each in books.values()}
        yield from (
            f"{order['number']}: {parcel.get('courier', 'a courier')} has no {name}, in which Haat believes"
            for name, (order, parcel) in known.items()
            if name not in true and parcel.get("courier") != "self"
        )

    def _two_couriers(self) -> Iterator[str]:
        """No parcel is with two couriers: of the bookings of one parcel, all but one are off their books."""
        places: dict[str, list[Consignment]] = {}
        numbers = {order["number"] for order in self._belief.orders}
        for each in self._truth.consignments.values():
            if each.status != "cancelled" and (place := _place(each.reference, numbers)):
                places.setdefault(place, []).append(each)
        for place, several in places.items():
            if len(several) > 1:
                yield f"parcel {place} is with {' and '.join(f'{c.party} ({c.reference}, {c.status})' for c in several)}"

    def _parcel(self, order: Order, parcel: Order, true: Consignment) -> Iterator[str]:
        name = f"{order['number']} {true.party} {true.id}"
        believed, status = parcel["status"], true.status
        if abs(parcel.get("cash", 0) - true.cash) >= TAKA:
            yield f"{name} was to collect {true.cash}, Haat believes {parcel.get('cash', 0)}"
        wrong = [*_ends(believed, status, over=self._belief.over)]
        if status in DELIVERED and believed in DELIVERED and abs((parcel.get("collected") or 0) - true.collected) >= TAKA:
            wrong.append(f"collected {true.collected}, Haat believes {parcel.get('collected') or 0}")
        if wrong and not self._excuses("end", parcel["id"]):
            yield from (f"{name} {each}" for each in wrong)


def _ends(believed: str, status: str, *, over: bool) -> Iterator[str]:
    """Whether our parcel ended as the courier's did."""
    if (status in DELIVERED) != (believed in DELIVERED) or (status == "lost" and believed != "lost"):
        yield f"is {status}, Haat believes {believed}"
    elif over and status not in FINAL:
        yield f"is {status}, and the play is over"
    elif over and status in BACK and believed not in BACK:
        yield f"is {status}, Haat believes {believed}"


def _place(reference: str, numbers: set[str]) -> str:
    """The parcel that a reference of ours is about, whichever try of booking it: NUMBER-PLACE or NUMBER-PLACE-TRY."""
    parts = reference.split("-")
    for tail in (1, 2):
        number = "-".join(parts[:-tail])
        if number in numbers:
            return f"{number}-{parts[-tail]}"
    return ""


def _units(orders: Sequence[Order]) -> Iterator[str]:
    """Every unit that was ordered lies somewhere."""
    for order in orders:
        for line in order.get("lines", ()):
            lies = sum(line.get("buckets", {}).values())
            if line.get("buckets") is not None and lies != line["quantity"]:
                yield f"{order['number']}: {line['quantity']} of {line.get('sku')} were ordered, {lies} lie somewhere"


def _messages(truth: Truth) -> Iterator[str]:
    """Nobody is told the same twice. A webhook may be, as its receiver sees by its id."""
    told = Counter((m.kind, m.to, m.id) for m in truth.messages if m.kind in ("sms", "mail") and m.id)
    yield from (f"{to} was told {key} {count} times by {kind}" for (kind, to, key), count in told.items() if count > 1)
