"""Which promotions a basket may have: the automatic ones that cover something in it, and those that its coupons open.

Each that does not qualify leaves its reason: always for a coupon, for an automatic one where the buyer came near (a minimum
missed, used up). Lines with a fixed price are covered by nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from haat.domain.pricing.basket import Basket
from haat.domain.pricing.draft import Draft, DraftLine
from haat.domain.pricing.quoted import CouponOutcome, PassedOver, Reason
from haat.domain.pricing.rows import Coupon
from haat.domain.pricing.rules import ActivePromotion, Rules, valid
from haat.kernel.errors import Refused

COUPONS_MAX = 20  # nobody types more; each costs a look-up and a place in the receipt
CODE_LENGTH_MAX = 64
NEAR: frozenset[Reason] = frozenset({"minimum_total", "minimum_quantity", "used_up"})


class Offer(Struct, eq=False, gc=False):
    """A promotion that qualifies, with the lines it covers. `coupon`: the code that opened it, with its row.

    `amount` is what it finally took off, `lost_to` the promotion that kept it from applying.
    """

    promotion: ActivePromotion
    covered: list[DraftLine]
    coupon: str = ""
    opened_by: Coupon | None = None
    amount: int = 0
    lost_to: str = ""


class Found(Struct, gc=False):
    """What the search for offers brought."""

    offers: list[Offer]
    coupons: list[CouponOutcome]
    passed: list[PassedOver]


def coupon_code(typed: str) -> str:
    """A coupon code as stored: without spaces around it, upper case; cut at the longest code's length, for it goes into receipts."""
    return typed.strip().upper()[:CODE_LENGTH_MAX]


def find(draft: Draft) -> Found:
    """All offers of a basket by rank, each promotion once. Raises Refused «too_many_coupons»."""
    open_lines = [line for line in draft.lines if not line.fixed]
    if len(open_lines) > 1:
        open_lines.sort(key=_canonical)
    offers: list[Offer] = []
    passed: list[PassedOver] = []
    found = Found(offers, [], passed)
    now, without = draft.now, draft.without
    for promotion in _automatic(open_lines, draft.rules):
        if not promotion.starts_at <= now < promotion.ends_at:
            continue
        covered = open_lines if promotion.target.everything else _covered(promotion, open_lines)
        if not covered:
            continue
        if promotion.open and not without:
            offers.append(Offer(promotion, covered))
            continue
        reason, missing = _unfit(draft, promotion, covered)
        if not reason:
            offers.append(Offer(promotion, covered))
        elif reason in NEAR:
            passed.append(PassedOver(promotion.code, promotion.version, reason, missing))
    if draft.basket.coupons:
        _coupons(draft, found, open_lines)
        found.offers.sort(key=lambda offer: offer.promotion.rank)
    return found


def _canonical(line: DraftLine) -> tuple[str, int, int]:
    return line.item.sku, line.unit_price, line.quantity


def _automatic(lines: list[DraftLine], rules: Rules) -> Sequence[ActivePromotion]:
    by_sku, by_category, by_vendor = rules.by_sku, rules.by_category, rules.by_vendor
    if not (by_sku or by_category or by_vendor):
        return rules.general
    found = {promotion.rank: promotion for promotion in rules.general}
    for line in lines:
        item = line.item
        for promotion in by_sku.get(item.sku, ()):
            found[promotion.rank] = promotion
        for promotion in by_vendor.get(item.vendor, ()):
            found[promotion.rank] = promotion
        for category in item.categories:
            for promotion in by_category.get(category, ()):
                found[promotion.rank] = promotion
    return [found[rank] for rank in sorted(found)]


def _covered(promotion: ActivePromotion, lines: list[DraftLine]) -> list[DraftLine]:
    target = promotion.target
    if target.everything:
        return lines
    return [line for line in lines if target.covers(line.item.sku, line.item.vendor, line.item.categories, line.line.tags)]


def _unfit(draft: Draft, promotion: ActivePromotion, covered: list[DraftLine]) -> tuple[Reason | None, int]:
    """Why a promotion that covers these lines does not qualify, and how much is missing where it is a minimum."""
    if draft.without and promotion.code in draft.without:
        return "used_up", 0
    if promotion.conditional:
        reason = _condition(promotion, draft.basket, draft.now)
        if reason:
            return reason, 0
    if promotion.minimum_total:
        total = 0
        for line in covered:
            total += line.amount
        if total < promotion.minimum_total:
            return "minimum_total", promotion.minimum_total - total
    if promotion.minimum_quantity:
        quantity = sum([line.quantity for line in covered])
        if quantity < promotion.minimum_quantity:
            return "minimum_quantity", promotion.minimum_quantity - quantity
    return None, 0


def _condition(promotion: ActivePromotion, basket: Basket, now: datetime) -> Reason | None:
    for reason, answer, allowed in promotion.asked:
        if getattr(basket, answer) not in allowed:
            return reason
    if basket.also_paid_by and not _for_all(basket.also_paid_by, promotion):
        return "wrong_payment_method"
    if not promotion.row.active:
        return "inactive"
    if promotion.row.uses_per_customer is not None and basket.customer is None:
        return "needs_customer"
    if promotion.window is not None and not promotion.window.holds(now):
        return "wrong_time"
    return None


def _for_all(methods: tuple[str, ...], promotion: ActivePromotion) -> bool:
    """Whether a promotion may be had with each of these methods."""
    return all(allowed.issuperset(methods) for _, answer, allowed in promotion.asked if answer == "payment_method")


def _coupons(draft: Draft, found: Found, lines: list[DraftLine]) -> None:
    codes = sorted({coupon_code(code) for code in draft.basket.coupons})
    if len(codes) > COUPONS_MAX:
        raise Refused("too_many_coupons", f"an order takes at most {COUPONS_MAX} coupons", coupons=len(codes))
    rules = draft.rules
    taken = {offer.promotion.code for offer in found.offers}
    for code in codes:
        coupon = rules.coupons.get(code) or draft.coupons.get(code)
        promotion = rules.promotions.get(coupon.promotion) if coupon else None
        covered = _covered(promotion, lines) if promotion else []
        missing = 0
        reason = _closed(draft, coupon, promotion)
        if coupon and promotion and reason is None:
            if promotion.code in taken:
                reason = "already_applied"
            elif not covered:
                reason = "no_eligible_line"
            else:
                reason, missing = _unfit(draft, promotion, covered)
        if reason is None and promotion:
            taken.add(promotion.code)
            found.offers.append(Offer(promotion, covered, code, coupon))
        else:
            found.coupons.append(CouponOutcome(code, coupon.promotion if coupon else "", 0, reason or "unknown", missing))


def _closed(draft: Draft, coupon: Coupon | None, promotion: ActivePromotion | None) -> Reason | None:
    """Why a coupon opens nothing at all, whatever lies in the basket."""
    if coupon is None:
        return "unknown"
    if promotion is None:
        return "inactive"
    now = draft.now
    checks: tuple[tuple[Reason, bool], ...] = (
        ("inactive", not (coupon.active and promotion.row.active)),
        ("not_started", now < promotion.starts_at or (coupon.starts_at is not None and now < coupon.starts_at)),
        ("expired", now >= promotion.ends_at or not valid(coupon, now)),
        ("other_customer", coupon.customer is not None and coupon.customer != draft.basket.customer),
        ("used_up", coupon.code in draft.without),
    )
    return next((reason for reason, closed in checks if closed), None)
