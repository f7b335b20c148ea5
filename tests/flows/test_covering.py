"""What couriers say of their places, on our maps."""

from haat.domain.fulfilment.courier import Area, Reach
from haat.flows import covering


def reach(place: str, district: str = "", *, id: str = "1", division: str = "", postcode: str = "") -> Reach:
    return Reach(Area(area_id=id, name=place), division=division, district=district, place=place, postcode=postcode)


def test_a_place_is_found_by_its_names_and_stands_for_its_upazila() -> None:
    rows, unplaced = covering.matched([reach("Kaliakair", "Gazipur", id="7")])
    assert unplaced == []
    assert [(row.district, row.upazila, row.area, row.area_id) for row in rows] == [
        ("gazipur", "gazipur.kaliakair", "", "7"),
        ("gazipur", "gazipur.kaliakair", "kaliakair", "7"),
    ]


def test_the_place_that_is_called_like_its_upazila_stands_for_it() -> None:
    rows, _ = covering.matched([reach("Mirpur 10", "Dhaka", id="37", postcode="1216"), reach("Mirpur", "Dhaka", id="38")])
    assert {row.area: row.area_id for row in rows if row.upazila == "dhaka.mirpur"} == {"": "38", "mirpur": "38", "mirpur 10": "37"}


def test_a_place_that_no_map_knows_is_told_and_not_guessed() -> None:
    rows, unplaced = covering.matched([reach("Atlantis", "Nowhere")])
    assert (rows, unplaced) == ([], ["Atlantis, Nowhere"])


def test_said_twice_it_is_one_row() -> None:
    assert covering.matched([reach("Kaliakair", "Gazipur")] * 3)[0] == covering.matched([reach("Kaliakair", "Gazipur")])[0]
