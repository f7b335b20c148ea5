"""Which offers a basket gets, and what each takes off: the best deal among the exclusive ones, stacked by priority.

A plan is a set of offers carried out: item discounts in order of rank, then shipping, then shipping discounts. Plans are compared by what
the buyer would pay, so a discount that costs the buyer free delivery is seen for what it is. Exclusive offers of one group
compete as plans of their own; then each that stands alone competes with all others together. Ties keep the higher rank.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from haat.domain.pricing import delivery
from haat.domain.pricing.basket import Basket
from haat.domain.pricing.candidates import Found, Offer, coupon_code, find
from haat.domain.pricing.draft import Draft, DraftLine, DraftParcel
from haat.domain.pricing.promotion import Part
from haat.domain.pricing.quoted import Adjustment, Claim, CouponOutcome, PassedOver
from haat.domain.pricing.rules import ActivePromotion
from haat.kernel.money import permyriad

Deal = tuple[Offer, list[tuple[int, int]]]  # an offer and what it takes: (position of line or parcel, amount above 0)


class Promoted(Struct, frozen=True, gc=False):
    """What is left to say once the discounts stand in the draft."""

    claims: tuple[Claim, ...] = ()
    coupons: tuple[CouponOutcome, ...] = ()
    passed: tuple[PassedOver, ...] = ()


NOT_PROMOTED = Promoted()


def promote(draft: Draft) -> Promoted:
    """Put shipping fees and discounts into the draft, their adjustments behind those of the prices."""
    basket = draft.basket
    if basket.external:
        codes = sorted({coupon_code(code) for code in basket.coupons})
        return Promoted(coupons=tuple(CouponOutcome(code, reason="external_prices") for code in codes)) if codes else NOT_PROMOTED
    if not (draft.rules.promotions or basket.coupons):
        delivery.charge(draft)
        delivery.explain(draft)
        return NOT_PROMOTED
    found = find(draft)
    deals = _best(found.offers, draft)
    _write(deals, draft)
    return _tell(found, draft)


def _best(offers: list[Offer], draft: Draft) -> list[Deal]:
    """The deals of the best plan, with the draft's parcels as that plan leaves them; losers know whom they lost to."""
    together, alone = _grouped(offers, draft)
    if not alone:
        return _plan(together, draft)[1]
    best, winner = _plan(together, draft)[0] if together else None, None
    for offer in alone:
        pays = _plan([offer], draft)[0]
        if best is None or pays < best:
            best, winner = pays, offer
    chosen = together if winner is None else [winner]
    deals = _plan(chosen, draft)[1]
    leader = winner.promotion.code if winner else _leader(deals)
    for offer in offers:
        if offer not in chosen and not offer.lost_to:
            offer.lost_to = leader
    return deals


def _leader(deals: list[Deal]) -> str:
    return max(deals, key=lambda deal: sum([amount for _, amount in deal[1]]))[0].promotion.code if deals else ""


def _grouped(offers: list[Offer], draft: Draft) -> tuple[list[Offer], list[Offer]]:
    """(Those that may stand together: the stackable and each group's winner; those that stand alone). Both by rank."""
    exclusive = [offer for offer in offers if offer.promotion.exclusive]
    if not exclusive:
        return offers, exclusive
    groups: dict[str, list[Offer]] = {}
    for offer in exclusive:
        groups.setdefault(offer.promotion.group, []).append(offer)
    alone = groups.pop("", [])
    for rivals in groups.values():
        if len(rivals) > 1:
            winner = min(rivals, key=lambda rival: (_plan([rival], draft)[0], rival.promotion.rank))
            for rival in rivals:
                if rival is not winner:
                    rival.lost_to = winner.promotion.code
    return [offer for offer in offers if not offer.lost_to and offer not in alone], alone


def _plan(offers: list[Offer], draft: Draft) -> tuple[int, list[Deal]]:
    """(What the buyer pays for items and shipping, the deals). Leaves the parcels' fees and discounts as the plan makes them."""
    deals: list[Deal] = []
    shipped: list[Offer] = []
    for parcel in draft.parcels:
        parcel.discount = 0
    for line in draft.lines:
        line.left = line.amount
    for offer in offers:
        if offer.promotion.shipping:
            shipped.append(offer)
        else:
            deals.append((offer, _take_items(offer)))
    pays = 0
    for line in draft.lines:
        line.parcel.discount += line.amount - line.left
        pays += line.left
    delivery.charge(draft)
    for parcel in draft.parcels:
        parcel.left = parcel.amount
    for offer in shipped:
        deals.append((offer, _take_shipping(offer)))
    for parcel in draft.parcels:
        pays += parcel.left
    return pays, deals


def _take_items(offer: Offer) -> list[tuple[int, int]]:
    covered = offer.covered
    parts = [Part((item := line.item).sku, item.vendor, item.categories, line.quantity, line.unit_price, line.left) for line in covered]
    return _taken(offer.promotion, parts, covered)


def _take_shipping(offer: Offer) -> list[tuple[int, int]]:
    """From the parcels that hold a covered line, by vendor."""
    by_vendor = {line.item.vendor: line.parcel for line in offer.covered}
    parcels = [by_vendor[vendor] for vendor in sorted(by_vendor)]
    parts = [Part("", parcel.vendor, (), 1, parcel.left, parcel.left) for parcel in parcels]
    return _taken(offer.promotion, parts, parcels)


def _taken(promotion: ActivePromotion, parts: list[Part], targets: Sequence[DraftLine | DraftParcel]) -> list[tuple[int, int]]:
    """Ask the kind, and clamp what it answers to what is left of each target."""
    taken: list[tuple[int, int]] = []
    for target, answer in zip(targets, promotion.apply(promotion.args, parts), strict=True):
        if answer > 0:
            left = target.left
            amount = answer if answer < left else left
            if amount:
                target.left = left - amount
                taken.append((target.position, amount))
    return taken


def _write(deals: list[Deal], draft: Draft) -> None:
    """The deals into lines and parcels, split between vendor and platform; the vendor's part is rounded half up per line."""
    shipped: list[Adjustment] = []
    for offer, taken in deals:
        promotion = offer.promotion
        vendor_share = promotion.vendor_share
        targets: Sequence[DraftLine | DraftParcel] = draft.parcels if promotion.shipping else draft.lines
        amount = vendor_funded = 0
        for place, part in taken:
            target = targets[place]
            amount += part
            target.taken += part
            if vendor_share:
                funded = permyriad(part, vendor_share)
                vendor_funded += funded
                target.funded += funded
        if amount:
            offer.amount = amount
            shares = tuple([(place, -part) for place, part in taken])
            kind: Literal["promotion", "shipping_promotion"] = "shipping_promotion" if promotion.shipping else "promotion"
            explained = Adjustment(kind, promotion.code, promotion.version, -amount, shares, offer.coupon, vendor_funded)
            (shipped if promotion.shipping else draft.adjustments).append(explained)
    for line in draft.lines:
        line.parcel.vendor_funded += line.funded
    delivery.explain(draft)
    draft.adjustments += shipped


def _tell(found: Found, draft: Draft) -> Promoted:
    """Claims of what applied; outcomes of every coupon, by code; what was passed over."""
    claims: list[Claim] = []
    coupons, passed = found.coupons, found.passed
    for offer in found.offers:
        promotion = offer.promotion
        if offer.amount and (promotion.limited or offer.coupon):
            _claim(offer, draft.basket, claims)
        if offer.coupon:
            reason: Literal["", "better_deal", "no_effect"] = "" if offer.amount else "better_deal" if offer.lost_to else "no_effect"
            coupons.append(CouponOutcome(offer.coupon, promotion.code, offer.amount, reason, 0, offer.lost_to))
        elif offer.lost_to:
            passed.append(PassedOver(promotion.code, promotion.version, "better_deal", 0, offer.lost_to))
    coupons.sort(key=lambda outcome: outcome.code)
    return Promoted(tuple(claims), tuple(coupons), tuple(passed))


def _claim(offer: Offer, basket: Basket, claims: list[Claim]) -> None:
    row, coupon, code = offer.promotion.row, offer.coupon, offer.promotion.code
    if row.uses is not None:
        claims.append(Claim(f"promotion:{code}:uses", 1, row.uses, code, coupon))
    if row.uses_per_customer is not None:
        claims.append(Claim(f"promotion:{code}:uses:{basket.customer}", 1, row.uses_per_customer, code, coupon))
    if row.budget is not None:
        claims.append(Claim(f"promotion:{code}:budget", offer.amount, row.budget, code, coupon))
    if offer.opened_by is not None and offer.opened_by.uses is not None:
        claims.append(Claim(f"coupon:{coupon}:uses", 1, offer.opened_by.uses, code, coupon))
