"""Takes due notifications out: claimed with a lease, sent outside of any transaction, settled under the claim.

A sender that is killed between sending and settling leaves a row whose lease ends. Whether it is sent again then is for its transport
to say: one that knows a double by our id is asked once more, by any other it is unknown, and told again only on request. Nothing that
can wait leaves within quiet hours, whichever try it is.
As many leave at once as the connection allows, never more than its pace, by all processes together.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from haat.domain import notifications
from haat.engine import metrics
from haat.engine.changes import Memory, Whole
from haat.engine.clock import Clock
from haat.engine.database import Database, Rejected, Unstorable
from haat.engine.outside import Outside, mail
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Connection, Unknown

log = logging.getLogger("haat.notifying")
LEASE_MARGIN_S = 60.0
RECOVER_AT_ONCE = 500
TAKEN_MAX = 100  # times as many messages in one turn as may be on their way at once: at its end the slowest are waited for
KEPT = timedelta(days=400)  # a year and a month: the longest that a buyer or a bank comes back to ask
FORGET_AT_ONCE = 5_000


class Sender:
    """The sender of one process. `turn` is a chore: it answers whether there is more to do at once."""

    def __init__(self, database: Database, clock: Clock, draw: Callable[[], str], outside: Outside, memory: Memory) -> None:
        self._database = database
        self._clock = clock
        self._draw = draw
        self._outside = outside
        self._voice: Whole[notifications.Voice] = Whole({notifications.KIND}, notifications.load_voice)
        memory.keep(self._voice)

    async def turn(self) -> bool:
        """Send what is due, as much as every connection takes at once."""
        more = await self.recover()
        ways = self._ways()
        for full in await asyncio.gather(*[self._channel(connection, channel) for connection, channel in ways]):
            more = more or full
        return more

    async def recover(self) -> bool:
        """Deal with what a sender left behind, and with what came too late for anybody."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            left = await notifications.lapsed(tx, now=now, limit=RECOVER_AT_ONCE)
            fates = [self._lapsed(each) for each in left]
            await notifications.settle(tx, fates, now=now)
            late = {
                channel: await notifications.drop_late(tx, channel=channel, before=now - life, limit=RECOVER_AT_ONCE)
                for channel, life in notifications.LIFE.items()
            }
        _count((each.channel, fate.status) for each, fate in zip(left, fates, strict=True))
        _count((channel, status) for channel, dropped in late.items() for status in dropped)
        return RECOVER_AT_ONCE in (len(left), *map(len, late.values()))

    async def forget(self) -> bool:
        """A chore of its own: drop what is older than anybody asks for."""
        async with self._database.transaction() as tx:
            before = self._clock.now() - KEPT
            return await notifications.forget(tx, before=before, limit=FORGET_AT_ONCE) == FORGET_AT_ONCE

    def _ways(self) -> list[tuple[Connection, notifications.Channel]]:
        """By which connection each channel leaves now. Every webhook has its own, which nobody stands in for."""
        carrying: dict[notifications.Channel, list[Connection]] = {}
        for connection in self._outside.book.active("transport"):
            for channel in self._outside.book.plugin(connection).channels:
                carrying.setdefault(channel, []).append(connection)
        found: list[tuple[Connection, notifications.Channel]] = []
        for channel, wanted in carrying.items():
            usable = {each.code: each for each in wanted if not self._outside.is_open(each.code)}
            if channel == "webhook":
                found += [(each, channel) for each in usable.values()]
            elif usable:
                found.append((self._one_of(usable, wanted[0].code), channel))
        return found

    def _one_of(self, usable: dict[str, Connection], wanted: str) -> Connection:
        """The most wanted one; where it is out of order its declared fallback, else the next."""
        return usable[wanted if wanted in usable else self._outside.book.stand_in(wanted, usable) or next(iter(usable))]

    async def _channel(self, connection: Connection, channel: notifications.Channel) -> bool:
        """As many on their way as the connection allows: as some end others are taken up, so a slow one holds up no other.

        Whether there is more to do at once: the turn is over before all is done, so that every turn sees what changed meanwhile.
        """
        wide, taken, more = connection.concurrency, 0, True
        sending: set[asyncio.Task[notifications.Outcome]] = set()
        try:
            while more or sending:
                free = wide - len(sending)
                more = more and taken < TAKEN_MAX * wide and self._is_as_it_was(connection)
                if more and free >= max(wide // 4, 1):
                    going, claimed = await self._claim(connection, channel, free)
                    sending |= {asyncio.create_task(self._send(connection, each)) for each in going}
                    taken, more = taken + claimed, claimed == free or claimed > len(going)
                if sending:
                    done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                    await self._settle(channel, [each.result() for each in done])
        finally:
            for each in sending:  # somebody ends this process: what is on its way is left behind as by one that was killed
                each.cancel()
        return taken >= TAKEN_MAX * wide

    def _is_as_it_was(self, connection: Connection) -> bool:
        """Whether it is in order still, and nobody changed it."""
        return not self._outside.is_open(connection.code) and self._outside.book.get(connection.code) is connection

    async def _claim(
        self, connection: Connection, channel: notifications.Channel, limit: int
    ) -> tuple[list[notifications.Notification], int]:
        """Those that are to leave now, and how many were due: the rest is put off, since the people are not to be disturbed."""
        now = self._clock.now()
        per_minute: int | None = getattr(connection.config, "per_minute", None)
        next_at = None
        async with self._database.transaction() as tx:
            if per_minute is not None:
                next_at = await notifications.pace(tx, connection.code)
                limit, _ = notifications.allowed(next_at, now, per_minute, limit)
            if limit == 0:
                return [], 0
            claimed = await notifications.claim(
                tx, channel=channel, recipient=connection.code if channel == "webhook" else None, connection=connection.code,
                limit=limit, claim_id=self._draw(), now=now, until=now + self._clock.during(connection.limit_s + LEASE_MARGIN_S),
            )  # fmt: skip
            ends = [notifications.after_quiet(now, each.quiet) for each in claimed]
            await notifications.put_off(tx, [(each, end) for each, end in zip(claimed, ends, strict=True) if end > now])
            going = [each for each, end in zip(claimed, ends, strict=True) if end <= now]
            if per_minute is not None and going:
                await notifications.set_pace(tx, connection.code, notifications.allowed(next_at, now, per_minute, len(going))[1])
        return going, len(claimed)

    async def _settle(self, channel: notifications.Channel, outcomes: Sequence[notifications.Outcome]) -> None:
        """Say what became of them; where the database will not have that, of each by itself. One that it will not have lapses."""
        try:
            async with self._database.transaction() as tx:
                await notifications.settle(tx, outcomes, now=self._clock.now())
            _count((channel, each.status) for each in outcomes)
        except (*Rejected, *Unstorable):
            if len(outcomes) == 1:
                log.exception("what became of a notification cannot be stored", extra={"notification": outcomes[0].id})
                return
            for each in outcomes:
                await self._settle(channel, [each])

    async def _send(self, connection: Connection, note: notifications.Notification) -> notifications.Outcome:
        """One try, and what became of it. Raises nothing: a transport that breaks leaves an unknown fate, not a stuck neighbour."""
        assert note.claim is not None
        transport: notifications.Transport = self._outside.book.plugin(connection)
        try:
            now = self._clock.now()
            if note.doubtful and not transport.repeatable(connection, note.first_try_at or now, now):
                return notifications.Outcome(note.id, note.claim, "unknown", note.reason, doubtful=True)
            sent = await self._hand_over(connection, transport, note)
            return notifications.Outcome(note.id, note.claim, "sent", reference=sent.reference)
        except Refused as error:
            return notifications.Outcome(note.id, note.claim, "failed", f"{error.code}: {error.detail}")
        except Unavailable as error:
            return self._again(connection, note, str(error), error.retry_after_s, doubtful=note.doubtful)
        except Unknown as error:
            return self._again(connection, note, str(error), doubtful=True)
        except Exception as error:
            log.exception("a transport broke", extra={"transport": transport.code, "notification": note.id})
            return notifications.Outcome(note.id, note.claim, "unknown", f"{type(error).__name__} in our own code", doubtful=True)

    async def _hand_over(
        self, connection: Connection, transport: notifications.Transport, note: notifications.Notification
    ) -> notifications.Sent:
        manners = self._voice.value.manners
        page = notifications.html(note.subject, note.body, name=manners.name, language=note.language) if note.channel == "email" else ""
        message = notifications.Message(
            id=note.id, event=note.event, role=note.role, channel=note.channel, language=note.language,
            to="" if note.channel == "webhook" else note.recipient, subject=note.subject, body=note.body, html=page,
            order_id=note.order_id, version=note.version, at=note.fact_at, data=note.values,
        )  # fmt: skip
        if transport.send is not None:
            return await self._outside.drive(connection, transport.send(connection, message, self._clock.now()), subject=note.id)
        if transport.mail is not None:
            return await self._post(connection, *transport.mail(connection, message))
        return notifications.Sent()

    async def _post(self, connection: Connection, server: MailServer, letter: Mail) -> notifications.Sent:
        """A mail, behind the same breaker as everything that leaves. Only a server in trouble counts against it."""
        trouble: HaatError | None = None
        since = self._outside.breakers.answered(connection.code)
        with self._outside.breakers.passing(connection.code):
            try:
                said = await mail.deliver(server, letter, sent_at=self._clock.now().timestamp(), limit_s=connection.limit_s)
                return notifications.Sent(said)
            except Unavailable as error:
                trouble = error if error.code == "mail_unreachable" else None
                raise
            except Unknown as error:
                trouble = error
                raise
            finally:
                self._outside.breakers.note(connection.code, trouble, since=since)

    def _lapsed(self, note: notifications.Notification) -> notifications.Outcome:
        assert note.claim is not None
        connection = self._outside.book.get(note.connection)
        words = "its sender did not come back"
        if connection is None:
            return notifications.Outcome(note.id, note.claim, "unknown", words, doubtful=True)
        return self._again(connection, note, words, doubtful=True)

    def _again(
        self, connection: Connection, note: notifications.Notification, words: str, retry_after_s: int = 0, *, doubtful: bool
    ) -> notifications.Outcome:
        """Due once more, out of quiet hours, unless that is too late (those hours do not count) or may be a second message.

        Where an earlier try may have arrived (`doubtful`) only a transport that sees a double as one gets it again.
        """
        assert note.claim is not None
        transport: notifications.Transport = self._outside.book.plugin(connection)
        now = self._clock.now()
        since = note.first_try_at or note.due_at
        again_at = notifications.next_try(note.id, note.attempts, now, retry_after_s)
        rested = notifications.quiet_between(since, again_at, note.quiet)
        late = notifications.too_late(note.channel, since + rested, again_at, note.attempts)
        again_at = notifications.after_quiet(again_at, note.quiet)
        if doubtful and (late or not transport.repeatable(connection, note.first_try_at or now, again_at)):
            return notifications.Outcome(note.id, note.claim, "unknown", words, doubtful=True)
        if late:
            return notifications.Outcome(note.id, note.claim, "failed", words)
        return notifications.Outcome(note.id, note.claim, "due", words, again_at=again_at, doubtful=doubtful)


def _count(ends: Iterable[tuple[notifications.Channel, notifications.Status]]) -> None:
    """For Prometheus: those of these messages that ended badly."""
    for (channel, status), count in Counter(ends).items():
        if status in notifications.BAD_ENDS:
            metrics.untold(channel, status, count)
