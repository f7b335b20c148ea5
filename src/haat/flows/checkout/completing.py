"""A cart becomes an order, exactly once: its row and the order are written in one transaction.

    completion ─► queue ─► [ lock carts ─ those that are orders already answer with it ─ the desk places the rest ─ close carts ] ─ commit

Two completions at once wait for each other at the cart's row, and the second finds the order of the first. A cart that changed
after it was prepared is refused as stale. A refused order leaves its cart open, with the stock that was held for it.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from haat.domain import carts, orders
from haat.engine.clock import Clock
from haat.engine.database import Lane, Tx
from haat.engine.journal import Journal
from haat.flows.checkout.placing import Desk, Placed
from haat.flows.checkout.preparing import Prepared
from haat.kernel.errors import Refused


class Completion(msgspec.Struct, frozen=True):
    """A cart as it was when its order was prepared. `prepared.cart` is its hold, whose stock the order takes over."""

    cart_id: str
    version: int
    prepared: Prepared


class Till:
    """The till of one process: one lane, one committer. `complete` is what the committer runs."""

    def __init__(self, lane: Lane, desk: Desk, journal: Journal, clock: Clock) -> None:
        self._lane = lane
        self._desk = desk
        self._journal = journal
        self._clock = clock

    async def complete(self, asks: Sequence[Completion]) -> Sequence[Placed | Exception]:
        """Answer each completion, in order. Repeatable: asked again after a lost commit, the cart's row knows its order."""
        async with self._lane.transaction() as tx:
            return await self._settle(tx, asks)

    async def _settle(self, tx: Tx, asks: Sequence[Completion]) -> list[Placed | Exception]:
        standing = await carts.lock(tx, {ask.cart_id for ask in asks})
        fresh: dict[str, Completion] = {}
        for ask in asks:
            cart = standing.get(ask.cart_id)
            if cart is not None and cart.open and _refused(ask, cart) is None:
                fresh.setdefault(ask.cart_id, ask)
        placed: dict[str, Placed | Exception] = {}
        if fresh:
            outcomes = await self._desk.decide(tx, [ask.prepared for ask in fresh.values()])
            placed = dict(zip(fresh, outcomes, strict=True))
            now = self._clock.now()
            closed = []
            for cart_id, outcome in placed.items():
                if isinstance(outcome, Placed):
                    cart = carts.close(standing[cart_id], outcome.order.id)
                    closed.append(replace(cart, version=cart.version + 1, updated_at=now))
            await carts.save(tx, closed)
        ordered = {cart.order_id for cart in standing.values() if cart.order_id}
        known = await orders.read(self._journal, tx, sorted(ordered)) if ordered else {}
        return [self._answer(ask, standing.get(ask.cart_id), fresh, placed, known) for ask in asks]

    def _answer(
        self,
        ask: Completion,
        cart: carts.Cart | None,
        fresh: dict[str, Completion],
        placed: dict[str, Placed | Exception],
        known: dict[str, orders.Order],
    ) -> Placed | Exception:
        refused = _refused(ask, cart)
        if refused is not None:
            return refused
        assert cart is not None
        if cart.order_id:
            return Placed(known[cart.order_id], replayed=cart.order_id != ask.prepared.ids.order_id)
        outcome = placed[ask.cart_id]
        if isinstance(outcome, Placed) and fresh[ask.cart_id] is not ask:
            return Placed(outcome.order, replayed=True)
        return outcome


def _refused(ask: Completion, cart: carts.Cart | None) -> Refused | None:
    if cart is None:
        return Refused("unknown_cart", "There is no such cart.", kind="missing")
    if cart.merged_into:
        return Refused("cart_merged", "This cart went into another one.", kind="conflict", cart_id=cart.merged_into)
    if not cart.order_id and cart.version != ask.version:
        return Refused("stale", "The cart has changed meanwhile.", kind="stale", version=cart.version)
    return None
