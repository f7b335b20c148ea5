"""How many parts an SMS has, by 3GPP TS 23.038 and 23.040."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from haat.domain.notifications import sms

ANYTHING = st.text(alphabet=st.sampled_from("ab €[ক্ষ৳🙂\n"), max_size=400)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2), ("a" * 152 + "€" + "a" * 10, 2),
        ("ক" * 70, 1), ("ক" * 71, 2), ("ক" * 134, 2), ("ক" * 135, 3),
        ("a" * 69 + "৳", 1), ("a" * 70 + "৳", 2), ("🙂" * 35, 1), ("🙂" * 36, 2), ("🙂" * 66, 2), ("🙂" * 67, 3),
    ],
)  # fmt: skip
def test_parts_are_counted_as_the_networks_count_them(text: str, parts: int) -> None:
    assert sms.parts(text) == parts


@given(ANYTHING, ANYTHING)
def test_more_text_never_has_fewer_parts(one: str, more: str) -> None:
    assert sms.parts(one + more) >= sms.parts(one)


@given(ANYTHING, st.integers(1, 6))
def test_a_text_that_is_cut_fits_and_begins_as_it_began(text: str, parts_max: int) -> None:
    cut = sms.fit(text, parts_max)
    assert sms.parts(cut) <= parts_max
    assert cut == text or (cut.endswith("...") and text.startswith(cut.removesuffix("...")))
    assert sms.fit(cut, parts_max) == cut


def test_a_text_is_cut_between_words() -> None:
    assert sms.fit("অর্ডার পৌঁছে গেছে " * 10, 1).endswith(("অর্ডার...", "পৌঁছে...", "গেছে..."))
