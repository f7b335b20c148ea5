"""Addresses as people write them find their place, or say what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.kernel import geography
from haat.kernel.geography import DISTRICTS, DIVISIONS, POSTCODES, UPAZILAS, ZONES, resolve
from haat.kernel.geography.address import Address, Place, Unresolved

parts = st.text(max_size=30) | st.sampled_from(["Dhaka", "ঢাকা", "Mirpur", "Kaliganj", "sadar", "Chittagong", "Sylhet", "  ", "সদর"])


def place(**address: str) -> Place:
    found = resolve(Address(**address))
    assert isinstance(found, Place), found
    return found


def problem(**address: str) -> Unresolved:
    found = resolve(Address(**address))
    assert isinstance(found, Unresolved), found
    return found


def test_the_country_has_eight_divisions_and_sixty_four_districts_and_495_upazilas() -> None:
    assert (len(DIVISIONS), len(DISTRICTS)) == (8, 64)
    assert sum(1 for upazila in UPAZILAS.values() if upazila.kind == "upazila") == 495
    assert {district.division for district in DISTRICTS.values()} == set(DIVISIONS)
    assert {upazila.district for upazila in UPAZILAS.values()} == set(DISTRICTS)
    assert all(
        district in DISTRICTS and (not upazila or UPAZILAS[upazila].district == district) for district, upazila in POSTCODES.values()
    )
    assert len(geography.COUNTRIES) == 249


def test_every_upazila_is_found_by_each_of_its_names_in_both_scripts_and_any_case() -> None:
    for upazila in UPAZILAS.values():
        district = DISTRICTS[upazila.district]
        for name in (
            upazila.name,
            upazila.name_bn,
            upazila.name.upper(),
            f" {upazila.name.lower()} ",
            upazila.name.replace(" ", ""),
            *upazila.aliases,
        ):
            for district_name in (district.name, district.name_bn, *district.aliases):
                assert place(district=district_name, upazila=name).upazila == upazila.code, (district_name, name)


def test_every_district_is_found_with_its_division_in_either_language() -> None:
    for district in DISTRICTS.values():
        division = DIVISIONS[district.division]
        for name in (division.name, division.name_bn, *division.aliases, ""):
            assert place(division=name, district=district.name_bn).district == district.code


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("Chittagong", "Double mooring"), "chattogram.double-mooring"),
        (("Comilla", "Sadar"), "cumilla.cumilla-sadar"),
        (("কুমিল্লা জেলা", "কুমিল্লা সদর উপজেলা"), "cumilla.cumilla-sadar"),
        (("Jessore", "Jhikorgacha"), "jashore.jhikargacha"),
        (("Barisal", "Barisal"), "barishal.barishal-sadar"),
        (("COX’S BAZAR", "coxs bazar sadar"), "coxs-bazar.coxs-bazar-sadar"),
        (("Gazipur", "Kaliakoir"), "gazipur.kaliakair"),
        (("Dhaka", "Dhaka Cantonment"), "dhaka.cantonment"),
        (("Dhaka", "ধানমণ্ডি"), "dhaka.dhanmondi"),
        (("ব্রাহ্মনবাড়িয়া", "সদর"), "brahmanbaria.brahmanbaria-sadar"),
        (("Bogra", "bogra sadar"), "bogura.bogura-sadar"),
        (("Uttara", ""), "dhaka.uttara"),
        (("", "Savar"), "dhaka.savar"),
    ],
)
def test_old_and_careless_spellings_mean_the_same_place(written: tuple[str, str], meant: str) -> None:
    assert place(district=written[0], upazila=written[1]).upazila == meant


def test_a_bangla_letter_in_one_code_point_or_two_is_the_same_letter() -> None:
    one = "নো\u09dfাখালী"
    two = "নো\u09af\u09bcাখালী"
    assert one != two
    assert place(district=one).district == place(district=two).district == "noakhali"


def test_the_zone_prices_the_city_its_suburbs_and_the_rest() -> None:
    assert place(district="Dhaka", upazila="Mirpur").zone == "dhaka"
    assert place(district="Dhaka", upazila="Savar").zone == "dhaka_suburb"
    assert place(district="Dhaka", upazila="Dohar").zone == "outside"
    assert place(district="Gazipur", upazila="Tongi").zone == "dhaka_suburb"
    assert place(district="Chattogram", upazila="Khulshi").zone == "outside"


def test_an_area_that_the_courier_knows_decides_the_zone() -> None:
    assert place(district="Dhaka", upazila="Keraniganj").zone == "dhaka_suburb"
    assert place(district="Dhaka", upazila="Keraniganj", area="Arshinagar (Keraniganj)").zone == "dhaka"


def test_a_name_that_several_districts_have_is_asked_back_and_not_guessed() -> None:
    found = problem(upazila="Kaliganj")
    assert found.reason == "ambiguous"
    assert "Kaliganj, Gazipur" in found.suggestions
    assert place(upazila="Kaliganj", district="Gazipur").upazila == "gazipur.kaliganj"


def test_what_is_unknown_comes_back_with_what_may_have_been_meant() -> None:
    assert problem(district="Dhaka", upazila="Tongi") == Unresolved("upazila_unknown", "upazila", "Tongi", ("Tongi, Gazipur",))
    assert "Sylhet" in problem(division="Khulna", district="Sylhet").suggestions
    assert problem(division="Khulna", district="Sylhet").reason == "parts_disagree"
    assert "Rangpur" in problem(district="Rangporium").suggestions
    assert problem().reason == "district_missing"


def test_the_districts_of_mymensingh_may_still_be_written_under_dhaka() -> None:
    assert place(division="Dhaka", district="Jamalpur").division == "mymensingh"


def test_a_post_code_is_checked_against_the_district_and_fills_in_what_is_missing() -> None:
    assert place(district="Dhaka", upazila="Mirpur", postcode="১২১৬") == Place(
        "BD", "dhaka", "dhaka", "dhaka", "dhaka.mirpur", "1216", "agrees"
    )
    assert place(district="Sylhet", postcode="4000").postcode_check == "disagrees"
    assert place(district="Sylhet", postcode="3199").postcode_check == "unknown"
    assert place(district="Sylhet").postcode_check == "absent"
    assert place(postcode="6600").upazila == "pabna.pabna-sadar"


def test_other_countries_pass_by_their_code() -> None:
    assert place(country="br", division="SP", district="sao paulo", postcode="01310") == Place("BR", "intl", postcode="01310")
    assert problem(country="XX", district="x").reason == "country_unknown"
    assert problem(country="BR").reason == "district_missing"


@given(parts, parts, parts, parts, parts)
def test_whatever_is_written_the_answer_is_consistent(division: str, district: str, upazila: str, area: str, postcode: str) -> None:
    address = Address(division=division, district=district, upazila=upazila, area=area, postcode=postcode)
    found = resolve(address)
    assert found == resolve(address)
    if isinstance(found, Place):
        assert found.zone in ZONES
        assert DISTRICTS[found.district].division == found.division
        assert not found.upazila or UPAZILAS[found.upazila].district == found.district
    else:
        assert found.reason in {
            "district_missing",
            "division_unknown",
            "district_unknown",
            "upazila_unknown",
            "ambiguous",
            "parts_disagree",
        }
        assert len(found.suggestions) <= 10


@given(st.sampled_from(sorted(UPAZILAS)), st.randoms(use_true_random=False))
def test_case_and_spaces_never_change_the_answer(code: str, random) -> None:  # type: ignore[no-untyped-def]
    upazila = UPAZILAS[code]
    mixed = "".join(f"{' ' * random.randint(0, 1)}{random.choice((c.upper(), c.lower()))}" for c in upazila.name)
    assert place(district=DISTRICTS[upazila.district].name, upazila=mixed).upazila == code


def test_the_memory_of_addresses_is_bounded() -> None:
    for number in range(geography.REMEMBERED_MAX + 10):
        resolve(Address(district="Dhaka", upazila="Mirpur", postcode=str(number)))
    assert len(geography._remembered) <= geography.REMEMBERED_MAX
