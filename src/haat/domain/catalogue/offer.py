"""Several vendors sell one thing: which of their offers stands in front (the «buy box»), and why.

All SKUs with one `product` code and the same options are offers for it. Price and stock are not the catalogue's, so the
caller brings them. The choice is a plain weighted sum in thousandths, the same for everybody, and every offer keeps its
reckoning: a vendor may ask why it lost, and the answer is three numbers.
"""

from collections.abc import Sequence

from msgspec import Struct

from haat.kernel import money

PRICE_WEIGHT, PROMISE_WEIGHT, VENDOR_WEIGHT = 600, 200, 200  # thousandths; price first, as buyers do


class Offer(Struct, frozen=True, gc=False):
    """`price` is what the buyer pays in the end, delivery included; `vendor_score` is 0 to 1,000; `promise_days` until it is there."""

    sku: str
    vendor: str
    price: int
    available: int
    promise_days: int
    vendor_score: int = 500


class RankedOffer(Struct, frozen=True, gc=False):
    """An offer with its reckoning: each part 0 to 1,000 before weighing; `score` is their weighted sum."""

    offer: Offer
    price_part: int
    promise_part: int
    vendor_part: int
    score: int


def ranked(offers: Sequence[Offer]) -> list[RankedOffer]:
    """The offers that can be bought, the best first. Ties: the cheaper, then the SKU. The order of the input does not matter."""
    buyable = [offer for offer in offers if offer.available > 0]
    if not buyable:
        return []
    cheapest = min(offer.price for offer in buyable)
    soonest = min(offer.promise_days for offer in buyable)
    reckoned = [_reckoned(offer, cheapest, soonest) for offer in buyable]
    return sorted(reckoned, key=lambda each: (-each.score, each.offer.price, each.offer.sku))


def _reckoned(offer: Offer, cheapest: int, soonest: int) -> RankedOffer:
    price = 1_000 if offer.price == 0 else money.half_up(1_000 * cheapest, offer.price)
    promise = money.half_up(1_000 * (soonest + 1), offer.promise_days + 1)
    score = money.half_up(price * PRICE_WEIGHT + promise * PROMISE_WEIGHT + offer.vendor_score * VENDOR_WEIGHT, 1_000)
    return RankedOffer(offer, price, promise, offer.vendor_score, score)
