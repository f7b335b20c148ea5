"""Text is cut into the same words however it was typed."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from haat.domain.catalogue import words


def test_bangla_words_keep_their_vowel_signs():
    assert words.cut("লাল শাড়ি, সুতি") == ["লাল", unicodedata.normalize("NFC", "শাড়ি"), "সুতি"]


def test_both_ways_to_type_a_dotted_letter_find_the_same_word():
    assert words.cut("শা\u09dcি") == words.cut("শা\u09a1\u09bcি")


def test_bangla_digits_are_found_by_ascii_digits():
    assert words.cut("মধু ৫০০ গ্রাম")[1] == "500"


def test_case_joiners_and_punctuation_do_not_matter():
    assert words.cut("Cotton-SHIRT (Blue)") == ["cotton", "shirt", "blue"]
    assert words.cut("র\u200d্যাব") == words.cut("র্যাব")


def test_the_danda_and_the_taka_sign_end_a_word():
    assert words.cut("ভালো।দাম৳৫০০") == ["ভালো", "দাম", "500"]


def test_the_last_word_of_a_question_may_be_a_beginning():
    assert words.query_text("Red Shi") == "red & shi:*"


def test_a_question_without_words_asks_for_nothing():
    assert words.query_text(" !&|:*'\\ ") == ""


@given(st.text(max_size=200))
def test_no_word_can_break_out_of_the_search_language(value):
    for word in words.cut(value):
        assert word
        assert not set(word) & set("'\\:&|!<>()* \t\n\0")


@given(st.text(max_size=200))
def test_words_cut_from_words_are_the_same_words(value):
    once = words.index_text([value])
    assert words.index_text([once]) == once
