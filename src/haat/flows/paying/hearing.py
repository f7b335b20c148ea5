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
from haat.engine.database import Collided, Lost, Rejected, Tx
from haat.engine.flowing import House
from haat.engine.outside import inbox
from haat.flows.paying.asking import look
from haat.flows.paying.desk import Desk, Noted, contested, found, observed, payback
from haat.flows.paying.refunding import refund_in, told
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.facts import Fact, Origin
from haat.kernel.outside import Connection

log = logging.getLogger("haat.paying")
BATCH = 100
POLL_S = 0.5
PAUSE_S = 2.0
RETURN_S = 6.0  # a browser waits; the stored return does not


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway said, and of what. `attempt` "" where the news is about the refund alone; `asked_as`: the name it was asked by."""

    order_id: str
    attempt: str
    source: payments.Source
    seen: payments.Observation | None = None
    refund: str = ""
    refund_seen: payments.RefundObservation | None = None
    asked_as: str = ""
    dispute: str = ""
    dispute_seen: payments.DisputeObservation | None = None


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
            except (*Lost, *Collided, HaatError) as error:
                log.warning("hooks wait", extra={"why": str(error)})
                pause = PAUSE_S
            except Exception:
                log.exception("hooks wait: they cannot be dealt with")
                pause = PAUSE_S
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def step(self) -> int:
        """One batch of stored hooks; returns how many there were. One that fails is noted and comes again by itself.

        A few statements for the batch: claim, find the attempts, read the orders, write what was learned.
        """
        now = self._house.clock.now()
        async with self._house.database.transaction() as tx:
            arrived = await inbox.claim(tx, kind="gateway", now=now, limit=BATCH, lease=self._house.clock.during(inbox.LEASE_S))
        if not arrived:
            return 0
        problems: dict[str, str] = {}
        heard = await asyncio.gather(*[self._signals(one, now) for one in arrived], return_exceptions=True)
        pointing: list[tuple[inbox.Arrived, payments.Signal]] = []
        for one, signals in zip(arrived, heard, strict=True):
            if isinstance(signals, BaseException):
                problems[one.id] = _told_of(one, signals)
            else:
                pointing += [(one, signal) for signal in signals]
        async with self._house.database.reading() as tx:
            rows = await _rows_of(tx, [(one.code, signal) for one, signal in pointing])
            known = await self._house.load(tx, sorted({row.order_id for row in rows if row is not None}))
        asked = [
            self._word(one, signal, row, known[row.order_id])
            for (one, signal), row in zip(pointing, rows, strict=True)
            if row is not None and row.order_id in known
        ]
        about = [one for (one, _), row in zip(pointing, rows, strict=True) if row is not None and row.order_id in known]
        words: dict[str, list[Word]] = {one.id: [] for one in arrived}
        for one, word in zip(about, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(word, BaseException):
                problems[one.id] = _told_of(one, word)
            elif word is not None:
                words[one.id].append(word)
        await self._tell_all(arrived, words, problems)
        return len(arrived)

    async def _tell_all(self, arrived: Sequence[inbox.Arrived], words: Mapping[str, list[Word]], problems: Mapping[str, str]) -> None:
        """All in one transaction; where that is refused by the database, each hook alone, so that one holds up nobody."""
        well = [one for one in arrived if one.id not in problems]
        try:
            await self.tell([w for one in well for w in words[one.id]], cause="hook", done=[one.id for one in well], problems=problems)
        except Rejected as error:
            if len(arrived) == 1:
                await self.tell([], cause="hook", problems={arrived[0].id: _told_of(arrived[0], error)})
            else:
                for one in arrived:
                    await self._tell_all([one], words, {one.id: problems[one.id]} if one.id in problems else {})

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
            found_order: dict[str, orders.Order] = await self._house.load(tx, [row.order_id]) if row is not None else {}
        if row is None or row.order_id not in found_order:
            return None
        order = found_order[row.order_id]
        word = await self._asked(row, order, source)
        if word is None:
            return order
        outcome = (await self.tell([word], cause=source, actor=actor))[0]
        if isinstance(outcome, Refused):
            raise outcome
        return outcome.after

    async def attempt_of(self, connection: Connection, signal: payments.Signal) -> str | None:
        """The id of the attempt that a signal through this connection points at; None where it names nothing of ours."""
        async with self._house.database.reading() as tx:
            (row,) = await _rows_of(tx, [(connection.code, signal)])
        return None if row is None else row.id

    async def returned(self, connection: Connection, brought: Mapping[str, str]) -> str | None:
        """The order of a buyer who came back from a gateway, after its gateway was asked once; None where nothing of ours is named.

        What could not be learned in `RETURN_S` is learned from the stored return, as is all that is to be learned of an attempt that
        is over: who comes back again and again does not make us ask each time.
        """
        gateway: payments.Gateway = self.desk.outside.book.plugin(connection)
        async with self._house.database.reading() as tx:
            (row,) = await _rows_of(tx, [(connection.code, gateway.callback(connection, brought))])
        if row is None:
            return None
        if row.status not in orders.paying.OPEN:
            return row.order_id
        with suppress(HaatError, TimeoutError, *Lost):
            async with asyncio.timeout(RETURN_S):
                await self.look_now(row.id, source="redirect")
        return row.order_id

    async def _signals(self, one: inbox.Arrived, now: datetime) -> Sequence[payments.Signal]:
        """What a stored hook points at."""
        connection, gateway = self.desk.gateway(one.code)
        if one.hook.method == inbox.RETURN:
            return (gateway.callback(connection, one.hook.query),)
        return await self.desk.outside.drive(connection, gateway.heard(connection, one.hook, now), subject=one.id)

    async def _word(self, one: inbox.Arrived, signal: payments.Signal, row: payments.AttemptRow, order: orders.Order) -> Word | None:
        if signal.refund:
            return await self._refund_asked(row, order, signal)
        if signal.dispute:
            return await self._dispute_asked(row, order, signal.dispute)
        return await self._asked(row, order, "redirect" if one.hook.method == inbox.RETURN else "hook")

    async def _asked(self, row: payments.AttemptRow, order: orders.Order, source: payments.Source) -> Word | None:
        """A buyer who came back has agreed to something: that is finished (`confirm`); everything else is a question, as is an attempt
        that we took to be over: a page that declined once may have been paid since, or twice."""
        known = found(order, row.id)
        if known is None:
            return None
        agreed = source == "redirect" and known[1].status in orders.paying.OPEN
        seen = await look(self.desk, order, known[1], self._house.clock.now(), confirm=agreed)
        return Word(order_id=order.id, attempt=row.id, source=source, seen=seen)

    async def _refund_asked(self, row: payments.AttemptRow, order: orders.Order, signal: payments.Signal) -> Word | None:
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
        return Word(order_id=order.id, attempt=row.id, source="hook", refund=refund.id, refund_seen=seen, asked_as=refund.name)

    async def _dispute_asked(self, row: payments.AttemptRow, order: orders.Order, dispute: str) -> Word | None:
        known = found(order, row.id)
        connection, gateway = self.desk.gateway(row.gateway)
        if known is None or gateway.query_dispute is None:
            return None
        about, now = self.desk.known(order, known[1]), self._house.clock.now()
        seen = await self.desk.outside.drive(connection, gateway.query_dispute(connection, about, dispute, now), subject=row.id)
        if seen.status == "unknown":  # it is asked about again, and at last lies there for somebody
            raise Unavailable("dispute_unclear", f"{row.gateway} says nothing that we understand of {dispute[:64]}: {seen.raw_code[:64]}")
        return Word(order_id=order.id, attempt=row.id, source="hook", dispute=dispute, dispute_seen=seen)


def _told_of(one: inbox.Arrived, error: BaseException) -> str:
    """What went wrong with a hook, for its row; a mistake of ours is also told to the log."""
    if not isinstance(error, HaatError):
        log.error("a hook cannot be dealt with", exc_info=error, extra={"hook": one.id, "connection": one.code})
    return str(error) or type(error).__name__


async def _rows_of(tx: Tx, signals: Sequence[tuple[str, payments.Signal]]) -> list[payments.AttemptRow | None]:
    """The attempt that each (connection, signal) points at, by our id, else by the gateway's own; None where nothing is ours."""
    named = {payments.attempt_in({"attempt": signal.attempt}) for _, signal in signals} - {""}
    by_id = await payments.attempts(tx, sorted(named)) if named else {}
    names = {(code, name) for code, signal in signals for name in (signal.reference, signal.transaction) if name and name.isprintable()}
    by_name = await payments.attempts_named(tx, sorted(names)) if names else {}
    rows: list[payments.AttemptRow | None] = []
    for code, signal in signals:
        row = by_id.get(signal.attempt)
        if row is None or row.gateway != code:
            row = by_name.get((code, signal.reference)) or by_name.get((code, signal.transaction))
        rows.append(row)
    return rows


class _Learning(msgspec.Struct, frozen=True):
    """What an order makes of a word."""

    word: Word

    def __call__(self, order: orders.Order) -> tuple[Fact, ...]:
        word = self.word
        if word.refund_seen is not None:
            asked = refund_in(order, word.refund)
            return told(order, asked, word.refund_seen, asked_as=word.asked_as) if asked is not None else ()
        if word.dispute_seen is not None:
            return orders.paying.contest(order, word.attempt, contested(word.dispute, word.dispute_seen))
        return orders.paying.learn(order, word.attempt, observed(word.seen)) if word.seen is not None else ()


def _learning(word: Word) -> _Learning:
    return _Learning(word)
