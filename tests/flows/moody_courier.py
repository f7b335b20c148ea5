"""A courier in a box for tests of the flow: it keeps its books, and says or swallows what a test tells it to.

It speaks the contract of `domain/fulfilment/courier.py` without a wire: what goes wrong on wires is put into `moods`, one for each
call: `ok`, `lost` (it happened, the answer is gone), `down` (it did not happen), `declined`, `busy` (declined for now).
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from haat.domain import fulfilment
from haat.kernel.errors import Unavailable
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Unknown

courier = fulfilment.courier


class Nothing(msgspec.Struct, frozen=True):
    """No configuration, no secret."""


class Books:
    """What one courier has booked, by our reference, and what it says of each parcel."""

    def __init__(self, lookup: Literal["reference", "hook"] = "reference") -> None:
        self.lookup: Literal["reference", "hook"] = lookup
        self.booked: dict[str, courier.Consignment] = {}
        self.calls: list[str] = []
        self.moods: deque[str] = deque()
        self.scans: dict[str, list[courier.Scan]] = {}
        self.cancels = "yes"

    def plugin(self, code: str) -> courier.Courier:
        return courier.Courier(
            code=code, title=code, config=Nothing, secrets=Nothing, capabilities=courier.Capabilities(lookup=self.lookup, hooks=True),
            book=self._book, look_up=self._look_up, verify=self._verify, heard=self._heard, track=self._track, cancel=self._cancel,
        )  # fmt: skip

    def says(self, reference: str, status: courier.Status, at: datetime, **more: object) -> None:
        self.scans.setdefault(f"C-{reference}", []).append(courier.Scan(at, f"C-{reference}", reference, status, **more))  # type: ignore[arg-type]

    def story(self, reference: str, start: datetime, *statuses: courier.Status, **last: object) -> None:
        """Those sayings, an hour apart; `last` is said with the last one."""
        for n, status in enumerate(statuses):
            more = last if n == len(statuses) - 1 else {}
            self.says(reference, status, start + timedelta(hours=n), **more)

    def _book(self, connection: Connection, it: courier.Consignment, now: datetime) -> Conversation[courier.Booked | courier.Declined]:
        yield from courier.silent()
        self.calls.append(f"book {it.reference}")
        mood = self.moods.popleft() if self.moods else "ok"
        if mood == "down":
            raise Unavailable("outside_down", "nobody is there")
        if mood in ("declined", "busy"):
            return courier.Declined("area_not_served", final=mood == "declined")
        assert it.reference not in self.booked, "booked twice"
        self.booked[it.reference] = it
        if mood == "lost":
            raise Unknown("outside_slow", "no answer in time")
        return courier.Booked(f"C-{it.reference}", fee=5_000)

    def _look_up(self, connection: Connection, reference: str, now: datetime) -> Conversation[courier.Booked | courier.NotThere]:
        yield from courier.silent()
        self.calls.append(f"look_up {reference}")
        mood = self.moods.popleft() if self.moods else "ok"
        if mood == "down":
            raise Unavailable("outside_down", "nobody is there")
        if self.lookup == "hook":
            raise Unknown("no_lookup", "it cannot be asked")
        return courier.Booked(f"C-{reference}", fee=5_000) if reference in self.booked else courier.NotThere()

    def _cancel(self, connection: Connection, known: courier.Known, reason: str) -> Conversation[courier.Recalled | courier.Declined]:
        yield from courier.silent()
        self.calls.append(f"cancel {known.reference}")
        if self.cancels == "down":
            raise Unavailable("outside_down", "nobody is there")
        return courier.Recalled() if self.cancels == "yes" else courier.Declined("picked_up")

    def _track(self, connection: Connection, known: courier.Known, now: datetime) -> Conversation[tuple[courier.Scan, ...]]:
        yield from courier.silent()
        self.calls.append(f"track {known.consignment}")
        return tuple(scan for scan in self.scans.get(known.consignment, []) if scan.at <= now)

    def _verify(self, connection: Connection, hook: Hook, now: datetime) -> Heard:
        return Heard(hook.body.decode())

    def _heard(self, connection: Connection, hook: Hook, now: datetime) -> tuple[courier.Scan, ...]:
        return tuple(msgspec.json.decode(hook.body, type=list[courier.Scan]))
