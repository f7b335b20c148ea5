"""Pay-again links open one order for a while, and nothing made for anything else."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from haat.domain import payments, people

ORDER = "01a20000-0000-7000-8000-000000000001"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = b"s" * 32


def test_a_link_opens_its_order_until_it_ends() -> None:
    token = payments.pay_token(ORDER, expires_at=NOW + timedelta(days=2), secret=SECRET)
    assert payments.order_to_pay(token, secrets=[SECRET], now=NOW) == ORDER
    assert payments.order_to_pay(token, secrets=[b"new" * 11, SECRET], now=NOW) == ORDER
    assert payments.order_to_pay(token, secrets=[SECRET], now=NOW + timedelta(days=2)) is None
    assert payments.order_to_pay(token, secrets=[b"x" * 32], now=NOW) is None


def test_a_guests_view_of_an_order_is_no_link_to_pay_it() -> None:
    token = people.guest.order_token(ORDER, expires_at=NOW + timedelta(days=2), secret=SECRET)
    assert payments.order_to_pay("hpl_" + token.removeprefix("hgt_"), secrets=[SECRET], now=NOW) is None


@given(st.integers(4, 74), st.characters(codec="ascii"))
@example(place=34, letter="+")  # what a lenient decoder reads as the «-» that stands there
def test_no_letter_can_be_changed(place: int, letter: str) -> None:
    token = payments.pay_token(ORDER, expires_at=NOW + timedelta(days=2), secret=SECRET)
    forged = token[:place] + letter + token[place + 1 :]
    if forged != token:
        assert payments.order_to_pay(forged, secrets=[SECRET], now=NOW) is None
