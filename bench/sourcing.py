"""Who sends what, for 10,000 random baskets over 20 places: what holds for every plan, what a batch saves, decisions a second.

Pure computation on one core, timed by its processor, no database: `make bench-life` measures sourcing where it works. Every plan is checked anew against the
baskets (never more than there is, no split where one place has everything for no more), and every solved batch against the same
batch in its turn. A batch that breaks a promise ends the run with its seed.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from tests.domain.fulfilment import baskets
from tests.domain.fulfilment.baskets import STRATEGIES, World, sourcing


class Tally(msgspec.Struct):
    """What came of many batches. Times are the processor's, in seconds, costs in minor units."""

    demands: int = 0
    planned: int = 0
    split: int = 0
    cost: int = 0
    spent: float = 0.0
    slowest: float = 0.0

    def add(self, outcomes: Sequence[sourcing.Plan | sourcing.Unplanned], spent: float) -> None:
        plans = baskets.planned(outcomes)
        self.demands += len(outcomes)
        self.planned += len(plans)
        self.split += sum(len(plan.parcels) > 1 for plan in plans)
        self.cost += baskets.cost(outcomes)
        self.spent += spent
        self.slowest = max(self.slowest, spent)


def run(world: World, rule: sourcing.SourcingRule, tally: Tally, *, solve: bool) -> list[sourcing.Plan | sourcing.Unplanned]:
    network, stock, day = world.network(rule), sourcing.Stock(world.free), world.day()
    begun = time.process_time()
    outcomes = sourcing.plan_batch(network, world.demands, stock, day, solve=solve)
    tally.add(outcomes, time.process_time() - begun)
    baskets.check(world, outcomes)
    return outcomes


def compare(world: World, greedy: Tally, solved: Tally) -> bool:
    """One batch both ways; whether the solver was cheaper. It may never be dearer, nor leave out whom greedy serves."""
    rule = sourcing.SourcingRule("r", "cheapest", solve=True)
    turns = run(world, rule, greedy, solve=False)
    together = run(world, rule, solved, solve=True)
    served = {plan.demand for plan in baskets.planned(turns)}
    assert served <= {plan.demand for plan in baskets.planned(together)}, "somebody is left out for others' sake"
    cost = sum(plan.cost.total for plan in baskets.planned(together) if plan.demand in served)
    assert cost <= baskets.cost(turns), "the solved batch is dearer"
    return cost < baskets.cost(turns)


def at_once(worlds: Sequence[World], tally: Tally) -> float:
    """Demands whose stock stands where it is wanted, without a look at the stock; returns the share of such demands."""
    asked = 0
    for world in worlds:
        network, day = world.network(sourcing.SourcingRule("r", "cheapest")), world.day()
        for demand in world.demands:
            begun = time.process_time()
            plan = sourcing.at_once(network, demand, day)
            spent = time.process_time() - begun
            asked += 1
            if plan is not None:
                tally.add([plan], spent)
    return tally.demands / max(asked, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baskets", type=int, default=10_000, help="baskets in all")
    parser.add_argument("--batch", type=int, default=50, help="baskets decided together")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    console = Console(width=max(Console().width, 110))
    batches = max(asked.baskets // asked.batch, 1)
    shapes = [(plenty, reserved) for plenty in (3, 8, 30) for reserved in (False, True)]
    worlds = []
    for n in range(batches):
        plenty, reserved = shapes[n % len(shapes)]
        worlds.append(baskets.world(asked.seed * 1_000_003 + n, baskets=asked.batch, plenty=plenty, reserved=reserved))
    table = Table(
        "", "decisions/s", "planned", "split", "cost of a plan", "slowest batch", title=f"{batches * asked.batch:,} baskets, 20 places"
    )
    quick = Tally()
    share = at_once(worlds, quick)
    _row(table, f"at once ({share:.0%} of all)", quick)
    for code in STRATEGIES:
        tally = Tally()
        for world in worlds:
            run(world, sourcing.SourcingRule("r", code), tally, solve=False)
        _row(table, code, tally)
    greedy, solved, cheaper = Tally(), Tally(), 0
    for n, world in enumerate(worlds):
        try:
            cheaper += compare(world, greedy, solved)
        except AssertionError as error:
            sys.exit(f"batch {n} of seed {asked.seed}: {error}")
    table.add_section()
    _row(table, "batch, each in its turn", greedy)
    _row(table, "batch, solved (HiGHS)", solved)
    console.print(table)
    saved = (greedy.cost / greedy.planned - solved.cost / solved.planned) / (greedy.cost / greedy.planned)
    console.print(f"The solver was cheaper in {cheaper} of {batches} batches, dearer in none, and saved {saved:.2%} of the cost of a plan.")


def _row(table: Table, name: str, tally: Tally) -> None:
    table.add_row(
        name,
        f"{tally.demands / tally.spent:,.0f}",
        f"{tally.planned / tally.demands:.1%}",
        f"{tally.split / tally.planned:.1%}",
        f"{tally.cost / tally.planned / 100:,.2f}",
        f"{tally.slowest * 1000:,.1f} ms",
    )


if __name__ == "__main__":
    main()
