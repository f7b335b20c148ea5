"""What comes in about payments: hooks, buyers' browsers, and people who want to know now. All end in the same decision.

    hook or redirect ─► which attempt? ─► ask its gateway ─► learn: facts, steps, rows, in one transaction for many

A message only points; what is true is asked for, outside of any transaction. What points nowhere is done with, since nobody can do
more with it; what could not be asked comes again, and the attempt's own `ask` step goes on beside it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from haat.domain import orders, payments
from haat.engine.database import Lost, Tx
from haat.engine.flowing import House
from haat.engine.outside import inbox
from haat.flows.paying.asking import look
from haat.flows.paying.desk import Desk, Noted, found, observed, payback
from haat.flows.paying.refunding import refund_in, told
from haat.kernel.errors import HaatError, Refused
from haat.kernel.facts import Fact, Origin
from haat.kernel.outside import Connection

log = logging.getLogger("haat.paying")
BATCH = 100
POLL_S = 0.5
PAUSE_S = 2.0
RETURN_S = 6.0  # a browser waits; the stored return does not


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway said, and of what. `attempt` "" where the news is about the refund alone."""

    order_id: str
    attempt: str
    source: payments.Source
    seen: payments.Observation | None = None
    refund: str = ""
    refund_seen: payments.RefundObservation | None = None


class Counter:
    """Where news of payments arrives, in one process."""

    def __init__(self, desk: Desk, house: House) -> None:
        self.desk = desk
        self._house = house

    async def run(self, stop: asyncio.Event) -> None:
        """Deal with stored hooks until `stop`."""
        while not stop.is_set():
            pause = POLL_S
            try:
                if await self.step() == BATCH:
                    pause = 0.0
            except (*Lost, HaatError) as error:
                log.warning("hooks wait", extra={"why": str(error)})
                pause = PAUSE_S
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def step(self) -> int:
        """One batch of stored hooks; returns how many there were. One that fails is noted and comes again by itself."""
        now = self._house.clock.now()
        async with self._house.database.transaction() as tx:
            arrived = await inbox.claim(tx, kind="gateway", now=now, limit=BATCH)
        if not arrived:
            return 0
        results = await asyncio.gather(*[self._read(one, now) for one in arrived], return_exceptions=True)
        words: list[Word] = []
        done: list[str] = []
        problems: dict[str, str] = {}
        for one, result in zip(arrived, results, strict=True):
            if isinstance(result, BaseException):
                if not isinstance(result, HaatError):
                    log.error("a hook cannot be read", exc_info=result, extra={"hook": one.id, "connection": one.code})
                problems[one.id] = str(result) or type(result).__name__
            else:
                words.extend(result)
                done.append(one.id)
        await self.tell(words, cause="hook", done=done, problems=problems)
        return len(arrived)

    async def tell(
        self,
        words: Sequence[Word],
        *,
        cause: str,
        actor: str = "system",
        done: Sequence[str] = (),
        problems: Mapping[str, str] | None = None,
    ) -> list[orders.Changed | Refused]:
        """Learn these words in one transaction, in the order of hearing; hooks they came from are done with in the same one."""
        house, now = self._house, self._house.clock.now()
        noted = Noted()
        changes = [orders.Change(w.order_id, _learning(w), now, Origin(actor, cause)) for w in words]
        async with house.database.transaction() as tx:
            outcomes: list[orders.Changed | Refused] = await house.change(tx, changes) if changes else []
            for word, outcome in zip(words, outcomes, strict=True):
                facts = outcome.facts if isinstance(outcome, orders.Changed) else ()
                if isinstance(outcome, orders.Changed):
                    noted.facts(outcome.before, facts, now)
                if word.seen is not None and isinstance(outcome, orders.Changed):
                    noted.signals.append(
                        payments.SignalRow(attempt=word.attempt, source=word.source, observation=word.seen, counted=bool(facts), at=now)
                    )
            await noted.write(tx)
            if done:
                await inbox.done(tx, done, now=now)
            if problems:
                await inbox.failed(tx, problems, now=now)
        return outcomes

    async def look_now(self, attempt_id: str, *, source: payments.Source, actor: str = "system") -> orders.Order | None:
        """Ask an attempt's gateway and learn the answer; the order afterwards, None where there is no such attempt.

        Raises what the driver raises (Unavailable, Unknown): then nothing was learned, and the attempt is asked about later.
        """
        async with self._house.database.reading() as tx:
            row = (await payments.attempts(tx, [attempt_id])).get(attempt_id)
        if row is None:
            return None
        word = await self._asked(row, source, confirm=source == "redirect")
        if word is None:
            return await self._order(row.order_id)
        outcome = (await self.tell([word], cause=source, actor=actor))[0]
        if isinstance(outcome, Refused):
            raise outcome
        return outcome.after

    async def returned(self, connection: Connection, brought: Mapping[str, str]) -> str | None:
        """The order of a buyer who came back from a gateway, after its gateway was asked once; None where nothing of ours is named.

        What could not be learned in `RETURN_S` is learned from the stored return.
        """
        gateway: payments.Gateway = self.desk.outside.book.plugin(connection)
        async with self._house.database.reading() as tx:
            row = await _row_of(tx, connection.code, gateway.callback(connection, brought))
        if row is None:
            return None
        with suppress(HaatError, TimeoutError, *Lost):
            async with asyncio.timeout(RETURN_S):
                await self.look_now(row.id, source="redirect")
        return row.order_id

    async def _read(self, one: inbox.Arrived, now: datetime) -> list[Word]:
        """The words behind a stored hook: read it, find whom it is about, ask the gateway."""
        connection, gateway = self.desk.gateway(one.code)
        returned = one.hook.method == inbox.RETURN
        signals: Sequence[payments.Signal] = (
            (gateway.callback(connection, one.hook.query),)
            if returned
            else await self.desk.outside.drive(connection, gateway.heard(connection, one.hook, now), subject=one.id)
        )
        async with self._house.database.reading() as tx:
            rows = [await _row_of(tx, one.code, signal) for signal in signals]
        words: list[Word] = []
        for signal, row in zip(signals, rows, strict=True):
            if row is None:
                log.info("a hook is about nothing of ours", extra={"connection": one.code, "hook": one.id})
                continue
            word = (
                await self._refund_asked(row, signal)
                if signal.refund
                else await self._asked(row, "redirect" if returned else "hook", confirm=returned)
            )
            words += [word] if word is not None else []
        return words

    async def _asked(self, row: payments.AttemptRow, source: payments.Source, *, confirm: bool) -> Word | None:
        order = await self._order(row.order_id)
        known = found(order, row.id)
        if known is None or (source == "redirect" and known[1].status not in orders.paying.OPEN):
            return None
        seen = await look(self.desk, order, known[1], self._house.clock.now(), confirm=confirm)
        return Word(order_id=order.id, attempt=row.id, source=source, seen=seen)

    async def _refund_asked(self, row: payments.AttemptRow, signal: payments.Signal) -> Word | None:
        order = await self._order(row.order_id)
        known = found(order, row.id)
        refund = refund_in(order, signal.refund) or next(
            (r for r in order.refunds if r.attempt == row.id and signal.refund == r.reference), None
        )
        if known is None or refund is None:
            return None
        connection, gateway = self.desk.gateway(row.gateway)
        if gateway.query_refund is None:
            return None
        back = payback(order, known[1], refund, self.desk.known(order, known[1]))
        now = self._house.clock.now()
        seen = await self.desk.outside.drive(connection, gateway.query_refund(connection, back, now), subject=refund.id)
        return Word(order_id=order.id, attempt=row.id, source="hook", refund=refund.id, refund_seen=seen)

    async def _order(self, order_id: str) -> orders.Order:
        async with self._house.database.reading() as tx:
            return (await orders.read(self._house.journal, tx, [order_id]))[order_id]


async def _row_of(tx: Tx, gateway: str, signal: payments.Signal) -> payments.AttemptRow | None:
    """The attempt that a signal points at: by our id, else by the gateway's own."""
    if signal.attempt:
        row = (await payments.attempts(tx, [signal.attempt])).get(signal.attempt)
        if row is not None and row.gateway == gateway:
            return row
    names = [(gateway, name) for name in (signal.reference, signal.transaction) if name]
    rows = await payments.attempts_named(tx, names) if names else {}
    return next((rows[name] for name in names if name in rows), None)


class _Learning(msgspec.Struct, frozen=True):
    """What an order makes of a word."""

    word: Word

    def __call__(self, order: orders.Order) -> tuple[Fact, ...]:
        word = self.word
        if word.refund_seen is not None:
            asked = refund_in(order, word.refund)
            return told(order, asked, word.refund_seen) if asked is not None else ()
        return orders.paying.learn(order, word.attempt, observed(word.seen)) if word.seen is not None else ()


def _learning(word: Word) -> _Learning:
    return _Learning(word)
