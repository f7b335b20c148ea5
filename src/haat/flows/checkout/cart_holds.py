"""Stock held for carts: taken whole or not at all, replaced when lines change, given back when a cart empties.

A hold is one owner of reservations (HELD, with an end). A new hold takes the units of the old one over inside the same
transaction, so nobody slips in between, and the old one ends as REASSIGNED. What the batch decides is written at its end.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from haat.domain import carts, inventory
from haat.engine.database import Tx
from haat.engine.draw import Draw
from haat.flows.checkout import cart_pricing
from haat.flows.checkout.market import Market
from haat.kernel.errors import Refused

HOLD_MINUTES = 15
HOLD_FOR = timedelta(minutes=HOLD_MINUTES)
PROLONGED_BELOW = timedelta(minutes=HOLD_MINUTES * 2 / 3)  # an active buyer's hold is prolonged every five minutes, not at every step


class Holding:
    """The holds of one batch, on locked levels."""

    def __init__(self, levels: inventory.Levels, held: Sequence[inventory.Reservation], market: Market, draw: Draw) -> None:
        self._levels = levels
        self._market = market
        self._draw = draw
        self._standing: dict[str, list[inventory.Reservation]] = {}
        for reservation in held:
            self._standing.setdefault(reservation.owner, []).append(reservation)
        self._taken: dict[str, Sequence[inventory.Take]] = {}
        self._over: list[inventory.Release] = []
        self._back: list[inventory.Release] = []

    def settle(self, before: carts.Cart | None, after: carts.Cart, *, take: bool, now: datetime) -> tuple[carts.Cart, bool]:
        """The cart with the hold that it has from now on, and whether an old one was found ended.

        Refused (out_of_stock, nothing_to_hold) where the stock for its lines is not there; the old hold then stands.
        """
        old = before.hold if before is not None else None
        if old is not None and old.id not in self._standing and old.id not in self._taken:
            after, old, ended = carts.hold(after, None), None, True
        else:
            ended = False
        if not take and old is None:
            return after, ended
        wanted = demands(after, self._market, all_lines=take)
        if not wanted:
            if take:
                raise Refused("nothing_to_hold", "The cart is empty.")
            self.drop(old)
            return carts.hold(after, None), ended
        same = before is not None and before.lines == after.lines and not take
        if same and old is not None and old.until - now > PROLONGED_BELOW:
            return after, ended
        try:
            return carts.hold(after, self._replace(old, after, wanted, now)), ended
        except Refused:
            if same:  # what cannot be prolonged (its place has closed) lasts as long as it was meant to
                return after, ended
            raise

    def drop(self, old: carts.Hold | None) -> None:
        """Give everything of a hold back."""
        if old is None:
            return
        for take in self._taken.pop(old.id, ()):
            self._levels.give_back(take.sku, take.location, take.quantity)
        self._back.extend(_releases(self._standing.pop(old.id, ())))

    async def write(self, tx: Tx, now: datetime) -> None:
        """Write what was decided: old holds over or back, new ones in."""
        await inventory.release(tx, self._back, now=now)
        await inventory.release(tx, self._over, status="REASSIGNED", now=now)
        if self._taken or any(self._levels.deltas.values()):
            await inventory.hold(tx, list(self._taken.items()), self._levels.deltas, until=now + HOLD_FOR, now=now)

    def _replace(self, old: carts.Hold | None, cart: carts.Cart, wanted: Sequence[inventory.Demand], now: datetime) -> carts.Hold:
        units = self._units(old)
        for sku, location, quantity in units:
            self._levels.give_back(sku, location, quantity)
        admitted = self._levels.admit(wanted, cart.channel)
        if isinstance(admitted, tuple):
            for sku, location, quantity in units:
                self._levels.give_back(sku, location, -quantity)
            raise out_of_stock(cart, admitted, self._market)
        if old is not None:
            self._taken.pop(old.id, None)
            self._over.extend(_releases(self._standing.pop(old.id, ())))
        fresh = carts.Hold(self._draw.uuid(), now + HOLD_FOR)
        self._taken[fresh.id] = admitted.takes
        return fresh

    def _units(self, old: carts.Hold | None) -> list[tuple[str, str, int]]:
        if old is None:
            return []
        units = [(take.sku, take.location, take.quantity) for take in self._taken.get(old.id, ())]
        return units + [(r.sku, r.location, r.held) for r in self._standing.get(old.id, ())]


def demands(cart: carts.Cart, market: Market, *, all_lines: bool) -> list[inventory.Demand]:
    """What a cart's lines take from stock, kits taken apart. A line that is no longer sold is refused, or, without `all_lines`, passed."""
    wanted: list[inventory.Demand] = []
    for n, line in enumerate(cart.lines, 1):
        item = cart_pricing.sold(market.item(line.sku))
        if item is not None:
            wanted.extend((n, sku, line.quantity * units) for sku, units in item.demand)
        elif all_lines:
            raise Refused("out_of_stock", "This is no longer sold.", kind="conflict", lines=[_line(n, line, line.sku, 0)])
    return wanted


def out_of_stock(cart: carts.Cart, shorts: Sequence[inventory.Short], market: Market) -> Refused:
    """The refusal that names each line that cannot be served, and how many units of it could."""
    lines = []
    for short in shorts:
        line = cart.lines[short.line_no - 1]
        item = market.item(line.sku)
        each = dict(item.demand).get(short.sku, 1) if item is not None else 1
        lines.append(_line(short.line_no, line, short.sku, short.available // each))
    return Refused("out_of_stock", "Not enough of this is left.", kind="conflict", lines=lines)


def _line(line_no: int, line: carts.CartLine, component: str, units: int) -> Mapping[str, object]:
    return {"line_no": line_no, "sku": line.sku, "component": component, "wanted": line.quantity, "available": units}


def _releases(reservations: Sequence[inventory.Reservation]) -> list[inventory.Release]:
    return [inventory.Release(r.owner, r.line_no, r.sku, r.location, r.held, r.backordered) for r in reservations]
