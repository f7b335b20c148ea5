"""Words of orders: cut alike in Bangla and English, however they are typed, and never a query language."""

import string

from hypothesis import given
from hypothesis import strategies as st

from haat.insight import search

BANGLA = "".join(chr(c) for c in range(0x0980, 0x0A00))


def test_bangla_words_stay_whole_with_their_vowel_signs() -> None:
    assert search.split("রহিমা খাতুন, মিরপুর ১০") == ["রহিমা", "খাতুন", "মিরপুর", "10"]


def test_a_word_is_the_same_however_its_letters_were_composed() -> None:
    assert search.split("\u09af\u09bc") == search.split("\u09df")
    assert search.split("ক্\u200dষ") == search.split("ক্ষ")


def test_a_phone_is_found_however_it_is_typed() -> None:
    for typed in ("01712-345678", "+880 1712 345678", "০১৭১২৩৪৫৬৭৮", "8801712345678"):
        assert search.question(typed) == "'01712345678':*"


def test_an_order_number_is_found_with_and_without_its_dashes() -> None:
    assert search.question("7KQ2-M9XF-4") == search.question("7kq2m9xf4") == "'7kq2m9xf4':*"


def test_the_parts_of_a_hyphenated_sku_are_asked_for_one_by_one() -> None:
    assert search.question("DEMO-001") == "'demo' & '001':*"


def test_the_last_word_is_a_beginning_and_the_others_are_whole() -> None:
    assert search.question("Rahima Kha") == "'rahima' & 'kha':*"


def test_signs_alone_ask_for_nothing() -> None:
    assert search.question("& | ! ( ) : * ' \\") == ""


@given(st.text(alphabet=string.printable + BANGLA + "\u200c\u200d’", max_size=80))
def test_whatever_is_typed_becomes_words_between_quotes(text: str) -> None:
    for part in filter(None, search.question(text).split(" & ")):
        word = part.removesuffix(":*")
        assert word[0] == word[-1] == "'"
        assert search.split(word[1:-1]) == [word[1:-1]]
