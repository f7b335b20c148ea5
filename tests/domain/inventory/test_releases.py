"""Giving back: what was set aside comes back exactly, in any number of steps, kits in whole sets of parts."""

from hypothesis import given
from hypothesis import strategies as st

from haat.domain.inventory import Reservation, releases
from haat.domain.inventory.reservation import HOLDING, TRANSITIONS

OWNER = "01a20000-0000-7000-8000-000000000001"


def applied(reservations: list[Reservation], cancelled: int, left: int) -> list[Reservation]:
    """The reservations after `cancelled` of the `left` units of line 1 were given up."""
    back = {(r.sku, r.location): r for r in releases(reservations, {(OWNER, 1): (cancelled, left)})}
    found = []
    for r in reservations:
        gone = back.get((r.sku, r.location))
        found.append(
            r if gone is None else Reservation(
                r.owner, r.line_no, r.sku, r.location, r.quantity, r.released + gone.quantity, r.backordered - gone.backordered, r.status
            )
        )  # fmt: skip
    return found


@given(st.integers(1, 9), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_a_kit_gives_back_whole_sets_of_its_parts(kits: int, parts: list[int], data: st.DataObject) -> None:
    held = []
    for n, units in enumerate(parts):
        here = data.draw(st.integers(0, kits * units))
        late = data.draw(st.integers(0, here))
        held.append(Reservation(OWNER, 1, f"PART-{n}", "DHK", here, 0, late, "COMMITTED"))
        held.append(Reservation(OWNER, 1, f"PART-{n}", "CTG", kits * units - here, 0, 0, "COMMITTED"))
    held = [r for r in held if r.quantity]
    left = kits
    while left:
        cancelled = data.draw(st.integers(1, left))
        held = applied(held, cancelled, left)
        left -= cancelled
        for n, units in enumerate(parts):
            assert sum(r.held for r in held if r.sku == f"PART-{n}") == left * units
        assert all(0 <= r.backordered <= r.held for r in held)
    assert all(r.held == 0 for r in held)


def test_units_that_do_not_exist_yet_are_given_up_first() -> None:
    held = [Reservation(OWNER, 1, "A", "CTG", 3, 0, 0, "COMMITTED"), Reservation(OWNER, 1, "A", "DHK", 3, 0, 2, "COMMITTED")]
    (back,) = releases(held, {(OWNER, 1): (2, 6)})
    assert (back.location, back.quantity, back.backordered) == ("DHK", 2, 2)


def test_other_lines_and_other_owners_keep_theirs() -> None:
    held = [Reservation(OWNER, 2, "A", "DHK", 3, 0, 0, "COMMITTED")]
    assert releases(held, {(OWNER, 1): (1, 1), ("somebody else", 2): (1, 1)}) == []


def test_what_holds_units_can_end_and_what_ended_stays_so() -> None:
    assert set(HOLDING) == {status for status, targets in TRANSITIONS.items() if targets}
    assert all(target in TRANSITIONS for targets in TRANSITIONS.values() for target in targets)
