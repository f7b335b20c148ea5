"""What became of a parcel, out of all that its courier said of it. Pure.

    scans, in any order and twice ─► standing (the courier's truth) ─► advance(parcel, scans) ─► moves (what ours still has to do)

Couriers repeat, reorder and skip. So nothing is stepped through as it arrives: the scans of one consignment are told apart, put in
the order of the courier's own clock and read as one story, which is the same whatever the order in which they came. Two truths stand
beside each other: what the courier says, and where our parcel is; `advance` names the moves between them, skipped ones included.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from haat.domain.fulfilment.courier import PAID_AT_THE_DOOR, Reason, Scan, Status

Place = Literal["booked", "shipped", "out_for_delivery", "attempt_failed", "returning", "delivered", "partially_delivered", "returned",
                "lost", "cancelled"]  # fmt: skip
MoveKind = Literal["shipped", "out_for_delivery", "delivery_failed", "delivered", "partially_delivered", "returning", "returned", "lost",
                   "cancelled"]  # fmt: skip

#: What a courier's status makes of a parcel. Those that are not here (on_hold, pickup_failed, …) say something and move nothing.
MEANS: dict[str, Place] = {
    "booked":              "booked",
    "pickup_requested":    "booked",
    "picked_up":           "shipped",
    "in_transit":          "shipped",
    "at_destination_hub":  "shipped",
    "out_for_delivery":    "out_for_delivery",
    "delivery_failed":     "attempt_failed",
    "returning":           "returning",
    "delivered":           "delivered",
    "partially_delivered": "partially_delivered",
    "exchanged":           "delivered",
    "returned":            "returned",
    "cancelled":           "cancelled",
    "lost":                "lost",
    "damaged":             "lost",
}  # fmt: skip
#: Two sayings of one instant are read in this order.
_SAME_INSTANT = (
    "", "created", "booked", "pickup_requested", "pickup_failed", "picked_up", "in_transit", "at_destination_hub", "on_hold",
    "out_for_delivery", "delivery_failed", "cancelled", "delivered", "partially_delivered", "exchanged", "returning", "returned",
    "lost", "damaged",
)  # fmt: skip
RANK: dict[str, int] = {status: n for n, status in enumerate(_SAME_INSTANT)}
#: How far a place is on the way. What tells of an earlier stage comes too late; at the door a parcel goes to and fro.
STAGE: dict[str, int] = {
    "booked": 0, "shipped": 1, "out_for_delivery": 2, "attempt_failed": 2, "returning": 3,
    "delivered": 4, "partially_delivered": 4, "returned": 4, "lost": 4, "cancelled": 4,
}  # fmt: skip
DOOR, END = 2, 4
ON_THE_ROAD = (1, DOOR)
#: What ended stays ended, but for these corrections, which couriers make on purpose.
CORRECTIONS: dict[tuple[str, str], Literal["partially_delivered", "returned"]] = {
    ("delivered", "partially_delivered"): "partially_delivered",
    ("delivered", "returned"): "returned",
    ("cancelled", "returned"): "returned",
}
#: Ours ended on a word that overtook another one: all of it was booked as back before it was heard that a part had been kept.
OVERTAKEN: dict[tuple[str, str], Literal["partially_delivered"]] = {("returned", "partially_delivered"): "partially_delivered"}
_BACK: dict[str, Literal["returning", "returned"]] = {"returning": "returning", "returned": "returned"}
#: Trackers' words of other countries (EasyPost, Shippo, AfterShip), for couriers that are reached through them.
INTERNATIONAL: dict[str, Status] = {
    "unknown": "booked", "pending": "booked", "pre_transit": "booked", "inforeceived": "booked", "info_received": "booked",
    "in_transit": "in_transit", "intransit": "in_transit", "transit": "in_transit",
    "out_for_delivery": "out_for_delivery", "outfordelivery": "out_for_delivery",
    "available_for_pickup": "at_destination_hub", "availableforpickup": "at_destination_hub",
    "delivered": "delivered", "return_to_sender": "returning", "returned": "returning",
    "failure": "delivery_failed", "attemptfail": "delivery_failed", "attempt_fail": "delivery_failed",
    "exception": "on_hold", "cancelled": "cancelled", "canceled": "cancelled", "error": "on_hold", "expired": "on_hold",
}  # fmt: skip


class Parcel(Struct, frozen=True):
    """Where our parcel is: its status, how many tries at the door are noted, and whether the courier still has units of it."""

    status: str
    tries: int = 0
    out: bool = True


class Failure(Struct, frozen=True):
    """A try at the door that failed."""

    at: datetime
    reason: Reason = ""
    detail: str = ""


class Standing(Struct, frozen=True):
    """What the courier's story comes to. `status` is its last word, `place` where that puts the parcel, `at` since when.

    `rest`: after a partial delivery, whether the other part is on its way back or there. `collected` is what was taken at the door
    for the goods, `return_fee` what was taken for bringing them back, `taken` the most that any ending says, whichever of them stands.
    `to_confirm`: only a hint says that it was delivered; ask the courier. `unknown`: words that nobody understands. `contradicted`:
    endings that do not go together with the first one, which stands; a person has to look. `exchanged`: it was delivered, and other
    goods were taken along. `vague`: it is cancelled by a word that does not say whether the courier ever had it.
    """

    status: Status = ""
    place: Place = "booked"
    at: datetime | None = None
    reason: Reason = ""
    message: str = ""
    failures: tuple[Failure, ...] = ()
    rest: Literal["", "returning", "returned"] = ""
    exchanged: bool = False
    collected: int | None = None
    return_fee: int | None = None
    taken: int | None = None
    remitted: bool = False
    invoice: str = ""
    to_confirm: bool = False
    unknown: tuple[str, ...] = ()
    contradicted: tuple[Place, ...] = ()
    vague: bool = False


class Move(Struct, frozen=True, omit_defaults=True):
    """Something that our parcel still has to do. `rest`: it concerns what a partial delivery left over.

    `correction`: ours had ended otherwise. It is named until ours has followed, so it makes one task for a person and not several.
    `vague`: a cancellation of which nobody has said whether the goods are at home or come back.
    """

    kind: MoveKind
    at: datetime | None = None
    reason: Reason = ""
    detail: str = ""
    collected: int | None = None
    rest: bool = False
    correction: bool = False
    vague: bool = False


class Advance(Struct, frozen=True):
    """The courier's truth, and the moves that bring ours to it; none where it is there.

    `contradicted`: endings that the courier tells of and that no correction brings together with ours, or with its own first one.
    """

    standing: Standing
    moves: tuple[Move, ...] = ()
    contradicted: tuple[Place, ...] = ()


def advance(parcel: Parcel, scans: Iterable[Scan]) -> Advance:
    """The moves between our parcel and all that was said of its present consignment: old scans and new ones, in any order."""
    now = standing(scans)
    other = (now.place,) if _contradicts(parcel.status, now) else ()
    return Advance(now, moves(parcel, now), (*other, *[each for each in now.contradicted if each != parcel.status]))


def standing(scans: Iterable[Scan]) -> Standing:
    """The story of one consignment. The same for every order and repetition of the same scans. O(n log n)."""
    story = {(scan.at, RANK.get(scan.status, 0), scan.key, scan.hint): scan for scan in scans}
    told = [story[moment] for moment in sorted(story)]
    confirmed = {scan.status for scan in told if not scan.hint}
    reading = _Reading()
    for scan in told:
        if scan.hint and scan.status in PAID_AT_THE_DOOR and scan.status not in confirmed:
            reading.unconfirmed = True
        else:
            reading.read(scan)
    return reading.standing(told)


def moves(parcel: Parcel, now: Standing) -> tuple[Move, ...]:
    """What our parcel still has to do so that it is where the courier says. Done, they are not named again."""
    if now.place == "booked" or parcel.status in ("planned", "picking", "lost"):
        return ()
    if now.place == "cancelled":
        if parcel.status in ("booked", "uncertain"):
            return (_move("cancelled", now),)
        return (_move("returning", now),) if STAGE.get(parcel.status) in ON_THE_ROAD else ()  # it has left us: it comes back
    if parcel.status in ("packed", "uncertain", "booked", "cancelled"):
        return (Move("shipped", now.at), *_onwards("shipped", parcel, now))
    return _onwards(parcel.status, parcel, now)


def _onwards(ours: str, parcel: Parcel, now: Standing) -> tuple[Move, ...]:
    """From `ours`, which the courier has, to where it is by now."""
    if now.place == "shipped":
        return ()
    if STAGE[ours] == END:
        return _after_the_end(ours, parcel, now)
    failed: tuple[Move, ...] = ()
    if STAGE[ours] <= DOOR:
        failed = tuple([Move("delivery_failed", each.at, each.reason, each.detail) for each in now.failures[parcel.tries :]])
    return (*failed, *_last_steps(ours, now, again=bool(failed)))


def _last_steps(ours: str, now: Standing, *, again: bool) -> tuple[Move, ...]:
    """`again`: failed tries were named before, after which a parcel goes out once more."""
    match now.place:
        case "attempt_failed":
            return ()
        case "out_for_delivery":
            return (Move("out_for_delivery", now.at),) if STAGE[ours] < DOOR or again or ours == "attempt_failed" else ()
        case "returned":
            back = () if ours == "returning" else (_move("returning", now),)
            return (*back, _move("returned", now))
        case "partially_delivered":
            rest = (_move("returned", now, rest=True),) if now.rest == "returned" else ()
            return (_move("partially_delivered", now), *rest)
        case "returning" | "delivered" | "lost":
            return () if ours == now.place else (_move(now.place, now),)
        case _:
            return ()


def _after_the_end(ours: str, parcel: Parcel, now: Standing) -> tuple[Move, ...]:
    """Ours has ended: what is left is the rest of a partial delivery, and corrections."""
    if ours == now.place == "partially_delivered":
        return (_move("returned", now, rest=True),) if now.rest == "returned" and parcel.out else ()
    corrected = CORRECTIONS.get((ours, now.place)) or OVERTAKEN.get((ours, now.place))
    return () if corrected is None else (_move(corrected, now, correction=True),)


def _contradicts(ours: str, now: Standing) -> bool:
    """Whether ours ended one way and the courier's story ends another. What was cancelled here and left all the same is followed."""
    if ours in (now.place, "cancelled") or STAGE.get(ours) != END or STAGE[now.place] != END:
        return False
    if now.place == "cancelled" and (now.vague or ours == "returned"):
        return False  # at home either way, or not said
    if _coarser(ours, now.place, now.collected):
        return False
    return (ours, now.place) not in CORRECTIONS and (ours, now.place) not in OVERTAKEN


def _coarser(known: str, said: str, collected: int | None) -> bool:
    """Some couriers have no word for a part: «delivered», with no cash told, does not contradict that a part was."""
    return (known, said) == ("partially_delivered", "delivered") and collected is None


def _move(kind: MoveKind, now: Standing, *, rest: bool = False, correction: bool = False) -> Move:
    collected = now.collected if kind in PAID_AT_THE_DOOR else None
    return Move(kind, now.at, now.reason, now.message, collected, rest, correction, kind == "cancelled" and now.vague)


class _Reading:
    """The story as far as it was read: one scan after the other, in the courier's order."""

    def __init__(self) -> None:
        self.place: Place = "booked"
        self.status: Status = ""
        self.at: datetime | None = None
        self.reason: Reason = ""
        self.message = ""
        self.picked_up = False
        self.exchanged = False
        self.unconfirmed = False
        self.failures: list[Failure] = []
        self.rest: Literal["", "returning", "returned"] = ""
        self.taken: int | None = None
        self.contradicted: list[Place] = []

    def read(self, scan: Scan) -> None:
        self.exchanged = self.exchanged or scan.status == "exchanged"
        if scan.status in PAID_AT_THE_DOOR and scan.collected is not None:
            self.taken = max(self.taken or 0, scan.collected)
        where = MEANS.get(scan.status)
        if where == "cancelled" and self.picked_up and STAGE[self.place] < END:
            where = "returning"  # what was picked up cannot be cancelled any more: it comes back
        if where is None:
            if scan.status and STAGE[self.place] < END:
                self.status, self.reason, self.message = scan.status, scan.reason or self.reason, scan.message or self.message
        elif STAGE[self.place] == END:
            self._after_the_end(where, scan)
        elif STAGE[where] > STAGE[self.place] or STAGE[where] == STAGE[self.place] == DOOR or where == self.place:
            if where == "attempt_failed":
                self._failed(scan)
            self._goes(where, scan)
        held = scan.status == "on_hold"  # what a courier puts aside, it has
        self.picked_up = self.picked_up or held or (where is not None and 0 < STAGE[where] < END)

    def _goes(self, where: Place, scan: Scan) -> None:
        because = scan.reason or (self.failures[-1].reason if self.failures and where in ("returning", "returned") else "")
        self.place, self.at, self.status = where, scan.at, scan.status
        self.reason, self.message = because, scan.message or self.message

    def _failed(self, scan: Scan) -> None:
        """A try counts by the courier's time; where that is not said, only when what was known last was no failed try."""
        again = self.place == "attempt_failed"
        if not again or (scan.timed and scan.at != self.failures[-1].at):
            self.failures.append(Failure(scan.at, scan.reason, scan.message))

    def _after_the_end(self, where: Place, scan: Scan) -> None:
        if self.place == "partially_delivered" and where in _BACK:
            self.rest = "returned" if self.rest == "returned" else _BACK[where]
            self.status = scan.status
        elif (self.place, where) in CORRECTIONS:
            self._goes(where, scan)
        elif STAGE[where] == END and where not in (self.place, *self.contradicted) and not _coarser(self.place, where, scan.collected):
            self.contradicted.append(where)

    def standing(self, told: Sequence[Scan]) -> Standing:
        taken = [scan.collected for scan in told if scan.collected is not None and MEANS.get(scan.status) == self.place]
        fees = [scan.collected for scan in told if scan.collected is not None and scan.status in ("returning", "returned")]
        return Standing(
            status=self.status,
            place=self.place,
            at=self.at,
            reason=self.reason,
            message=self.message,
            failures=tuple(self.failures),
            rest=self.rest,
            exchanged=self.exchanged,
            collected=taken[-1] if taken and self.place in PAID_AT_THE_DOOR else None,
            return_fee=fees[-1] if fees else None,
            taken=self.taken,
            remitted=any(scan.cash == "remitted" for scan in told),
            invoice=next((scan.invoice for scan in reversed(told) if scan.invoice), ""),
            to_confirm=self.unconfirmed and STAGE[self.place] < END,
            unknown=tuple(sorted({scan.said for scan in told if not scan.known})),
            contradicted=tuple(self.contradicted),
            vague=self.place == "cancelled" and all(scan.vague for scan in told if scan.status == "cancelled"),
        )
