"""Money is whole minor units; every division says where the odd one goes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.kernel import money

amounts = st.integers(-money.AMOUNT_MAX, money.AMOUNT_MAX)


@given(amounts, st.integers(1, 10**6))
def test_half_up_is_the_nearest_and_a_half_goes_away_from_zero(numerator: int, denominator: int) -> None:
    exact, rounded = Fraction(numerator, denominator), money.half_up(numerator, denominator)
    assert abs(exact - rounded) <= Fraction(1, 2)
    if abs(exact - rounded) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
    assert money.half_up(-numerator, denominator) == -rounded


@given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_parts_sum_to_the_whole_and_none_is_a_unit_off_its_due(total: int, weights: list[int]) -> None:
    parts = money.apportion(total, weights)
    assert sum(parts) == total
    due = [Fraction(total * w, sum(weights)) if sum(weights) else Fraction(total, len(weights)) for w in weights]
    assert all(abs(part - exact) < 1 for part, exact in zip(parts, due, strict=True))


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=2, max_size=6))
def test_one_and_two_parts_are_shared_out_by_the_same_rule_as_many(total: int, weights: list[int]) -> None:
    assert money.apportion(total, [*weights, 0])[:-1] == money.apportion(total, weights) or not sum(weights)


def test_there_is_nobody_to_give_an_amount_to() -> None:
    assert money.apportion(0, []) == []
    with pytest.raises(ValueError, match="nothing to apportion"):
        money.apportion(1, [])


@pytest.mark.parametrize(
    ("gross", "rate", "tax"), [(11_500, 1500, 1500), (100, 1500, 13), (0, 1500, 0), (105, 500, 5), (-11_500, 1500, -1500)]
)
def test_the_tax_inside_a_price(gross: int, rate: int, tax: int) -> None:
    assert money.included(gross, rate) == tax


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(123_450, "BDT", "1234.50"), (-5, "BDT", "-0.05"), (1234, "JPY", "1234"), (1234, "KWD", "1.234"), (0, "USD", "0.00")],
)
def test_an_amount_is_written_with_its_currencys_places(amount: int, currency: str, text: str) -> None:
    assert money.decimal_text(amount, currency) == text
