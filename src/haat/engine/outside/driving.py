"""Drives a connector's conversation over real HTTP, within its limits, and says exactly how far it came when it fails.

    value        the connector's own result
    Unavailable  it surely did not happen: nobody there, breaker open, no place, or only questions were lost
    Unknown      something that changes things was sent and the end is not known: ask, never repeat blindly

A connector that takes the answer to a repetition for «it surely did not happen» knows nothing of the first sending, whose answer
got lost: that is Unknown, too.

A conversation that yields nothing (cash on delivery) runs without touching any of this.
"""

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import TypeVar

import msgspec

from haat.engine import deadlines
from haat.engine.clock import Clock
from haat.engine.database import Database, Lost
from haat.engine.outside import inbox
from haat.engine.outside.breakers import OPEN_S, Breakers
from haat.engine.outside.connections import Book
from haat.engine.outside.record import Record, Recorded
from haat.engine.outside.tokens import Tokens
from haat.engine.outside.vault import Vault
from haat.engine.outside.wire import LostError, NotSentError, Sending, Wire
from haat.kernel.errors import Broken, HaatError, Unavailable
from haat.kernel.outside import Connection, Conversation, Granted, Reply, Request, Token, Unknown

log = logging.getLogger("haat.outside")
Value = TypeVar("Value")
STEPS_MAX = 300  # a conversation that goes on for longer is broken (a courier is asked about each of its cities)
WRITE_EACH_S = 1.0
FORGET_EACH_S = 3600.0
HOOKS_KEPT = timedelta(days=30)  # after they are done: longer than anybody repeats them


class _Drive:
    """How far one operation has come."""

    __slots__ = ("changed", "repeated", "subject")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.changed = False  # whether something that changes things may have arrived over there
        self.repeated: Request | None = None  # it changes things, its first answer got lost, and the connector has not gone on since

    def went_on_to(self, asked: Request | Token) -> None:
        """Whoever asks for something else has taken the answer to the repetition for one; a new token for the same does not."""
        was = self.repeated
        if was is not None and isinstance(asked, Request) and msgspec.structs.replace(asked, headers=was.headers) != was:
            self.repeated = None

    def ended(self, code: str, detail: str, *, retry_after_s: int = 5) -> HaatError:
        if self.changed:
            return Unknown(code, detail)
        return Unavailable(code, detail, retry_after_s=retry_after_s)


class Outside:
    """The driver of one process. `run` writes the record and forgets what is old until it is stopped; `close` when the process ends."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        book: Book,
        vault: Vault,
        *,
        recorded: Recorded = "problems",
        breakers: Breakers | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.book = book
        self.vault = vault
        self.record = Record(database, recorded=recorded)
        self.breakers = breakers or Breakers(open_s=OPEN_S / clock.pace)
        self._tokens = Tokens(database, vault, clock)
        self._wire = Wire()
        self._places: dict[str, tuple[int, asyncio.Semaphore]] = {}
        self._versions: dict[str, Connection] = {}

    def is_open(self, code: str) -> bool:
        """Whether this connection is left alone for now, so that another should be chosen."""
        return self.breakers.is_open(code)

    async def drive(
        self, connection: Connection, conversation: Conversation[Value], *, subject: str = "", limit_s: float | None = None
    ) -> Value:
        """The conversation's value. Raises Unavailable, Unknown, or what the connector raises (Refused).

        `subject`: what it is about, for the record. The limit is `limit_s`, else the connection's; never more than what is left of the
        time in which somebody wants the answer (`deadlines`).
        """
        self._notice(connection)
        far = _Drive(subject)
        seconds: float = connection.limit_s if limit_s is None else limit_s
        if (left := deadlines.left()) is not None:
            seconds = min(seconds, left)
        since = self.breakers.answered(connection.code)
        try:
            async with asyncio.timeout(seconds), AsyncExitStack() as within:
                return await self._talk(connection, conversation, far, within)
        except TimeoutError:
            self.breakers.note(connection.code, Unavailable("outside_slow", "no answer in time"), since=since)
            raise far.ended("outside_slow", f"{connection.code} did not answer within {seconds:g} s.") from None
        finally:
            conversation.close()

    async def run(self, stop: asyncio.Event) -> None:
        """Write the record each second and forget what is old each hour, until `stop`."""
        forgot = 0.0
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WRITE_EACH_S)
            with suppress(*Lost, HaatError):
                await self.record.write()
                if time.monotonic() - forgot > FORGET_EACH_S:
                    forgot = time.monotonic()
                    await self.record.forget(self.clock.now())
                    async with self.database.reading() as tx:
                        await inbox.forget(tx, self.clock.now() - HOOKS_KEPT)

    async def close(self) -> None:
        """Write what is left of the record, close the connections."""
        with suppress(*Lost, HaatError):
            await self.record.write()
        await self._wire.close()

    async def _talk(self, connection: Connection, conversation: Conversation[Value], far: _Drive, within: AsyncExitStack | None) -> Value:
        """`within`: where the operation's place is held once it asks for something; None where it is held already."""
        sent: Reply | str | None = None
        problem: HaatError | None = None
        for _ in range(STEPS_MAX):
            try:
                asked = conversation.send(sent) if problem is None else conversation.throw(problem)
            except StopIteration as end:
                value: Value = end.value
                return value
            except Unavailable as error:
                if far.repeated is not None:
                    raise Unknown(error.code, error.detail) from error
                raise
            far.went_on_to(asked)
            sent, problem = None, None
            try:
                if within is not None:
                    within.enter_context(self.breakers.passing(connection.code))
                    await within.enter_async_context(self._place(connection))
                    within = None
                sent = await self._answer(connection, asked, far)
            except (Unavailable, Unknown) as error:
                problem = error
        raise Broken(f"{connection.plugin} goes on after {STEPS_MAX} steps")

    async def _answer(self, connection: Connection, asked: Request | Token, far: _Drive) -> Reply | str:
        if isinstance(asked, Request):
            return await self._exchange(connection, asked, far)

        async def grant(refresh: str) -> Granted:
            """A token's own conversation; it changes nothing that the operation is about."""
            try:
                return await self._talk(connection, asked.grant(refresh), _Drive(far.subject), None)
            except Unknown as error:
                raise Unavailable(error.code, error.detail, retry_after_s=5) from error

        return await self._tokens.get(connection, asked, grant)

    async def _exchange(self, connection: Connection, request: Request, far: _Drive) -> Reply:
        """One request, once more where that is harmless and its answer got lost."""
        try:
            return await self._send(connection, request, far)
        except LostError as lost:
            if not (request.question or request.repeatable):
                raise far.ended("outside_lost", f"{connection.code}: the answer got lost ({lost}).") from lost
            far.repeated = None if request.question else request
        except NotSentError as unsent:
            raise far.ended("outside_unreachable", f"{connection.code} cannot be reached ({unsent}).") from unsent
        try:
            return await self._send(connection, request, far)
        except (LostError, NotSentError) as again:
            raise far.ended("outside_lost", f"{connection.code}: the answer got lost twice ({again}).") from again

    async def _send(self, connection: Connection, request: Request, far: _Drive) -> Reply:
        sending = Sending()
        at, began, since = self.clock.now(), time.perf_counter(), self.breakers.answered(connection.code)
        reply: Reply | None = None
        problem = "no answer in time"
        try:
            reply = await self._wire.exchange(request, sending)
            problem = ""
        except (LostError, NotSentError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise
        finally:
            if sending.left and not request.question:
                far.changed = True
            took_ms = round((time.perf_counter() - began) * 1000)
            self.record.note(connection, far.subject, request, reply, at=at, took_ms=took_ms, problem=problem)
            if reply is not None and reply.status < 500:
                self.breakers.note(connection.code, None)
            elif problem != "no answer in time":  # that is noted once, by whoever set the limit
                self.breakers.note(connection.code, Unavailable("outside_trouble", problem or "in trouble"), since=since)
        return reply

    def _place(self, connection: Connection) -> asyncio.Semaphore:
        """One of the connection's places in this process; who finds none waits within the operation's time limit."""
        known = self._places.get(connection.code)
        if known is None or known[0] != connection.concurrency:
            known = (connection.concurrency, asyncio.Semaphore(connection.concurrency))
            self._places[connection.code] = known
        return known[1]

    def _notice(self, connection: Connection) -> None:
        """Begin anew with a connection that somebody has set up differently."""
        known = self._versions.get(connection.code)
        if known is not connection:
            if known is not None and known != connection:
                self.breakers.close(connection.code)
                self._tokens.forget(connection.code)
            self._versions[connection.code] = connection
