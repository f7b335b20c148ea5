"""What every strategy must keep, run over each one that is found: a new file is tested without writing a test."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.domain.fulfilment import baskets
from tests.domain.fulfilment.baskets import STRATEGIES, sourcing

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=list(STRATEGIES))


@st.composite
def legs(draw: st.DrawFn) -> sourcing.Leg:
    node = sourcing.Node(draw(st.sampled_from("ABC")), priority=draw(st.integers(0, 30_000)))
    return sourcing.Leg(node, draw(st.integers(0, 1_000)), draw(st.integers(0, 10_000_000)), draw(st.integers(0, 1_000)))


@every_strategy
def test_a_strategy_says_what_it_is(strategy: sourcing.Strategy) -> None:
    assert strategy.code.replace("_", "").isalpha() and strategy.code == strategy.code.lower()
    assert strategy.title and strategy.title_bn


@every_strategy
@given(leg=legs())
def test_a_weight_is_a_whole_number_that_is_never_negative_and_always_the_same(strategy: sourcing.Strategy, leg: sourcing.Leg) -> None:
    weight = strategy.weigh(leg)
    assert isinstance(weight, int) and weight >= 0 and weight == strategy.weigh(leg)


@every_strategy
@given(leg=legs())
def test_only_cost_may_be_optimised_by_cost(strategy: sourcing.Strategy, leg: sourcing.Leg) -> None:
    assert not strategy.by_cost or strategy.weigh(leg) == leg.cost


@every_strategy
@settings(max_examples=15)
@given(seed=st.integers(0, 100_000), reserved=st.booleans())
def test_a_strategy_never_plans_more_than_there_is(strategy: sourcing.Strategy, seed: int, reserved: bool) -> None:
    world = baskets.world(seed, baskets=8, plenty=4, reserved=reserved)
    network = world.network(sourcing.SourcingRule("r", strategy.code))
    baskets.check(world, sourcing.plan_batch(network, world.demands, sourcing.Stock(world.free), world.day(), solve=False))
