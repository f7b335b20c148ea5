"""The last units: exactly as many orders as there are units, in arrival order, each whole or not at all."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from haat.domain import inventory
from haat.domain.inventory import Admitted, Level, Levels

PLACES = {"DHK": 10, "CTG": 20, "KHL": 20}
SOON = datetime(2026, 12, 1, tzinfo=UTC)

levels_of = st.lists(
    st.builds(
        lambda sku, place, on_hand, reserved, limit, safety: Level(sku, place, on_hand, min(reserved, on_hand + limit), limit, SOON, safety),
        st.sampled_from("ABC"), st.sampled_from(sorted(PLACES)), st.integers(0, 12), st.integers(0, 12), st.sampled_from([0, 0, 3]),
        st.sampled_from([None, None, {"*": 2}, {"web": 1}]),
    ),
    unique_by=lambda level: (level.sku, level.location), max_size=6,
)  # fmt: skip
an_order = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5)), min_size=1, max_size=3).map(
    lambda wanted: [(n, sku, quantity) for n, (sku, quantity) in enumerate(wanted, 1)]
)


def available(levels: list[Level], sku: str) -> int:
    return sum(level.on_hand - level.reserved + level.backorder_limit for level in levels if level.sku == sku)


@given(levels_of, st.lists(an_order, max_size=12))
def test_never_more_than_there_is_and_every_order_whole_or_not_at_all(levels: list[Level], wanted: list[list[inventory.Demand]]) -> None:
    desk = Levels(levels, PLACES)
    taken: dict[tuple[str, str], int] = {}
    for demands in wanted:
        answer = desk.admit(demands, "web")
        if not isinstance(answer, Admitted):
            assert answer and all(short.available < short.wanted for short in answer)
            continue
        for line_no, sku, quantity in demands:
            assert sum(t.quantity for t in answer.takes if t.line_no == line_no and t.sku == sku) == quantity
        for take in answer.takes:
            assert 0 <= take.backordered <= take.quantity
            taken[take.sku, take.location] = taken.get((take.sku, take.location), 0) + take.quantity
    for level in levels:
        units = taken.get((level.sku, level.location), 0)
        assert level.on_hand - level.reserved - units >= -level.backorder_limit
    assert {key: units for key, units in desk.deltas.items() if units} == taken


@given(levels_of, st.lists(an_order, max_size=8))
def test_it_makes_no_difference_whether_orders_come_together_or_one_after_another(
    levels: list[Level], wanted: list[list[inventory.Demand]]
) -> None:
    """The database's word after each order against one batch: a refused order leaves no trace, a served one leaves its units."""
    together, alone, now = Levels(levels, PLACES), [], list(levels)
    for demands in wanted:
        desk = Levels(now, PLACES)
        alone.append(desk.admit(demands, "web"))
        deltas = desk.deltas
        now = [
            Level(x.sku, x.location, x.on_hand, x.reserved + deltas.get((x.sku, x.location), 0), x.backorder_limit, x.expected_at, x.safety)
            for x in now
        ]
    assert [together.admit(demands, "web") for demands in wanted] == alone


@given(st.integers(0, 50), st.lists(st.integers(1, 5), max_size=30))
def test_the_first_come_are_served_while_there_is_enough_for_them(units: int, wanted: list[int]) -> None:
    desk = Levels([Level("A", "DHK", units, 0)], PLACES)
    left = units
    for quantity in wanted:
        served = isinstance(desk.admit([(1, "A", quantity)], "web"), Admitted)
        assert served == (quantity <= left)
        left -= quantity if served else 0


def test_the_last_five_thousand_go_to_exactly_five_thousand() -> None:
    desk = Levels([Level("A", "DHK", 5000, 0)], PLACES)
    assert sum(isinstance(desk.admit([(1, "A", 1)], "web"), Admitted) for _ in range(20_000)) == 5000


def test_two_kits_that_share_a_part_share_its_units() -> None:
    """Five of the common part; each kit needs two of it, so two kits can be had, of whichever sort."""
    desk = Levels([Level("TEA", "DHK", 5, 0), Level("CUP", "DHK", 99, 0), Level("POT", "DHK", 99, 0)], PLACES)
    breakfast, gift = [(1, "TEA", 2), (1, "CUP", 1)], [(1, "TEA", 2), (1, "POT", 1)]
    assert isinstance(desk.admit(breakfast, "web"), Admitted)
    assert isinstance(desk.admit(gift, "web"), Admitted)
    (short,) = desk.admit(breakfast, "web")
    assert (short.sku, short.wanted, short.available) == ("TEA", 2, 1)
    assert desk.deltas["CUP", "DHK"] == 1


def test_lines_of_one_order_do_not_take_the_same_unit_twice() -> None:
    desk = Levels([Level("A", "DHK", 5, 0)], PLACES)
    (short,) = desk.admit([(1, "A", 3), (2, "A", 3)], "web")
    assert (short.line_no, short.available) == (2, 2)
    assert desk.deltas == {("A", "DHK"): 0}


def test_safety_stock_is_kept_from_its_channel_and_from_no_other() -> None:
    level = Level("A", "DHK", 5, 0, safety={"facebook": 5, "*": 2})
    assert [level.free(channel) for channel in ("web", "facebook")] == [3, 0]
    desk = Levels([level], PLACES)
    assert not isinstance(desk.admit([(1, "A", 4)], "web"), Admitted)
    assert isinstance(desk.admit([(1, "A", 3)], "web"), Admitted)


def test_one_place_that_has_it_all_is_better_than_two_parcels() -> None:
    levels = [Level("A", "DHK", 2, 0), Level("A", "CTG", 5, 0)]
    answer = Levels(levels, PLACES).admit([(1, "A", 4)], "web")
    assert isinstance(answer, Admitted) and [t.location for t in answer.takes] == ["CTG"]
    answer = Levels(levels, PLACES).admit([(1, "A", 7)], "web")
    assert isinstance(answer, Admitted) and [(t.location, t.quantity) for t in answer.takes] == [("DHK", 2), ("CTG", 5)]


def test_a_closed_place_serves_nobody() -> None:
    assert not isinstance(Levels([Level("A", "SYL", 9, 0)], PLACES).admit([(1, "A", 1)], "web"), Admitted)


def test_what_is_sold_before_it_exists_ends_at_its_limit_and_has_a_date() -> None:
    desk = Levels([Level("A", "DHK", 2, 0, 3, SOON), Level("A", "CTG", 0, 0, 1, SOON + timedelta(days=3))], PLACES)
    answer = desk.admit([(1, "A", 6)], "web")
    assert isinstance(answer, Admitted)
    assert [(t.location, t.quantity, t.backordered) for t in answer.takes] == [("DHK", 5, 3), ("CTG", 1, 1)]
    assert answer.expected_at == SOON + timedelta(days=3)
    assert not isinstance(desk.admit([(1, "A", 1)], "web"), Admitted)


def test_a_checkouts_own_hold_becomes_its_order_even_where_nothing_else_is_left() -> None:
    for level in (Level("A", "DHK", 3, 3), Level("A", "DHK", 0, 3, 3, SOON)):
        desk = Levels([level], PLACES)
        assert not isinstance(desk.admit([(1, "A", 3)], "web"), Admitted)
        desk.give_back("A", "DHK", 3)
        assert isinstance(desk.admit([(1, "A", 3)], "web"), Admitted)
        assert desk.deltas == {("A", "DHK"): 0}
