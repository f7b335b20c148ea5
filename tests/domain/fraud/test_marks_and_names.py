"""Marks that say nothing to who finds them, addresses however abbreviated, names as the ear keeps them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import fraud

KEY = fraud.key_of("one")


@given(st.text(), st.text())
def test_marks_are_equal_where_the_thing_is(one: str, other: str) -> None:
    assert (fraud.mark(KEY, "phone", one) == fraud.mark(KEY, "phone", other)) == (one == other)
    assert -(2**63) <= fraud.mark(KEY, "phone", one) < 2**63
    assert (fraud.mark(KEY, "phone", one) == 0) == (one == "")


def test_another_installation_or_kind_has_other_marks() -> None:
    phone = "+8801712345678"
    assert len({fraud.mark(KEY, "phone", phone), fraud.mark(fraud.key_of("two"), "phone", phone), fraud.mark(KEY, "device", phone)}) == 3


def door(line: str, area: str = "Mirpur 10") -> str:
    return fraud.address_of(place="dhaka.mirpur", area=area, line=line)


@pytest.mark.parametrize(
    "written", ["House 7, Road 3", "house-7 rd. 3", "Rd 3, H 7", "বাসা ৭, রোড ৩", "House No 7, Road No. 3", "বাড়ি নং ৭ সড়ক ৩"]
)
def test_one_door_however_it_is_written(written: str) -> None:
    assert door(written) == door("House 7, Road 3") != ""


def test_other_doors_are_other_doors() -> None:
    assert len({door("House 7, Road 3"), door("House 8, Road 3"), door("House 7, Road 3", area="Mirpur 11")}) == 3


@pytest.mark.parametrize("written", ["", "Mirpur", "near the mosque"])
def test_what_fits_a_whole_quarter_is_no_door(written: str) -> None:
    assert door(written) == ""


def signs(line: str, *, area: str = "", landmark: str = "", upazila: bool = True, home: bool = True) -> tuple[str, ...]:
    return fraud.address_signs(area=area, line=line, landmark=landmark, upazila_known=upazila, home=home)


@pytest.mark.parametrize(
    "line",
    [
        "House 7, Road 3, Block C",
        "বাসা ৭, রোড ৩, সেক্টর ১১",
        "Beside the central mosque, Purbo para",
        "মসজিদের পাশে, পূর্ব পাড়া",
        "Flat 4B, 12/A Kemal Ataturk Avenue",
    ],
)
def test_honest_addresses_have_no_signs(line: str) -> None:
    assert signs(line) == ()


def test_made_up_addresses_have_their_signs() -> None:
    assert signs("asd") == ("short", "aimless")
    assert "repeated" in signs("aaaaaaaaaaaa 12") and "repeated" in signs("dhaka dhaka dhaka 12")
    assert "phone_inside" in signs("House 7, call 01712-345678") and "phone_inside" in signs("বাসা ৭, ০১৭১২৩৪৫৬৭৮")
    assert signs("House 7, Road 3", upazila=False) == ("nowhere",)
    assert signs("Rua Augusta", upazila=False, home=False) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("রহিমা খাতুন", "Rohima Khatoon"), ("চৌধুরী", "Chowdhury"), ("মোঃ আব্দুল করিম", "Abdul Karim"), ("ইউসুফ", "Yusuf"), ("ওয়াসিম", "Wasim"),
        ("ইয়াসমিন আক্তার", "Yeasmin Akhter"), ("স্বপন", "Shopon"), ("চক্রবর্তী", "Chakraborty"), ("Md. Kamal Hossain", "Kamal"), ("ফারজানা", "Farzana"),
        ("Rahima Khatun", "KHATUN, R."), ("বড়ুয়া", "Barua"),
    ],
)  # fmt: skip
def test_one_person_in_two_spellings(one: str, other: str) -> None:
    assert fraud.share_a_word(one, other) is True
    assert set(fraud.name_marks(KEY, one)) & set(fraud.name_marks(KEY, other))


@pytest.mark.parametrize(
    ("one", "other"), [("Rahima Khatun", "Kamal Hossain"), ("Md Rafiq", "Md Salam"), ("মোঃ রফিক", "মোঃ সালাম"), ("Mst Nasrin", "Mst Taslima")]
)
def test_two_people_share_no_more_than_a_title(one: str, other: str) -> None:
    assert fraud.share_a_word(one, other) is False


def test_a_name_that_says_nothing_is_no_mismatch() -> None:
    assert fraud.share_a_word("Rahima", "") is fraud.share_a_word("Md", "Rahima") is fraud.share_a_word("***", "Rahima") is None


@given(st.text(), st.text())
def test_comparing_names_works_both_ways(one: str, other: str) -> None:
    assert fraud.share_a_word(one, other) is fraud.share_a_word(other, one)
