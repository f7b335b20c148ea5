"""Carts at work: many wishes at once, decided together on locked carts, priced from memory, committed in one transaction.

    wish ─► queue ─► [ lock carts ─ decide ─ hold stock ─ price ─ remember what was shown ─ rows ] ─ commit ─► answers
              └────► decide on the cart as this process wrote it last ─► one statement, for rows that are still that version

The short way is for what most wishes are: one more step in a cart that this process has just written. It only ever ends in a
write of the version that it began with; a refusal, or a cart that somebody else wrote meanwhile, goes the long way and is
decided there. A refused wish stands alone. Wishes of one cart in one batch see each other. A cart whose stock is held keeps it: when lines
change the hold is replaced, when it runs short it is prolonged, and where the stock is gone the change is refused and the
cart stays as it was. Repeatable: after a lost commit the rows themselves say whether it took effect.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec.structs import replace

from haat.domain import carts, inventory, pricing
from haat.engine.clock import Clock
from haat.engine.database import Lane, Tx
from haat.engine.draw import Draw
from haat.flows.checkout import cart_pricing
from haat.flows.checkout.cart_holds import Holding
from haat.flows.checkout.cart_pricing import Priced
from haat.flows.checkout.market import NO_COUPONS, Market
from haat.kernel.errors import Refused

RECENT_MAX = 10_000  # carts kept in memory: some minutes of a busy shop, some twenty megabytes

#: (the carts a wish touches, None where there is none) -> the same carts as they shall be, and what to tell besides. Pure.
Decide = Callable[[Sequence[carts.Cart | None]], tuple[Sequence[carts.Cart], Sequence[carts.Change]]]


class CartWish(msgspec.Struct):
    """Something asked of a cart. `touches`: its id first, then that of a cart to be merged into it.

    `version`: what the asker believes the cart to be, None for any. `claims`: (owner, channel) whose open cart is meant if there
    is one, instead of the first that it touches. `skus` and `coupons`: what it may bring into the cart. `take_hold`: hold the
    stock from now on. `stocked`: tell how much there is of each line. `begins`: there is no such cart yet. `tried`: set before a
    commit whose answer may get lost.
    """

    touches: tuple[str, ...]
    decide: Decide
    version: int | None = None
    claims: tuple[str, str] | None = None
    skus: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()
    take_hold: bool = False
    stocked: bool = False
    begins: bool = False
    tried: "Carted | None" = None


class Carted(msgspec.Struct, frozen=True):
    """A cart as it stands after a wish, with its price and what its buyer should be told. `created`: it began with this wish."""

    cart: carts.Cart
    priced: Priced
    told: tuple[carts.Change, ...] = ()
    available: Mapping[str, int] | None = None
    created: bool = False


class _Known(msgspec.Struct):
    """What one transaction knows and has decided so far. `standing` moves on with every wish."""

    now: datetime
    standing: dict[str, carts.Cart]
    claimed: dict[tuple[str, str], str]
    coupons: Mapping[str, pricing.Coupon] = NO_COUPONS
    holding: Holding | None = None
    stock: Mapping[str, Sequence[inventory.Level]] = {}
    fresh: dict[str, carts.Cart] = {}
    changed: dict[str, carts.Cart] = {}


class Carting:
    """The cart desk of one process: one lane, one committer. `apply` is what the committer runs."""

    def __init__(self, lane: Lane, market: Market, clock: Clock, draw: Draw) -> None:
        self._lane = lane
        self._market = market
        self._clock = clock
        self._draw = draw
        self._recent: dict[str, carts.Cart] = {}

    async def apply(self, wishes: Sequence[CartWish]) -> Sequence[Carted | Exception]:
        """Answer each wish, in order."""
        answers = await self._short_way(wishes)
        rest = [wish for wish in wishes if id(wish) not in answers]
        if rest:
            answers.update(zip(map(id, rest), await self._long_way(rest), strict=True))
        return [answers[id(wish)] for wish in wishes]

    async def _short_way(self, wishes: Sequence[CartWish]) -> dict[int, Carted | Exception]:
        """What could be written without a lock, by `id` of the wish."""
        long = {cart_id for wish in wishes if not self._is_plain(wish) for cart_id in wish.touches}
        plain = [wish for wish in wishes if wish.touches[0] not in long]
        if not plain:
            return {}
        standing = {w.touches[0]: self._recent[w.touches[0]] for w in plain if w.touches[0] in self._recent}
        versions = {cart_id: cart.version for cart_id, cart in standing.items()}
        known = _Known(self._clock.now(), standing, {})
        tx = await self._lane.connection()
        skus = _skus(plain, standing)
        await self._market.know(skus)
        if any(wish.stocked for wish in plain):
            await self._count(tx, plain, known)
            await self._market.know(skus)
        answers: dict[int, Carted | Exception] = {}
        for wish in plain:
            with suppress(Refused):
                answer = self._answer(wish, known)
                if answer.cart.id in known.fresh or answer.cart.id in known.changed:
                    answers[id(wish)] = wish.tried = answer
        if not answers:
            return {}
        written = await carts.exchange(tx, list(known.fresh.values()), list(known.changed.values()), [versions[i] for i in known.changed])
        lost = set(known.changed) - written
        self._remember({**known.fresh, **known.changed}, lost)
        for wish in plain:
            if wish.tried is not None and wish.tried.cart.id in lost:
                wish.tried = None
                del answers[id(wish)]
        return answers

    def _is_plain(self, wish: CartWish) -> bool:
        """Whether a wish concerns one guest's or customer's cart that is new or fresh in memory, and nothing but that cart."""
        if wish.tried is not None or wish.claims is not None or wish.take_hold or wish.coupons or len(wish.touches) > 1:
            return False
        cart = self._recent.get(wish.touches[0])
        return wish.begins if cart is None else cart.open and cart.hold is None and not cart.coupons

    def _remember(self, written: Mapping[str, carts.Cart], lost: Collection[str]) -> None:
        for cart_id in (*written, *lost):
            self._recent.pop(cart_id, None)
        self._recent.update((cart_id, cart) for cart_id, cart in written.items() if cart.open and cart_id not in lost)
        while len(self._recent) > RECENT_MAX:
            self._recent.pop(next(iter(self._recent)))

    async def _long_way(self, wishes: Sequence[CartWish]) -> Sequence[Carted | Exception]:
        async with self._lane.transaction() as tx:
            answers, written = await self._settle(tx, wishes)
            for wish, answer in zip(wishes, answers, strict=True):
                wish.tried = answer if isinstance(answer, Carted) else None
        self._remember(written, ())
        return answers

    async def _settle(self, tx: Tx, wishes: Sequence[CartWish]) -> tuple[list[Carted | Exception], Mapping[str, carts.Cart]]:
        known = await self._find_out(tx, wishes)
        done = _done_before(wishes, known.standing)
        answers: list[Carted | Exception] = []
        for wish in wishes:
            try:
                answers.append(done[id(wish)] if id(wish) in done else self._answer(wish, known))
            except Refused as refused:
                answers.append(refused)
        await carts.save(tx, list(known.changed.values()))
        await carts.insert(tx, list(known.fresh.values()))
        if known.holding is not None:
            await known.holding.write(tx, known.now)
        return answers, {**known.fresh, **known.changed}

    async def _find_out(self, tx: Tx, wishes: Sequence[CartWish]) -> _Known:
        claims = {wish.claims for wish in wishes if wish.claims is not None}
        claimed = await carts.open_of(tx, claims) if claims else {}
        ids = {cart_id for wish in wishes for cart_id in wish.touches}.union(claimed.values())
        known = _Known(self._clock.now(), await carts.lock(tx, ids), claimed)
        codes = {coupon.code for cart in known.standing.values() for coupon in cart.coupons}
        codes.update(code for wish in wishes for code in wish.coupons)
        if codes:
            known.coupons = await pricing.load_coupons(tx, sorted(codes))
        skus = {line.sku for cart in known.standing.values() for line in cart.lines}.union(*[wish.skus for wish in wishes])
        await self._market.know(skus)
        await self._count(tx, wishes, known)
        concerned = {w.touches[0] for w in wishes if w.take_hold}.union(c.id for c in known.standing.values() if c.hold is not None)
        if concerned:
            known.holding = await self._holding(tx, [w for w in wishes if not concerned.isdisjoint(w.touches)], known.standing)
        await self._market.know(skus)  # what was announced while we asked; from here on nothing waits
        return known

    async def _count(self, tx: Tx, wishes: Sequence[CartWish], known: _Known) -> None:
        """What there is of the goods of those who want to know."""
        skus = _skus([wish for wish in wishes if wish.stocked], known.standing)
        if skus:
            known.stock = cart_pricing.by_sku(await inventory.levels(tx, cart_pricing.components(skus, self._market)))

    async def _holding(self, tx: Tx, wishes: Sequence[CartWish], standing: Mapping[str, carts.Cart]) -> Holding:
        """The stock that these wishes are about, locked, and what their carts hold of it."""
        touched = {cart_id for wish in wishes for cart_id in wish.touches}
        owners = [cart.hold.id for cart in standing.values() if cart.id in touched and cart.hold is not None]
        held = await inventory.holding(tx, sorted(owners)) if owners else []
        wanted = {r.sku for r in held}.union(cart_pricing.components(_skus(wishes, standing), self._market))
        levels = inventory.Levels(await inventory.lock_levels(tx, sorted(wanted)), self._market.parties.places)
        return Holding(levels, held, self._market, self._draw)

    def _answer(self, wish: CartWish, known: _Known) -> Carted:
        touches = wish.touches
        claimed = known.standing.get(known.claimed.get(wish.claims, "")) if wish.claims is not None else None
        if claimed is not None and claimed.open:  # it may have become an order before we had locked it
            touches = (claimed.id, *touches[1:])
        before = [known.standing.get(cart_id) for cart_id in touches]
        main = before[0]
        if main is not None and wish.version is not None and wish.version != main.version:
            raise Refused("stale", "The cart has changed meanwhile.", kind="stale", version=main.version)
        after, told = wish.decide(before)
        cart = after[0]
        if cart is main and not wish.take_hold:
            priced, told = self._look(cart, known, told, None)
            return Carted(cart, priced, tuple(told))
        if known.holding is not None:
            cart, ended = known.holding.settle(main, cart, take=wish.take_hold, now=known.now)
            if ended:
                told = [*told, carts.Change("hold_ended")]
        available = cart_pricing.available(cart, known.stock, self._market, known.now) if wish.stocked else None
        priced, told = self._look(cart, known, told, available)
        cart = carts.seen(cart, priced.prices, priced.coupons)
        cart = self._keep(main, cart, known)
        for other, kept in zip(before[1:], after[1:], strict=True):
            if kept is not other:
                if known.holding is not None and other is not None:
                    known.holding.drop(other.hold)
                self._keep(other, kept, known)
        if wish.claims is not None:
            known.claimed[wish.claims] = cart.id
        return Carted(cart, priced, tuple(told), available, main is None)

    def _look(
        self, cart: carts.Cart, known: _Known, told: Sequence[carts.Change], available: Mapping[str, int] | None
    ) -> tuple[Priced, Sequence[carts.Change]]:
        priced = cart_pricing.price_cart(cart, self._market, known.now, known.coupons)
        changes = carts.changes(cart, priced.prices, priced.coupons, available)
        return priced, [*told, *changes] if changes else told

    def _keep(self, before: carts.Cart | None, after: carts.Cart, known: _Known) -> carts.Cart:
        """Note that a cart will be written, one version on."""
        if before is None:
            known.fresh[after.id] = after
        else:
            after = replace(after, version=before.version + 1, updated_at=known.now)
            (known.fresh if after.id in known.fresh else known.changed)[after.id] = after
        known.standing[after.id] = after
        return after


class Glance(msgspec.Struct, frozen=True):
    """A cart to be looked at; `bare`: as it is stored, neither priced nor counted (`priced` is then empty)."""

    cart_id: str
    bare: bool = False


class Looking:
    """Reads carts for one process, those asked for at the same moment in one question. `look` is what its committer runs."""

    def __init__(self, lane: Lane, market: Market, clock: Clock) -> None:
        self._lane = lane
        self._market = market
        self._clock = clock

    async def look(self, glances: Sequence[Glance]) -> Sequence[Carted | None]:
        """Each cart as it stands, priced now, with what changed since its buyer last wrote to it; None where there is none."""
        tx = await self._lane.connection()
        market = self._market
        found = await carts.read(tx, {glance.cart_id for glance in glances})
        priced = {glance.cart_id for glance in glances if not glance.bare}.intersection(found)
        skus = {line.sku for cart_id in priced for line in found[cart_id].lines}
        await market.know(skus)
        stock = cart_pricing.by_sku(await inventory.levels(tx, cart_pricing.components(skus, market))) if skus else {}
        codes = sorted({coupon.code for cart_id in priced for coupon in found[cart_id].coupons})
        coupons = await pricing.load_coupons(tx, codes) if codes else NO_COUPONS
        await market.know(skus)
        now = self._clock.now()
        seen = {cart_id: self._seen(found[cart_id], stock, coupons, now) for cart_id in priced}
        return [_bare(found.get(glance.cart_id)) if glance.bare else seen.get(glance.cart_id) for glance in glances]

    def _seen(
        self, cart: carts.Cart, stock: Mapping[str, Sequence[inventory.Level]], coupons: Mapping[str, pricing.Coupon], now: datetime
    ) -> Carted:
        available = cart_pricing.available(cart, stock, self._market, now) if cart.open else None
        priced = cart_pricing.price_cart(cart, self._market, now, coupons)
        told = carts.changes(cart, priced.prices, priced.coupons, available) if cart.open else ()
        if cart.hold is not None and cart.hold.until <= now:
            told = (*told, carts.Change("hold_ended"))
        return Carted(cart, priced, told, available)


def _bare(cart: carts.Cart | None) -> Carted | None:
    return None if cart is None else Carted(cart, cart_pricing.UNPRICED)


def _skus(wishes: Sequence[CartWish], standing: Mapping[str, carts.Cart]) -> set[str]:
    """Every SKU that these wishes may end up with."""
    carried = {line.sku for wish in wishes for i in wish.touches if i in standing for line in standing[i].lines}
    return carried.union(*[wish.skus for wish in wishes])


def _done_before(wishes: Sequence[CartWish], standing: Mapping[str, carts.Cart]) -> dict[int, Carted | Exception]:
    """Wishes whose commit took effect although its answer was lost, by `id` of the wish.

    A batch is written whole or not at all, so the last state of each cart speaks for all its wishes. Where somebody else wrote
    the cart since, nobody can tell: the asker is told to look.
    """
    last = {wish.tried.cart.id: wish.tried.cart for wish in wishes if wish.tried is not None}
    done: dict[int, Carted | Exception] = {}
    for wish in wishes:
        if wish.tried is None:
            continue
        final, now_there = last[wish.tried.cart.id], standing.get(wish.tried.cart.id)
        if now_there == final:
            done[id(wish)] = wish.tried
        elif now_there is not None and now_there.version >= final.version:
            done[id(wish)] = Refused("stale", "The cart has changed meanwhile; look at it again.", kind="stale", version=now_there.version)
    return done
