"""What all gateways share: our ids as they take them, amounts as they write them, and when money counts as ours."""

import uuid

import hypothesis.strategies as st
from hypothesis import given
from msgspec import structs

from haat.domain.payments import gateway
from haat.kernel.money import decimal_text
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, KNOWN, OURS

CHARGED = gateway.Observation(status="charged", amount=AMOUNT, currency="BDT", our_reference=OURS, reference="REF-1")


@given(number=st.integers(0, (1 << 128) - 1), upper=st.booleans())
def test_an_id_of_ours_comes_back_however_its_letters_are_written(number, upper):
    attempt = str(uuid.UUID(int=number))
    text = gateway.ours(attempt)
    assert len(text) == 25 and text.isalnum() and text.islower() | text.isdigit()
    assert gateway.attempt_of(text.upper() if upper else text) == attempt


@given(text=st.text(max_size=30))
def test_what_is_no_id_of_ours_names_no_attempt(text):
    found = gateway.attempt_of(text)
    assert found == "" or gateway.ours(found) == text.strip().lower()


@given(amount=st.integers(0, 10**13))
def test_an_amount_survives_a_gateways_way_of_writing(amount):
    assert gateway.minor(decimal_text(amount, "BDT")) == amount
    assert gateway.minor(decimal_text(amount, "KWD"), 3) == amount


def test_what_is_no_amount_equals_none_of_ours():
    assert [gateway.minor(text) for text in (None, "", "x", "-5", "1e5", "1.005", "٣", True, [], "1" * 40)] == [-1] * 10
    assert [gateway.minor(text) for text in (50, 50.5, "50", "50.", "1,000.5", " 7.00 ")] == [5000, 5050, 5000, 5000, 100050, 700]


@given(
    amount=st.integers(0, 2 * AMOUNT),
    currency=st.sampled_from(["BDT", "USD", ""]),
    ours=st.sampled_from([OURS, ATTEMPT, "", "somebody-else"]),
    authorise=st.booleans(),
    status=st.sampled_from(["charged", "authorized"]),
)
def test_money_counts_only_where_everything_fits(amount, currency, ours, authorise, status):
    known = structs.replace(KNOWN, authorise=authorise)
    seen = gateway.checked(structs.replace(CHARGED, status=status, amount=amount, currency=currency, our_reference=ours), known)
    part = authorise and status == "charged" and 0 < amount <= AMOUNT
    fits = (amount == AMOUNT or part) and currency == "BDT" and ours != "somebody-else"
    assert (seen.status, seen.reason) == ((status, "") if fits else ("unknown", "mismatch"))


def test_what_claims_no_money_is_left_as_it_is():
    for status in ("pending", "failed", "cancelled", "expired", "voided", "unknown"):
        seen = structs.replace(CHARGED, status=status, amount=7, currency="USD")
        assert gateway.checked(seen, KNOWN) is seen


def test_hard_and_soft_reasons_are_told_apart():
    assert gateway.failed("insufficient_funds").soft and gateway.failed("maintenance").soft
    assert not any(gateway.failed(reason).soft for reason in ("suspected_fraud", "cancelled_by_buyer", "expired_card", "mismatch"))
