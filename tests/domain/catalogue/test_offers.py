"""Which vendor's offer stands in front, and why."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import catalogue


def an_offer(sku, **fields):
    return catalogue.Offer(**({"sku": sku, "vendor": sku.lower(), "price": 100_00, "available": 5, "promise_days": 2} | fields))


def test_the_cheaper_of_two_like_offers_stands_in_front():
    assert [each.offer.sku for each in catalogue.ranked([an_offer("A", price=120_00), an_offer("B")])] == ["B", "A"]


def test_what_is_sold_out_stands_nowhere():
    assert catalogue.ranked([an_offer("A", available=0)]) == []


def test_a_trusted_quick_vendor_wins_against_a_slightly_cheaper_one():
    quick = an_offer("QUICK", price=102_00, promise_days=1, vendor_score=950)
    cheap = an_offer("CHEAP", price=100_00, promise_days=6, vendor_score=400)
    assert catalogue.ranked([cheap, quick])[0].offer.sku == "QUICK"


OFFERS = st.lists(
    st.builds(
        catalogue.Offer,
        sku=st.text("ABCDEF", min_size=1, max_size=3),
        vendor=st.just("v"),
        price=st.integers(0, 10**9),
        available=st.integers(0, 3),
        promise_days=st.integers(0, 60),
        vendor_score=st.integers(0, 1_000),
    ),
    max_size=8,
    unique_by=lambda offer: offer.sku,
)


@given(OFFERS, st.randoms())
def test_the_order_of_the_offers_does_not_matter_and_scores_stay_in_bounds(offers, random):
    shuffled = list(offers)
    random.shuffle(shuffled)
    result = catalogue.ranked(offers)
    assert result == catalogue.ranked(shuffled)
    assert all(0 <= each.score <= 1_000 for each in result)


@given(OFFERS.filter(bool), st.integers(1, 10**6))
def test_a_lower_price_never_costs_a_place(offers, less):
    first = msgspec.structs.replace(offers[0], available=1)
    rest = offers[1:]
    cheaper = msgspec.structs.replace(first, price=max(0, first.price - less))

    def place(mine):
        return next(n for n, each in enumerate(catalogue.ranked([mine, *rest])) if each.offer.sku == mine.sku)

    assert place(cheaper) <= place(first)
