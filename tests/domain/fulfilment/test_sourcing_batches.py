"""Batches of random baskets: never more than there is, no needless split, the solver never dearer than each in its turn."""

import pytest

from tests.domain.fulfilment import baskets
from tests.domain.fulfilment.baskets import STRATEGIES, sourcing


@pytest.mark.parametrize("reserved", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(2))
def test_no_strategy_plans_more_than_there_is_or_splits_without_need(strategy: str, seed: int, reserved: bool) -> None:
    world = baskets.world(seed, plenty=4, reserved=reserved)
    network = world.network(sourcing.SourcingRule("r", strategy))
    outcomes = sourcing.plan_batch(network, world.demands, sourcing.Stock(world.free), world.day(), solve=False)
    baskets.check(world, outcomes)
    if reserved:
        assert len(baskets.planned(outcomes)) >= 0.8 * len(outcomes), "what is reserved can be sent, unless a node is off or full"


@pytest.mark.parametrize("reserved", [False, True])
@pytest.mark.parametrize(("seed", "plenty"), [(1, 2), (2, 4), (3, 20), (4, 4)])
def test_a_solved_batch_is_never_dearer_than_each_in_its_turn(seed: int, plenty: int, reserved: bool) -> None:
    world = baskets.world(seed, baskets=40, plenty=plenty, reserved=reserved)
    network = world.network(sourcing.SourcingRule("r", "cheapest", solve=True))
    greedy = sourcing.plan_batch(network, world.demands, sourcing.Stock(world.free), world.day(), solve=False)
    solved = sourcing.plan_batch(network, world.demands, sourcing.Stock(world.free), world.day())
    baskets.check(world, solved)
    served = {plan.demand for plan in baskets.planned(greedy)}
    assert served <= {plan.demand for plan in baskets.planned(solved)}
    assert sum(p.cost.total for p in baskets.planned(solved) if p.demand in served) <= baskets.cost(greedy)


def test_the_last_units_go_where_they_save_most() -> None:
    """Both would have the near node; the one for whom the other node is far gets it, though it came second."""
    near, far = sourcing.Node("NEAR", district="dhaka", division="dhaka"), sourcing.Node("FAR", district="gazipur", division="dhaka")
    other = sourcing.Node("OTHER", district="khulna", division="khulna")

    def one(key: str, district: str, division: str) -> sourcing.Demand:
        to = sourcing.Destination(district, division)
        return sourcing.Demand(key, key, "v", (sourcing.DemandLine(1, 1, (("TEA", 1),)),), to)

    demands = [one("first", "khulna", "khulna"), one("second", "dhaka", "dhaka")]
    rates = {"same_district": sourcing.Rate(1_000), "same_division": sourcing.Rate(2_000), "*": sourcing.Rate(2_000)}
    nodes = [sourcing.Node(n.code, district=n.district, division=n.division, rates=rates) for n in (near, far)]
    nodes.append(sourcing.Node("OTHER", district="khulna", division="khulna", handling=1_001, rates=rates))
    network = sourcing.Network(nodes, [sourcing.SourcingRule("r", "cheapest", solve=True)], STRATEGIES)
    stock = {("TEA", "NEAR"): 1, ("TEA", other.code): 1}
    greedy = sourcing.plan_batch(network, demands, sourcing.Stock(stock), sourcing.Day(), solve=False)
    solved = sourcing.plan_batch(network, demands, sourcing.Stock(stock), sourcing.Day())
    assert [p.nodes for p in baskets.planned(greedy)] == [("NEAR",), ("OTHER",)] and baskets.cost(greedy) == 5_001
    assert [p.nodes for p in baskets.planned(solved)] == [("OTHER",), ("NEAR",)] and baskets.cost(solved) == 3_001
    (moved, _) = baskets.planned(solved)
    assert moved.alternatives[0] == sourcing.Alternative(("NEAR",), "batch", 2_000)
