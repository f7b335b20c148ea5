"""Placing orders: many at once, decided together, committed in one transaction.

    arrival ─ prepare ─► queue ─► [ keys · duplicates · limits · levels ] ─ decide ─► [ facts, rows, stock, keys ] ─ commit ─► answers
                                    one transaction, rows locked in one order everywhere: limits, then stock, then keys

Every order of a batch is admitted in arrival order or refused alone. A request whose key is settled gets the order of the
first time; two requests with one key in one batch likewise. After a lost connection the batch is run again and asks first
whether its commit took effect.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain import inventory, orders, pricing
from haat.engine import flowing, idempotency, quotas, together
from haat.engine.clock import Clock
from haat.engine.database import Database, Lane, Tx
from haat.engine.flowing import table
from haat.engine.journal import Journal
from haat.flows.checkout import preparing
from haat.flows.checkout.market import Market
from haat.flows.checkout.preparing import Prepared
from haat.kernel.errors import Refused


class Placed(msgspec.Struct, frozen=True):
    """An order that stands. `replayed`: it stood before, and this request had asked for it already."""

    order: orders.Order
    replayed: bool = False


_ASKED_FIRST = together.questions(idempotency.FIND, orders.BASKETS)
_WRITTEN_AT_ONCE = together.writes(*orders.RECORD, inventory.RESERVE, pricing.CALCULATIONS, idempotency.SETTLE, table.INSERT, table.BEGIN)


class _Known(msgspec.Struct):
    """What the transaction found out, and what it has decided so far."""

    settled: Mapping[tuple[str, str], idempotency.Settled]
    sold: dict[tuple[str, str], str]  # (channel, its own id) of external orders -> our id
    standing: dict[str, orders.Order]
    baskets: dict[int, str]
    used: dict[str, int]
    levels: inventory.Levels
    holds: dict[str, list[inventory.Reservation]]


class _MoreLimitsError(Exception):
    """A repriced basket counts against limits that are not locked yet."""

    def __init__(self, claims: Sequence[quotas.Claim]) -> None:
        super().__init__()
        self.claims = claims


class _Written(msgspec.Struct):
    """What the transaction will write."""

    prepared: list[Prepared] = []
    news: list[orders.NewOrder] = []
    placed: list[orders.Order] = []
    takes: list[tuple[str, Sequence[inventory.Take]]] = []
    used: dict[str, int] = {}
    freed: list[inventory.Release] = []


class Desk:
    """The order desk of one process: one lane, one committer. `place` is what the committer runs."""

    def __init__(self, lane: Lane, journal: Journal, market: Market, clock: Clock, flows: flowing.Flows) -> None:
        self._flows = flows
        self._lane = lane
        self._journal = journal
        self._market = market
        self._clock = clock

    async def place(self, asks: Sequence[Prepared]) -> Sequence[Placed | Exception]:
        """Answer each ask, in order. Repeatable: asked again after a lost commit it finds what it had done."""
        async with self._lane.transaction() as tx:
            answers = await self.decide(tx, asks)
            for ask in asks:
                ask.attempted = True
        return answers

    async def decide(self, tx: Tx, asks: Sequence[Prepared]) -> list[Placed | Exception]:
        """Decide and write within the caller's transaction, which has locked nothing that comes after limits."""
        limits: list[quotas.Claim] = []
        while True:
            try:
                return await self._decide(tx, asks, limits)
            except _MoreLimitsError as more:  # nothing is written yet: lock them, too, and decide anew
                limits.extend(more.claims)

    async def _decide(self, tx: Tx, asks: Sequence[Prepared], limits: Sequence[quotas.Claim]) -> list[Placed | Exception]:
        now = self._clock.now()
        known = await self._find_out(tx, asks, limits, now)
        written = _Written()
        answers: list[Placed | Exception] = []
        by_key: dict[tuple[str, str], tuple[bytes, Placed]] = {}
        for ask in asks:
            try:
                answer = self._replay(ask, known, by_key) or self._admit(ask, known, written, now)
            except Refused as refused:
                answers.append(refused)
                continue
            if ask.key is not None and not answer.replayed:
                by_key[ask.key.scope, ask.key.key] = (ask.key.fingerprint, answer)
            if ask.request.external is not None:
                known.sold[ask.request.channel, ask.request.external.id] = answer.order.id
                known.standing[answer.order.id] = answer.order
            answers.append(answer)
        if written.news:
            await self._write(tx, written, known, now)
        return answers

    async def _find_out(self, tx: Tx, asks: Sequence[Prepared], limits: Sequence[quotas.Claim], now: datetime) -> _Known:
        window_s = self._market.policy().duplicate_window_s
        keys = [ask.key for ask in asks if ask.key is not None]
        slots = [k for ask in asks if ask.request.external is None for k in orders.basket_keys(ask.fingerprint, now, window_s)]
        answers = await tx.fetchrow(
            _ASKED_FIRST, *idempotency.find_arguments(keys), *orders.basket_arguments(slots, now=now, window_s=window_s)
        )
        settled, baskets = idempotency.found(answers[0]), orders.found_baskets(answers[1])
        externals = [(ask.request.channel, ask.request.external.id) for ask in asks if ask.request.external is not None]
        sold = await orders.by_external_id(tx, externals) if externals else {}
        subjects = {s.subject for s in settled.values()} | {ask.ids.order_id for ask in asks if ask.attempted} | set(sold.values())
        standing = await _as_placed(self._journal, tx, sorted(subjects)) if subjects else {}
        claims = [*limits, *[claim for ask in asks for claim in ask.claims]]
        used = await quotas.lock(tx, claims) if claims else {}
        carts = [ask.cart for ask in asks if ask.cart is not None]
        holds: dict[str, list[inventory.Reservation]] = {}
        if carts:
            for reservation in await inventory.holding(tx, carts):
                holds.setdefault(reservation.owner, []).append(reservation)
        skus = sorted({sku for ask in asks for _, sku, _ in ask.demands} | {r.sku for rs in holds.values() for r in rs})
        levels = inventory.Levels(await inventory.lock_levels(tx, skus), self._market.parties.places)
        return _Known(settled, sold, standing, baskets, used, levels, holds)

    def _replay(self, ask: Prepared, known: _Known, by_key: Mapping[tuple[str, str], tuple[bytes, Placed]]) -> Placed | None:
        if ask.attempted and ask.ids.order_id in known.standing:
            return Placed(known.standing[ask.ids.order_id])
        if ask.key is not None:
            name = (ask.key.scope, ask.key.key)
            settled = known.settled.get(name)
            if settled is not None:
                _same_request(ask.key.fingerprint, settled.fingerprint)
                return Placed(known.standing[settled.subject], replayed=True)
            if name in by_key:
                fingerprint, placed = by_key[name]
                _same_request(ask.key.fingerprint, fingerprint)
                return Placed(placed.order, replayed=True)
        external = ask.request.external
        if external is not None and (ask.request.channel, external.id) in known.sold:
            return Placed(known.standing[known.sold[ask.request.channel, external.id]], replayed=True)
        return None

    def _admit(self, ask: Prepared, known: _Known, written: _Written, now: datetime) -> Placed:
        if ask.claims:
            ask = self._claim(ask, known, now)
        verdict = ask.verdict
        duplicate_of = known.baskets.get(ask.fingerprint) if ask.request.external is None else None
        if duplicate_of is not None:
            verdict = preparing.judged_again(ask, self._market, duplicate_of)
            if verdict.refusals:
                _unclaim(ask, known)
                raise preparing.refusal(verdict)
        if ask.cart is not None:
            for r in known.holds.get(ask.cart, ()):
                known.levels.give_back(r.sku, r.location, r.held)
        admitted = known.levels.admit(ask.demands, ask.request.channel)
        if isinstance(admitted, tuple):
            self._undo(ask, known)
            raise out_of_stock(ask, admitted)
        reserved = orders.events.OrderStockReserved(
            tuple([orders.events.Reservation(t.line_no, t.sku, t.location, t.quantity, t.backordered) for t in admitted.takes]),
            admitted.expected_at,
        )
        facts = preparing.facts(ask, verdict, reserved, flows=self._flows.versions)
        new = orders.NewOrder(ask.ids.order_id, ask.ids.serial, facts, ask.errand.at, ask.errand.origin)
        order = orders.begin(new)
        written.prepared.append(ask)
        written.news.append(new)
        written.placed.append(order)
        written.takes.append((ask.ids.order_id, admitted.takes))
        for claim in ask.claims:
            written.used[claim.key] = written.used.get(claim.key, 0) + claim.amount
        if ask.cart is not None:
            written.freed.extend(
                inventory.Release(r.owner, r.line_no, r.sku, r.location, r.held, r.backordered) for r in known.holds.pop(ask.cart, ())
            )
        if ask.request.external is None:
            known.baskets[ask.fingerprint] = order.number
        return Placed(order)

    def _claim(self, ask: Prepared, known: _Known, now: datetime) -> Prepared:
        """Take the counted limits; where an automatic promotion is used up, go on without it, at the price that is then due."""
        without: frozenset[str] = frozenset()
        while (refused := quotas.admit(known.used, ask.claims)) is not None:
            quoted = next((c for c in ask.basket.quote.claims if c.key == refused.key), None)
            if quoted is None:
                raise Refused(
                    "purchase_limit",
                    "This would be more than one customer may buy.",
                    kind="conflict",
                    limit=refused.key.split(":")[1],
                    cap=refused.cap,
                )
            if quoted.coupon:
                raise Refused("coupon_used_up", f"The coupon {quoted.coupon} is used up.", kind="conflict", coupon=quoted.coupon)
            without |= {quoted.promotion}
            ask = preparing.again_without(ask, self._market, without, now)
            if more := [claim for claim in ask.claims if claim.key not in known.used]:
                raise _MoreLimitsError(more)
        return ask

    def _undo(self, ask: Prepared, known: _Known) -> None:
        _unclaim(ask, known)
        if ask.cart is not None:
            for r in known.holds.get(ask.cart, ()):
                known.levels.give_back(r.sku, r.location, -r.held)

    async def _write(self, tx: Tx, written: _Written, known: _Known, now: datetime) -> None:
        """Facts, rows, stock, receipts and keys in one statement; what few orders need (held stock, counted limits) before it."""
        if written.freed:
            await inventory.release(tx, written.freed, status="REASSIGNED", now=now)
        if written.used:
            await quotas.record(tx, written.used)
        ids = [p.ids.order_id for p in written.prepared]
        keyed = [(p.key, p.ids.order_id) for p in written.prepared if p.key is not None]
        await tx.execute(
            _WRITTEN_AT_ONCE,
            *orders.record_arguments(self._journal, written.news, written.placed),
            *inventory.reserve_arguments(written.takes, known.levels.deltas, now=now),
            *pricing.calculation_arguments(ids, self._market.rules.version, [preparing.receipt_json(p) for p in written.prepared], now),
            *idempotency.settle_arguments([key for key, _ in keyed], [subject for _, subject in keyed], now),
            *table.insert_arguments(self._first_steps(written, now), now),
            *table.begin_arguments([p.ids.order_id for p in written.prepared if not p.lives_elsewhere], now),
        )

    def _first_steps(self, written: _Written, now: datetime) -> list[flowing.Row]:
        """What the flows make of the orders' first facts. An order whose life another system leads has none here."""
        decided = flowing.Decided()
        for prepared, new, order in zip(written.prepared, written.news, written.placed, strict=True):
            if not prepared.lives_elsewhere:
                self._flows.decide(order, list(enumerate(new.facts, 1)), now, decided)
        return decided.rows


async def placed_before(database: Database, journal: Journal, key: idempotency.Key) -> Placed | None:
    """The order that this key stands for. A repeated request gets it even where the same basket would be refused by now.

    Raises Refused where the key was used for another request.
    """
    async with database.reading() as tx:
        settled = (await idempotency.find(tx, [key])).get((key.scope, key.key))
        if settled is None:
            return None
        _same_request(key.fingerprint, settled.fingerprint)
        return Placed((await _as_placed(journal, tx, [settled.subject]))[settled.subject], replayed=True)


async def _as_placed(journal: Journal, tx: Tx, order_ids: Sequence[str]) -> dict[str, orders.Order]:
    """These orders as they were when they had just been placed: the fold of their first transaction's facts."""
    found: dict[str, orders.Order] = {}
    for order_id, stream in (await orders.streams(journal, tx, order_ids)).items():
        first = stream[0].position >> 16
        order = orders.fold(fact for fact in stream if fact.position >> 16 == first)
        assert order is not None
        found[order_id] = order
    return found


def _unclaim(ask: Prepared, known: _Known) -> None:
    for claim in ask.claims:
        known.used[claim.key] -= claim.amount


def out_of_stock(ask: Prepared, shorts: Sequence[inventory.Short]) -> Refused:
    """The refusal that names each line that cannot be served, and how many could."""
    lines = []
    for short in shorts:
        asked = ask.request.lines[short.line_no - 1]
        units = next((u for sku, u in ask.basket.items[asked.sku].demand if sku == short.sku), 1)
        lines.append(
            {
                "line_no": short.line_no,
                "sku": asked.sku,
                "component": short.sku,
                "wanted": asked.quantity,
                "available": short.available // units,
            }
        )
    return Refused("out_of_stock", "Not enough of this is left.", kind="conflict", lines=lines)


def _same_request(fingerprint: bytes, first: bytes) -> None:
    if fingerprint != first:
        raise Refused("idempotency_key_reused", "This Idempotency-Key was used for another request.")


__all__ = ["Desk", "Placed", "out_of_stock", "placed_before"]
