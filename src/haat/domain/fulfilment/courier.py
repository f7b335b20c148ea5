"""The contract of a courier: one file in `couriers/` that declares `COURIER = Courier(…)`, and the one vocabulary of scans.

    booking(courier, connection, consignment, now=…, again=…)   ─► Booked | Declined     never twice for one reference
    courier.track(connection, known, now)                       ─► (Scan, …)             asking
    courier.verify(connection, hook, now) ─► Heard;  courier.heard(connection, hook, now) ─► (Scan, …)      being told

A courier does no I/O: each operation is a conversation (`kernel/outside.py`). What it cannot do is None, and that is its list of
capabilities. Statuses and reasons of all couriers become the words below; what none of them means keeps the courier's own word.
"""

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from haat.kernel.errors import Refused
from haat.kernel.outside import Connection, Conversation, Heard, Hook, Reply, Request, Unknown

#: What a parcel may be said to be. Empty: something was said that moves nothing.
Status = Literal[
    "", "created", "booked", "pickup_requested", "pickup_failed", "picked_up", "in_transit", "at_destination_hub", "out_for_delivery",
    "on_hold", "delivery_failed", "delivered", "partially_delivered", "exchanged", "returning", "returned", "cancelled", "lost", "damaged",
]  # fmt: skip
#: Why it did not go as planned.
Reason = Literal[
    "", "customer_refused", "customer_unreachable", "not_at_home", "wrong_address", "reschedule_asked", "cash_not_ready", "item_mismatch",
    "area_not_served", "carrier_capacity", "weather_or_strike", "damaged", "lost", "seller_not_ready", "suspected_fake_attempt", "other",
]  # fmt: skip
#: Statuses that say that money was taken at the door; nothing else does, whatever amount stands beside it.
PAID_AT_THE_DOOR = frozenset({"delivered", "partially_delivered", "exchanged"})


class Scan(Struct, frozen=True, omit_defaults=True):
    """One saying about one parcel. `said` is the courier's own word, `message` its sentence, `reference` ours for this booking.

    `at` is by the courier's clock where `timed`, else when we asked. A `hint` is a saying that anybody could have sent (the hook
    proves a shared word only): what it says of money counts when asking the courier says the same. `known` is False where the
    word is none that we know: it moves nothing and somebody should look. `vague`: a «cancelled» of a courier that says the same of
    what it never had and of what it brings back. `cash` and `invoice` tell of the money's way to us, `fee`
    (minor units, as `collected`) is what the courier takes.
    """

    at: datetime
    consignment: str = ""
    reference: str = ""
    status: Status = ""
    reason: Reason = ""
    said: str = ""
    message: str = ""
    collected: int | None = None
    place: str = ""
    timed: bool = True
    hint: bool = False
    known: bool = True
    vague: bool = False
    cash: Literal["", "remitted"] = ""
    invoice: str = ""
    fee: int | None = None

    @property
    def key(self) -> str:
        """Equal for the same saying said twice of one parcel. Of what is only asked for, the time is ours and says nothing."""
        when = self.at.astimezone(UTC).isoformat() if self.timed else "asked"
        return "|".join((self.status, self.said, when, "" if self.collected is None else str(self.collected), self.message))[:500]


class Area(Struct, frozen=True, omit_defaults=True):
    """What a courier calls a place: its own ids, empty where it has no such level or resolves the address itself."""

    city_id: str = ""
    zone_id: str = ""
    area_id: str = ""
    name: str = ""


class Reach(Struct, frozen=True, omit_defaults=True):
    """A place that a courier says it goes to, in its own words, to be matched with our maps. What it does not say is empty."""

    area: Area
    division: str = ""
    district: str = ""
    place: str = ""
    postcode: str = ""
    delivers: bool = True


class Recipient(Struct, frozen=True, omit_defaults=True):
    """Who gets it, as written on the order; `phone` is E.164. Every courier cuts it to its own limits."""

    name: str
    phone: str
    line: str = ""
    landmark: str = ""
    area: str = ""
    upazila: str = ""
    district: str = ""
    postcode: str = ""
    alt_phone: str = ""
    country: str = "BD"


class Consignment(Struct, frozen=True, omit_defaults=True):
    """A parcel as a courier is asked to take it. `reference` is ours, another one for every courier that is tried.

    `cash` (to be collected) and `value` in minor units; `pickup` is our code of the place where it is picked up.
    """

    reference: str
    recipient: Recipient
    cash: int = 0
    value: int = 0
    weight_g: int = 500
    pieces: int = 1
    number: str = ""
    description: str = ""
    instruction: str = ""
    area: Area = Area()
    pickup: str = ""
    express: bool = False
    currency: str = "BDT"


#: For a courier's configuration: its own number of each place where it picks up, by our code of the place.
PickupStores: TypeAlias = Annotated[
    dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")], Annotated[str, Meta(pattern=r"^[0-9]{1,18}$")]],
    Meta(max_length=1_000),
]


class Known(Struct, frozen=True):
    """A booking by both names; `consignment` is empty where only ours is known."""

    consignment: str
    reference: str


class Booked(Struct, frozen=True, omit_defaults=True):
    """The courier has it on its books. `consignment` is what to ask about it with; `cash` what it was told to collect.

    None: not said (`cash` then is what was asked for, `fee` what the tariff says).
    """

    consignment: str
    tracking_url: str = ""
    fee: int | None = None
    cash: int | None = None


class Declined(Struct, frozen=True, omit_defaults=True):
    """The courier will not take it. `final`: no other try with this courier is worth it as the parcel is."""

    reason: str
    detail: str = ""
    final: bool = True


class NotThere(Struct, frozen=True):
    """The courier surely has nothing under our reference."""


class Recalled(Struct, frozen=True):
    """The courier takes it back. `asked`: it was only asked to, and scans will tell; else it is cancelled now."""

    asked: bool = False


class Price(Struct, frozen=True):
    """What the courier takes: `fee` for the way and `cash_fee` for the cash, in minor units."""

    fee: int
    cash_fee: int = 0


class Remitted(Struct, frozen=True):
    """One parcel in a remittance: what was collected at the door and what the courier kept of it."""

    consignment: str
    collected: int
    kept: int = 0
    reference: str = ""


class Remittance(Struct, frozen=True):
    """Cash that a courier passed on: `amount` arrived (or will)."""

    id: str
    amount: int
    at: datetime | None = None
    parcels: tuple[Remitted, ...] = ()


class Capabilities(Struct, frozen=True, kw_only=True):
    """What choosing and booking must know beforehand. Amounts in minor units, None = no limit known; an empty set = all.

    `lookup`: «reference»: asked by our reference it says whether it has the booking, so a lost answer is found out at once.
    «hook»: it cannot be asked; its first hook names our reference and settles a lost answer, and when none has come within
    `lookup_wait_s`, a person looks at the courier's panel. A booking is never simply sent again. (`look_up` of an account that cannot
    be asked, whatever stands here, raises Unknown with the code «no_lookup».)
    """

    lookup: Literal["reference", "hook"]
    lookup_wait_s: int = 1_800
    cash: bool = True
    cash_max: int | None = None
    weight_min_g: int = 0
    weight_max_g: int | None = None
    needs_area: bool = False
    needs_phone: bool = True
    hooks: bool = True
    confirm_hooks: bool = False
    currencies: frozenset[str] = frozenset({"BDT"})
    countries: frozenset[str] = frozenset({"BD"})


Book: TypeAlias = Callable[[Connection, Consignment, datetime], Conversation[Booked | Declined]]
LookUp: TypeAlias = Callable[[Connection, str, datetime], Conversation[Booked | NotThere]]
Track: TypeAlias = Callable[[Connection, Known, datetime], Conversation[tuple[Scan, ...]]]
Cancel: TypeAlias = Callable[[Connection, Known, str], Conversation[Recalled | Declined]]
Quote: TypeAlias = Callable[[Connection, Consignment], Conversation[Price | Declined]]
Verify: TypeAlias = Callable[[Connection, Hook, datetime], Heard]
Hear: TypeAlias = Callable[[Connection, Hook, datetime], tuple[Scan, ...]]
Areas: TypeAlias = Callable[[Connection], Conversation[tuple[Reach, ...]]]
Remittances: TypeAlias = Callable[[Connection, date], Conversation[tuple[Remittance, ...]]]
Check: TypeAlias = Callable[[Connection, datetime], Conversation[str]]


class Courier(Struct, frozen=True, kw_only=True):
    """A courier. `check` tries the credentials and says what it found.

    `verify` raises Refused where a hook is not what it says, and answers with what the courier expects to hear. `heard` reads a hook
    that was verified; `now` is when it arrived, for couriers that name no time. Neither raises on words or shapes that it does not
    know: those become scans with `known=False`, or nothing.
    """

    code: str
    title: str
    config: type[Struct]
    secrets: type[Struct]
    capabilities: Capabilities
    book: Book
    look_up: LookUp
    verify: Verify
    heard: Hear
    track: Track | None = None
    cancel: Cancel | None = None
    price: Quote | None = None
    areas: Areas | None = None
    remittances: Remittances | None = None
    check: Check | None = None
    title_bn: str = ""


#: Couriers by code, as the plug-in finder brings them.
Couriers: TypeAlias = Mapping[str, Courier]


def booking(
    courier: Courier, connection: Connection, consignment: Consignment, *, now: datetime, again: bool
) -> Conversation[Booked | Declined]:
    """Have it booked once. `again`: something was sent for this reference before, so the courier is asked first.

    Raises Unknown where the courier cannot say whether it has it: then nothing is sent.
    """
    if again:
        found = yield from courier.look_up(connection, consignment.reference, now)
        if isinstance(found, Booked):
            return found
    return (yield from courier.book(connection, consignment, now))


def cannot_look_up(connection: Connection, reference: str, now: datetime) -> Conversation[Booked | NotThere]:
    """`look_up` of a courier that finds nothing by our reference: it is unknown until its hook names it."""
    del connection, now
    yield from silent()
    raise Unknown("no_lookup", f"this courier cannot be asked about {reference[:64]}")


def no_hooks(connection: Connection, hook: Hook, now: datetime) -> Heard:
    """`verify` of a courier that sends none: whoever calls is somebody else."""
    del connection, hook, now
    raise refused_hook()


def nothing_heard(connection: Connection, hook: Hook, now: datetime) -> tuple[Scan, ...]:
    """`heard` of a courier that sends no hooks."""
    del connection, hook, now
    return ()


def refused_hook() -> Refused:
    """The one answer to every hook that does not prove itself: it says nothing about why."""
    return Refused("bad_signature", "The signature does not fit.", kind="unauthenticated")


def let_in(reply: Reply) -> Reply:
    """The reply to a try of the credentials. Raises Refused with the courier's own words where they open nothing."""
    if reply.status >= 400:
        said = reply.fields().get("message")
        raise Refused("not_let_in", f"It answered {reply.status}{': ' + said[:200] if isinstance(said, str) and said else ''}.")
    return reply


def silent() -> Generator[Request, Any, None]:
    """A conversation in which nothing is asked."""
    yield from ()
