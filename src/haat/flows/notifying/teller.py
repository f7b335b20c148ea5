"""Writes down who is to be told of what: a follower of the journal, set-wise, a page of facts in a few statements.

Where no transport is set up nothing is looked at, so a shop that tells nobody pays nothing. Orders that were imported tell nobody;
facts older than a day are written down as stale and not sent, older than a week not even that. What no text can speak of is written
down as failed: one order never stops those behind it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from haat.domain import channels, notifications, orders, vendors
from haat.engine.changes import Memory, Whole
from haat.engine.clock import Clock
from haat.engine.database import Tx
from haat.engine.journal import Journal, RawFact
from haat.engine.outside import Book
from haat.flows.notifying.scene import Links, Scene, applies, scenes, values_of, vendors_told
from haat.kernel.errors import Refused
from haat.kernel.outside import Connection

FOLLOWER = "notifications"
STALE = timedelta(hours=24)
FORGOTTEN = timedelta(days=7)
HOME_ZONES = {"BD": "Asia/Dhaka", "IN": "Asia/Kolkata", "NP": "Asia/Kathmandu", "LK": "Asia/Colombo", "BR": "America/Sao_Paulo"}


class Person(Struct, frozen=True):
    """Whom a telling is for: addresses by channel, and the names under which preferences may have been said."""

    telling: notifications.Telling
    scene: Scene
    party: str
    addresses: Mapping[notifications.Channel, tuple[str, ...]]
    names: tuple[str, ...] = ()
    vendor: str = ""
    vendor_name: str = ""
    timezone: str = ""


class Known(Struct, frozen=True):
    """What a page of facts needs to know of others than orders."""

    vendors: Mapping[str, vendors.Vendor]
    channels: Mapping[str, channels.Channel]
    said: Mapping[str, tuple[notifications.Preference, int]]


class Teller:
    """The follower's work. `draw` gives new ids."""

    def __init__(self, journal: Journal, clock: Clock, draw: Callable[[], str], book: Book, memory: Memory, links: Links) -> None:
        self._told = orders.Folded(journal)
        self._clock = clock
        self._draw = draw
        self._book = book
        self._links = links
        self._voice: Whole[notifications.Voice] = Whole({notifications.KIND}, notifications.load_voice)
        memory.keep(self._voice)

    def idle(self) -> bool:
        """Whether nobody could be told anything: for the follower, which then reads nothing."""
        return not self._book.active("transport")

    async def deal(self, tx: Tx, facts: Sequence[RawFact]) -> None:
        """Write down what these facts tell. The same facts again change nothing."""
        reach = self._reach()
        now = self._clock.now()
        told = [fact for fact in facts if fact.type in notifications.TOLD and not _imported(fact.cause) and now - fact.at < FORGOTTEN]
        if not reach or not told:
            return
        versions: dict[str, list[int]] = {}
        for fact in told:
            versions.setdefault(fact.order_id, []).append(fact.version)
        streams = await self._told.streams(tx, {order_id: min(of) for order_id, of in versions.items()})
        found = [
            scene
            for order_id, (begun, stream) in streams.items()
            if begun is not None or not _imported(stream[0].cause)
            for scene in scenes(begun, stream, versions[order_id])
        ]
        seen = [scene for scene in found if applies(scene)]
        persons, known = await self._persons(tx, seen)
        made = [each for person in persons for each in self._tellings(person, known, reach, now)]
        await notifications.record(tx, made)
        self._told.remember([scene.order for scene in found])  # what followers are handed was committed before

    def _reach(self) -> dict[notifications.Channel, tuple[str, ...]]:
        """The connections that are set up, by the channels that they carry."""
        found: dict[notifications.Channel, tuple[str, ...]] = {}
        for connection in self._book.active("transport"):
            for channel in self._book.plugin(connection).channels:
                found[channel] = (*found.get(channel, ()), connection.code)
        return found

    async def _persons(self, tx: Tx, seen: Sequence[Scene]) -> tuple[list[Person], Known]:
        concerned = {id(scene): vendors_told(scene) for scene in seen}
        codes = sorted({code for found in concerned.values() for code in found})
        of_vendors = await vendors.vendors(tx, codes) if codes else {}
        of_channels = await channels.channels(tx, sorted({scene.order.channel for scene in seen})) if seen else {}
        persons: list[Person] = []
        hooks = [each for each in self._book.active("transport") if "webhook" in self._book.plugin(each).channels]
        for scene in seen:
            those = [of_vendors[code] for code in concerned[id(scene)] if code in of_vendors]
            for telling in notifications.TOLD[type(scene.fact).__name__]:
                persons += self._whom(scene, telling, those)
            persons += _listening(scene, hooks, those)
        said = await notifications.preferences(tx, sorted({name for person in persons for name in person.names}))
        return persons, Known(of_vendors, of_channels, said)

    def _whom(self, scene: Scene, telling: notifications.Telling, concerned: Iterable[vendors.Vendor]) -> list[Person]:
        order = scene.order
        if telling.role == "customer":
            buyer = order.customer
            phone = buyer.phone or order.ship_to.phone
            names = ((f"customer:{buyer.id}", buyer.id), (f"phone:{phone}", phone), (f"email:{buyer.email.lower()}", buyer.email))
            addresses = _addresses(buyer.email, phone)
            zone = HOME_ZONES.get(order.ship_to.country, "")
            return [Person(telling, scene, buyer.id, addresses, tuple(name for name, value in names if value), timezone=zone)]
        if telling.role == "vendor":
            return [_vendor(telling, scene, each, _addresses(each.email or "", each.phone or "")) for each in concerned]
        owner = str(getattr(scene.fact, "owner", ""))
        manners = self._voice.value.manners
        desk = tuple(dict.fromkeys([*manners.desk, *manners.owners.get(owner, ())]))
        email, sms = tuple(one for one in desk if "@" in one), tuple(one for one in desk if one.startswith("+"))
        return [Person(telling, scene, owner, {"email": email, "sms": sms})]

    def _tellings(
        self, person: Person, known: Known, reach: Mapping[notifications.Channel, tuple[str, ...]], now: datetime
    ) -> Iterable[notifications.Notification]:
        manners, telling, order = self._voice.value.manners, person.telling, person.scene.order
        shop = known.channels.get(order.channel)
        speaks: notifications.Language | None = None
        if telling.role == "customer" and shop is not None and shop.language in notifications.LANGUAGES:
            speaks = shop.language
        said = [known.said[name][0] for name in person.names if name in known.said]
        wish = notifications.wish_of(said, manners, language=speaks, timezone=person.timezone)
        values = values_of(
            person.scene, manners, self._links, role=telling.role, vendor=person.vendor, zone=wish.timezone, now=now
        )  # fmt: skip
        if person.vendor:
            values = msgspec.structs.replace(values, name=person.vendor_name)
        found: list[notifications.Notification] = []
        for channel in telling.channels:
            if channel not in reach or f"{telling.event}/{telling.role}/{channel}" in manners.muted:
                continue
            made = [self._telling(person, channel, address, wish, values, now) for address in person.addresses.get(channel, ())]
            found += made
            if telling.one and any(each.status not in ("declined", "failed") for each in made):
                break
        return found

    def _telling(
        self,
        person: Person,
        channel: notifications.Channel,
        address: str,
        wish: notifications.Wish,
        values: notifications.Values,
        now: datetime,
    ) -> notifications.Notification:
        telling, recorded, voice = person.telling, person.scene.recorded, self._voice.value
        urgent = telling.event in notifications.URGENT
        wakes = channel in voice.manners.quiet_channels and not urgent
        quiet = notifications.quiet_text(wish.quiet, wish.timezone) if wakes else ""
        status, reason = "due", ""
        if now - recorded.at >= STALE:
            status, reason = "stale", "more than a day old when it was read"
        elif (notifications.EVENTS[telling.event], channel) in wish.declined:
            status, reason = "declined", "not wanted on this channel"
        said = notifications.Written("", "", 0)
        if channel in notifications.WRITTEN and status != "declined":
            key = (telling.event, telling.role, channel, wish.language)
            try:
                said = voice.texts.write(key, notifications.filled(values, wish.language), sms_parts_max=voice.manners.sms_parts_max)
            except Refused as error:  # one order that no text can speak of; the follower goes on
                status, reason = "failed", f"{error.code}: {error.detail}"[:500]
        return notifications.Notification(
            id=self._draw(), order_id=recorded.order_id, version=recorded.version, event=telling.event, role=telling.role,
            party=person.party, channel=channel, recipient=address, language=wish.language, subject=said.subject, body=said.body,
            parts=said.parts, data=msgspec.Raw(msgspec.json.encode(values)), status=status,  # type: ignore[arg-type]
            urgent=urgent and channel != "webhook",  # what listens to a webhook sleeps never, and is told in the order of facts
            reason=reason, due_at=notifications.after_quiet(now, quiet), fact_at=recorded.at, created_at=now, quiet=quiet,
        )  # fmt: skip


def _vendor(
    telling: notifications.Telling, scene: Scene, vendor: vendors.Vendor, addresses: Mapping[notifications.Channel, tuple[str, ...]]
) -> Person:
    names, speaks = (f"vendor:{vendor.code}",), notifications.name(vendor.name_en or vendor.name_bn)
    return Person(telling, scene, vendor.code, addresses, names, vendor.code, speaks, vendor.timezone)


def _listening(scene: Scene, hooks: Iterable[Connection], concerned: Sequence[vendors.Vendor]) -> list[Person]:
    """The webhooks that hear of this fact, each by its own connection; a vendor's only where the fact concerns that vendor."""
    tellings = notifications.TOLD[type(scene.fact).__name__]
    desk = tuple(each.code for each in hooks if not _of_vendor(each) and notifications.heard(tellings, "admin", _wanted(each)))
    found: list[Person] = []
    if desk:
        telling = notifications.Telling(tellings[0].event, "admin", ("webhook",))
        found.append(Person(telling, scene, str(getattr(scene.fact, "owner", "")), {"webhook": desk}))
    for vendor in concerned:
        own = tuple(e.code for e in hooks if _of_vendor(e) == vendor.code and notifications.heard(tellings, "vendor", _wanted(e)))
        if own:
            found.append(_vendor(notifications.Telling(tellings[0].event, "vendor", ("webhook",)), scene, vendor, {"webhook": own}))
    return found


def _of_vendor(hook: Connection) -> str | None:
    return getattr(hook.config, "vendor", None)


def _wanted(hook: Connection) -> tuple[str, ...] | None:
    return getattr(hook.config, "events", None)


def _addresses(email: str, phone: str) -> dict[notifications.Channel, tuple[str, ...]]:
    """Where somebody can be reached; a phone counts in E.164 only."""
    found: dict[notifications.Channel, tuple[str, ...]] = {}
    if "@" in email:
        found["email"] = (email,)
    if phone.startswith("+"):
        found["sms"] = (phone,)
    return found


def _imported(cause: str) -> bool:
    return cause.startswith("import:")
