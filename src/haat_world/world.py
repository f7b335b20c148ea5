"""What everything in the world shares: the seed's dice, the faults in force, the clock and its agenda, the books, the line out.

A party is handed a `World` and keeps its state in `world.truth`. Nothing here knows a protocol.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from haat_world import names
from haat_world.agenda import Agenda
from haat_world.clock import Paced
from haat_world.dice import Dice
from haat_world.faults import Faults
from haat_world.line import Line
from haat_world.names import Names
from haat_world.truth import Truth

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How people and parcels behave here. Spans in seconds of the world's time.

    `payers`: `hand` waits for somebody to press a button on the pay page, `auto` lets every payer decide by their own mood.
    """

    payers: str = "hand"
    pay_s: float = 45.0  # median from the pay page to the decision
    risky: float = 0.01  # card payments that the gateway finds risky
    leg_s: float = 4 * 3600.0  # median between two scans of a parcel
    refusal: float = 0.10  # cash parcels that are refused at the door
    absence: float = 0.12  # a try at the door that finds nobody
    partial: float = 0.02
    loss: float = 0.004
    remit_s: float = 2 * 24 * 3600.0  # from delivery to the courier's invoice
    strangers: bool = False  # whether parcels of people who are not of this world always arrive at the first try


#: Every phone of this world's own buyers has it behind the operator's prefix.
BLOCK = "999"


#: A parcel reaches its buyer within two minutes, and a payer makes up their mind in seconds.
HASTE = Habits(pay_s=6.0, risky=0.0, leg_s=9.0, refusal=0.05, absence=0.05, partial=0.0, loss=0.0, remit_s=60.0, strangers=True)


class World:
    """One seeded world. `url` is where its parties are reached, `mail_port` where its mail server is (0: it has none), `hooks` where
    each of them sends its messages (code → URL)."""

    def __init__(self, *, seed: int, clock: Paced, line: Line, faults: Faults | None = None, habits: Habits | None = None) -> None:
        self.dice = Dice(seed)
        self.clock = clock
        self.agenda = Agenda(clock)
        self.line = line
        self.faults = faults or Faults()
        self.habits = habits or Habits()
        self.truth = Truth()
        self.names = Names()
        #: Asks Haat whose try to pay this is, where somebody plays who may ask: its id may reach a gateway before its buyer sees it.
        self.introduce: Callable[[str], Awaitable[None]] | None = None
        self.url = "http://127.0.0.1:9000"
        self.mail_port = 0
        self.hooks: dict[str, str] = {}
        self.counts: Counter[tuple[str | int, ...]] = Counter()
        self._tokens: set[tuple[str, str]] = set()  # those that were shown to be ours

    def now(self) -> datetime:
        return self.clock.now()

    def count(self, *names: str | int) -> int:
        """How often this was asked before: 0, 1, 2 …"""
        self.counts[names] += 1
        return self.counts[names] - 1

    def named(self, party: str, reference: str) -> str:
        """What the dice call this: the order of the play, its parcel or its payment, where it is one, by whichever id it was told.

        What it was called when it was booked it is called for good, also after a restart.
        """
        books, key = self.truth, (party, reference)
        payment = books.payments.get(key) or books.paid_as.get(key)
        parcel = books.consignments.get(key) or books.booked_as.get(key) or next(iter(books.booked_for(*key)), None)
        if parcel is not None:
            return str(parcel.more.get("name") or self.names.of(parcel.reference))
        return self.names.of(reference if payment is None else payment.reference)

    async def acquainted(self, party: str, reference: str) -> str:
        """The same, and Haat is asked first where it is a try to pay that nobody here knows."""
        name = self.named(party, reference)
        if name == reference and self.introduce is not None and (attempt := names.attempt_in(reference)):
            await self.introduce(attempt)
            name = self.named(party, reference)
        return name

    def word(self, length: int, *names: object) -> str:
        """An id in capitals and digits, the same for the same names."""
        return "".join(LETTERS[int(self.dice.roll("word", *names, place) * len(LETTERS))] for place in range(length))

    def token(self, party: str, life: timedelta) -> str:
        """A token that this world knows again until its life is over, even after a restart."""
        ends = int((self.now() + life).timestamp())
        return f"{ends}-{self.word(40, 'token', party, ends)}"

    def knows(self, party: str, token: str) -> bool:
        """Whether it is a token of this party that still holds."""
        ends = token.partition("-")[0]
        if not ends.isdecimal() or int(ends) <= self.now().timestamp():
            return False
        if (party, token) not in self._tokens and token == f"{ends}-{self.word(40, 'token', party, ends)}":
            self._tokens.add((party, token))
        return (party, token) in self._tokens

    def digits(self, length: int, *names: object) -> str:
        """An id in digits that does not begin with 0."""
        return str(self.dice.between(10 ** (length - 1), 10**length - 1, "digits", *names))
