"""One demand at a time: what each strategy chooses, what rules forbid and prefer, when a split is worth it, when a node is late."""

from datetime import UTC, date, datetime, time
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from tests.domain.fulfilment import baskets
from tests.domain.fulfilment.baskets import STRATEGIES, sourcing

RATES = {"same_district": sourcing.Rate(6_000), "same_division": sourcing.Rate(9_000), "*": sourcing.Rate(12_000)}
#: DHK is near and dear to handle, GZP not far, CTG far and cheap; SHOP is vendor b's own.
NODES = [
    sourcing.Node("DHK", "", "dhaka", "dhaka", priority=3, handling=5_000, rates=RATES),
    sourcing.Node("GZP", "", "gazipur", "dhaka", priority=2, rates=RATES),
    sourcing.Node("CTG", "", "chattogram", "chattogram", priority=1, handling=100, rates=RATES),
    sourcing.Node("SHOP", "b", "dhaka", "dhaka", priority=1, rates=RATES),
]
MIRPUR = sourcing.Destination("dhaka", "dhaka", "dhaka")
NOON = datetime(2026, 11, 23, 6, tzinfo=UTC)


def line(line_no: int = 1, sku: str = "TEA", quantity: int = 1, weight_g: int = 0) -> sourcing.DemandLine:
    return sourcing.DemandLine(line_no, quantity, ((sku, 1),), weight_g)


def demand(*lines: sourcing.DemandLine, **more: Any) -> sourcing.Demand:
    return sourcing.Demand("vo", "o", more.pop("vendor", "a"), lines or (line(),), more.pop("to", MIRPUR), "web", **more)


def planned(
    asked: sourcing.Demand, stock: dict[tuple[str, str], int], *, day: sourcing.Day | None = None, nodes: Any = NODES, **rule: Any
) -> sourcing.Plan:
    found = outcome(asked, stock, day=day, nodes=nodes, **rule)
    assert isinstance(found, sourcing.Plan), found
    return found


def outcome(
    asked: sourcing.Demand, stock: dict[tuple[str, str], int], *, day: sourcing.Day | None = None, nodes: Any = NODES, **rule: Any
) -> sourcing.Plan | sourcing.Unplanned:
    network = sourcing.Network(nodes, [sourcing.SourcingRule("r", **({"strategy": "cheapest"} | rule))], STRATEGIES)
    return sourcing.plan(network, asked, sourcing.Stock(stock), day or sourcing.Day())


EVERYWHERE = {("TEA", node.code): 10 for node in NODES}


@pytest.mark.parametrize(
    ("strategy", "node"), [("nearest", "DHK"), ("cheapest", "GZP"), ("fewest_parcels", "GZP"), ("priority", "CTG"), ("balance", "GZP")]
)
def test_each_strategy_chooses_its_own(strategy: str, node: str) -> None:
    rooms = {n.code: sourcing.Room(date(2026, 11, 23), 0, left, 10) for n, left in zip(NODES, (5, 9, 9, 9), strict=True)}
    assert planned(demand(), EVERYWHERE, strategy=strategy, day=sourcing.Day(rooms)).nodes == (node,)


def test_a_vendor_is_served_by_its_own_places_and_the_markets() -> None:
    assert planned(demand(vendor="b"), EVERYWHERE).nodes == ("SHOP",)
    assert isinstance(outcome(demand(vendor="a"), {("TEA", "SHOP"): 5}), sourcing.Unplanned)


def test_coordinates_of_the_buyer_decide_what_is_near() -> None:
    beside_ctg = sourcing.Destination("dhaka", "dhaka", "dhaka", 22.3, 91.8)
    assert planned(demand(to=beside_ctg), EVERYWHERE, strategy="nearest").nodes == ("CTG",)


def test_a_rule_forbids_and_prefers() -> None:
    assert planned(demand(), EVERYWHERE, forbid=("GZP",)).nodes == ("DHK",)
    plan = planned(demand(), EVERYWHERE, prefer=("CTG",))
    assert plan.nodes == ("CTG",) and (plan.alternatives[0].nodes, plan.alternatives[0].why) == (("GZP",), "not_preferred")
    assert planned(demand(line(quantity=20)), EVERYWHERE | {("TEA", "DHK"): 20}, prefer=("CTG",)).nodes == ("DHK",)


def test_the_first_rule_that_means_a_demand_decides() -> None:
    when = sourcing.Conditions
    rules = [
        sourcing.SourcingRule("off", "nearest", position=1, active=False),
        sourcing.SourcingRule("other", "nearest", position=2, conditions=when(channels=("app",))),
        sourcing.SourcingRule("dear", "nearest", position=3, conditions=when(value_min=10_000, payment_methods=("cod",))),
        sourcing.SourcingRule("tea", "priority", position=4, conditions=when(skus=("TE", "CO"), zones=("dhaka",), vendors=("a",))),
    ]
    network = sourcing.Network(NODES, rules, STRATEGIES)
    assert network.ruling(demand()).rule.code == "tea"
    assert network.ruling(demand(line(), line(2, "SILK"))).rule is sourcing.DEFAULT
    assert network.ruling(demand(value=10_000, payment_method="cod")).rule.code == "dear"
    assert network.ruling(demand(vendor="b")).rule is sourcing.DEFAULT


def test_a_split_is_the_only_way_or_cheaper_by_more_than_its_margin() -> None:
    two = demand(line(1, "TEA"), line(2, "CUP"))
    apart = {("TEA", "DHK"): 1, ("CUP", "GZP"): 1}
    plan = planned(two, apart)
    assert plan.nodes == ("GZP", "DHK") and plan.cost == sourcing.Cost(15_000, 5_000, 0, 2_000)
    heavy = [
        sourcing.Node("A", rates={"*": sourcing.Rate(1_000)}), sourcing.Node("B", rates={"*": sourcing.Rate(1_000)}),
        sourcing.Node("C", handling=4_500, rates={"*": sourcing.Rate(0)}),
    ]  # fmt: skip
    stock = {("TEA", "A"): 1, ("CUP", "B"): 1, ("TEA", "C"): 1, ("CUP", "C"): 1}
    assert set(planned(two, stock, nodes=heavy, split_margin=2_000).nodes) == {"A", "B"}
    assert planned(two, stock, nodes=heavy, split_margin=2_500).nodes == ("C",)
    assert planned(two, stock, nodes=heavy, split_margin=2_000, strategy="fewest_parcels").nodes == ("C",)


def test_a_kit_is_packed_in_one_place() -> None:
    kit = sourcing.DemandLine(1, 2, (("TEA", 2), ("CUP", 1)))
    apart = {("TEA", "DHK"): 4, ("CUP", "GZP"): 2}
    assert isinstance(outcome(demand(kit), apart), sourcing.Unplanned)
    each = planned(demand(kit), {("TEA", "DHK"): 2, ("CUP", "DHK"): 1, ("TEA", "GZP"): 2, ("CUP", "GZP"): 1})
    assert sorted((p.node, p.lines) for p in each.parcels) == [("DHK", ((1, 1),)), ("GZP", ((1, 1),))]


def test_what_is_reserved_is_the_orders_own_and_stays_between_equals() -> None:
    own = {("TEA", "CTG"): 1}
    assert planned(demand(own=own, standing="CTG"), {}).nodes == ("CTG",)
    same = [sourcing.Node("A", rates=RATES), sourcing.Node("B", rates=RATES)]
    assert planned(demand(own={("TEA", "B"): 1}, standing="B"), {("TEA", "A"): 9}, nodes=same).nodes == ("B",)


def test_a_channels_safety_stock_is_left_alone() -> None:
    stock = sourcing.Stock({("TEA", "GZP"): 2, ("TEA", "DHK"): 5}, {("TEA", "GZP"): {"web": 2}})
    network = sourcing.Network(NODES, [], STRATEGIES)
    plan = sourcing.plan(network, demand(), stock, sourcing.Day())
    assert isinstance(plan, sourcing.Plan) and plan.nodes == ("DHK",)


def test_nobody_is_asked_twice_after_a_refusal_and_the_reason_is_kept() -> None:
    plan = planned(demand(excluded=frozenset({"GZP"})), EVERYWHERE)
    assert plan.nodes == ("DHK",) and sourcing.Alternative(("GZP",), "refused") in plan.alternatives
    nobody = outcome(demand(excluded=frozenset({"DHK", "GZP", "CTG"})), EVERYWHERE)
    assert isinstance(nobody, sourcing.Unplanned) and nobody.reason == "no_node"


def test_after_its_cut_off_a_node_sends_tomorrow_which_costs_a_day() -> None:
    nodes = [sourcing.Node("A", cut_off=time(11, 0), rates=RATES), sourcing.Node("B", handling=2_999, cut_off=time(13, 0), rates=RATES)]
    day = sourcing.day_of(nodes, {}, NOON)  # noon in Dhaka
    assert (day.late("A"), day.late("B")) == (1, 0)
    assert planned(demand(), {("TEA", "A"): 1, ("TEA", "B"): 1}, nodes=nodes, day=day).nodes == ("B",)


def test_a_full_day_moves_to_the_next_and_a_full_week_to_nobody() -> None:
    node = sourcing.Node("A", capacity=2, rates=RATES)
    today = date(2026, 11, 23)
    day = sourcing.day_of([node], {("A", today): 2}, NOON)
    assert (day.late("A"), day.rooms["A"].left) == (1, 2)
    full = sourcing.day_of([node], {("A", date(2026, 11, d)): 2 for d in range(23, 30)}, NOON)
    found = outcome(demand(), {("TEA", "A"): 1}, nodes=[node], day=full)
    assert isinstance(found, sourcing.Unplanned) and (found.reason, found.alternatives[0].why) == ("nodes_full", "full")


def test_who_has_it_and_is_full_is_told_from_who_has_none() -> None:
    nodes = [sourcing.Node("A", capacity=2, rates=RATES), sourcing.Node("B", rates=RATES)]
    full = sourcing.day_of(nodes, {("A", date(2026, 11, d)): 2 for d in range(23, 30)}, NOON)
    asked = demand(line(quantity=3))
    for stock, reason in (({"A": 3}, "nodes_full"), ({"A": 2, "B": 1}, "nodes_full"), ({"A": 2}, "short"), ({"B": 2}, "short")):
        found = outcome(asked, {("TEA", node): units for node, units in stock.items()}, nodes=nodes, day=full)
        assert isinstance(found, sourcing.Unplanned) and found.reason == reason, stock


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), strategy=st.sampled_from(sorted(STRATEGIES)))
def test_what_is_planned_at_once_is_what_looking_at_the_stock_would_plan(seed: int, strategy: str) -> None:
    world = baskets.world(seed, baskets=6, plenty=6, reserved=True)
    network = world.network(sourcing.SourcingRule("r", strategy))
    for asked in world.demands:
        quick = sourcing.at_once(network, asked, world.day())
        if quick is not None:
            slow = sourcing.plan(network, asked, sourcing.Stock(world.free), world.day())
            assert isinstance(slow, sourcing.Plan) and (quick.parcels, quick.cost) == (slow.parcels, slow.cost)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_order_in_which_lines_were_added_changes_no_cost(seed: int) -> None:
    world = baskets.world(seed, baskets=4, plenty=5)
    network = world.network(sourcing.SourcingRule("r", "fewest_parcels"))
    for asked in world.demands:
        turned = msgspec.structs.replace(asked, lines=tuple(reversed(asked.lines)))
        one, other = (sourcing.plan(network, d, sourcing.Stock(world.free), world.day()) for d in (asked, turned))
        assert type(one) is type(other)
        if isinstance(one, sourcing.Plan) and isinstance(other, sourcing.Plan):
            assert len(one.parcels) == len(other.parcels)
