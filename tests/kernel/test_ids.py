"""Order numbers: no two alike, nobody can guess a neighbour's, and a slip of the finger is noticed."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from haat.kernel import ids

KEY = bytes(range(32))
serials = st.integers(0, 2**ids.SERIAL_BITS - 1)


@given(serials)
def test_every_number_leads_back_to_its_serial(serial: int) -> None:
    assert ids.serial_of(ids.number_of(serial, KEY), KEY) == serial


def test_two_hundred_thousand_serials_have_as_many_numbers() -> None:
    assert len({ids.number_of(serial, KEY) for serial in range(200_000)}) == 200_000


def test_neighbours_do_not_look_alike_so_nobody_counts_the_orders_of_a_day() -> None:
    numbers = [ids.number_of(serial, KEY) for serial in range(1000)]
    alike = [sum(a == b for a, b in zip(one, other, strict=True)) for one, other in itertools.pairwise(numbers)]
    assert sum(alike) / len(alike) < 2.5  # the two dashes always agree; of nine symbols hardly any


def test_another_installation_has_other_numbers() -> None:
    assert ids.number_of(7, KEY) != ids.number_of(7, bytes(32))
    assert ids.number_of(7, KEY) == ids.number_of(7, KEY)


@given(serials, st.integers(0, 8), st.sampled_from(ids.SYMBOLS))
def test_every_mistyped_symbol_is_noticed(serial: int, place: int, symbol: str) -> None:
    right = ids.number_of(serial, KEY).replace("-", "")
    wrong = right[:place] + symbol + right[place + 1 :]
    assert ids.serial_of(wrong, KEY) == (serial if wrong == right else None)


@given(serials, st.integers(0, 7))
def test_every_pair_of_swapped_neighbours_is_noticed(serial: int, place: int) -> None:
    right = ids.number_of(serial, KEY).replace("-", "")
    wrong = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    assert ids.serial_of(wrong, KEY) == (serial if wrong == right else None)


@given(serials)
def test_it_may_be_typed_as_people_type(serial: int) -> None:
    number = ids.number_of(serial, KEY)
    for typed in (number.lower(), number.replace("-", " "), number.replace("-", ""), number.replace("0", "O").replace("1", "l")):
        assert ids.serial_of(typed, KEY) == serial


@given(st.text(max_size=20))
def test_anything_else_is_no_number_and_no_error(typed: str) -> None:
    found = ids.serial_of(typed, KEY)
    assert found is None or ids.serial_of(ids.number_of(found, KEY), KEY) == found


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_an_id_tells_its_millisecond_and_sorts_by_it(ms: int, bits: int) -> None:
    text = ids.uuid7(ms, bits)
    assert ids.uuid7_ms(text) == ms
    assert text[14] == "7" and text[19] in "89ab"
    assert ids.uuid7_floor(ms) <= text
    if ms:
        assert ids.uuid7(ms - 1, 2**74 - 1) < text
