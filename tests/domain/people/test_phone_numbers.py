"""One phone has one spelling, however it was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain.people import phone
from haat.kernel import text

LOCAL = st.from_regex(r"01[3-9][0-9]{8}", fullmatch=True)


@pytest.mark.parametrize(
    "typed",
    ["01712345678", "+8801712345678", "8801712345678", "008801712345678", "01712-345678", " 017 1234 5678 ", "(01712) 345.678",
     "০১৭১২৩৪৫৬৭৮", "+৮৮ ০১৭১২ ৩৪৫৬৭৮", "01712\u2013345678", "\u200e01712345678"],
)  # fmt: skip
def test_a_mobile_number_of_bangladesh_has_one_spelling(typed):
    assert phone.e164(typed) == "+8801712345678"


@pytest.mark.parametrize(
    "typed", ["01112345678", "01012345678", "+8801212345678", "0171234567", "017123456789", "", "phone", "+", "01712345678x", "1" * 50]
)
def test_what_cannot_be_called_is_none(typed):
    assert phone.e164(typed) is None


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("+1 415 555 2671", "BD", "+14155552671"),
        ("+91 98765 43210", "BD", "+919876543210"),
        ("+55 11 91234-5678", "BD", "+5511912345678"),
        ("11 91234-5678", "BR", "+5511912345678"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("00 44 20 7946 0958", "BD", "+442079460958"),
        ("+8801712345678", "US", "+8801712345678"),
        ("02-9123456", "BD", "+88029123456"),
    ],
)
def test_numbers_of_every_country_pass(typed, country, number):
    assert phone.e164(typed, country) == number


def test_a_number_typed_without_its_country_belongs_to_the_country_given():
    assert phone.e164("01712345678", "US") is None


def test_couriers_get_the_local_form_and_strangers_stay_as_they_are():
    assert phone.local("+8801712345678") == "01712345678"
    assert phone.local("+14155552671") == "+14155552671"


def test_a_masked_number_shows_only_its_ends():
    assert phone.masked("+8801712345678") == "+8801*******78"


@given(
    LOCAL,
    st.lists(st.tuples(st.integers(0, 10), st.sampled_from(" -.()")), max_size=4),
    st.sampled_from(["", "+88", "88", "0088"]),
    st.booleans(),
)
def test_separators_prefixes_and_scripts_make_no_difference(local, separators, prefix, bangla):
    typed = list(local)
    for place, separator in separators:
        typed.insert(place, separator)
    written = prefix + "".join(typed)
    assert phone.e164(text.bangla_digits(written) if bangla else written) == "+88" + local


@given(st.text(alphabet="+0123456789 -০৯x", max_size=45))
def test_the_answer_is_its_own_normal_form(typed):
    number = phone.e164(typed)
    assert number is None or phone.e164(number) == number
